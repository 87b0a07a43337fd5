"""The operator's rules and a changed configuration over a real store: what was said stays, what is shown follows; and
the plan tells beforehand exactly what applying does."""

import asyncio
import hashlib
import random
from pathlib import Path

import pytest
from test_pipeline import HOUR, Newsroom, item, rss

from aggregator import config
from aggregator.cli.plan import _json
from aggregator.plan import Plan
from aggregator.wiring import assembled, index_of, planned, searching

NO_ADS = """[[rules]]
name = "no ads"
title = { contains = "广告" }
drop = true
"""
SHORTER = """[[rules]]
replace = [{ pattern = "^【.*】" }, { field = "content", pattern = "APP", text = "应用" }]
title = { matches = "^【" }
set = { author = "编辑部" }
"""
FOUND = "SELECT info_code, state, ruled_out_by <> '', edition FROM entries ORDER BY seq"
PLACES = "SELECT slug, info_code FROM entry_channels ORDER BY slug, info_code"


class Desk(Newsroom):
    """A newsroom with rules, and channels of its own."""

    rules: str = ""

    def settings(self) -> config.Settings:
        original = self.categories
        self.categories = f"{original}\n{self.rules}"
        try:
            return super().settings()
        finally:
            self.categories = original

    def plan(self) -> Plan:
        return planned(self.settings())

    def fetch_nothing_more(self) -> None:
        for path in self.folder.glob("*.xml"):
            path.unlink()

    def release(self, name: str) -> None:
        async def work() -> None:
            async with assembled(self.settings(), lambda: self.now) as app:
                app.pipeline.release(name)
                app.pipeline.publish()

        asyncio.run(work())

    def search(self, words: str) -> list[str]:
        async def work() -> list[str]:
            async with assembled(self.settings(), lambda: self.now) as app, index_of(app) as index:
                index.catch_up(100)
                return [hit.entry.title for hit in index.find(words, now=self.now).hits]

        return asyncio.run(work())


@pytest.fixture
def newsroom(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def titles(newsroom: Desk, slug: str = "keji") -> list[str]:
    return newsroom.titles(f"category/{slug}.atom")


def texts(files: dict[str, tuple[int, bytes]]) -> dict[str, bytes]:
    return {path: data for path, (_, data) in files.items()}


def everywhere(newsroom: Desk) -> str:
    return "".join(data.decode() for _, data in newsroom.files().values())


def test_what_a_rule_drops_is_stored_and_published_nowhere(newsroom: Desk) -> None:
    newsroom.rules = NO_ADS
    newsroom.write("a", rss(item(1, "广告一则"), item(2)))
    outcomes, _ = newsroom.refresh()
    assert (outcomes["a"].new, outcomes["a"].dropped) == (1, 1)
    assert titles(newsroom) == ["标题2"]
    assert "广告一则" not in everywhere(newsroom)
    assert newsroom.rows("SELECT state, held_reason FROM entries WHERE title = '广告一则'") == [
        ("held", "rule 1 (no ads) drops it")
    ]


def test_neither_a_later_fetch_nor_a_release_lets_a_dropped_article_out(newsroom: Desk) -> None:
    newsroom.rules = NO_ADS
    newsroom.write("a", rss(item(1, "广告一则"), item(2)))
    newsroom.refresh()
    newsroom.write("a", rss(item(1, "广告两则"), item(2), item(3)))
    newsroom.refresh()
    newsroom.refresh()
    newsroom.release("a")
    assert titles(newsroom) == ["标题3", "标题2"]
    dropped = newsroom.rows("SELECT title, revision, state FROM entries WHERE ruled_out_by <> ''")
    assert dropped == [("广告两则", 2, "held")]


def test_an_article_that_is_revised_into_and_out_of_a_rule_goes_and_comes_back(newsroom: Desk) -> None:
    newsroom.rules = NO_ADS
    newsroom.write("a", rss(item(1), item(2)))
    newsroom.refresh()
    newsroom.write("a", rss(item(1, "广告"), item(2)))
    newsroom.refresh()
    assert titles(newsroom) == ["标题2"]
    newsroom.write("a", rss(item(1, "更正"), item(2)))
    newsroom.refresh()
    assert titles(newsroom) == ["标题2", "更正"]
    assert newsroom.rows("SELECT document FROM marks") == []


def test_a_rule_that_is_new_or_taken_out_works_on_the_whole_history_archives_too(newsroom: Desk) -> None:
    newsroom.publish = "entries = 2"
    newsroom.write("a", rss(*(item(n, "广告" if n == 2 else "") for n in range(1, 8))))
    newsroom.refresh()
    assert "广告" in newsroom.files()["category/keji/archive-1.atom"][1].decode()  # which is full
    newsroom.fetch_nothing_more()
    newsroom.rules = NO_ADS
    newsroom.render()
    assert "<title>广告" not in everywhere(newsroom)
    newsroom.rules = ""
    newsroom.render()
    documents = [path for path in newsroom.files() if "keji" in path and path.endswith(".atom")]
    every = [title for path in documents for title in newsroom.titles(path)]
    assert sorted(every) == sorted(["广告", *(f"标题{n}" for n in (1, 3, 4, 5, 6, 7))])


def test_rules_give_other_words_and_the_store_keeps_what_the_source_said(newsroom: Desk) -> None:
    newsroom.write("a", rss(item(1, "【快讯】南昌", "下载APP")))
    newsroom.refresh()
    before = newsroom.files()
    newsroom.fetch_nothing_more()
    newsroom.rules = SHORTER
    newsroom.render()
    page = newsroom.files()[newsroom.articles()[0]][1].decode()
    assert titles(newsroom) == ["南昌"]
    assert "下载应用" in page
    assert "编辑部" in page
    assert newsroom.search("编辑部 OR 应用") == ["南昌"]
    with searching(newsroom.settings()) as index:  # as the command does, without a daemon
        assert [hit.entry.title for hit in index.find("应用", now=newsroom.now).hits] == ["南昌"]
    assert newsroom.rows("SELECT title, content, author, revision FROM entries")[0][0] == "【快讯】南昌"
    newsroom.rules = ""
    newsroom.render()
    assert texts(newsroom.files()) == texts(before)


def test_words_of_rules_stand_in_full_archives_too_also_over_what_was_revised_since(newsroom: Desk) -> None:
    newsroom.publish = "entries = 1"
    newsroom.write("a", rss(*(item(n, f"【快讯】{n}") for n in range(1, 5))))
    newsroom.refresh()
    newsroom.write("a", rss(item(1, "改了"), *(item(n, f"【快讯】{n}") for n in range(2, 5))))
    newsroom.refresh()
    assert newsroom.titles("category/keji/archive-1.atom") == ["【快讯】1"]
    newsroom.rules = SHORTER
    newsroom.render()
    assert newsroom.titles("category/keji/archive-1.atom") == ["1"]
    assert newsroom.titles("category/keji/archive-2.atom") == ["2"]


def test_categories_come_from_rules_and_a_later_channel_looks_at_what_is_shown(newsroom: Desk) -> None:
    newsroom.rules = """[[rules]]
title = { contains = "球" }
add_category = "体育"
[[rules]]
title = { contains = "油" }
set = { title = "石油新闻", category = ["能源", "财经"] }
[channels.oil]
search = "石油"
"""
    newsroom.write("a", rss(item(1, "足球"), item(2, "油价")))
    newsroom.refresh()
    assert titles(newsroom) == ["足球"]
    assert titles(newsroom, "tiyu") == ["足球"]
    assert titles(newsroom, "nengyuan") == titles(newsroom, "caijing") == titles(newsroom, "oil") == ["石油新闻"]
    assert newsroom.rows("SELECT rule FROM entry_channels WHERE slug = 'tiyu'") == [("rule 1",)]


def test_age_is_that_at_first_sight_so_nothing_changes_by_itself(newsroom: Desk) -> None:
    newsroom.rules = '[[rules]]\nolder_than = "33h"\ndrop = true\n'
    newsroom.write("a", rss(item(1), item(2)))  # 32 hours old, but for some minutes
    newsroom.refresh()
    newsroom.now += 24 * HOUR
    newsroom.write("a", rss(item(1), item(2, "更正"), item(3)))
    newsroom.refresh()
    newsroom.render(everything=True)
    assert sorted(titles(newsroom)) == ["更正", "标题1"]


def test_a_renamed_category_moves_the_whole_history_without_fetching(newsroom: Desk) -> None:
    newsroom.publish = "entries = 2"
    newsroom.write("a", rss(*(item(n) for n in range(1, 7))))
    newsroom.refresh()
    newsroom.fetch_nothing_more()
    newsroom.sources["a"] = newsroom.sources["a"].replace("科技", "要闻")
    newsroom.render()
    assert [slug for slug, _ in newsroom.rows(PLACES)] == ["yaowen"] * 6
    assert titles(newsroom) == []
    assert "category/keji/archive-1.atom" not in newsroom.files()
    assert newsroom.titles("category/yaowen/archive-1.atom") == ["标题2", "标题1"]


def test_a_plan_names_the_channel_whose_readers_would_be_left_behind(newsroom: Desk) -> None:
    newsroom.write("a", rss(item(1), item(2)))
    newsroom.write("b", rss(item(3)), 'category = "财经"')
    newsroom.refresh()
    newsroom.sources["a"] = newsroom.sources["a"].replace("科技", "要闻")
    assert [(old, new.slug, new.name) for old, new in newsroom.plan().deserted] == [("keji", "yaowen", "要闻")]
    newsroom.categories = '[categories.yaowen]\nnames = ["要闻"]\nwas = ["keji"]'
    assert newsroom.plan().deserted == []
    newsroom.categories = '[categories.caijing]\nnames = ["财经", "要闻"]'
    assert newsroom.plan().deserted == [], "that channel was there before"


def test_what_a_removed_source_brought_stays_unless_a_rule_says_otherwise(newsroom: Desk) -> None:
    newsroom.write("a", rss(item(1)))
    newsroom.write("b", rss(item(2)), 'category = "财经"')
    newsroom.refresh()
    settings = newsroom.sources.pop("b")
    assert newsroom.plan().gone_sources == {"b": 1}
    newsroom.render()
    assert titles(newsroom, "caijing") == ["标题2"]
    newsroom.sources["b"] = f"{settings}\nenabled = false"
    newsroom.rules = '[[rules]]\nsources = ["b"]\ndrop = true'
    newsroom.render()
    assert titles(newsroom, "caijing") == []


def test_two_sources_of_one_article_keep_it_in_the_channels_of_both(newsroom: Desk) -> None:
    newsroom.write("a", rss(item(1)))
    newsroom.write("b", rss(item(1)), 'categories = ["科技", "财经"]')
    newsroom.refresh()
    newsroom.sources["a"] = newsroom.sources["a"].replace("科技", "要闻")
    newsroom.render()
    assert [slug for slug, _ in newsroom.rows(PLACES)] == ["caijing", "keji", "yaowen"]
    newsroom.sources["b"] = newsroom.sources["b"].replace('"科技", ', "")
    newsroom.render()
    assert [slug for slug, _ in newsroom.rows(PLACES)] == ["caijing", "yaowen"]


def test_an_unchanged_configuration_has_nothing_looked_at_again(newsroom: Desk) -> None:
    newsroom.rules = NO_ADS + SHORTER
    newsroom.write("a", rss(item(1, "广告"), item(2, "【x】y"), item(3)))
    newsroom.refresh()
    before = newsroom.files()
    newsroom.render()
    newsroom.refresh()
    assert newsroom.files() == before
    assert newsroom.plan().is_empty
    assert newsroom.plan().looked_at == 0


def test_an_applying_that_was_cut_short_is_begun_again(newsroom: Desk) -> None:
    newsroom.write("a", rss(item(1, "广告"), item(2)))
    newsroom.refresh()
    newsroom.rules = NO_ADS

    async def start_only() -> None:
        async with assembled(newsroom.settings(), lambda: newsroom.now):
            pass

    asyncio.run(start_only())
    assert newsroom.plan().dropped.codes
    newsroom.render()
    assert titles(newsroom) == ["标题2"]
    assert newsroom.plan().is_empty


def test_a_plan_leaves_the_store_as_it_is(newsroom: Desk) -> None:
    newsroom.write("a", rss(item(1, "广告"), item(2)))
    newsroom.refresh()
    before = hashlib.sha256((newsroom.folder / "a.db").read_bytes()).hexdigest()
    newsroom.rules = NO_ADS + '[channels.x]\nsearch = "标题"'
    newsroom.sources["a"] = newsroom.sources["a"].replace("科技", "要闻")
    found = newsroom.plan()
    assert {channel.slug: channel.what for channel in found.channels} == {"keji": "", "x": "new", "yaowen": "new"}
    assert hashlib.sha256((newsroom.folder / "a.db").read_bytes()).hexdigest() == before


# --- the plan tells what applying does ---------------------------------------------------------------------------


def state(newsroom: Desk) -> tuple[set[tuple[object, ...]], dict[object, tuple[object, ...]]]:
    return set(newsroom.rows(PLACES)), {code: tuple(rest) for code, *rest in newsroom.rows(FOUND)}


def applied(newsroom: Desk) -> dict[str, object]:
    """What applying the configuration did, as the store shows it."""
    places, articles = state(newsroom)
    channels = {slug for (slug,) in newsroom.rows("SELECT slug FROM channels")}
    newsroom.render()
    places_after, articles_after = state(newsroom)
    after = {slug for (slug,) in newsroom.rows("SELECT slug FROM channels")}
    moved = dict(newsroom.rows("SELECT slug, moved_to FROM gone_channels WHERE moved_to <> ''"))
    gone = channels - after
    renamed = {(moved.get(slug, slug) if slug in gone else slug, code) for slug, code in places}
    left, joined = renamed - places_after, places_after - renamed
    return {
        "joining": {slug: sorted(code for s, code in joined if s == slug) for slug in {s for s, _ in joined}},
        "leaving": {s: sorted(c for t, c in left if t == s) for s in {s for s, _ in left if s in after}},
        "channels": {slug for slug in after - channels if slug not in moved.values()}, "gone": gone - moved.keys(),
        "dropped": sorted(str(c) for c, (_, now, _) in articles_after.items() if now and not articles[c][1]),
        "back": sorted(str(c) for c, (_, now, _) in articles_after.items() if not now and articles[c][1]),
        "reworded": sorted(
            str(c) for c, (_, now, words) in articles_after.items() if not now and words != articles[c][2]
        ),
    }  # fmt: skip


def told(found: Plan) -> dict[str, object]:
    """The same as the plan told it."""
    plan = _json(found)
    channels = plan["channels"]
    return {
        "joining": {c["slug"]: sorted(c["joining"]["codes"]) for c in channels if c["joining"]["codes"]},
        "leaving": {c["slug"]: sorted(c["leaving"]["codes"]) for c in channels if c["leaving"]["codes"]},
        "channels": {c["slug"] for c in channels if c["what"] == "new"},
        "gone": {c["slug"] for c in channels if c["what"] == "goes"},
        **{what: sorted(plan[what]["codes"]) for what in ("dropped", "back", "reworded")},
    }


RULES = [
    "",
    NO_ADS,
    SHORTER,
    '[[rules]]\nsources = ["a"]\ntitle = { matches = "[123]" }\nadd_category = "数字"\n',
    '[[rules]]\ncontent = { contains = "正文" }\nnot = { title = { contains = "标题" } }\nset = { category = "杂" }\n',
    '[[rules]]\ncategory = { contains = "标签" }\nkeep = true\n' + NO_ADS,
    '[[rules]]\nolder_than = "1h"\nsource = { contains = "b" }\ndrop = true\n',
]
CHANNELS = [
    "",
    '[channels.news]\nsearch = "快讯 OR 广告"\n',
    '[channels.news]\ncategories = ["要闻", "数字"]\nwithout = { tags = ["标签"] }\n',
    '[channels.latest]\nsources = ["b"]\nwas = ["news"]\n',
    '[categories.tech]\nnames = ["科技"]\nwas = ["keji"]\n',
]
SOURCES = ['category = "科技"', 'category = "要闻"', 'category_from = "tags"', 'categories = ["要闻", "财经"]', None]


@pytest.mark.parametrize("seed", range(4))
def test_applying_does_exactly_what_the_plan_told(newsroom: Desk, seed: int) -> None:
    chance = random.Random(seed)
    newsroom.publish = "entries = 2"
    tag = "<category>标签</category>"
    tagged = item(4, "B", more=tag), item(5, "广告2", more=tag)
    newsroom.write("a", rss(item(1, "广告"), item(2, "【快讯】A"), item(3), *tagged))
    newsroom.write("b", rss(item(2, "【快讯】A"), item(6), item(7, "【广告】", "APP"), item(8)), 'category = "财经"')
    newsroom.refresh()
    newsroom.fetch_nothing_more()
    urls = {name: keys.splitlines()[0] for name, keys in newsroom.sources.items()}
    did = 0
    for _ in range(5):
        newsroom.rules = chance.choice(RULES) + chance.choice(CHANNELS)
        for name, url in urls.items():
            settings = chance.choice(SOURCES)
            newsroom.sources.pop(name, None)
            if settings or name == "b":  # rules may name the other only while it is there
                newsroom.sources[name] = f"{url}\n{settings or SOURCES[0]}"
        if "a" not in newsroom.sources:
            newsroom.rules = newsroom.rules.replace('sources = ["a"]\n', "")
        plan = told(newsroom.plan())
        did += plan != told_nothing()
        assert plan == applied(newsroom)
        assert newsroom.plan().is_empty or newsroom.plan().gone_sources
    assert did > 1


def told_nothing() -> dict[str, object]:
    return {"joining": {}, "leaving": {}, "channels": set(), "gone": set(), "dropped": [], "back": [], "reworded": []}

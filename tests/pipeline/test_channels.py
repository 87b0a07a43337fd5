"""Channels by rule: filled as articles come, filled from the history, renamed, and taken away."""

import asyncio
import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from test_pipeline import Newsroom, item, rss

from aggregator import config
from aggregator.errors import ConfigError
from aggregator.wiring import assembled, checks, policies_of

MARKETS = '[channels.markets]\ntitle = "市场"\nsearch = "股市 OR stocks"'


class Editor(Newsroom):
    """A newsroom whose channels are set by hand."""

    channels: str = ""

    def settings(self) -> config.Settings:
        original = self.categories
        self.categories = f"{original}\n{self.channels}"
        try:
            return super().settings()
        finally:
            self.categories = original


@pytest.fixture
def newsroom(tmp_path: Path) -> Editor:
    return Editor(tmp_path)


def titles(newsroom: Editor, slug: str) -> list[str]:
    return newsroom.titles(f"category/{slug}.atom")


def marks(newsroom: Editor) -> list[tuple[object, ...]]:
    return newsroom.rows("SELECT document FROM marks")


def gone(newsroom: Editor) -> object:
    return json.loads(newsroom.files()["gone.json"][1])


def test_what_comes_is_put_into_the_channels_that_look_for_it(newsroom: Editor) -> None:
    newsroom.channels = MARKETS
    newsroom.write("a", rss(item(1, "股市大涨"), item(2, "天气")))
    newsroom.refresh()
    assert titles(newsroom, "markets") == ["股市大涨"]
    newsroom.write("a", rss(item(3, text="on stocks"), item(1, "股市大涨"), item(2, "天气")))
    newsroom.refresh()
    assert titles(newsroom, "markets") == ["标题3", "股市大涨"]
    assert titles(newsroom, "keji") == ["标题3", "天气", "股市大涨"]
    assert "category/markets.html" in newsroom.files()["index.html"][1].decode()
    assert "category/markets.atom" in newsroom.files()["opml.xml"][1].decode()
    assert "市场" in newsroom.files()[newsroom.articles()[0]][1].decode() + newsroom.files()["feed.atom"][1].decode()


def test_an_article_that_is_revised_joins_and_leaves(newsroom: Editor) -> None:
    newsroom.channels = MARKETS
    newsroom.write("a", rss(item(1, "股市大涨"), item(2, "天气")))
    newsroom.refresh()
    newsroom.write("a", rss(item(1, "更正"), item(2, "天气与股市")))
    newsroom.refresh()
    assert titles(newsroom, "markets") == ["天气与股市"]
    assert marks(newsroom) == []


def test_a_new_channel_and_a_changed_one_are_filled_from_the_history_without_fetching(newsroom: Editor) -> None:
    newsroom.write("a", rss(item(1, "股市大涨"), item(2, "天气")))
    newsroom.refresh()
    for source in newsroom.sources:
        (newsroom.folder / f"{source}.xml").unlink()
    newsroom.channels = MARKETS
    newsroom.render()
    assert titles(newsroom, "markets") == ["股市大涨"]
    newsroom.channels = MARKETS.replace("股市 OR stocks", "天气")
    newsroom.render()
    assert titles(newsroom, "markets") == ["天气"]
    before = newsroom.files()
    newsroom.render()
    assert newsroom.files() == before


def archived(newsroom: Editor, slug: str) -> list[str]:
    paths = sorted(path for path in newsroom.documents() if path.startswith(f"category/{slug}/"))
    return [title for path in paths if path.endswith(".atom") for title in newsroom.titles(path)]


def test_a_changed_rule_leaves_nothing_of_the_old_one_in_the_archives(newsroom: Editor) -> None:
    newsroom.publish = "entries = 2"
    newsroom.write("a", rss(*(item(number, f"{'股市' if number < 8 else '天气'}{number}") for number in range(1, 10))))
    newsroom.channels = MARKETS
    newsroom.refresh()
    everything = sorted(titles(newsroom, "markets") + archived(newsroom, "markets"))
    assert everything == [f"股市{number}" for number in range(1, 8)]
    newsroom.channels = MARKETS.replace("股市 OR stocks", "天气 OR 股市1")
    newsroom.render()
    assert titles(newsroom, "markets") == ["天气9", "天气8"]
    assert archived(newsroom, "markets") == ["股市1"]
    assert marks(newsroom) == []


def test_a_channel_that_is_taken_out_takes_its_archives_along_and_a_renamed_one_keeps_them(newsroom: Editor) -> None:
    newsroom.publish = "entries = 2"
    newsroom.write("a", rss(*(item(number, f"股市{number}") for number in range(1, 6))))
    newsroom.channels = MARKETS
    newsroom.refresh()
    before = archived(newsroom, "markets")
    assert len(before) == 3
    newsroom.channels = MARKETS.replace("markets", "boerse") + '\nwas = ["markets"]'
    newsroom.render()
    assert archived(newsroom, "boerse") == before
    assert archived(newsroom, "markets") == []
    newsroom.channels = ""
    newsroom.render()
    assert archived(newsroom, "boerse") == []


def take_out_by_hand(newsroom: Editor, *more: str) -> None:
    with closing(sqlite3.connect(newsroom.folder / "a.db")) as connection, connection:
        connection.execute("DELETE FROM entry_channels WHERE slug = 'markets'")
        for statement in more:
            connection.execute(statement)


def test_an_unchanged_rule_is_not_asked_about_the_history_again(newsroom: Editor) -> None:
    newsroom.channels = MARKETS
    newsroom.write("a", rss(item(1, "股市大涨")))
    newsroom.refresh()
    take_out_by_hand(newsroom)
    newsroom.channels = MARKETS.replace("市场", "行情")  # the title is no part of the rule
    newsroom.render()
    assert titles(newsroom, "markets") == []
    assert "行情" in newsroom.files()["category/markets.atom"][1].decode()


def test_a_fill_that_was_cut_short_is_begun_again(newsroom: Editor) -> None:
    newsroom.channels = MARKETS
    newsroom.write("a", rss(item(1, "股市大涨")))
    newsroom.refresh()
    take_out_by_hand(newsroom, "UPDATE channels SET rule = 'new' WHERE slug = 'markets'")
    newsroom.render(everything=True)
    assert titles(newsroom, "markets") == ["股市大涨"]


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ('sources = ["b"]', ["标题3", "标题2"]),
        ('categories = ["科技", "财经"]', ["标题3", "标题2", "标题1"]),
        ('categories = ["科技", "财经"]\nwithout = { sources = ["b"] }', ["标题1"]),
        ('tags = ["要闻"]', ["标题1"]),
        ('search = "-标题1"\ncategories = ["caijing"]', ["标题3", "标题2"]),
    ],
)
def test_a_rule_asks_for_sources_categories_and_tags_too(newsroom: Editor, rule: str, found: list[str]) -> None:
    newsroom.channels = f"[channels.mine]\n{rule}"
    newsroom.write("a", rss(item(1, more="<category>要闻</category>")))
    newsroom.write("b", rss(item(2), item(3)), 'category = "财经"')
    newsroom.refresh()
    assert titles(newsroom, "mine") == found


def test_a_source_that_brings_a_known_article_brings_it_into_the_channel_of_its_own(newsroom: Editor) -> None:
    newsroom.channels = '[channels.mine]\nsources = ["b"]'
    newsroom.write("a", rss(item(1)))
    newsroom.write("b", rss(), 'category = "科技"')
    newsroom.refresh()
    assert titles(newsroom, "mine") == []
    newsroom.write("b", rss(item(1)), 'category = "科技"')
    newsroom.refresh()
    assert titles(newsroom, "mine") == ["标题1"]


def test_a_channel_that_is_taken_out_is_gone_with_its_files_and_its_articles_stay(newsroom: Editor) -> None:
    newsroom.channels = MARKETS
    newsroom.write("a", rss(item(1, "股市大涨")))
    newsroom.refresh()
    newsroom.channels = ""
    newsroom.render()
    assert not [path for path in newsroom.documents() if path.startswith("category/markets")]
    assert "市场" not in newsroom.files()["index.html"][1].decode() + newsroom.files()["feed.atom"][1].decode()
    assert gone(newsroom) == {"gone": ["category/markets"], "moved": {}}
    assert titles(newsroom, "keji") == ["股市大涨"]
    newsroom.channels = MARKETS
    newsroom.render()
    assert titles(newsroom, "markets") == ["股市大涨"]
    assert "gone.json" not in newsroom.files()


def test_the_slug_of_a_channel_that_is_gone_gets_no_other_meaning_by_itself(newsroom: Editor) -> None:
    newsroom.channels = MARKETS
    newsroom.refresh()
    newsroom.channels = ""
    newsroom.write("a", rss(item(1)), 'category = "Markets"')
    newsroom.refresh()
    (slug,) = (path for path in newsroom.documents() if path.endswith(".atom") and path.startswith("category/"))
    assert slug.startswith("category/markets-")


@pytest.mark.parametrize("again", [False, True])
def test_a_renamed_channel_keeps_its_id_and_articles_and_its_readers_are_told(newsroom: Editor, again: bool) -> None:
    newsroom.channels = MARKETS
    newsroom.write("a", rss(item(1, "股市大涨")))
    newsroom.refresh()
    feed_id = newsroom.files()["category/markets.atom"][1].partition(b"<id>")[2].partition(b"</id>")[0]
    newsroom.channels = MARKETS.replace("markets", "boerse") + '\nwas = ["markets"]'
    newsroom.render()
    if again:
        newsroom.channels = MARKETS.replace("markets", "bourse") + '\nwas = ["boerse"]'
        newsroom.render()
    now = "bourse" if again else "boerse"
    assert titles(newsroom, now) == ["股市大涨"]
    assert feed_id in newsroom.files()[f"category/{now}.atom"][1]
    olds = ["boerse", "markets"] if again else ["markets"]
    assert gone(newsroom) == {"gone": [], "moved": {f"category/{old}": f"category/{now}" for old in olds}}
    assert "category/markets.atom" not in newsroom.files()
    newsroom.channels = ""
    newsroom.render()
    assert gone(newsroom) == {"gone": sorted(f"category/{old}" for old in [*olds, now]), "moved": {}}


def test_a_renamed_category_takes_its_articles_and_those_to_come_along(newsroom: Editor) -> None:
    newsroom.write("a", rss(item(1)))
    newsroom.refresh()
    newsroom.channels = '[categories.tech]\nwas = ["keji"]\ntitle = "技术"'
    newsroom.write("a", rss(item(1), item(2)))
    newsroom.refresh()
    assert titles(newsroom, "tech") == ["标题2", "标题1"]
    assert "技术" in newsroom.files()["category/tech.html"][1].decode()
    assert not [path for path in newsroom.documents() if path.startswith("category/keji")]
    assert gone(newsroom) == {"gone": [], "moved": {"category/keji": "category/tech"}}


def test_a_category_that_becomes_a_rule_holds_what_the_rule_takes(newsroom: Editor) -> None:
    newsroom.write("a", rss(item(1, "股市大涨"), item(2)), 'category = "股市"')
    newsroom.refresh()
    newsroom.channels = MARKETS + '\nwas = ["gushi"]'
    newsroom.sources["a"] = newsroom.sources["a"].replace('"股市"', '"科技"')
    newsroom.render()
    assert titles(newsroom, "markets") == ["股市大涨"]
    assert gone(newsroom) == {"gone": [], "moved": {"category/gushi": "category/markets"}}


def test_a_category_that_is_joined_to_another_loses_nothing(newsroom: Editor) -> None:
    newsroom.write("a", rss(item(1)), 'category = "甲"')
    newsroom.write("b", rss(item(2)), 'category = "乙"')
    newsroom.refresh()
    newsroom.channels = '[categories.yi]\nwas = ["jia"]'
    newsroom.render()
    assert titles(newsroom, "yi") == ["标题2", "标题1"]


def test_a_channel_whose_slug_a_category_has_already_is_refused_with_its_place(newsroom: Editor) -> None:
    newsroom.write("a", rss(item(1, more="<category>Markets</category>")), 'category_from = "tags"')
    newsroom.refresh()
    newsroom.channels = MARKETS
    with pytest.raises(ConfigError, match=r"channels\.markets: is the slug of a category .* choose another key"):
        newsroom.render()


def test_a_channel_whose_slug_was_left_to_another_is_refused(newsroom: Editor) -> None:
    newsroom.channels = MARKETS
    newsroom.refresh()
    newsroom.channels = MARKETS.replace("markets", "boerse") + '\nwas = ["markets"]'
    newsroom.render()
    newsroom.channels = f"{MARKETS}\n{MARKETS.replace('markets', 'boerse')}"
    with pytest.raises(ConfigError, match=r"channels\.markets: .*category/boerse"):
        newsroom.render()


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("[channels.a]", "channels.a", "takes every article"),
        ('[channels.a]\nsearch = "a OR"', "channels.a.search", "between two words"),
        ('[channels.a]\nsearch = "x"\nwithout = {}', "channels.a.without", "leaves nothing out"),
        ('[channels.a]\nsearch = "x"\nwithout = { search = "(" }', "channels.a.without.search", "no letter"),
        ('[channels.a]\nsources = ["lwm"]', "channels.a.sources", "did you mean 'lwn'"),
        ('[channels."A b"]\nsearch = "x"', "channels.A b", "is no slug"),
        ('[channels.keji]\nsearch = "x"', "channels.keji", "the category '科技' of sources.lwn"),
        ('[categories.a]\n[channels.a]\nsearch = "x"', "channels.a", "is the slug of [categories.a]"),
        ('[channels.a]\nsearch = "x"\nwas = ["a"]', "channels.a.was", "is the slug of [channels.a]"),
        ('[channels.a]\nsearch = "x"\nwas = ["A"]', "channels.a.was", "is no slug"),
        (
            '[categories.b]\nwas = ["c"]\n[channels.a]\nsearch = "x"\nwas = ["c"]',
            "channels.a.was",
            "[categories.b] before",
        ),
        ('[channels.a]\nsearch = "x"\nserach = "x"', "channels.a.serach", "did you mean 'search'"),
        ('[channels.a]\nsearch = "x"\ntext = "short"', "channels.a.text", "'excerpt'"),
    ],
)
def test_a_channel_that_cannot_be_is_refused_with_its_place_and_what_would_be_right(
    text: str, place: str, said: str
) -> None:
    source = '[sources.lwn]\nurl = "https://lwn.example.org/"\ncategory = "科技"\n'
    with pytest.raises(ConfigError) as caught:
        config.parse(f"{text}\n{source}", "a.toml", checks())
    (problem,) = caught.value.problems
    assert f" {place}: " in problem
    assert said in problem


def test_the_configuration_of_channels_is_read_with_the_defaults_of_the_site() -> None:
    text = '[publish]\nentries = 30\n[channels.a]\nsearch = "x"\nmax_bytes = "100KB"\n[categories.b]\nentries = 5'
    policies = policies_of(config.parse(text, "a.toml", checks()))
    assert (policies.of("a").entries, policies.of("a").max_bytes) == (30, 100_000)
    assert (policies.of("b").entries, policies.of("c")) == (5, replace(policies.usual, entries=30))


def test_what_was_held_joins_its_channels_when_it_is_let_out(newsroom: Editor) -> None:
    newsroom.channels = MARKETS
    newsroom.write("a", rss(item(1, "股市大涨")))
    newsroom.refresh()
    take_out_by_hand(newsroom, "UPDATE entries SET state = 'held', held_as = 'published'")

    async def release() -> None:
        async with assembled(newsroom.settings(), lambda: newsroom.now) as app:
            app.pipeline.release("a")
            app.pipeline.publish()

    asyncio.run(release())
    assert newsroom.rows("SELECT slug FROM entry_channels ORDER BY slug") == [("keji",), ("markets",)]

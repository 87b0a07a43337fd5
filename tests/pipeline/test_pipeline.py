"""The spine over a real store and real files: refresh, publish, and what happens when one of them goes wrong."""

import asyncio
import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import feedparser
import pytest

from aggregator import config
from aggregator.records import Outcome, PublishReport
from aggregator.wiring import assembled

NOW = datetime(2031, 5, 1, 8, tzinfo=UTC)  # no clock of this machine shows that
HOUR = timedelta(hours=1)
FORMATS = ("atom", "rss", "json", "html")


def item(number: int, title: str = "", text: str = "正文", more: str = "") -> str:
    return f"""<item><guid>tag:example.org,2031:{number}</guid><link>https://example.org/{number}</link>
<title>{title or f"标题{number}"}</title><description>{text}</description>
<pubDate>Wed, 30 Apr 2031 08:0{number}:00 +0800</pubDate>{more}</item>"""


def rss(*items: str) -> str:
    head = "<title>来源</title><link>https://example.org/</link><description>d</description>"
    return f'<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel>{head}{"".join(items)}</channel></rss>'


@dataclass
class Newsroom:
    """A folder with documents, a configuration over them, and a clock that only we move."""

    folder: Path
    now: datetime = NOW
    sources: dict[str, str] = field(default_factory=dict)
    site: str = 'title = "金融消息"'
    publish: str = ""
    categories: str = 'title_format = "{name}新闻"'

    def write(self, name: str, document: str, settings: str = 'category = "科技"') -> None:
        """Let a source give this document from now on."""
        (self.folder / f"{name}.xml").write_text(document, encoding="utf-8")
        self.sources[name] = f'url = "file:{self.folder}/{name}.xml"\n{settings}'

    def settings(self) -> config.Settings:
        sources = "\n".join(f"[sources.{name}]\n{keys}" for name, keys in self.sources.items())
        text = f"""
[site]
url = "https://finews.example.org/"
{self.site}
[store]
path = "{self.folder}/a.db"
[publish]
directory = "{self.folder}/public"
{self.publish}
[categories]
{self.categories}
{sources}
"""
        return config.parse(text, "a.toml")

    def refresh(self, *names: str, publish: bool = True) -> tuple[dict[str, Outcome], PublishReport]:
        """Do what one pass does, in a process that begins and ends with it."""

        async def work() -> tuple[dict[str, Outcome], PublishReport]:
            async with assembled(self.settings(), lambda: self.now) as app:
                outcomes = {o.source: o async for o in app.pipeline.refresh_all(names or list(app.sources))}
                return outcomes, app.pipeline.publish() if publish else PublishReport()

        return asyncio.run(work())

    def render(self, *, everything: bool = False) -> PublishReport:
        async def work() -> PublishReport:
            async with assembled(self.settings(), lambda: self.now) as app:
                return app.pipeline.publish(everything=everything)

        return asyncio.run(work())

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.folder / "a.db")) as connection:
            return connection.execute(sql).fetchall()

    def files(self) -> dict[str, tuple[int, bytes]]:
        """The published documents, each with its time of writing and its bytes."""
        public = self.folder / "public"
        beside = (".br", ".gz", ".versions")
        paths = [path for path in public.rglob("*") if path.is_file() and path.suffix not in beside]
        return {str(path.relative_to(public)): (path.stat().st_mtime_ns, path.read_bytes()) for path in paths}

    def documents(self) -> set[str]:
        return {path for path in self.files() if not path.startswith(("static/", "robots.txt"))}

    def titles(self, path: str) -> list[str]:
        return [entry.title for entry in feedparser.parse(self.files()[path][1]).entries]

    def articles(self) -> list[str]:
        return sorted(path for path in self.documents() if path.startswith("article/"))


@pytest.fixture
def newsroom(tmp_path: Path) -> Newsroom:
    return Newsroom(tmp_path)


def test_a_document_becomes_files_and_the_same_document_again_writes_nothing(newsroom: Newsroom) -> None:
    newsroom.write("a", rss(item(2), item(1)))
    outcomes, report = newsroom.refresh()
    assert outcomes == {"a": Outcome("a", "ok", new=2)}
    expected = {f"{path}.{name}" for path in ("feed", "category/keji") for name in FORMATS} - {"feed.html"}
    lists = {"index.html", "opml.xml", "sources.html", "sitemap.xml", "sitemap-pages.xml", "sitemap-0.xml"}
    lists.add("status/sources.atom")
    assert newsroom.documents() == expected | lists | {*newsroom.articles()}
    assert set(report.written) == newsroom.documents()
    assert len(newsroom.articles()) == 2
    assert newsroom.titles("category/keji.atom") == newsroom.titles("feed.atom") == ["标题2", "标题1"]

    before = newsroom.files()
    newsroom.now += HOUR
    outcomes, report = newsroom.refresh()
    assert outcomes == {"a": Outcome("a", "not-modified")}
    assert report == PublishReport()
    newsroom.write("a", rss(item(2), item(1)) + "\n<!-- another byte, the same articles -->")
    assert newsroom.refresh() == ({"a": Outcome("a", "ok", unchanged=2)}, PublishReport())
    assert newsroom.files() == before


def test_a_revision_keeps_its_code_and_rewrites_only_what_shows_it(newsroom: Newsroom) -> None:
    newsroom.write("a", rss(item(2), item(1)))
    newsroom.write("b", rss(item(3)), 'category = "财经"')
    newsroom.refresh()
    before, pages = newsroom.files(), newsroom.articles()
    newsroom.write("a", rss(item(2), item(1, "更正")))
    newsroom.now += HOUR
    outcomes, report = newsroom.refresh()
    assert outcomes["a"] == Outcome("a", "ok", revised=1, unchanged=1)
    assert newsroom.articles() == pages
    changed = {path for path, facts in newsroom.files().items() if facts != before[path]}
    assert set(report.written) == changed
    assert {"feed.atom", "category/keji.atom", "category/keji.html"} <= changed
    assert sum(path.startswith("article/") for path in changed) == 1
    assert not any("caijing" in path for path in changed)
    revised = feedparser.parse(newsroom.files()["category/keji.atom"][1])
    assert [entry.title for entry in revised.entries] == ["标题2", "更正"]
    assert revised.feed.updated == revised.entries[1].updated
    assert datetime.fromisoformat(revised.feed.updated) == newsroom.now


def test_an_article_of_two_sources_is_kept_once_and_stands_in_the_channels_of_both(newsroom: Newsroom) -> None:
    newsroom.write("a", rss(item(1)))
    newsroom.write("b", rss(item(1), item(2)), 'category = "财经"')
    newsroom.refresh("a")
    newsroom.refresh("b")
    assert newsroom.rows("SELECT count(*) FROM entries") == [(2,)]
    assert newsroom.titles("category/keji.atom") == ["标题1"]
    assert newsroom.titles("category/caijing.atom") == ["标题2", "标题1"]
    assert newsroom.titles("feed.atom") == ["标题2", "标题1"]


def test_odd_entries_harm_no_other(newsroom: Newsroom) -> None:
    odd = [
        "<item></item>",
        "<item><title>\x00\x0b&#xD800;</title></item>",
        f"<item><guid>deep</guid><title>深</title><description>{'&lt;div&gt;' * 20_000}</description></item>",
        "<item><guid>x</guid><title>日期</title><pubDate>十二月的一天</pubDate><link>javascript:alert(1)</link></item>",
        "<item><guid>y</guid><description>&lt;p&gt;]]&gt;&amp;nbsp;&lt;/b&gt;没有标题</description></item>",
    ]
    newsroom.write("a", rss(item(1), *odd, item(2)))
    outcomes, report = newsroom.refresh()
    assert outcomes["a"].outcome == "ok"
    assert report.problems == ()
    assert {"标题1", "标题2", "日期"} <= set(newsroom.titles("category/keji.atom"))
    assert b"javascript:" not in b"".join(body for _, body in newsroom.files().values())


def test_a_document_that_cannot_be_read_is_a_failure_that_is_asked_for_again_later(newsroom: Newsroom) -> None:
    newsroom.write("a", rss(item(1)))
    newsroom.write("b", rss(item(2)))
    newsroom.refresh()
    before = newsroom.files()
    newsroom.write("a", "<!doctype html><title>Login</title><form><input type=password></form>")
    waits = []
    for failures in (1, 2):
        outcomes, report = newsroom.refresh()
        assert outcomes["a"].outcome == "failed"
        assert outcomes["b"].outcome == "not-modified"
        assert "HTML" in outcomes["a"].problems[0]
        assert report == PublishReport()
        ((count, next_fetch_at, error),) = newsroom.rows(
            "SELECT failures, next_fetch_at, last_error FROM sources WHERE name = 'a'"
        )
        assert (count, error) == (failures, outcomes["a"].problems[0])
        waits.append(datetime.fromisoformat(str(next_fetch_at)) - newsroom.now)
    assert HOUR < waits[0] < waits[1]
    assert newsroom.files() == before

    newsroom.write("a", rss(item(1), item(3)))
    assert newsroom.refresh()[0]["a"] == Outcome("a", "ok", new=1, unchanged=1)
    assert newsroom.rows("SELECT failures, last_error FROM sources WHERE name = 'a'") == [(0, "")]


def test_a_source_that_fails_leaves_the_others_alone(newsroom: Newsroom) -> None:
    newsroom.write("a", rss(item(1)))
    newsroom.write("b", rss(item(2)))
    (newsroom.folder / "a.xml").unlink()
    outcomes, _ = newsroom.refresh()
    assert (outcomes["a"].outcome, outcomes["b"].outcome) == ("failed", "ok")
    assert newsroom.titles("feed.atom") == ["标题2"]


# --- publishing --------------------------------------------------------------------------------------------


def test_what_was_refreshed_and_not_published_is_published_by_the_next_process(newsroom: Newsroom) -> None:
    newsroom.write("a", rss(item(1)))
    newsroom.refresh(publish=False)
    assert newsroom.articles() == []
    newsroom.render()
    assert newsroom.titles("category/keji.atom") == ["标题1"]
    assert newsroom.render() == PublishReport()


def test_a_document_that_cannot_be_written_keeps_its_mark_and_harms_no_other(newsroom: Newsroom) -> None:
    newsroom.write("a", rss(item(1)))
    newsroom.write("b", rss(item(2)), 'category = "财经"')
    newsroom.refresh(publish=False)
    in_the_way = newsroom.folder / "public" / "category" / "keji.rss"
    in_the_way.mkdir(parents=True)
    report = newsroom.render()
    (problem,) = report.problems
    assert problem.startswith("category/keji: cannot write")
    assert newsroom.titles("category/caijing.atom") == ["标题2"]
    assert newsroom.rows("SELECT document FROM marks") == [("category/keji",)]
    in_the_way.rmdir()
    report = newsroom.render()
    assert (report.problems, newsroom.titles("category/keji.rss")) == ((), ["标题1"])


def test_a_mark_that_is_set_while_its_document_is_written_survives(newsroom: Newsroom) -> None:
    newsroom.write("a", rss(item(1)))
    newsroom.refresh(publish=False)
    with closing(sqlite3.connect(newsroom.folder / "a.db")) as connection:
        connection.execute(  # as if another process committed a refresh between two documents of a publish run
            """CREATE TRIGGER meanwhile AFTER DELETE ON marks WHEN old.document = 'category/keji'
                BEGIN UPDATE marks SET stamp = 'set again' WHERE document = 'feed'; END"""
        )
    assert "feed.atom" in newsroom.render().written
    assert newsroom.rows("SELECT document, stamp FROM marks") == [("feed", "set again")]
    assert set(newsroom.render().unchanged) == {"feed.atom", "feed.rss", "feed.json"}
    assert newsroom.rows("SELECT document FROM marks") == []


def test_rendering_everything_again_gives_the_same_bytes(newsroom: Newsroom) -> None:
    newsroom.write("a", rss(item(1), item(2)), 'category_from = "tags"\ncategories = ["科技", "要闻"]')
    newsroom.refresh()
    before = newsroom.files()
    newsroom.now += 1000 * HOUR
    report = newsroom.render(everything=True)
    assert (report.written, report.problems) == ((), ())
    assert set(report.unchanged) == newsroom.documents()
    assert newsroom.files() == before


def test_formats_that_are_no_longer_wanted_leave_no_file_behind(newsroom: Newsroom) -> None:
    newsroom.write("a", rss(item(1)))
    newsroom.refresh()
    newsroom.publish = 'formats = ["atom"]'
    report = newsroom.render()
    assert newsroom.documents() == {"feed.atom", "category/keji.atom", "opml.xml", "status/sources.atom"}
    assert "category/keji.html" in report.removed
    compressed = {path.name for path in (newsroom.folder / "public").rglob("*.gz") if "static" not in path.parts}
    assert compressed == {"feed.atom.gz", "keji.atom.gz", "opml.xml.gz", "sources.atom.gz"}
    newsroom.publish = ""
    newsroom.render()
    assert "category/keji.html" in newsroom.documents()


def test_a_new_title_of_the_site_or_of_a_channel_shows_at_the_next_start(newsroom: Newsroom) -> None:
    newsroom.write("a", rss(item(1)))
    newsroom.refresh()
    ids = re.findall(rb"<id>(.*?)</id>", newsroom.files()["feed.atom"][1])
    newsroom.site = 'title = "另一个名字"'
    newsroom.render()
    assert feedparser.parse(newsroom.files()["feed.atom"][1]).feed.title == "另一个名字"
    newsroom.categories = '[categories.keji]\ntitle = "科技频道"\nnames = ["科技"]'
    report = newsroom.render()
    assert feedparser.parse(newsroom.files()["category/keji.atom"][1]).feed.title == "科技频道"
    assert "科技频道".encode() in newsroom.files()[newsroom.articles()[0]][1]
    assert "index.html" in report.written
    assert re.findall(rb"<id>(.*?)</id>", newsroom.files()["feed.atom"][1]) == ids
    assert newsroom.render() == PublishReport()


def test_another_address_of_the_site_changes_links_and_no_id(newsroom: Newsroom) -> None:
    newsroom.write("a", rss(item(1)))
    newsroom.refresh()
    ids = re.findall(rb"<id>(.*?)</id>", newsroom.files()["feed.atom"][1])
    settings = newsroom.settings()
    moved = settings.model_copy(update={"site": settings.site.model_copy(update={"url": "https://new.example.net/"})})

    async def work() -> None:
        async with assembled(moved, lambda: newsroom.now) as app:
            app.pipeline.publish()

    asyncio.run(work())
    body = newsroom.files()["feed.atom"][1]
    assert b"https://new.example.net/feed.atom" in body
    assert re.findall(rb"<id>(.*?)</id>", body) == ids


def test_another_category_in_the_configuration_moves_the_articles_of_the_document(newsroom: Newsroom) -> None:
    newsroom.write("a", rss(item(1), item(2)))
    newsroom.refresh()
    newsroom.write("a", rss(item(1), item(2)), 'category = "财经"')
    outcomes, _ = newsroom.refresh()
    assert outcomes["a"] == Outcome("a", "ok", unchanged=2)
    assert newsroom.titles("category/caijing.atom") == ["标题2", "标题1"]
    assert newsroom.titles("category/keji.atom") == []
    assert "财经新闻".encode() in newsroom.files()[newsroom.articles()[0]][1]


def test_articles_of_a_source_that_is_taken_out_stay_published(newsroom: Newsroom) -> None:
    newsroom.write("a", rss(item(1)))
    newsroom.write("b", rss(item(2)))
    newsroom.refresh()
    del newsroom.sources["a"]
    newsroom.refresh()
    newsroom.render(everything=True)
    assert newsroom.titles("feed.atom") == ["标题2", "标题1"]


def test_no_time_comes_from_any_clock_but_the_one_that_was_given(newsroom: Newsroom) -> None:
    undated = "<item><guid>u</guid><title>无日期</title></item>"
    newsroom.write("a", rss(undated))
    newsroom.write("b", rss(item(2)))
    (newsroom.folder / "b.xml").unlink()
    newsroom.refresh()
    with closing(sqlite3.connect(newsroom.folder / "a.db")) as connection:
        dump = "\n".join(line for line in connection.iterdump() if "_sqlite_migrations" not in line)
    said = dump + "".join(body.decode() for path, (_, body) in newsroom.files().items() if "static" not in path)
    years = set(re.findall(r"\b(20\d\d)-\d\d-\d\d", said))
    assert years == {"2031"}
    assert newsroom.rows("SELECT DISTINCT first_seen FROM entries") == [("2031-05-01T08:00:00Z",)]


# --- what comes back must be what was kept -----------------------------------------------------------------


def test_a_new_source_brings_its_newest_articles_only_and_the_older_ones_never(newsroom: Newsroom) -> None:
    newsroom.write("a", rss(*map(item, range(1, 6))), 'category = "科技"\nbackfill = 2')
    outcomes, _ = newsroom.refresh()
    assert outcomes["a"] == Outcome("a", "ok", new=2, skipped=3)
    assert newsroom.titles("feed.atom") == ["标题5", "标题4"]
    newsroom.write("a", rss(*map(item, range(1, 7))), 'category = "科技"\nbackfill = 2')
    outcomes, _ = newsroom.refresh()
    assert outcomes["a"] == Outcome("a", "ok", new=1, unchanged=2)
    assert newsroom.titles("feed.atom") == ["标题6", "标题5", "标题4"]


def test_an_article_that_was_deleted_by_hand_does_not_come_back(newsroom: Newsroom) -> None:
    newsroom.write("a", rss(item(1), item(2)))
    newsroom.refresh()
    with closing(sqlite3.connect(newsroom.folder / "a.db")) as connection, connection:
        connection.execute("DELETE FROM entry_channels")
        connection.execute("DELETE FROM entries WHERE title = '标题1'")
    newsroom.write("a", rss(item(1, "改"), item(2)))
    assert newsroom.refresh()[0]["a"].new == 0
    newsroom.render(everything=True)
    assert newsroom.titles("feed.atom") == ["标题2"]

"""Posts of a Jekyll site through the spine: a past that comes in quietly, each article once, faults named."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import feedparser
import pytest

from aggregator import config, wiring
from aggregator.records import Imported, Outcome
from aggregator.sources.jekyll import batches, post_paths

NOW = datetime(2031, 5, 1, 8, tzinfo=UTC)
CODE = "NW202112082206672930"


class Past:
    """A folder with posts and one feed, and what is done with them in one run of the program."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.posts = folder / "_posts"
        self.posts.mkdir()

    def write(self, name: str, *, front: str = "", body: str = "<p>正文。</p>", **said: str) -> None:
        values = {"layout": "post", "title": '"标题"', "date": "2021-12-08 10:46:18", "categories": "emnews"}
        values |= {"tags": "东财滚动新闻"} | said
        front = front or "".join(f"{key}: {value}\n" for key, value in values.items())
        (self.posts / name).write_text(f"---\n{front}---\n{body}\n", encoding="utf-8")

    def feed(self, link: str, title: str) -> None:
        said = f"<title>{title}</title><description>正文。</description>"
        item = f"<item><guid>{link}</guid><link>{link}</link>{said}</item>"
        text = f'<rss version="2.0"><channel><title>财经</title>{item}</channel></rss>'
        (self.folder / "feed.xml").write_text(text, encoding="utf-8")

    def run(self, work: Callable[["Run"], Awaitable[None]]) -> None:
        settings = config.parse(
            f"""
[site]
title = "金融消息"
url = "https://finews.example.org/"
timezone = "Asia/Shanghai"
[store]
path = "{self.folder}/a.db"
[publish]
directory = "{self.folder}/public"
[categories]
title_format = "{{name}}新闻"
[sources.em]
url = "file:{self.folder}/feed.xml"
category = "财经"
""",
            "a.toml",
        )

        async def whole() -> None:
            async with wiring.assembled(settings, lambda: NOW) as app:
                await work(Run(self, app))

        asyncio.run(whole())

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.folder / "a.db")) as connection:
            return connection.execute(sql).fetchall()


class Run:
    """The program at work over a `Past`."""

    def __init__(self, past: Past, app: wiring.App) -> None:
        self.app = app
        self._past = past

    async def take(self, at_once: int = 100) -> Imported:
        posts = self._past.posts
        source = wiring.past_source(self.app.settings, "jekyll", posts)
        steps = self.app.pipeline.take_posts(
            source, self.app.settings.site.url, batches(post_paths(posts), posts, at_once)
        )
        done = Imported()
        async for step in steps:
            done = done.joined(step)
        return done

    async def fetch(self) -> Outcome:
        return await self.app.pipeline.refresh_safely("em")


@pytest.fixture
def past(tmp_path: Path) -> Past:
    return Past(tmp_path)


def test_posts_with_faults_are_named_with_file_and_line_and_harm_no_other(past: Past) -> None:
    past.write("2021-12-08-202112082206672930.md")
    past.write("2021-12-08-202112082206672931.md", title='"他说"好"了"', body="<p>另一篇。</p>")
    past.write("2021-12-08-202112082206672932.md", front="title: [\n")
    past.write("2021-12-08-202112082206672933.md", title='""', body="")
    past.write("-nothing.md", date=" +0800")
    past.write("-202205262391921712.md", title='""', date=" +0800", body="<p>没有标题的一篇。后面还有。</p>")
    (past.posts / "2021-12-08-202112082206672934.md").write_bytes(b"\x00\xff\x00\x01" * 100)

    async def work(run: Run) -> None:
        done = await run.take()
        assert (done.new, done.skipped, done.count()) == (3, 4, 7)
        problems = dict(problem.split(": ", 1) for problem in done.problems)
        assert problems["2021-12-08-202112082206672931.md"].startswith("line 3: front matter is no YAML")
        assert problems["2021-12-08-202112082206672932.md"].startswith("line 2: front matter is no YAML")
        assert "neither title nor text" in problems["2021-12-08-202112082206672933.md"]
        assert problems["2021-12-08-202112082206672934.md"].startswith("line 1: no front matter")
        assert "no date" in problems["-nothing.md"]

    past.run(work)
    assert past.rows("SELECT info_code, title, published FROM entries ORDER BY info_code") == [
        (CODE, "标题", "2021-12-08T02:46:18Z"),
        ("NW202112082206672931", '他说"好"了', "2021-12-08T02:46:18Z"),
        ("NW202205262391921712", "没有标题的一篇", "2022-05-25T16:00:00Z"),
    ]


def test_an_article_that_a_feed_brings_later_is_the_same_one_and_the_past_is_no_news(past: Past) -> None:
    past.write("2021-12-08-202112082206672930.md", title='"茅台"')
    past.write("2021-12-07-202112072206672930.md", title='"前一天"', date="2021-12-07 08:00:00 +0800")
    past.feed("https://finance.eastmoney.com/a/202112082206672930.html", "茅台")

    async def work(run: Run) -> None:
        assert (await run.take()).new == 2
        fetched = await run.fetch()
        assert (fetched.outcome, fetched.new) == ("ok", 0)
        assert (await run.take()).unchanged == 2
        past.feed("https://example.org/new", "今天")
        assert (await run.fetch()).new == 1
        run.app.pipeline.publish()
        (report,) = [report for report in run.app.store.source_reports(NOW) if report.name == "jekyll"]
        assert (report.state, report.next_fetch_at) == ("imported", None)
        assert run.app.store.due(NOW + timedelta(days=900), 10) == ["em"]

    past.run(work)
    everything = feedparser.parse((past.folder / "public" / "feed.atom").read_bytes()).entries
    assert [(entry.title, entry.source.title) for entry in everything] == [
        ("今天", "财经"),
        ("茅台", "财经"),
        ("前一天", "金融消息"),
    ]
    brought = past.rows(f"SELECT source FROM provenance WHERE info_code = '{CODE}' ORDER BY source")
    assert brought == [("em",), ("jekyll",)]
    placed = past.rows(f"SELECT slug FROM entry_channels WHERE info_code = '{CODE}' ORDER BY slug")
    assert placed == [("caijing",), ("dongcaigundong",)]


def test_a_removed_article_does_not_come_back_with_the_posts(past: Past) -> None:
    past.write("2021-12-08-202112082206672930.md")

    async def work(run: Run) -> None:
        await run.take()
        assert run.app.store.retract(CODE, NOW)
        done = await run.take()
        assert (done.new, done.unchanged, done.gone) == (0, 0, 1)

    past.run(work)


def test_posts_of_one_name_on_two_days_are_two_articles_also_when_the_second_comes_later(past: Past) -> None:
    past.write("2021-12-01-weekly.md", title='"一周"', date="2021-12-01 08:00:00")

    async def work(run: Run) -> None:
        assert (await run.take()).new == 1
        past.write("2021-12-08-weekly.md", title='"又一周"')
        assert (await run.take()).new == 1
        done = await run.take()
        assert (done.new, done.revised, done.unchanged) == (0, 0, 2)

    past.run(work)
    codes = past.rows("SELECT info_code FROM entries ORDER BY info_code")
    assert codes == [("2021-12-08-weekly",), ("weekly",)]


@pytest.mark.parametrize("at_once", [100, 1])
def test_posts_that_tell_one_article_are_taken_once_and_a_second_import_changes_nothing(
    past: Past, at_once: int
) -> None:
    link = "\n\n<https://finance.eastmoney.com/a/202112082206672930.html>"
    past.write("2021-12-08-202112082206672930.md", body="<p>第一个。</p>" + link)
    past.write("2021-12-08-202112082206672930@b.md", body="<p>第二个。</p>" + link)
    past.write("2021-12-09-202112082206672930.md", body="<p>第三个。</p>")
    past.write("2021-12-09-other.md", body="<p>第四个。</p>\n\n<https://example.org/x>")
    past.write("2021-12-09-zother.md", body="<p>第五个。</p>\n\n<https://example.org/x>")

    async def work(run: Run) -> None:
        done = await run.take(at_once)
        assert (done.new, done.repeated) == (2, 3)
        first, second = "2021-12-08-202112082206672930.md", "2021-12-08-202112082206672930@b.md"
        assert done.problems[0].startswith(f"{second}: the same article as {first}")
        for _ in range(2):
            done = await run.take(at_once)
            assert (done.new, done.revised, done.unchanged, done.repeated) == (0, 0, 2, 3)
            assert run.app.store.counts()["entries"] == 2

    past.run(work)
    assert past.rows("SELECT content, revision FROM entries ORDER BY content") == [
        ("<p>第一个。</p>", 1),
        ("<p>第四个。</p>", 1),
    ]

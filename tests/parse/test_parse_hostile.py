"""Documents of two to ten megabytes that are built to cost: each ends in time, killed or read, and harms no other."""

import asyncio
import os
import time
from datetime import UTC, datetime, timedelta
from html import escape

import pytest

from aggregator.digest import digest
from aggregator.errors import WorkerError
from aggregator.parse import WorkerPool
from aggregator.records import Fetched, Intake, Source, Unreadable, Validators

SIZE = 2_000_000
NOW = datetime(2031, 5, 1, tzinfo=UTC)
SOURCE = Source("s", "http://example.org/feed")
SOON, LATE = timedelta(seconds=0.5), timedelta(seconds=60)
MARGIN = 3  # seconds more, for a process to be ended on a busy machine


def rss(inner: str) -> str:
    head = '<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><item><title>t</title><guid>g</guid>'
    return f"{head}{inner}</item></channel></rss>"


def content(html: str) -> str:
    return rss(f"<description>{escape(html)}</description>")


QUADRATIC = {
    "categories": rss("<category>c</category>" * (SIZE // 22)),
    "an author": rss(f"<author>{'a' * SIZE}</author>"),
    "attributes": rss("<x " + " ".join(f'a{n}=""' for n in range(SIZE // 10)) + "/>"),
    "creators": rss("<dc:creator>a</dc:creator>" * (SIZE // 26)),
    "nested elements": rss("<a>" * (SIZE // 3)),
    "bare references": rss(f"<description>{'&x' * (SIZE // 2)}</description>"),
    "links": '<feed xmlns="http://www.w3.org/2005/Atom"><entry>' + '<link rel="enclosure" href="x"/>' * (SIZE // 32),
    "ten megabytes of categories": rss("<category>c</category>" * (5 * SIZE // 22)),
}
PLAIN = ("categories", "creators", "an author")  # are of quadratic cost only to feedparser
BOUNDED = {
    "a style": content(f'<p style="{"a" * SIZE}!">x</p>'),
    "ampersands": content("&" * (SIZE // 4)),
    "comments": rss("<!--" * (SIZE // 4)),
    "a date": rss(f"<pubDate>{'1' * SIZE}</pubDate>"),
    "a guid": rss(f"<guid>{'x' * SIZE}</guid>"),
    "a srcset": content(f'<img src=x srcset="{"," * SIZE}">'),
    "nested lists": "[" * (5 * SIZE),
    "nested objects": '{"a":' * SIZE,
}


def fetched(document: str) -> Fetched:
    return Fetched(SOURCE.url, 200, (), document.encode(), Validators())


async def read(pool: WorkerPool, document: str, deadline: timedelta, plainly: bool = True) -> Intake | Unreadable:
    return await pool.run(digest, fetched(document), SOURCE, NOW, plainly=plainly, deadline=deadline)


def test_documents_of_quadratic_cost_are_killed_in_time_while_healthy_ones_are_read() -> None:
    async def scene() -> None:
        pool = WorkerPool(2)
        try:
            begun = time.monotonic()
            works = (read(pool, each, SOON, plainly=False) for each in QUADRATIC.values())  # by feedparser all
            costly = asyncio.gather(*works, return_exceptions=True)
            healthy = [read(pool, rss(f"<description>正文{n}</description>"), LATE) for n in range(20)]
            ends, feeds = await asyncio.gather(costly, asyncio.gather(*healthy))
            assert time.monotonic() - begun < (SOON.total_seconds() + MARGIN) * len(QUADRATIC)
            told = {name: str(end) for name, end in zip(QUADRATIC, ends, strict=True)}
            assert told == dict.fromkeys(QUADRATIC, "digest: killed after 0.5 s, it was too slow")
            assert all(isinstance(end, WorkerError) for end in ends)
            assert [isinstance(feed, Intake) and len(feed.entries) for feed in feeds] == [1] * 20
        finally:
            await pool.aclose()

    asyncio.run(scene())


def test_what_other_documents_repeat_by_the_million_costs_in_proportion() -> None:
    async def scene() -> None:
        pool = WorkerPool(2)
        try:
            for name, document in (BOUNDED | {name: QUADRATIC[name] for name in PLAIN}).items():
                begun = time.monotonic()
                assert isinstance(await read(pool, document, LATE), Intake | Unreadable), name
                assert time.monotonic() - begun < LATE.total_seconds() / 2, name
        finally:
            await pool.aclose()

    asyncio.run(scene())


@pytest.mark.parametrize("body", ["/etc/passwd", "file:///etc/passwd", "/dev/zero", "http://127.0.0.1:9/feed", "."])
def test_a_body_that_is_a_path_or_an_address_is_only_text(body: str) -> None:
    found = digest(fetched(body), SOURCE, NOW)
    assert isinstance(found, Unreadable)
    assert found.detail == f"text that begins with “{body}”, not a feed"


def test_a_body_that_is_the_path_of_a_pipe_does_not_hang(tmp_path: object) -> None:
    path = f"{tmp_path}/pipe"
    os.mkfifo(path)
    assert isinstance(digest(fetched(path), SOURCE, NOW), Unreadable)


def test_an_emoji_as_two_surrogate_references_costs_no_entry() -> None:
    items = "".join(f"<item><guid>{n}</guid><title>{n} &#55357;&#56832; &#xD800;</title></item>" for n in range(5))
    found = digest(fetched(f'<rss version="2.0"><channel>{items}</channel></rss>'), SOURCE, NOW)
    assert isinstance(found, Intake)
    assert [entry.title.partition(" ")[2][:1] for entry in found.entries] == ["😀"] * 5

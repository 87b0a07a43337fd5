"""Stored articles are repaired from the documents they came in: after a fix in how we read, without a request."""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from test_pipeline import HOUR, Newsroom, item, rss

from aggregator.records import Reparsed
from aggregator.wiring import assembled

DAMAGE = """UPDATE entries SET title = '坏' || title, summary = 'Ã©', author = 'x', fingerprint = 'old',
    published = '1990-01-01T00:00:00Z'"""
KEPT = """SELECT info_code, guid, first_seen, sort_date, updated, revision, retouched, state, source FROM entries
    ORDER BY seq"""
SAID = "SELECT title, summary, content, author, link, published, fingerprint FROM entries ORDER BY seq"


@pytest.fixture
def newsroom(tmp_path: Path) -> Newsroom:
    room = Newsroom(tmp_path)
    room.write("a", rss(item(1), item(2)))
    room.refresh()
    room.now += HOUR
    room.write("a", rss(item(2, text="第二版"), item(3)))
    room.refresh()
    return room


def do(newsroom: Newsroom, sql: str) -> None:
    with closing(sqlite3.connect(newsroom.folder / "a.db")) as connection, connection:
        connection.execute(sql)


def reparsed(newsroom: Newsroom, name: str = "a") -> Reparsed:
    async def work() -> Reparsed:
        async with assembled(newsroom.settings(), lambda: newsroom.now) as app:
            report = await app.pipeline.reparse(app.sources[name])
            app.pipeline.publish()
            return report

    return asyncio.run(work())


def test_what_a_fault_of_ours_spoilt_is_repaired_and_a_second_run_changes_nothing(newsroom: Newsroom) -> None:
    said, kept, files = newsroom.rows(SAID), newsroom.rows(KEPT), newsroom.files()
    do(newsroom, DAMAGE)
    newsroom.render(everything=True)
    assert "坏标题3" in newsroom.titles("feed.atom")
    assert reparsed(newsroom) == Reparsed("a", documents=2, looked_at=3, repaired=3)
    assert (newsroom.rows(SAID), newsroom.rows(KEPT)) == (said, kept)
    assert {path: body for path, (_, body) in newsroom.files().items()} == {p: body for p, (_, body) in files.items()}
    assert reparsed(newsroom) == Reparsed("a", documents=2, looked_at=3, repaired=0)
    assert newsroom.rows("SELECT count(*) FROM revisions") == [(1,)], "a repair is no revision"


def test_the_next_poll_sees_no_revision_in_what_was_repaired(newsroom: Newsroom) -> None:
    do(newsroom, DAMAGE)
    reparsed(newsroom)
    newsroom.write("a", rss(item(2, text="第二版"), item(3)) + "<!-- another byte -->")
    outcomes, _ = newsroom.refresh()
    assert (outcomes["a"].new, outcomes["a"].revised, outcomes["a"].unchanged) == (0, 0, 2)
    assert newsroom.rows("SELECT sum(retouched) FROM entries") == [(0,)]


def test_nothing_new_comes_in_and_what_was_retracted_stays_gone(newsroom: Newsroom) -> None:
    code = newsroom.rows("SELECT info_code FROM entries ORDER BY seq")[0][0]
    do(newsroom, f"UPDATE entries SET state = 'retracted', title = '', summary = '' WHERE info_code = '{code}'")
    (guid,) = newsroom.rows("SELECT guid FROM entries ORDER BY seq")[2]
    do(newsroom, f"DELETE FROM entry_channels WHERE info_code = (SELECT info_code FROM entries WHERE guid = '{guid}')")
    do(newsroom, f"DELETE FROM entries WHERE guid = '{guid}'")
    report = reparsed(newsroom)
    assert (report.looked_at, report.repaired) == (1, 0)
    assert newsroom.rows("SELECT state, title FROM entries ORDER BY seq") == [("retracted", ""), ("published", "标题2")]


def test_an_article_that_shows_another_sources_text_is_left_alone(newsroom: Newsroom) -> None:
    newsroom.write("b", rss(item(9)))
    newsroom.refresh("b")
    do(newsroom, "UPDATE entries SET source = 'b', title = '乙的' WHERE title = '标题3'")
    assert reparsed(newsroom).looked_at == 2
    assert newsroom.rows("SELECT title FROM entries WHERE source = 'b' ORDER BY seq") == [("乙的",), ("标题9",)]


def test_equal_bodies_are_kept_once(newsroom: Newsroom) -> None:
    before = newsroom.rows("SELECT id, fetched_at FROM raw_documents")
    newsroom.refresh()
    assert newsroom.rows("SELECT id, fetched_at FROM raw_documents") == before
    assert len(before) == 2


def test_a_document_that_cannot_be_read_is_said_and_the_others_count(newsroom: Newsroom) -> None:
    do(newsroom, DAMAGE)
    do(newsroom, "UPDATE raw_documents SET body = x'789c030000000001' WHERE id = (SELECT max(id) FROM raw_documents)")
    report = reparsed(newsroom)
    assert (report.looked_at, report.repaired) == (2, 2)
    assert report.problems == ("the document of 2031-05-01 09:00 UTC cannot be read: the document is empty",)


LIST = '''kind = "json"
items = "$[*]"
info_code = "$.code"
title = "$.title"
summary = "$.summary"
author = "$.author"
category = "科技"
article = { url = "https://example.org/text/{info_code}", content = "$.text" }'''


def test_a_lists_excerpt_never_replaces_the_text_of_a_second_request(newsroom: Newsroom) -> None:
    entry = {"code": "NW202605010000000001", "title": "标题", "summary": "摘要", "author": "记者"}
    newsroom.write("list", json.dumps([entry]), LIST)
    newsroom.refresh("list")
    do(
        newsroom,
        """UPDATE entries SET state = 'published', title = '坏', author = '坏', content = '<p>全文</p>'
            WHERE source = 'list'""",
    )
    assert reparsed(newsroom, "list").repaired == 1
    assert newsroom.rows("SELECT title, author, content FROM entries WHERE source = 'list'") == [
        ("标题", "记者", "<p>全文</p>")
    ]
    assert reparsed(newsroom, "list").repaired == 0

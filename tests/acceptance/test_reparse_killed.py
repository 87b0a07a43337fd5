"""Killed in the middle of a repair, the store is whole; run again, the repair is complete and nothing is fetched."""

import contextlib
import random
import sqlite3
from typing import Any

from acceptance_checks import eventually

SOURCES = 16
ARTICLES = 25


def story(name: int, number: int) -> str:
    """A text of its own: the same one in several sources would be one article."""
    chance = random.Random(f"{name} {number}")
    return "".join(chr(chance.randrange(0x4E00, 0x9000)) for _ in range(100))


def document(name: int) -> bytes:
    items = "".join(
        f"<item><guid>{name}-{number}</guid><title>第{number}篇</title><link>https://{name}.example.org/{number}</link>"
        f"<description>{story(name, number)}</description></item>"
        for number in range(ARTICLES)
    )
    return f'<rss version="2.0"><channel><title>来源{name}</title>{items}</channel></rss>'.encode()


def damaged(workspace: Any) -> int:
    return int(workspace.rows("SELECT count(*) AS n FROM entries WHERE title LIKE '坏%'")[0]["n"])


def test_a_killed_repair_leaves_whole_sources_and_is_finished_by_the_next(memory_workspace: Any) -> None:
    workspace = memory_workspace
    for name in range(SOURCES):
        (workspace.folder / f"{name}.xml").write_bytes(document(name))
    table = '[sources.s{n}]\nurl = "file:{folder}/{n}.xml"\ncategory = "科技"\n'
    tables = "".join(table.format(n=number, folder=workspace.folder) for number in range(SOURCES))
    workspace.configure(tables, fetch="backfill = 100")
    assert workspace.json("fetch")["new"] == SOURCES * ARTICLES
    kept = "SELECT info_code, sort_date, updated, revision FROM entries ORDER BY info_code"
    before = [tuple(row) for row in workspace.rows(kept)]
    with contextlib.closing(sqlite3.connect(workspace.folder / "aggregator.db")) as connection, connection:
        connection.execute("UPDATE entries SET title = '坏' || title")
    for name in range(SOURCES):
        (workspace.folder / f"{name}.xml").unlink()  # nothing could be fetched

    process = workspace.start("reparse")
    eventually(lambda: damaged(workspace) < SOURCES * ARTICLES or process.poll() is not None, "a first repair")
    process.kill()
    process.communicate()
    left = damaged(workspace)
    assert 0 < left < SOURCES * ARTICLES, "the kill came in the middle"
    assert left % ARTICLES == 0, "a source is repaired wholly or not at all"
    assert [row[0] for row in workspace.rows("PRAGMA integrity_check")] == ["ok"]

    report = workspace.json("reparse")
    assert (report["looked_at"], report["repaired"]) == (SOURCES * ARTICLES, left)
    assert damaged(workspace) == 0
    assert [tuple(row) for row in workspace.rows(kept)] == before
    again = workspace.json("reparse")
    assert (again["repaired"], again["published"]["written"]) == (0, [])
    assert workspace.rows("SELECT * FROM marks") == []

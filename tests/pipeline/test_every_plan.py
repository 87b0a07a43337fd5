"""Every statement that a daemon runs in its rounds comes off an index: what it costs does not grow with the store.

The statements are those of real rounds, noted as SQLite runs them, over documents that bring whatever there is to
decide: news, edits, markup, stories of two sources, rules, a list of subscriptions, failures, archives, a retraction.
"""

import asyncio
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from test_pipeline import HOUR, Newsroom, item, rss

from aggregator import wiring
from aggregator.store import Store

_LITERAL = re.compile(r"(?:\bx)?'(?:[^']|'')*'|(?<![\w.])-?\d+(?:\.\d+)?\b", re.IGNORECASE)
_NAMED = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE)\s+(\w+)(?:\s+(?:AS\s+)?(\w+))?", re.IGNORECASE)
_STEP = re.compile(r"SCAN (\w+)(.*)")

BOUNDED = {
    "channels": "as many as there are categories, and all stand on the home page",
    "marks": "what is to be rendered now",
    "index_queue": "what is to be indexed now",
    "events": "the last five hundred",
    "troubles": "what is broken now; all of it is read once at the start, and for the status",
    "counts": "hours and days of a year",
    "readers": "of one day, at most 200,000",
    "json_each": "the values that were given",
    "b": "the fingerprints that share a band with a new one",
}
KNOWN = {
    "SELECT name, placed_by FROM sources": "once after a start, and when a list of subscriptions has changed",
    'SELECT name, was, "to" FROM': "when the sources are others than before",
    "SELECT c.name, c.parent, c.url": "when a list of subscriptions is read",
    "SELECT f.info_code, f.length, f.bands": "sorts the few that share a band with a new one",
    "SELECT info_code, at FROM retractions": "sorts what a channel lost in thirty days",
    "SELECT DISTINCT slug, archive FROM entry_channels": "what changed in full archives has an index of its own",
    "DELETE FROM entry_channels WHERE (slug, archive) IN": "when an operator retracts, and over what is dropped alone",
}


class Noted:
    """The statements that stores ran, each once however its values differ."""

    def __init__(self) -> None:
        self.statements: dict[str, str] = {}

    def listen(self, store: Store) -> None:
        store._connection.set_trace_callback(self._note)

    def _note(self, sql: str) -> None:
        if not sql.startswith("--") and sql.split(None, 1)[0] in ("SELECT", "INSERT", "UPDATE", "DELETE"):
            form = re.sub(r"\((?:\?, ?)*\?\)", "(?)", _LITERAL.sub("?", " ".join(sql.split())))
            self.statements.setdefault(form, sql)

    def faults(self, path: Path) -> list[tuple[str, str]]:
        """Give the statements that read a growing table as a whole, or sort all that they find, each with the step."""
        with closing(sqlite3.connect(path)) as connection:
            plans = {
                form: [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]
                for form, sql in self.statements.items()
            }
        return [
            (form, step) for form, steps in plans.items() for step in _faults_of(form, steps)
            if not form.startswith(tuple(KNOWN))
        ]  # fmt: skip


def _faults_of(form: str, steps: list[str]) -> Iterator[str]:
    tables = {alias or table: table for table, alias in _NAMED.findall(form)}
    scanned = set()
    for step in steps:
        if found := _STEP.match(step):
            scanned.add(tables.get(found[1], found[1]))
            in_order = "USING" in found[2] and "LIMIT ?" in form
            if tables.get(found[1], found[1]) not in {*BOUNDED, "CONSTANT"} and not in_order:
                yield step
        elif "TEMP B-TREE FOR ORDER BY" in step and not scanned & BOUNDED.keys():
            yield step


def documents(newsroom: Newsroom, number: int) -> None:
    """Let the sources give what a round of this number finds."""
    story = "同一件事，几家都说得一样，" * 40
    texts = {1: f"改了 {number} 次", 3: story}
    edited = [item(one, text=f"芯片 {texts.get(one, one)}") for one in range(1, number + 2)]
    newsroom.write("a", rss(*edited), 'category = "科技"')
    told = [item(one + 40, {2: "广告"}.get(one, ""), texts.get(one, "正文")) for one in range(1, number + 3)]
    newsroom.write("b", rss(*told), 'categories = ["要闻", "科技"]')
    newsroom.write("broken", rss(item(71)) if number < 3 else "<p>gone")
    (newsroom.folder / "listed.xml").write_text(rss(item(80 + number)))
    outline = f'<outline type="rss" text="甲{number}" xmlUrl="file:{newsroom.folder}/listed.xml"/>'
    (newsroom.folder / "list.opml").write_text(f'<opml version="2.0"><body>{outline}</body></opml>')
    newsroom.sources["list"] = f'kind = "opml"\nurl = "file:{newsroom.folder}/list.opml"'


async def rounds(newsroom: Newsroom, noted: Noted) -> None:
    """What a daemon does, again and again, and the status that is looked at."""
    documents(newsroom, 0)
    async with wiring.assembled(newsroom.settings(), lambda: newsroom.now) as app, wiring.index_of(app) as index:
        noted.listen(app.store)
        readers = wiring.readers_of(newsroom.settings(), app.store)
        for number in range(5):
            documents(newsroom, number)
            app.pipeline.spread_overdue()
            newsroom.now += 30 * HOUR
            for name in app.store.due(newsroom.now, 99):
                await app.pipeline.refresh_safely(name)
            if number == 3:
                app.store.retract(app.store.newest(1)[0].info_code, newsroom.now)
            app.pipeline.publish()
            index.catch_up(20)
            app.pipeline.tidy()
            wiring.keep_readers(readers, app.store)
        app.store._connection.set_trace_callback(None)


@pytest.fixture
def newsroom(tmp_path: Path) -> Newsroom:
    room = Newsroom(tmp_path)
    room.publish = "entries = 2\n"
    room.categories = """title_format = "{name}"
[channels.chips]
title = "芯片"
search = "芯片"
[[rules]]
title = { contains = ["广告"] }
drop = true"""
    return room


def test_no_statement_of_a_round_reads_a_growing_table_as_a_whole(newsroom: Newsroom, tmp_path: Path) -> None:
    noted = Noted()
    asyncio.run(rounds(newsroom, noted))
    for table in ("entries", "aliases", "provenance", "entry_channels", "archives", "fingerprint_bands", "tellings"):
        assert any(table in form for form in noted.statements), table
    assert len(noted.statements) > 100
    assert noted.faults(tmp_path / "a.db") == []
    unused = [begin for begin in KNOWN if not any(form.startswith(begin) for form in noted.statements)]
    assert unused == []

    with closing(sqlite3.connect(tmp_path / "a.db")) as connection, connection:
        connection.execute("DROP INDEX sources_due")
        connection.execute("DROP INDEX entries_newest")
    lost = [form for form, _ in noted.faults(tmp_path / "a.db")]
    assert any("next_fetch_at <= ?" in form for form in lost)
    assert any("ORDER BY e.sort_date DESC, e.seq DESC LIMIT ?" in form for form in lost)


def test_what_reads_all_or_sorts_all_is_seen(tmp_path: Path) -> None:
    noted = Noted()
    with Store(tmp_path / "a.db") as store:
        noted.listen(store)
        store._rows("SELECT count(*) FROM entries WHERE state = 'published'")
        store._rows("SELECT e.title FROM entries e WHERE e.source = 'a' ORDER BY e.title LIMIT 9")
        store._rows("SELECT title FROM entries WHERE author LIKE '%x'")
        store._rows("SELECT seq FROM entries WHERE state = 'published' ORDER BY sort_date DESC, seq DESC LIMIT 9")
    assert len(noted.faults(tmp_path / "a.db")) == 3

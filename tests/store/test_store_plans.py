"""Cost follows what is new: no statement of a hot path reads a whole table or sorts one."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from store_examples import DAY, NOW, arrival, entry, fill

from aggregator.records import (
    Alias,
    Changes,
    FailureNote,
    FeedFacts,
    Fingerprint,
    Hold,
    Kept,
    Merge,
    Named,
    Place,
    RawDocument,
    RawLimits,
    ReadingFacts,
    ReadNote,
    Retention,
    Retouch,
    Revision,
    Sighting,
    Source,
    Validators,
    Withdrawal,
)
from aggregator.status import Change, Event
from aggregator.store import Store

SCAN = re.compile(r"SCAN (?!CONSTANT ROW)(\w+)(?! VIRTUAL)")
RAW = RawDocument("https://example.org/a", "text/xml", NOW, b"<rss/>")
FEW = ("SCAN json_each VIRTUAL TABLE INDEX 1:", "SCAN index_queue")  # the numbers given; in order, up to the limit
EVENT = Event("status-1", NOW, "source/a", "failing", "title", "text")
READING = ReadingFacts(NOW, "https://example.org/a", 200, (), "text/xml", "rss20", 1, ())


class Plans:
    """Notes the statements that a store runs, and gives how SQLite goes about each."""

    def __init__(self, store: Store, path: Path) -> None:
        self._store = store
        self._path = path
        self.statements: list[str] = []

    def of(self, act: object) -> dict[str, list[str]]:
        self.statements.clear()
        self._store._connection.set_trace_callback(self.statements.append)
        try:
            act()  # type: ignore[operator]  # any verb of the store
        finally:
            self._store._connection.set_trace_callback(None)
        seen = [sql for sql in self.statements if sql.split(None, 1)[0] in ("SELECT", "INSERT", "UPDATE", "DELETE")]
        assert seen
        with closing(sqlite3.connect(self._path)) as connection:
            return {sql: [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")] for sql in seen}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "a.db") as opened:
        fill(opened, 300, "keji", "yaowen")
        yield opened


@pytest.fixture
def plans(store: Store, tmp_path: Path) -> Plans:
    return Plans(store, tmp_path / "a.db")


def faults(plan: dict[str, list[str]], allowed: str = "") -> list[tuple[str, str]]:
    """The steps that read a whole table without an index, or sort what an index could give in order."""
    bad = []
    for sql, steps in plan.items():
        for step in steps:
            scans = SCAN.match(step) and "USING" not in step
            if (scans or "TEMP B-TREE FOR ORDER BY" in step) and step != allowed:
                bad.append((" ".join(sql.split()), step))
    return bad


@pytest.mark.parametrize("verb", [
    "due", "next_due", "memory", "begin_fetch", "codes_of", "known", "places", "slugs_of", "taken", "article", "owed",
    "add", "revise", "retouch", "wordings", "versions", "sight", "withdraw", "place", "put_off", "mark_article",
    "clear", "articles", "articles_after", "retract",
    "past", "waiting", "held", "hold", "miss", "let_out", "trust",
    "standing_of", "standing_after", "brought_of", "rule_out", "take_in", "move", "note_edition",
    "named_channels", "sizes", "note_origin", "keep_raw", "raw_documents", "source_report",
    "count", "standings", "tell", "salt_of", "note_readers",
])  # fmt: skip
def test_a_refresh_reads_no_table_as_a_whole(store: Store, plans: Plans, verb: str) -> None:
    acts = {
        "due": lambda: store.due(NOW, 10),
        "next_due": store.next_due,
        "memory": lambda: store.memory("a"),
        "begin_fetch": lambda: store.begin_fetch("a", started=NOW, not_before=NOW + DAY),
        "codes_of": lambda: store.codes_of([Alias("guid", "guid 1"), Alias("url", "x"), Alias("code", "code-2")]),
        "known": lambda: store.known(["code-1", "code-2"], "a"),
        "places": lambda: store.places(["code-1", "code-2"]),
        "slugs_of": lambda: store.slugs_of(["keji"]),
        "taken": lambda: store.taken("keji"),
        "article": lambda: store.article("code-1"),
        "owed": lambda: store.owed("a", 10),
        "add": lambda: store.add([arrival(1000)], NOW),
        "revise": lambda: store.revise([Revision("code-1", entry(1), (), NOW)], NOW),
        "withdraw": lambda: store.withdraw("code-1", "a", Withdrawal("guid 1"), NOW),
        "note_origin": lambda: store.note_origin("a", READING, {"code-1": ""}, ["code-1"]),
        "standing_of": lambda: store.standing_of(["code-1", "code-2"]),
        "standing_after": lambda: store.standing_after(7, 10),
        "brought_of": lambda: store.brought_of("a"),
        "rule_out": lambda: store.rule_out("code-3", "rule 1", NOW),
        "take_in": lambda: store.take_in("code-3"),
        "move": lambda: store.move("code-3", {"yaowen": Place("a", "tags")}, ["keji"]),
        "note_edition": lambda: store.note_edition("code-3", "x"),
        "named_channels": lambda: store.named_channels(["keji"]),
        "sizes": lambda: store.sizes(["keji"]),
        "keep_raw": lambda: store.keep_raw("a", store.packed(RAW, RawLimits()), RawLimits()),
        "raw_documents": lambda: store.raw_documents("a"),
        "source_report": lambda: store.source_report("a", NOW),
        "count": lambda: store.count({("fetch", "ok", "2031-05-01T08"): 1}, NOW),
        "standings": lambda: store.standings(["a"], NOW),
        "tell": lambda: store.tell([Change("source/a", "failing", EVENT)], NOW),
        "salt_of": lambda: store.salt_of(NOW.date()),
        "note_readers": lambda: store.note_readers(NOW.date(), {("keji", b"x"): 1}),
        "retouch": lambda: store.retouch([Retouch("code-1", entry(1), ())], NOW),
        "wordings": lambda: store.wordings(["code-1", "code-2"]),
        "versions": lambda: store.versions("code-1"),
        "sight": lambda: store.sight([Sighting("code-1", entry(1), (Alias("guid", "x"),), True)], NOW),
        "place": lambda: store.place("code-1", "a", ["keji"]),
        "put_off": lambda: store.put_off("code-1"),
        "mark_article": lambda: store.mark_article("code-1"),
        "articles": lambda: store.articles(["code-1", "code-2"]),
        "articles_after": lambda: store.articles_after(7, 10),
        "clear": lambda: store.clear({"feed": "x"}),
        "retract": lambda: store.retract("code-3", NOW),
        "past": lambda: store.past("a"),
        "waiting": lambda: store.waiting("a"),
        "held": lambda: store.held("a"),
        "hold": lambda: store.hold("a", [arrival(1000)], Hold("why", for_review=True), NOW),
        "miss": lambda: store.miss(["code-1"], NOW),
        "let_out": lambda: store.let_out(["code-1"]),
        "trust": lambda: store.trust("a"),
    }
    store.displace("keji", [f"code-{number}" for number in range(1, 251)], 50)
    assert faults(plans.of(acts[verb])) == []


@pytest.mark.parametrize("verb", [
    "due_with_skipped_hours", "note_read", "note_failure", "remember_document", "document_before", "fetch_from",
    "propose", "pause_host", "put_off_fetch", "keep_together", "pass_over", "complete", "release", "entries", "repair",
    "channel", "stamps", "mark_source", "has_dropped", "to_index", "indexed", "by_seq", "dates_of",
    "open_dates_of", "still_to_index",
])  # fmt: skip
def test_what_polls_and_publish_runs_note_comes_off_indexes(store: Store, plans: Plans, verb: str) -> None:
    named = Named(entry(1), "code-1", (Alias("guid", "guid 1"),))
    acts = {
        "due_with_skipped_hours": lambda: store.due_with_skipped_hours(NOW),
        "note_read": lambda: store.note_read("a", ReadNote(FeedFacts(), Validators(), "x", NOW, "why", "ok"), NOW),
        "note_failure": lambda: store.note_failure("a", FailureNote("e", "status", "failed", NOW, "why"), NOW),
        "remember_document": lambda: store.remember_document("a", [replace(entry(1), digest="d")]),
        "document_before": lambda: store.document_before("a"),
        "fetch_from": lambda: store.fetch_from("a", "https://example.org/b"),
        "propose": lambda: store.propose("a", "https://example.org/b"),
        "pause_host": lambda: store.pause_host("example.org", NOW, "why"),
        "put_off_fetch": lambda: store.put_off_fetch(["a"], [NOW], "why"),
        "keep_together": lambda: store.keep_together(["a", "b"]),
        "pass_over": lambda: store.pass_over([named]),
        "complete": lambda: store.complete("code-1", entry(1), NOW),
        "release": lambda: store.release("code-1"),
        "entries": lambda: store.entries(["code-1", "code-2"]),
        "repair": lambda: store.repair("code-1", entry(1), named.names),
        "channel": lambda: store.channel("keji"),
        "stamps": lambda: store.stamps(["feed", "article/code-1"]),
        "mark_source": lambda: store.mark_source("a"),
        "has_dropped": lambda: store.has_dropped("keji", 1),
        "to_index": lambda: store.to_index(10),
        "indexed": lambda: store.indexed({1: "x"}),
        "by_seq": lambda: store.by_seq([1, 2]),
        "dates_of": lambda: store.dates_of([1, 2]),
        "open_dates_of": lambda: store.dates_of([1, 2], closed=["keji"]),
        "still_to_index": lambda: store.still_to_index([1, 2]),
    }
    store.displace("keji", [f"code-{number}" for number in range(1, 151)], 50)
    bad = faults(plans.of(acts[verb]))
    assert [step for step in bad if step[1] not in FEW] == []


def test_stories_are_found_kept_and_shown_by_index(store: Store, plans: Plans) -> None:
    made = [arrival(number, "b") for number in (2000, 2001)]
    store.sync_sources([(Source(name, ""), "1") for name in ("a", "b")], NOW)
    told = Fingerprint(("00000001", "0000002a"), b"\0abcd", 99, b"\0")
    store.stories.keep(Changes(tuple(made[:1])), {"code-2000": told}, 1, NOW)
    merge = Merge("code-1", made[1], told, "why")
    acts = [
        lambda: store.stories.keep(Changes(merged=(merge,)), {}, 1, NOW),
        lambda: store.stories.keep(Changes((arrival(2002),)), {"code-2002": told}, 1, NOW + 99 * DAY),
        lambda: store.stories.related(["code-1"]),
        lambda: store.revise([Revision("code-1", entry(1, "b"), (), NOW)], NOW),
    ]
    assert [faults(plans.of(act)) for act in acts] == [[]] * len(acts)
    found = plans.of(lambda: store.stories.alike(made[1], told, 1, DAY))
    few = ["SCAN json_each VIRTUAL TABLE INDEX 1:", "SCAN b", "USE TEMP B-TREE FOR ORDER BY"]  # bands and candidates
    assert sorted(step for _, step in faults(found)) == sorted(few)
    steps = [step for plan in found.values() for step in plan]
    assert any("fingerprint_bands USING PRIMARY KEY (band=? AND day>? AND day<?)" in step for step in steps)


def test_the_newest_articles_come_off_an_index_in_their_order(store: Store, plans: Plans) -> None:
    newest = plans.of(lambda: store.newest(50))
    assert any("entries_newest" in step for steps in newest.values() for step in steps)
    of_one = plans.of(lambda: store.newest_of("keji", 50))
    assert any("entry_channels_newest" in step for steps in of_one.values() for step in steps)
    assert [fault for fault in faults(newest | of_one) if "FROM entry_channels ec JOIN channels" not in fault[0]] == []


@pytest.mark.parametrize("verb", [
    "heads_of", "displace", "last_archive", "archive", "freeze_text", "freeze_facts", "freeze_channels", "retractions",
    "forget_retractions",
])  # fmt: skip
def test_the_archives_of_a_channel_come_off_indexes(store: Store, plans: Plans, verb: str) -> None:
    store.displace("keji", [f"code-{number}" for number in range(1, 151)], 50)
    store.retract("code-3", NOW)
    acts = {
        "heads_of": lambda: store.heads_of("keji"),
        "displace": lambda: store.displace("keji", ["code-151"], 50),
        "last_archive": lambda: store.last_archive("keji"),
        "archive": lambda: store.archive("keji", 2),
        "freeze_text": lambda: store.freeze_text("code-2"),
        "freeze_facts": lambda: store.freeze_facts("a"),
        "freeze_channels": lambda: store.freeze_channels("code-2"),
        "retractions": lambda: store.retractions("keji"),
        "forget_retractions": lambda: store.forget_retractions(NOW + DAY),
    }
    bad = faults(plans.of(acts[verb]))
    few = ("FROM entry_channels ec JOIN channels", "FROM retractions WHERE slug")  # sorted, and never many
    assert [fault for fault in bad if not any(one in fault[0] for one in few)] == []


def test_what_is_to_be_dropped_comes_off_an_index_oldest_first(store: Store, plans: Plans) -> None:
    wanted = Retention(Kept(7, 250), {"a": Kept(30, 100)}, shown=5)
    plan = plans.of(lambda: store.drop(wanted, NOW + 60 * DAY, 10))
    steps = [step for sql in plan if "info_code FROM entries e" in sql for step in plan[sql]]
    assert any("entries_of_source" in step for step in steps)
    assert any("entries_newest" in step for step in steps)
    assert faults(plan, allowed="SCAN json_each VIRTUAL TABLE INDEX 1:") == []


def test_the_watch_over_plans_sees_a_scan_and_a_sort(store: Store, plans: Plans) -> None:
    bad = plans.of(lambda: store._rows("SELECT title FROM entries WHERE author = 'x' ORDER BY title"))
    assert len(faults(bad)) == 2


def test_the_cost_of_a_plan_does_not_hang_on_statistics(store: Store, plans: Plans) -> None:
    store._connection.execute("ANALYZE")
    assert faults(plans.of(lambda: store.known(["code-1"], "a"))) == []
    assert faults(plans.of(lambda: store.due(NOW, 10))) == []

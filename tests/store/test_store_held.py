"""Articles that are held: stored with their names, in no channel, until they are let out."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from store_examples import DAY, NOW, arrival, configure, entry, open_channel, read_note

from aggregator.records import Alias, Hold, PastArticle, Revision, Source
from aggregator.store import Store
from aggregator.store.migrations import migrations

FLOOD = Hold("too many at once")
REVIEW = Hold("it looks sold", for_review=True)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "a.db") as opened:
        configure(opened, "a", "b")
        open_channel(opened, "keji")
        yield opened


def state(store: Store, number: int) -> str:
    return store.trace(f"code-{number}").state


def test_a_held_article_is_stored_with_its_names_and_shown_nowhere(store: Store) -> None:
    store.hold("a", [arrival(1)], FLOOD, NOW)
    store.place("code-1", "a", ["keji"])
    assert store.codes_of([Alias("guid", "guid 1")]) == {Alias("guid", "guid 1"): "code-1"}
    assert (store.newest(9), store.newest_of("keji", 9), store.article("code-1")) == ([], [], None)
    assert store.counts()["entries"] == 0
    known = store.known(["code-1"], "a")["code-1"]
    assert (known.held, known.for_review, known.seen_here) == (True, False, True)
    assert store.memory("a").newest is None
    trace = store.trace("code-1")
    assert (trace.state, trace.held_since, trace.held_reason) == ("held", "2022-01-01T12:00:00Z", FLOOD.reason)


def test_an_article_that_is_let_out_keeps_the_date_of_its_first_sight(store: Store) -> None:
    store.hold("a", [arrival(1), arrival(2, pending=True)], FLOOD, NOW)
    let_out = store.let_out(["code-1", "code-2"])
    assert [article.guid for article in let_out] == ["guid 1", "guid 2"]
    store.place("code-1", "a", ["keji"])
    (shown,) = store.newest_of("keji", 9)
    assert (shown.sort_date, shown.first_seen) == (arrival(1).sort_date, NOW)
    assert (state(store, 1), state(store, 2)) == ("published", "pending")
    assert [owed.guid for owed, _ in store.owed("a", 9)] == ["guid 2"]
    assert not store.known(["code-1"], "a")["code-1"].held
    assert store.held("a") == {}


def test_letting_out_leaves_alone_what_is_not_held(store: Store) -> None:
    store.hold("a", [arrival(1)], FLOOD, NOW)
    store.retract("code-1", NOW)
    store.let_out(["code-1"])
    assert state(store, 1) == "retracted"
    assert store.retractions() == []  # nobody saw it
    assert store.let_out([]) == []


def test_only_what_was_held_at_the_last_reading_and_for_no_review_waits_to_be_met_again(store: Store) -> None:
    store.hold("a", [arrival(1), arrival(2)], FLOOD, NOW)
    store.hold("b", [arrival(3, "b")], REVIEW, NOW)
    assert (store.waiting("a"), store.waiting("b")) == (["code-1", "code-2"], [])
    store.miss(["code-1"], NOW + DAY)
    assert store.waiting("a") == ["code-2"]
    assert store.trace("code-1").missing_since == "2022-01-02T12:00:00Z"
    assert list(store.held("a")) == ["code-1", "code-2"]


def test_a_correction_of_a_held_article_does_not_publish_it_and_another_source_s_text_does(store: Store) -> None:
    store.hold("a", [arrival(1), arrival(2)], FLOOD, NOW)
    corrected = Revision("code-1", entry(1, title="改"), (), NOW)
    taken_over = Revision("code-2", entry(2, "b", title="改"), (), NOW)
    store.revise([corrected, taken_over], NOW)
    assert (state(store, 1), state(store, 2)) == ("held", "published")
    assert store.held("a") == {"code-1": "改"}


def test_a_source_is_under_review_until_it_is_trusted_or_holds_nothing_for_review(store: Store) -> None:
    store.note_read("a", replace(read_note(body_hash="x"), news=True), NOW)
    store.hold("a", [arrival(1)], REVIEW, NOW)
    store.hold("a", [], REVIEW, NOW + DAY)
    report = store.source_reports(NOW + DAY)[0]
    assert (report.state, report.held, report.under_review) == ("held", 1, True)
    assert (report.held_since, report.held_reason) == (NOW, REVIEW.reason)
    assert store.memory("a").review == REVIEW
    store.hold("a", [], None, NOW + DAY)
    assert store.memory("a").review is None
    assert store.memory("a").body_hash == "x"
    store.hold("a", [], REVIEW, NOW)
    store.trust("a")
    assert (store.memory("a").review, store.memory("a").body_hash) == (None, "")


def test_the_reports_count_what_is_held_apart(store: Store) -> None:
    store.add([arrival(1)], NOW)
    store.note_read("a", read_note(), NOW)
    assert store.source_reports(NOW)[0].state == "healthy"
    store.hold("a", [arrival(2)], FLOOD, NOW)
    report = store.source_reports(NOW)[0]
    assert (report.state, report.entries, report.held, report.entries_per_week) == ("held", 1, 1, 0.25)
    assert (report.held_reason, report.under_review) == (FLOOD.reason, False)


def test_the_past_of_a_source_is_what_it_brought_and_not_what_is_held(store: Store) -> None:
    undated = replace(arrival(1, published=None), sort_date=NOW)
    updated = replace(arrival(2, published=None), sort_date=NOW - DAY)
    store.add([undated, updated], NOW)
    store.add([arrival(3)], NOW + DAY)
    store.hold("a", [arrival(4)], FLOOD, NOW + DAY)
    link = "https://example.org/"
    assert store.past("a").articles == (
        PastArticle(NOW - DAY, NOW + DAY, f"{link}3"),
        PastArticle(NOW - DAY, NOW, f"{link}2"),
        PastArticle(None, NOW, f"{link}1"),
    )
    assert store.past("a").begun == NOW
    assert (store.past("b").articles, store.past("b").begun) == ((), None)


def test_another_address_in_the_configuration_makes_a_source_new_and_ends_its_review(store: Store) -> None:
    store.note_read("a", read_note(), NOW)
    store.hold("a", [arrival(1)], REVIEW, NOW)
    configure(store, "a", "b", digest="2")
    assert (store.memory("a").fresh, store.memory("a").review) == (False, REVIEW)
    store.sync_sources([(Source("a", "https://example.org/other.xml"), "3")], NOW)
    assert (store.memory("a").fresh, store.memory("a").review) == (True, None)


def test_a_store_of_the_version_before_is_brought_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as connection:
        migrations.apply(connection, stop_before="held_articles")
        connection.execute(
            "INSERT INTO sources (name, url, kind, position, next_fetch_at) VALUES ('a', 'x', 'feed', 0, '')"
        )
        connection.execute(
            """INSERT INTO entries (info_code, source, title, updated, first_seen, sort_date)
                VALUES ('code-1', 'a', '旧', '2021-01-01T00:00:00Z', '2021-01-01T00:00:00Z', '2021-01-01T00:00:00Z')"""
        )
        connection.commit()
    with Store(path) as store:
        assert (state(store, 1), store.held("a"), store.memory("a").review) == ("published", {}, None)
        store.hold("a", [arrival(2)], FLOOD, NOW)
        assert list(store.held("a")) == ["code-2"]

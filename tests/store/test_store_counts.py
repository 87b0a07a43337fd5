"""What the store counts, whom it knows for a day, and what it remembers of what was told."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from store_examples import NOW

from aggregator.status import WELL, Change, Event
from aggregator.store import Store

TODAY, TOMORROW = date(2031, 5, 1), date(2031, 5, 2)
DAY = timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "a.db") as opened:
        yield opened


def event(number: int, at: datetime = NOW) -> Event:
    return Event(f"status-{number}", at, "source/a", "failing", f"title {number}", "text")


def test_counts_of_an_hour_add_up_and_survive_a_restart(store: Store, tmp_path: Path) -> None:
    store.count({("fetch", "ok", "2031-05-01T08"): 2, ("articles", "new", "2031-05-01"): 5}, NOW)
    store.count({("fetch", "ok", "2031-05-01T08"): 1}, NOW)
    store.close()
    with Store(tmp_path / "a.db") as again:
        found = again.counted(datetime(2031, 5, 1, tzinfo=UTC))
    assert found == {("fetch", "ok", "2031-05-01T08"): 3, ("articles", "new", "2031-05-01"): 5}


def test_old_counts_go_hours_before_days(store: Store) -> None:
    begun = datetime(2030, 1, 1, 8, tzinfo=UTC)
    for days in range(0, 500, 5):
        now = begun + days * DAY
        store.count({("fetch", "ok", f"{now:%Y-%m-%dT%H}"): 1, ("articles", "new", f"{now:%Y-%m-%d}"): 1}, now)
    kept = [name for name, _, _ in store.counted(begun)]
    assert (kept.count("fetch"), kept.count("articles")) == (2, 81)


def test_readers_are_known_for_a_day_and_a_number_afterwards(store: Store, tmp_path: Path) -> None:
    salt = store.salt_of(TODAY)
    assert (len(salt), store.salt_of(TODAY)) == (32, salt)
    store.note_readers(TODAY, {("keji", b"one"): 1, ("keji", b"service"): 40, ("yaowen", b"one"): 1})
    store.note_readers(TODAY, {("keji", b"one"): 1, ("keji", b"service"): 42})
    assert store.subscribers() == {"keji": 43, "yaowen": 1}
    other = store.salt_of(TOMORROW)
    assert other != salt
    assert store.subscribers() == {"keji": 43, "yaowen": 1}
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        assert connection.execute("SELECT count(*) FROM readers").fetchone() == (0,)
        assert connection.execute("SELECT salt FROM reader_salt").fetchall() == [(other,)]


def test_readers_seen_under_yesterday_s_salt_are_passed_over(store: Store) -> None:
    store.salt_of(TOMORROW)
    store.note_readers(TODAY, {("keji", b"one"): 1})
    assert store.subscribers() == {}


def test_a_trouble_is_remembered_until_it_is_over_and_its_feed_is_marked(store: Store) -> None:
    store.tell([Change("source/a", "failing", event(1), "no answer")], NOW)
    assert (store.told(), set(store.marked())) == ({"source/a": "failing"}, {"status"})
    assert store.troubles()[0].detail == "no answer"
    store.tell([Change("source/a", WELL, event(2))], NOW + DAY)
    assert store.told() == {}
    assert [each.code for each in store.events(10)] == ["status-2", "status-1"]


def test_the_same_event_is_told_once_and_old_ones_are_forgotten(store: Store) -> None:
    store.tell([Change("source/a", "failing", event(1)), Change("source/a", "failing", event(1))], NOW)
    assert len(store.events(10)) == 1
    store.tell([Change("source/a", "failing", event(number)) for number in range(2, 700)], NOW)
    events = store.events(1000)
    assert (len(events), events[0].code) == (500, "status-699")

"""How a source stands: silent for longer than its rhythm, moved, and back where it was configured."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from store_examples import DAY, NOW, arrival, configure, read_note

from aggregator.records import Source, Validators
from aggregator.store import Store
from aggregator.store.rows import usual_gap


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "a.db") as opened:
        configure(opened, "a")
        yield opened


def state(store: Store, after: timedelta) -> str:
    return store.source_reports(NOW + after)[0].state


def test_a_source_is_silent_when_nothing_came_for_five_of_its_usual_gaps_and_a_week_at_least(store: Store) -> None:
    daily = [replace(arrival(number), sort_date=NOW - (6 - number) * 2 * DAY) for number in range(1, 6)]
    store.add(daily, NOW)
    store.note_read("a", replace(read_note(), news=True), NOW)
    assert store.memory("a").rhythm == 2 * DAY
    assert state(store, 9 * DAY) == "healthy"
    assert state(store, 11 * DAY) == "silent"
    store.note_read("a", replace(read_note(), news=True), NOW + 11 * DAY)
    assert state(store, 12 * DAY) == "healthy"


def test_the_rhythm_is_the_usual_gap_of_the_recent_articles() -> None:
    daily = [NOW - number * DAY for number in range(4, -1, -1)]
    assert usual_gap(daily) == DAY
    assert usual_gap([NOW - 400 * DAY, *daily]) == DAY
    assert usual_gap(daily[-3:]) is None
    assert usual_gap([]) is None


def test_a_source_without_a_rhythm_is_never_called_silent(store: Store) -> None:
    store.add([arrival(1)], NOW)
    store.note_read("a", replace(read_note(), news=True), NOW)
    assert state(store, 1000 * DAY) == "healthy"


def test_a_move_is_taken_back_and_not_followed_again(store: Store) -> None:
    moved = "https://new.example/feed"
    store.note_read("a", read_note(validators=Validators(moved, '"1"')), NOW)
    store.fetch_from("a", moved)
    assert state(store, DAY) == "moved"
    assert store.memory("a").url == moved
    assert store.fetch_as_configured("a", NOW)
    memory = store.memory("a")
    assert (memory.url, memory.move_refused) == ("", moved)
    assert (memory.validators.etag, memory.validators.last_modified) == (None, None)
    assert store.due(NOW, 1) == ["a"]
    assert not store.fetch_as_configured("a", NOW)


def test_another_address_in_the_configuration_ends_a_move_and_nothing_else_does(store: Store) -> None:
    store.fetch_from("a", "https://new.example/feed")
    configure(store, "a", digest="2")
    assert store.memory("a").url == "https://new.example/feed"
    store.sync_sources([(Source("a", "https://example.org/other.xml"), "3")], NOW)
    assert store.memory("a").url == ""

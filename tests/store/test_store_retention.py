"""What is not kept for ever: old and surplus articles lose their texts, and nothing that readers see changes by it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from store_examples import DAY, NOW, arrival, configure, entry, open_channel

from aggregator.records import Alias, Kept, Retention, Revision
from aggregator.store import Store

LATER = NOW + 100 * DAY
OLD = Retention(Kept(days=30), shown=0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Nine articles of `a` and three of `b`, of one channel; the eight oldest stand in full archives, then one in an
    open one, and three in the current document."""
    with Store(tmp_path / "a.db") as opened:
        configure(opened, "a", "b")
        open_channel(opened, "keji")
        opened.add([arrival(number, "b" if number % 4 == 0 else "a") for number in range(1, 13)], NOW)
        for number in range(1, 13):
            opened.place(f"code-{number}", "a", ["keji"])
        opened.displace("keji", codes(*range(1, 10)), 4)
        opened.clear(opened.marked())
        yield opened


def codes(*numbers: int) -> list[str]:
    return [f"code-{number}" for number in numbers]


def dropped(store: Store, wanted: Retention, at_once: int = 100) -> list[str]:
    while store.drop(wanted, LATER, at_once):
        pass
    rows = store._rows("SELECT info_code FROM entries WHERE dropped_at IS NOT NULL ORDER BY seq")
    return [row["info_code"] for row in rows]


def test_without_a_limit_everything_is_kept(store: Store) -> None:
    assert dropped(store, Retention()) == []
    assert dropped(store, Retention(Kept(0, 0), {"a": Kept(0, 0)})) == []


@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_what_is_too_old_goes_unless_a_document_that_still_changes_shows_it(store: Store, at_once: int) -> None:
    assert dropped(store, OLD, at_once) == codes(*range(1, 9))


def test_what_is_young_enough_stays(store: Store) -> None:
    assert dropped(store, Retention(Kept(days=200), shown=0)) == []


def test_the_newest_of_the_feed_of_everything_stay(store: Store) -> None:
    assert dropped(store, Retention(Kept(days=30), shown=7)) == codes(1, 2, 3, 4, 5)


def test_of_all_articles_together_the_oldest_go(store: Store) -> None:
    assert dropped(store, Retention(Kept(entries=10), shown=0)) == codes(1, 2)
    assert dropped(store, Retention(Kept(entries=10), shown=0)) == codes(1, 2)
    assert dropped(store, Retention(Kept(entries=1), shown=0)) == codes(*range(1, 9))


def test_a_source_says_its_own(store: Store) -> None:
    assert dropped(store, Retention(of_source={"b": Kept(entries=2)}, shown=0)) == codes(4)
    assert dropped(store, Retention(Kept(days=30), {"a": Kept(days=0)}, shown=0)) == codes(4, 8)
    assert dropped(store, Retention(of_source={"a": Kept(days=30)}, shown=0)) == codes(*range(1, 9))


def test_an_article_of_no_channel_goes_by_the_same_rules(store: Store) -> None:
    store.add([arrival(20)], NOW)
    assert dropped(store, OLD) == codes(*range(1, 9), 20)


def test_the_text_is_gone_everywhere_and_the_names_are_not(store: Store, tmp_path: Path) -> None:
    store.revise([Revision("code-1", entry(1, title="neuer Wortlaut", content="<p>GEHEIM</p>"), (), NOW)], NOW)
    store.freeze_text("code-1")
    dropped(store, OLD)
    names = [Alias("guid", "guid 1"), Alias("url", "https://example.org/1"), Alias("code", "code-1")]
    assert store.codes_of(names) == dict.fromkeys(names, "code-1")
    assert store.known(["code-1"], "a") == {}, "so it is passed over when it comes again"
    assert store.article("code-1") is None
    assert store.trace("code-1").state == "dropped"
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = [repr(row) for table in tables for row in connection.execute(f"SELECT * FROM {table}")]
    for text in ("GEHEIM", "正文 1 ", "标题 1 "):
        assert [row for row in rows if text in row] == []


def test_only_the_article_s_own_page_and_the_home_page_are_to_be_rendered_again(store: Store) -> None:
    dropped(store, OLD)
    assert sorted(store.marked()) == sorted(["index", *(f"article/{code}" for code in codes(*range(1, 9)))])
    store.clear(store.marked())
    dropped(store, OLD)
    assert not store.marked(), "there was nothing left to drop"


def test_a_channel_counts_what_can_be_read(store: Store) -> None:
    assert [summary.count for summary in store.summaries(3)] == [12]
    dropped(store, OLD)
    assert [summary.count for summary in store.summaries(3)] == [4]
    store.retract("code-12", NOW)
    store.retract("code-1", NOW)
    assert [summary.count for summary in store.summaries(3)] == [3]


def test_an_archive_knows_that_it_cannot_be_rendered_as_it_was(store: Store) -> None:
    assert not store.has_dropped("keji", 1)
    dropped(store, Retention(Kept(entries=10), shown=0))
    assert (store.has_dropped("keji", 1), store.has_dropped("keji", 2)) == (True, False)
    archive = store.archive("keji", 1)
    assert archive is not None
    assert [each.info_code for each in archive.entries] == codes(4, 3)


def test_a_retraction_lets_an_archive_be_rendered_without_what_is_not_kept(store: Store) -> None:
    dropped(store, Retention(Kept(entries=10), shown=0))
    assert store.retract("code-3", LATER)
    assert not store.has_dropped("keji", 1)
    assert "category/keji/archive-1" in store.marked()


def test_what_was_dropped_can_still_be_retracted(store: Store) -> None:
    dropped(store, OLD)
    assert store.retract("code-1", LATER)
    assert "category/keji/archive-1" in store.marked()
    assert store.trace("code-1").state == "retracted"
    assert not store.retract("code-1", LATER)


def test_a_channel_s_newest_articles_are_never_empty_ones(store: Store) -> None:
    dropped(store, OLD)
    assert [each.info_code for each in store.newest_of("keji", 50)] == codes(12, 11, 10, 9)
    assert [each.info_code for each in store.newest(50)] == codes(12, 11, 10, 9)


def test_a_day_counts_from_what_the_source_said(store: Store) -> None:
    long_ago = NOW - DAY + timedelta(seconds=1)
    assert store.drop(Retention(Kept(days=1), shown=0), long_ago + DAY, 100) == 0
    assert store.drop(Retention(Kept(days=1), shown=0), long_ago + DAY + timedelta(seconds=2), 100) == 2

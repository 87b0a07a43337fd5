"""Search shows nothing to those who may not read it, whatever its index still holds."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from store_examples import DAY, NOW, arrival, configure, entry, open_channel

from aggregator.records import Kept, Remark, Retention, Revision, SearchNote, Source
from aggregator.store import SearchIndex, Store
from aggregator.store.finding import MOST, Found

SECRET = "https://me:s3cretpass@example.org/feed?token=canary77"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "a.db") as store:
        configure(store, "a")
        yield store


@pytest.fixture
def index(store: Store) -> Iterator[SearchIndex]:
    with SearchIndex(store) as index:
        yield index


def catch_up(index: SearchIndex) -> None:
    while index.catch_up():
        pass


def find(index: SearchIndex, asked: str, **how: object) -> Found:
    return index.find(asked, now=NOW, **how)  # type: ignore[arg-type]  # any of its options


def codes(found: Found) -> set[str]:
    return {hit.entry.info_code for hit in found.hits}


def test_a_source_that_became_private_gives_nothing_away(tmp_path: Path) -> None:
    source = Source("a", SECRET)
    with Store(tmp_path / "a.db") as store, SearchIndex(store) as index:
        store.sync_sources([(source, "1")], NOW)
        store.add([arrival(1, title=f"南昌 {SECRET}", content=f"<p>南昌 from {SECRET}</p>")], NOW)
        catch_up(index)
        assert "canary77" in find(index, "南昌").hits[0].snippet
    with Store(tmp_path / "a.db", private=("a",)) as store, SearchIndex(store) as index:
        store.sync_sources([(source, "1")], NOW)
        for _ in range(2):  # before and after the index has taken it in
            hit = find(index, "南昌").hits[0]
            shown = (hit.snippet, hit.entry.title, hit.entry.content, hit.entry.link)
            assert not [text for text in shown if "canary77" in text or "s3cretpass" in text]
            assert find(index, "canary77").hits == ()
            catch_up(index)
        assert find(index, "canary77").count == 0


def gone(store: Store) -> None:
    store.retract("code-1", NOW)


def dropped(store: Store) -> None:
    assert store.drop(Retention(Kept(entries=1), shown=0), NOW, 10) == 1


def held(store: Store) -> None:
    store.rule_out("code-1", "a rule", NOW)


def reworded(store: Store) -> None:
    store.revise([Revision("code-1", entry(1, title="别的", content="<p>没有</p>", outlet=""), (), NOW)], NOW)


def test_channels_that_are_closed_to_who_asks_are_neither_shown_nor_counted(store: Store, index: SearchIndex) -> None:
    open_channel(store, "members")
    open_channel(store, "open")
    store.add([arrival(number, title=f"南昌 {number}") for number in range(4)], NOW)
    for number, slugs in ((0, ["members"]), (1, ["members", "open"]), (2, ["open"])):
        store.place(f"code-{number}", "a", slugs)
    catch_up(index)
    assert codes(find(index, "南昌")) == {"code-0", "code-1", "code-2", "code-3"}
    seen = find(index, "南昌", closed=("members",))
    assert codes(seen) == {"code-1", "code-2", "code-3"}, "without a channel it stands in the feed of everything"
    assert (seen.count, seen.exact) == (3, True)
    assert codes(find(index, "南昌", closed=("members", ""))) == {"code-1", "code-2"}


def test_very_many_closed_articles_do_not_hide_those_that_are_open(store: Store, index: SearchIndex) -> None:
    open_channel(store, "members")
    store.add([arrival(number, title="南昌", outlet="") for number in range(700)], NOW)
    for number in range(3, 700):
        store.place(f"code-{number}", "a", ["members"])
    catch_up(index)
    seen = find(index, "南昌", closed=("members",))
    assert codes(seen) == {"code-0", "code-1", "code-2"}
    assert (seen.count, seen.more) == (3, False)


@pytest.mark.parametrize("withdraw", [gone, dropped, held, reworded])
def test_what_is_no_longer_published_is_not_shown_even_before_the_index_knows(
    store: Store, index: SearchIndex, withdraw: Callable[[Store], None]
) -> None:
    store.add([arrival(1, title="南昌"), replace(arrival(2, title="南昌"), sort_date=NOW)], NOW)
    catch_up(index)
    assert codes(find(index, "南昌")) == {"code-1", "code-2"}
    withdraw(store)
    for _ in range(2):
        assert codes(find(index, "南昌")) == {"code-2"}
        catch_up(index)


def test_an_article_whose_date_changed_is_found_once(store: Store, index: SearchIndex) -> None:
    store.add([arrival(1, title="南昌")], NOW)
    catch_up(index)
    store._connection.execute("UPDATE entries SET sort_date = '2019-02-03T00:00:00Z'")
    assert index.waiting() == 1
    catch_up(index)
    assert find(index, "南昌").count == 1


def test_deep_pages_show_every_article_once_and_say_where_they_end(store: Store, index: SearchIndex) -> None:
    some = [arrival(number, title="南昌" if number % 3 else "九江", content="南昌") for number in range(MOST + 100)]
    store.add([replace(each, sort_date=NOW - DAY * number) for number, each in enumerate(some)], NOW)
    catch_up(index)
    pages = [find(index, "南昌", limit=100, offset=offset) for offset in range(0, MOST, 100)]
    assert len({code for page in pages for code in codes(page)}) == MOST
    assert [page.more for page in pages] == [True] * 9 + [False]
    assert pages[-1].remarks == (Remark(SearchNote.DEEP, MOST),)
    assert [page.remarks for page in pages[:-1]] == [()] * 9
    assert 900 < pages[0].count < 1300
    assert not pages[0].exact
    titles = [hit.entry.title for hit in pages[0].hits]
    assert titles == ["南昌"] * 100


def test_a_query_that_takes_too_long_shows_what_was_found_until_then_and_says_so(
    store: Store, index: SearchIndex
) -> None:
    some = [arrival(number, title="南昌") for number in range(30)]
    store.add([replace(each, sort_date=NOW - timedelta(days=100 * number)) for number, each in enumerate(some)], NOW)
    catch_up(index)
    asked = iter([False, False, False, True])
    given_up = find(index, "南昌", is_given_up=lambda: next(asked, True))
    assert 0 < len(given_up.hits) < 30
    assert [remark.note for remark in given_up.remarks] == [SearchNote.LATE]
    assert 0 < given_up.remarks[0].number < 30
    late = find(index, "南昌", seconds=-1)
    assert [remark.note for remark in late.remarks] == [SearchNote.LATE]
    assert find(index, "南昌").remarks == ()

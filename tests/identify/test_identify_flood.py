"""The flood guard: what is held, what never is, and what publishes it after all."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.identify import Scene, guard, is_beginning, is_remarkable, why_held
from aggregator.records import (
    Arrival,
    Changes,
    Entry,
    FeedFacts,
    Hold,
    Known,
    Past,
    PastArticle,
    Sighting,
    SourceMemory,
)

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
FACTS = FeedFacts(title="小报", link="https://example.org/")
MEMORY = SourceMemory(fresh=False, title="小报", home="https://example.org/", newest=NOW - HOUR, read_at=NOW - HOUR)
REVIEW = Hold("it looks sold", for_review=True)


def arrival(number: int, said: datetime | None = None, link: str = "https://example.org/new") -> Arrival:
    entry = Entry("a", guid=f"new {number}", link=f"{link}/{number}", published=said)
    return Arrival(f"new-{number}", entry, (), said or NOW, said or NOW)


def arrivals(*dates: datetime | None) -> tuple[Arrival, ...]:
    return tuple(arrival(number, said) for number, said in enumerate(dates))


def article(said: datetime | None, first_seen: datetime, link: str = "https://www.example.org/1") -> PastArticle:
    return PastArticle(said, first_seen, link)


def past(*fetches: int, dated: bool = False) -> Past:
    """A source that brought so many articles at each of its daily fetches, the first one first; by their dates, one an
    hour up to an hour ago."""
    seen = [NOW - (len(fetches) - place) * DAY for place, count in enumerate(fetches) for _ in range(count)]
    dates = [NOW - (number + 1) * HOUR if dated else None for number in range(len(seen))]
    return Past(tuple(map(article, dates, reversed(seen))), seen[0] if seen else None)


def scene(entries: int, history: Past | None = None, **facts: object) -> Scene:
    known = {"facts": FACTS, "memory": MEMORY, "past": history or past(20), "now": NOW}
    return Scene(entries, **known | facts)  # type: ignore[arg-type]  # a shorthand for scenes of many kinds


def stored(code: str, *, held: bool = True, for_review: bool = False, seen_here: bool = True) -> Known:
    return Known(code, "a", "", "", "", "", seen_here, 0, None, NOW, held=held, for_review=for_review)


def met(*codes: str, held: bool = True, **facts: bool) -> tuple[tuple[Sighting, ...], dict[str, Known]]:
    sightings = tuple(Sighting(code, Entry("a"), (), learns=False) for code in codes)
    return sightings, {code: stored(code, held=held, **facts) for code in codes}


def held(new: tuple[Arrival, ...], where: Scene) -> tuple[int, bool]:
    """How many are held, and whether for review."""
    changes = guard(Changes(new), {}, where)
    assert set(changes.arrivals) | set(changes.held) == set(new)
    assert len(changes.arrivals) + len(changes.held) == len(new)
    assert bool(changes.held) == (changes.hold is not None)
    return len(changes.held), bool(changes.hold and changes.hold.for_review)


# --- floods --------------------------------------------------------------------------------------


def test_a_document_that_is_new_as_a_whole_is_held() -> None:
    assert held(arrivals(*[None] * 20), scene(20)) == (20, False)
    same = [NOW - 3 * HOUR] * 20
    assert held(arrivals(*same), scene(20, past(20, dated=True))) == (20, False)


@given(count=st.integers(0, 9), more=st.integers(1, 90), dated=st.booleans())
def test_fewer_than_ten_new_entries_are_no_flood(count: int, more: int, dated: bool) -> None:
    new = arrivals(*[NOW - 99 * DAY if dated else None] * count)
    assert held(new, scene(count + more, past(20, dated=dated))) == (0, False)


@given(st.integers(10, 60), st.integers(0, 200))
def test_new_entries_are_a_flood_only_where_they_are_most_of_the_document(new: int, others: int) -> None:
    assert held(arrivals(*[None] * new), scene(new + others)) == (new if new > others else 0, False)


@given(usual=st.integers(10, 200), new=st.integers(1, 200))
def test_what_a_source_is_known_to_bring_is_never_held(usual: int, new: int) -> None:
    expected = new if new > 2 * usual else 0
    assert held(arrivals(*[None] * new), scene(new, past(50, usual, 1))) == (expected, False)


def test_the_first_of_all_fetches_does_not_show_what_is_usual() -> None:
    assert held(arrivals(*[None] * 60), scene(100, past(60))) == (60, False)
    assert held(arrivals(*[None] * 60), scene(100, past(60, 60))) == (0, False)


@given(st.integers(10, 100), st.integers(1, 24 * 60))
def test_catching_up_is_no_flood(new: int, hours: int) -> None:
    """News after the newest known article, at different times, whenever that was fetched last."""
    began = NOW - HOUR * hours
    dates = [began + (NOW - began) * number / new for number in range(1, new + 1)]
    known = Past((article(began, began - HOUR),), began - DAY)
    assert held(arrivals(*dates), scene(new, known)) == (0, False)


def test_articles_that_were_all_stamped_at_one_moment_are_no_catching_up() -> None:
    assert held(arrivals(*[NOW] * 20), scene(20, past(20, dated=True))) == (20, False)


def test_the_few_that_are_news_by_their_dates_are_not_held_with_the_others() -> None:
    news = [NOW - timedelta(minutes=number) for number in (3, 5)]
    changes = guard(Changes(arrivals(*news, *[None] * 20)), {}, scene(22, past(20, dated=True)))
    assert [item.info_code for item in changes.arrivals] == ["new-0", "new-1"]


def test_so_many_as_the_time_lets_expect_are_no_flood() -> None:
    hourly = past(20, dated=True)
    away = replace(MEMORY, read_at=NOW - DAY)
    assert held(arrivals(*[None] * 40), scene(40, hourly, memory=away)) == (0, False)
    assert held(arrivals(*[None] * 80), scene(80, hourly, memory=away)) == (80, False)


def test_without_dates_a_downtime_lets_expect_any_number() -> None:
    away = replace(MEMORY, read_at=NOW - 3 * DAY, usual=HOUR)
    assert held(arrivals(*[None] * 40), scene(40, memory=away)) == (0, False)
    slow = replace(away, usual=2 * DAY)
    assert held(arrivals(*[None] * 40), scene(40, memory=slow)) == (40, False)


# --- archives ------------------------------------------------------------------------------------


def test_old_entries_in_number_are_held_and_the_news_beside_them_are_not() -> None:
    dates = [NOW - 100 * DAY] * 30 + [NOW - number * timedelta(minutes=9) for number in range(5)]
    changes = guard(Changes(arrivals(*dates)), {}, scene(200, past(20, dated=True)))
    assert {item.info_code for item in changes.arrivals} == {f"new-{number}" for number in range(30, 35)}
    assert len(changes.held) == 30


@given(st.lists(st.integers(0, 400), max_size=9), st.integers(0, 30))
def test_single_late_entries_are_published(ages: list[int], news: int) -> None:
    dates = [NOW - DAY * age for age in ages] + [NOW - HOUR / 2] * news
    assert held(arrivals(*dates), scene(300, past(20, dated=True))) == (0, False)


def test_what_is_late_by_less_than_a_day_is_not_old() -> None:
    dates = [NOW - 20 * HOUR] * 30
    assert held(arrivals(*dates), scene(300, past(20, dated=True))) == (0, False)


def test_a_source_that_often_brings_old_entries_may() -> None:
    often = [article(NOW - 9 * DAY, NOW - 2 * DAY)] * 20 + [article(NOW - HOUR, NOW - 3 * DAY)]
    new = arrivals(*[NOW - 9 * DAY] * 30)
    assert held(new, scene(300, Past(tuple(often), NOW - 3 * DAY))) == (0, False)
    assert held(new, scene(300, Past((*often[:10], often[-1]), NOW - 3 * DAY))) == (30, False)


# --- another owner -------------------------------------------------------------------------------

SOLD = FeedFacts(title="Casino", link="https://casino.test/")


def sold(count: int = 3, link: str = "https://casino.test") -> tuple[Arrival, ...]:
    return tuple(arrival(number, link=link) for number in range(count))


def test_another_name_other_links_and_nothing_known_are_held_for_review() -> None:
    assert held(sold(), scene(3, facts=SOLD)) == (3, True)


@pytest.mark.parametrize(
    ("new", "entries", "facts"),
    [
        (sold(), 3, FACTS),
        (sold(), 4, SOLD),  # one is known
        (sold(link="https://blog.example.org"), 3, SOLD),
        (sold(link=""), 3, SOLD),
        (sold(), 3, replace(SOLD, title="")),
    ],
    ids=["the same title", "a known entry", "the same site", "no links", "no title"],
)
def test_two_of_the_three_are_not_enough(new: tuple[Arrival, ...], entries: int, facts: FeedFacts) -> None:
    assert held(new, scene(entries, facts=facts)) == (0, False)


def test_a_link_blog_never_led_to_one_site() -> None:
    links = tuple(article(None, NOW - DAY, f"https://site{number}.test/") for number in range(20))
    assert held(sold(), scene(3, Past(links, NOW - DAY), facts=SOLD)) == (0, False)


def test_where_the_title_is_configured_the_site_that_the_feed_belongs_to_counts() -> None:
    same_title = replace(SOLD, title=MEMORY.title)
    assert held(sold(), scene(3, facts=same_title, titled=True)) == (3, True)
    assert held(sold(), scene(3, facts=replace(same_title, link=FACTS.link), titled=True)) == (0, False)


@pytest.mark.parametrize(("before", "after", "review"), [
    ("https://a.com.cn/1", "https://b.com.cn", True),
    ("https://news.a.com.cn/1", "https://www.a.com.cn", False),
    ("https://a.example.org/1", "https://b.example.org", False),
    ("https://a.co.uk/1", "https://b.co.uk", True),
])  # fmt: skip
def test_a_site_is_what_one_buys(before: str, after: str, review: bool) -> None:
    known = Past((article(None, NOW - DAY, before),), NOW - DAY)
    assert held(sold(link=after), scene(3, known, facts=SOLD)) == (3 if review else 0, review)


def test_a_site_that_was_linked_lately_is_not_another() -> None:
    links = [article(None, NOW - DAY)] * 15 + [article(None, NOW - DAY, "https://casino.test/1")]
    assert held(sold(), scene(3, Past(tuple(links), NOW - DAY), facts=SOLD)) == (0, False)


@pytest.mark.parametrize(("days", "review"), [(29, False), (30, True), (400, True)])
def test_what_comes_back_after_a_month_of_failures_with_nothing_known_is_held_for_review(
    days: int, review: bool
) -> None:
    back = replace(MEMORY, failing_since=NOW - days * DAY, read_at=NOW - days * DAY)
    assert held(arrivals(None), scene(1, memory=back)) == (int(review), review)
    assert held(arrivals(None), scene(2, memory=back)) == (0, False)


def test_under_review_everything_is_held_until_most_of_the_document_is_known_again() -> None:
    watched = replace(MEMORY, review=REVIEW)
    assert held(arrivals(None, None), scene(3, memory=watched)) == (2, True)
    assert guard(Changes(), {}, scene(0, memory=watched)).hold == REVIEW
    for is_held, hold in ((False, None), (True, REVIEW)):
        sightings, known = met("x", "y", held=is_held, for_review=is_held)
        changes = guard(Changes(arrivals(None), sightings=sightings), known, scene(3, memory=watched))
        assert (len(changes.held), changes.hold) == (int(is_held), hold)
    assert held(arrivals(None), scene(2, memory=watched)) == (1, True)  # the other one was thrown away


# --- what is confirmed ---------------------------------------------------------------------------


def confirmed(
    sightings: tuple[Sighting, ...], known: dict[str, Known], *, news: int = 0, entries: int, waiting: str = ""
) -> set[str]:
    where = scene(entries, waiting=tuple(waiting.split()))
    return set(guard(Changes(arrivals(*[None] * news), sightings=sightings), known, where).confirmed)


def test_what_its_source_shows_again_is_confirmed() -> None:
    assert confirmed(*met("x", "y"), entries=2, waiting="x y") == {"x", "y"}
    assert confirmed(*met("x"), entries=2) == {"x"}  # it had been missing, and is back


def test_what_is_not_held_or_held_for_review_or_met_by_another_source_first_is_not_confirmed() -> None:
    assert confirmed(*met("x", held=False), entries=1) == set()
    assert confirmed(*met("x", for_review=True), entries=1) == set()
    assert confirmed(*met("x", seen_here=False), entries=1) == set()


def test_what_vanished_is_not_confirmed_by_what_was_there_before() -> None:
    assert confirmed(*met("old-1", "old-2", held=False), entries=2, waiting="x y") == set()
    assert confirmed(*met("old-1", "old-2", held=False), news=1, entries=3, waiting="x y z") == set()
    assert confirmed(*met("x"), entries=1, waiting="x y z") == {"x"}
    assert confirmed((), {}, entries=0, waiting="x y z") == set()


def test_what_newer_articles_pushed_out_is_confirmed() -> None:
    assert confirmed(*met("x"), news=2, entries=3, waiting="x y z") == {"x", "y", "z"}
    assert confirmed((), {}, news=1, entries=1, waiting="x y z") == {"x", "y", "z"}


def test_a_list_that_turns_over_again_is_no_flood() -> None:
    waiting = tuple(f"w{number}" for number in range(30))
    changes = guard(Changes(arrivals(*[None] * 40)), {}, scene(40, waiting=waiting))
    assert (changes.held, set(changes.confirmed)) == ((), set(waiting))
    assert len(guard(Changes(arrivals(*[None] * 40)), {}, scene(40)).held) == 40


# --- when it is asked, and what it says ------------------------------------------------------------


def test_the_first_that_a_source_brings_is_no_flood() -> None:
    assert is_beginning(SourceMemory(), ())
    assert is_beginning(replace(MEMORY, newest=None), (stored("x", seen_here=False),))
    assert not is_beginning(replace(MEMORY, newest=None), (stored("x"),))
    assert not is_beginning(MEMORY, ())


def test_the_past_is_looked_at_only_for_documents_that_need_it() -> None:
    assert is_remarkable(Changes(arrivals(*[None] * 10)), 500)
    assert is_remarkable(Changes(arrivals(None)), 1)
    assert not is_remarkable(Changes(arrivals(None)), 2)
    assert not is_remarkable(Changes(), 0)


def test_it_says_why_and_until_when() -> None:
    (flood,) = why_held(guard(Changes(arrivals(*[None] * 12)), {}, scene(12)), "a")
    assert flood.startswith("12 of its 12 entries are new at once")
    assert flood.endswith("; 12 held until the next fetch shows them again")
    (review,) = why_held(guard(Changes(sold()), {}, scene(3, facts=SOLD)), "a")
    assert review.endswith("; 3 held until you call `release a`")
    assert why_held(Changes(hold=REVIEW), "a") == ()

"""What servers and feeds say about when to come again, and what of it is no hint at all."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.fetch.hints import FeedHints, Hints, from_headers

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)  # a Wednesday
DATE = "Wed, 04 Mar 2026 12:00:00 GMT"
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
YEAR = timedelta(days=366)


@pytest.mark.parametrize(
    ("cache_control", "expected"),
    [
        ("max-age=3600", Hints(max_age=HOUR)),
        ("public, MAX-AGE=3600, must-revalidate", Hints(max_age=HOUR)),
        ('max-age="3600"', Hints(max_age=HOUR)),
        ("max-age=3600, max-age=60", Hints(max_age=HOUR)),
        ("s-maxage=60,max-age=3600", Hints(max_age=HOUR)),
        ('ext="a, max-age=9", max-age=3600', Hints(max_age=HOUR)),
        ("no-cache, max-age=3600", Hints(max_age=HOUR, no_cache=True)),
        ("no-store", Hints(no_store=True)),
        ('no-cache="set-cookie", max-age=3600', Hints(max_age=HOUR)),
        ("max-age=0", Hints()),
        ("max-age=-3600", Hints()),
        ("max-age=999999999", Hints()),
        ("max-age=" + "9" * 5000, Hints()),
        ("max-age=１２", Hints()),
        ("max-age=1h", Hints()),
        ("max-age", Hints()),
        ('=,;"\\, max-age = 60x', Hints()),
        ("", Hints()),
    ],
)
def test_rule_13_cache_control_is_read_and_nonsense_passed_over(cache_control: str, expected: Hints) -> None:
    assert from_headers((("cache-control", cache_control),), NOW) == expected


def test_cache_control_may_come_in_several_fields() -> None:
    fields = (("cache-control", "no-cache"), ("x", "y"), ("cache-control", "max-age=60"))
    assert from_headers(fields, NOW) == Hints(max_age=timedelta(minutes=1), no_cache=True)


@pytest.mark.parametrize(
    ("expires", "expected"),
    [
        ("Wed, 04 Mar 2026 15:00:00 GMT", 3 * HOUR),
        ("Wednesday, 04-Mar-26 15:00:00 GMT", 3 * HOUR),
        ("Wed Mar  4 15:00:00 2026", 3 * HOUR),
        ("Wed, 04 Mar 2026 11:00:00 GMT", None),
        (DATE, None),
        ("0", None),
        ("-1", None),
        ("Thu, 31 Dec 2037 23:55:55 GMT", None),
        ("Wed, 99 Mar 2026 15:00:00 GMT", None),
        ("soon", None),
        ("", None),
    ],
)
def test_rule_13_expires_is_read_in_all_three_forms_of_dates(expires: str, expected: timedelta | None) -> None:
    assert from_headers((("date", DATE), ("expires", expires)), NOW).expires == expected


def test_rule_13_dates_are_relative_to_the_servers_own_date() -> None:
    wrong_clock = (
        ("date", "Thu, 01 Jan 2015 00:00:00 GMT"),
        ("expires", "Thu, 01 Jan 2015 02:00:00 GMT"),
        ("retry-after", "Thu, 01 Jan 2015 03:00:00 GMT"),
    )
    assert from_headers(wrong_clock, NOW) == Hints(expires=2 * HOUR, retry_after=3 * HOUR)
    no_date = (("date", "?"), ("expires", "Wed, 04 Mar 2026 14:00:00 GMT"))
    assert from_headers(no_date, NOW) == Hints(expires=2 * HOUR)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["120"], timedelta(minutes=2)),
        ([" 172800 "], 2 * DAY),
        (["1.5"], timedelta(seconds=1.5)),
        (["Fri, 06 Mar 2026 12:00:00 GMT"], 2 * DAY),
        (["60", "3600", "?"], HOUR),
        (["99999999999"], YEAR),
        (["Fri, 06 Mar 9999 12:00:00 GMT"], YEAR),
        (["0"], None),
        (["-5"], None),
        (["Tue, 03 Mar 2026 12:00:00 GMT"], None),
        (["in an hour"], None),
        ([""], None),
        (["９"], None),
    ],
)
def test_rule_14_retry_after_is_read_as_seconds_or_date(values: list[str], expected: timedelta | None) -> None:
    headers = [("date", DATE), *(("retry-after", value) for value in values)]
    assert from_headers(headers, NOW).retry_after == expected


@pytest.mark.parametrize(
    ("hints", "expected"),
    [
        (Hints(max_age=HOUR, expires=DAY), HOUR),
        (Hints(expires=DAY), DAY),
        (Hints(max_age=HOUR, no_cache=True), None),
        (Hints(expires=DAY, no_store=True), None),
        (Hints(), None),
    ],
)
def test_rule_13_max_age_goes_before_expires_and_no_cache_before_both(hints: Hints, expected: timedelta | None) -> None:
    assert hints.fresh_for() == expected


numbers = st.integers().map(str) | st.floats().map(str)
names = st.sampled_from(["date", "expires", "retry-after", "cache-control"])
values = st.text(max_size=60) | numbers | numbers.map("max-age={}".format) | st.datetimes().map(lambda at: f"{at:%c}")


@given(st.lists(st.tuples(names, values), max_size=6))
def test_any_header_is_a_hint_within_bounds_or_none(headers: list[tuple[str, str]]) -> None:
    hints = from_headers(headers, NOW)
    for wait in (hints.max_age, hints.expires, hints.retry_after):
        assert wait is None or timedelta(0) < wait <= YEAR


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [(60, HOUR), (1440, DAY), (None, None), (0, None), (-5, None), (10**6, None), (10**30, None)],
)
def test_rule_13_ttl_and_update_period_are_minutes_within_reason(minutes: int, expected: timedelta | None) -> None:
    assert FeedHints(ttl_minutes=minutes).ttl() == expected
    assert FeedHints(update_minutes=minutes).update_every() == expected


def on(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("feed", "at", "expected"),
    [
        (FeedHints(), on(4, 12, 30), on(4, 12, 30)),
        (FeedHints(skip_hours=(12, 13)), on(4, 12, 30), on(4, 14)),
        (FeedHints(skip_hours=(12, 13)), on(4, 14, 30), on(4, 14, 30)),
        (FeedHints(skip_hours=(23, 24)), on(4, 23, 59), on(5, 1)),
        (FeedHints(skip_days=(2,)), on(4, 12, 30), on(5, 0)),
        (FeedHints(skip_days=(5, 6)), on(6, 23, 59), on(6, 23, 59)),
        (FeedHints(skip_days=(5, 6), skip_hours=tuple(range(1, 9))), on(7, 12), on(9, 0)),
        (FeedHints(skip_days=(2, 3, 4, 5, 6, 0)), on(4, 12), on(10, 0)),
        (FeedHints(skip_hours=tuple(range(24))), on(4, 12, 30), on(4, 12, 30)),
        (FeedHints(skip_hours=tuple(range(1, 25)), skip_days=(2,)), on(4, 12, 30), on(5, 0)),
        (FeedHints(skip_days=tuple(range(7))), on(4, 12, 30), on(4, 12, 30)),
        (FeedHints(skip_hours=(99, -1), skip_days=(8,)), on(4, 12, 30), on(4, 12, 30)),
    ],
)
def test_rule_19_skipped_hours_and_days_are_kept_where_they_leave_any(
    feed: FeedHints, at: datetime, expected: datetime
) -> None:
    assert feed.open_from(at) == expected


def test_rule_19_hours_are_gmt_whatever_zone_the_moment_is_given_in() -> None:
    beijing = datetime.fromisoformat("2026-03-04T20:30:00+08:00")
    assert FeedHints(skip_hours=(12,)).open_from(beijing) == on(4, 13)


hours = st.lists(st.integers(-2, 30), max_size=30).map(tuple)
days = st.lists(st.integers(-2, 9), max_size=9).map(tuple)


@given(hours, days, st.integers(0, 10**8).map(lambda seconds: NOW + timedelta(seconds=seconds)))
def test_rule_19_the_open_moment_is_never_before_and_stays_open(
    skip_hours: tuple[int, ...], skip_days: tuple[int, ...], at: datetime
) -> None:
    feed = FeedHints(skip_hours=skip_hours, skip_days=skip_days)
    opens = feed.open_from(at)
    assert at <= opens <= at + timedelta(days=7)
    assert feed.open_from(opens) == opens

"""When a source is asked again: never too early, later for good reasons, and not all at once."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.fetch.freshness import (
    NEVER,
    Habits,
    NextCheck,
    Policy,
    is_eternal,
    new_home,
    next_check,
    next_try,
    spread,
    watch_move,
)
from aggregator.fetch.hints import FeedHints, Hints
from aggregator.records import Move, Redirect

STARTED = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)
NOTHING = Hints()
DEFAULT = Policy()
ON_PURPOSE = Policy(interval=5 * MINUTE, on_purpose=True)


def after(hints: Hints = NOTHING, habits: Habits = Habits(), policy: Policy = DEFAULT) -> NextCheck:  # noqa: B008
    return next_check(policy, "source", STARTED, hints, habits)


def failed(failures: int = 1, status: int | None = None, hints: Hints = NOTHING, policy: Policy = DEFAULT) -> NextCheck:
    return next_try(policy, "source", STARTED, hints, failures=failures, status=status)


def feed(**said: int) -> Habits:
    return Habits(feed=FeedHints(**said))  # type: ignore[arg-type]


# --- after an answer --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hints", "habits", "wait", "why"),
    [
        (NOTHING, Habits(), HOUR, "every hour, as configured"),
        (Hints(max_age=5 * MINUTE), Habits(), HOUR, "every hour, as configured"),
        (
            Hints(max_age=3 * HOUR),
            Habits(),
            3 * HOUR,
            "every 3 hours: the server calls its answer good for 3 hours (max-age)",
        ),
        (
            Hints(expires=2 * HOUR),
            Habits(),
            2 * HOUR,
            "every 2 hours: the server calls its answer good for 2 hours (Expires)",
        ),
        (Hints(max_age=3 * HOUR, no_cache=True), Habits(), HOUR, "every hour, as configured"),
        (Hints(expires=3 * HOUR, no_store=True), Habits(), HOUR, "every hour, as configured"),
        (
            Hints(max_age=3 * DAY),
            Habits(),
            DAY,
            "every 24 hours at least: the server calls its answer good for 3 days (max-age)",
        ),
        (NOTHING, feed(ttl_minutes=90), 1.5 * HOUR, "every 1.5 hours: the feed asks for 1.5 hours (ttl)"),
        (
            NOTHING,
            feed(update_minutes=720),
            12 * HOUR,
            "every 12 hours: the feed says it is updated every 12 hours (sy:updatePeriod)",
        ),
        (
            Hints(max_age=2 * HOUR),
            feed(ttl_minutes=180, update_minutes=60),
            3 * HOUR,
            "every 3 hours: the feed asks for 3 hours (ttl)",
        ),
        (NOTHING, Habits(rhythm=12 * HOUR), 6 * HOUR, "every 6 hours: its rhythm is one article in 12 hours"),
        (NOTHING, Habits(rhythm=MINUTE), HOUR, "every hour, as configured"),
        (
            NOTHING,
            Habits(rhythm=30 * DAY),
            DAY,
            "every 24 hours at least: its rhythm is one article in 30 days",
        ),
    ],
)
def test_rule_13_the_longest_of_the_hints_counts_between_floor_and_cap(
    hints: Hints, habits: Habits, wait: timedelta, why: str
) -> None:
    check = after(hints, habits)
    assert (check.wait, check.why) == (wait, why)
    assert wait <= check.at - STARTED < wait + min(wait / 10, 10 * MINUTE)


def test_rule_20_a_source_that_fell_silent_slows_down_to_the_cap() -> None:
    def silent(silence: timedelta) -> NextCheck:
        return after(habits=Habits(rhythm=HOUR, newest=STARTED - silence))

    assert [silent(days * DAY).wait for days in (0.1, 1, 5, 100)] == [HOUR, 2.4 * HOUR, 12 * HOUR, DAY]
    assert silent(100 * DAY).why == "every 24 hours at least: nothing new for 100 days"
    assert silent(-5 * DAY).wait == HOUR


def test_rule_10_a_server_that_ignores_validators_is_asked_more_rarely() -> None:
    waits = [after(habits=Habits(heedless=count)).wait / HOUR for count in (0, 7, 8, 16, 24, 400, 10**6)]
    assert waits == [1, 1, 2, 4, 8, 24, 24]


def test_rule_11_an_interval_set_on_purpose_is_lengthened_by_retry_after_and_skipped_hours_only() -> None:
    slow = Habits(DAY, STARTED - 90 * DAY, 99, FeedHints(ttl_minutes=600, update_minutes=600))
    check = after(Hints(max_age=DAY), slow, ON_PURPOSE)
    assert (check.wait, check.why) == (5 * MINUTE, "every 5 minutes, as configured")
    check = after(Hints(retry_after=3 * HOUR), slow, ON_PURPOSE)
    assert (check.wait, check.why) == (3 * HOUR, "in 3 hours: the server asks for that (Retry-After)")
    skips = replace(slow, feed=FeedHints(skip_hours=(12, 13)))
    assert after(habits=skips, policy=ON_PURPOSE).at >= STARTED + 2 * HOUR


def test_rule_19_a_check_does_not_fall_into_skipped_hours() -> None:
    check = after(habits=Habits(feed=FeedHints(skip_hours=(13, 14))))
    assert STARTED + 3 * HOUR <= check.at < STARTED + 3 * HOUR + 6 * MINUTE
    assert check.why.startswith("every hour, as configured; moved to 15:0")
    assert check.why.endswith(" UTC, for the feed rules out the time before")


def test_rule_21_what_waits_for_the_end_of_skipped_hours_does_not_come_all_at_once() -> None:
    habits = Habits(feed=FeedHints(skip_hours=(13,)))
    assert len({next_check(DEFAULT, f"source{number}", STARTED, NOTHING, habits).at for number in range(100)}) == 100


def test_a_cap_below_the_floor_does_not_break_the_floor() -> None:
    policy = Policy(interval=2 * HOUR, max_interval=HOUR)
    assert after(Hints(max_age=DAY), policy=policy).wait == 2 * HOUR
    assert failed(9, policy=policy).wait == 2 * HOUR


# --- after a failure ----------------------------------------------------------------------------------------


def test_rule_17_failures_in_a_row_double_the_wait_up_to_the_cap() -> None:
    assert [failed(count).wait / HOUR for count in range(1, 8)] == [1, 2, 4, 8, 16, 24, 24]
    assert failed(10**9).wait == DAY
    assert failed(1).why == "in 1 hour: it failed"
    assert failed(3).why == "in 4 hours: it failed 3 times in a row"
    assert [failed(count, policy=ON_PURPOSE).wait / MINUTE for count in (1, 2, 3)] == [5, 10, 20]


@pytest.mark.parametrize("status", [429, 503])
def test_rule_15_a_busy_server_without_retry_after_is_left_alone_for_an_hour_at_least(status: int) -> None:
    assert failed(1, status, policy=ON_PURPOSE).wait == HOUR
    assert failed(2, status, policy=ON_PURPOSE).wait == 2 * HOUR
    assert failed(1, 500, policy=ON_PURPOSE).wait == 5 * MINUTE
    assert failed(1, status, Hints(retry_after=20 * MINUTE), ON_PURPOSE).wait == 20 * MINUTE


@pytest.mark.parametrize("status", [None, 200, 403, 404, 429, 500, 503])
def test_rule_14_retry_after_binds_up_to_seven_days_on_any_status(status: int | None) -> None:
    two_days = failed(1, status, Hints(retry_after=2 * DAY))
    assert two_days.at >= STARTED + 2 * DAY
    assert two_days.why == "in 2 days: the server asks for that (Retry-After)"
    assert failed(1, status, Hints(retry_after=WEEK)).at >= STARTED + WEEK
    assert failed(1, status, Hints(retry_after=300 * DAY)).wait == WEEK


@pytest.mark.parametrize("status", [429, 503])
def test_rule_14_max_age_of_a_busy_server_binds_too(status: int) -> None:
    check = failed(1, status, Hints(max_age=2 * DAY), ON_PURPOSE)
    assert (check.wait, check.why) == (2 * DAY, "in 2 days: the server is busy and asks for that (max-age)")
    assert failed(1, status, Hints(max_age=300 * DAY)).wait == WEEK
    assert failed(1, status, Hints(max_age=2 * DAY, no_cache=True)).wait == HOUR
    assert failed(1, 404, Hints(max_age=2 * DAY)).wait == HOUR
    assert failed(1, status, Hints(max_age=2 * HOUR, retry_after=3 * HOUR)).wait == 3 * HOUR


def test_rule_18_a_failure_does_not_bring_a_slow_source_back_sooner() -> None:
    waits = [next_try(DEFAULT, "s", STARTED, NOTHING, failures=n, usual=6 * HOUR).wait / HOUR for n in range(1, 7)]
    assert waits == [6, 6, 6, 8, 16, 24]


def test_rule_31_gone_is_for_good() -> None:
    check = failed(1, 410, Hints(retry_after=HOUR))
    assert (check.at, check.why) == (NEVER, "never: the server says it is gone for good (410)")


# --- laws ---------------------------------------------------------------------------------------------------

waits = st.none() | st.floats(1, 366 * 86_400).map(lambda seconds: timedelta(seconds=seconds))
policies = st.builds(
    Policy,
    st.floats(1, 3 * 86_400).map(lambda seconds: timedelta(seconds=seconds)),
    st.floats(1, 9 * 86_400).map(lambda seconds: timedelta(seconds=seconds)),
    st.booleans(),
)
hints_of_servers = st.builds(Hints, waits, waits, waits, st.booleans(), st.booleans())
minutes = st.none() | st.integers(-10, 10**7)
hours = st.lists(st.integers(-1, 25), max_size=26).map(tuple)
days = st.lists(st.integers(-1, 7), max_size=8).map(tuple)
feeds = st.builds(FeedHints, minutes, minutes) | st.builds(FeedHints, minutes, minutes, hours, days)
starts = st.integers(0, 10**8).map(lambda seconds: STARTED + timedelta(seconds=seconds))
habits_of_sources = st.builds(Habits, waits, st.none() | starts, st.integers(0, 10**6), feeds)
names = st.text(max_size=9)
statuses = st.none() | st.sampled_from([200, 301, 404, 429, 500, 503])


def is_lawful(
    check: NextCheck, policy: Policy, started: datetime, hints: Hints, feed: FeedHints, longest: timedelta
) -> bool:
    asked = min(hints.retry_after or timedelta(0), WEEK)
    skipped = WEEK if feed.skip_hours or feed.skip_days else timedelta(0)
    latest = skipped + min(check.wait / 10, 10 * MINUTE)
    late = check.at - started - check.wait
    assert check.at - started >= policy.interval, "never before the floor"
    assert check.at - started >= asked, "never before Retry-After"
    assert policy.interval <= check.wait <= max(longest, asked), "within the cap, but for Retry-After"
    assert timedelta(0) <= late <= latest, "jitter is bounded and never negative"
    assert feed.open_from(check.at) == check.at, "never in skipped hours"
    return bool(check.why)


@given(policies, names, starts, hints_of_servers, habits_of_sources)
def test_rules_11_to_14_after_an_answer_the_wait_is_within_its_bounds(
    policy: Policy, name: str, started: datetime, hints: Hints, habits: Habits
) -> None:
    check = next_check(policy, name, started, hints, habits)
    assert is_lawful(check, policy, started, hints, habits.feed, policy.longest)
    assert check == next_check(policy, name, started, hints, habits)


@given(policies, names, starts, hints_of_servers, st.integers(-1, 99), statuses, waits, feeds)
def test_rules_14_to_19_after_a_failure_the_wait_is_within_its_bounds_and_grows(
    policy: Policy,
    name: str,
    started: datetime,
    hints: Hints,
    failures: int,
    status: int | None,
    usual: timedelta | None,
    feed: FeedHints,
) -> None:
    def check(failures: int) -> NextCheck:
        known = min(usual or timedelta(0), policy.longest)
        found = next_try(policy, name, started, hints, failures=failures, status=status, usual=known, feed=feed)
        assert found.at >= started + known
        return found

    longest = max(policy.longest, WEEK if status in (429, 503) else timedelta(0))
    assert is_lawful(check(failures), policy, started, hints, feed, longest)
    assert check(failures).at <= check(failures + 1).at
    if status in (429, 503) and not hints.retry_after:
        assert check(failures).at >= started + HOUR


def test_rule_12_jitter_keeps_sources_apart_and_is_the_same_after_a_restart() -> None:
    def jitter(name: str, started: datetime = STARTED) -> timedelta:
        return next_check(DEFAULT, name, started, NOTHING, Habits()).at - started - HOUR

    found = [jitter(f"source{number}") for number in range(1000)]
    assert found == [jitter(f"source{number}") for number in range(1000)]
    assert len(set(found)) > 990
    thirds = Counter(int(wait / (2 * MINUTE)) for wait in found)
    assert min(thirds[third] for third in range(3)) > 250
    assert jitter("a") != jitter("a", STARTED + HOUR)


# --- many sources at a time -----------------------------------------------------------------------------------


def test_rule_21_ten_thousand_new_sources_stay_spread_over_the_interval() -> None:
    names = [f"source{number}" for number in range(10_000)]
    due = spread(names, now=STARTED, over=HOUR, at_once=64)
    for _ in range(3):
        due = {name: next_check(DEFAULT, name, at, NOTHING, Habits()).at for name, at in due.items()}
    per_minute = Counter(at.replace(second=0, microsecond=0) for at in due.values())
    assert max(per_minute.values()) <= 3 * len(names) / 60


@given(st.integers(0, 300), st.integers(0, 99))
def test_rule_21_small_sets_start_at_once_and_others_evenly(count: int, at_once: int) -> None:
    names = [f"source{number}" for number in range(count)]
    starts = list(spread(names, now=STARTED, over=HOUR, at_once=at_once).values())
    assert starts == sorted(starts)
    assert len(starts) == count
    assert sum(start == STARTED for start in starts) == min(count, at_once)
    if count > at_once:
        assert starts[-1] == STARTED + HOUR
        late = starts[at_once:]
        gaps = [later - earlier for earlier, later in pairwise(late)]
        assert all(abs(gap - HOUR / (count - at_once)) < timedelta(milliseconds=1) for gap in gaps)


def test_rule_22_what_is_overdue_comes_at_a_bearable_rate() -> None:
    names = [f"source{number}" for number in range(10_000)]
    starts = spread(names, now=STARTED, over=len(names) * timedelta(seconds=0.05), at_once=64)
    per_second = Counter(start.replace(microsecond=0) for start in starts.values())
    assert per_second.pop(STARTED) <= 64 + 21
    assert max(per_second.values()) <= 21


# --- what is remembered ---------------------------------------------------------------------------------------


def test_a_server_that_says_not_modified_for_ever_is_asked_without_validators_once() -> None:
    assert not is_eternal(None, STARTED, None)
    assert not is_eternal(STARTED - 7.9 * DAY, STARTED, None)
    assert is_eternal(STARTED - 8 * DAY, STARTED, None)
    assert is_eternal(STARTED - 8 * DAY, STARTED, HOUR)
    assert not is_eternal(STARTED - 80 * DAY, STARTED, 30 * DAY)
    assert is_eternal(STARTED - 90 * DAY, STARTED, 30 * DAY)


OLD = "http://example.org/feed"
NEW = "https://example.org/new"


def hops(*answers: tuple[int, str]) -> tuple[Redirect, ...]:
    return tuple(Redirect(status, url) for status, url in answers)


def test_rule_28_a_move_is_believed_after_three_polls_over_seven_days() -> None:
    move = None
    for day, believed in ((0, False), (1, False), (6.9, False), (7, True)):
        at = STARTED + day * DAY
        move = watch_move(move, OLD, hops((301, NEW)), started=at)
        assert new_home(move, at) == (NEW if believed else None)
    assert move == Move(NEW, STARTED, 4)


def test_rule_28_two_polls_a_week_apart_are_not_enough() -> None:
    move = watch_move(Move(NEW, STARTED), OLD, hops((308, NEW)), started=STARTED + WEEK)
    assert new_home(move, STARTED + WEEK) is None
    assert new_home(None, STARTED) is None


@pytest.mark.parametrize(
    "redirects",
    [
        (),
        hops((302, NEW)),
        hops((301, "https://example.org/between"), (307, NEW)),
        hops((303, "https://example.org/between"), (301, NEW)),
    ],
)
def test_rule_28_only_a_chain_of_permanent_redirects_counts(redirects: tuple[Redirect, ...]) -> None:
    assert watch_move(Move(NEW, STARTED, 9), OLD, redirects, started=STARTED) is None


def test_rule_28_another_target_starts_the_watch_anew() -> None:
    later = STARTED + WEEK
    assert watch_move(Move("https://a/", STARTED, 9), OLD, hops((301, NEW)), started=later) == Move(NEW, later, 1)


@pytest.mark.parametrize(
    ("url", "redirects", "watched"),
    [
        ("http://a/", hops((301, "http://b/")), True),
        ("http://a/", hops((301, "https://b/")), True),
        ("HTTPS://a/", hops((301, "https://b/")), True),
        ("https://a/", hops((301, "http://b/")), False),
        ("https://a/", hops((301, "http://b/"), (301, "https://c/")), False),
    ],
)
def test_rule_28_a_move_does_not_give_up_https(url: str, redirects: tuple[Redirect, ...], watched: bool) -> None:
    assert (watch_move(None, url, redirects, started=STARTED) is not None) is watched


def test_rule_21_sources_that_began_together_go_their_own_ways_over_the_whole_interval() -> None:
    started = datetime(2026, 11, 22, tzinfo=UTC)
    policy = Policy(timedelta(hours=1))
    checks = [next_check(policy, f"s{n}", started, Hints(), Habits(), scatter=True) for n in range(10_000)]
    minutes = Counter((check.at - started) // timedelta(minutes=1) for check in checks)
    assert min(minutes) >= 60
    assert max(minutes.values()) <= 3 * 10_000 / 60
    on_purpose = Policy(timedelta(minutes=5), on_purpose=True)
    assert next_check(on_purpose, "s", started, Hints(), Habits(), scatter=True).at <= started + timedelta(minutes=5.5)

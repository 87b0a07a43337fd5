"""What is told of sources, documents and the disk: each change once, in words that say what helps."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.records import Outcome, SourceReport
from aggregator.status import (
    WELL,
    Change,
    Disk,
    Tally,
    bucket_of,
    by_day,
    by_hour,
    by_seconds,
    disk_changes,
    document_changes,
    low_disk,
    remedy,
    source_changes,
)

NOW = datetime(2031, 5, 1, 20, 30, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")
GOOD = SourceReport("a", "https://example.org/", "feed", "", "healthy", 5, NOW, NOW, NOW, "", NOW, 0, None, "", 1.0)


def failing(times: int) -> SourceReport:
    return replace(GOOD, state="failing", failures=times, last_error="no answer", failure="connect")


GONE = replace(GOOD, state="gone", failures=1, last_error="410 Gone")
SILENT = replace(GOOD, state="silent")


def lived(reports: Sequence[SourceReport]) -> list[str]:
    """Let a source go through states, and give the kinds of what is told of it."""
    told: dict[str, str] = {}
    kinds: list[str] = []
    for number, report in enumerate(reports):
        for change in source_changes(report, told, NOW + timedelta(hours=number)):
            take(told, change)
            kinds += [change.event.kind] if change.event else []
    return kinds


def take(told: dict[str, str], change: Change) -> None:
    if change.state == WELL:
        told.pop(change.subject, None)
    else:
        told[change.subject] = change.state


@pytest.mark.parametrize(("reports", "kinds"), [
    ([failing(1), failing(2), GOOD], []),
    ([failing(1), failing(2), failing(3), failing(4)], ["failing"]),
    ([failing(3), GOOD, GOOD], ["failing", "well"]),
    ([failing(3), GOOD, failing(1), failing(2), failing(3)], ["failing", "well", "failing"]),
    ([GONE, GONE, GOOD], ["gone", "well"]),
    ([failing(3), GONE], ["failing", "gone"]),
    ([SILENT, SILENT, failing(1), SILENT, GOOD], ["silent", "well"]),
    ([replace(GOOD, fetched_from="https://new.example.org/"), replace(GOOD, fetched_from="https://new.example.org/")],
     ["moved"]),
    ([replace(GOOD, fetched_from="https://new.example.org/"), GOOD], ["moved"]),
])  # fmt: skip
def test_each_change_of_a_source_is_told_once(reports: list[SourceReport], kinds: list[str]) -> None:
    assert lived(reports) == kinds


@given(st.lists(st.sampled_from([GOOD, SILENT, GONE, failing(1), failing(2), failing(3), failing(9)]), max_size=30))
def test_whatever_a_source_goes_through_the_same_is_never_told_twice_in_a_row(reports: list[SourceReport]) -> None:
    kinds = lived(reports)
    assert all(one != other for one, other in itertools.pairwise(kinds))
    assert not kinds or kinds[0] != "well"


def test_an_event_has_a_name_that_a_path_can_hold_and_says_what_helps() -> None:
    strange = replace(failing(3), name="中文/ \n name")
    (change,) = source_changes(strange, {}, NOW)
    assert change.event is not None
    assert change.event.code.startswith("status-20310501203000-")
    assert change.event.code.replace("-", "").isalnum()
    assert "its server does not answer" in change.event.text


def test_a_source_that_is_well_needs_no_remedy_and_one_with_a_new_address_gets_it() -> None:
    assert remedy(GOOD) == ""
    assert "https://new.example.org/feed" in remedy(replace(failing(4), proposed_url="https://new.example.org/feed"))


def test_a_refused_document_is_told_when_it_is_refused_and_when_it_passes() -> None:
    told: dict[str, str] = {}
    kinds = []
    for refused, passed in (({"feed.atom": "bad"}, []), ({"feed.atom": "bad"}, []), ({}, ["feed.rss"]),
                            ({}, ["feed.atom"]), ({}, ["feed.atom"])):  # fmt: skip
        for change in document_changes(refused, passed, told, NOW):
            take(told, change)
            kinds += [change.event.kind] if change.event else []
    assert kinds == ["refused", "passed"]


def test_a_full_disk_is_told_once_and_so_is_its_end() -> None:
    low = low_disk([Disk("data", 5_000_000, 10**9), Disk("public", 10**9, 10**9)], 200_000_000)
    assert low.startswith("data has 5.0 MB free, less than the 200.0 MB of [store] min_free")
    assert low_disk([Disk("data", 200_000_000, 10**9)], 200_000_000) == ""
    (change,) = disk_changes(low, {}, NOW)
    told = {change.subject: change.state}
    assert list(disk_changes(low, told, NOW)) == []
    assert [each.state for each in disk_changes("", told, NOW)] == [WELL]


def test_days_are_the_site_s_and_hours_have_no_gaps() -> None:
    tally = Tally(SHANGHAI)
    tally.note(Outcome("a", "ok", new=3, merged=1, seconds=0.2), NOW)
    tally.note(Outcome("a", "failed", seconds=40), NOW - timedelta(hours=2))
    tally.note(Outcome("a", "not-due"), NOW)
    days, hours = list(by_day(tally.fresh, NOW, SHANGHAI)), list(by_hour(tally.fresh, NOW))
    assert (len(days), f"{days[-1][0]}", days[-1][1]["new"], days[-1][1]["merged"]) == (30, "2031-05-02", 3, 1)
    assert [sum(counts.values()) for _, counts in hours[-4:]] == [0, 1, 0, 1]
    assert {label: n for label, n in by_seconds(tally.fresh, NOW).items() if n} == {"0.25": 1, "+Inf": 1}


def test_an_answer_is_counted_under_the_first_bound_that_holds_it() -> None:
    assert [bucket_of(seconds) for seconds in (0, 0.1, 0.11, 30, 31)] == ["0.1", "0.1", "0.25", "30", "+Inf"]

"""The politeness ledger: two hundred scripted sources over three days with twenty restarts, and a few for weeks.

By default one source of each behaviour is played for half as long: less than half of the requests, and all that the
rules are about. Each rule of HTTP citizenship is checked over everything that was asked, and each checker must see the
rule broken.
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from politeness_daemon import CONTACT, Daemon, Kept, Life, Log, lives, source_names
from politeness_origin import Answer, Asked
from politeness_rules import CHECKS, HEEDLESS, Script, violations
from politeness_script import DAY, HEALTHY, HOUR, SECRET, START, Feed, some_days, some_weeks, twins

Ledger = tuple[Log, Script]
SOURCES, HOURS, RESTARTS = 200, 72, 20

MEANINGS = {
    1: "the first fetch is unconditional, every later one is not",
    2: "an ETag goes back byte for byte",
    3: "a Last-Modified goes back byte for byte",
    4: "both validators go back where both were given",
    5: "every 200 replaces both validators",
    6: "a 304 replaces the validator that it carries",
    7: "validators stand for what is stored",
    8: "validators survive a restart",
    9: "validators belong to the URL that gave them",
    10: "a server that sends the same ETag each time is asked more rarely",
    11: "the floor is kept",
    12: "and not a second less",
    13: "hints are heeded, nonsense is not",
    14: "Retry-After binds",
    15: "the busy are left alone for an hour and longer each time",
    16: "a host with two refused feeds is left alone",
    17: "failures are answered by patience",
    18: "a failure brings nobody back sooner",
    19: "skipped hours and days are kept",
    20: "silent feeds are asked rarely",
    21: "no minute holds far more than the others",
    22: "what is overdue after a downtime is spread",
    23: "a forced refresh sends validators",
    24: "one request at a time per host",
    25: "few requests at a time in all",
    26: "only the feed is fetched",
    27: "one address of several sources is fetched once",
    28: "moves are believed late",
    29: "a move keeps what was",
    30: "redirects are bounded",
    31: "gone is gone",
    33: "it says who it is",
    34: "nothing else is sent",
    35: "it says what it reads",
    36: "a part is taken as a part",
    37: "connections are closed",
    38: "secrets stay at their origin",
}


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A folder in memory where there is one: waiting for the disk is no part of this."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="politeness-", dir=memory if memory.is_dir() else None) as name:
        yield Path(name)


def played(folder: Path, script: Script, whole: list[Life], interval: str = "1h") -> Ledger:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POLITENESS_TOKEN", SECRET)
        return Daemon(folder, script, interval).play(whole), script


@pytest.fixture(scope="session")
def days(folder: Path) -> Ledger:
    script = some_days(SOURCES)
    return played(folder / "days", script, lives(HOURS, RESTARTS, sorted(script)))


@pytest.fixture(scope="session")
def weeks(folder: Path) -> Ledger:
    return played(folder / "weeks", some_weeks(), lives(18 * 24, 8, ()), "6h")


@pytest.fixture(scope="session")
def sharing(folder: Path) -> Ledger:
    return played(folder / "sharing", twins(), lives(72, 10, ()))


@pytest.mark.parametrize("rule", sorted(CHECKS), ids=lambda rule: f"rule {rule}: {MEANINGS[rule]}")
def test_the_rule_is_kept(days: Ledger, weeks: Ledger, sharing: Ledger, rule: int) -> None:
    for ledger in (days, weeks, sharing):
        assert violations(rule, *ledger) == []


def test_every_rule_of_a_client_is_checked_and_named() -> None:
    assert set(CHECKS) == set(MEANINGS) == set(CONTROLS) == set(range(1, 39)) - {32}


# --- what the ledger must hold, lest a rule is kept because nothing happened ------------------------------------


def test_the_ledger_holds_what_it_should(days: Ledger) -> None:
    log, script = days
    assert sum(feed.sources for feed in script.values()) == SOURCES
    assert len(log.starts) == RESTARTS + 1
    assert len(log.requests) > 10_000
    assert {asked.feed for asked in log.requests} == set(script)
    statuses = Counter(asked.answer.status for asked in log.requests)
    assert set(statuses) == {0, 200, 226, 301, 302, 303, 304, 307, 308, 401, 403, 404, 410, 429, 500, 502, 503}
    assert {asked.process for asked in log.requests} == set(range(RESTARTS + 1))
    assert len(log.forced) >= 9
    assert not [problem for _, outcome in log.outcomes for problem in outcome.problems if "internal" in problem]


def test_feeds_that_moved_for_good_are_asked_at_their_new_address_in_the_end(weeks: Ledger) -> None:
    log, script = weeks
    for name, feed in script.items():
        kept, last = log.stored[name], [asked for asked in log.requests if asked.feed == name][-1]
        assert bool(kept.used) == feed.moves, name
        assert not feed.moves or kept.used == last.url


def test_a_feed_behind_an_eternal_304_is_asked_for_everything_once_in_eight_days(weeks: Ledger) -> None:
    log, _ = weeks
    whole = [asked.at for asked in log.requests if asked.feed == "staying-stuck-0" and asked.answer.status == 200]
    assert len(whole) in (2, 3)  # the first, and one or two more
    assert min(later - earlier for earlier, later in pairwise(whole)) > 8 * DAY


def test_sources_with_one_address_all_get_its_articles(sharing: Ledger) -> None:
    log, script = sharing
    read = Counter(outcome.source for _, outcome in log.outcomes if outcome.outcome == "ok")
    for feed in script.values():
        first, second = source_names(feed)
        assert read[first] == read[second] > 3


# --- each checker must see its rule broken --------------------------------------------------------------------------

A, B = b'"1"', b'"2"'
MONDAY, TUESDAY = b"Mon, 28 Apr 2031 00:00:00 GMT", b"Tue, 29 Apr 2031 00:00:00 GMT"
POLITE = {
    "user-agent": f"aggregator/0.1.0 (+{CONTACT})".encode(),
    "accept": b"application/atom+xml, application/rss+xml, application/rdf+xml, application/feed+json, */*;q=0.1",
    "accept-encoding": b"gzip, deflate, br",
    "connection": b"close",
}
Pair = tuple[bytes | None, bytes | None]
NONE: Pair = (None, None)
BOTH: Pair = (A, MONDAY)
ONE_FEED = {"a": Feed("a", "127.0.0.2", HEALTHY)}


def asked(
    hours: float,
    target: str = "/a",
    *,
    sent: Pair = NONE,
    gave: Pair = NONE,
    status: int = 200,
    answer: Answer | None = None,
    with_header: tuple[str, bytes] | None = None,
    **more: object,
) -> Asked:
    """One line of a doctored ledger; the answer is a whole feed where it can be one."""
    fields = (("if-none-match", sent[0]), ("if-modified-since", sent[1]))
    headers = POLITE | {name: value for name, value in fields if value} | dict([with_header] if with_header else [])
    given = tuple((name, value) for name, value in zip(("ETag", "Last-Modified"), gave, strict=True) if value)
    made = replace(answer or Answer(status, feed=status == 200), headers=given)
    at, name = START + timedelta(seconds=round(hours * 3600)), target.split("/")[1]
    return Asked(at, name, "127.0.0.2", target, tuple(headers.items()), made, **more)  # type: ignore[arg-type]


def log_of(*requests: Asked, **more: object) -> Log:
    return Log(requests=requests, ends=START + 100 * DAY, **more)  # type: ignore[arg-type]


def doctored(*requests: Asked, **more: object) -> Callable[[], Ledger]:
    return lambda: (log_of(*requests, **more), ONE_FEED)


def with_feed(*requests: Asked, **traits: object) -> Callable[[], Ledger]:
    return lambda: (log_of(*requests), {"a": replace(ONE_FEED["a"], **traits)})  # type: ignore[arg-type]


def feeds(count: int) -> dict[str, Feed]:
    return {f"f{number}": Feed(f"f{number}", "127.0.0.2", HEALTHY) for number in range(count)}


def a_refused_host() -> Ledger:
    refused = Answer(429, retry=5 * HOUR)
    return log_of(asked(0, "/f0", answer=refused), asked(0.1, "/f1", answer=refused), asked(1, "/f2")), feeds(3)


def a_crowded_minute() -> Ledger:
    """Fifty feeds come together once, in fifty seconds; otherwise they are far apart."""
    script = feeds(50)
    apart = [
        asked(5 * turn + number * (turn + 1) / 40, f"/f{number}") for turn in (0, 2, 3, 4, 5) for number in range(50)
    ]
    together = [asked(5 + number / 3600, f"/f{number}") for number in range(50)]
    return log_of(*sorted([*apart, *together], key=lambda each: each.at)), script


def a_herd() -> Ledger:
    return log_of(*(asked(0, f"/f{number}") for number in range(17))), feeds(17)


def a_forced_fetch_of_everything() -> Ledger:
    forced = frozenset({(START + 2 * HOUR, "a")})
    return log_of(asked(0, gave=BOTH), asked(2), forced=forced), ONE_FEED


def an_overwritten_address() -> Ledger:
    return log_of(stored={"a": Kept("127.0.0.2/new", "127.0.0.2/new", ())}), ONE_FEED


POLLED = asked(0, gave=BOTH)
HEEDLESS_SPELL = [asked(1.1 * turn, sent=(A, None) if turn else NONE, gave=(A, None)) for turn in range(HEEDLESS + 3)]
PAGE = asked(2, sent=BOTH, gave=(B, TUESDAY), answer=Answer())

CONTROLS: dict[int, Callable[[], Ledger]] = {
    1: doctored(POLLED, asked(2)),
    2: doctored(POLLED, asked(2, sent=(b'W/"1"', MONDAY))),
    3: doctored(POLLED, asked(2, sent=(A, b"Mon, 28 Apr 2031 00:00:00 +0000"))),
    4: doctored(POLLED, asked(2, sent=(A, None))),
    5: doctored(POLLED, asked(2, sent=BOTH, gave=(B, TUESDAY)), asked(4, sent=BOTH)),
    6: doctored(POLLED, asked(2, sent=BOTH, gave=(B, None), status=304), asked(4, sent=BOTH)),
    7: doctored(POLLED, PAGE, asked(4, sent=(B, TUESDAY))),
    8: doctored(POLLED, asked(2, process=1)),
    9: doctored(asked(0, status=302), asked(0, "/a/end", gave=BOTH), asked(2, sent=BOTH, status=304)),
    10: doctored(*HEEDLESS_SPELL),
    11: doctored(POLLED, asked(0.5, sent=BOTH, status=304)),
    12: doctored(POLLED, asked(3599 / 3600, sent=BOTH, status=304)),
    13: doctored(asked(0, answer=Answer(feed=True, wait=2 * HOUR)), asked(1.5)),
    14: doctored(asked(0, answer=Answer(503, retry=5 * HOUR)), asked(2)),
    15: doctored(asked(0, status=503), asked(1.1, status=503), asked(2.3)),
    16: a_refused_host,
    17: doctored(asked(0, status=500), asked(1.1, status=500), asked(2.3)),
    18: doctored(asked(0, answer=Answer(feed=True, wait=6 * HOUR)), asked(6.5, status=500), asked(8)),
    19: doctored(asked(0, answer=Answer(feed=True, skip_hours=frozenset({10}))), asked(2.2)),
    20: with_feed(*(asked(2 * turn) for turn in range(4)), slow=DAY),
    21: a_crowded_minute,
    22: a_herd,
    23: a_forced_fetch_of_everything,
    24: doctored(asked(0, beside=1)),
    25: doctored(asked(0, in_all=17)),
    26: doctored(asked(0), asked(0, "/a/picture.png")),
    27: with_feed(asked(0), asked(0), sources=2),
    28: doctored(asked(0, status=301), asked(0, "/a/end"), asked(2, "/a/end")),
    29: an_overwritten_address,
    30: doctored(*(asked(0, f"/a/{hop}" if hop else "/a", status=302) for hop in range(7))),
    31: doctored(asked(0, status=410), asked(30)),
    33: doctored(asked(0, with_header=("user-agent", b"Mozilla/5.0"))),
    34: doctored(asked(0, with_header=("cookie", b"sid=1"))),
    35: doctored(asked(0, with_header=("accept-encoding", b"zstd"))),
    36: doctored(asked(0, with_header=("a-im", b"feed"))),
    37: doctored(asked(0, with_header=("connection", b"keep-alive"))),
    38: doctored(asked(0, with_header=("authorization", b"Bearer " + SECRET.encode()))),
}


@pytest.mark.parametrize("rule", sorted(CHECKS), ids=lambda rule: f"rule {rule}: {MEANINGS[rule]}")
def test_breaking_the_rule_is_seen_by_its_checker_and_by_no_other(rule: int) -> None:
    ledger = CONTROLS[rule]()
    assert {number for number in CHECKS if violations(number, *ledger)} == {rule}


def test_a_violation_is_said_with_its_moment_and_its_address() -> None:
    assert violations(11, *CONTROLS[11]()) == ["01 08:30:00 127.0.0.2/a (process 0): asked again after 0:30:00"]

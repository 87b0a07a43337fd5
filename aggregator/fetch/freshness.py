"""When to ask again: a pure policy. What is due stands in the rows; this says what to write there, and why.

Servers are asked at most once per interval (a floor, counted from the start of the request), later when they or the
feed say so, later when little happens there, and never sooner because of a failure (CITIZENSHIP 10–22, 28, 31).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from aggregator.fetch.failures import in_words
from aggregator.fetch.hints import SAYS_NOTHING, FeedHints, Hints
from aggregator.records import Move, Redirect

NEVER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)

_NONE = timedelta(0)
_LONGEST_RETRY_AFTER = timedelta(days=7)
_BUSY = frozenset({429, 503})
_GONE = 410
_START_WHEN_BUSY = timedelta(hours=1)
_LONGEST_JITTER = timedelta(minutes=10)
_LAST_DOUBLING = 20
_SILENCE_SHARE = 10  # RFC 9111 §4.2.2: a tenth of the time since the last change
_HEEDLESS = 8  # full answers in a row to a question for changes, until it is asked more rarely
_ETERNAL = timedelta(days=8)
_MOVED_POLLS = 3
_MOVED_FOR = timedelta(days=7)
_PERMANENT = frozenset({301, 308})


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator set for a source. `interval` is the floor; `on_purpose`: it was set shorter for this source
    than for the others, so nobody's hints lengthen it but Retry-After and the hours that the feed rules out."""

    interval: timedelta = timedelta(hours=1)
    max_interval: timedelta = timedelta(hours=24)
    on_purpose: bool = False

    @property
    def longest(self) -> timedelta:
        """The cap: never below the floor."""
        return max(self.interval, self.max_interval)


@dataclass(frozen=True, slots=True)
class NextCheck:
    """When to ask again, and why, in words for the operator. `wait` is the time from the start of the last request
    without what was added to keep sources apart."""

    at: datetime
    why: str
    wait: timedelta


@dataclass(frozen=True, slots=True)
class Habits:
    """What is known of how a source behaves. `rhythm`: the usual gap between its entries; `newest`: when its newest one
    came; `heedless`: how many whole answers in a row it gave although it was asked whether anything changed and nothing
    had; `feed`: what its document says."""

    rhythm: timedelta | None = None
    newest: datetime | None = None
    heedless: int = 0
    feed: FeedHints = SAYS_NOTHING


def next_check(
    policy: Policy, name: str, started: datetime, hints: Hints, habits: Habits, *, scatter: bool = False
) -> NextCheck:
    """Say when to ask again after an answer that was no failure (200, 304) to a request begun at `started`.

    `scatter`: many sources began together; this one goes its own way from now on, up to one interval later, once.
    """
    wait, why = policy.interval, f"{_every(policy.interval)}, as configured"
    for longer, reason in () if policy.on_purpose else _reasons(started, hints, habits):
        if min(longer, policy.longest) > wait:
            wait = min(longer, policy.longest)
            why = f"{_every(wait)}{' at least' if longer > wait else ''}: {reason}"
    check = _settle(name, started, wait, why, hints, habits.feed)
    if not scatter or policy.on_purpose:
        return check
    later = habits.feed.open_from(check.at + policy.interval * _fraction(name, started))
    return NextCheck(later, f"{check.why}; once later, to keep many sources apart", check.wait)


def next_try(
    policy: Policy,
    name: str,
    started: datetime,
    hints: Hints,
    *,
    failures: int,
    status: int | None = None,
    usual: timedelta = _NONE,
    feed: FeedHints = SAYS_NOTHING,
) -> NextCheck:
    """Say when to ask again after a failure: twice as late per failure in a row, up to the cap.

    `failures` counts this one too. `usual` is the last `NextCheck.wait` after a success: a failure is no reason to come
    sooner. 410 ends it for good; what a busy server (429, 503) says in max-age counts as Retry-After.
    """
    if status == _GONE:
        return NextCheck(NEVER, "never: the server says it is gone for good (410)", NEVER - started)
    first = max(policy.interval, _START_WHEN_BUSY if status in _BUSY and not hints.retry_after else _NONE)
    doubled: timedelta = first * (1 << min(max(failures, 1) - 1, _LAST_DOUBLING))
    wait = max(first, min(max(doubled, usual), policy.longest))
    why = f"in {in_words(wait)}: {_counted(failures)}"
    if status in _BUSY and (quiet := _cut(hints.fresh_for())) > wait:
        wait, why = quiet, f"in {in_words(quiet)}: the server is busy and asks for that (max-age)"
    return _settle(name, started, wait, why, hints, feed)


def spread(names: Sequence[str], *, now: datetime, over: timedelta, at_once: int) -> dict[str, datetime]:
    """Give each source its start: the first `at_once` now, the others evenly over the time `over`, in this order.

    For new sources `over` is the interval; for those overdue after a downtime, their count at a bearable rate.
    """
    later = len(names) - at_once
    return {name: now + over * (max(0, place - at_once + 1) / max(later, 1)) for place, name in enumerate(names)}


def is_eternal(since: datetime | None, now: datetime, rhythm: timedelta | None) -> bool:
    """Tell whether a server has said "not modified" for too long to be believed: then ask once without validators.

    `since` is the first of the unbroken row of 304s. Eight days, and three of the source's usual gaps: a server with
    stuck validators would otherwise hide a living feed for ever, and a rare writer is no reason to ask for everything.
    """
    return since is not None and now - since >= max(_ETERNAL, 3 * (rhythm or _NONE))


def watch_move(move: Move | None, url: str, redirects: Sequence[Redirect], *, started: datetime) -> Move | None:
    """Give what is to be remembered of a redirect after a poll of `url` that ended in a feed, or in 304 for one.

    None where there is nothing to watch: a hop that is not permanent, or a way that leaves https. After a poll that
    ended in no feed (a page, say) the caller forgets the move; after one that failed it keeps it as it is.
    """
    if not redirects or any(hop.status not in _PERMANENT for hop in redirects):
        return None
    target = redirects[-1].url
    if _secure(url) and not all(_secure(hop.url) for hop in redirects):
        return None
    if move is None or move.target != target:
        return Move(target, started)
    return Move(target, move.since, move.polls + 1)


def new_home(move: Move | None, now: datetime) -> str | None:
    """Give the address to ask from now on, once a move has been seen on three polls over a week."""
    settled = move is not None and move.polls >= _MOVED_POLLS and now - move.since >= _MOVED_FOR
    return move.target if move and settled else None


def _reasons(started: datetime, hints: Hints, habits: Habits) -> Iterable[tuple[timedelta, str]]:
    """Give what speaks for a longer wait. An entry every two days is looked for once a day: at half the gap."""
    if fresh := hints.fresh_for():
        yield fresh, f"the server calls its answer good for {in_words(fresh)} ({_header(hints)})"
    if ttl := habits.feed.ttl():
        yield ttl, f"the feed asks for {in_words(ttl)} (ttl)"
    if every := habits.feed.update_every():
        yield every, f"the feed says it is updated every {in_words(every)} (sy:updatePeriod)"
    if habits.rhythm:
        yield habits.rhythm / 2, f"its rhythm is one article in {in_words(habits.rhythm)}"
    if habits.newest and (silence := started - habits.newest) > _NONE:
        yield silence / _SILENCE_SHARE, f"nothing new for {in_words(silence)}"
    if habits.heedless >= _HEEDLESS:
        longer = timedelta(hours=1 << min(habits.heedless // _HEEDLESS, _LAST_DOUBLING))
        yield longer, "the server sends everything each time, although nothing changed"


def _settle(name: str, started: datetime, wait: timedelta, why: str, hints: Hints, feed: FeedHints) -> NextCheck:
    """Put on what binds always: Retry-After, jitter (only ever later), and the hours that the feed rules out."""
    if (asked := _cut(hints.retry_after)) > wait:
        wait, why = asked, f"in {in_words(asked)}: the server asks for that (Retry-After)"
    jitter = min(wait / 10, _LONGEST_JITTER) * _fraction(name, started)
    opens = feed.open_from(started + wait)
    at = feed.open_from(opens + jitter)
    if at != started + wait + jitter:
        why += f"; moved to {at:%H:%M} UTC, for the feed rules out the time before"
    return NextCheck(at, why, wait)


def _fraction(name: str, started: datetime) -> float:
    """Give a number from 0 to below 1, always the same for the same source and moment, and unlike for others."""
    digest = blake2b(f"{name}\n{started.isoformat()}".encode("utf-8", "replace"), digest_size=6).digest()
    return int.from_bytes(digest, "big") / 2**48


def _cut(wait: timedelta | None) -> timedelta:
    return min(wait or _NONE, _LONGEST_RETRY_AFTER)


def _every(wait: timedelta) -> str:
    return f"every {in_words(wait).removeprefix('1 ')}"


def _counted(failures: int) -> str:
    return "it failed" if failures <= 1 else f"it failed {failures} times in a row"


def _header(hints: Hints) -> str:
    return "max-age" if hints.max_age else "Expires"


def _secure(url: str) -> bool:
    return url.lower().startswith("https:")

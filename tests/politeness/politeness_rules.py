"""The rules of HTTP citizenship as pure checkers over the ledger: `violations(rule, log, script)`.

Rules 1 to 38 are those of a client. Three of them cannot be seen whole in simulated time and are proven elsewhere, too:
24 and 25 by the clock on the wall (tests/fetch/test_fetch_politeness.py; here, that a host gets one request at a time,
and all hosts no more than allowed), 37 by servers that drip (tests/fetch/test_fetch_hostile.py; here, that each
connection is closed). 21 for ten thousand feeds is in tests/fetch/test_fetch_freshness.py. 32 is optional and about
TLS: that a move never gives up https stands there.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from politeness_daemon import AT_ONCE, CONTACT, Log, source_names
from politeness_origin import Answer, Asked
from politeness_script import DAY, HOUR, MINUTE, SECRET, Feed

Script = Mapping[str, Feed]
Check = Callable[[Log, Script], Iterator[str]]

CAP, WEEK = DAY, 7 * DAY
HEEDLESS = 8
ETERNAL = 8 * DAY
MOVED_POLLS = 3
SPREAD_A_MINUTE = 30
_REDIRECTS = (301, 302, 303, 307, 308)
_PERMANENT = (301, 308)
_BUSY = (429, 503)
_SLACK = timedelta(seconds=1)
_FORBIDDEN = ("cookie", "referer", "range", "if-range", "cache-control", "pragma", "origin", "dnt")

CHECKS: dict[int, Check] = {}


def violations(rule: int, log: Log, script: Script) -> list[str]:
    """Give what breaks a rule, in the order in which it happened; nothing where it was kept."""
    return list(CHECKS[rule](log, script))


def rule(number: int) -> Callable[[Check], Check]:
    """Register the checker of a rule."""

    def register(check: Check) -> Check:
        CHECKS[number] = check
        return check

    return register


# --- what the ledger tells ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Poll:
    """The requests for a feed at one moment: its own address, then where that sent us."""

    feed: Feed
    requests: tuple[Asked, ...]
    forced: bool

    @property
    def at(self) -> datetime:
        """When it began."""
        return self.requests[0].at

    @property
    def end(self) -> Answer:
        """The answer that ended it."""
        return self.requests[-1].answer

    @property
    def worked(self) -> bool:
        """It brought the feed, or that nothing changed."""
        asked = self.requests[-1]
        return self.end.good or (self.end.status == 304 and _is_conditional(asked))


@dataclass(frozen=True, slots=True)
class Held:
    """What a client should hold of a feed before a request: the validators of the last good answer, and whose."""

    url: str = ""
    etag: bytes | None = None
    modified: bytes | None = None
    by_304: bool = False
    rejected: frozenset[bytes] = frozenset()  # of answers that brought no feed, or only a part of one
    older: frozenset[bytes] = frozenset()
    since_304: datetime | None = None
    same: bool = False  # the last answer was a 304
    process: int = 0

    @property
    def pair(self) -> tuple[bytes | None, bytes | None]:
        """Both."""
        return self.etag, self.modified

    def after(self, asked: Asked) -> "Held":
        """Give what is held after an answer."""
        answer, url = asked.answer, asked.url
        etag, modified = answer.header("etag"), answer.header("last-modified")
        given = frozenset(value for value in (etag, modified) if value)
        if answer.good:
            older = self.older | {value for value in self.pair if value}
            kept = Held(url, etag, modified, rejected=self.rejected - given, older=frozenset(older - given))
        elif answer.status == 304 and self.url == url and _is_conditional(asked):
            older = self.older | {value for value in self.pair if value}
            kept = replace(
                self,
                etag=etag or self.etag,
                modified=modified or self.modified,
                by_304=bool(given - set(self.pair)),
                since_304=self.since_304 or asked.at,
            )
            kept = replace(kept, older=frozenset(older - {kept.etag, kept.modified}))
        elif answer.status == 200:
            kept = replace(self, rejected=self.rejected | given - set(self.pair))
        else:
            kept = self
        same = self.same if answer.status in _REDIRECTS else answer.status == 304
        return replace(kept, same=same, process=asked.process)


def asked_with(log: Log, script: Script) -> Iterator[tuple[Asked, Held]]:
    """Give each request with what should be held of its feed; `pair` is empty where another address gave it.

    The one request that asks an eternal 304 for everything is left out.
    """
    held: dict[str, Held] = defaultdict(Held)
    for asked in log.requests:
        before = held[asked.feed]
        here = before if before.url == asked.url else replace(before, etag=None, modified=None, by_304=False)
        stuck = before.same and before.since_304 is not None and asked.at - before.since_304 >= ETERNAL
        if not (stuck and not _is_conditional(asked)):
            yield asked, here
        held[asked.feed] = before.after(asked)


def asked_by_us(log: Log, script: Script) -> Iterator[tuple[Asked, Held]]:
    """Give the same without what a user forced, which has a rule of its own."""
    for asked, held in asked_with(log, script):
        if not _is_forced(log, script[asked.feed], asked.at):
            yield asked, held


def polls_of(log: Log, script: Script) -> dict[str, list[Poll]]:
    """Give the polls of each feed. Requests for its site's page are no part of them."""
    grouped: dict[str, dict[datetime, list[Asked]]] = {name: {} for name in script}
    for asked in log.requests:
        if _is_of_the_feed(asked):
            grouped[asked.feed].setdefault(asked.at, []).append(asked)
    return {
        name: [Poll(script[name], tuple(group), _is_forced(log, script[name], at)) for at, group in moments.items()]
        for name, moments in grouped.items()
    }


def _is_forced(log: Log, feed: Feed, at: datetime) -> bool:
    return any((at, name) in log.forced for name in source_names(feed))


def neighbours(log: Log, script: Script) -> Iterator[tuple[list[Poll], Poll]]:
    """Give each poll that nobody forced, with those of the same feed before it."""
    for polls in polls_of(log, script).values():
        for place in range(1, len(polls)):
            if not polls[place].forced:
                yield polls[:place], polls[place]


def failures_in_a_row(polls: list[Poll]) -> int:
    """Count the failures at the end of a row."""
    count = 0
    for poll in reversed(polls):
        if poll.worked:
            break
        count += 1
    return count


def _is_conditional(asked: Asked) -> bool:
    return bool(asked.header("if-none-match") or asked.header("if-modified-since"))


def _is_of_the_feed(asked: Asked) -> bool:
    path = asked.target.split("/")[2:]
    return not path or path[0] not in ("home", "article", "picture.png", "logo.png", "sound.mp3", "favicon.ico")


def _say(asked: Asked, what: str) -> str:
    return f"{asked.at:%d %H:%M:%S} {asked.url} (process {asked.process}): {what}"


def _sent(asked: Asked) -> tuple[bytes | None, bytes | None]:
    return asked.header("if-none-match"), asked.header("if-modified-since")


# --- validators -----------------------------------------------------------------------------------------------------


@rule(1)
def _later_fetches_are_conditional(log: Log, script: Script) -> Iterator[str]:
    """The first is unconditional, every later one carries what its address gave."""
    asked_before: set[str] = set()
    for asked, held in asked_by_us(log, script):
        if any(held.pair) and not any(_sent(asked)) and held.process == asked.process:
            yield _say(asked, f"asked for everything although {held.pair} were given")
        if any(_sent(asked)) and asked.feed not in asked_before:
            yield _say(asked, "the first request has conditions")
        asked_before.add(asked.feed)


@rule(2)
def _etags_go_back_byte_for_byte(log: Log, script: Script) -> Iterator[str]:
    for asked, held in asked_by_us(log, script):
        sent = asked.header("if-none-match")
        if held.etag and sent and sent != held.etag and sent not in held.older | held.rejected and not held.by_304:
            yield _say(asked, f"sent the ETag {sent!r}, was given {held.etag!r}")


@rule(3)
def _dates_go_back_byte_for_byte(log: Log, script: Script) -> Iterator[str]:
    for asked, held in asked_by_us(log, script):
        sent = asked.header("if-modified-since")
        known = held.older | held.rejected
        if held.modified and sent and sent != held.modified and sent not in known and not held.by_304:
            yield _say(asked, f"sent the date {sent!r}, was given {held.modified!r}")


@rule(4)
def _both_are_sent_where_both_were_given(log: Log, script: Script) -> Iterator[str]:
    for asked, held in asked_by_us(log, script):
        if all(held.pair) and any(_sent(asked)) and not all(_sent(asked)):
            yield _say(asked, f"sent {_sent(asked)}, was given {held.pair}")


@rule(5)
def _every_200_replaces_both(log: Log, script: Script) -> Iterator[str]:
    for asked, held in asked_by_us(log, script):
        stale = {value for value in _sent(asked) if value} & held.older
        if held.url == asked.url and stale and not held.by_304:
            yield _say(asked, f"sent {stale}, which a later answer had replaced by {held.pair}")


@rule(6)
def _a_304_replaces_what_it_carries(log: Log, script: Script) -> Iterator[str]:
    for asked, held in asked_by_us(log, script):
        if held.by_304 and any(_sent(asked)) and _sent(asked) != held.pair:
            yield _say(asked, f"sent {_sent(asked)}; after the 304 it holds {held.pair}")


@rule(7)
def _validators_stand_for_what_is_stored(log: Log, script: Script) -> Iterator[str]:
    """Those of an answer that brought no whole feed are not taken, nor are its articles; those of good answers are."""
    for asked, held in asked_by_us(log, script):
        if bad := {value for value in _sent(asked) if value} & held.rejected:
            yield _say(asked, f"sent {bad}, which came with what is no whole feed")
    good, bad_items = _items(log, lambda answer: answer.good), _items(log, lambda answer: not answer.good)
    for name in log.stored.keys() & script.keys():
        if missing := good[name] - set(log.stored[name].guids):
            yield f"{name}: {sorted(missing)[:3]} came whole and are not stored"
        if taken := (bad_items[name] - good[name]) & set(log.stored[name].guids):
            yield f"{name}: {sorted(taken)[:3]} came with a document that broke off"


def _items(log: Log, which: Callable[[Answer], bool]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for asked in log.requests:
        if asked.answer.status in (200, 226) and which(asked.answer) and _is_of_the_feed(asked):
            found[asked.feed] |= asked.answer.items
    return found


@rule(8)
def _validators_survive_a_restart(log: Log, script: Script) -> Iterator[str]:
    for asked, held in asked_by_us(log, script):
        if any(held.pair) and not any(_sent(asked)) and held.process != asked.process:
            yield _say(asked, f"the new process forgot {held.pair}")


@rule(9)
def _validators_belong_to_the_address_that_gave_them(log: Log, script: Script) -> Iterator[str]:
    gave: dict[str, set[bytes | None]] = defaultdict(set)
    elsewhere: dict[str, set[bytes | None]] = defaultdict(set)
    for asked in log.requests:
        foreign = {value for value in _sent(asked) if value} & elsewhere[asked.feed] - gave[asked.url]
        if foreign:
            yield _say(asked, f"sent {foreign}, which another address gave")
        given = {asked.answer.header("etag"), asked.answer.header("last-modified")} - {None}
        gave[asked.url] |= given
        elsewhere[asked.feed] |= given


@rule(10)
def _heedless_servers_are_asked_more_rarely(log: Log, script: Script) -> Iterator[str]:
    """After eight answers in a row with the very ETag that was sent; and such an answer is no news."""
    for before, poll in neighbours(log, script):
        row = 0
        for last, earlier in pairwise(reversed(before)):
            asked = last.requests[-1]
            same = last.end.good and last.end.header("etag") == asked.header("if-none-match") is not None
            if not same or last.end.items != earlier.end.items:
                break
            row += 1
        gap = poll.at - before[-1].at
        if row >= HEEDLESS and gap < 2 * HOUR and not poll.feed.on_purpose and not poll.feed.cron:
            yield _say(poll.requests[0], f"after {row} whole answers with the same ETag it waited {gap} only")


# --- pace -----------------------------------------------------------------------------------------------------------


@rule(11)
def _the_floor_is_kept(log: Log, script: Script) -> Iterator[str]:
    """For each address: a feed's own, those that it redirects to, and any other."""
    for asked, gap in _gaps(log, script):
        if gap < script[asked.feed].floor - MINUTE:
            yield _say(asked, f"asked again after {gap}")


@rule(12)
def _the_floor_is_kept_to_the_second(log: Log, script: Script) -> Iterator[str]:
    """And polls do not keep step: what is added to the floor is not always the same."""
    for asked, gap in _gaps(log, script):
        floor = script[asked.feed].floor
        if floor - MINUTE <= gap < floor:
            yield _say(asked, f"asked again after {gap}: a little early")
    gaps = Counter(gap for asked, gap in _gaps(log, script) if gap > script[asked.feed].floor)
    if gaps.total() > 100 and gaps.most_common(1)[0][1] > gaps.total() / 4:
        yield f"{gaps.most_common(1)} of {gaps.total()} waits are the same"


def _gaps(log: Log, script: Script) -> Iterator[tuple[Asked, timedelta]]:
    last: dict[str, datetime] = {}
    for asked in log.requests:
        feed = script[asked.feed]
        if not (feed.cron or _is_forced(log, feed, asked.at)) and asked.url in last and last[asked.url] != asked.at:
            yield asked, asked.at - last[asked.url]
        last[asked.url] = asked.at


@rule(13)
def _hints_are_heeded_within_the_cap(log: Log, script: Script) -> Iterator[str]:
    """The longest of what the head and the feed ask for; and nothing is made of nonsense. By cron: at its times."""
    for before, poll in neighbours(log, script):
        last, gap = before[-1], poll.at - before[-1].at
        if not last.worked or poll.feed.on_purpose:
            continue
        undisturbed = last.requests[0].process == poll.requests[0].process and len(before) > 1
        if poll.feed.cron:
            if poll.at.minute not in (15, 30) and undisturbed:
                yield _say(poll.requests[0], "not at its hour")
            continue
        least = max(last.end.wait, _document(before).document_wait)
        if gap < min(least, CAP) and gap >= poll.feed.floor:
            yield _say(poll.requests[0], f"asked after {gap}, {least} was asked for")
        most = last.end.most
        if most and gap > most and undisturbed:
            yield _say(poll.requests[0], f"asked after {gap}: that nonsense was no reason to wait longer than {most}")


def _document(polls: list[Poll]) -> Answer:
    return next((poll.end for poll in reversed(polls) if poll.end.good), Answer())


@rule(14)
def _retry_after_binds(log: Log, script: Script) -> Iterator[str]:
    """Until its time is over, or a user forced a fetch and was given the feed."""
    for before, poll in neighbours(log, script):
        for earlier in before[-1:] if before[-1].worked else before:
            wait = min(earlier.end.retry, WEEK)
            if poll.at < earlier.at + wait:
                yield _say(poll.requests[0], f"at {earlier.at:%d %H:%M:%S} it was asked to wait for {wait}")


@rule(15)
def _the_busy_are_left_alone(log: Log, script: Script) -> Iterator[str]:
    for before, poll in neighbours(log, script):
        last = before[-1]
        if last.end.status in _BUSY and not last.end.retry:
            yield from _too_soon(before, poll, max(HOUR, poll.feed.floor))


@rule(16)
def _hosts_are_left_alone(log: Log, script: Script) -> Iterator[str]:
    """Where two feeds of a host were told to come later, none of the host is asked; where one was, the others are."""
    told: dict[str, dict[str, datetime]] = defaultdict(dict)
    paused: dict[str, datetime] = {}
    for asked in log.requests:
        host, until = asked.host, paused.get(asked.host)
        own = told[host].get(asked.feed)
        if until and asked.at < until and not (own and asked.at < own):
            yield _say(asked, f"its host wants to be left alone until {until:%d %H:%M}")
        if asked.answer.retry:
            told[host][asked.feed] = asked.at + asked.answer.retry
            still = [end for end in told[host].values() if end > asked.at]
            if len(still) >= 2:
                paused[host] = max(still)


@rule(17)
def _failures_are_answered_by_patience(log: Log, script: Script) -> Iterator[str]:
    """Later and later, and never at once again."""
    for before, poll in neighbours(log, script):
        last = before[-1]
        if not last.worked and last.end.status not in (*_BUSY, 410):
            yield from _too_soon(before, poll, poll.feed.floor)
    for polls in polls_of(log, script).values():
        for poll in polls:
            twice = [url for url, count in Counter(asked.url for asked in poll.requests).items() if count > 1]
            if twice and not poll.worked and poll.feed.sources == 1:
                yield _say(poll.requests[-1], f"{twice} were asked again at once")


def _too_soon(before: list[Poll], poll: Poll, first: timedelta) -> Iterator[str]:
    count = failures_in_a_row(before)
    least, gap = min(first * 2 ** (count - 1), CAP), poll.at - before[-1].at
    usual = _usual(before)
    if gap < least and gap >= min(poll.feed.floor, usual):
        yield _say(poll.requests[0], f"after {count} failures it waited {gap} only, not {least}")


@rule(18)
def _a_failure_brings_nobody_back_sooner(log: Log, script: Script) -> Iterator[str]:
    for before, poll in neighbours(log, script):
        gap = poll.at - before[-1].at
        if not before[-1].worked and poll.feed.floor <= gap < _usual(before) and not poll.feed.cron:
            yield _say(poll.requests[0], f"after a failure it waited {gap}, usually {_usual(before)}")


def _usual(before: list[Poll]) -> timedelta:
    """Give what the feed asks for when all is well."""
    last = next((poll.end for poll in reversed(before) if poll.worked), Answer())
    on_purpose = before[-1].feed.on_purpose
    hints = timedelta(0) if on_purpose else max(last.wait, _document(before).document_wait)
    return min(max(before[-1].feed.floor, hints), CAP)


@rule(19)
def _skipped_hours_are_kept(log: Log, script: Script) -> Iterator[str]:
    for before, poll in neighbours(log, script):
        said = _document(before)
        if poll.at.hour in said.skip_hours or poll.at.weekday() in said.skip_days:
            yield _say(poll.requests[0], "the feed rules that hour out")


@rule(20)
def _silent_feeds_are_asked_rarely(log: Log, script: Script) -> Iterator[str]:
    for before, poll in neighbours(log, script):
        gap = poll.at - before[-1].at
        if len(before) > 2 and poll.feed.floor <= gap < poll.feed.slow:
            yield _say(poll.requests[0], f"silent for months, asked after {gap}")


@rule(21)
def _starts_are_spread(log: Log, script: Script) -> Iterator[str]:
    """No minute holds more than three times the mean, or than begin in a minute after a start, whichever is more."""
    minutes = Counter(poll.at.replace(second=0) for polls in polls_of(log, script).values() for poll in polls[1:])
    mean = minutes.total() / max(len(minutes), 1)
    for minute, count in minutes.items():
        if count > max(3 * mean, AT_ONCE + SPREAD_A_MINUTE):
            yield f"{minute:%d %H:%M}: {count} polls in a minute, the mean is {mean:.0f}"


@rule(22)
def _what_is_overdue_is_spread(log: Log, script: Script) -> Iterator[str]:
    """After a start: so many at once as may be, then one after the other."""
    due = [poll.at for polls in polls_of(log, script).values() for poll in polls if not poll.forced]
    moments, minutes = Counter(due), Counter(at.replace(second=0) for at in due)
    for at, count in moments.items():
        if count > AT_ONCE:
            yield f"{at:%d %H:%M:%S}: {count} feeds at one moment"
    for minute, count in minutes.items():
        if count > 2 * AT_ONCE + SPREAD_A_MINUTE:
            yield f"{minute:%d %H:%M}: {count} feeds in one minute"


@rule(23)
def _force_sends_validators(log: Log, script: Script) -> Iterator[str]:
    for asked, held in asked_with(log, script):
        if _is_forced(log, script[asked.feed], asked.at) and any(held.pair) and _sent(asked) != held.pair:
            yield _say(asked, f"refreshed by force with {_sent(asked)}, not {held.pair}")


# --- host load ------------------------------------------------------------------------------------------------------


@rule(24)
def _one_at_a_time_per_host(log: Log, script: Script) -> Iterator[str]:
    for asked in log.requests:
        if asked.beside:
            yield _say(asked, f"{asked.beside} others were under way at this host")


@rule(25)
def _few_at_a_time_in_all(log: Log, script: Script) -> Iterator[str]:
    for asked in log.requests:
        if asked.in_all > AT_ONCE:
            yield _say(asked, f"{asked.in_all} were under way")


@rule(26)
def _only_the_feed_is_fetched(log: Log, script: Script) -> Iterator[str]:
    """Its site's page is, once, when it is clear that the feed does not come back: after three 404s, or a 410."""
    misses: Counter[str] = Counter()
    pages: Counter[str] = Counter()
    for asked in log.requests:
        if _is_of_the_feed(asked):
            status = asked.answer.status
            misses[asked.feed] = 3 if status == 410 else misses[asked.feed] + 1 if status == 404 else 0
            continue
        pages[asked.feed] += 1
        if not asked.target.endswith("/home") or misses[asked.feed] < 3 or pages[asked.feed] > 1:
            yield _say(asked, "this is not the feed")


@rule(27)
def _one_address_is_fetched_once(log: Log, script: Script) -> Iterator[str]:
    """However many sources have it: one after the other, and at the same moment."""
    for polls in polls_of(log, script).values():
        for poll in polls:
            counts = Counter(asked.url for asked in poll.requests)
            if poll.feed.sources > 1 and counts.most_common(1)[0][1] > 1:
                yield _say(poll.requests[-1], "another source had just got it")


# --- redirects and ends ---------------------------------------------------------------------------------------------


@rule(28)
def _moves_are_believed_late(log: Log, script: Script) -> Iterator[str]:
    """Each poll begins at the address in the configuration, until all hops were permanent for a week."""
    for name, polls in polls_of(log, script).items():
        feed, row = script[name], list[tuple[datetime, str]]()
        for poll in polls:
            first = poll.requests[0]
            if first.url == feed.url:
                permanent = all(asked.answer.status in _PERMANENT for asked in poll.requests[:-1])
                target = poll.requests[-1].url
                if not (len(poll.requests) > 1 and permanent and poll.worked):
                    row = row if not poll.worked and len(poll.requests) == 1 else []
                elif row and row[-1][1] == target:
                    row.append((poll.at, target))
                else:
                    row = [(poll.at, target)]
            elif len(row) < MOVED_POLLS or row[-1][0] - row[0][0] < WEEK or first.url != row[-1][1]:
                yield _say(first, f"{feed.url} was left for it after {len(row)} polls")
                break


@rule(29)
def _a_move_keeps_what_was(log: Log, script: Script) -> Iterator[str]:
    """The old address stays in the store, the move is logged, and no article comes twice."""
    for name, feed in script.items():
        kept = log.stored.get(name)
        if kept is None or not kept.used:
            continue
        if kept.url != feed.url:
            yield f"{name}: its own address {feed.url} was overwritten by {kept.url}"
        if not any("source moved" in line and repr(name) in line for line in log.said):
            yield f"{name}: nothing was said of its move"
        if len(kept.guids) != len(set(kept.guids)):
            yield f"{name}: the move doubled articles"


@rule(30)
def _redirects_are_bounded(log: Log, script: Script) -> Iterator[str]:
    for polls in polls_of(log, script).values():
        for poll in polls:
            asked = poll.requests[-1]
            if any("#" in each.target for each in poll.requests):
                yield _say(asked, "a fragment was sent")
            if len(poll.requests) > 6 * poll.feed.sources:
                yield _say(asked, f"{len(poll.requests)} requests in a row")
            urls = [each.url for each in poll.requests if each.answer.status in _REDIRECTS]
            if len(urls) != len(set(urls)) and poll.feed.sources == 1:
                yield _say(asked, f"went in a circle: {urls}")


@rule(31)
def _gone_is_gone(log: Log, script: Script) -> Iterator[str]:
    """After a 410 nothing more is asked; no failure deletes an article."""
    for name, polls in polls_of(log, script).items():
        gone = next((poll.at for poll in polls if poll.end.status == 410), log.ends)
        for poll in polls:
            if poll.at > gone and not poll.forced:
                yield _say(poll.requests[0], f"it was gone since {gone:%d %H:%M}")
        ended = next((poll for poll in reversed(polls) if not poll.worked), None)
        had = {item for poll in polls if poll.end.good for item in poll.end.items}
        if ended and name in log.stored and not log.stored[name].guids and had:
            yield f"{name}: its articles went with it"


# --- requests -------------------------------------------------------------------------------------------------------

_AGENT = re.compile(rf"aggregator/\d[\w.]* \(\+{re.escape(CONTACT)}\)".encode())
_ACCEPT = ("application/atom+xml", "application/rss+xml", "application/rdf+xml", "application/feed+json")


@rule(33)
def _it_says_who_it_is(log: Log, script: Script) -> Iterator[str]:
    for asked in log.requests:
        if not _AGENT.fullmatch(asked.header("user-agent") or b""):
            yield _say(asked, f"User-Agent is {asked.header('user-agent')!r}")


@rule(34)
def _nothing_else_is_sent(log: Log, script: Script) -> Iterator[str]:
    for asked in log.requests:
        if sent := [name for name in _FORBIDDEN if asked.header(name) is not None]:
            yield _say(asked, f"sent {sent}")
        if "?" in asked.target:
            yield _say(asked, "something was added to the address")


@rule(35)
def _it_says_what_it_reads(log: Log, script: Script) -> Iterator[str]:
    for asked in log.requests:
        accept = (asked.header("accept") or b"").decode()
        feed = _is_of_the_feed(asked)
        if feed and not (all(kind in accept for kind in _ACCEPT) and accept.endswith("*/*;q=0.1")):
            yield _say(asked, f"Accept is {accept!r}")
        codings = {part.strip() for part in (asked.header("accept-encoding") or b"").decode().split(",")}
        if not codings <= {"gzip", "deflate", "br", "identity"}:
            yield _say(asked, f"Accept-Encoding is {codings}")
        if asked.method != "GET":
            yield _say(asked, f"the method is {asked.method}")


@rule(36)
def _a_part_is_taken_as_a_part(log: Log, script: Script) -> Iterator[str]:
    """A-IM comes with validators only; a 226 takes no article away."""
    for asked in log.requests:
        if asked.header("a-im") is not None and not _is_conditional(asked):
            yield _say(asked, "A-IM without validators")
    parts = {asked.feed for asked in log.requests if asked.answer.status == 226}
    whole = _items(log, lambda answer: answer.status == 200 and answer.good)
    for name in parts & log.stored.keys():
        if lost := whole[name] - set(log.stored[name].guids):
            yield f"{name}: {sorted(lost)[:3]} were lost"


@rule(37)
def _connections_are_closed(log: Log, script: Script) -> Iterator[str]:
    for asked in log.requests:
        if (asked.header("connection") or b"close").lower() != b"close":
            yield _say(asked, f"Connection is {asked.header('connection')!r}")


@rule(38)
def _secrets_stay_at_their_origin(log: Log, script: Script) -> Iterator[str]:
    """Sent to the feed's own host, and there alone; not logged, not published."""
    for asked in log.requests:
        feed, sent = script[asked.feed], asked.header("authorization")
        if sent is not None and not (feed.secret and asked.host == feed.host):
            yield _say(asked, "sent credentials to a stranger")
        if any(SECRET.encode() in value for name, value in asked.headers if name != "authorization"):
            yield _say(asked, "the secret stands in another header")
        if sent is None and feed.secret and asked.host == feed.host:
            yield _say(asked, "came without its credentials")
    for line in log.said:
        if SECRET in line:
            yield f"logged: {line[:80]}"
    if SECRET.encode() in log.published:
        yield "the secret is published"

"""When each source is fetched next, and what is noted of a fetch. The spine calls it.

How long to wait is the room's judgement (`fetch.freshness`); here stands what it is told, and what is written down.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, overload
from zoneinfo import ZoneInfo

from aggregator import masking
from aggregator.fetch import freshness
from aggregator.fetch.failures import in_words
from aggregator.fetch.hints import FeedHints, from_headers
from aggregator.records import (
    Entry,
    Failure,
    FailureNote,
    FeedFacts,
    Fetched,
    FetchFailed,
    NotAFeed,
    NotModified,
    Outcome,
    Reading,
    ReadNote,
    SameBody,
    Source,
    Validators,
)
from aggregator.tools import Poll
from aggregator.urls import host

if TYPE_CHECKING:
    from aggregator.fetch.client import Client
    from aggregator.store import Store

log = logging.getLogger(__name__)

DEBTS_PER_REFRESH = 50
SPREAD_EACH = timedelta(seconds=2)


class Agenda:
    """Notes fetches and the next ones. `next_time` reads crontab lines; `at_once` sources are fetched side by side,
    each after `interval` as a rule."""

    def __init__(
        self,
        store: "Store",
        client: "Client",
        sources: Mapping[str, Source],
        clock: Callable[[], datetime],
        next_time: Callable[[str, tzinfo, datetime], datetime | None],
        *,
        at_once: int,
        interval: timedelta,
    ) -> None:
        self._store = store
        self._client = client
        self._sources = sources
        self._now = clock
        self._next_time = next_time
        self._at_once = at_once
        self._interval = interval

    def begin(self, source: Source, started: datetime) -> list[tuple[Entry, int]]:
        """The next check is counted from this request's start, and written before it: a restart does not reset it.

        What is given are the articles whose texts are owed, with the tries so far.
        """
        not_before = self._by_schedule(source, started) or started + source.interval
        self._store.begin_fetch(source.name, started=started, not_before=not_before)
        return self._store.owed(source.name, DEBTS_PER_REFRESH)

    def put_off(self, source: Source, quiet: timedelta) -> Outcome:
        reason = f"its host asked to be left alone for {in_words(quiet)}"
        self._store.put_off_fetch([source.name], [self._now() + quiet], reason)
        return Outcome(source.name, "not-due", problems=(reason,))

    def spread_overdue(self) -> None:
        """After a downtime, let what is overdue come one after the other instead of all at once (CITIZENSHIP 22)."""
        now, at_once = self._now(), self._at_once
        self._wait_out_skipped_hours(now)
        names = self._store.due(now, limit=len(self._sources))
        if len(names) > at_once:
            over = min(self._interval, len(names) * SPREAD_EACH)
            times = freshness.spread(names, now=now, over=over, at_once=at_once)
            later = names[at_once:]
            self._store.put_off_fetch(later, [times[name] for name in later], "many sources were due at once")

    def _wait_out_skipped_hours(self, now: datetime) -> None:
        """Put off what is overdue and whose feed rules this hour out (CITIZENSHIP 19)."""
        for name, facts in self._store.due_with_skipped_hours(now):
            opens = _feed_hints(facts).open_from(now)
            if opens > now and self._sources[name].schedule is None:
                self._store.put_off_fetch([name], [opens], "the feed rules out the time before")

    def note_read(
        self,
        poll: Poll,
        answer: Fetched | NotModified,
        body_hash: str,
        *,
        facts: FeedFacts | None,
        news: bool,
        outcome: str = "ok",
    ) -> None:
        source, memory = poll.source, poll.memory
        heedless = memory.heedless + 1 if _is_heedless(memory.validators, answer, outcome, news=news) else 0
        check = self._next_check(poll, answer, facts or memory.hints, heedless)
        move = freshness.watch_move(memory.move, source.url, answer.redirects, started=poll.started)
        note = ReadNote(
            facts=facts,
            validators=answer.validators,
            body_hash=body_hash,
            next_fetch_at=check.at,
            next_reason=check.why,
            outcome=outcome,
            usual=check.wait,
            news=news,
            unmodified_since=(memory.unmodified_since or poll.started) if isinstance(answer, NotModified) else None,
            heedless=heedless,
            move=move,
            wire=answer.wire if isinstance(answer, Fetched) else memory.wire,
        )
        self._store.note_read(source.name, note, self._now())
        target = freshness.new_home(move, poll.started)
        if target and target != memory.move_refused:
            shown = {"from": masking.said(source, source.url), "to": masking.said(source, target)}
            log.warning("source moved", extra={"source": source.name, **shown})
            self._store.fetch_from(source.name, target)

    def _next_check(
        self, poll: Poll, answer: Fetched | NotModified, facts: FeedFacts | None, heedless: int
    ) -> freshness.NextCheck:
        source, memory = poll.source, poll.memory
        hints = from_headers(answer.headers, self._now())
        habits = freshness.Habits(memory.rhythm, memory.newest, heedless, _feed_hints(facts))
        many = memory.fresh and len(self._sources) > self._at_once
        check = freshness.next_check(_policy(source), source.name, poll.started, hints, habits, scatter=many)
        if source.schedule is None:
            return check
        at = self._by_schedule(source, poll.started + (hints.retry_after or timedelta(0))) or freshness.NEVER
        return freshness.NextCheck(at, f"as scheduled: {source.schedule}", check.wait)

    def _by_schedule(self, source: Source, after: datetime) -> datetime | None:
        if source.schedule is None:
            return None
        return self._next_time(source.schedule, ZoneInfo(source.timezone), after)

    def note_failed(self, poll: Poll, failed: NotAFeed | FetchFailed) -> Outcome:
        source = poll.source
        gone = isinstance(failed, FetchFailed) and failed.kind is Failure.GONE
        check = self._next_try(poll, failed)
        note = FailureNote(
            error=failed.detail,
            kind=failed.kind if isinstance(failed, FetchFailed) else "unreadable",
            outcome="gone" if gone else "failed",
            next_fetch_at=check.at,
            next_reason=check.why,
            quiet_until=check.at if from_headers(answer_of(failed).headers, self._now()).retry_after else None,
        )
        with self._store.writing():
            self._store.note_failure(source.name, note, self._now())
            self._widen(source, failed)
        return Outcome(source.name, "gone" if gone else "failed", problems=(failed.detail,))

    def _next_try(self, poll: Poll, failed: NotAFeed | FetchFailed) -> freshness.NextCheck:
        source, memory = poll.source, poll.memory
        answer = answer_of(failed)
        check = freshness.next_try(
            _policy(source),
            source.name,
            poll.started,
            from_headers(answer.headers, self._now()),
            failures=memory.failures + 1,
            status=answer.status,
            usual=memory.usual,
            feed=_feed_hints(memory.hints),
        )
        scheduled = self._by_schedule(source, check.at) if check.at < freshness.NEVER else None
        return replace(check, at=scheduled) if scheduled else check

    def _widen(self, source: Source, failed: NotAFeed | FetchFailed) -> None:
        """When several sources of a host are told to come later, all of them do (CITIZENSHIP 16)."""
        if not isinstance(failed, FetchFailed) or failed.status not in (429, 503):
            return
        quiet = from_headers(failed.headers, self._now()).retry_after
        if quiet and self._client.refused(failed.url, failed.url, quiet):
            reason = f"its host asked several sources to come back in {in_words(quiet)}"
            self._store.pause_host(host(failed.url), self._now() + quiet, reason)


@overload
def answer_of(reading: NotModified | SameBody) -> Fetched | NotModified: ...
@overload
def answer_of(reading: NotAFeed | FetchFailed) -> Fetched | FetchFailed: ...
@overload
def answer_of(reading: Reading) -> Fetched | NotModified | FetchFailed: ...
def answer_of(reading: Reading) -> Fetched | NotModified | FetchFailed:
    """Give the server's answer that a reading came from."""
    return reading if isinstance(reading, NotModified | FetchFailed) else reading.fetched


def _is_heedless(asked: Validators, answer: Fetched | NotModified, outcome: str, *, news: bool) -> bool:
    """Tell whether a whole answer came to the question for changes although nothing had: by its body, or by its ETag
    and its articles (CITIZENSHIP 10)."""
    if not isinstance(answer, Fetched) or not (asked.etag or asked.last_modified):
        return False
    return outcome == "not-modified" or (not news and asked.etag is not None and asked.etag == answer.validators.etag)


def _policy(source: Source) -> freshness.Policy:
    return freshness.Policy(source.interval, source.max_interval, source.on_purpose)


def _feed_hints(facts: FeedFacts | None) -> FeedHints:
    if facts is None:
        return FeedHints()
    return FeedHints(facts.ttl_minutes, facts.update_minutes, facts.skip_hours, facts.skip_days)

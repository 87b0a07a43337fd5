"""The spine: how one source is refreshed, and how what changed is published. The order of the steps stands here.

Refresh: the source's kind fetches and reads its document (parsing and normalising happen in a worker process), its
entries are identified, missing texts are fetched, and all of it ends in one transaction of the store, which also marks
the documents that are outdated by it. Publish: each marked document is rendered, written, and its mark taken back.
Published files are derived state, so a crash anywhere loses nothing and doubles nothing.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any, TypeVar, assert_never, overload
from zoneinfo import ZoneInfo

from aggregator import categorise, identify, masking, reparse
from aggregator import sources as kinds
from aggregator.channels import Channels, Wanted
from aggregator.errors import AggregatorError, WorkerError
from aggregator.fetch import freshness
from aggregator.fetch.failures import in_words
from aggregator.fetch.hints import FeedHints, from_headers
from aggregator.normalise import fingerprint
from aggregator.publish.view import within
from aggregator.records import (
    Alias,
    Arrival,
    Changes,
    Entry,
    Failure,
    FailureNote,
    FeedFacts,
    FeedLink,
    Fetched,
    FetchFailed,
    Fingerprint,
    Imported,
    Known,
    Listed,
    ListRules,
    Merge,
    Named,
    NotAFeed,
    NotModified,
    Outcome,
    Past,
    Policies,
    Post,
    PostFile,
    Preview,
    PreviewItem,
    PublishReport,
    RawDocument,
    RawLimits,
    Read,
    Reading,
    ReadingFacts,
    ReadNote,
    Reparsed,
    Retention,
    Retouch,
    Revision,
    SameBody,
    Sighting,
    Source,
    SourceMemory,
    Unreadable,
    Validators,
    Withdrawal,
)
from aggregator.tools import PAGE_ACCEPT, MissingText, SharedFetches, Tools
from aggregator.urls import host, without_login

if TYPE_CHECKING:
    from aggregator.fetch.client import Client
    from aggregator.parse import WorkerPool
    from aggregator.publish.jekyll import Export
    from aggregator.publish.publisher import Publisher
    from aggregator.sources import Reader
    from aggregator.store import Store
    from aggregator.watch import Watch

log = logging.getLogger(__name__)
T = TypeVar("T")

ARTICLE_TRIES = 3  # then an article is published without its text
DEBTS_PER_REFRESH = 50
TITLES_ON_HOME = 6
LISTS = ("feed", "index", "sources")
RETRACTED_FOR = timedelta(days=30)  # so long the current documents say that an article was retracted (RFC 6721)
PUBLISHED_AT_ONCE = 100  # documents between two points from which a crash starts again
EXPORTED_AT_ONCE = 200
DROPPED_AT_ONCE = 200
TRIES_UNTIL_SEARCH = 3  # failures in a row until a missing feed is looked for on its site's page
SPREAD_EACH = timedelta(seconds=2)
EVENTS_SHOWN = 50
AT_A_STEP = 50  # refreshes that begin before the loop looks around


@dataclass(frozen=True, slots=True)
class Rooms:
    """The live objects that the spine drives; wiring makes them. `next_time` reads crontab lines."""

    store: "Store"
    client: "Client"
    workers: "WorkerPool"
    publisher: "Publisher"
    kinds: Mapping[str, "Reader"]
    clock: Callable[[], datetime]
    next_time: Callable[[str, tzinfo, datetime], datetime | None]
    watch: "Watch"


@dataclass(frozen=True, slots=True)
class Limits:
    """How many sources are read at once, the usual interval, how many sources of one host are read at once, what the
    documents of each channel may hold, what is kept of the documents that come in, whether entries that a document
    repeats are passed over unread, and how long articles are kept."""

    concurrency: int
    interval: timedelta
    per_host: int
    policies: Policies
    raw: RawLimits = field(default_factory=RawLimits)
    delta: bool = True
    retention: Retention = field(default_factory=Retention)


@dataclass(frozen=True, slots=True)
class Poll:
    """One fetch of a source: with its URL in use, what was remembered of it, when the request began, and its tools."""

    source: Source
    memory: SourceMemory
    started: datetime
    tools: Tools


@dataclass(frozen=True, slots=True)
class Met:
    """The entries of a document, with the codes of their names and what is stored under those."""

    named: Sequence[Named]
    aliases: Mapping[Alias, str]
    known: Mapping[str, Known]


class Pipeline:
    """Refreshes sources and publishes what changed. What it knows stands in the store."""

    def __init__(
        self, rooms: Rooms, *, sources: dict[str, Source], channels: Wanted, limits: Limits
    ) -> None:
        self._rooms = rooms
        self._store = rooms.store
        self._now = rooms.clock
        self._sources = sources
        self._naming = channels.naming
        self._channels = Channels(rooms.store, channels, sources, rooms.clock)
        self._limits = limits
        self._watch = rooms.watch
        self._gate = asyncio.Semaphore(limits.concurrency)
        self._shared = SharedFetches(sources)
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="store")  # apart from those that look up names
        self._steps: set[asyncio.Future[Any]] = set()
        self._problems: tuple[str, ...] = ()  # of the last publish: what stays the same is logged once

    async def settle(self) -> None:
        """Wait for the steps that began in the store: those of a refresh that was given up end whole, too."""
        while self._steps:
            await asyncio.wait(self._steps)
        self._threads.shutdown()

    # --- refresh ---------------------------------------------------------------------------------

    async def refresh_all(self, names: Iterable[str]) -> AsyncIterator[Outcome]:
        """Refresh sources side by side, and give each outcome as it comes.

        Those of one host stand in line and are taken up when it is their turn: thousands of tasks that only wait would
        cost memory, and hold up the loop at each garbage collection.
        """
        names = list(names)
        outcomes: asyncio.Queue[Outcome] = asyncio.Queue()
        tasks: list[asyncio.Task[None]] = []
        try:
            for line in self._lines(names):
                tasks.append(asyncio.create_task(self._refresh_line(line, outcomes)))
                if len(tasks) % AT_A_STEP == 0:
                    await asyncio.sleep(0)
            for _ in names:
                yield await outcomes.get()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _lines(self, names: Iterable[str]) -> Iterator[deque[str]]:
        """Give the line of each host, as many times as it may be asked by at once. Files stand in one together."""
        lines: dict[str, deque[str]] = {}
        for name in names:
            source = self._sources.get(name)
            lines.setdefault(host(source.url) if source else "", deque()).append(name)
        for key, line in lines.items():
            at_once = self._limits.per_host if key else self._limits.concurrency
            yield from [line] * min(len(line), at_once)

    async def _refresh_line(self, line: deque[str], outcomes: asyncio.Queue[Outcome]) -> None:
        while line:
            outcomes.put_nowait(await self.refresh_safely(line.popleft()))

    async def refresh_safely(self, name: str) -> Outcome:
        """`refresh`, with whatever breaks in us kept from the other sources. A disk without room gets nothing more."""
        if low := self._watch.low():
            return Outcome(name, "not-due", problems=(low,))
        outcome = await self._refresh_safely(name)
        self._watch.note(outcome)
        return outcome

    async def _refresh_safely(self, name: str) -> Outcome:
        source = self._sources[name]
        try:
            return masking.hidden_outcome(source, await self.refresh(source))
        except AggregatorError as error:
            problem = masking.said(source, str(error))
            log.error("source not refreshed", extra={"source": name, "error": problem})
        except Exception as error:
            problem = masking.said(source, f"internal error: {type(error).__name__}: {error}")
            log.error("source not refreshed", extra={"source": name, "error": problem}, exc_info=not source.private)
        return Outcome(name, "failed", problems=(problem,))

    async def refresh(self, source: Source) -> Outcome:
        """Fetch one source, take in what is new, and note when it is due next.

        Sources that ask for the same are refreshed together: what one of them was given would be lost for the others
        at a restart, and their host asked once more (CITIZENSHIP 27).
        """
        group = self._shared.group(source)
        if group is None:
            return await self._refresh_alone(source)
        async with group.turn(source, self._now) as outcome:
            if outcome is not None:
                return outcome
            others = [self._sources[name] for name in group.names if name != source.name and name in self._sources]
            outcomes = {each.name: await self._refresh_alone(each) for each in (source, *others)}
            await self._in_thread(self._store.keep_together, list(outcomes))
            own = outcomes.pop(source.name)
            group.hand_out(outcomes, self._now())
            return own

    async def _refresh_alone(self, source: Source) -> Outcome:
        """Refresh one source, whoever else asks for the same.

        It waits for its turn at its host first, and holds nothing that other hosts need while it waits: a host with
        thousands of sources delays only itself.
        """
        memory = await self._in_thread(self._store.memory, source.name)
        live = replace(source, url=memory.url or source.url)
        async with self._rooms.client.in_queue(live.url) as quiet:
            if quiet:
                return await self._in_thread(self._put_off, live, quiet)
            async with self._gate:
                outcome = await self._refresh(live, memory)
        _log_outcome(source, outcome)
        return outcome

    async def _refresh(self, source: Source, memory: SourceMemory) -> Outcome:
        started = self._now()
        debts = await self._in_thread(self._begin, source, started)
        poll = Poll(source, self._to_ask_with(memory, started), started, self._tools_that_remember())
        reading = await self._read(poll)
        took = self._now() - started - _answer_of(reading).waited
        if isinstance(reading, NotAFeed | FetchFailed) and (found := await self._rediscover(poll, reading)):
            poll, reading = await self._try_instead(poll, reading, found)
        outcome = await self._settle_reading(poll, reading)
        unpaid = [await self._pay(poll, entry, tries) for entry, tries in debts]
        problems = [*outcome.problems, *(problem for problem in unpaid if problem)]
        return replace(outcome, problems=tuple(problems), seconds=max(took.total_seconds(), 0))

    async def _read(self, poll: Poll) -> Reading:
        reading = await self._rooms.kinds[poll.source.kind](poll.source, poll.memory, poll.tools)
        return masking.hidden_reading(poll.source, reading, fingerprint)

    async def _settle_reading(self, poll: Poll, reading: Reading) -> Outcome:
        poll = replace(poll, started=poll.started + _answer_of(reading).waited)
        match reading:
            case Read():
                return await self._take_in(poll, reading)
            case Listed():
                return await self._in_thread(self._take_list, poll, reading)
            case NotModified() | SameBody():
                return await self._in_thread(self._note_same, poll, reading)
            case NotAFeed() | FetchFailed():
                return await self._in_thread(self._note_failed, poll, reading)
            case _:
                assert_never(reading)

    def _tools(self) -> Tools:
        return Tools(self._rooms.client, self._rooms.workers, self._shared, self._now)

    def _tools_that_remember(self) -> Tools:
        return replace(self._tools(), before=self._before) if self._limits.delta else self._tools()

    async def _before(self, name: str) -> dict[str, Entry]:
        return await self._in_thread(self._store.document_before, name)

    def _to_ask_with(self, memory: SourceMemory, now: datetime) -> SourceMemory:
        """A server that has said "not modified" for ever is asked once for everything; one that fails never is."""
        if not memory.failures and freshness.is_eternal(memory.unmodified_since, now, memory.rhythm):
            return replace(memory, validators=Validators(), unmodified_since=None)
        return memory

    def _begin(self, source: Source, started: datetime) -> list[tuple[Entry, int]]:
        """The next check is counted from this request's start, and written before it: a restart does not reset it.

        What is given are the articles whose texts are owed, with the tries so far.
        """
        not_before = self._by_schedule(source, started) or started + source.interval
        self._store.begin_fetch(source.name, started=started, not_before=not_before)
        return self._store.owed(source.name, DEBTS_PER_REFRESH)

    def _put_off(self, source: Source, quiet: timedelta) -> Outcome:
        reason = f"its host asked to be left alone for {in_words(quiet)}"
        self._store.put_off_fetch([source.name], [self._now() + quiet], reason)
        return Outcome(source.name, "not-due", problems=(reason,))

    def spread_overdue(self) -> None:
        """After a downtime, let what is overdue come one after the other instead of all at once (CITIZENSHIP 22)."""
        now, at_once = self._now(), self._limits.concurrency
        self._wait_out_skipped_hours(now)
        names = self._store.due(now, limit=len(self._sources))
        if len(names) > at_once:
            over = min(self._limits.interval, len(names) * SPREAD_EACH)
            times = freshness.spread(names, now=now, over=over, at_once=at_once)
            later = names[at_once:]
            self._store.put_off_fetch(later, [times[name] for name in later], "many sources were due at once")

    def _wait_out_skipped_hours(self, now: datetime) -> None:
        """Put off what is overdue and whose feed rules this hour out (CITIZENSHIP 19)."""
        for name, facts in self._store.due_with_skipped_hours(now):
            opens = _feed_hints(facts).open_from(now)
            if opens > now and self._sources[name].schedule is None:
                self._store.put_off_fetch([name], [opens], "the feed rules out the time before")

    async def _take_in(self, poll: Poll, read: Read) -> Outcome:
        named = identify.distinct(read.intake.entries, feed_link=read.intake.facts.link)
        named, problems = await self._with_texts(poll, named)
        prints = await self._fingerprints(poll.tools, poll.source, poll.memory, named)
        changes = await self._in_thread(self._keep, poll, read, named, prints)
        if changes is None:
            return await self._take_in(poll, await self._read_whole(poll, read))
        dropped = len(changes.dropped)
        return Outcome(
            poll.source.name,
            "ok",
            new=len(changes.arrivals) + len(changes.confirmed) - dropped,
            dropped=dropped,
            revised=len(changes.revisions),
            unchanged=len(changes.sightings) + len(changes.retouches),
            skipped=len(changes.passed),
            retracted=len(changes.withdrawn),
            problems=(*read.intake.problems, *problems, *identify.why_held(changes, poll.source.name)),
            merged=len(changes.merged),
            held=len(changes.held),
        )

    async def _read_whole(self, poll: Poll, read: Read) -> Read:
        """Read a document once more, with the entries that were passed over: one of them is wanted after all."""
        intake = await poll.tools.digest_whole(poll.source, read.fetched)
        if isinstance(intake, Unreadable):
            raise WorkerError(f"{poll.source.url}: was read and cannot be read again: {intake.detail}")
        return replace(read, intake=intake)

    def _look_up(self, named: Sequence[Named], source: Source) -> Met:
        """Give the entries with what the store knows of them: the codes of their names, and what stands under those.
        Articles that come under all-new names are found by what they say."""
        names = [name for item in named for name in item.names]
        names += [Alias("code", item.info_code) for item in named]
        aliases = self._store.codes_of(names)
        known = self._store.known(aliases.values(), source.name)
        named = identify.without_reused_guids(named, aliases, known)
        wanted = identify.doubtful(named, aliases, known)
        if found := self._store.codes_of(name for names in wanted.values() for name in names):
            known |= self._store.known(found.values(), source.name)
            aliases |= identify.repair(named, aliases, known, wanted, found)
        return Met(named, aliases, known)

    def _decide(self, met: Met, source: Source, memory: SourceMemory) -> Changes:
        known = met.known
        changes = identify.decide(
            met.named,
            aliases=met.aliases,
            known=known,
            positions=self._positions({source.name, *(stored.source for stored in known.values())}),
            backfill=source.backfill if identify.is_beginning(memory, known.values()) else None,
            now=self._now(),
        )
        return identify.settled(changes, self._store.wordings(each.info_code for each in changes.revisions))

    async def _fingerprints(
        self, tools: Tools, source: Source, memory: SourceMemory, named: Sequence[Named]
    ) -> dict[str, Fingerprint]:
        """Fingerprint what is new: its story may be known from another source."""
        arrivals = await self._in_thread(self._arrivals, source, memory, named)
        return await tools.fingerprints([arrival for arrival in arrivals if not arrival.pending])

    def _arrivals(self, source: Source, memory: SourceMemory, named: Sequence[Named]) -> tuple[Arrival, ...]:
        known = self._store.codes_of(name for item in named for name in item.names)
        if all(any(name in known for name in item.names) for item in named):
            return ()
        return self._decide(self._look_up(named, source), source, memory).arrivals

    def _join_stories(self, changes: Changes, prints: Mapping[str, Fingerprint], source: str) -> Changes:
        told = [(arrival, prints[arrival.info_code]) for arrival in changes.arrivals if arrival.info_code in prints]
        rule = identify.FINGERPRINT_VERSION, identify.WINDOW
        alike = {arrival.info_code: self._store.stories.alike(arrival, one, *rule) for arrival, one in told}
        known = self._store.known((one.info_code for found in alike.values() for one in found), source)
        positions = self._positions({source, *(stored.source for stored in known.values())})
        return identify.join_stories(changes, prints, alike, known=known, positions=positions, now=self._now())

    def _positions(self, names: Iterable[str]) -> dict[str, int]:
        """Give the places of sources in the configuration; those that are no longer in it come last."""
        last = len(self._sources)
        return {name: self._sources[name].position if name in self._sources else last for name in names}

    def _keep(
        self, poll: Poll, read: Read, named: Sequence[Named], prints: Mapping[str, Fingerprint]
    ) -> Changes | None:
        """The one transaction of a refresh. The decision is made in it, so that two processes cannot both say "new".

        None, with nothing kept, where it needs a text that was left out as known (`Entry.repeated`).
        """
        raw = self._store.packed(_raw(read.fetched, self._now()), self._limits.raw)
        with self._store.writing():
            met = self._look_up(named, poll.source)
            changes = self._judge(met, poll.source, poll.memory, read.intake.facts, prints)
            if identify.lacks_a_text(changes):
                return None
            self._settle_held(poll, changes)
            changes = replace(changes, dropped=tuple(self._store_changes(poll.source, changes, prints)))
            self._note_origin(read, met, changes, poll.source.name)
            review = changes.hold is not None and changes.hold.for_review
            taken_back = () if review else read.intake.withdrawn
            changes = replace(changes, withdrawn=self._withdraw(poll.source.name, taken_back))
            self._store.keep_raw(poll.source.name, raw, self._limits.raw)
            news = bool(changes.arrivals or changes.revisions or changes.merged or changes.confirmed)
            facts = None if review else read.intake.facts
            self._note_read(poll, read.fetched, read.body_hash, facts=facts, news=news)
            self._store.remember_document(poll.source.name, read.intake.entries)
        return changes

    def _note_origin(self, read: Read, met: Met, changes: Changes, source: str) -> None:
        """Keep what `explain` tells: which reading brought and changed articles, and how they were recognised."""
        brought = identify.recognised_by(met.named, met.aliases, met.known)
        new = {arrival.info_code: "" for arrival in (*changes.arrivals, *changes.held)}
        brought |= new | {merge.info_code: "" for merge in changes.merged}
        changed = [*new, *(revision.info_code for revision in changes.revisions)]
        changed += [merge.info_code for merge in changes.merged if merge.revision]
        self._store.note_origin(source, _facts_of(read, self._now()), brought, changed)

    def _judge(
        self,
        met: Met,
        source: Source,
        memory: SourceMemory,
        facts: FeedFacts,
        prints: Mapping[str, Fingerprint],
    ) -> Changes:
        """Decide what is new, let it join the stories that others told, and hold what a known source brings all at once
        and is not known for. What waits for the operator's word joins nothing."""
        changes = self._decide(met, source, memory)
        joined = self._join_stories(changes, prints, source.name)
        if identify.is_beginning(memory, met.known.values()):
            return joined
        past = self._store.past(source.name) if identify.is_remarkable(changes, len(met.named)) else Past()
        waiting, titled = self._store.waiting(source.name), source.title is not None
        scene = identify.Scene(len(met.named), facts, memory, past, self._now(), waiting, titled)
        judged = identify.guard(changes, met.known, scene)
        review = judged.hold is not None and judged.hold.for_review
        return judged if review else identify.guard(joined, met.known, scene)

    def _settle_held(self, poll: Poll, changes: Changes) -> None:
        """Hold what is suspicious, publish what is confirmed, and note what a document did not show again."""
        missing = set(self._store.waiting(poll.source.name)) - set(changes.confirmed)
        if changes.hold or poll.memory.review:
            self._store.hold(poll.source.name, changes.held, changes.hold, self._now())
        self._let_out(changes.confirmed)
        self._store.miss(missing, self._now())

    def _let_out(self, codes: Sequence[str]) -> list[Entry]:
        """Publish held articles in the channels of the source that brought them, dated by their first sight."""
        entries = self._store.let_out(codes)
        self._channels.arrange_again([entry.info_code for entry in entries])
        for entry in entries:
            self._store.mark_article(entry.info_code)
        return entries

    def release(self, name: str) -> None:
        """Publish all that is held of a source, and trust it again."""
        with self._store.writing():
            self._store.trust(name)
            self._let_out(list(self._store.held(name)))

    def _withdraw(self, source: str, found: Sequence[Withdrawal]) -> dict[str, Withdrawal]:
        """Take from a source's articles those that it took back. Whom others bring too stays theirs."""
        names = identify.names_withdrawn(found, source)
        aliases = self._store.codes_of(names)
        withdrawn = identify.withdrawn(names, source, aliases, self._store.known(aliases.values(), source))
        for code, withdrawal in withdrawn.items():
            self._store.withdraw(code, source, withdrawal, self._now())
        self._channels.arrange_again(withdrawn.keys())
        return withdrawn

    def _store_changes(self, source: Source, changes: Changes, prints: Mapping[str, Fingerprint]) -> list[str]:
        self._store.add(changes.arrivals, self._now())
        self._store.revise(changes.revisions, self._now())
        self._store.retouch(changes.retouches, self._now())
        self._store.sight(changes.sightings, self._now())
        self._store.pass_over(changes.passed)
        self._store.stories.keep(changes, prints, identify.FINGERPRINT_VERSION, self._now())
        dropped, new = self._place(source, changes), {arrival.info_code for arrival in changes.arrivals}
        return [code for code in dropped if code in new]

    def _take_list(self, poll: Poll, listed: Listed) -> Outcome:
        """Subscribe to what a list holds now, and to nothing else of it."""
        parent = poll.source
        known = {outline.url: name for name, owner, outline in self._store.children() if owner == parent.name}
        outlines = kinds.named(parent, masking.hidden_outlines(parent, listed.outlines), known)
        children = {name: kinds.child(parent, outline, name) for name, outline in outlines.items()}
        with self._store.writing():
            digests = [(child, kinds.reading_digest(child)) for child in children.values()]
            self._store.sync_children(parent.name, digests, self._now())
            self._channels.slugs([name for child in children.values() for name in child.categories])
            self._note_read(poll, listed.fetched, listed.body_hash, facts=None, news=False)
        for name in [name for name, source in self._sources.items() if source.parent == parent.name]:
            del self._sources[name]
        self._sources.update(children)
        self._channels.look_again()
        log.info("list read", extra={"source": parent.name, "subscriptions": len(children)})
        return Outcome(parent.name, "ok")

    async def reparse(self, source: Source) -> Reparsed:
        """Read the kept documents of a source again, and repair what is stored of it.

        A kind that others bring may read its documents by itself: ours would make something else of them.
        """
        if source.kind not in kinds.KINDS:
            return Reparsed(source.name, problems=(f"documents of the kind {source.kind!r} are not read by us",))
        done: Reparsed | None = None
        while done is None:  # other documents came meanwhile
            documents = await self._in_thread(self._store.raw_documents, source.name)
            found = [await self._tools().read_again(source, document) for document in documents]
            urls = [document.url for document in documents]
            readings = [masking.hidden_document(source, *each, fingerprint) for each in zip(found, urls, strict=True)]
            arrange = self._channels.arrange
            done = await self._in_thread(reparse.repair, self._store, source, documents, readings, arrange)
        log.info("source read again", extra={"source": source.name, "repaired": done.repaired})
        return done

    async def preview(self, source: Source) -> Preview:
        """Fetch a source without conditions, and say what would be stored. Nothing is, and no text is fetched."""
        return masking.hidden_preview(source, await self._preview(source))

    async def _preview(self, source: Source) -> Preview:
        reading = await self._read(Poll(source, SourceMemory(), self._now(), self._tools()))
        match reading:
            case Read():
                named = identify.distinct(reading.intake.entries, feed_link=reading.intake.facts.link)
                memory = await self._in_thread(self._store.memory, source.name)
                prints = await self._fingerprints(self._tools(), source, memory, named)
                return await self._in_thread(self._previewed, source, reading, named, memory, prints)
            case Listed():
                listed = tuple(FeedLink(outline.url, outline.title) for outline in reading.outlines)
                return Preview(source.name, reading.fetched.url, links=listed)
            case NotAFeed():
                links = await self._tools().feeds(reading.fetched)
                return Preview(source.name, reading.fetched.url, problems=(reading.detail,), links=links)
            case FetchFailed():
                return Preview(source.name, source.url, problems=(reading.detail,))
            case NotModified() | SameBody():
                return Preview(source.name, source.url, problems=("the server answers 304 to a plain request",))
            case _:
                assert_never(reading)

    def _previewed(
        self,
        source: Source,
        read: Read,
        named: Sequence[Named],
        memory: SourceMemory,
        prints: Mapping[str, Fingerprint],
    ) -> Preview:
        changes = self._judge(self._look_up(named, source), source, memory, read.intake.facts, prints)
        items = [PreviewItem("new", item.info_code, item.entry, ()) for item in changes.arrivals]
        items += [PreviewItem("merged", item.info_code, item.entry, ()) for item in changes.merged]
        items += [PreviewItem("held", item.info_code, item.entry, ()) for item in changes.held]
        items += [PreviewItem("revised", item.info_code, item.entry, ()) for item in changes.revisions]
        same: tuple[Sighting | Retouch, ...] = (*changes.sightings, *changes.retouches)
        items += [PreviewItem("unchanged", item.info_code, item.entry, ()) for item in same]
        items += [PreviewItem("passed over", item.info_code, item.entry, ()) for item in changes.passed]
        items = [self._channels.foreseen(item, source) for item in items]
        return Preview(source.name, read.fetched.url, read.intake.facts, tuple(items), read.intake.problems)

    # --- the past that another system kept -----------------------------------------------------------

    async def take_posts(
        self, source: Source, site_url: str, batches: Iterable[Sequence[PostFile]]
    ) -> AsyncIterator[Imported]:
        """Take in the posts of a Jekyll site under a source's name, a batch a transaction; say what each did.

        They take the steps of any entry, but for the limit on a new source's past, and nothing is noted of a fetch.
        """
        await self._in_thread(self._store.enrol, source, site_url, self._now())
        naming = categorise.naming_of_posts(self._naming, self._store.channels())
        met: dict[Hashable, str] = {}
        async for posts, problems in self._tools().ahead(batches, source, site_url, naming):
            yield await self._in_thread(self._keep_posts, source, posts, problems, met)

    def _keep_posts(
        self, source: Source, posts: Sequence[Post], problems: tuple[str, ...], met: dict[Hashable, str]
    ) -> Imported:
        with self._store.writing():
            found = self._look_up(identify.each(post.entry for post in posts), source)
            first, repeated = identify.apart(found.named, found.aliases, found.known, met)
            changes = self._decide(replace(found, named=first), source, SourceMemory(fresh=False))
            self._store_changes(source, changes, {})
        unchanged = len(changes.sightings) + len(changes.retouches)
        notes = [f"{post.path}: {post.note}; read line by line" for post in posts if post.note]
        return Imported(
            new=len(changes.arrivals),
            revised=len(changes.revisions),
            unchanged=unchanged,
            gone=len(first) - len(changes.arrivals) - len(changes.revisions) - unchanged,
            repeated=len(repeated),
            skipped=len(problems),
            problems=(*problems, *repeated, *notes),
            categories={name: said for post in posts for name, said in post.categories.items()},
        )

    # --- channels --------------------------------------------------------------------------------

    def _place(self, source: Source, changes: Changes) -> list[str]:
        """Put each article where it belongs, as this source tells it; give the codes of those that rules drop."""
        whole = [item for item in changes.sightings if not (_lacks_text(item.entry, source) or item.entry.repeated)]
        changed: tuple[Revision | Retouch | Merge, ...] = (*changes.revisions, *changes.retouches, *changes.merged)
        told = {item.info_code: item.entry for item in (*changes.arrivals, *changed)}
        told |= {item.info_code: item.entry for item in whole if item.learns}
        told |= self._channels.misplaced({item.info_code: item.entry for item in whole if not item.learns}, source)
        for item in changed:
            self._store.mark_article(item.info_code)
        return self._channels.arrange(told, source)

    def open_channels(self) -> None:
        """Open the channels of all fixed categories and of rules, and give every channel its configured title."""
        self._channels.settle()

    def split(self, kept: str, codes: Sequence[str]) -> None:
        """Make tellings of an article articles of their own, for good, each in the channels that its source names."""
        with self._store.writing():
            told = dict(self._store.stories.split(kept, codes, self._now()))
            there = self._store.places([kept]).get(kept, {})
            self._channels.arrange_again([code for code, entry in told.items() if entry.source in self._sources])
            for code, entry in told.items():
                if entry.source not in self._sources:
                    self._store.place(code, entry.source, list(there))

    # --- the text behind a second request ------------------------------------------------------------

    async def _with_texts(self, poll: Poll, named: Sequence[Named]) -> tuple[tuple[Named, ...], list[str]]:
        """Fetch the texts of the articles that are not stored yet or changed in the list; the others are left alone."""
        if not any(item.entry.article_url for item in named):
            return tuple(named), []
        wanted = await self._in_thread(self._articles_wanted, poll.source, named, poll.memory)
        result, problems = list(named), []
        for place, item in enumerate(named):
            if item.info_code in wanted:
                entry, problem = await self._text(poll, item.entry)
                result[place] = replace(item, entry=entry)
                problems += [problem] if problem else []
        return tuple(result), problems

    def _articles_wanted(self, source: Source, named: Sequence[Named], memory: SourceMemory) -> set[str]:
        met = self._look_up(named, source)
        passed = {item.info_code for item in self._decide(met, source, memory).passed}
        return {item.info_code for item in identify.articles_wanted(met.named, met.aliases, met.known)} - passed

    async def _text(self, poll: Poll, entry: Entry) -> tuple[Entry, str | None]:
        """Give the entry with its text; or as it is, with what went wrong. A text that is not there is not owed."""
        found = await poll.tools.text_of(poll.source, entry)
        if not isinstance(found, MissingText):
            return masking.hidden_text(poll.source, found, fingerprint), None
        done = replace(entry, row_fingerprint=entry.fingerprint) if found.for_good else entry
        return done, masking.said(poll.source, f"article {found.detail}", entry.article_url)

    async def _pay(self, poll: Poll, entry: Entry, tries: int) -> str | None:
        """Try once more for a text that an earlier refresh could not get; after some tries the article goes without."""
        whole, problem = await self._text(poll, entry)
        return await self._in_thread(self._keep_text, poll.source, whole, problem, tries)

    def _keep_text(self, source: Source, entry: Entry, problem: str | None, tries: int) -> str | None:
        code = entry.info_code
        with self._store.writing():
            if problem is None:
                self._store.complete(code, entry, self._now())
            elif entry.row_fingerprint or tries + 1 >= ARTICLE_TRIES:
                self._store.release(code)
            else:
                self._store.put_off(code)
                return problem
            self._channels.arrange({code: entry}, source)
        return problem

    # --- what is noted of a fetch ----------------------------------------------------------------------

    def _note_read(
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
        many = memory.fresh and len(self._sources) > self._limits.concurrency
        check = freshness.next_check(_policy(source), source.name, poll.started, hints, habits, scatter=many)
        if source.schedule is None:
            return check
        at = self._by_schedule(source, poll.started + (hints.retry_after or timedelta(0))) or freshness.NEVER
        return freshness.NextCheck(at, f"as scheduled: {source.schedule}", check.wait)

    def _by_schedule(self, source: Source, after: datetime) -> datetime | None:
        if source.schedule is None:
            return None
        return self._rooms.next_time(source.schedule, ZoneInfo(source.timezone), after)

    def _note_same(self, poll: Poll, same: NotModified | SameBody) -> Outcome:
        """An unchanged document confirms what was held of it: the publisher stands by it."""
        body_hash = poll.memory.body_hash
        with self._store.writing():
            out = self._let_out(self._store.waiting(poll.source.name))
            self._note_read(poll, _answer_of(same), body_hash, facts=None, news=bool(out), outcome="not-modified")
        return Outcome(poll.source.name, "not-modified", new=len(out))

    def _note_failed(self, poll: Poll, failed: NotAFeed | FetchFailed) -> Outcome:
        source = poll.source
        gone = isinstance(failed, FetchFailed) and failed.kind is Failure.GONE
        check = self._next_try(poll, failed)
        note = FailureNote(
            error=failed.detail,
            kind=failed.kind if isinstance(failed, FetchFailed) else "unreadable",
            outcome="gone" if gone else "failed",
            next_fetch_at=check.at,
            next_reason=check.why,
            quiet_until=check.at if from_headers(_answer_of(failed).headers, self._now()).retry_after else None,
        )
        with self._store.writing():
            self._store.note_failure(source.name, note, self._now())
            self._widen(source, failed)
        return Outcome(source.name, "gone" if gone else "failed", problems=(failed.detail,))

    def _next_try(self, poll: Poll, failed: NotAFeed | FetchFailed) -> freshness.NextCheck:
        source, memory = poll.source, poll.memory
        answer = _answer_of(failed)
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
        if quiet and self._rooms.client.refused(failed.url, failed.url, quiet):
            reason = f"its host asked several sources to come back in {in_words(quiet)}"
            self._store.pause_host(host(failed.url), self._now() + quiet, reason)

    # --- a feed that is not where it should be ---------------------------------------------------------------

    async def _rediscover(self, poll: Poll, failed: NotAFeed | FetchFailed) -> str | None:
        """Look for the feed of a source that brought none. A new source's is taken: its address was a page's. One that
        was a feed before is only proposed to the operator."""
        source, memory = poll.source, poll.memory
        if source.kind != "feed" or source.url.startswith("file:"):
            return None
        page = failed.fetched if isinstance(failed, NotAFeed) else await self._home(poll, failed)
        links = await poll.tools.feeds(page) if page else ()
        found = next((link.url for link in links if link.url != source.url), None)
        if found is None:
            return None
        if memory.fresh and isinstance(failed, NotAFeed):
            return found
        await self._in_thread(self._store.propose, source.name, found)
        return None

    async def _try_instead(
        self, poll: Poll, failed: NotAFeed | FetchFailed, found: str
    ) -> tuple[Poll, Reading]:
        """Read the feed that a new source's page names. The source stays with it only if it is one."""
        other = replace(poll, source=replace(poll.source, url=found), memory=SourceMemory())
        reading = await self._read(other)
        if isinstance(reading, Read):
            await self._in_thread(self._store.fetch_from, poll.source.name, found)
            return other, reading
        why = reading.detail if isinstance(reading, NotAFeed | FetchFailed) else "no feed either"
        detail = masking.said(poll.source, f"{failed.detail}; the feed that it names, {found}: {why}", found)
        return poll, replace(failed, detail=detail)

    async def _home(self, poll: Poll, failed: FetchFailed) -> Fetched | None:
        """Fetch the page that a missing feed belonged to: once, when it is clear that the feed does not come back."""
        missing = failed.status == 404 and poll.memory.failures + 1 == TRIES_UNTIL_SEARCH
        if not poll.memory.home or not (missing or failed.kind is Failure.GONE):
            return None
        home = replace(poll.source, url=poll.memory.home, headers={})
        result = await poll.tools.get(home, accept=PAGE_ACCEPT, validators=Validators())
        return result if isinstance(result, Fetched) else None

    async def _in_thread(self, function: Callable[..., T], *arguments: object) -> T:
        """The store blocks, so it is called beside the loop. A step that began is finished even when we are stopped."""
        step = asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)
        self._steps.add(step)
        step.add_done_callback(self._steps.discard)
        return await asyncio.shield(step)

    def tidy(self) -> int:
        """Let go of what is not kept for ever, in small transactions; `publish` takes the articles' pages away."""
        wanted, dropped = self._limits.retention, 0
        parents = {source.name: source.parent or "" for source in self._sources.values()}
        of_lists = {name: wanted.of_source[list_] for name, list_ in parents.items() if list_ in wanted.of_source}
        wanted = replace(wanted, of_source={**of_lists, **wanted.of_source})
        while step := self._store.drop(wanted, self._now(), DROPPED_AT_ONCE):
            dropped += step
        if dropped:
            log.info("articles dropped", extra={"count": dropped})
        return dropped

    # --- publish -----------------------------------------------------------------------------------------

    def publish(self, *, everything: bool = False) -> PublishReport:
        """Render and write every marked document; with `everything`, all of them."""
        if everything:
            self._store.mark_all()
        self._watch.take_stock()
        self._store.forget_retractions(self._now() - RETRACTED_FOR)
        report = PublishReport(replaced=self._channels.fill())
        marked = list(self._store.marked().items())
        for start in range(0, len(marked), PUBLISHED_AT_ONCE):
            report = self._publish_some(dict(marked[start : start + PUBLISHED_AT_ONCE]), report)
        if self._watch.judge(report):
            report = report.joined(self._publish_only(["status"]))
        if report.written or report.removed or report.problems != self._problems:
            log.info("published", extra={"written": len(report.written), "problems": list(report.problems)})
        self._problems = report.problems
        return report

    def publish_lists(self) -> PublishReport:
        """Publish ahead of all else what shows every channel, if it is outdated: one that was closed to readers must
        not stand there until its thousands of articles are rendered."""
        return self._publish_only(LISTS)

    def _publish_only(self, names: Collection[str]) -> PublishReport:
        marked = self._store.marked().items()
        return self._publish_some({name: stamp for name, stamp in marked if name in names}, PublishReport())

    def _publish_some(self, marked: dict[str, str], report: PublishReport) -> PublishReport:
        """Write, then take the marks back: a crash between the two renders the same bytes once more."""
        done: dict[str, str] = {}
        listings = dict.fromkeys(self._store.listings_of(marked), "")  # not marked: they go with their articles
        for document, stamp in (marked | listings).items():
            try:
                step, archives = self._put(document)
            except Exception as error:  # an edge: one that fails leaves the others alone, and its old file stays
                log.exception("document not published", extra={"document": document})
                step = PublishReport(problems=(f"{document}: {error}",))
            else:
                done |= archives | ({} if step.refused else {document: stamp})
            report = report.joined(step)
        self._rooms.publisher.settle()
        self._store.clear(done)
        return report

    def _put(self, marked: str) -> tuple[PublishReport, dict[str, str]]:
        """Publish what a mark stands for. With a channel come archives: give the stamps that clear theirs, too."""
        kind, _, key = marked.partition("/")
        publisher, store = self._rooms.publisher, self._store
        match kind:
            case "article":
                return publisher.article(key, store.article(key)), {}
            case "category":
                slug, _, archive = key.partition("/archive-")
                return (self._put_archive(slug, int(archive)), {}) if archive else self._put_channel(slug)
            case "gone":
                return publisher.gone(store.gone_channels()), {}
            case "sources":
                return publisher.sources(store.source_notes()), {}
            case "sitemap":
                return publisher.sitemap(int(key), store.block(int(key)), store.last_block()), {}
            case "status":
                return publisher.health(store.events(EVENTS_SHOWN)), {}
            case "feed":
                policies = self._limits.policies
                entries = store.newest(policies.usual.entries, without=policies.protected)
                return publisher.feed(entries, store.retractions()), {}
            case _:
                return publisher.index(store.summaries(TITLES_ON_HOME)), {}

    def _put_channel(self, slug: str) -> tuple[PublishReport, dict[str, str]]:
        """What the current document has no room for goes into archives. They are written first, so that at no moment
        an article is in neither; where one of them is refused, the current document of before stays, too."""
        publisher, store, policy = self._rooms.publisher, self._store, self._limits.policies.of(slug)
        if (found := store.channel(slug)) is None:
            return publisher.drop_channel(slug), {}
        heads, retracted = store.heads_of(slug), store.retractions(slug)
        entries = publisher.fitting(found[0], store.articles(within(heads, policy)), retracted)
        shown = {entry.info_code for entry in entries}
        stamps = store.displace(slug, [code for code, _ in heads if code not in shown], policy.entries)
        report = PublishReport()
        for archive in stamps:
            report = report.joined(self._put(archive)[0])
        if report.refused:
            return report, {}
        last = store.last_archive(slug)
        return report.joined(publisher.channel(*found, entries, last_archive=last, retracted=retracted)), stamps

    def _put_archive(self, slug: str, number: int) -> PublishReport:
        """Where texts of an archive are not kept any more, its documents stay as they were written."""
        if self._store.has_dropped(slug, number) and self._rooms.publisher.has_archive(slug, number):
            return PublishReport()
        found, archive = self._store.channel(slug), self._store.archive(slug, number)
        if found is None or archive is None:
            return self._rooms.publisher.drop_archive(slug, number)
        return self._rooms.publisher.archive(found[0], archive, found[1])


def export(store: "Store", target: "Export") -> Iterator[int]:
    """Give an export all channels and published articles, and say after each step how many articles it was."""
    target.pages(store.channels())
    seq = 0
    while entries := store.articles_after(seq, EXPORTED_AT_ONCE):
        target.posts(entries)
        seq = entries[-1].seq
        yield len(entries)


@overload
def _answer_of(reading: NotModified | SameBody) -> Fetched | NotModified: ...
@overload
def _answer_of(reading: NotAFeed | FetchFailed) -> Fetched | FetchFailed: ...
@overload
def _answer_of(reading: Reading) -> Fetched | NotModified | FetchFailed: ...
def _answer_of(reading: Reading) -> Fetched | NotModified | FetchFailed:
    """Give the server's answer that a reading came from."""
    return reading if isinstance(reading, NotModified | FetchFailed) else reading.fetched


def _log_outcome(source: Source, outcome: Outcome) -> None:
    said = masking.hidden_outcome(source, outcome)
    facts = {"outcome": said.outcome, "new": said.new, "seconds": said.seconds, "problems": list(said.problems)}
    log.log(
        logging.WARNING if said.outcome in ("failed", "gone") else logging.INFO,
        "source refreshed",
        extra={"source": source.name, **facts},
    )


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


def _facts_of(read: Read, now: datetime) -> ReadingFacts:
    fetched, intake = read.fetched, read.intake
    return ReadingFacts(
        at=now,
        url=without_login(fetched.url),
        status=fetched.status,
        redirects=tuple(f"{hop.status} {without_login(hop.url)}" for hop in fetched.redirects),
        content_type=fetched.header("content-type") or "",
        format=intake.facts.format,
        entries=len(intake.entries),
        notes=intake.problems,
    )


def _raw(fetched: Fetched, now: datetime) -> RawDocument:
    return RawDocument(fetched.url, fetched.header("content-type") or "", now, fetched.body)


def _lacks_text(entry: Entry, source: Source) -> bool:
    """Tell whether this is only what a list says of an article whose outlet, say, came with its text."""
    return isinstance(source.rules, ListRules) and bool(entry.article_url) and not entry.row_fingerprint


def utc_now() -> datetime:
    """The real clock; wiring hands it out."""
    return datetime.now(UTC)

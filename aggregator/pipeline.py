"""The spine: how one source is refreshed, and how what changed is published. The order of the steps stands here.

Refresh: the source's kind fetches and reads its document (parsing and normalising happen in a worker process), its
entries are named and missing texts are fetched, and all of it ends in one transaction of the store (`ledger`), which
also marks the documents that are outdated by it. Publish: each marked document is rendered, written, and its mark taken
back (`press`). Published files are derived state, so a crash anywhere loses nothing and doubles nothing.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from functools import partial
from typing import TYPE_CHECKING, TypeVar, assert_never

from aggregator import categorise, identify, masking, reparse
from aggregator import sources as kinds
from aggregator.agenda import Agenda, answer_of
from aggregator.channels import Channels, Wanted
from aggregator.errors import AggregatorError, WorkerError
from aggregator.fetch import freshness
from aggregator.ledger import Ledger
from aggregator.normalise import fingerprint
from aggregator.press import Press
from aggregator.records import (
    Entry,
    Failure,
    FeedLink,
    Fetched,
    FetchFailed,
    Fingerprint,
    Imported,
    Intake,
    LastDocument,
    Listed,
    Named,
    NotAFeed,
    NotModified,
    Outcome,
    Policies,
    PostFile,
    Preview,
    PublishReport,
    RawLimits,
    Read,
    Reading,
    Reparsed,
    Retention,
    SameBody,
    Source,
    SourceMemory,
    Unreadable,
    Validators,
)
from aggregator.steps import Steps
from aggregator.tools import PAGE_ACCEPT, MissingText, Poll, Remembering, SharedFetches, Tools
from aggregator.urls import host

if TYPE_CHECKING:
    from aggregator.fetch.client import Client
    from aggregator.parse import WorkerPool
    from aggregator.publish.publisher import Publisher
    from aggregator.sources import Reader
    from aggregator.store import Store
    from aggregator.watch import Watch

log = logging.getLogger(__name__)
T = TypeVar("T")

DROPPED_AT_ONCE = 200
TRIES_UNTIL_SEARCH = 3  # failures in a row until a missing feed is looked for on its site's page
MANY = 200  # entries; a document has fifty or so
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
class ShortCuts:
    """Which work is saved; without any of it the same is stored and published. `delta`: entries that a document repeats
    are passed over unread. `plain`: plain feeds are read without feedparser. `prints`: fingerprints are made where a
    document is read. `commits`: small steps in the store share a transaction. `familiar`: of repeated entries, those
    are not looked up that nothing was to be done about."""

    delta: bool = True
    familiar: bool = True
    plain: bool = True
    prints: bool = True
    commits: bool = True


@dataclass(frozen=True, slots=True)
class Limits:
    """How many sources are read at once, the usual interval, how many sources of one host are read at once, what the
    documents of each channel may hold, what is kept of the documents that come in, which work is saved, and how long
    articles are kept."""

    concurrency: int
    interval: timedelta
    per_host: int
    policies: Policies
    raw: RawLimits = field(default_factory=RawLimits)
    short_cuts: ShortCuts = ShortCuts()
    retention: Retention = field(default_factory=Retention)


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
        self._limits = limits
        self._watch = rooms.watch
        self._channels = Channels(rooms.store, channels, sources, rooms.clock)
        self._agenda = Agenda(
            rooms.store,
            rooms.client,
            sources,
            rooms.clock,
            rooms.next_time,
            at_once=limits.concurrency,
            interval=limits.interval,
        )
        self._ledger = Ledger(rooms.store, self._channels, self._agenda, sources, rooms.clock, limits.raw)
        self._press = Press(
            rooms.store, rooms.publisher, self._channels, rooms.watch, limits.policies, rooms.clock
        )
        self._gate = asyncio.Semaphore(limits.concurrency)
        self._shared = SharedFetches(sources)
        self._steps = Steps(rooms.store.writing, sharing=limits.short_cuts.commits)
        self._in_thread = self._steps.alone

    async def settle(self) -> None:
        """Wait for the steps that began in the store: those of a refresh that was given up end whole, too."""
        await self._steps.settle()

    def spread_overdue(self) -> None:
        """After a downtime, let what is overdue come one after the other instead of all at once (CITIZENSHIP 22)."""
        self._agenda.spread_overdue()

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
            lines.setdefault(self.line_of(name), deque()).append(name)
        for key, line in lines.items():
            at_once = self._limits.per_host if key else self._limits.concurrency
            yield from [line] * min(len(line), at_once)

    def line_of(self, name: str) -> str:
        """Give the host that a source is asked from; nothing for a file."""
        source = self._sources.get(name)
        return host(source.url) if source else ""

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
        if (source := self._sources.get(name)) is None:
            return Outcome(name, "not-due", problems=("it has left its list of subscriptions",))
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
        memory = await self._steps.together(self._store.memory, source.name)
        live = replace(source, url=memory.url) if memory.url else source
        async with self._rooms.client.in_queue(live.url) as quiet:
            if quiet:
                return await self._in_thread(self._agenda.put_off, live, quiet)
            async with self._gate:
                outcome = await self._refresh(live, memory)
        _log_outcome(source, outcome)
        return outcome

    async def _refresh(self, source: Source, memory: SourceMemory) -> Outcome:
        started = self._now()
        debts = await self._steps.together(self._agenda.begin, source, started)
        tools = self._tools_that_remember(source, memory)
        poll = Poll(source, self._to_ask_with(memory, started), started, tools)
        reading = await self._read(poll)
        took = self._now() - started - answer_of(reading).waited
        if isinstance(reading, NotAFeed | FetchFailed) and (found := await self._rediscover(poll, reading)):
            poll, reading = await self._try_instead(poll, reading, found)
        outcome = await self._settle_reading(poll, reading)
        unpaid = [await self._pay(poll, entry, tries) for entry, tries in debts]
        problems = [*outcome.problems, *(problem for problem in unpaid if problem)]
        return replace(outcome, problems=tuple(problems), seconds=max(took.total_seconds(), 0))

    async def _read(self, poll: Poll) -> Reading:
        reading = await self._rooms.kinds[poll.source.kind](poll.source, poll.memory, poll.tools)
        if not poll.source.private:
            return reading
        return await self._in_thread(masking.hidden_reading, poll.source, reading, fingerprint)

    async def _settle_reading(self, poll: Poll, reading: Reading) -> Outcome:
        poll = replace(poll, started=poll.started + answer_of(reading).waited)
        match reading:
            case Read():
                return await self._take_in(poll, reading)
            case Listed():
                return await self._in_thread(self._take_list, poll, reading)
            case NotModified() | SameBody():
                return await self._steps.together(self._ledger.unchanged, poll, reading)
            case NotAFeed() | FetchFailed():
                return await self._in_thread(self._agenda.note_failed, poll, reading)
            case _:
                assert_never(reading)

    def _tools(self, before: Remembering | None = None) -> Tools:
        cuts = self._limits.short_cuts
        rooms, shared = self._rooms, self._shared
        return Tools(rooms.client, rooms.workers, shared, self._now, before, cuts.plain, cuts.prints)

    def _tools_that_remember(self, source: Source, memory: SourceMemory) -> Tools:
        cuts = self._limits.short_cuts
        familiar = cuts.familiar and source.kind in kinds.KINDS  # those that others bring may join several documents

        async def before() -> LastDocument:
            return await self._in_thread(partial(self._ledger.before, familiar=familiar), source, memory)

        return self._tools(before if cuts.delta else None)

    def _to_ask_with(self, memory: SourceMemory, now: datetime) -> SourceMemory:
        """A server that has said "not modified" for ever is asked once for everything; one that fails never is."""
        if not memory.failures and freshness.is_eternal(memory.unmodified_since, now, memory.rhythm):
            return replace(memory, validators=Validators(), unmodified_since=None)
        return memory

    async def _take_in(self, poll: Poll, read: Read) -> Outcome:
        intake = read.intake
        if not identify.are_apart(intake.entries, intake.familiar, feed_link=intake.facts.link):
            return await self._take_in(poll, await self._read_whole(poll, read))
        named = await self._beside(read.intake.entries, _named, read.intake)
        named, problems = await self._with_texts(poll, named)
        prints = await self._fingerprints(poll.tools, poll.source, poll.memory, named, read.intake)
        changes = await self._in_thread(self._ledger.keep, poll, read, named, prints)
        if changes is None:
            return await self._take_in(poll, await self._read_whole(poll, read))
        dropped = len(changes.dropped)
        return Outcome(
            poll.source.name,
            "ok",
            new=len(changes.arrivals) + len(changes.confirmed) - dropped,
            dropped=dropped,
            revised=len(changes.revisions),
            unchanged=len(changes.sightings) + len(changes.retouches) + len(intake.familiar),
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

    async def _fingerprints(
        self, tools: Tools, source: Source, memory: SourceMemory, named: Sequence[Named], intake: Intake
    ) -> dict[str, Fingerprint]:
        """Fingerprint what is new: its story may be known from another source. Most often that was done already."""
        found = await self._beside(named, identify.prints_at_hand, named, intake.prints)
        if found is not None:
            return found
        arrivals = await self._in_thread(self._ledger.arrivals, source, memory, named)
        return await tools.fingerprints([arrival for arrival in arrivals if not arrival.pending])

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
            self._agenda.note_read(poll, listed.fetched, listed.body_hash, facts=None, news=False)
        for name in [name for name, source in self._sources.items() if source.parent == parent.name]:
            del self._sources[name]
        self._sources.update(children)
        self._channels.look_again()
        self._shared.count()
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
        """Fetch a source without conditions, and say what would be stored. Nothing is, and of the texts behind a second
        request only the first is fetched."""
        return masking.hidden_preview(source, await self._preview(source))

    async def _preview(self, source: Source) -> Preview:
        poll = Poll(source, SourceMemory(), self._now(), self._tools())
        reading = await self._read(poll)
        match reading:
            case Read():
                named = await self._beside(reading.intake.entries, _named, reading.intake)
                memory = await self._in_thread(self._store.memory, source.name)
                named, problems = await self._with_texts(replace(poll, memory=memory), named, most=1)
                prints = await self._fingerprints(poll.tools, source, memory, named, reading.intake)
                found = await self._in_thread(self._ledger.previewed, source, reading, named, memory, prints)
                return replace(found, problems=(*found.problems, *problems))
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
            yield await self._in_thread(self._ledger.keep_posts, source, posts, problems, met)

    # --- channels --------------------------------------------------------------------------------

    def open_channels(self) -> None:
        """Open the channels of all fixed categories and of rules, and give every channel its configured title."""
        self._channels.settle()
        self._shared.count()

    def release(self, name: str) -> None:
        """Publish all that is held of a source, and trust it again."""
        self._ledger.release(name)

    def split(self, kept: str, codes: Sequence[str]) -> None:
        """Make tellings of an article articles of their own, for good, each in the channels that its source names."""
        self._ledger.split(kept, codes)

    # --- the text behind a second request ------------------------------------------------------------

    async def _with_texts(
        self, poll: Poll, named: Sequence[Named], most: int | None = None
    ) -> tuple[tuple[Named, ...], list[str]]:
        """Fetch the texts of the articles that are not stored yet or changed in the list, or the first so many of them;
        the others are left alone."""
        if not any(item.entry.article_url for item in named):
            return tuple(named), []
        wanted = await self._in_thread(self._ledger.articles_wanted, poll.source, named, poll.memory)
        places = [place for place, item in enumerate(named) if item.info_code in wanted]
        result, problems = list(named), []
        for place in places[:most]:
            entry, problem = await self._text(poll, named[place].entry)
            result[place] = replace(named[place], entry=entry)
            problems += [problem] if problem else []
        return tuple(result), problems

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
        return await self._in_thread(self._ledger.keep_text, poll.source, whole, problem, tries)

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

    async def _beside(self, given: Sequence[object], function: Callable[..., T], *arguments: object) -> T:
        """Call a function of a document's entries; beside the loop where they are so many that others would wait."""
        return await self._in_thread(function, *arguments) if len(given) > MANY else function(*arguments)

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
        return self._press.publish(everything=everything)

    def publish_lists(self) -> PublishReport:
        """Publish ahead of all else what shows every channel, if it is outdated: one that was closed to readers must
        not stand there until its thousands of articles are rendered."""
        return self._press.publish_lists()




def _named(intake: Intake) -> tuple[Named, ...]:
    return identify.distinct(intake.entries, feed_link=intake.facts.link)


def _log_outcome(source: Source, outcome: Outcome) -> None:
    said = masking.hidden_outcome(source, outcome)
    facts = {"outcome": said.outcome, "new": said.new, "seconds": said.seconds, "problems": list(said.problems)}
    log.log(
        logging.WARNING if said.outcome in ("failed", "gone") else logging.INFO,
        "source refreshed",
        extra={"source": source.name, **facts},
    )

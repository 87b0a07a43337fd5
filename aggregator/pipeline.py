"""The spine: how one source is refreshed, and how what changed is published. The order of the steps stands here.

Refresh: the source's kind fetches and reads its document (parsing and normalising happen in a worker process), its
entries are identified, missing texts are fetched, and all of it ends in one transaction of the store, which also marks
the documents that are outdated by it. Publish: each marked document is rendered, written, and its mark taken back.
Published files are derived state, so a crash anywhere loses nothing and doubles nothing.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, assert_never

from aggregator import categorise, identify
from aggregator import parse as parsing
from aggregator.errors import AggregatorError, WorkerError
from aggregator.fetch import freshness
from aggregator.normalise import facts as facts_of
from aggregator.normalise import normalise
from aggregator.records import (
    Alias,
    Arrival,
    Changes,
    Entry,
    Failure,
    Fetched,
    FetchFailed,
    FetchResult,
    Intake,
    ListRules,
    Named,
    NotAFeed,
    NotModified,
    Outcome,
    ParsedFeed,
    Preview,
    PreviewItem,
    PublishReport,
    RawEntry,
    Read,
    Revision,
    SameBody,
    Sighting,
    Source,
    SourceMemory,
    Unreadable,
    Validators,
)
from aggregator.urls import fold_name

if TYPE_CHECKING:
    from aggregator.fetch.client import Client
    from aggregator.parse import WorkerPool
    from aggregator.publish.publisher import Publisher
    from aggregator.sources import Reader
    from aggregator.store import Store

log = logging.getLogger(__name__)
T = TypeVar("T")

DOCUMENT_DEADLINE = timedelta(seconds=30)  # to parse and normalise one document
ARTICLE_ACCEPT = "application/json, text/javascript;q=0.8, */*;q=0.1"
ARTICLE_TRIES = 3  # then an article is published without its text
DEBTS_PER_REFRESH = 50
TITLES_ON_HOME = 6


# --- in the worker process: pure -----------------------------------------------------------------


def digest(fetched: Fetched, source: Source, now: datetime) -> Intake | Unreadable:
    """Parse and normalise a document. An entry that cannot be read is a problem, and does not harm the others."""
    content_type = fetched.header("content-type") or ""
    feed = parsing.read(fetched.body, url=fetched.url, content_type=content_type, rules=source.rules)
    if isinstance(feed, Unreadable):
        return feed
    problems = list(feed.warnings)
    entries = []
    for number, raw in enumerate(feed.entries, 1):
        try:
            entry = normalise(raw, source=source, feed=feed, url=fetched.url, now=now)
        except Exception as error:  # an edge: whatever is wrong with one entry stays with it
            problems.append(f"entry {number} ({raw.title[:60]!r}) cannot be read: {type(error).__name__}: {error}")
            continue
        if entry is not None:
            entries.append(entry)
    facts = facts_of(feed, fetched.url, source=source, now=now)
    return Intake(replace(facts, title=source.title or facts.title), tuple(entries), tuple(problems))


def digest_article(fetched: Fetched, entry: Entry, source: Source, now: datetime) -> Entry | Unreadable:
    """Give the entry with the text that its second request brought."""
    assert isinstance(source.rules, ListRules)
    assert source.rules.article is not None
    content_type = fetched.header("content-type") or ""
    raw = parsing.article(fetched.body, content_type=content_type, rule=source.rules.article)
    if isinstance(raw, Unreadable):
        return raw
    if not raw.content.strip():
        return Unreadable("the article's text is empty")
    joined, feed = _joined(entry, raw), ParsedFeed("list")
    whole = normalise(joined, source=source, feed=feed, url=entry.link or fetched.url, now=now)
    return replace(whole, row_fingerprint=entry.row_fingerprint or entry.fingerprint) if whole else Unreadable("empty")


def _joined(entry: Entry, article: RawEntry) -> RawEntry:
    """What the list said, with what the article says put over it."""
    return RawEntry(
        guid=entry.guid,
        link=entry.link,
        title=article.title or entry.title,
        title_type=article.title_type if article.title else "text",
        summary=entry.summary,
        content=article.content,
        content_type=article.content_type,
        author=article.author or entry.author,
        outlet=article.outlet or entry.outlet,
        published=article.published or entry.published_text,
        updated=entry.updated.isoformat() if entry.updated else "",
        language=entry.language,
        tags=entry.tags,
        enclosures=entry.enclosures,
        info_code=entry.info_code,
        article_url=entry.article_url,
    )


# --- the pipeline ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rooms:
    """The live objects that the spine drives; wiring makes them."""

    store: "Store"
    client: "Client"
    workers: "WorkerPool"
    publisher: "Publisher"
    kinds: Mapping[str, "Reader"]
    clock: Callable[[], datetime]


class Pipeline:
    """Refreshes sources and publishes what changed. What it knows stands in the store."""

    def __init__(
        self, rooms: Rooms, *, sources: Mapping[str, Source], naming: categorise.Naming, entries: int
    ) -> None:
        self._rooms = rooms
        self._store = rooms.store
        self._now = rooms.clock
        self._sources = sources
        self._naming = naming
        self._entries = entries
        self._positions = {name: source.position for name, source in sources.items()}
        self._steps: set[asyncio.Future[Any]] = set()

    async def settle(self) -> None:
        """Wait for the steps that began in the store: those of a refresh that was given up end whole, too."""
        while self._steps:
            await asyncio.wait(self._steps)

    # --- refresh ---------------------------------------------------------------------------------

    async def refresh_all(self, names: Iterable[str], concurrency: int) -> AsyncIterator[Outcome]:
        """Refresh sources side by side, and give each outcome as it comes."""
        gate = asyncio.Semaphore(concurrency)

        async def one(name: str) -> Outcome:
            async with gate:
                return await self.refresh_safely(name)

        tasks = [asyncio.create_task(one(name)) for name in names]
        try:
            for done in asyncio.as_completed(tasks):
                yield await done
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def refresh_safely(self, name: str) -> Outcome:
        """`refresh`, with whatever breaks in us kept from the other sources."""
        try:
            return await self.refresh(self._sources[name])
        except AggregatorError as error:
            log.error("source not refreshed", extra={"source": name, "error": str(error)})
            return Outcome(name, "failed", problems=(str(error),))
        except Exception as error:
            log.exception("source not refreshed", extra={"source": name})
            return Outcome(name, "failed", problems=(f"internal error: {type(error).__name__}: {error}",))

    async def refresh(self, source: Source) -> Outcome:
        """Fetch one source, take in what is new, and note when it is due next."""
        started = self._now()
        memory = await self._in_thread(self._begin, source, started)
        debts = await self._in_thread(self._store.owed, source.name, DEBTS_PER_REFRESH)
        reading = await self._rooms.kinds[source.kind](source, memory, self)
        match reading:
            case Read():
                outcome = await self._take_in(source, reading, memory, started)
            case NotModified() | SameBody():
                outcome = await self._in_thread(self._note_same, source, reading, memory, started)
            case NotAFeed() | FetchFailed():
                outcome = await self._in_thread(self._note_failed, source, reading, memory, started)
            case _:
                assert_never(reading)
        problems = [await self._pay(source, entry, tries) for entry, tries in debts]
        outcome = replace(outcome, problems=(*outcome.problems, *(problem for problem in problems if problem)))
        log.info("source refreshed", extra={"source": source.name, "outcome": outcome.outcome, "new": outcome.new})
        return outcome

    def _begin(self, source: Source, started: datetime) -> SourceMemory:
        """The next check is counted from this request's start, and written before it: a restart does not reset it."""
        memory = self._store.memory(source.name)
        not_before = freshness.after_success(started, source.interval)
        self._store.begin_fetch(source.name, started=started, not_before=not_before)
        return memory

    async def _take_in(self, source: Source, read: Read, memory: SourceMemory, started: datetime) -> Outcome:
        named = identify.distinct(read.intake.entries, feed_link=read.intake.facts.link)
        named, problems = await self._with_articles(source, named, memory)
        changes = await self._in_thread(self._keep, source, read, named, memory, started)
        return Outcome(
            source.name,
            "ok",
            new=len(changes.arrivals),
            revised=len(changes.revisions),
            unchanged=len(changes.sightings),
            skipped=len(changes.passed),
            problems=(*read.intake.problems, *problems),
        )

    def _decide(self, named: Sequence[Named], source: Source, memory: SourceMemory) -> Changes:
        names = [name for item in named for name in item.names]
        names += [Alias("code", item.info_code) for item in named]
        aliases = self._store.codes_of(names)
        return identify.decide(
            named,
            aliases=aliases,
            known=self._store.known(aliases.values(), source.name),
            positions=self._positions,
            backfill=source.backfill if memory.fresh else None,
            now=self._now(),
        )

    def _keep(
        self, source: Source, read: Read, named: Sequence[Named], memory: SourceMemory, started: datetime
    ) -> Changes:
        """The one transaction of a refresh. The decision is made in it, so that two processes cannot both say "new"."""
        with self._store.writing():
            changes = self._decide(named, source, memory)
            self._store.add(changes.arrivals, self._now())
            self._store.revise(changes.revisions, self._now())
            self._store.sight(changes.sightings, self._now())
            self._store.pass_over(changes.passed)
            self._place(source, changes)
            self._note_read(source, read.intake, read.fetched.validators, read.body_hash, started, "ok")
        return changes

    async def preview(self, source: Source) -> Preview:
        """Fetch a source without conditions, and say what would be stored; nothing is, and no article's text is fetched."""
        reading = await self._rooms.kinds[source.kind](source, SourceMemory(), self)
        match reading:
            case Read():
                return await self._in_thread(self._previewed, source, reading)
            case NotAFeed() | FetchFailed():
                return Preview(source.name, source.url, problems=(reading.detail,))
            case NotModified() | SameBody():
                return Preview(source.name, source.url, problems=("the server answers 304 to a plain request",))

    def _previewed(self, source: Source, read: Read) -> Preview:
        named = identify.distinct(read.intake.entries, feed_link=read.intake.facts.link)
        changes = self._decide(named, source, self._store.memory(source.name))
        items = [PreviewItem("new", item.info_code, item.entry, ()) for item in changes.arrivals]
        items += [PreviewItem("revised", item.info_code, item.entry, ()) for item in changes.revisions]
        items += [PreviewItem("unchanged", item.info_code, item.entry, ()) for item in changes.sightings]
        items += [PreviewItem("passed over", item.info_code, item.entry, ()) for item in changes.passed]
        items = [replace(item, categories=categorise.categories_of(item.entry, source)) for item in items]
        return Preview(source.name, read.fetched.url, read.intake.facts, tuple(items), read.intake.problems)

    # --- channels --------------------------------------------------------------------------------

    def _place(self, source: Source, changes: Changes) -> None:
        """Put each article into the channels that this source names for it."""
        whole = (item for item in changes.sightings if not _lacks_text(item.entry))
        met: list[Arrival | Revision | Sighting] = [*changes.arrivals, *changes.revisions, *whole]
        wanted = {item.info_code: categorise.categories_of(item.entry, source) for item in met}
        slugs = self._slugs([name for names in wanted.values() for name in names])
        there = self._store.places(wanted)
        for code, names in wanted.items():
            chosen = list(dict.fromkeys(slugs[fold_name(name)] for name in names))
            placed = there.get(code, {})
            if not set(chosen) <= set(placed) or any(placed[slug] == source.name for slug in set(placed) - set(chosen)):
                self._store.place(code, source.name, chosen)
        for revision in changes.revisions:
            self._store.mark_article(revision.info_code)

    def _slugs(self, names: Sequence[str]) -> dict[str, str]:
        """Give the slug of each category name, by folded name; a name not met before opens its channel."""
        slugs = self._store.slugs_of(fold_name(name) for name in names)
        for name in names:
            folded = fold_name(name)
            if folded not in slugs:
                channel = categorise.channel_for(name, self._naming, self._store.taken)
                self._store.add_channel(channel, folded, self._now())
                slugs[folded] = channel.slug
        return slugs

    def open_channels(self) -> None:
        """Open the channels of all fixed categories, and give every channel the title that the configuration says."""
        with self._store.writing():
            self._slugs([name for source in self._sources.values() for name in source.categories])
            for channel in self._store.channels():
                self._store.retitle(channel.slug, categorise.title_of(channel.slug, channel.name, self._naming))

    # --- the text behind a second request ------------------------------------------------------------

    async def _with_articles(
        self, source: Source, named: Sequence[Named], memory: SourceMemory
    ) -> tuple[tuple[Named, ...], list[str]]:
        """Fetch the texts of the articles that are not stored yet or changed in the list; the others are left alone."""
        if not isinstance(source.rules, ListRules) or source.rules.article is None:
            return tuple(named), []
        wanted = await self._in_thread(self._articles_wanted, source, named, memory)
        result, problems = list(named), []
        for place, item in enumerate(named):
            if item.info_code in wanted:
                entry, problem = await self._article(source, item.entry)
                result[place] = replace(item, entry=entry)
                if problem:
                    problems.append(problem)
        return tuple(result), problems

    def _articles_wanted(self, source: Source, named: Sequence[Named], memory: SourceMemory) -> set[str]:
        changes = self._decide(named, source, memory)
        passed = {item.info_code for item in changes.passed}
        aliases = self._store.codes_of(name for item in named for name in item.names)
        wanted = identify.articles_wanted(named, aliases, self._store.known(aliases.values(), source.name))
        return {item.info_code for item in wanted} - passed

    async def _article(self, source: Source, entry: Entry) -> tuple[Entry, str | None]:
        """Give the entry with its text; or as it is, with what went wrong. A text that is not there is not owed."""
        result = await self._rooms.client.get(
            entry.article_url, timeout=source.timeout, max_bytes=source.max_bytes, accept=ARTICLE_ACCEPT
        )
        match result:
            case Fetched():
                whole = await self._in_worker(digest_article, result, entry, source, self._now())
                if isinstance(whole, Entry):
                    return whole, None
                return entry, f"article {entry.article_url}: {whole.detail}"
            case FetchFailed():
                missing = result.status in (404, 410)
                done = replace(entry, row_fingerprint=entry.fingerprint) if missing else entry
                return done, f"article {entry.article_url}: {result.detail}"
            case NotModified():
                return entry, f"article {entry.article_url}: the server answers 304 to a plain request"

    async def _pay(self, source: Source, entry: Entry, tries: int) -> str | None:
        """Try once more for a text that an earlier refresh could not get; after some tries the article goes without."""
        whole, problem = await self._article(source, entry)
        return await self._in_thread(self._keep_text, source, whole, problem, tries)

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
            slugs = self._slugs(categorise.categories_of(entry, source))
            self._store.place(code, source.name, list(slugs.values()))
        return problem

    # --- what is noted of a fetch ----------------------------------------------------------------------

    def _note_read(
        self,
        source: Source,
        intake: Intake | None,
        validators: Validators,
        body_hash: str,
        started: datetime,
        outcome: str,
    ) -> None:
        self._store.note_read(
            source.name,
            facts=intake.facts if intake else None,
            validators=validators,
            body_hash=body_hash,
            now=self._now(),
            next_fetch_at=freshness.after_success(started, source.interval),
            outcome=outcome,
        )

    def _note_same(
        self, source: Source, same: NotModified | SameBody, memory: SourceMemory, started: datetime
    ) -> Outcome:
        validators = same.validators if isinstance(same, NotModified) else same.fetched.validators
        self._note_read(source, None, validators, memory.body_hash, started, "not-modified")
        return Outcome(source.name, "not-modified")

    def _note_failed(
        self, source: Source, failed: NotAFeed | FetchFailed, memory: SourceMemory, started: datetime
    ) -> Outcome:
        gone = isinstance(failed, FetchFailed) and failed.kind is Failure.GONE
        later = freshness.after_failure(started, source.interval, source.max_interval, memory.failures + 1)
        self._store.note_failure(
            source.name,
            error=failed.detail,
            now=self._now(),
            next_fetch_at=freshness.NEVER if gone else later,
            gone=gone,
        )
        return Outcome(source.name, "gone" if gone else "failed", problems=(failed.detail,))

    # --- the tools that a source's kind is given ---------------------------------------------------------

    async def get(self, source: Source, *, accept: str | None, validators: Validators) -> FetchResult:
        """Fetch the source's URL within its limits (a tool of `sources`)."""
        get = partial(self._rooms.client.get, source.url, timeout=source.timeout, max_bytes=source.max_bytes)
        return await (get(validators=validators, accept=accept) if accept else get(validators=validators))

    async def digest(self, source: Source, fetched: Fetched) -> Intake | Unreadable:
        """Parse and normalise in a worker process (a tool of `sources`)."""
        return await self._in_worker(digest, fetched, source, self._now())

    async def _in_worker(self, function: Callable[..., T | Unreadable], *arguments: object) -> T | Unreadable:
        try:
            return await self._rooms.workers.run(function, *arguments, deadline=DOCUMENT_DEADLINE)
        except WorkerError as error:
            return Unreadable(str(error))

    async def _in_thread(self, function: Callable[..., T], *arguments: object) -> T:
        """The store blocks, so it is called beside the loop. A step that began is finished even when we are stopped."""
        step = asyncio.ensure_future(asyncio.to_thread(function, *arguments))
        self._steps.add(step)
        step.add_done_callback(self._steps.discard)
        return await asyncio.shield(step)

    # --- publish -----------------------------------------------------------------------------------------

    def publish(self, *, everything: bool = False) -> PublishReport:
        """Render and write every marked document; with `everything`, all of them."""
        if everything:
            self._store.mark_all()
        report = PublishReport()
        for document, stamp in self._store.marked().items():
            report = self._publish_one(document, stamp, report)
        if report.written or report.removed or report.problems:
            log.info("published", extra={"written": len(report.written), "problems": list(report.problems)})
        return report

    def _publish_one(self, marked: str, stamp: str, report: PublishReport) -> PublishReport:
        """Write, then take the mark back: a crash between the two renders the same bytes once more."""
        try:
            step = self._put(marked)
        except Exception as error:  # an edge: one document that fails leaves the others alone, and its old file stays
            log.exception("document not published", extra={"document": marked})
            return replace(report, problems=(*report.problems, f"{marked}: {error}"))
        self._store.clear({marked: stamp})
        return PublishReport(
            report.written + step.written,
            report.unchanged + step.unchanged,
            report.removed + step.removed,
            report.problems + step.problems,
        )

    def _put(self, marked: str) -> PublishReport:
        kind, _, key = marked.partition("/")
        publisher, store = self._rooms.publisher, self._store
        match kind:
            case "article":
                return publisher.article(key, store.article(key))
            case "category":
                if (found := store.channel(key)) is None:
                    return publisher.drop_channel(key)
                return publisher.channel(found[0], store.newest_of(key, self._entries), found[1])
            case "feed":
                return publisher.feed(store.newest(self._entries))
            case _:
                return publisher.index(store.summaries(TITLES_ON_HOME))


def _lacks_text(entry: Entry) -> bool:
    """Tell whether this is only what a list says of an article that is stored whole."""
    return bool(entry.article_url) and not entry.row_fingerprint


def utc_now() -> datetime:
    """The real clock; wiring hands it out."""
    return datetime.now(UTC)

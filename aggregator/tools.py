"""What a source's kind is given to work with: the polite client, and steps in a worker process."""

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from aggregator import digest
from aggregator.errors import WorkerError
from aggregator.records import (
    Arrival,
    Entry,
    FeedLink,
    Fetched,
    FetchFailed,
    FetchResult,
    Fingerprint,
    Intake,
    LastDocument,
    NotModified,
    Outcome,
    Outline,
    Post,
    PostFile,
    RawDocument,
    Source,
    SourceMemory,
    Unreadable,
    Validators,
)
from aggregator.urls import canonical

if TYPE_CHECKING:
    from aggregator.categorise import PostNaming
    from aggregator.fetch.client import Client
    from aggregator.parse import WorkerPool

T = TypeVar("T")
PostsRead = tuple[tuple[Post, ...], tuple[str, ...]]  # those that can be taken in, and what is wrong with the others
Remembering = Callable[[], Awaitable[LastDocument]]  # gives the last document of the source that is refreshed

DEADLINE = timedelta(seconds=30)  # to parse and normalise one document
_AHEAD = 3  # batches of posts that are read while one is stored
ARTICLE_ACCEPT = "application/json, text/javascript;q=0.8, */*;q=0.1"
AT_ONCE = 100  # texts that a worker makes fingerprints of
PAGE_ACCEPT = "text/html, application/xhtml+xml;q=0.9, */*;q=0.1"


@dataclass(frozen=True, slots=True)
class Tools:
    """What one refresh may use (`sources.Tools`). Without `prints`, those made with a document are forgotten."""

    client: "Client"
    workers: "WorkerPool"
    shared: "SharedFetches"
    clock: Callable[[], datetime]
    before: Remembering | None = None
    plainly: bool = True  # feedparser is asked only where it knows better
    prints: bool = True

    async def get(
        self, source: Source, *, accept: str | None, validators: Validators, wire: str = ""
    ) -> FetchResult:
        """Fetch the source's URL within its limits, or take what another source just got from it."""

        async def fetch() -> FetchResult:
            get = partial(self.client.get, source.url, timeout=source.timeout, max_bytes=source.max_bytes)
            get = partial(get, headers=source.headers, validators=validators, proxy=source.proxy, wire=wire)
            return await (get(accept=accept) if accept else get())

        return await self.shared.get(source, (validators, wire), fetch, self.clock())

    async def digest(self, source: Source, fetched: Fetched) -> Intake | Unreadable:
        """Parse and normalise a document: of the entries that the one before held in the same words, only what is
        remembered of them is given (`Entry.repeated`)."""
        before = await self.before() if self.before else LastDocument()
        seen = frozenset((*before.entries, *(digest for digest, *_ in before.familiar.values())))
        fetched = replace(fetched, gzip=b"")  # it need not travel
        intake = await self._in_worker(digest.digest, fetched, source, self.clock(), seen, self.plainly)
        if isinstance(intake, Unreadable):
            return intake
        return _recalled(replace(intake, prints=intake.prints if self.prints else {}), before)

    async def digest_whole(self, source: Source, fetched: Fetched) -> Intake | Unreadable:
        """Parse and normalise all of a document."""
        return await replace(self, before=None).digest(source, fetched)

    async def read_again(self, source: Source, document: RawDocument) -> Intake | Unreadable:
        """Parse and normalise a document that was kept, as of the time when it came."""
        headers = (("content-type", document.content_type),)
        fetched = Fetched(document.url, 200, headers, document.body, Validators())
        return await self._in_worker(digest.digest, fetched, source, document.fetched_at, frozenset(), self.plainly)

    async def outlines(self, fetched: Fetched) -> tuple[Outline, ...] | Unreadable:
        """Read a subscription list."""
        return await self._in_worker(digest.subscriptions, fetched)

    async def posts(self, files: Sequence[PostFile], source: Source, site_url: str, naming: "PostNaming") -> PostsRead:
        """Parse and normalise posts. Where they are too much for a worker they go one by one: then one is at fault."""
        found = await self._in_worker(digest.digest_posts, files, source, site_url, naming, self.clock())
        if not isinstance(found, Unreadable):
            return found
        if len(files) == 1:
            return (), (f"{files[0].path}: {found.detail}",)
        parts = [await self.posts([file], source, site_url, naming) for file in files]
        return tuple(post for posts, _ in parts for post in posts), tuple(text for _, texts in parts for text in texts)

    async def ahead(
        self, batches: Iterable[Sequence[PostFile]], source: Source, site_url: str, naming: "PostNaming"
    ) -> AsyncIterator[PostsRead]:
        """Read batches of posts in their order, the next ones while the caller is still at work with one."""
        waiting: deque[asyncio.Task[PostsRead]] = deque()
        try:
            for batch in batches:
                waiting.append(asyncio.create_task(self.posts(batch, source, site_url, naming)))
                if len(waiting) > _AHEAD:
                    yield await waiting.popleft()
            while waiting:
                yield await waiting.popleft()
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def feeds(self, fetched: Fetched) -> tuple[FeedLink, ...]:
        """Give the feeds that a page names."""
        found = await self._in_worker(digest.found_feeds, fetched)
        return () if isinstance(found, Unreadable) else found

    async def text_of(self, source: Source, entry: Entry) -> "Entry | MissingText":
        """Give the entry with the text that its second request brings. Credentials go to the source's origin only."""
        result = await self.client.get(
            entry.article_url,
            timeout=source.timeout,
            max_bytes=source.max_bytes,
            accept=PAGE_ACCEPT if source.fulltext else ARTICLE_ACCEPT,
            headers=source.headers if _same_origin(entry.article_url, source.url) else None,
            proxy=source.proxy,
        )
        match result:
            case Fetched():
                whole = await self._in_worker(digest.digest_article, result, entry, source, self.clock())
                if isinstance(whole, Entry):
                    return whole
                return MissingText(f"{entry.article_url}: {whole.detail}", for_good=bool(source.fulltext))
            case FetchFailed():
                return MissingText(f"{entry.article_url}: {result.detail}", for_good=result.status in (404, 410))
            case NotModified():
                return MissingText(f"{entry.article_url}: the server answers 304 to a plain request")

    async def fingerprints(self, entries: Sequence[Arrival]) -> dict[str, Fingerprint]:
        """Give the fingerprints of new articles whose texts are long enough to have one, by code."""
        found: dict[str, Fingerprint] = {}
        for start in range(0, len(entries), AT_ONCE):
            part = entries[start : start + AT_ONCE]
            texts = [(item.entry.title, item.entry.content or item.entry.summary) for item in part]
            told = await self._in_worker(digest.fingerprints, texts)
            if not isinstance(told, Unreadable):
                found |= {item.info_code: one for item, one in zip(part, told, strict=True) if one}
        return found

    async def _in_worker(self, function: Callable[..., T | Unreadable], *arguments: object) -> T | Unreadable:
        """Run a step in a worker process; a document that is too much for it is unreadable, and says why."""
        try:
            return await self.workers.run(function, *arguments, deadline=DEADLINE)
        except WorkerError as error:
            return Unreadable(re.sub(r"^\w+", "the document's reader", str(error)))


def _recalled(intake: Intake, before: LastDocument) -> Intake:
    """Give what a document holds, with what is remembered of the entries that the one before held in the same words."""
    repeated = {entry.digest for entry in intake.entries if entry.repeated}
    familiar = {code: each for code, each in before.familiar.items() if each[0] in repeated}
    looked_at = (entry for entry in intake.entries if not entry.repeated or entry.digest in before.entries)
    entries = (before.entries[entry.digest] if entry.repeated else entry for entry in looked_at)
    return replace(intake, entries=tuple(entries), familiar=familiar)


@dataclass(frozen=True, slots=True)
class Poll:
    """One fetch of a source: with its URL in use, what was remembered of it, when the request began, and its tools."""

    source: Source
    memory: SourceMemory
    started: datetime
    tools: Tools


@dataclass(frozen=True, slots=True)
class MissingText:
    """Why an article's text could not be had; `for_good`: asking again is no use."""

    detail: str
    for_good: bool = False


class SharedFetches:
    """Fetches of one URL for several sources: within an interval they are one (CITIZENSHIP 27)."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = sources
        self._counted: tuple[int, dict[object, tuple[str, ...]]] = (-1, {})
        self._locks: dict[object, asyncio.Lock] = {}
        self._groups: dict[object, Group] = {}
        self._last: dict[object, tuple[datetime, object, FetchResult]] = {}

    async def get(
        self, source: Source, asked: object, fetch: Callable[[], Awaitable[FetchResult]], now: datetime
    ) -> FetchResult:
        """Give what another source got from the same URL a short while ago, or fetch. `asked` is what the answer is
        compared with, by the server or by us."""
        key = _request_of(source)
        if len(self._askers(key)) < 2:
            return await fetch()
        async with self._locks.setdefault(key, asyncio.Lock()):
            if key in self._last:
                at, sent, result = self._last[key]
                if now - at < source.interval and _serves(result, sent, asked):
                    return result
            result = await fetch()
            self._last[key] = (now, asked, result)
            return result

    def group(self, source: Source) -> "Group | None":
        """Give the group of the sources that ask for the same; None where this is the only one."""
        key = _request_of(source)
        names = self._askers(key)
        if source.name not in names or len(names) < 2:
            return None
        if key not in self._groups or self._groups[key].names != names:
            self._groups[key] = Group(names)
        return self._groups[key]

    def _askers(self, key: object) -> tuple[str, ...]:
        """Which sources ask for the same; looked up anew when subscriptions come or go."""
        if self._counted[0] != len(self._sources):
            self.count()
        return self._counted[1].get(key, ())

    def count(self) -> None:
        """Find out which sources ask for the same. Of thousands of sources that takes long: do it beside the loop."""
        askers: dict[object, list[str]] = {}
        for source in list(self._sources.values()):
            askers.setdefault(_request_of(source), []).append(source.name)
        self._counted = (len(self._sources), {key: tuple(names) for key, names in askers.items()})


class Group:
    """Sources that ask for the same. Whoever comes first works for all of them; the others find their outcomes."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self._lock = asyncio.Lock()
        self._done: dict[str, tuple[datetime, Outcome]] = {}

    @asynccontextmanager
    async def turn(self, source: Source, clock: Callable[[], datetime]) -> AsyncIterator[Outcome | None]:
        """Wait for the turn of one of them; give its outcome where another one worked for it within its interval."""
        async with self._lock:
            at, outcome = self._done.pop(source.name, (clock(), None))
            yield outcome if clock() - at < source.interval else None

    def hand_out(self, outcomes: Mapping[str, Outcome], now: datetime) -> None:
        """Keep the outcomes for those who come for them; each may once."""
        self._done = {name: (now, outcome) for name, outcome in outcomes.items()}


def _request_of(source: Source) -> object:
    return canonical(source.url) or source.url, source.proxy, tuple(sorted(source.headers.items()))


def _serves(result: FetchResult, sent: object, asked: object) -> bool:
    """A document serves everyone; "not modified", "the same" and failures only those who asked the same."""
    return (isinstance(result, Fetched) and not result.same) or sent == asked


def _same_origin(one: str, other: str) -> bool:
    return urlsplit(one)[:2] == urlsplit(other)[:2]

"""What a source's kind is given to work with: the polite client, and steps in a worker process."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from aggregator import digest
from aggregator.errors import WorkerError
from aggregator.records import (
    Entry,
    FeedLink,
    Fetched,
    FetchFailed,
    FetchResult,
    Intake,
    NotModified,
    Outline,
    Source,
    Unreadable,
    Validators,
)
from aggregator.urls import canonical

if TYPE_CHECKING:
    from aggregator.fetch.client import Client
    from aggregator.parse import WorkerPool

T = TypeVar("T")

DEADLINE = timedelta(seconds=30)  # to parse and normalise one document
ARTICLE_ACCEPT = "application/json, text/javascript;q=0.8, */*;q=0.1"


@dataclass(frozen=True, slots=True)
class Tools:
    """What one refresh may use (`sources.Tools`)."""

    client: "Client"
    workers: "WorkerPool"
    shared: "SharedFetches"
    clock: Callable[[], datetime]

    async def get(self, source: Source, *, accept: str | None, validators: Validators) -> FetchResult:
        """Fetch the source's URL within its limits, or take what another source just got from it."""

        async def fetch() -> FetchResult:
            get = partial(self.client.get, source.url, timeout=source.timeout, max_bytes=source.max_bytes)
            get = partial(get, headers=source.headers, validators=validators, proxy=source.proxy)
            return await (get(accept=accept) if accept else get())

        return await self.shared.get(source, validators, fetch, self.clock())

    async def digest(self, source: Source, fetched: Fetched) -> Intake | Unreadable:
        """Parse and normalise a document."""
        return await self._in_worker(digest.digest, fetched, source, self.clock())

    async def outlines(self, fetched: Fetched) -> tuple[Outline, ...] | Unreadable:
        """Read a subscription list."""
        return await self._in_worker(digest.subscriptions, fetched)

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
            accept=ARTICLE_ACCEPT,
            headers=source.headers if _same_origin(entry.article_url, source.url) else None,
            proxy=source.proxy,
        )
        match result:
            case Fetched():
                whole = await self._in_worker(digest.digest_article, result, entry, source, self.clock())
                return whole if isinstance(whole, Entry) else MissingText(f"{entry.article_url}: {whole.detail}")
            case FetchFailed():
                return MissingText(f"{entry.article_url}: {result.detail}", for_good=result.status in (404, 410))
            case NotModified():
                return MissingText(f"{entry.article_url}: the server answers 304 to a plain request")

    async def _in_worker(self, function: Callable[..., T | Unreadable], *arguments: object) -> T | Unreadable:
        """Run a step in a worker process; a document that is too much for it is unreadable, and says why."""
        try:
            return await self.workers.run(function, *arguments, deadline=DEADLINE)
        except WorkerError as error:
            return Unreadable(str(error))


@dataclass(frozen=True, slots=True)
class MissingText:
    """Why an article's text could not be had; `for_good`: asking again is no use."""

    detail: str
    for_good: bool = False


class SharedFetches:
    """Fetches of one URL for several sources: within an interval they are one (CITIZENSHIP 27)."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = sources
        self._counted: tuple[int, dict[object, int]] = (-1, {})
        self._locks: dict[object, asyncio.Lock] = {}
        self._last: dict[object, tuple[datetime, Validators, FetchResult]] = {}

    async def get(
        self, source: Source, validators: Validators, fetch: Callable[[], Awaitable[FetchResult]], now: datetime
    ) -> FetchResult:
        """Give what another source got from the same URL a short while ago, or fetch."""
        key = _request_of(source)
        if self._askers(key) < 2:
            return await fetch()
        async with self._locks.setdefault(key, asyncio.Lock()):
            if key in self._last:
                at, sent, result = self._last[key]
                if now - at < source.interval and _serves(result, sent, validators):
                    return result
            result = await fetch()
            self._last[key] = (now, validators, result)
            return result

    def _askers(self, key: object) -> int:
        """How many sources ask for the same; counted anew when subscriptions come or go."""
        if self._counted[0] != len(self._sources):
            counts: dict[object, int] = {}
            for source in self._sources.values():
                counts[_request_of(source)] = counts.get(_request_of(source), 0) + 1
            self._counted = (len(self._sources), counts)
        return self._counted[1].get(key, 0)


def _request_of(source: Source) -> object:
    return canonical(source.url) or source.url, source.proxy, tuple(sorted(source.headers.items()))


def _serves(result: FetchResult, sent: Validators, validators: Validators) -> bool:
    """A document serves everyone; "not modified" and failures only those who asked the same."""
    return isinstance(result, Fetched) or sent == validators


def _same_origin(one: str, other: str) -> bool:
    return urlsplit(one)[:2] == urlsplit(other)[:2]

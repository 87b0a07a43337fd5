"""What all kinds of sources share: one document, asked for with its validators, read only when its body is another."""

import hashlib
from dataclasses import asdict, fields, is_dataclass
from typing import Protocol

from aggregator.records import (
    Fetched,
    FetchFailed,
    FetchResult,
    Intake,
    NotAFeed,
    NotModified,
    Outline,
    Read,
    Reading,
    SameBody,
    Source,
    SourceMemory,
    Unreadable,
    Validators,
)


class Tools(Protocol):
    """What a kind may use: the polite client, and the worker process that reads documents."""

    async def get(
        self, source: Source, *, accept: str | None, validators: Validators, wire: str = ""
    ) -> FetchResult:
        """Fetch the source's URL within its limits. `wire` is that of a document which need not be decoded again."""

    async def digest(self, source: Source, fetched: Fetched) -> Intake | Unreadable:
        """Parse and normalise a document, within a deadline."""

    async def outlines(self, fetched: Fetched) -> tuple[Outline, ...] | Unreadable:
        """Read a subscription list (OPML), within a deadline."""


async def read_document(source: Source, memory: SourceMemory, tools: Tools, *, accept: str | None) -> Reading:
    """Fetch a source's one document and read it, unless the server or the body's hash says that nothing changed."""
    result = await tools.get(source, accept=accept, validators=memory.validators, wire=memory.wire)
    match result:
        case NotModified() | FetchFailed():
            return result
        case Fetched(same=True):
            return SameBody(result)
        case Fetched():
            return await _read(source, result, memory, tools)


def reading_digest(source: Source) -> str:
    """Give a digest of what a source's document is read by: when it changes, an unchanged document is read again.

    A setting that is not made does not count, so that a release with a new one has no document read again.
    """
    kept = {name: _plain(value) for name in _FOR_READING if (value := getattr(source, name)) != _USUAL[name]}
    return hashlib.sha256(repr(sorted(kept.items())).encode()).hexdigest()[:32]


_RHYTHM = ("interval", "max_interval", "on_purpose", "schedule")
_REQUEST = ("timeout", "max_bytes", "user_agent", "headers", "proxy")
_NOT_FOR_READING = frozenset((*_RHYTHM, *_REQUEST, "text", "position", "backfill"))
_FOR_READING = tuple(field.name for field in fields(Source) if field.name not in _NOT_FOR_READING)
_LARGE = 1 << 20  # bytes whose hash takes as long as others should wait for it
_USUAL = {field.name: field.default for field in fields(Source)}


def _plain(value: object) -> object:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def hash_of(fetched: Fetched) -> str:
    """Give the digest by which an equal body is recognised."""
    return hashlib.sha256(fetched.body).hexdigest()


async def _beside_the_loop(fetched: Fetched) -> str:
    from asyncio import to_thread  # commands that fetch nothing start without it

    return await to_thread(hash_of, fetched)


async def _read(source: Source, fetched: Fetched, memory: SourceMemory, tools: Tools) -> Reading:
    body_hash = await _beside_the_loop(fetched) if len(fetched.body) > _LARGE else hash_of(fetched)
    if body_hash == memory.body_hash:
        return SameBody(fetched)
    intake = await tools.digest(source, fetched)
    if isinstance(intake, Unreadable):
        return NotAFeed(fetched, intake.detail)
    return Read(fetched, intake, body_hash)

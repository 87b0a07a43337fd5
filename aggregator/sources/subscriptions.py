"""`kind = "opml"`: a live subscription list. It brings sources, not articles."""

import hashlib
from collections.abc import Container, Iterable, Mapping
from dataclasses import replace

from aggregator.records import (
    Fetched,
    FetchFailed,
    Listed,
    NotAFeed,
    NotModified,
    Outline,
    Reading,
    SameBody,
    Source,
    SourceMemory,
    Unreadable,
)
from aggregator.sources.document import Tools, hash_of
from aggregator.urls import host, slug

ACCEPT = "text/x-opml, application/xml;q=0.9, text/xml;q=0.9, */*;q=0.1"


async def read(source: Source, memory: SourceMemory, tools: Tools) -> Reading:
    """Read the list of subscriptions, unless it did not change."""
    result = await tools.get(source, accept=ACCEPT, validators=memory.validators)
    match result:
        case NotModified() | FetchFailed():
            return result
        case Fetched():
            return await _read(result, memory, tools)


async def _read(fetched: Fetched, memory: SourceMemory, tools: Tools) -> Reading:
    body_hash = hash_of(fetched)
    if body_hash == memory.body_hash:
        return SameBody(fetched)
    outlines = await tools.outlines(fetched)
    if isinstance(outlines, Unreadable):
        return NotAFeed(fetched, outlines.detail)
    return Listed(fetched, outlines, body_hash)


def child(parent: Source, outline: Outline, name: str) -> Source:
    """Give the source that an outline of the list stands for. Headers and credentials stay with the list itself."""
    return replace(
        parent,
        name=name,
        kind="feed",
        url=outline.url,
        title=outline.title or None,
        categories=outline.categories or parent.categories,
        headers={},
        rules=None,
        options={},
        parent=parent.name,
    )


def named(parent: Source, outlines: Iterable[Outline], known: Mapping[str, str]) -> dict[str, Outline]:
    """Give each outline its source's name: the one it has (`known`: URL → name), or a new one by its title or host; by
    the host not in a private list."""
    taken = set(known.values())
    result: dict[str, Outline] = {}
    for outline in outlines:
        name = known.get(outline.url) or _new_name(parent, outline, taken)
        taken.add(name)
        result[name] = outline
    return result


def _new_name(parent: Source, outline: Outline, taken: Container[str]) -> str:
    name = f"{parent.name}/{slug(outline.title or ('feed' if parent.private else host(outline.url)))}"
    if name not in taken:
        return name
    return f"{name}-{hashlib.sha256(outline.url.encode()).hexdigest()[:8]}"

"""Each short cut of `[debug]` by itself, over HTTP: without it the same is stored, published and said."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from test_pipeline import HOUR, NOW, Newsroom, item, rss
from two_newsrooms import assert_alike, published, stored, two_below

from aggregator.config import Settings
from aggregator.config.settings import DebugSettings
from aggregator.records import Outcome
from aggregator.wiring import assembled

SHORT_CUTS = sorted(DebugSettings.model_fields)
STORY = f"<![CDATA[<p>{'。'.join(f'第{n}句说的是{n * n}件别的事' for n in range(60))}</p>]]>"
LINK = "https://example.org/"


@dataclass
class Origin:
    """A server on loopback whose documents come packed; those that have a validator are "not modified" again."""

    documents: dict[str, str] = field(default_factory=dict)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        name = request.split()[1].strip("/")
        body = gzip.compress(self.documents[name].encode(), mtime=0)
        tag = f'"{hash(body)}"' if name == "validated" else ""
        if tag and f"if-none-match: {tag}" in request.lower():
            writer.write(f"HTTP/1.1 304 Not Modified\r\nETag: {tag}\r\nConnection: close\r\n\r\n".encode())
        else:
            said = f"Content-Encoding: gzip\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
            validator = f"ETag: {tag}\r\n" if tag else ""
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n{validator}{said}\r\n".encode() + body)
        writer.close()


@asynccontextmanager
async def running(origin: Origin) -> AsyncIterator[Origin]:
    server = await asyncio.start_server(origin.serve, "127.0.0.1", 0)
    origin.port = server.sockets[0].getsockname()[1]
    async with server:
        yield origin


HISTORY = [
    {
        "validated": rss(item(1), item(2), item(3, text=STORY)),
        "plain": rss(item(4), item(5, more="<category>甲</category>")).replace(LINK, f"{LINK}4"),
    },
    {},
    {
        "validated": rss(item(6), item(1), item(2), item(3, text=STORY)),
        "plain": rss(item(7, text=STORY), item(4), item(5)).replace(LINK, f"{LINK}4"),
    },
    {"plain": rss(item(8), item(4, title="更正"), item(5)).replace(LINK, f"{LINK}4")},
    {"validated": rss(item(2), item(9), item(1), item(3, text=f"{STORY}改")), "plain": rss(item(4), item(1))},
    {},
    {"plain": rss(item(1), item(4))},
]


def settings(newsroom: Newsroom, origin: Origin, without: str | None) -> Settings:
    for name in ("validated", "plain"):
        url = f'url = "http://127.0.0.1:{origin.port}/{name}"'
        newsroom.sources[name] = f'{url}\ncategory = "科技"'
    fetch = {"spacing": timedelta(0), "allow_networks": ["127.0.0.0/8"], "per_host": 1}
    whole = newsroom.settings()
    debug = DebugSettings(**{name: name != without for name in SHORT_CUTS})
    return whole.model_copy(update={"debug": debug, "fetch": whole.fetch.model_copy(update=fetch)})


async def polled(newsroom: Newsroom, origin: Origin, without: str | None) -> list[list[Outcome]]:
    """Read the whole history, publishing after each poll."""
    outcomes = []
    async with assembled(settings(newsroom, origin, without), lambda: newsroom.now) as app:
        for documents in HISTORY:
            origin.documents |= documents
            outcomes.append([await app.pipeline.refresh_safely(name) for name in ("validated", "plain")])
            app.pipeline.publish()
            newsroom.now += HOUR
    return outcomes


@pytest.mark.parametrize("short_cut", SHORT_CUTS)
def test_without_a_short_cut_everything_is_as_with_it(tmp_path: Path, short_cut: str) -> None:
    quick, without = two_below(tmp_path)

    async def both() -> list[list[list[Outcome]]]:
        async with running(Origin()) as origin:
            return [await polled(quick, origin, None), await polled(without, origin, short_cut)]

    outcomes = asyncio.run(both())
    assert outcomes[0] == outcomes[1]
    said = [outcome.outcome for poll in outcomes[0] for outcome in poll]
    assert (said.count("ok"), said.count("not-modified")) == (8, 6)
    assert any(outcome.merged or outcome.revised for poll in outcomes[0] for outcome in poll)
    assert_alike(quick, without)


def test_what_was_published_otherwise_is_seen(tmp_path: Path) -> None:
    quick, without = two_below(tmp_path)

    async def both() -> None:
        async with running(Origin()) as origin:
            await polled(quick, origin, None)
            without.now = NOW + HOUR
            await polled(without, origin, None)

    asyncio.run(both())
    assert published(quick) != published(without)
    assert stored(quick) != stored(without)

"""Where the time goes: each stage by itself, on the same documents, in one process. CPU milliseconds a document."""

import gzip
import io
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import feedparser

from aggregator import identify, parse
from aggregator.normalise import normalise
from aggregator.publish import Writer, feed_documents, site_view
from aggregator.records import Site, Source
from aggregator.store import Store
from tests.benchmarks.documents import feed

_NOW = datetime(2026, 11, 22, tzinfo=UTC)
_SITE = Site("bench", "https://bench.example/", "bench.example,2026")


@dataclass(frozen=True)
class Stage:
    """Median CPU milliseconds that a stage takes for one document of 50 entries."""

    name: str
    milliseconds: float


def measure(documents: int) -> list[Stage]:
    """Take so many documents through every stage."""
    bodies = [feed(number) for number in range(documents)]
    source = Source("s", "https://bench.example/feed")
    stages = []

    def stage(name: str, work: Callable[[Any], Any], inputs: list[Any]) -> list[Any]:
        times, results = [], []
        for given in inputs:
            begun = time.process_time_ns()
            results.append(work(given))
            times.append((time.process_time_ns() - begun) / 1e6)
        stages.append(Stage(name, median(times)))
        return results

    stage("feedparser alone, as it comes", lambda body: feedparser.parse(io.BytesIO(body)), bodies)
    feeds = stage("parse", lambda body: parse.read(body, url=source.url, content_type="application/xml"), bodies)

    def normalised(parsed: Any) -> list[Any]:
        return [normalise(raw, source=source, feed=parsed, url=source.url, now=_NOW) for raw in parsed.entries]

    entries = stage("normalise", normalised, feeds)
    named = stage("identify", lambda items: identify.distinct(items), entries)
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder, "s.db")) as store:
        store.sync_sources([(source, "")], _NOW)

        def stored(items: Any) -> None:
            with store.writing():
                names = [name for item in items for name in item.names]
                aliases = store.codes_of(names)
                known = store.known(aliases.values(), source.name)
                changes = identify.decide(items, aliases=aliases, known=known, positions={}, backfill=None, now=_NOW)
                store.add(changes.arrivals, _NOW)

        stage("decide and store", stored, [*named])
        newest = store.newest(50)
        views = [site_view(_SITE, [replace(entry, seq=n) for entry in newest]) for n in range(documents)]
        rendered = stage("render all formats of one channel", lambda view: feed_documents(_SITE, view), views)
        writer = Writer(Path(folder, "public"))
        changed = [[replace(d, body=d.body + b" " * n) for d in r.documents] for n, r in enumerate(rendered)]
        stage("write and compress them", lambda documents: [writer.write(d) for d in documents], changed)
        stage("(gzip -6 of its Atom alone)", lambda r: gzip.compress(r.documents[0].body, 6), rendered)
    return stages



"""What it costs to publish a channel when one article is new: beside feedgen and gzip on the same articles."""

import cProfile
import gzip
import pstats
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median

from feedgen.feed import FeedGenerator

from aggregator import variants
from aggregator.publish import Fragments, atom, channel_view, feed_documents
from aggregator.publish.gate import Gate
from aggregator.publish.view import View
from aggregator.records import Channel, Document, Site, StoredEntry
from tests.benchmarks.documents import text

_SITE = Site("bench", "https://bench.example/", "bench.example,2026")
_CHANNEL = Channel("news", "新闻")
_ENTRIES = 50


@dataclass(frozen=True)
class Cost:
    """CPU milliseconds that a piece of work takes, and the multiple of the plain library's that is aimed at."""

    work: str
    milliseconds: float
    aim: float | None = None


def measure(rounds: int = 15) -> list[Cost]:
    """Publish a channel so often, each time with one article more; each way of working has its own memory."""
    views = _views(rounds)
    one, every, checked, gate = Fragments(_SITE), Fragments(_SITE), Fragments(_SITE), Gate(_SITE.url)
    return [
        Cost("feedgen alone, and gzip -6", _median(lambda view: gzip.compress(_plainly(view), 6), views)),
        Cost("its Atom and the gzip form", _median(lambda view: _atom(view, one), views), 0.10),
        Cost("all formats and their gzip forms", _median(lambda view: _all(view, every), views)),
        Cost("the same, each read again by the gate", _median(lambda view: _judged(gate, _all(view, checked)), views)),
        Cost("the same without fragments", _median(lambda view: _judged(gate, _all(view, None)), views)),
    ]


def _views(rounds: int) -> list[View]:
    """Give what a channel shows, and then so many times with one article more."""
    entries = [_entry(number) for number in range(_ENTRIES + rounds)]
    return [channel_view(_SITE, _CHANNEL, entries[at : at + _ENTRIES][::-1]) for at in range(rounds + 1)]


def profile(rounds: int = 15, most: int = 3) -> str:
    """Say in which functions the time goes when the Atom document of a channel is made again and again."""
    views = _views(rounds)
    memory, profiler = Fragments(_SITE), cProfile.Profile()
    _atom(views[0], memory)
    for view in views[1:]:
        profiler.runcall(_atom, view, memory)
    spent = [(function[2], own) for function, (_, _, own, _, _) in pstats.Stats(profiler).stats.items()]  # type: ignore[attr-defined]  # not in its stub
    whole = sum(own for _, own in spent)
    return ", ".join(f"{name} {own / whole:.0%}" for name, own in sorted(spent, key=lambda each: -each[1])[:most])


def _atom(view: View, fragments: Fragments) -> None:
    _packed(fragments.documents(view, {"atom": atom}))


def _all(view: View, fragments: Fragments | None) -> tuple[Document, ...]:
    documents = feed_documents(_SITE, view, fragments).documents
    _packed(documents)
    return documents


def _packed(documents: tuple[Document, ...]) -> list[bytes]:
    return [
        variants.joined((piece.deflated for piece in each.joined.pieces()), each.body)
        if each.joined
        else variants.compressed(each.body, "gzip")
        for each in documents
    ]


def _judged(gate: Gate, documents: tuple[Document, ...]) -> None:
    assert not any(map(gate.fault, documents))


def _median(work: Callable[[View], object], views: list[View]) -> float:
    """The first time everything is new; that is not counted."""
    work(views[0])
    times = []
    for view in views[1:]:
        begun = time.process_time_ns()
        work(view)
        times.append((time.process_time_ns() - begun) / 1e6)
    return median(times)


def _entry(number: int) -> StoredEntry:
    when = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(minutes=17 * number)
    link, body = f"https://paper.example/a/{number}.html", text(random.Random(number), 1300)
    return StoredEntry(
        seq=number,
        info_code=f"NW{number:018d}",
        source="paper",
        guid=link,
        link=link,
        title=body[3:20],
        summary="",
        content=body,
        author="",
        outlet="",
        language="zh",
        published=when,
        updated=when,
        first_seen=when,
        sort_date=when,
        revision=1,
        fingerprint=str(number),
        source_title="报纸",
        source_link="https://paper.example/",
        channels=(_CHANNEL,),
    )


def _plainly(view: View) -> bytes:
    feed = FeedGenerator()
    feed.id(view.feed_id)
    feed.title(view.title)
    feed.updated(view.updated)
    for entry in view.entries:
        said = feed.add_entry(order="append")
        said.id(entry.guid)
        said.title(entry.title)
        said.updated(entry.updated)
        said.link(href=entry.link)
        said.content(entry.content, type="html")
    return bytes(feed.atom_str(pretty=True))

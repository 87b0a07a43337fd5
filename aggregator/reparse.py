"""Stored articles repaired from the documents they came in: after a fix in how we read, without asking anyone again.

Nothing new comes in and nothing goes. Only articles whose text is this source's are looked at, each as the newest
document that holds it says; it keeps its code, its dates of order and change, and its count of revisions.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from aggregator import identify
from aggregator.normalise import fingerprint
from aggregator.records import Alias, Entry, Intake, Named, RawDocument, Reparsed, Source, Unreadable

if TYPE_CHECKING:
    from aggregator.store import Store


def repair(
    store: "Store",
    source: Source,
    documents: Sequence[RawDocument],
    readings: Sequence[Intake | Unreadable],
    arrange: Callable[[Mapping[str, Entry], Source], object],
) -> Reparsed | None:
    """Repair a source's articles from its documents, the oldest first, and what these say now: one transaction. What
    was repaired is put where it belongs by `arrange`.

    None where other documents came in meanwhile: what was read is not the newest any more, and nothing was done.
    """
    with store.writing():
        if store.raw_numbers(source.name) != [document.number for document in documents]:
            return None
        found: dict[str, Named] = {}
        for reading in readings:
            if isinstance(reading, Intake):
                found |= _matched(store, source, reading)
        repaired = _repaired(store, source, found)
        arrange(repaired, source)
    return Reparsed(source.name, len(documents), len(found), len(repaired), tuple(_problems(documents, readings)))


def _matched(store: "Store", source: Source, reading: Intake) -> dict[str, Named]:
    """Give the entries that are stored as this source tells them, by code."""
    entries = identify.distinct(reading.entries, feed_link=reading.facts.link)
    names = [name for named in entries for name in (*named.names, Alias("code", named.info_code))]
    aliases = store.codes_of(names)
    known = store.known(aliases.values(), source.name)
    entries = identify.without_reused_guids(entries, aliases, known)
    codes = ((identify.match(named, aliases, known), named) for named in entries)
    return {code: named for code, named in codes if code in known and known[code].source == source.name}


def _repaired(store: "Store", source: Source, found: Mapping[str, Named]) -> dict[str, Entry]:
    """Write what differs, and give it by code."""
    repaired = {}
    for code, stored in store.entries(found).items():
        named = found[code]
        entry = identify.merged(named.entry, stored, source)
        entry = replace(entry, fingerprint=fingerprint(entry))
        if entry != stored:
            store.repair(code, entry, (*named.names, *identify.evidence(named.entry)))
            repaired[code] = entry
    return repaired


def _problems(documents: Iterable[RawDocument], readings: Iterable[Intake | Unreadable]) -> Iterable[str]:
    for document, reading in zip(documents, readings, strict=True):
        if isinstance(reading, Unreadable):
            yield f"the document of {document.fetched_at:%Y-%m-%d %H:%M} UTC cannot be read: {reading.detail}"

"""Entries that need no second look: their document repeats them word for word, nothing was to be done about them when
they were met last, and nothing that they were judged by has changed since.

What an entry comes to depends on its own words, on the names that others in its document have, and on what is stored
under its names. The first is known by its digest; the second stays the same as long as no other entry has a name of its
own (`are_apart`); the third is watched over by the store, which forgets that an article is familiar when anything of
it changes. So only the plainest case is taken: an article that the source itself brought, under names that are all its
own.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from aggregator.identify.codes import names_of
from aggregator.records import (
    Alias,
    Changes,
    Entry,
    Familiar,
    Known,
    Merge,
    Named,
    Retouch,
    Revision,
    Sighting,
    Source,
    SourceMemory,
)
from aggregator.urls import canonical


def may_be_familiar(source: Source, memory: SourceMemory) -> bool:
    """Tell whether entries of a source may go without a second look: not at its beginning, nor while it is under
    review."""
    return not (memory.fresh or memory.newest is None or memory.review or source.private)


def are_apart(entries: Iterable[Entry], familiar: Mapping[str, Familiar], *, feed_link: str) -> bool:
    """Tell whether other entries of a document have no name in common with the familiar ones, and none of these is
    named by the feed's own page."""
    theirs = {name for _, *names in familiar.values() for name in names}
    home = _as_text(Alias("url", canonical(feed_link)))
    return not theirs or theirs.isdisjoint([home, *(name for entry in entries for name in _names(entry))])


def familiar(
    entries: Sequence[Entry], named: Sequence[Named], known: Mapping[str, Known], changes: Changes
) -> dict[str, Familiar]:
    """Give those of a document's entries that need no second look next time, by the codes of their articles.

    `entries` are all that were looked at, `named` what was made of them.
    """
    met = {item.entry.digest: item.info_code for item in changes.sightings if _is_plain(item, known)}
    if not met or changes.hold or changes.withdrawn:
        return {}
    names = {entry.digest: _names(entry) for entry in entries}
    often = Counter(name for each in names.values() for name in each)
    kept = {item.entry.digest: tuple(map(_as_text, item.names)) for item in named if item.entry.digest in met}
    unsure = _changed(changes) | _met_twice(changes)
    own = (digest for digest, each in kept.items() if each and each == names[digest] and _are_its_own(each, often))
    return {met[digest]: (digest, *kept[digest]) for digest in own if met[digest] not in unsure}


def _names(entry: Entry) -> tuple[str, ...]:
    return tuple(map(_as_text, names_of(entry)))


def _as_text(name: Alias) -> str:
    return f"{name.kind} {name.value}"


def _is_plain(item: Sighting, known: Mapping[str, Known]) -> bool:
    entry, stored = item.entry, known[item.info_code]
    to_do = item.learns or stored.held or entry.article_url or entry.fingerprint != stored.fingerprint
    return entry.repeated and not to_do and entry.source == stored.source


def _are_its_own(names: Sequence[str], often: Mapping[str, int]) -> bool:
    return all(often[name] == 1 for name in names)


def _changed(changes: Changes) -> set[str]:
    changed: tuple[Revision | Retouch | Merge, ...] = (*changes.revisions, *changes.retouches, *changes.merged)
    return {item.info_code for item in changed} | set(changes.confirmed)


def _met_twice(changes: Changes) -> set[str]:
    return {code for code, times in Counter(item.info_code for item in changes.sightings).items() if times > 1}

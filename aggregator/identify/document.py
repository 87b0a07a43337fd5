"""Names inside one document: which of them tell its entries apart, and which entries are one."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from aggregator.identify.codes import guid_keys, info_code, names_of
from aggregator.records import Alias, Entry, Named
from aggregator.urls import canonical


def distinct(entries: Iterable[Entry], *, feed_link: str = "") -> tuple[Named, ...]:
    """Give the document's articles, each once, in its order, with the names that really are theirs.

    A guid that several different articles carry, and a link that they share (or that is the feed's own page), say
    nothing about which article is meant, so they are no names in this document. Of entries that share a name after
    that, the first stands for all.
    """
    found = [(entry, names_of(entry)) for entry in entries]
    ambiguous = _shared_guids(found) | _shared_links(found) | _home(found, feed_link) | _of_two_posts(found)
    named = [_named(entry, tuple(name for name in names if name not in ambiguous)) for entry, names in found]
    return _merged(named)


def without_guid(named: Named) -> Named:
    """Give the entry as if its source had given it no guid."""
    return _named(named.entry, tuple(name for name in named.names if name.kind != "guid"))


def _named(entry: Entry, names: tuple[Alias, ...]) -> Named:
    guid_lost = bool(entry.guid) and not any(name.kind == "guid" for name in names)
    kept = replace(entry, guid="") if guid_lost else entry
    return Named(kept, info_code(kept, names), names)


def _shared(found: Sequence[tuple[Entry, tuple[Alias, ...]]], kind: str) -> dict[Alias, list[Entry]]:
    """Give the names of a kind that several entries have, with those entries."""
    groups: dict[Alias, list[Entry]] = defaultdict(list)
    for entry, names in found:
        for name in names:
            if name.kind == kind:
                groups[name].append(entry)
    return {name: group for name, group in groups.items() if len(group) > 1}


def _shared_guids(found: Sequence[tuple[Entry, tuple[Alias, ...]]]) -> set[Alias]:
    """Guids under which the document has entries with different links, and spellings that two guids share."""
    groups = _shared(found, "guid")
    shared = {name for name, group in groups.items() if len({canonical(e.link) for e in group if e.link}) > 1}
    respelt = {name for name, group in groups.items() if len({entry.guid for entry in group}) > 1}
    return shared | {name for name in respelt if len({entry.title for entry in groups[name]}) > 1}


def _of_two_posts(found: Sequence[tuple[Entry, tuple[Alias, ...]]]) -> set[Alias]:
    """Names of entries that have a guid and a link in common and differ in title and said date: two posts of a minute,
    where the publisher makes both names from the time."""
    groups: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry, _ in found:
        if entry.guid:
            groups[entry.guid, canonical(entry.link)].append(entry)
    twos = {key for key, group in groups.items() if len(group) > 1 and _all_differ(group)}
    if not twos:
        return set()
    return {name for entry, names in found if (entry.guid, canonical(entry.link)) in twos for name in names}


def _all_differ(group: Sequence[Entry]) -> bool:
    said: tuple[list[object], ...] = [e.title for e in group], [e.published for e in group]
    return all(all(values) and len(set(values)) == len(values) for values in said)


def _shared_links(found: Sequence[tuple[Entry, tuple[Alias, ...]]]) -> set[Alias]:
    """Links under which the document has entries with different guids, or without guids and with different titles."""
    groups = _shared(found, "url")
    return {name for name, group in groups.items() if len({_guid_or_title(e) for e in group}) > 1}


def _guid_or_title(entry: Entry) -> str:
    return guid_keys(entry)[-1] if entry.guid else f"\n{entry.title}"


def _home(found: Sequence[tuple[Entry, tuple[Alias, ...]]], feed_link: str) -> set[Alias]:
    """The feed's own page, unless it is the only thing that an entry is named by."""
    home = Alias("url", canonical(feed_link))
    return {home} if any(home in names and len(names) > 1 for _, names in found) else set()


def _merged(named: Sequence[Named]) -> tuple[Named, ...]:
    firsts: dict[Alias, Named] = {}
    result: dict[str, Named] = {}
    for item in named:
        known = next((firsts[name] for name in item.names if name in firsts), result.get(item.info_code))
        if known is None:
            result[item.info_code] = known = item
        for name in item.names:
            firsts.setdefault(name, known)
    return tuple(result.values())

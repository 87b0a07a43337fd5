"""Entries of a folder, where several files may tell one article: which are to be taken."""

from collections.abc import Hashable, Iterable, Mapping, Sequence

from aggregator.identify.codes import info_code, names_of
from aggregator.identify.match import match
from aggregator.records import Alias, Entry, Known, Named


def each(entries: Iterable[Entry]) -> tuple[Named, ...]:
    """Give every entry with all its names, whatever other entries there are."""
    found = ((entry, names_of(entry)) for entry in entries)
    return tuple(Named(entry, info_code(entry, names), names) for entry, names in found)


def apart(
    named: Sequence[Named], aliases: Mapping[Alias, str], known: Mapping[str, Known], before: dict[Hashable, str]
) -> tuple[tuple[Named, ...], tuple[str, ...]]:
    """Give the entries that tell an article of their own, and in words those that tell one once more.

    Two are the same article when they share a code, are stored as one, or have link and title in common. `before` holds
    what was met so far, by the guid of the entry, and learns from this.
    """
    first, repeated = [], []
    for item in named:
        keys = _keys(item, match(item, aliases, known))
        taken = next((before[key] for key in keys if key in before), None)
        if taken is None:
            first.append(item)
        else:
            repeated.append(f"{item.entry.guid}: the same article as {taken}, which was taken")
        for key in keys:
            before.setdefault(key, taken or item.entry.guid)
    return tuple(first), tuple(repeated)


def _keys(item: Named, stored: str | None) -> list[Hashable]:
    codes = [name.value for name in item.names if name.kind == "code"]
    links = [(name.value, item.entry.title) for name in item.names if name.kind == "url"]
    return [stored or item.info_code, *codes, *links]

"""Is this entry a stored article? By its names, as far as they tell."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from aggregator.identify.codes import is_global
from aggregator.identify.document import without_guid
from aggregator.records import Alias, Entry, Known, Named
from aggregator.urls import canonical


def match(named: Named, aliases: Mapping[Alias, str], known: Mapping[str, Known]) -> str | None:
    """Give the code that one of the entry's names is known for, or None. Codes count before guids before links.

    A link alone does not make two entries of one source the same article when their guids, titles and dates (or the
    links' fragments) all differ: incident pages and daily columns live under one address for years.
    """
    name = _telling_name(named, aliases, known)
    return aliases[name] if name else None


def recognised_by(
    entries: Sequence[Named], aliases: Mapping[Alias, str], known: Mapping[str, Known]
) -> dict[str, str]:
    """Say by which name articles were recognised that this source brings for the first time: `guid …`, by code."""
    names = [name for named in entries if (name := _telling_name(named, aliases, known))]
    stored = ((known.get(aliases[name]), name) for name in names)
    return {each.info_code: f"{name.kind} {name.value}" for each, name in stored if each and not each.seen_here}


def _telling_name(named: Named, aliases: Mapping[Alias, str], known: Mapping[str, Known]) -> Alias | None:
    for name in (*named.names, Alias("code", named.info_code)):
        code = aliases.get(name)
        if code and (name.kind != "url" or not _another_article(named.entry, known.get(code))):
            return name
    return None


def without_reused_guids(
    entries: Sequence[Named], aliases: Mapping[Alias, str], known: Mapping[str, Known]
) -> tuple[Named, ...]:
    """Take the guid from entries whose source gave it to another article before: numbers that begin again, or that
    only count the places in a document.

    Strict: the guid means nothing elsewhere, and title, link and said date all differ. A guid that is an address, a tag
    or a UUID stays with its article whatever else is edited.
    """
    return tuple(without_guid(item) if _is_reused(item, aliases, known) else item for item in entries)


def _another_article(entry: Entry, stored: Known | None) -> bool:
    if stored is None or stored.source != entry.source or not (entry.guid and stored.guid):
        return False
    if entry.guid == stored.guid or entry.title == stored.title:
        return False
    return entry.published != stored.published or _other_fragment(entry.link, stored.link)


def _other_fragment(one: str, other: str) -> bool:
    fragments = _fragment(one), _fragment(other)
    return all(fragments) and fragments[0] != fragments[1]


def _fragment(url: str) -> str:
    try:
        return urlsplit(url).fragment
    except ValueError:
        return ""


def _is_reused(named: Named, aliases: Mapping[Alias, str], known: Mapping[str, Known]) -> bool:
    if not named.entry.guid or is_global(named.entry.guid):
        return False
    codes = {name.kind: aliases[name] for name in named.names if name in aliases}
    stored = known.get(codes.get("guid", ""))
    if stored is None or "code" in codes or codes.get("url") == stored.info_code:
        return False
    return stored.source == named.entry.source and _all_differs(named.entry, stored)


def _all_differs(entry: Entry, stored: Known) -> bool:
    links, dates = (canonical(entry.link), canonical(stored.link)), (entry.published, stored.published)
    return entry.title != stored.title and all(links) and links[0] != links[1] and all(dates) and dates[0] != dates[1]

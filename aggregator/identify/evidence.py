"""The same article of one source under all-new names: found again by what it says (its title, text and date).

A publisher moves to another host, or rewrites every permalink, and no name in its document is known. What an article
says is then evidence: two digests of it stand beside its names, as aliases of the kind `text`. Evidence is weaker than
a name, so it counts only where nothing speaks against it: see `repair`.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from aggregator.identify.codes import base32_of
from aggregator.identify.match import match
from aggregator.records import Alias, Entry, Known, Named
from aggregator.urls import host

EVIDENCE_VERSION = 1

_TEXT_AT_LEAST = 40  # characters; a shorter text says as little as a title
_MOVED_AT_LEAST = 3  # articles
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True, slots=True)
class _Claim:
    """That an entry may be a stored article. `firm`: the evidence stands by itself."""

    named: Named
    code: str
    firm: bool


def evidence(entry: Entry) -> tuple[Alias, ...]:
    """Give what an entry says as aliases: title and text, title and date; the title alone where it has neither.

    White space and markup make no difference, since links in a text move with their host.
    """
    told = entry.summary if entry.row_fingerprint else entry.content or entry.summary  # as its list says
    text = "".join(_TAG.sub("", told).split())
    said = [("text", text)] if len(text) >= _TEXT_AT_LEAST else []
    if entry.title and entry.published:
        said.append(("date", _second(entry.published)))
    if entry.title and not said:
        said.append(("title", ""))
    return tuple(_alias(kind, entry, value) for kind, value in said)


def doubtful(
    entries: Sequence[Named], aliases: Mapping[Alias, str], known: Mapping[str, Known]
) -> dict[str, tuple[Alias, ...]]:
    """Give the evidence that is worth looking up: of entries without a known name, and of those whose name belongs to
    an article of another title and date. By the code that the entry would get."""
    return {
        named.info_code: evidence(named.entry)
        for named in entries
        if not any(name.kind == "code" for name in named.names) and _is_doubtful(named, aliases, known)
    }


def repair(
    entries: Sequence[Named],
    aliases: Mapping[Alias, str],
    known: Mapping[str, Known],
    wanted: Mapping[str, tuple[Alias, ...]],
    found: Mapping[Alias, str],
) -> dict[Alias, str]:
    """Give the names under which entries of a document are articles that are stored: names to add to `aliases`.

    `wanted` is what `doubtful` gave and `found` what the store knows of that. A stored article that stands in the
    document under a name of its own is not meant, nor is one whose date is another: daily notices say the same words.
    Each stored article is claimed once. A title alone, or a title and a date without time of day, counts only where the
    whole document moved to another host.
    """
    asked = {code for code, names in wanted.items() if any(name in found for name in names)}
    present = {code for item in entries if item.info_code not in asked and (code := match(item, aliases, known))}
    claims = _each_once(_claims(entries, known, wanted, found), present)
    counted = claims if _moved(entries, claims, known) else [claim for claim in claims if claim.firm]
    return {name: claim.code for claim in counted for name in _names(claim.named, aliases)}


def _names(named: Named, aliases: Mapping[Alias, str]) -> tuple[Alias, ...]:
    """Those names of the entry that are known as another's; its own code always."""
    return Alias("code", named.info_code), *(name for name in named.names if name in aliases)


def _is_doubtful(named: Named, aliases: Mapping[Alias, str], known: Mapping[str, Known]) -> bool:
    code = match(named, aliases, known)
    if code is None:
        return True
    entry, stored = named.entry, known.get(code)
    if stored is None or stored.source != entry.source or entry.title == stored.title:
        return False
    return _dates_differ(entry, stored)


def _claims(
    entries: Sequence[Named],
    known: Mapping[str, Known],
    wanted: Mapping[str, tuple[Alias, ...]],
    found: Mapping[Alias, str],
) -> Iterator[_Claim]:
    for named in entries:
        for alias in wanted.get(named.info_code, ()):
            code = found.get(alias)
            if code is not None and not _spoken_against(named.entry, known.get(code)):
                yield _Claim(named, code, _is_firm(alias, named.entry, known.get(code)))


def _spoken_against(entry: Entry, stored: Known | None) -> bool:
    return stored is not None and stored.source == entry.source and _dates_differ(entry, stored)


def _is_firm(alias: Alias, entry: Entry, stored: Known | None) -> bool:
    kind = alias.value.partition(" ")[0]
    if stored is None or stored.source != entry.source:
        return kind == "date" and _has_time(entry.published)
    return kind == "text" or (kind == "date" and _has_time(entry.published))


def _each_once(claims: Iterable[_Claim], present: set[str]) -> list[_Claim]:
    """Firm claims come first; each entry and each stored article is in one of them."""
    entries, codes, kept = set[str](), set(present), []
    for claim in sorted(claims, key=lambda claim: not claim.firm):
        if claim.named.info_code not in entries and claim.code not in codes:
            entries.add(claim.named.info_code)
            codes.add(claim.code)
            kept.append(claim)
    return kept


def _moved(entries: Sequence[Named], claims: Sequence[_Claim], known: Mapping[str, Known]) -> bool:
    """Tell whether the whole document went to another host: nothing in it stands where it stood."""
    if len(claims) < _MOVED_AT_LEAST or 2 * len(claims) < len(entries):
        return False
    places = [(host(claim.named.entry.link), known.get(claim.code)) for claim in claims]
    return all(now and (stored is None or now != host(stored.link)) for now, stored in places)


def _dates_differ(entry: Entry, stored: Known) -> bool:
    if entry.published is None or stored.published is None:
        return False
    return _second(entry.published) != _second(stored.published)


def _has_time(moment: datetime | None) -> bool:
    """Tell a time of day from a bare date, which is a whole hour in any zone but a few."""
    return moment is not None and bool(moment.minute or moment.second)


def _second(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _alias(kind: str, entry: Entry, value: str) -> Alias:
    said = f"{EVIDENCE_VERSION}\n{entry.source}\n{' '.join(entry.title.split())}\n{value}"
    digest = hashlib.sha256(said.encode("utf-8", "surrogatepass")).digest()
    return Alias("text", f"{kind} {base32_of(digest)}")

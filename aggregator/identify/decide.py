"""What a document does to the store: new, revised, or seen before. A pure decision over what the store knows."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from aggregator.identify.evidence import evidence
from aggregator.identify.match import match
from aggregator.records import Alias, Arrival, Changes, Entry, Known, Named, Revision, Sighting

_TEXT_AT_LEAST = 200  # characters, markup included
_OLDEST = datetime.min.replace(tzinfo=UTC)


def articles_wanted(
    entries: Sequence[Named], aliases: Mapping[Alias, str], known: Mapping[str, Known]
) -> tuple[Named, ...]:
    """Give the entries whose text a second request must bring: those that this source did not bring yet, and those
    whose row in its list changed. An article that was stored as it stands, before texts were wished for, stays so."""
    owed = (named for named in entries if named.entry.article_url and not named.entry.row_fingerprint)
    return tuple(named for named in owed if _row_changed(named, match(named, aliases, known), known))


def _row_changed(named: Named, code: str | None, known: Mapping[str, Known]) -> bool:
    if code is None:
        return True
    stored = known.get(code)
    if stored is None or (not stored.asked and stored.fingerprint == named.entry.fingerprint):
        return False
    return stored.row_fingerprint != named.entry.fingerprint


def decide(
    entries: Sequence[Named],
    *,
    aliases: Mapping[Alias, str],
    known: Mapping[str, Known],
    positions: Mapping[str, int],
    backfill: int | None,
    now: datetime,
) -> Changes:
    """Sort a document's entries into arrivals (oldest first), revisions and sightings.

    `aliases` maps the names that are known to codes, `known` those codes to what is stored; a code that is missing
    there was retracted or passed over, and its entry is ignored. `positions` is the order of the sources in the
    configuration. `backfill` limits the arrivals of a source's first document to its newest ones; None: no limit.
    """
    new: list[Named] = []
    revisions: list[Revision] = []
    sightings: list[Sighting] = []
    for named in entries:
        code = match(named, aliases, known)
        if code is None:
            new.append(named)
        elif (stored := known.get(code)) is None:
            continue
        elif _is_revision(named.entry, stored, positions):
            revisions.append(Revision(code, named.entry, _all_names(named), _revised_at(named.entry, stored, now)))
        else:
            sightings.append(_sighting(named, stored, aliases))
    taken, passed = _newest(new, backfill)
    arrivals = sorted((_arrival(named, now) for named in reversed(taken)), key=lambda arrival: arrival.sort_date)
    passed = [replace(named, names=_all_names(named)) for named in passed]
    return Changes(tuple(arrivals), tuple(revisions), tuple(sightings), tuple(passed))


def _all_names(named: Named) -> tuple[Alias, ...]:
    return (*named.names, *evidence(named.entry))


def _sighting(named: Named, stored: Known, aliases: Mapping[Alias, str]) -> Sighting:
    owes = named.entry.source == stored.source and not (stored.evident or named.entry.repeated)
    names = tuple(name for name in (_all_names(named) if owes else named.names) if name not in aliases)
    row = named.entry.row_fingerprint
    learns = bool(names) or not stored.seen_here or (bool(row) and row != stored.row_fingerprint)
    return Sighting(stored.info_code, named.entry, names, learns)


def _newest(new: list[Named], limit: int | None) -> tuple[list[Named], list[Named]]:
    """Split into the newest `limit` and the rest: by date where every entry has one, else by the document's order."""
    if limit is None or len(new) <= limit:
        return new, []
    ranked = list(new)
    if all(_said(named.entry) for named in new):
        ranked.sort(key=lambda named: _said(named.entry) or _OLDEST, reverse=True)
    kept = {named.info_code for named in ranked[:limit]}
    return [n for n in new if n.info_code in kept], [n for n in new if n.info_code not in kept]


def _arrival(named: Named, now: datetime) -> Arrival:
    entry = named.entry
    said = _said(entry) or now
    updated = min(entry.updated or said, now)
    owed = bool(entry.article_url) and not entry.row_fingerprint
    return Arrival(named.info_code, entry, _all_names(named), min(said, now), updated, pending=owed)


def _said(entry: Entry) -> datetime | None:
    """When the source says that the entry came out; many Atom feeds give only the day of its last change."""
    return entry.published or entry.updated


def _is_revision(entry: Entry, stored: Known, positions: Mapping[str, int]) -> bool:
    if entry.article_url and not entry.row_fingerprint and entry.source == stored.source:
        return False
    if entry.fingerprint == stored.fingerprint:
        return False
    return entry.source == stored.source or _is_better(entry, stored, positions)


def _is_better(entry: Entry, stored: Known, positions: Mapping[str, int]) -> bool:
    """Tell whether another source's version takes over: a text where there was an excerpt only, else the one of the
    source that stands first in the configuration.

    Both together are one total order, so sources that tell the same article never take turns.
    """
    last = len(positions)
    mine = (_is_text(text_size(entry)), -positions.get(entry.source, last))
    return mine > (_is_text(stored.text_size), -positions.get(stored.source, last))


def stands_before(entry: Entry, stored: Known, positions: Mapping[str, int]) -> bool:
    """Tell whether the entry is shown where it and a stored article turn out to be one story: as a takeover is decided,
    and between sources of one place in the configuration by the fuller text. After that only a takeover changes it."""
    last = len(positions)
    places = positions.get(entry.source, last), positions.get(stored.source, last)
    if _is_better(entry, stored, positions):
        return True
    equal = places[0] == places[1] and _is_text(text_size(entry)) == _is_text(stored.text_size)
    return equal and text_size(entry) > stored.text_size


def revision_of(code: str, arrival: Arrival, stored: Known, now: datetime) -> Revision:
    """Give the revision by which a new article's text is shown for a stored one."""
    return Revision(code, arrival.entry, arrival.names, _revised_at(arrival.entry, stored, now))


def _is_text(characters: int) -> bool:
    """Tell an article's text from a headline or an excerpt, by its length."""
    return characters >= _TEXT_AT_LEAST


def lacks_a_text(changes: Changes) -> bool:
    """Tell whether an entry is to be stored whose text was left out because the document before held it, too."""
    told = (changes.arrivals, changes.held, changes.merged)
    wanted = (*told, changes.revisions, changes.retouches, changes.passed)
    return any(each.entry.repeated for group in wanted for each in group)


def _revised_at(entry: Entry, stored: Known, now: datetime) -> datetime:
    """When the revision happened: as the source says if that is news, else now. A change of source is no event."""
    said = entry.updated or (entry.published if entry.source != stored.source else None)
    if said and entry.source != stored.source:
        return min(said, now)
    return min(said, now) if said and said > stored.updated else now


def text_size(entry: Entry) -> int:
    """Give the characters of the entry's text, as `Known.text_size` counts them."""
    return entry.text_size if entry.repeated else len(entry.content or entry.summary)

"""One story, told by several sources: which new articles join one that is stored. A pure decision over candidates."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from aggregator.identify.decide import revision_of, stands_before
from aggregator.identify.document import without_guid
from aggregator.identify.duplicates import same_story, share_told
from aggregator.records import Alike, Arrival, Changes, Fingerprint, Known, Merge, Named

WINDOW = timedelta(days=14)


def prints_at_hand(
    entries: Sequence[Named], prints: Mapping[str, Fingerprint | None]
) -> dict[str, Fingerprint] | None:
    """Give the fingerprints of a document's texts by the codes that their articles may get; None where one was not made
    yet. `prints` go by `Entry.fingerprint`."""
    told = [item for item in entries if not item.entry.repeated]
    if any(item.entry.fingerprint not in prints for item in told):
        return None
    made = ((item, one) for item in told if (one := prints[item.entry.fingerprint]))
    return {code: one for item, one in made for code in _codes_possible(item)}


def _codes_possible(named: Named) -> tuple[str, ...]:
    """A guid that its source gave to another article before is none, which the store knows."""
    return named.info_code, without_guid(named).info_code


def join_stories(
    changes: Changes,
    prints: Mapping[str, Fingerprint],
    alike: Mapping[str, Sequence[Alike]],
    *,
    known: Mapping[str, Known],
    positions: Mapping[str, int],
    now: datetime,
) -> Changes:
    """Turn arrivals that tell a stored story into merges.

    `prints` and `alike` (the candidates, the likeliest first) go by the arrivals' codes; candidates come from other
    sources and lie within `WINDOW`. A source's document tells a story once: two articles of it are never one.
    """
    arrivals: list[Arrival] = []
    merges: dict[str, Merge] = {}
    for arrival in changes.arrivals:
        told = prints.get(arrival.info_code)
        candidates = [one for one in alike.get(arrival.info_code, ()) if one.info_code not in merges]
        found = _first_same(told, candidates) if told and not arrival.pending else None
        if told is None or found is None:
            arrivals.append(arrival)
        else:
            merges[found.info_code] = _merge(arrival, told, found, known.get(found.info_code), positions, now)
    return replace(changes, arrivals=tuple(arrivals), merged=tuple(merges.values()))


def _first_same(told: Fingerprint, candidates: Sequence[Alike]) -> Alike | None:
    return next((one for one in candidates if same_story(told, one.fingerprint)), None)


def _merge(
    arrival: Arrival,
    told: Fingerprint,
    found: Alike,
    stored: Known | None,
    positions: Mapping[str, int],
    now: datetime,
) -> Merge:
    share = share_told(told, found.fingerprint)
    why = f"same story: {share:.0%} of the shorter text stands in the longer, with the same figures"
    better = stored is not None and stands_before(arrival.entry, stored, positions)
    revision = revision_of(found.info_code, arrival, stored, now) if stored and better else None
    return Merge(found.info_code, arrival, told, why, revision)

"""Where a stored article belongs, and in which words: what its sources, the rules and the channels make of it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from aggregator.categorise.rulebook import Judgement, Rulebook, Said, edition, names_of, reword
from aggregator.categorise.rules import Rule, candidate_of, chosen
from aggregator.records import Channel, Entry, Place, Source, Standing, StoredEntry
from aggregator.urls import fold_name


class Directory(Protocol):
    """Knows the channels, and opens those of names not met before."""

    def slugs(self, names: Sequence[str]) -> dict[str, str]:
        """Give the slug of each category name, by folded name."""

    def channels(self, slugs: Collection[str]) -> list[Channel]:
        """Give the open ones of these channels."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What the configuration says about articles: its rules, its channels' rules, and its sources by name.

    `source` gives None where nothing is known of how a source's articles were placed. `hidden` takes from articles what
    is nobody's business.
    """

    rulebook: Rulebook
    rules: tuple[Rule, ...]
    source: Callable[[str], Source | None]
    directory: Directory
    hidden: Callable[[Sequence[StoredEntry]], list[StoredEntry]]

    @property
    def by_rule(self) -> frozenset[str]:
        """Give the slugs of the channels that are filled by rules."""
        return frozenset(rule.slug for rule in self.rules)


@dataclass(frozen=True, slots=True)
class Settled:
    """What becomes of an article: the rule that drops it ("": none), its edition, and its places by slug."""

    standing: Standing
    dropped_by: str = ""
    edition: str = ""
    places: Mapping[str, Place] = field(default_factory=dict)

    @property
    def added(self) -> dict[str, Place]:
        """Give the places that it comes to, or has for another reason than before."""
        before = self.standing.places
        return {slug: place for slug, place in self.places.items() if slug not in before or before[slug] != place}

    @property
    def left(self) -> list[str]:
        """Give the slugs of the channels that it leaves."""
        return sorted(set(self.standing.places) - set(self.places))

    @property
    def moves(self) -> bool:
        """Tell whether any document is changed by it."""
        joined = set(self.places) - set(self.standing.places)
        return bool(joined or self.left or self.reworded or self.dropped or self.comes_back)

    @property
    def dropped(self) -> bool:
        """Tell whether a rule drops it now that was not dropped before."""
        return bool(self.dropped_by) and not self.standing.dropped_by

    @property
    def comes_back(self) -> bool:
        """Tell whether no rule drops it any more."""
        return bool(self.standing.dropped_by) and not self.dropped_by

    @property
    def reworded(self) -> bool:
        """Tell whether it is shown in other words than before."""
        return not self.dropped_by and self.edition != self.standing.edition


Told = Mapping[str, Mapping[str, Entry]]  # code → source → what it tells of it just now


def settled(desk: Desk, standings: Sequence[Standing], told: Told, *, keep_archived: bool) -> list[Settled]:
    """Say what becomes of articles. With `keep_archived` none leaves an archive, unless it is dropped."""
    found = []
    for standing in standings:
        entry = standing.entry
        judgement = desk.rulebook.judge(_said(entry, entry, desk.source(entry.source)))
        if judgement.dropped_by:
            found.append((Settled(standing, judgement.dropped_by.label), entry))
            continue
        shown = reword(judgement, entry)
        places = _named(desk, standing, judgement, told.get(entry.info_code, {}), keep_archived=keep_archived)
        found.append((Settled(standing, "", edition(entry, shown), places), shown))
    return _by_rule(desk, found, keep_archived=keep_archived)


def _said(telling: Entry | StoredEntry, stored: StoredEntry, source: Source | None) -> Said:
    return Said(telling, source or Source(telling.source, ""), stored.first_seen)


def _named(
    desk: Desk, standing: Standing, judgement: Judgement, told: Mapping[str, Entry], *, keep_archived: bool
) -> dict[str, Place]:
    """Give the places in channels of categories: those that a source names now, and those of sources that say nothing
    of it any more. Of several that name one, the source that it stands for already is kept."""
    before = {slug: place for slug, place in standing.places.items() if slug not in desk.by_rule}
    own = standing.entry.source
    named: dict[str, dict[str, str]] = {}  # slug → source → why
    silent = set()
    for name in dict.fromkeys((own, *standing.brought, *told)):
        reasons = _reasons(desk, standing, judgement, name, told.get(name) or standing.told.get(name))
        silent |= {name} if reasons is None else set()
        slugs = desk.directory.slugs(list(reasons or ()))
        for category, why in (reasons or {}).items():
            named.setdefault(slugs[fold_name(category)], {}).setdefault(name, why)
    heard = {own, *standing.brought, *told} - silent
    kept = {s: p for s, p in before.items() if p.source not in heard or (keep_archived and p.archived)}
    return kept | {slug: _place(by_source, before.get(slug)) for slug, by_source in named.items()}


def _reasons(
    desk: Desk, standing: Standing, judgement: Judgement, name: str, telling: Entry | None
) -> dict[str, str] | None:
    """Give the categories that a source names for an article, with the reasons; None where what it said is not known.

    Whoever brought the same article again is known to have done so, and not with which tags, say.
    """
    source = desk.source(name)
    if source is None:
        return None
    stored = standing.entry
    if name == stored.source:
        return names_of(judgement, telling or stored, source)
    if telling is None and source.category_from:
        return None
    judged = desk.rulebook.judge(_said(telling or stored, stored, source)) if desk.rulebook.recategorises else _NOTHING
    return names_of(judged, telling or stored, source)


_NOTHING = Judgement()


def _place(by_source: Mapping[str, str], before: Place | None) -> Place:
    source = before.source if before and before.source in by_source else next(iter(by_source))
    return Place(source, by_source[source], bool(before and before.archived))


def _by_rule(desk: Desk, found: Sequence[tuple[Settled, StoredEntry]], *, keep_archived: bool) -> list[Settled]:
    """Add the places in channels that are filled by rules: these look at the article as it is shown."""
    if not desk.rules:
        return [item for item, _ in found]
    shown = [(item, _with_channels(desk, item, entry)) for item, entry in found]
    hidden = {entry.info_code: entry for entry in desk.hidden([entry for _, entry in shown])}
    result = []
    for item, entry in shown:
        before = {slug: place for slug, place in item.standing.places.items() if slug in desk.by_rule}
        taken = [] if item.dropped_by else _chosen(desk, item, hidden[entry.info_code])
        kept = {s: p for s, p in before.items() if keep_archived and p.archived and not item.dropped_by}
        places = kept | {slug: before.get(slug, Place("")) for slug in taken}
        result.append(replace(item, places={**item.places, **places}))
    return result


def _with_channels(desk: Desk, item: Settled, entry: StoredEntry) -> StoredEntry:
    return replace(entry, channels=tuple(desk.directory.channels(item.places.keys())))


def _chosen(desk: Desk, item: Settled, entry: StoredEntry) -> list[str]:
    candidate = candidate_of(entry, _with_lists(desk, item.standing), desk.by_rule)
    return chosen(desk.rules, candidate)


def _with_lists(desk: Desk, standing: Standing) -> list[str]:
    """Give the sources that brought an article; with a list's subscription comes the list."""
    sources = [desk.source(name) for name in standing.brought]
    return [*standing.brought, *(source.parent for source in sources if source and source.parent)]

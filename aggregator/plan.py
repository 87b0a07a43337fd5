"""What a changed configuration would do to the articles that are stored, told before it is done.

It is worked out by what does it (`channels.anew`), over a store that is only looked at, and over channels that are
renamed, taken away and opened in memory.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from aggregator import categorise
from aggregator.categorise import Desk, Settled
from aggregator.channels import Stale, Wanted, anew, must_be_free
from aggregator.records import Channel, Place, Source, Standing, StoredEntry
from aggregator.urls import fold_name

if TYPE_CHECKING:
    from aggregator.store import Store

SAMPLES = 3  # articles that are shown of each change


@dataclass(slots=True)
class Articles:
    """Articles to which one thing happens: all of their codes, and the newest ones."""

    codes: list[str] = field(default_factory=list)
    newest: list[StoredEntry] = field(default_factory=list)

    def add(self, entry: StoredEntry) -> None:
        """Count one more; of those shown, the newest are kept."""
        self.codes.append(entry.info_code)
        self.newest = sorted([*self.newest, entry], key=lambda each: (each.sort_date, each.seq))[-SAMPLES:]


@dataclass(frozen=True, slots=True)
class ChannelPlan:
    """What happens to a channel: how many articles are in it now, and which join and leave it."""

    slug: str
    title: str
    name: str  # of its category; empty where a rule fills it
    what: Literal["", "new", "renamed", "goes"]
    was: tuple[str, ...]  # slugs that it is renamed from
    articles: int
    joining: Articles
    leaving: Articles


@dataclass(frozen=True, slots=True)
class Plan:
    """What applying a configuration does to what is stored. Of the sources those are named that come and that go, the
    latter with how many articles stay of each."""

    channels: tuple[ChannelPlan, ...]
    dropped: Articles
    back: Articles
    reworded: Articles
    looked_at: int
    new_sources: tuple[str, ...] = ()
    gone_sources: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing happens."""
        some = (self.channels, self.dropped.codes, self.back.codes, self.reworded.codes)
        return not any((*some, self.new_sources, self.gone_sources))

    @property
    def deserted(self) -> list[tuple[str, ChannelPlan]]:
        """Give the channels that lose every article to one new channel, each with that one: who reads it would not
        hear of the articles to come."""
        left = {each.slug: set(each.leaving.codes) for each in self.channels if not each.joining.codes and _ends(each)}
        new = [(each, set(each.joining.codes)) for each in self.channels if each.what == "new" and each.name]
        return [(old, channel) for old, codes in left.items() for channel, found in new if codes <= found]


def _ends(channel: ChannelPlan) -> bool:
    return 0 < channel.articles == len(channel.leaving.codes)


def plan(store: "Store", wanted: Wanted, sources: Mapping[str, Source]) -> Plan:
    """Work out what a configuration does to the stored articles. The store is not changed.

    Raises:
        ConfigError: where it cannot be applied.
    """
    layout = Layout(store, wanted)
    layout.slugs([name for source in sources.values() for name in source.categories])
    former = store.remembered_sources()
    desk = Desk(wanted.rulebook, wanted.rules, lambda name: sources.get(name) or former.get(name), layout, store.hidden)
    stale = Stale.of(wanted, layout.filled_by, store.placed_by(), desk.source)
    count = _Count()
    for found in anew(store, desk, stale, layout.seen):
        count.take(found)
    own = [source.name for source in sources.values() if source.parent is None]
    fetched = store.fetched_sources()
    return Plan(
        tuple(_channels(store, layout, count)),
        _shown(store, count.dropped),
        _shown(store, count.back),
        _shown(store, count.reworded),
        count.looked_at,
        tuple(name for name in own if name not in fetched),
        {name: articles for name, articles in fetched.items() if name not in own},
    )


class Layout:
    """The channels as they will be."""

    def __init__(self, store: "Store", wanted: Wanted) -> None:
        self._store = store
        self._naming = wanted.naming
        self._by_rule = {rule.slug for rule in wanted.rules}
        self.before = {channel.slug: channel for channel in store.channels()}
        self.after = dict(self.before)
        self.filled_by = store.rules()
        self.moved: dict[str, str] = {}
        self.gone = store.gone_channels()
        self._names: dict[str, str] = {}
        for new, former in wanted.was.items():
            for old in former:
                self._rename(old, new)
        for slug in self.filled_by.keys() - self._by_rule:
            self._take_away(slug, "")
        for rule in wanted.rules:
            if rule.slug not in self.filled_by:
                must_be_free(rule.slug, is_open=rule.slug in self.after, gone=self.gone)
                self._open(Channel(rule.slug, rule.title))
                self.filled_by[rule.slug] = "new"

    def _rename(self, old: str, new: str) -> None:
        if old == new or old not in self.after:
            return
        by = self.filled_by.get(old, "") if new in self._by_rule else ""
        self.after.setdefault(new, replace(self.after[old], slug=new))
        if new in self._by_rule:
            self.filled_by.setdefault(new, by or "new")
        self.moved = {slug: new if target == old else target for slug, target in self.moved.items()} | {old: new}
        self._take_away(old, new)

    def _take_away(self, slug: str, target: str) -> None:
        del self.after[slug]
        self.filled_by.pop(slug, None)
        self.gone = {old: target if to == slug else to for old, to in self.gone.items() if old != target}
        self.gone[slug] = target

    def _open(self, channel: Channel) -> None:
        self.after[channel.slug] = channel
        self.gone.pop(channel.slug, None)

    def slugs(self, names: Sequence[str]) -> dict[str, str]:
        """Give the slug of each category name, by folded name; a name not met before opens its channel."""
        folds = {name: fold_name(name) for name in dict.fromkeys(names)}
        missing = [folded for folded in folds.values() if folded not in self._names]
        for folded, slug in self._store.slugs_of(missing).items():
            if (stays := self._stays(slug)) is not None:
                self._names[folded] = stays
        for name, folded in folds.items():
            if folded not in self._names:
                channel = categorise.channel_for(name, self._naming, self._is_taken)
                if channel.slug not in self.after:
                    self._open(channel)
                self._names[folded] = channel.slug
        return {folded: self._names[folded] for folded in folds.values()}

    def _stays(self, slug: str) -> str | None:
        """Give the slug that a name leads to after all; None where it leads nowhere any more."""
        target = self.moved.get(slug, slug)
        return target if target in self.after and (target == slug or target not in self._by_rule) else None

    def _is_taken(self, slug: str) -> bool:
        return slug in self.after or slug in self.gone

    def channels(self, slugs: Collection[str]) -> list[Channel]:
        """Give the open ones of these channels, with the titles that they will have."""
        found = [self.after[slug] for slug in sorted(slugs) if slug in self.after]
        return [replace(each, title=categorise.title_of(each.slug, each.name, self._naming)) for each in found]

    def is_ruled(self, slug: str) -> bool:
        """Tell whether a channel is to be filled by a rule."""
        return slug in self._by_rule

    def seen(self, standing: Standing) -> Standing:
        """Give an article as it stands once the channels are renamed and taken away."""
        if standing.places.keys() <= self.after.keys():
            return standing
        places: dict[str, Place] = {}
        for slug, place in sorted(standing.places.items(), key=lambda item: item[0] in self.moved):
            target = self.moved.get(slug, slug)
            if target in self.after:
                by_rule = slug in self.moved and target in self._by_rule
                places.setdefault(target, replace(place, source="") if by_rule else place)
        return replace(standing, places=places)


@dataclass(slots=True)
class _Count:
    """What happens to the articles that were looked at so far."""

    joining: dict[str, Articles] = field(default_factory=dict)
    leaving: dict[str, Articles] = field(default_factory=dict)
    dropped: Articles = field(default_factory=Articles)
    back: Articles = field(default_factory=Articles)
    reworded: Articles = field(default_factory=Articles)
    looked_at: int = 0

    def take(self, found: Iterable[Settled]) -> None:
        """Count what becomes of some articles."""
        for item in found:
            self.looked_at += 1
            entry = item.standing.entry
            for slug in item.places.keys() - item.standing.places.keys():
                self.joining.setdefault(slug, Articles()).add(entry)
            for slug in item.left:
                self.leaving.setdefault(slug, Articles()).add(entry)
            for holds, articles in (
                (item.dropped, self.dropped), (item.comes_back, self.back), (item.reworded, self.reworded)
            ):  # fmt: skip
                if holds:
                    articles.add(entry)


def _channels(store: "Store", layout: Layout, count: _Count) -> Iterable[ChannelPlan]:
    sizes = store.sizes(list(layout.before))
    was: dict[str, list[str]] = {}
    for old, new in layout.moved.items():
        was.setdefault(new, []).append(old)
    gone = layout.before.keys() - layout.after.keys() - layout.moved.keys()
    for slug in sorted(layout.after.keys() | gone):
        joining, leaving = count.joining.get(slug, Articles()), count.leaving.get(slug, Articles())
        what = _what(slug, layout, was)
        if what or joining.codes or leaving.codes:
            channel = next(iter(layout.channels([slug])), None) or layout.before[slug]
            size = sum(sizes.get(each, 0) for each in {slug, *was.get(slug, ())})
            former = tuple(sorted(was.get(slug, ())))
            shown = _shown(store, joining), _shown(store, leaving)
            name = "" if layout.is_ruled(slug) else channel.name
            yield ChannelPlan(slug, channel.title, name, what, former, size, *shown)


def _what(slug: str, layout: Layout, was: Mapping[str, object]) -> Literal["", "new", "renamed", "goes"]:
    if slug in was:
        return "renamed"
    if slug not in layout.after:
        return "goes"
    return "" if slug in layout.before else "new"


def _shown(store: "Store", articles: Articles) -> Articles:
    newest_first = list(reversed(articles.newest))
    return Articles(articles.codes, store.hidden(newest_first))

"""Which articles stand in which channels, and in which words: kept as the configuration says. The spine calls it.

What becomes of an article is the room's judgement (`categorise`); here stands when it is asked: for each article that
comes or changes, in the transaction that stores it; and for the history when what it was placed by has changed, before
anything is published. Channels by rule are opened, renamed, taken away and filled here, too.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from aggregator import categorise
from aggregator.categorise import Desk, Naming, Rule, Rulebook, Said, Settled
from aggregator.errors import ConfigError
from aggregator.records import Channel, Entry, PreviewItem, Source, Standing, StoredEntry
from aggregator.urls import fold_name

if TYPE_CHECKING:
    from aggregator.store import Store

log = logging.getLogger(__name__)

AT_ONCE = 200  # articles in one transaction, while the history is looked through


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the configuration says of channels: how they are named, their rules, the slugs that they had before; and
    its rules for articles."""

    naming: Naming = field(default_factory=Naming)
    rules: tuple[Rule, ...] = ()
    was: Mapping[str, Sequence[str]] = field(default_factory=dict)
    rulebook: Rulebook = field(default_factory=Rulebook)


class Channels:
    """The channels of a store, kept as the configuration wants them. `sources` are the configured ones by name."""

    def __init__(
        self, store: "Store", wanted: Wanted, sources: Mapping[str, Source], clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._wanted = wanted
        self._sources = sources
        self._former: dict[str, Source] = {}
        self._now = clock
        self._desk = Desk(wanted.rulebook, wanted.rules, self._source, self, store.hidden)
        self._by_rule = self._desk.by_rule
        store.reword = self._reworded if wanted.rulebook.rewords else None
        self._is_filled = False

    def settle(self) -> None:
        """Rename, take away and open; `fill` does the rest. What is as it should be is left alone.

        Raises:
            ConfigError: when a rule's slug has another meaning already.
        """
        with self._store.writing():
            self._former = self._store.remembered_sources()
            self._rename()
            open_now = self._store.rules().keys()
            for slug in open_now - self._by_rule:
                self._store.remove_channel(slug)
            for rule in self._wanted.rules:
                if rule.slug not in open_now:
                    self._open(rule)
            self.slugs([name for source in self._sources.values() for name in source.categories])
            for channel in self._store.channels():
                title = categorise.title_of(channel.slug, channel.name, self._wanted.naming)
                self._store.retitle(channel.slug, title)

    def _rename(self) -> None:
        for slug, before in self._wanted.was.items():
            for old in before:
                self._store.rename_channel(old, slug, by_rule=slug in self._by_rule)

    def _open(self, rule: Rule) -> None:
        is_open, gone = bool(self._store.channel(rule.slug)), self._store.gone_channels()
        must_be_free(rule.slug, is_open=is_open, gone=gone)
        self._store.open_by_rule(Channel(rule.slug, rule.title), self._now())

    # --- what rules ask for ------------------------------------------------------------------------

    def _source(self, name: str) -> Source | None:
        return self._sources.get(name) or self._former.get(name)

    def slugs(self, names: Sequence[str]) -> dict[str, str]:
        """Give the slug of each category name, by folded name; a name not met before opens its channel."""
        folds = {name: fold_name(name) for name in dict.fromkeys(names)}
        slugs = self._store.slugs_of(folds.values())
        for name, folded in folds.items():
            if folded not in slugs:
                channel = categorise.channel_for(name, self._wanted.naming, self._store.taken)
                self._store.add_channel(channel, folded, self._now())
                slugs[folded] = channel.slug
        return slugs

    def channels(self, slugs: Collection[str]) -> list[Channel]:
        """Give the open ones of these channels."""
        return self._store.named_channels(list(slugs))

    def _reworded(self, entry: StoredEntry) -> StoredEntry:
        source = self._source(entry.source) or Source(entry.source, "")
        return self._wanted.rulebook.reworded(Said(entry, source, entry.first_seen), entry)

    # --- articles that come or change ----------------------------------------------------------------

    def arrange(self, told: Mapping[str, Entry], source: Source) -> list[str]:
        """Put articles where they belong; `told` is what a source tells of them just now, by code. None leaves an
        archive for it. Give the codes of those that rules drop."""
        if source.name not in self._sources:
            self._former[source.name] = source
        return self._arrange(list(told), {code: {source.name: entry} for code, entry in told.items()})

    def arrange_again(self, codes: Collection[str]) -> None:
        """Put articles where they belong, as what is stored of them has changed."""
        self._arrange(list(codes), {})

    def _arrange(self, codes: Sequence[str], told: Mapping[str, Mapping[str, Entry]]) -> list[str]:
        found = categorise.settled(self._desk, self._store.standing_of(codes), told, keep_archived=True)
        for item in found:
            self._apply(item)
        return [item.standing.entry.info_code for item in found if item.dropped_by]

    def misplaced(self, told: Mapping[str, Entry], source: Source) -> dict[str, Entry]:
        """Give those of the articles that a source tells unchanged which it names other channels for than before."""
        if self._wanted.rulebook.of(source).recategorises:
            return dict(told)
        wanted = {code: categorise.categories_of(entry, source) for code, entry in told.items()}
        slugs = self.slugs([name for names in wanted.values() for name in names])
        there = self._store.places(wanted)
        found = {}
        for code, names in wanted.items():
            chosen, placed = {slugs[fold_name(name)] for name in names}, there.get(code, {})
            if not chosen <= set(placed) or any(placed[slug] == source.name for slug in set(placed) - chosen):
                found[code] = told[code]
        return found

    def foreseen(self, item: PreviewItem, source: Source) -> PreviewItem:
        """Say of a new article what the rules would make of it, and of any one its categories."""
        judgement = self._wanted.rulebook.judge(Said(item.entry, source, self._now()))
        names = tuple(categorise.names_of(judgement, item.entry, source))
        dropped = judgement.dropped_by and item.what in ("new", "held")
        return replace(item, what="dropped", categories=()) if dropped else replace(item, categories=names)

    def _apply(self, item: Settled) -> None:
        standing = item.standing
        code = standing.entry.info_code
        if item.dropped_by:
            if item.dropped_by != standing.dropped_by:
                self._store.rule_out(code, item.dropped_by, self._now())
            return
        if standing.dropped_by:
            self._store.take_in(code)
        if item.added or item.left:
            self._store.move(code, item.added, item.left)
        if item.edition != standing.edition:
            self._store.note_edition(code, item.edition)

    def look_again(self) -> None:
        """Before the next publishing, ask whether what the history is placed by has changed: a list was read."""
        self._is_filled = False

    # --- the history, when the configuration changed -----------------------------------------------------

    def fill(self) -> int:
        """Look through the articles that are placed by something that changed since; then it is remembered. Give how
        many articles that moved, dropped, brought back or reworded.

        What a channel's former rule took goes first, from the archives too: these begin anew.
        """
        if self._is_filled:  # asked before each publishing
            return 0
        store = self._store
        stale = Stale.of(self._wanted, store.rules(), store.placed_by(), self._source)
        if stale.fresh:
            self._store.note_placed(stale.fresh)
        for slug in stale.rules:
            self._store.empty_channel(slug)
        self._store.mark(self._store.frozen_archives() if stale.placing else ())
        todo = anew(self._store, self._desk, stale)
        moved = 0
        while (some := self._fill_some(todo)) is not None:
            moved += some
        self._remember(stale)
        return moved

    def _fill_some(self, todo: Iterator[list[Settled]]) -> int | None:
        """Read, judge and settle the next articles in one transaction; give how many were moved; None at the end."""
        with self._store.writing():
            found = next(todo, None)
            for item in found or ():
                self._apply(item)
        return None if found is None else sum(item.moves for item in found)

    def _remember(self, stale: "Stale") -> None:
        for slug, digest in stale.rules.items():
            self._store.filled(slug, digest)
            log.info("channel filled", extra={"channel": slug})
        if stale.placing:
            self._store.note_placed(stale.placing)
            log.info("articles placed anew", extra={"sources": len(stale.placing)})
        self._is_filled = True


@dataclass(frozen=True, slots=True)
class Stale:
    """What the history was placed by that is otherwise now: channels' rules by slug, and sources by name, each with the
    new digest. `fresh` are sources of which nothing was placed by anything else yet."""

    rules: Mapping[str, str]
    placing: Mapping[str, str]
    fresh: Mapping[str, str]
    is_all: bool = False  # the articles of every source are to be looked at

    @classmethod
    def of(
        cls,
        wanted: Wanted,
        filled_by: Mapping[str, str],
        placed_by: Mapping[str, str],
        source_of: Callable[[str], Source | None],
    ) -> "Stale":
        """Compare the configuration with what the store remembers of the one before (`rules`, `placed_by`)."""
        rules = {rule.slug: rule.digest for rule in wanted.rules if filled_by.get(rule.slug) != rule.digest}
        placing: dict[str, str] = {}
        fresh: dict[str, str] = {}
        for name, before in placed_by.items():
            source = source_of(name)
            digest = categorise.placing_digest(source or Source(name, ""), wanted.rulebook, known=source is not None)
            if digest != before:
                kind = placing if before or wanted.rulebook.of(source or Source(name, "")).rules else fresh
                kind[name] = digest
        return cls(rules, placing, fresh, len(placing) == len(placed_by))


def anew(
    store: "Store", desk: Desk, stale: Stale, seen: Callable[[Standing], Standing] = lambda standing: standing
) -> Iterator[list[Settled]]:
    """Look through the articles that are placed by something else now, all of them for a channel's rule, and say what
    becomes of them, some at a time.

    Those of a source whose settings or rules are others leave archives as well. `seen` gives an article as it is to be
    looked at.
    """
    for found in _everything(store) if stale.rules or stale.is_all else _brought(store, stale.placing):
        standings = [_out_of_archives(seen(standing), stale.rules) for standing in found]
        placed = [standing for standing in standings if not stale.placing.keys().isdisjoint(standing.brought)]
        others = [standing for standing in standings if stale.placing.keys().isdisjoint(standing.brought)]
        settled = categorise.settled(desk, placed, {}, keep_archived=False)
        yield settled + categorise.settled(desk, others, {}, keep_archived=True)


def _everything(store: "Store") -> Iterator[list[Standing]]:
    last = 0
    while found := store.standing_after(last, AT_ONCE):
        yield found
        last = found[-1].entry.seq


def _brought(store: "Store", names: Collection[str]) -> Iterator[list[Standing]]:
    codes = list(dict.fromkeys(code for name in sorted(names) for code in store.brought_of(name)))
    for start in range(0, len(codes), AT_ONCE):
        yield store.standing_of(codes[start : start + AT_ONCE])


def _out_of_archives(standing: Standing, slugs: Collection[str]) -> Standing:
    """Give an article as out of the archives of channels that are filled anew."""
    if standing.places.keys().isdisjoint(slugs):
        return standing
    places = {s: replace(place, archived=place.archived and s not in slugs) for s, place in standing.places.items()}
    return replace(standing, places=places)


def must_be_free(slug: str, *, is_open: bool, gone: Mapping[str, str]) -> None:
    """Refuse a channel by rule a slug that has another meaning; `gone` are slugs of before, with where they lead now.

    Raises:
        ConfigError: saying what would be right.
    """
    if is_open:
        fault = "is the slug of a category that has articles; choose another key for the channel"
        raise ConfigError([f"channels.{slug}: {fault}"])
    if target := gone.get(slug):
        fault = f"its readers were sent to category/{target}, which had this slug before; choose another key"
        raise ConfigError([f"channels.{slug}: {fault}"])

"""Channels that the configuration opens, fills by a rule, renames and takes away. The spine calls it.

Which articles a rule takes is the room's judgement (`categorise`); here stands when it is asked: for each article that
comes or changes, in the transaction that stores it; and for the whole history when a rule is new or another one, before
anything is published.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from aggregator import categorise
from aggregator.categorise import Naming, Rule
from aggregator.errors import ConfigError
from aggregator.records import Channel, StoredEntry

if TYPE_CHECKING:
    from aggregator.store import Store

log = logging.getLogger(__name__)

AT_ONCE = 200  # articles in one transaction, while a channel is filled from the history


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the configuration says of channels: how they are named, their rules, and the slugs that they had before."""

    naming: Naming = field(default_factory=Naming)
    rules: tuple[Rule, ...] = ()
    was: Mapping[str, Sequence[str]] = field(default_factory=dict)


class Channels:
    """The channels of a store, kept as the configuration wants them."""

    def __init__(self, store: "Store", wanted: Wanted, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._wanted = wanted
        self._now = clock
        self._by_rule = frozenset(rule.slug for rule in wanted.rules)
        self._is_filled = not wanted.rules

    def settle(self) -> None:
        """Rename, take away and open; `fill` does the rest. What is as it should be is left alone.

        Raises:
            ConfigError: when a rule's slug has another meaning already.
        """
        with self._store.writing():
            self._rename()
            open_now = self._store.rules().keys()
            for slug in open_now - self._by_rule:
                self._store.remove_channel(slug)
            for rule in self._wanted.rules:
                if rule.slug not in open_now:
                    self._open(rule)

    def _rename(self) -> None:
        for slug, before in self._wanted.was.items():
            for old in before:
                self._store.rename_channel(old, slug, by_rule=slug in self._by_rule)

    def _open(self, rule: Rule) -> None:
        if self._store.channel(rule.slug):
            fault = "is the slug of a category that has articles; choose another key for the channel"
            raise ConfigError([f"channels.{rule.slug}: {fault}"])
        if target := self._store.gone_channels().get(rule.slug):
            fault = f"its readers were sent to category/{target}, which had this slug before; choose another key"
            raise ConfigError([f"channels.{rule.slug}: {fault}"])
        self._store.open_by_rule(Channel(rule.slug, rule.title), self._now())

    def fill(self) -> None:
        """Ask the rules that are new or changed about every article; then they are remembered.

        What was taken by another rule goes first, from the archives too: these begin anew.
        """
        if self._is_filled:  # asked before each publishing
            return
        known = self._store.rules()
        changed = {rule.slug: rule.digest for rule in self._wanted.rules if known[rule.slug] != rule.digest}
        for slug in changed:
            self._store.empty_channel(slug)
        last = 0
        while changed and (last := self._fill_after(last)):
            pass
        for slug, digest in changed.items():
            self._store.filled(slug, digest)
            log.info("channel filled", extra={"channel": slug})
        self._is_filled = True

    def _fill_after(self, seq: int) -> int:
        """Ask about the next articles; give the number of the last one, or 0 where there are no more."""
        with self._store.writing():
            articles = self._store.articles_after(seq, AT_ONCE)
            self._choose(articles)
        return articles[-1].seq if articles else 0

    def choose(self, codes: Sequence[str]) -> None:
        """Put articles into the channels whose rules take them now, and out of those that do not."""
        if self._wanted.rules and codes:
            self._choose(self._store.articles(codes))

    def _choose(self, articles: Sequence[StoredEntry]) -> None:
        codes = [entry.info_code for entry in articles]
        brought, there = self._store.brought_by(codes), self._store.places(codes)
        for entry in articles:
            article = categorise.candidate_of(entry, brought.get(entry.info_code, ()), self._by_rule)
            slugs = categorise.chosen(self._wanted.rules, article)
            placed = there.get(entry.info_code, {})
            if set(slugs) != {slug for slug in placed if slug in self._by_rule}:
                self._store.place(entry.info_code, "", slugs)

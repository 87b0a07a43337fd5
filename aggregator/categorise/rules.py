"""Channels that are filled by a rule: which articles belong to them."""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from aggregator import markup
from aggregator.categorise.query import Query, answers, folded, query_of
from aggregator.records import StoredEntry
from aggregator.urls import fold_name

_VERSION = 1  # of how rules are read: a higher one fills all channels anew


@dataclass(frozen=True, slots=True)
class Criteria:
    """What an article is asked. Of each kind it has to meet one; a kind that names nothing asks nothing."""

    search: str = ""
    tags: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A channel's rule: all kinds of `wanted` have to be met, and none of `unwanted`. `digest` changes with it."""

    slug: str
    title: str
    wanted: "_Asked"
    unwanted: "_Asked"
    digest: str


@dataclass(frozen=True, slots=True)
class _Asked:
    search: Query | None
    tags: frozenset[str]
    sources: frozenset[str]
    categories: frozenset[str]

    def answers(self, article: "Candidate") -> list[bool]:
        """Give the answer to each kind that asks something."""
        found = [answers(self.search, article.said)] if self.search else []
        named = ((self.tags, article.tags), (self.sources, article.sources), (self.categories, article.categories))
        return found + [not asked.isdisjoint(has) for asked, has in named if asked]


@dataclass(frozen=True, slots=True)
class Candidate:
    """What rules look at in an article, folded; `said` gives it by field, "" is title and text."""

    texts: dict[str, str]
    tags: frozenset[str]
    sources: frozenset[str]
    categories: frozenset[str]

    def said(self, field: str) -> str:
        """Give what the article says in a field of a search."""
        return self.texts[field]


def rule_of(slug: str, title: str, wanted: Criteria, unwanted: Criteria = Criteria()) -> Rule:
    """Make a rule of what the configuration says. Raises: ValueError for a search that cannot be read."""
    digest = hashlib.sha256(repr((_VERSION, wanted, unwanted)).encode()).hexdigest()[:32]
    return Rule(slug, title, _asked(wanted), _asked(unwanted), digest)


def _asked(said: Criteria) -> _Asked:
    return _Asked(
        query_of(said.search) if said.search else None,
        _folded(said.tags),
        frozenset(said.sources),
        _folded(said.categories),
    )


def _folded(names: Iterable[str]) -> frozenset[str]:
    return frozenset(fold_name(name) for name in names)


def candidate_of(entry: StoredEntry, sources: Collection[str], by_rule: Collection[str]) -> Candidate:
    """Give what rules look at. `sources` are all that brought the article; `by_rule` are the slugs of channels that
    are filled by rules, and no categories."""
    channels = [channel for channel in entry.channels if channel.slug not in by_rule]
    names = [name for channel in channels for name in (channel.name, channel.title, channel.slug)]
    text = " ".join(markup.text_of(html) for html in (entry.summary, entry.content) if html)
    texts = {
        "": f"{entry.title}\n{text}",
        "title": entry.title,
        "author": entry.author,
        "source": " ".join((*sources, entry.source_title, entry.outlet)),
        "category": " ".join((*names, *entry.tags)),
    }
    return Candidate(
        {field: folded(said) for field, said in texts.items()},
        _folded(entry.tags),
        frozenset(sources),
        _folded(names),
    )


def chosen(rules: Sequence[Rule], article: Candidate) -> list[str]:
    """Give the slugs of the channels that an article belongs to, in the order of the rules."""
    return [rule.slug for rule in rules if _takes(rule, article)]


def _takes(rule: Rule, article: Candidate) -> bool:
    return all(rule.wanted.answers(article)) and not any(rule.unwanted.answers(article))

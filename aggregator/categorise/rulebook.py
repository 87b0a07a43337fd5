"""The operator's rules: which articles are dropped, which get other categories, and which other words.

The rules are asked in their order, each about the article as its source said it, whatever those before did. All that
hold act, one after the other; after a rule that drops an article none does, and one that a rule keeps is not dropped by
any later one. Nothing of it depends on when it is asked: an article's age is that at its first sight.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from aggregator import markup
from aggregator.categorise.naming import categories_of, reason_for
from aggregator.categorise.patterns import pattern, replaced
from aggregator.categorise.query import folded
from aggregator.records import Entry, Source, StoredEntry
from aggregator.urls import fold_name

Field = Literal["title", "content", "author", "link", "category", "source"]

_VERSION = 1  # of how rules are read: a higher one has the whole history looked through


@dataclass(frozen=True, slots=True)
class Condition:
    """What a field has to say: one of the texts that it contains (folded), and one of the patterns that it matches; a
    kind that names nothing asks nothing."""

    field: Field
    contains: tuple[str, ...] = ()
    matches: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Conditions:
    """What an article has to meet. `older_than`: its age at first sight; one without a date has none."""

    fields: tuple[Condition, ...] = ()
    older_than: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Replacement:
    """A text in the place of every match of a pattern; `\\1` in it is the first group."""

    field: Literal["title", "content"]
    pattern: str
    text: str


@dataclass(frozen=True, slots=True)
class Ruling:
    """One rule: all of `when` has to hold and nothing of `unless`, for articles of `sources` where any are named.

    `categories` take the place of the article's own where there are any, and `added` join them.
    """

    number: int  # its place among the rules, from 1
    name: str = ""
    when: Conditions = Conditions()
    unless: Conditions = Conditions()
    sources: tuple[str, ...] = ()
    drop: bool = False
    keep: bool = False
    added: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    title: str | None = None
    author: str | None = None
    replacements: tuple[Replacement, ...] = ()

    @property
    def label(self) -> str:
        """Name the rule as operators find it."""
        return f"rule {self.number} ({self.name})" if self.name else f"rule {self.number}"

    @property
    def rewords(self) -> bool:
        """Tell whether it changes what an article says."""
        return self.title is not None or self.author is not None or bool(self.replacements)

    @property
    def recategorises(self) -> bool:
        """Tell whether it changes an article's categories."""
        return bool(self.added or self.categories)


@dataclass(frozen=True, slots=True)
class Said:
    """An article as its source said it, under the conditions' eyes; its text is read where a rule asks for it."""

    entry: Entry | StoredEntry
    source: Source
    first_seen: datetime
    _texts: dict[tuple[Field, bool], tuple[str, ...]] = field(default_factory=dict, compare=False)

    def texts(self, field: Field) -> tuple[str, ...]:
        """Give what it says in a field; a category and a source may be met under several names."""
        if (field, False) not in self._texts:
            self._texts[field, False] = self._read(field)
        return self._texts[field, False]

    def folded(self, field: Field) -> tuple[str, ...]:
        """Give the same as texts are compared."""
        if (field, True) not in self._texts:
            self._texts[field, True] = tuple(folded(text) for text in self.texts(field))
        return self._texts[field, True]

    def _read(self, field: Field) -> tuple[str, ...]:
        entry = self.entry
        match field:
            case "title":
                return (entry.title,)
            case "content":
                return tuple(markup.text_of(html) for html in (entry.summary, entry.content) if html)
            case "author":
                return (entry.author,)
            case "link":
                return (entry.link,)
            case "category":
                return (*categories_of(entry, self.source), *entry.tags)
            case "source":
                return (self.source.name, self.source.title or "")

    def age(self) -> timedelta | None:
        """Give how old it was when it was first seen."""
        return self.first_seen - self.entry.published if self.entry.published else None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the rules make of an article: the rule that drops it, if one does, and those that change something."""

    dropped_by: Ruling | None = None
    acting: tuple[Ruling, ...] = ()


@dataclass(frozen=True, slots=True)
class Rulebook:
    """All rules, in their order."""

    rules: tuple[Ruling, ...] = ()

    def of(self, source: Source) -> "Rulebook":
        """Give the rules for articles of a source; a subscription list stands for all of its feeds."""
        names = {source.name, source.parent}
        return Rulebook(tuple(rule for rule in self.rules if not rule.sources or not names.isdisjoint(rule.sources)))

    def judge(self, said: Said) -> Judgement:
        """Ask the rules about an article."""
        acting: list[Ruling] = []
        kept = False
        for rule in self.of(said.source).rules:
            if (rule.drop and kept) or not _holds(rule, said):
                continue
            if rule.drop:
                return Judgement(rule)
            kept = kept or rule.keep
            acting.append(rule)
        return Judgement(None, tuple(acting))

    def reworded(self, said: Said, entry: StoredEntry) -> StoredEntry:
        """Give a stored article in the words that the rules give it; `said` is the same in its source's."""
        rewording = Rulebook(tuple(rule for rule in self.rules if rule.rewords))
        return reword(rewording.judge(said), entry) if rewording.rules else entry

    @property
    def rewords(self) -> bool:
        """Tell whether any rule changes what articles say."""
        return any(rule.rewords for rule in self.rules)

    @property
    def recategorises(self) -> bool:
        """Tell whether any rule changes the categories of articles."""
        return any(rule.recategorises for rule in self.rules)


def _holds(rule: Ruling, said: Said) -> bool:
    return all(_answers(rule.when, said)) and not any(_answers(rule.unless, said))


def _answers(asked: Conditions, said: Said) -> Iterable[bool]:
    if asked.older_than is not None:
        age = said.age()
        yield age is not None and age > asked.older_than
    for condition in asked.fields:
        if condition.contains:
            yield any(wanted in text for wanted in condition.contains for text in said.folded(condition.field))
        if condition.matches:
            texts = said.texts(condition.field)
            yield any(pattern(wanted).search(text) for wanted in condition.matches for text in texts)


def names_of(judgement: Judgement, entry: Entry | StoredEntry, source: Source) -> dict[str, str]:
    """Give the category names of an article, each with its reason: as `reason_for` gives it, or the rule's label."""
    names = {name: reason_for(name, entry, source) for name in categories_of(entry, source)}
    for rule in judgement.acting:
        names = dict.fromkeys(rule.categories, rule.label) if rule.categories else names
        names |= {name: rule.label for name in rule.added if fold_name(name) not in map(fold_name, names)}
    return names


def reword(judgement: Judgement, entry: StoredEntry) -> StoredEntry:
    """Give an article in the words that rules give it. A title is not taken away altogether: the one before stays."""
    said = entry
    for rule in judgement.acting:
        if rule.title is not None or rule.author is not None:
            entry = replace(entry, title=rule.title or entry.title, author=rule.author or entry.author)
        for change in rule.replacements:
            entry = _replaced(change, entry)
    if (entry.summary, entry.content) == (said.summary, said.content):
        return entry
    clean = [markup.sanitise(html, entry.link) for html in (entry.summary, entry.content)]
    return replace(entry, summary=clean[0], content=clean[1])


def _replaced(change: Replacement, entry: StoredEntry) -> StoredEntry:
    if change.field == "title":
        title = markup.plain(replaced(change.pattern, change.text, entry.title), is_html=False)
        return replace(entry, title=title or entry.title)
    texts = [html and replaced(change.pattern, change.text, html) for html in (entry.summary, entry.content)]
    return replace(entry, summary=texts[0], content=texts[1])


def edition(before: StoredEntry, after: StoredEntry) -> str:
    """Give a digest of the words that rules gave an article; nothing where they are its source's."""
    words = [(each.title, each.author, each.summary, each.content) for each in (before, after)]
    return hashlib.sha256(repr(words[1]).encode()).hexdigest()[:16] if words[0] != words[1] else ""


def placing_digest(source: Source, rulebook: Rulebook, known: bool = True) -> str:
    """Give a digest of what the places and words of a source's articles depend on, but for what they say themselves.

    Where its settings are not `known` any more, that is the rules alone."""
    settings = (source.categories, source.category_from, source.title or source.name) if known else ()
    rules = rulebook.of(source).rules
    return hashlib.sha256(repr((_VERSION, settings, rules)).encode()).hexdigest()[:32]

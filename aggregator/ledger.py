"""What becomes of a document's entries: one transaction, in which it is decided what is new, and all of it is stored.

The decisions are the rooms' (`identify`, `categorise`); here stands in which order they are asked, with what the store
knows. The spine calls it, for a refresh, for a preview that keeps nothing, and for the posts of another system.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from aggregator import identify
from aggregator.agenda import Agenda, answer_of
from aggregator.channels import Channels
from aggregator.records import (
    Alias,
    Arrival,
    Changes,
    Entry,
    Familiar,
    FeedFacts,
    Fetched,
    Fingerprint,
    Imported,
    Intake,
    Known,
    LastDocument,
    ListRules,
    Merge,
    Named,
    NotModified,
    Outcome,
    Past,
    Post,
    Preview,
    PreviewItem,
    RawDocument,
    RawLimits,
    Read,
    ReadingFacts,
    Retouch,
    Revision,
    SameBody,
    Sighting,
    Source,
    SourceMemory,
    Withdrawal,
)
from aggregator.tools import Poll
from aggregator.urls import without_login

if TYPE_CHECKING:
    from aggregator.store import Store


ARTICLE_TRIES = 3  # then an article is published without its text


@dataclass(frozen=True, slots=True)
class Met:
    """The entries of a document, with the codes of their names and what is stored under those. `familiar` is how many
    it holds besides, `moved` tells whether some were found by what they say."""

    named: Sequence[Named]
    aliases: Mapping[Alias, str]
    known: Mapping[str, Known]
    familiar: int = 0
    moved: bool = False

    def count(self) -> int:
        """Give how many articles the document holds."""
        return len(self.named) + self.familiar


class Ledger:
    """Decides on entries and keeps what was decided. `sources` are the configured ones by name."""

    def __init__(
        self,
        store: "Store",
        channels: Channels,
        agenda: Agenda,
        sources: Mapping[str, Source],
        clock: Callable[[], datetime],
        raw: RawLimits,
    ) -> None:
        self._store = store
        self._channels = channels
        self._agenda = agenda
        self._sources = sources
        self._now = clock
        self._raw = raw

    def before(self, source: Source, memory: SourceMemory, *, familiar: bool) -> LastDocument:
        """Give what is remembered of a source's last document; with `familiar`, the entries apart that need no second
        look: as long as none of the source's articles is held."""
        sure = familiar and identify.may_be_familiar(source, memory) and not self._store.waiting(source.name)
        known = self._store.familiar(source.name) if sure else {}
        entries = self._store.document_before(source.name, {digest for digest, *_ in known.values()})
        return LastDocument(entries, known)

    def keep(
        self, poll: Poll, read: Read, named: Sequence[Named], prints: Mapping[str, Fingerprint]
    ) -> Changes | None:
        """The one transaction of a refresh. The decision is made in it, so that two processes cannot both say "new".

        None, with nothing kept, where it needs what was left out as known (`Entry.repeated`, `Intake.familiar`).
        """
        raw = self._store.packed(_raw(read.fetched, self._now()), self._raw)
        familiar = read.intake.familiar
        with self._store.writing():
            met = replace(self._look_up(named, poll.source), familiar=len(familiar))
            if familiar and (met.moved or not self._are_familiar(poll.source.name, familiar)):
                return None
            changes = self._judge(met, poll.source, poll.memory, read.intake.facts, prints)
            if identify.lacks_a_text(changes):
                return None
            self._settle_held(poll, changes)
            changes = replace(changes, dropped=tuple(self._store_changes(poll.source, changes, prints)))
            self._note_origin(read, met, changes, poll.source.name)
            review = changes.hold is not None and changes.hold.for_review
            taken_back = () if review else read.intake.withdrawn
            changes = replace(changes, withdrawn=self._withdraw(poll.source.name, taken_back))
            self._store.keep_raw(poll.source.name, raw, self._raw)
            news = bool(changes.arrivals or changes.revisions or changes.merged or changes.confirmed)
            facts = None if review else read.intake.facts
            self._agenda.note_read(poll, read.fetched, read.body_hash, facts=facts, news=news)
            new = identify.familiar(read.intake.entries, met.named, met.known, changes)
            self._remember(poll.source.name, read.intake, new)
        return changes

    def _are_familiar(self, source: str, entries: Mapping[str, Familiar]) -> bool:
        """Tell whether entries still need no second look: another source may have changed their articles meanwhile."""
        return not self._store.waiting(source) and entries.items() <= self._store.familiar(source).items()

    def _remember(self, source: str, intake: Intake, new: Mapping[str, Familiar]) -> None:
        """Remember a document for the next one. An entry whose article was changed just now is familiar no more."""
        still = self._store.familiar(source)
        kept = {code: each for code, each in intake.familiar.items() if code in still}
        self._store.remember_document(source, intake.entries, {digest for digest, *_ in intake.familiar.values()})
        self._store.note_familiar(source, {**kept, **new})

    def _look_up(self, named: Sequence[Named], source: Source) -> Met:
        """Give the entries with what the store knows of them: the codes of their names, and what stands under those.
        Articles that come under all-new names are found by what they say."""
        names = [name for item in named for name in item.names]
        names += [Alias("code", item.info_code) for item in named]
        aliases = self._store.codes_of(names)
        known = self._store.known(aliases.values(), source.name)
        named = identify.without_reused_guids(named, aliases, known)
        wanted = identify.doubtful(named, aliases, known)
        if found := self._store.codes_of(name for names in wanted.values() for name in names):
            known |= self._store.known(found.values(), source.name)
            aliases |= identify.repair(named, aliases, known, wanted, found)
        return Met(named, aliases, known, moved=bool(found))

    def _decide(self, met: Met, source: Source, memory: SourceMemory) -> Changes:
        known = met.known
        changes = identify.decide(
            met.named,
            aliases=met.aliases,
            known=known,
            positions=self._positions({source.name, *(stored.source for stored in known.values())}),
            backfill=source.backfill if identify.is_beginning(memory, known.values()) else None,
            now=self._now(),
        )
        return identify.settled(changes, self._store.wordings(each.info_code for each in changes.revisions))

    def arrivals(self, source: Source, memory: SourceMemory, named: Sequence[Named]) -> tuple[Arrival, ...]:
        known = self._store.codes_of(name for item in named for name in item.names)
        if all(any(name in known for name in item.names) for item in named):
            return ()
        return self._decide(self._look_up(named, source), source, memory).arrivals

    def _join_stories(self, changes: Changes, prints: Mapping[str, Fingerprint], source: str) -> Changes:
        told = [(arrival, prints[arrival.info_code]) for arrival in changes.arrivals if arrival.info_code in prints]
        rule = identify.FINGERPRINT_VERSION, identify.WINDOW
        alike = {arrival.info_code: self._store.stories.alike(arrival, one, *rule) for arrival, one in told}
        known = self._store.known((one.info_code for found in alike.values() for one in found), source)
        positions = self._positions({source, *(stored.source for stored in known.values())})
        return identify.join_stories(changes, prints, alike, known=known, positions=positions, now=self._now())

    def _positions(self, names: Iterable[str]) -> dict[str, int]:
        """Give the places of sources in the configuration; those that are no longer in it come last."""
        last = len(self._sources)
        return {name: self._sources[name].position if name in self._sources else last for name in names}

    def _judge(
        self,
        met: Met,
        source: Source,
        memory: SourceMemory,
        facts: FeedFacts,
        prints: Mapping[str, Fingerprint],
    ) -> Changes:
        """Decide what is new, let it join the stories that others told, and hold what a known source brings all at once
        and is not known for. What waits for the operator's word joins nothing."""
        changes = self._decide(met, source, memory)
        joined = self._join_stories(changes, prints, source.name)
        if identify.is_beginning(memory, met.known.values()):
            return joined
        past = self._store.past(source.name) if identify.is_remarkable(changes, met.count()) else Past()
        waiting, titled = self._store.waiting(source.name), source.title is not None
        scene = identify.Scene(met.count(), facts, memory, past, self._now(), waiting, titled)
        judged = identify.guard(changes, met.known, scene)
        review = judged.hold is not None and judged.hold.for_review
        return judged if review else identify.guard(joined, met.known, scene)

    def _note_origin(self, read: Read, met: Met, changes: Changes, source: str) -> None:
        """Keep what `explain` tells: which reading brought and changed articles, and how they were recognised."""
        brought = identify.recognised_by(met.named, met.aliases, met.known)
        new = {arrival.info_code: "" for arrival in (*changes.arrivals, *changes.held)}
        brought |= new | {merge.info_code: "" for merge in changes.merged}
        changed = [*new, *(revision.info_code for revision in changes.revisions)]
        changed += [merge.info_code for merge in changes.merged if merge.revision]
        self._store.note_origin(source, _facts_of(read, self._now()), brought, changed)

    def _settle_held(self, poll: Poll, changes: Changes) -> None:
        """Hold what is suspicious, publish what is confirmed, and note what a document did not show again."""
        missing = set(self._store.waiting(poll.source.name)) - set(changes.confirmed)
        if changes.hold or poll.memory.review:
            self._store.hold(poll.source.name, changes.held, changes.hold, self._now())
        self._let_out(changes.confirmed)
        self._store.miss(missing, self._now())

    def _let_out(self, codes: Sequence[str]) -> list[Entry]:
        """Publish held articles in the channels of the source that brought them, dated by their first sight."""
        if not codes:  # as after nearly every poll
            return []
        entries = self._store.let_out(codes)
        self._channels.arrange_again([entry.info_code for entry in entries])
        for entry in entries:
            self._store.mark_article(entry.info_code)
        return entries

    def release(self, name: str) -> None:
        """Publish all that is held of a source, and trust it again."""
        with self._store.writing():
            self._store.trust(name)
            self._let_out(list(self._store.held(name)))

    def _withdraw(self, source: str, found: Sequence[Withdrawal]) -> dict[str, Withdrawal]:
        """Take from a source's articles those that it took back. Whom others bring too stays theirs."""
        names = identify.names_withdrawn(found, source)
        aliases = self._store.codes_of(names)
        withdrawn = identify.withdrawn(names, source, aliases, self._store.known(aliases.values(), source))
        for code, withdrawal in withdrawn.items():
            self._store.withdraw(code, source, withdrawal, self._now())
        self._channels.arrange_again(withdrawn.keys())
        return withdrawn

    def _store_changes(self, source: Source, changes: Changes, prints: Mapping[str, Fingerprint]) -> list[str]:
        self._store.add(changes.arrivals, self._now())
        self._store.revise(changes.revisions, self._now())
        self._store.retouch(changes.retouches, self._now())
        self._store.sight(changes.sightings, self._now())
        self._store.pass_over(changes.passed)
        self._store.stories.keep(changes, prints, identify.FINGERPRINT_VERSION, self._now())
        dropped, new = self._place(source, changes), {arrival.info_code for arrival in changes.arrivals}
        return [code for code in dropped if code in new]

    def _place(self, source: Source, changes: Changes) -> list[str]:
        """Put each article where it belongs, as this source tells it; give the codes of those that rules drop."""
        whole = [item for item in changes.sightings if not (_lacks_text(item.entry, source) or item.entry.repeated)]
        changed: tuple[Revision | Retouch | Merge, ...] = (*changes.revisions, *changes.retouches, *changes.merged)
        told = {item.info_code: item.entry for item in (*changes.arrivals, *changed)}
        told |= {item.info_code: item.entry for item in whole if item.learns}
        told |= self._channels.misplaced({item.info_code: item.entry for item in whole if not item.learns}, source)
        for item in changed:
            self._store.mark_article(item.info_code)
        return self._channels.arrange(told, source)

    def split(self, kept: str, codes: Sequence[str]) -> None:
        """Make tellings of an article articles of their own, for good, each in the channels that its source names."""
        with self._store.writing():
            told = dict(self._store.stories.split(kept, codes, self._now()))
            there = self._store.places([kept]).get(kept, {})
            self._channels.arrange_again([code for code, entry in told.items() if entry.source in self._sources])
            for code, entry in told.items():
                if entry.source not in self._sources:
                    self._store.place(code, entry.source, list(there))

    def articles_wanted(self, source: Source, named: Sequence[Named], memory: SourceMemory) -> set[str]:
        met = self._look_up(named, source)
        passed = {item.info_code for item in self._decide(met, source, memory).passed}
        return {item.info_code for item in identify.articles_wanted(met.named, met.aliases, met.known)} - passed

    def keep_text(self, source: Source, entry: Entry, problem: str | None, tries: int) -> str | None:
        code = entry.info_code
        with self._store.writing():
            if problem is None:
                self._store.complete(code, entry, self._now())
            elif entry.row_fingerprint or tries + 1 >= ARTICLE_TRIES:
                self._store.release(code)
            else:
                self._store.put_off(code)
                return problem
            self._channels.arrange({code: entry}, source)
        return problem

    def previewed(
        self,
        source: Source,
        read: Read,
        named: Sequence[Named],
        memory: SourceMemory,
        prints: Mapping[str, Fingerprint],
    ) -> Preview:
        changes = self._judge(self._look_up(named, source), source, memory, read.intake.facts, prints)
        items = [PreviewItem("new", item.info_code, item.entry, ()) for item in changes.arrivals]
        items += [PreviewItem("merged", item.info_code, item.entry, ()) for item in changes.merged]
        items += [PreviewItem("held", item.info_code, item.entry, ()) for item in changes.held]
        items += [PreviewItem("revised", item.info_code, item.entry, ()) for item in changes.revisions]
        same: tuple[Sighting | Retouch, ...] = (*changes.sightings, *changes.retouches)
        items += [PreviewItem("unchanged", item.info_code, item.entry, ()) for item in same]
        items += [PreviewItem("passed over", item.info_code, item.entry, ()) for item in changes.passed]
        items = [self._channels.foreseen(item, source) for item in items]
        return Preview(source.name, read.fetched.url, read.intake.facts, tuple(items), read.intake.problems)

    def keep_posts(
        self, source: Source, posts: Sequence[Post], problems: tuple[str, ...], met: dict[Hashable, str]
    ) -> Imported:
        with self._store.writing():
            found = self._look_up(identify.each(post.entry for post in posts), source)
            first, repeated = identify.apart(found.named, found.aliases, found.known, met)
            changes = self._decide(replace(found, named=first), source, SourceMemory(fresh=False))
            self._store_changes(source, changes, {})
        unchanged = len(changes.sightings) + len(changes.retouches)
        notes = [f"{post.path}: {post.note}; read line by line" for post in posts if post.note]
        return Imported(
            new=len(changes.arrivals),
            revised=len(changes.revisions),
            unchanged=unchanged,
            gone=len(first) - len(changes.arrivals) - len(changes.revisions) - unchanged,
            repeated=len(repeated),
            skipped=len(problems),
            problems=(*problems, *repeated, *notes),
            categories={name: said for post in posts for name, said in post.categories.items()},
        )

    def unchanged(self, poll: Poll, same: NotModified | SameBody) -> Outcome:
        """An unchanged document confirms what was held of it: the publisher stands by it."""
        body_hash = poll.memory.body_hash
        with self._store.writing():
            out = self._let_out(self._store.waiting(poll.source.name))
            self._agenda.note_read(poll, answer_of(same), body_hash, facts=None, news=bool(out), outcome="not-modified")
        return Outcome(poll.source.name, "not-modified", new=len(out))


def _facts_of(read: Read, now: datetime) -> ReadingFacts:
    fetched, intake = read.fetched, read.intake
    return ReadingFacts(
        at=now,
        url=without_login(fetched.url),
        status=fetched.status,
        redirects=tuple(f"{hop.status} {without_login(hop.url)}" for hop in fetched.redirects),
        content_type=fetched.header("content-type") or "",
        format=intake.facts.format,
        entries=len(intake.entries) + len(intake.familiar),
        notes=intake.problems,
    )


def _raw(fetched: Fetched, now: datetime) -> RawDocument:
    return RawDocument(fetched.url, fetched.header("content-type") or "", now, fetched.body, gzip=fetched.gzip)


def _lacks_text(entry: Entry, source: Source) -> bool:
    """Tell whether this is only what a list says of an article whose outlet, say, came with its text."""
    return isinstance(source.rules, ListRules) and bool(entry.article_url) and not entry.row_fingerprint

"""What the tests of decisions share: the store as far as a decision sees it, and entries to put before it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from aggregator.identify import decide, distinct, doubtful, repair, without_reused_guids
from aggregator.identify.decide import text_size
from aggregator.records import Alias, Arrival, Changes, Entry, Known, Revision

NOW = datetime(2022, 1, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass
class Memory:
    """The store as far as a decision sees it."""

    aliases: dict[Alias, str] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)
    updated: dict[str, datetime] = field(default_factory=dict)
    brought: dict[tuple[str, str], str] = field(default_factory=dict)

    def known(self, source: str) -> dict[str, Known]:
        return {
            code: Known(
                info_code=code,
                source=entry.source,
                guid=entry.guid,
                title=entry.title,
                fingerprint=entry.fingerprint,
                row_fingerprint=self.brought.get((code, source), ""),
                seen_here=(code, source) in self.brought,
                text_size=text_size(entry),
                published=entry.published,
                updated=self.updated[code],
                link=entry.link,
                evident=any(name.kind == "text" and owner == code for name, owner in self.aliases.items()),
            )
            for code, entry in self.entries.items()
        }

    def refresh(
        self,
        entries: Sequence[Entry],
        *,
        positions: Mapping[str, int] | None = None,
        backfill: int | None = None,
        now: datetime = NOW,
    ) -> Changes:
        source = entries[0].source if entries else ""
        known = self.known(source)
        named = without_reused_guids(distinct(entries), self.aliases, known)
        wanted = doubtful(named, self.aliases, known)
        changes = decide(
            named,
            aliases=self.aliases | repair(named, self.aliases, known, wanted, self.aliases),
            known=known,
            positions=positions or {},
            backfill=backfill,
            now=now,
        )
        self.take(changes)
        return changes

    def take(self, changes: Changes) -> None:
        for passed in changes.passed:
            self._name(passed.info_code, passed.names)
        for change in (*changes.arrivals, *changes.revisions):
            self.entries[change.info_code] = change.entry
            self.updated[change.info_code] = change.updated
        for met in (*changes.arrivals, *changes.revisions, *changes.sightings):
            self._name(met.info_code, met.names)
            row = met.entry.row_fingerprint or self.brought.get((met.info_code, met.entry.source), "")
            self.brought[met.info_code, met.entry.source] = row

    def _name(self, code: str, names: Sequence[Alias]) -> None:
        for name in (Alias("code", code), *names):
            self.aliases.setdefault(name, code)


def entry(number: int, *, source: str = "s", text: str = "text", **said: object) -> Entry:
    made = Entry(source, f"tag:example.org,2021:{number}", f"https://example.org/{number}", f"title {number}", text)
    return replace(made, **{"fingerprint": f"{made.title}|{text}"} | said)  # type: ignore[arg-type]  # a test's shorthand


def codes(changed: Sequence[Arrival | Revision]) -> list[str]:
    return [change.info_code for change in changed]


def counts(changes: Changes) -> tuple[int, int, int, int]:
    return len(changes.arrivals), len(changes.revisions), len(changes.sightings), len(changes.passed)

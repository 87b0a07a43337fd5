"""Answer one query: gather what matches, the newest first, until it is enough; rank it; show a page of it.

The index only proposes. Whether an article may be shown, and with which words, the store says at that very moment.
"""

import sqlite3
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from aggregator.markup import text_of
from aggregator.records import Remark, SearchNote, StoredEntry
from aggregator.store import shards
from aggregator.store.glance import Glance
from aggregator.store.ranking import Hit, hit, score
from aggregator.store.shards import Shard
from aggregator.store.words import Query, article_form

MOST = 1_000  # articles that can be seen of one query, page by page
_RANKED = 100  # the newest matches in titles, and as many of all
_RANKED_BY = 2_000  # characters at the beginning of a text
_READ_AT_MOST = 100_000  # characters of an article
_PART_END = "\x1e"  # between what is told of an article; no text holds it


@dataclass(frozen=True, slots=True)
class Found:
    """A page of what a query found, the best first; `more` can be had. `count` is how many there are, about, unless it
    is `exact`. `remarks` are for the person who asked."""

    hits: tuple[Hit, ...] = ()
    more: bool = False
    count: int = 0
    exact: bool = True
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """Which of the articles found are wanted."""

    limit: int
    offset: int

    @property
    def end(self) -> int:
        """How many articles there must be to fill it."""
        return min(self.offset + self.limit, MOST)


@dataclass(slots=True)
class _Matches:
    """The articles that match an expression and may be shown, the newest first, and how many articles were looked
    through for them."""

    expression: str
    enough: int
    dates: dict[int, datetime] = field(default_factory=dict)
    looked_through: float = 0.0

    @property
    def is_full(self) -> bool:
        return len(self.dates) >= self.enough


class Finding:
    """A query under way. `closed` are the channels that who asks may not read."""

    def __init__(
        self,
        index: sqlite3.Connection,
        store: Glance,
        asked: Query,
        *,
        closed: Collection[str],
        too_late: Callable[[], bool],
    ) -> None:
        self._index = index
        self._store = store
        self._asked = asked
        self._places = asked.places()
        self._closed = closed
        self._too_late = too_late
        self._is_late = False

    def found(self, page: Page, now: datetime) -> Found:
        """Find articles: the newest 100 with the words in their titles and the newest 100 of all in the order of their
        score, then the others, the newest first."""
        with self._store.looking(), _snapshot(self._index):
            titles, anywhere = self._gathered()
            order = self._ordered(titles, anywhere, now)
            hits = self._shown(order[page.offset : page.end])
        count, exact = self._counted(anywhere, len(order))
        return Found(hits, len(order) > page.end < MOST, count, exact, tuple(self._remarks(anywhere, page)))

    # --- gathering -----------------------------------------------------------------------------

    def _gathered(self) -> tuple[_Matches, _Matches]:
        titles = _Matches(self._asked.in_title, _RANKED)
        anywhere = _Matches(self._asked.expression, MOST + 1)
        self._shards = shards.newest_first(self._index)
        for shard in self._shards:
            for matches in (titles, anywhere):
                if not matches.is_full and not self._is_late:
                    self._gather(matches, shard)
        return titles, anywhere

    def _gather(self, matches: _Matches, shard: Shard) -> None:
        numbers = shards.matches(self._index, shard, matches.expression)
        while some := list(islice(numbers, max(matches.enough - len(matches.dates), _RANKED))):
            dates = self._store.dates_of(some, self._closed)
            matches.dates |= {seq: dates[seq] for seq in some if seq in dates}
            self._is_late = self._too_late()
            if matches.is_full or self._is_late:
                matches.looked_through += shard.down_to(some[-1])
                return
        matches.looked_through += shard.articles
        self._is_late = self._too_late()

    def _counted(self, anywhere: _Matches, seen: int) -> tuple[int, bool]:
        """Say how many articles match. Of what was not looked through, as many do as of what was."""
        if not anywhere.is_full and not self._is_late:
            return seen, True
        rate = len(anywhere.dates) / max(anywhere.looked_through, 1.0)
        return max(_rounded(rate * sum(shard.articles for shard in self._shards)), seen), False

    def _remarks(self, anywhere: _Matches, page: Page) -> Iterator[Remark]:
        if self._is_late:
            yield Remark(SearchNote.LATE, round(anywhere.looked_through))
        if len(anywhere.dates) > page.end == MOST:
            yield Remark(SearchNote.DEEP, MOST)

    # --- ranking and showing -------------------------------------------------------------------

    def _ordered(self, titles: _Matches, anywhere: _Matches, now: datetime) -> list[int]:
        dates = titles.dates | dict(islice(anywhere.dates.items(), _RANKED))
        scores = {seq: score(self._places, title, body, now, dates[seq]) for seq, title, body in self._texts(dates)}
        ranked = sorted(scores, key=lambda seq: (-scores[seq], -seq))
        return ranked + [seq for seq in anywhere.dates if seq not in dates]

    def _texts(self, seqs: Iterable[int]) -> Iterator[tuple[int, str, str]]:
        seqs = list(seqs)
        marks = ",".join("?" * len(seqs))
        rows = self._index.execute(f"SELECT seq, title, body FROM texts WHERE seq IN ({marks}) ORDER BY seq", seqs)
        return ((seq, title, unpacked(body, _RANKED_BY)) for seq, title, body in rows)

    def _shown(self, seqs: Sequence[int]) -> tuple[Hit, ...]:
        entries = {entry.seq: entry for entry in self._store.by_seq(seqs)}
        changed = self._store.still_to_index(seqs)
        told = {seq: parts_of(entry) for seq, entry in entries.items()}
        for seq in changed & entries.keys():
            if not self._asked.asks_for(article_form(entries[seq].title, told[seq])):
                del entries[seq]
        return tuple(hit(entries[seq], self._places, " ".join(told[seq])) for seq in seqs if seq in entries)


def parts_of(entry: StoredEntry) -> list[str]:
    """Give what is told of an article besides its title, as plain text: what is looked through."""
    text = text_of((entry.content or entry.summary)[:_READ_AT_MOST])
    return [part for part in (text, entry.outlet, entry.author, *entry.tags) if part]


def packed(parts: Iterable[str]) -> bytes:
    """Give the parts as they are kept."""
    return zlib.compress(_PART_END.join(parts).encode("utf-8", "replace"), 1)


def unpacked(body: bytes, characters: int = 0) -> str:
    """Give what was packed, its parts apart by a line; or no more than about its first characters."""
    return zlib.decompressobj().decompress(body, 3 * characters).decode("utf-8", "ignore")


def parts_in(body: bytes) -> list[str]:
    """Give the parts that were packed."""
    return unpacked(body).split(_PART_END)


def _rounded(number: float) -> int:
    """Give a number of two digits and noughts: more than that is not known."""
    digits = len(str(round(number)))
    return round(number, 2 - digits) if digits > 2 else round(number)  # type: ignore[return-value]  # a whole float


@contextmanager
def _snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("COMMIT")

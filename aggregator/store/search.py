"""The search index: SQLite FTS5 in a file of its own beside the store, brought up behind it.

Triggers of the store put every article that comes, changes or goes into a queue, within the transaction that does it.
`catch_up` takes the queue into the index in small steps, so that a refresh never waits for it, and after a crash at any
instant it goes on where it was. The index keeps the plain text that it holds of an article (compressed): to take its
words out again when it changes, to rank, and to show where it was found. It is derived: without it, it is made anew.
"""

import math
import re
import sqlite3
import threading
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from aggregator.dataclass import dataclass
from aggregator.errors import StoreError
from aggregator.markup import text_of
from aggregator.records import StoredEntry
from aggregator.store.sqlite import BUSY_SECONDS, Store
from aggregator.store.words import Query, index_form, query

AT_A_STEP = 200  # articles in one transaction of the index
_VERSION = "1"  # of how a text is cut into words
_CANDIDATES = 200  # the newest matches that are ranked, of those in titles and of all
_RANKED_BY = 2_000  # characters at the beginning of a text
_READ_AT_MOST = 100_000  # characters of an article
_BEFORE, _SNIPPET = 30, 160  # characters of a snippet: before the first place, and in all
_DAYS_TO_HALF = 60.0

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS texts (seq INTEGER PRIMARY KEY, title TEXT NOT NULL, body BLOB NOT NULL) STRICT;
    CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (title, body, content = '', tokenize = 'ascii');
"""


@dataclass(frozen=True, slots=True)
class Hit:
    """An article that was found. `snippet` is plain text around the first place; `marks` are the places in it that the
    query asked for, from and to, in characters."""

    entry: StoredEntry
    snippet: str
    marks: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What a query found, the best first; `more` are there than shown. `problem` is for the person who asked."""

    hits: tuple[Hit, ...] = ()
    more: bool = False
    problem: str = ""


class SearchIndex:
    """An open index over a store. Its verbs may be called from any thread; they take turns.

    Raises:
        StoreError: when SQLite cannot do its work.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.path = path_of(store.path)
        self._lock = threading.RLock()
        self._db = self._open()

    def _open(self) -> sqlite3.Connection:
        try:
            return _opened(self.path)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):  # locked, no space, no permission: nothing is wrong with it
                raise StoreError(f"{self.path}: the search index cannot be opened: {error}") from error
        forget(self._store.path)
        return _opened(self.path)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def __enter__(self) -> "SearchIndex":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- bringing it up ------------------------------------------------------------------------

    def catch_up(self, limit: int = AT_A_STEP) -> int:
        """Take in what changed in the store, at most `limit` articles; give how many were taken, 0 when it is done.

        The index commits before the queue is cut, and doing the same again changes nothing.
        """
        with self._reporting():
            self._begin_anew_if_foreign()
            queued = self._store.to_index(limit)
            if queued:
                self._take_in(queued)
                self._store.indexed(queued)
            return len(queued)

    def waiting(self) -> int:
        """Count the articles that are to be taken in."""
        with self._reporting():
            self._begin_anew_if_foreign()
            return self._store.counted_to_index()

    def _begin_anew_if_foreign(self) -> None:
        row = self._db.execute("SELECT value FROM meta WHERE key = 'of'").fetchone()
        identity = f"{_VERSION} {self._store.identity()}"
        if row is not None and row["value"] == identity:
            return
        self._store.index_everything()
        with self._transaction():
            self._db.execute("INSERT INTO words (words) VALUES ('delete-all')")
            self._db.execute("DELETE FROM texts")
            self._db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('of', ?)", (identity,))

    def _take_in(self, queued: dict[int, str]) -> None:
        articles = {entry.seq: entry for entry in self._store.by_seq(queued)}
        with self._transaction():
            for seq in queued:
                self._take_out(seq)
                if seq in articles:
                    self._put_in(articles[seq])

    def _take_out(self, seq: int) -> None:
        row = self._db.execute("SELECT title, body FROM texts WHERE seq = ?", (seq,)).fetchone()
        if row is not None:
            words = (seq, index_form(row["title"]), index_form(_unpacked(row["body"])))
            self._db.execute("INSERT INTO words (words, rowid, title, body) VALUES ('delete', ?, ?, ?)", words)
            self._db.execute("DELETE FROM texts WHERE seq = ?", (seq,))

    def _put_in(self, entry: StoredEntry) -> None:
        body = text_of((entry.content or entry.summary)[:_READ_AT_MOST])
        told = "\n".join(part for part in (body, entry.outlet, entry.author, *entry.tags) if part)
        kept = (entry.seq, entry.title, _packed(told))
        self._db.execute("INSERT INTO texts (seq, title, body) VALUES (?, ?, ?)", kept)
        words = (entry.seq, index_form(entry.title), index_form(told))
        self._db.execute("INSERT INTO words (rowid, title, body) VALUES (?, ?, ?)", words)

    # --- finding -------------------------------------------------------------------------------

    def find(self, text: str, *, now: datetime, limit: int = 20, offset: int = 0) -> Found:
        """Find articles: those with the words in their titles first, among them those that tell more of them, newer
        ones before older. Of very many, the newest are ranked."""
        asked = query(text)
        if not asked.expression:
            return Found(problem=asked.problem)
        with self._reporting():
            seqs = self._candidates(asked)
            texts = self._texts(seqs, _RANKED_BY)
        dates, pattern = self._store.dates_of(seqs), asked.pattern
        ranked = sorted(dates.keys() & texts, key=lambda seq: (-_score(pattern, texts[seq], now, dates[seq]), -seq))
        shown = ranked[offset : offset + limit]
        with self._reporting():
            whole = self._texts(shown, _READ_AT_MOST)
        entries = {entry.seq: entry for entry in self._store.heads(shown)}
        hits = tuple(_hit(entries[seq], pattern, whole[seq][1]) for seq in shown if seq in entries and seq in whole)
        return Found(hits, len(ranked) > offset + limit, asked.problem)

    def _candidates(self, asked: Query) -> list[int]:
        sql = "SELECT rowid FROM words WHERE words MATCH ? ORDER BY rowid DESC LIMIT ?"
        in_titles = self._db.execute(sql, (asked.in_title, _CANDIDATES)).fetchall()
        anywhere = self._db.execute(sql, (asked.expression, _CANDIDATES)).fetchall()
        return list(dict.fromkeys(row["rowid"] for row in (*in_titles, *anywhere)))

    def _texts(self, seqs: Sequence[int], characters: int) -> dict[int, tuple[str, str]]:
        marks = ",".join("?" * len(seqs))
        rows = self._db.execute(f"SELECT seq, title, body FROM texts WHERE seq IN ({marks})", seqs).fetchall()
        return {row["seq"]: (row["title"], _unpacked(row["body"], characters)) for row in rows}

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                raise StoreError(f"{self.path}: {error}; without this file the index is made anew") from error


def path_of(store: Path) -> Path:
    """Give where a store's index stands: `aggregator.db` has `aggregator.search.db`."""
    return Path(":memory:") if str(store) == ":memory:" else store.with_suffix(f".search{store.suffix}")


def forget(store: Path) -> None:
    """Remove a store's index; it is made anew from the store."""
    path = path_of(store)
    for leftover in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        leftover.unlink(missing_ok=True)


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(_SCHEMA)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _packed(text: str) -> bytes:
    return zlib.compress(text.encode("utf-8", "replace"), 1)


def _unpacked(body: bytes, characters: int = 0) -> str:
    """Give the text, or no more than about its first characters."""
    return zlib.decompressobj().decompress(body, 3 * characters).decode("utf-8", "ignore")


def _score(pattern: re.Pattern[str], text: tuple[str, str], now: datetime, date: datetime) -> float:
    title, body = text
    in_title = len({match[0].lower() for match in pattern.finditer(title)})
    in_body = sum(1 for _ in pattern.finditer(body))
    days = max((now - date).total_seconds(), 0.0) / 86_400
    return 3.0 * in_title + math.log1p(in_body) + 2.0 * math.exp2(-days / _DAYS_TO_HALF)


def _hit(entry: StoredEntry, pattern: re.Pattern[str], body: str) -> Hit:
    line = " ".join(body.split())
    first = pattern.search(line)
    begin = max(first.start() - _BEFORE, 0) if first else 0
    snippet = line[begin : begin + _SNIPPET].strip()
    if begin:
        snippet = f"…{snippet}"
    if begin + _SNIPPET < len(line):
        snippet = f"{snippet}…"
    return Hit(entry, snippet, tuple(_marks(pattern.finditer(snippet))))


def _marks(matches: Iterable[re.Match[str]]) -> Iterator[tuple[int, int]]:
    return ((match.start(), match.end()) for match in matches if match[0])

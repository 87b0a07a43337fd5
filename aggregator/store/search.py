"""The search index: SQLite FTS5 in a file of its own beside the store, brought up behind it.

Triggers of the store put every article that comes, changes or goes into a queue, within the transaction that does it.
`catch_up` takes the queue into the index in small steps, so that a refresh never waits for it, and after a crash at any
instant it goes on where it was. The index keeps the plain text that it holds of an article (compressed): to take its
words out again when it changes, and to rank. It is derived: without it, it is made anew.

Queries have connections of their own to both files, so that they wait for no writer and none waits for them.
"""

import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from time import monotonic

from aggregator.errors import StoreError
from aggregator.records import StoredEntry
from aggregator.store import shards
from aggregator.store.finding import Finding, Found, Page, packed, parts_in, parts_of
from aggregator.store.glance import Glance
from aggregator.store.sqlite import BUSY_SECONDS, Store
from aggregator.store.words import article_form, query

AT_A_STEP = 200  # articles in one transaction of the index
AT_ONCE = 2  # queries; others wait
PATIENCE_SECONDS = 2.0  # with a query; then what was found until then is shown
_VERSION = "4"  # of how a text is cut into words, and of how they are kept
_STATEMENTS = 1_000  # kept ready: there are some for each shard
_PAGES_KB = 16_000  # of the index, kept in memory by each connection

_META = "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID"
_TEXTS = """CREATE TABLE texts (
    seq INTEGER PRIMARY KEY, shard INTEGER NOT NULL, title TEXT NOT NULL, body BLOB NOT NULL) STRICT"""


@dataclass(frozen=True, slots=True)
class _Reader:
    index: sqlite3.Connection
    store: Glance

    def close(self) -> None:
        self.index.close()
        self.store.close()


class SearchIndex:
    """An open index over a store. Its verbs may be called from any thread.

    Raises:
        StoreError: when SQLite cannot do its work.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.path = path_of(store.path)
        self._lock = threading.RLock()
        self._places = threading.Semaphore(AT_ONCE)
        self._idle: list[_Reader] = []
        self._is_closing = False
        self._db = self._open()
        try:
            with self._reporting():
                self._begin_anew_if_foreign()
        except BaseException:
            self._db.close()
            raise

    def _open(self) -> sqlite3.Connection:
        try:
            return _opened(self.path)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):  # locked, no space, no permission: nothing is wrong with it
                raise StoreError(f"{self.path}: the search index cannot be opened: {error}") from error
        forget(self._store.path)
        return _opened(self.path)

    def close(self) -> None:
        """Close the file; a query under way is brought to its end, and one that comes later is refused."""
        self._is_closing = True
        for _ in range(AT_ONCE):
            self._places.acquire()
        with self._lock:
            self._db.close()
        while self._idle:
            self._idle.pop().close()
        self._places.release(AT_ONCE)

    def __enter__(self) -> "SearchIndex":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- bringing it up ------------------------------------------------------------------------

    def catch_up(self, limit: int = AT_A_STEP) -> int:
        """Take in what changed in the store, at most `limit` articles; give how many were taken, 0 when it is done.

        The index commits before the queue is cut, and doing the same again changes nothing.
        """
        with self._lock, self._reporting():
            queued = self._store.to_index(limit)
            if queued:
                self._take_in(queued)
                self._store.indexed(queued)
            return len(queued)

    def merge(self) -> int:
        """Do a small step in making the index quick to look into, when nothing is to be taken in; give 0 when there was
        none to do."""
        with self._lock, self._reporting(), self._transaction():
            return int(shards.merge(self._db))

    def waiting(self) -> int:
        """Count the articles that are to be taken in."""
        return self._store.counted_to_index()

    def _begin_anew_if_foreign(self) -> None:
        row = self._db.execute("SELECT value FROM meta WHERE key = 'of'").fetchone()
        identity = f"{_VERSION} {self._store.identity()}"
        if row is not None and row[0] == identity:
            return
        self._store.index_everything()
        with self._transaction():
            shards.begin_anew(self._db)
            self._db.execute("DROP TABLE IF EXISTS texts")
            self._db.execute(_TEXTS)
            self._db.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('of', ?)", (identity,))

    def _take_in(self, queued: dict[int, str]) -> None:
        articles = {entry.seq: entry for entry in self._store.by_seq(queued)}
        with self._transaction():
            for seq in queued:
                self._take_out(seq)
                if seq in articles:
                    self._put_in(articles[seq])
            shards.drop_empty(self._db)

    def _take_out(self, seq: int) -> None:
        row = self._db.execute("SELECT shard, title, body FROM texts WHERE seq = ?", (seq,)).fetchone()
        if row is not None:
            shards.take_out(self._db, row[0], seq, article_form(row[1], parts_in(row[2])))
            self._db.execute("DELETE FROM texts WHERE seq = ?", (seq,))

    def _put_in(self, entry: StoredEntry) -> None:
        shard, parts = shards.shard_of(entry.seq, entry.sort_date), parts_of(entry)
        kept = (entry.seq, shard, entry.title, packed(parts))
        self._db.execute("INSERT INTO texts (seq, shard, title, body) VALUES (?, ?, ?, ?)", kept)
        shards.put_in(self._db, shard, entry.seq, article_form(entry.title, parts))

    # --- finding -------------------------------------------------------------------------------

    def find(
        self,
        text: str,
        *,
        now: datetime,
        limit: int = 20,
        offset: int = 0,
        closed: Collection[str] = (),
        seconds: float = PATIENCE_SECONDS,
        is_given_up: Callable[[], bool] = lambda: False,
    ) -> Found:
        """Find articles: those with the words in their titles first, among them those that tell more of them, newer
        ones before older; of very many the newest are ranked, and the others follow by date.

        Articles that stand in `closed` channels only are not found ("" stands for being in none). After so many
        seconds, or once it is given up, what was found until then is all.
        """
        asked = query(text)
        remarks = (asked.remark,) if asked.remark else ()
        if not asked.expression:
            return Found(remarks=remarks)
        with self._reader() as reader:
            end = monotonic() + seconds

            def too_late() -> bool:
                return self._is_closing or monotonic() > end or is_given_up()

            finding = Finding(reader.index, reader.store, asked, closed=closed, too_late=too_late)
            found = finding.found(Page(limit, offset), now)
        return replace(found, remarks=remarks + found.remarks)

    @contextmanager
    def _reader(self) -> Iterator[_Reader]:
        """Lend a pair of connections, to a few at once."""
        with self._places, self._reporting():
            reader = self._idle.pop() if self._idle else self._another_reader()
            try:
                reader.store.reword = self._store.reword
                yield reader
            except BaseException:
                reader.close()
                raise
            self._idle.append(reader)

    def _another_reader(self) -> _Reader:
        if self._is_closing:
            raise StoreError(f"{self.path}: the search index is closed")
        index = _connected(self.path)
        index.execute("PRAGMA query_only = ON")
        index.execute(f"PRAGMA cache_size = -{_PAGES_KB}")
        return _Reader(index, Glance(self._store.path, self._store.private))

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
    connection = _connected(path)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(_META)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _connected(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=_STATEMENTS
    )

"""How the verbs of a store come to its connection: in turn, in transactions, and with its faults in words."""

import sqlite3
import threading
from abc import ABC
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aggregator.errors import StoreError
from aggregator.store.faults import in_words

_IN_ONE_QUERY = 400  # values bound at once; SQLite's own limit is higher


class Statements(ABC):
    """What all verbs of a store share; who opens the store sets the attributes."""

    path: Path
    _connection: sqlite3.Connection
    _lock: threading.RLock
    _depth: int  # of transactions

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction around several verbs: all of it is kept, or nothing. May be nested."""
        with self._lock, self._reporting():
            if self._depth == 0:
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0 and self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._connection.execute("COMMIT")

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: {in_words(error)}") from error

    def _rows(self, sql: str, **values: Any) -> list[sqlite3.Row]:
        with self._lock, self._reporting():
            return self._connection.execute(sql, values).fetchall()

    def _rows_in(self, sql: str, values: Sequence[str], *first: str) -> Iterator[sqlite3.Row]:
        """Run a query that holds `IN (?)` for values in any number; `first` are its numbered parameters."""
        for start in range(0, len(values), _IN_ONE_QUERY):
            part = values[start : start + _IN_ONE_QUERY]
            query = sql.replace("(?)", f"({','.join('?' * len(part))})")
            with self._lock, self._reporting():
                yield from self._connection.execute(query, (*first, *part)).fetchall()

    def _write(self, sql: str, **values: Any) -> int:
        with self.writing():
            return self._connection.execute(sql, values).rowcount

    def _write_many(self, sql: str, rows: Iterable[dict[str, Any]]) -> None:
        with self.writing():
            self._connection.executemany(sql, rows)

    # --- documents that are outdated -----------------------------------------------------------

    def mark(self, documents: Iterable[str]) -> None:
        """Mark documents as outdated: `feed`, `index`, `gone`, `category/<slug>`, `category/<slug>/archive-<n>`,
        `article/<code>`."""
        self._write_many(_MARK, [{"document": document} for document in documents])

    def stamps(self, documents: Iterable[str]) -> dict[str, str]:
        """Give the stamps of those of the documents that are marked."""
        found = self._rows_in("SELECT document, stamp FROM marks WHERE document IN (?)", sorted(set(documents)))
        return {row["document"]: row["stamp"] for row in found}


_MARK = """INSERT INTO marks (document, stamp) VALUES (:document, lower(hex(randomblob(8))))
    ON CONFLICT (document) DO UPDATE SET stamp = excluded.stamp"""

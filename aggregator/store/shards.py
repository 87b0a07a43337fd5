"""The words of articles, in FTS5 tables of a bounded size: one for each quarter of a year and 20,000 numbers.

A query is put to one table after another, the newest first, and ends when enough is found. So what it costs does not
grow with the store, except for words that are rare, and these are found at once wherever they are. SQLite can look
into none of the tables for longer than 20,000 articles take: between two tables there is time to look at the clock.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

_NUMBERS = 20_000  # of articles that a table holds at most
_BLOCKS = 1_000_000  # how many such tables a quarter can have
_LEAST_NEW = 1_000  # articles; fewer are not worth a merge
_PAGES_AT_A_STEP = 100  # of 4 KB: some 10 ms

_SHARDS = """CREATE TABLE shards (
    id INTEGER PRIMARY KEY, articles INTEGER NOT NULL, lowest INTEGER NOT NULL, highest INTEGER NOT NULL,
    changes INTEGER NOT NULL DEFAULT 0, merging INTEGER NOT NULL DEFAULT 0) STRICT"""


@dataclass(frozen=True, slots=True)
class Shard:
    """One of the tables: how many articles it holds, and between which numbers."""

    id: int
    articles: int
    lowest: int
    highest: int

    def down_to(self, seq: int) -> float:
        """Give about how many of its articles have this number or a higher one."""
        return self.articles * (self.highest - seq + 1) / (self.highest - self.lowest + 1)


def shard_of(seq: int, date: datetime) -> int:
    """Give the id of the shard that an article belongs to; later quarters have higher ones."""
    return (date.year * 4 + (date.month - 1) // 3) * _BLOCKS + seq // _NUMBERS


def newest_first(connection: sqlite3.Connection) -> list[Shard]:
    """Give all shards."""
    rows = connection.execute("SELECT id, articles, lowest, highest FROM shards ORDER BY id DESC").fetchall()
    return [Shard(*row) for row in rows]


def put_in(connection: sqlite3.Connection, shard: int, seq: int, form: str) -> None:
    """Take in an article, by the tokens that stand for it."""
    if connection.execute(_ONE_MORE, {"id": shard, "seq": seq}).fetchone()[0] == 1:
        connection.execute(_TABLE.format(shard))
    connection.execute(f"INSERT INTO words_{shard} (rowid, text) VALUES (?, ?)", (seq, form))


def take_out(connection: sqlite3.Connection, shard: int, seq: int, form: str) -> None:
    """Take out an article; the tokens must be those with which it was put in."""
    connection.execute(f"INSERT INTO words_{shard} (words_{shard}, rowid, text) VALUES ('delete', ?, ?)", (seq, form))
    connection.execute("UPDATE shards SET articles = articles - 1, changes = changes + 1 WHERE id = ?", (shard,))


def merge(connection: sqlite3.Connection) -> bool:
    """Do a step in putting together what was put in bit by bit, where a quarter of a shard is new; tell whether there
    was one to do. A query looks into each of ten to thirty bits, and takes twice as long."""
    row = connection.execute(_TO_MERGE, {"least": _LEAST_NEW}).fetchone()
    if row is None:
        return False
    shard, under_way = row
    before = connection.total_changes
    pages = _PAGES_AT_A_STEP if under_way else -_PAGES_AT_A_STEP  # less than none: all bits become one
    connection.execute(f"INSERT INTO words_{shard} (words_{shard}, rank) VALUES ('merge', ?)", (pages,))
    if not under_way:
        connection.execute("UPDATE shards SET merging = 1, changes = 0 WHERE id = ?", (shard,))
    elif connection.total_changes - before < 2:  # FTS5's way to say that nothing was left to do
        connection.execute("UPDATE shards SET merging = 0 WHERE id = ?", (shard,))
    return True


def drop_empty(connection: sqlite3.Connection) -> None:
    """Remove the shards that hold nothing any more."""
    for row in connection.execute("SELECT id FROM shards WHERE articles = 0 ORDER BY id").fetchall():
        connection.execute(f"DROP TABLE words_{row[0]}")
    connection.execute("DELETE FROM shards WHERE articles = 0")


def begin_anew(connection: sqlite3.Connection) -> None:
    """Remove every table of words, also those of an earlier version, and make ready for new ones."""
    for row in connection.execute(_TABLES).fetchall():
        connection.execute(f"DROP TABLE {row[0]}")
    connection.execute("DROP TABLE IF EXISTS shards")
    connection.execute(_SHARDS)


def matches(connection: sqlite3.Connection, shard: Shard, expression: str) -> Iterator[int]:
    """Give the numbers of a shard's articles that match, the highest first."""
    sql = f"SELECT rowid FROM words_{shard.id} WHERE words_{shard.id} MATCH ? ORDER BY rowid DESC"
    return (row[0] for row in connection.execute(sql, (expression,)))


_ONE_MORE = """INSERT INTO shards (id, articles, lowest, highest) VALUES (:id, 1, :seq, :seq)
    ON CONFLICT (id) DO UPDATE SET articles = articles + 1, changes = changes + 1,
        lowest = min(lowest, excluded.lowest), highest = max(highest, excluded.highest) RETURNING articles"""
_TABLE = """CREATE VIRTUAL TABLE IF NOT EXISTS words_{} USING fts5 (
    text, content = '', columnsize = 0, tokenize = "ascii tokenchars '_'")"""
_TO_MERGE = """SELECT id, merging FROM shards WHERE merging OR (changes >= :least AND changes * 4 >= articles)
    ORDER BY merging DESC, id DESC LIMIT 1"""
_TABLES = """SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE%'
    AND name LIKE 'words%' ORDER BY name"""

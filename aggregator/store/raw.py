"""The last documents of each source as they came, compressed: what was stored of them can be read again."""

import sqlite3
import zlib
from collections.abc import Sequence

from aggregator.records import RawDocument, RawLimits
from aggregator.store.rows import time_of, time_text

_FAST = 1  # feeds shrink to a sixth by it, at 100 MB a second; the best level takes five times as long for a tenth less
_EITHER = 32 + zlib.MAX_WBITS  # reads zlib's form and gzip's


def packed(document: RawDocument) -> bytes:
    """Give the document's bytes as they are kept: as they came, where that was packed. It takes a while for a large
    one else: do it outside of a transaction."""
    return document.gzip or zlib.compress(document.body, _FAST)


def keep(connection: sqlite3.Connection, source: str, document: RawDocument, body: bytes, limits: RawLimits) -> None:
    """Keep a document (`body` is it, packed) and the ones before it, as far as both limits allow.

    One that is too large by itself takes its predecessors with it: they would bring back what it changed.
    """
    row = {"source": source, "url": document.url, "type": document.content_type, "body": body, "size": len(body)}
    connection.execute(_ADD, {**row, "at": time_text(document.fetched_at)})
    kept = connection.execute(_SIZES, {"source": source}).fetchall()
    connection.execute(_DROP, {"source": source, "before": _first_kept(kept, limits)})


def _first_kept(rows: Sequence[sqlite3.Row], limits: RawLimits) -> int:
    """Give the number before which documents go; `rows` begin with the newest."""
    first, room = int(rows[0]["id"]) + 1, limits.max_bytes
    for row in rows[: limits.documents]:
        room -= row["size"]
        if room < 0:
            break
        first = int(row["id"])
    return first


def drop(connection: sqlite3.Connection, source: str) -> None:
    """Keep no document of a source."""
    connection.execute("DELETE FROM raw_documents WHERE source = :source", {"source": source})


def of(connection: sqlite3.Connection, source: str) -> list[RawDocument]:
    """Give the documents that are kept of a source, the oldest first."""
    rows = connection.execute(_KEPT, {"source": source}).fetchall()
    return [_document(row) for row in rows]


def _document(row: sqlite3.Row) -> RawDocument:
    body = zlib.decompress(row["body"], _EITHER)
    return RawDocument(row["url"], row["content_type"], time_of(row["fetched_at"]), body, row["id"])


def numbers(connection: sqlite3.Connection, source: str) -> list[int]:
    """Give the numbers of the documents that are kept of a source."""
    sql = "SELECT id FROM raw_documents WHERE source = :source ORDER BY id"
    return [row["id"] for row in connection.execute(sql, {"source": source})]


_ADD = """INSERT INTO raw_documents (source, url, content_type, fetched_at, body, size)
    VALUES (:source, :url, :type, :at, :body, :size)"""

_SIZES = "SELECT id, size FROM raw_documents WHERE source = :source ORDER BY id DESC"

_DROP = "DELETE FROM raw_documents WHERE source = :source AND id < :before"

_KEPT = """SELECT id, url, content_type, fetched_at, body FROM raw_documents WHERE source = :source ORDER BY id"""

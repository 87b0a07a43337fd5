"""What is not kept for ever: the texts of articles that are old, or beyond a number.

An article is dropped only when no document that still changes shows it: it stands in full archives, or in no channel.
The documents of those archives stay as they were written. Its code and names stay in the store, so that it never comes
back as news.
"""

import json
import sqlite3
from datetime import datetime, timedelta
from typing import Any

from aggregator.records import Retention
from aggregator.store.rows import time_text


def drop(connection: sqlite3.Connection, wanted: Retention, now: datetime, limit: int) -> list[str]:
    """Drop some articles that are not to be kept, the oldest first; give their codes, none when it is done.

    It is for the caller to do it in a transaction, and to mark the documents of articles and the home page.
    """
    codes = _outlived(connection, wanted, now, limit)
    if codes:
        values = {"codes": json.dumps(codes), "now": time_text(now)}
        for statement in (_DROP, _DROP_FROZEN, _DROP_REVISIONS):
            connection.execute(statement, values)
    return codes


def _outlived(connection: sqlite3.Connection, wanted: Retention, now: datetime, limit: int) -> list[str]:
    found: list[str] = []
    for sql, values in _questions(wanted, now):
        if limit > len(found):
            given = values | {"limit": limit - len(found), "shown": wanted.shown, "found": json.dumps(found)}
            found += [row["info_code"] for row in connection.execute(sql, given)]
    return found


def _questions(wanted: Retention, now: datetime) -> list[tuple[str, dict[str, Any]]]:
    """Give the queries for articles that are too old, or too many: of single sources, and of all together."""
    asked: list[tuple[str, dict[str, Any]]] = []
    for name, kept in wanted.of_source.items():
        if kept.days:
            asked.append((_OLD_OF, {"source": name, "before": _before(now, kept.days)}))
        if kept.entries:
            asked.append((_MORE_OF, {"source": name, "kept": kept.entries}))
    if wanted.of_all.days:
        own = [name for name, kept in wanted.of_source.items() if kept.days is not None]
        asked.append((_OLD, {"before": _before(now, wanted.of_all.days), "own": json.dumps(own)}))
    if wanted.of_all.entries:
        asked.append((_MORE, {"kept": wanted.of_all.entries}))
    return asked


def _before(now: datetime, days: int) -> str:
    return time_text(now - timedelta(days=days))


_CAN_GO = """e.state = 'published' AND e.info_code NOT IN (SELECT value FROM json_each(:found))
    AND NOT EXISTS (
        SELECT 1 FROM entry_channels ec LEFT JOIN archives a ON a.slug = ec.slug AND a.number = ec.archive
         WHERE ec.info_code = e.info_code AND (ec.archive IS NULL OR a.filled < a.capacity))
    AND e.seq NOT IN (SELECT seq FROM entries WHERE state = 'published'
                       ORDER BY sort_date DESC, seq DESC LIMIT :shown)"""

_OLD = f"""SELECT e.info_code FROM entries e
    WHERE {_CAN_GO} AND e.sort_date < :before AND e.source NOT IN (SELECT value FROM json_each(:own))
    ORDER BY e.sort_date, e.seq LIMIT :limit"""

_OLD_OF = f"""SELECT e.info_code FROM entries e WHERE e.source = :source AND {_CAN_GO} AND e.sort_date < :before
    ORDER BY e.sort_date, e.seq LIMIT :limit"""

_MORE = f"""SELECT e.info_code FROM entries e WHERE {_CAN_GO} AND (e.sort_date, e.seq) <= (
        SELECT sort_date, seq FROM entries WHERE state = 'published'
         ORDER BY sort_date DESC, seq DESC LIMIT 1 OFFSET :kept)
    ORDER BY e.sort_date, e.seq LIMIT :limit"""

_MORE_OF = f"""SELECT e.info_code FROM entries e WHERE e.source = :source AND {_CAN_GO} AND (e.sort_date, e.seq) <= (
        SELECT sort_date, seq FROM entries WHERE source = :source AND state = 'published'
         ORDER BY sort_date DESC, seq DESC LIMIT 1 OFFSET :kept)
    ORDER BY e.sort_date, e.seq LIMIT :limit"""

_OF_THESE = "info_code IN (SELECT value FROM json_each(:codes))"

_DROP = f"""UPDATE entries SET state = 'retracted', dropped_at = :now, title = '', summary = '', content = '',
    author = '', tags = '[]', enclosures = '[]', fingerprint = '', article_url = '' WHERE {_OF_THESE}"""

_DROP_FROZEN = f"UPDATE entry_channels SET frozen = NULL, dropped = 1 WHERE {_OF_THESE}"

_DROP_REVISIONS = f"DELETE FROM revisions WHERE {_OF_THESE}"

"""How articles came: the reading of a document that brought or changed them, and how each was recognised in it."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Literal

from aggregator.records import Origin, Placed, ReadingFacts, Withdrawn
from aggregator.store.rows import time_text

_MOST_NOTES = 10
_LONGEST_NOTE = 300


def note(
    connection: sqlite3.Connection, source: str, facts: ReadingFacts, brought: Mapping[str, str], changed: Iterable[str]
) -> None:
    """Note a reading as what first brought articles (by code: the name that each was recognised by, "" for a new one),
    and as what gave articles the words that they have."""
    found = connection.execute(_ADD, {**_columns(facts), "source": source})
    row = {"source": source, "read": found.lastrowid}
    connection.executemany(_BROUGHT, [{**row, "code": code, "matched": name} for code, name in brought.items()])
    connection.executemany(_CHANGED, [{**row, "code": code} for code in changed])


def of(connection: sqlite3.Connection, code: str) -> tuple[Origin, ...]:
    """Give how each source's telling of an article came, and last how the words did that it has, if by a later one."""
    rows = connection.execute(_BY_SOURCE, {"code": code}).fetchall()
    last = connection.execute(_LAST, {"code": code}).fetchall()
    first = {row["id"] for row in rows}
    came = [_origin(row, "came") for row in rows]
    return (*came, *(_origin(row, "changed") for row in last if row["id"] not in first))


def places_of(connection: sqlite3.Connection, code: str) -> tuple[Placed, ...]:
    """Give the channels that an article stands in, who named each, and by which rule."""
    return tuple(Placed(**dict(row)) for row in connection.execute(_PLACES, {"code": code}))


def withdrawals_of(connection: sqlite3.Connection, code: str) -> tuple[Withdrawn, ...]:
    """Give which sources took an article back."""
    return tuple(Withdrawn(**dict(row)) for row in connection.execute(_WITHDRAWALS, {"code": code}))


def _columns(facts: ReadingFacts) -> dict[str, str | int]:
    notes = [each[:_LONGEST_NOTE] for each in facts.notes[:_MOST_NOTES]]
    return {
        "at": time_text(facts.at),
        "url": facts.url,
        "status": facts.status,
        "redirects": json.dumps(facts.redirects),
        "content_type": facts.content_type,
        "format": facts.format,
        "entries": facts.entries,
        "notes": json.dumps(notes, ensure_ascii=False),
    }


def _origin(row: sqlite3.Row, what: Literal["came", "changed"]) -> Origin:
    return Origin(
        what=what,
        source=row["source"],
        matched=row["matched"],
        at=row["at"],
        url=row["url"],
        status=row["status"],
        redirects=tuple(json.loads(row["redirects"])),
        content_type=row["content_type"],
        format=row["format"],
        entries=row["entries"],
        notes=tuple(json.loads(row["notes"])),
    )


_ADD = """INSERT INTO readings (source, at, url, status, redirects, content_type, format, entries, notes)
    VALUES (:source, :at, :url, :status, :redirects, :content_type, :format, :entries, :notes)"""

_BROUGHT = """UPDATE provenance SET read_id = :read, matched = :matched
    WHERE info_code = :code AND source = :source AND read_id IS NULL"""

_CHANGED = "UPDATE entries SET read_id = :read WHERE info_code = :code"

_COLUMNS = "r.id, r.source, r.at, r.url, r.status, r.redirects, r.content_type, r.format, r.entries, r.notes"

_BY_SOURCE = f"""SELECT {_COLUMNS}, p.matched FROM provenance p JOIN readings r ON r.id = p.read_id
    WHERE p.info_code = :code ORDER BY p.first_seen, p.source"""

_LAST = f"""SELECT {_COLUMNS}, '' AS matched FROM entries e JOIN readings r ON r.id = e.read_id
    WHERE e.info_code = :code"""

_PLACES = """SELECT ec.slug, c.title, ec.source, ec.rule FROM entry_channels ec JOIN channels c ON c.slug = ec.slug
    WHERE ec.info_code = :code ORDER BY ec.slug"""

_WITHDRAWALS = """SELECT source, noted_at, COALESCE(said_at, '') AS said_at, comment FROM withdrawals
    WHERE info_code = :code ORDER BY noted_at, source"""

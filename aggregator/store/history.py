"""The wordings that articles had before, kept compactly: what a revision replaces is compressed beside the article."""

import json
import sqlite3
import zlib
from collections.abc import Mapping

from aggregator.records import Version, Wording
from aggregator.store.rows import time_of

MOST_KEPT = 50  # wordings of an article with the one that stands: the first and the newest ones


def keep(connection: sqlite3.Connection, code: str, now: str) -> None:
    """Keep the wording that stands, for it is about to be replaced; where there are many, one behind the first goes."""
    row = connection.execute(_STANDING, {"code": code}).fetchone()
    if row is None:
        return
    facts = {key: row[key] for key in ("info_code", "revision", "source", "title", "since", "updated")}
    connection.execute(_KEEP, {**facts, "replaced_at": now, "body": _packed(row)})
    connection.execute(_PRUNE, {"code": code, "last": row["revision"] - (MOST_KEPT - 2)})


def of(connection: sqlite3.Connection, code: str) -> list[Version]:
    """Give all wordings that are kept of an article, and the one that stands, in their order."""
    rows = connection.execute(_KEPT, {"code": code}).fetchall()
    standing = connection.execute(_STANDING, {"code": code}).fetchone()
    versions = [_version(row, json.loads(zlib.decompress(row["body"]))) for row in rows]
    return [*versions, _version(standing, _body(standing))] if standing else versions


def wording_of(row: sqlite3.Row) -> Wording:
    """Give what a row of `entries` says."""
    return Wording(row["source"], row["title"], row["summary"], row["content"], row["retouched"])


def _packed(row: sqlite3.Row) -> bytes:
    return zlib.compress(json.dumps(_body(row), ensure_ascii=False).encode("utf-8", "surrogatepass"))


def _body(row: sqlite3.Row) -> dict[str, str]:
    return {key: row[key] for key in ("summary", "content", "author", "link")}


def _version(row: sqlite3.Row, body: Mapping[str, str]) -> Version:
    return Version(
        revision=row["revision"],
        source=row["source"],
        title=row["title"],
        summary=body["summary"],
        content=body["content"],
        author=body["author"],
        link=body["link"],
        since=time_of(row["since"]),
        updated=time_of(row["updated"]),
    )


_STANDING = """SELECT info_code, revision, source, title, updated, summary, content, author, link,
        COALESCE((SELECT replaced_at FROM revisions r WHERE r.info_code = e.info_code ORDER BY r.revision DESC LIMIT 1),
                 CASE WHEN revision = 1 THEN first_seen ELSE updated END) AS since
    FROM entries e WHERE info_code = :code AND state <> 'retracted'"""

_KEEP = """INSERT INTO revisions (info_code, revision, source, title, since, updated, replaced_at, body)
    VALUES (:info_code, :revision, :source, :title, :since, :updated, :replaced_at, :body)
    ON CONFLICT (info_code, revision) DO NOTHING"""

_KEPT = """SELECT revision, source, title, since, updated, body FROM revisions WHERE info_code = :code
    ORDER BY revision"""

_PRUNE = """DELETE FROM revisions WHERE info_code = :code AND revision <= :last
    AND revision > (SELECT min(revision) FROM revisions WHERE info_code = :code)"""

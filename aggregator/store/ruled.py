"""What the operator's rules and a changed configuration do to stored articles: they are dropped, moved and reworded.

A dropped article is `held` with the rule in `ruled_out_by`, so that nothing but the rules lets it out. What a source
said stays as it is: rules' words are put over it when it is shown, and `edition` is a digest of them.
"""

import json
import sqlite3
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime

from aggregator.records import Channel, Entry, Place, Source, Standing, StoredEntry
from aggregator.store.archives import archive_mark
from aggregator.store.rows import ENTRY, entry_of_text, stored_of, time_text
from aggregator.store.statements import Statements


class RuledArticles(Statements):
    """The verbs of a store for what rules and the configuration make of stored articles."""

    @abstractmethod
    def mark_article(self, code: str) -> None:
        """Mark every document that an article stands in and that may change."""

    @abstractmethod
    def freeze_channels(self, code: str) -> None:
        """Keep the channels that an article stands in for its full archives."""

    @abstractmethod
    def forget_dropped(self, code: str) -> None:
        """Take what is not kept any more out of the archives that an article stands in: they are rendered again."""

    @abstractmethod
    def empty_archives(self, slug: str) -> None:
        """Forget the archives of a channel; their documents are marked."""

    # --- how articles stand ----------------------------------------------------------------------

    def standing_of(self, codes: Sequence[str]) -> list[Standing]:
        """Give how published and dropped articles stand, in the order in which they came."""
        rows = self._rows_in(f"{_STANDING} AND e.info_code IN (?)", codes)
        return self._standing(sorted(rows, key=lambda row: int(row["seq"])))

    def standing_after(self, seq: int, limit: int) -> list[Standing]:
        """Give the same of the articles behind a number, in the order in which they came."""
        sql = f"{_STANDING} AND e.seq > :seq ORDER BY e.seq LIMIT :limit"
        return self._standing(self._rows(sql, seq=seq, limit=limit))

    def brought_of(self, source: str) -> list[str]:
        """Give the codes of all articles that a source brought."""
        sql = "SELECT info_code FROM provenance WHERE source = :source ORDER BY info_code"
        return [row["info_code"] for row in self._rows(sql, source=source)]

    def _standing(self, rows: Sequence[sqlite3.Row]) -> list[Standing]:
        codes = [row["info_code"] for row in rows]
        places: dict[str, dict[str, Place]] = {}
        for row in self._rows_in(_PLACES, codes):
            place = Place(row["source"], row["rule"], row["archive"] is not None)
            places.setdefault(row["info_code"], {})[row["slug"]] = place
        brought: dict[str, list[str]] = {}
        for row in sorted(self._rows_in(_BROUGHT, codes), key=lambda row: (row["first_seen"], row["source"])):
            brought.setdefault(row["info_code"], []).append(row["source"])
        told: dict[str, dict[str, Entry]] = {}
        for row in self._rows_in(_TOLD, codes):
            told.setdefault(row["info_code"], {})[row["source"]] = entry_of_text(row["entry"])
        return [
            Standing(
                stored_of(row, ()),
                row["ruled_out_by"],
                row["edition"],
                places.get(row["info_code"], {}),
                tuple(brought.get(row["info_code"], ())),
                told.get(row["info_code"], {}),
            )
            for row in rows
        ]

    # --- what becomes of them ----------------------------------------------------------------------

    def rule_out(self, code: str, rule: str, now: datetime) -> None:
        """Take an article out of everything that is published, archives too, for as long as the rules say so."""
        with self.writing():
            self.mark_article(code)
            self._leave(code, None)
            self._write(_RULE_OUT, code=code, rule=rule, reason=f"{rule} drops it", now=time_text(now))

    def take_in(self, code: str) -> None:
        """Let a dropped article be published; where, `move` says."""
        self._write("UPDATE entries SET state = 'published', ruled_out_by = '' WHERE info_code = :code", code=code)

    def move(self, code: str, added: Mapping[str, Place], left: Sequence[str]) -> None:
        """Put an article into channels, or note another reason for its place there, and take it out of others, from
        their archives too. Every document that this changes is marked."""
        with self.writing():
            before = {row["slug"] for row in self._rows_in(_PLACES, [code])}
            joined = set(added) - before
            if before and (joined or left):
                self.freeze_channels(code)
            if joined or left:
                self.mark_article(code)
            for slug in left:
                self._leave(code, slug)
            for slug, place in added.items():
                self._write(_PUT, code=code, slug=slug, source=place.source, why=place.why)
            if joined:
                self.mark_article(code)

    def _leave(self, code: str, slug: str | None) -> None:
        where = {"code": code, "slug": slug}
        archived = self._rows(f"SELECT slug, archive FROM entry_channels {_OF} AND archive IS NOT NULL", **where)
        if archived:
            self.forget_dropped(code)
        self._write(f"DELETE FROM entry_channels {_OF}", **where)
        self.mark([archive_mark(row["slug"], row["archive"]) for row in archived])
        for row in archived:
            if not self._rows(_ANY_ARCHIVED, slug=row["slug"]):
                self.empty_archives(row["slug"])

    def note_edition(self, code: str, edition: str) -> None:
        """Note which words rules give an article; what shows it is rendered again, full archives too, and searched."""
        with self.writing():
            self._write("UPDATE entries SET edition = :edition WHERE info_code = :code", code=code, edition=edition)
            archived = self._rows(f"SELECT slug, archive FROM entry_channels {_OF_ARCHIVES}", code=code)
            self.mark([archive_mark(row["slug"], row["archive"]) for row in archived])
            self.mark_article(code)
            self._write(_INDEX_AGAIN, code=code)

    def frozen_archives(self) -> list[str]:
        """Give the marks of the full archives that hold articles in their words of before: rules change these, too."""
        return [archive_mark(row["slug"], row["archive"]) for row in self._rows(_FROZEN)]

    # --- by what sources' articles were placed -------------------------------------------------------

    def placed_by(self) -> dict[str, str]:
        """Give the digest of what each source's articles were placed by; "" where that is not known."""
        rows = self._rows("SELECT name, placed_by FROM sources ORDER BY name")
        return {row["name"]: row["placed_by"] for row in rows}

    def note_placed(self, digests: Mapping[str, str]) -> None:
        """Note by what sources' articles are placed now."""
        rows = [{"name": name, "digest": digest} for name, digest in digests.items()]
        self._write_many("UPDATE sources SET placed_by = :digest WHERE name = :name", rows)

    def remembered_sources(self) -> dict[str, Source]:
        """Give the sources of which it is known how their articles got their categories, those too that were removed
        from the configuration: as far as that goes."""
        return {row["name"]: _source_of(row) for row in self._rows(_REMEMBERED)}

    def fetched_sources(self) -> dict[str, int]:
        """Give the sources that are fetched and did not come with a list, with how many articles each has."""
        return {row["name"]: row["articles"] for row in self._rows(_FETCHED)}

    def sizes(self, slugs: Sequence[str]) -> dict[str, int]:
        """Give how many articles stand in these channels."""
        sql = "SELECT slug, count(*) AS articles FROM entry_channels WHERE slug IN (?) GROUP BY slug"
        return {row["slug"]: row["articles"] for row in self._rows_in(sql, slugs)}

    def named_channels(self, slugs: Sequence[str]) -> list[Channel]:
        """Give the open ones of these channels, by slug."""
        rows = self._rows_in("SELECT slug, title, name FROM channels WHERE slug IN (?)", sorted(slugs))
        return sorted((Channel(row["slug"], row["title"], row["name"]) for row in rows), key=lambda item: item.slug)

    @abstractmethod
    def hidden(self, entries: Sequence[StoredEntry]) -> list[StoredEntry]:
        """Take from articles what is nobody's business of private sources."""


def _source_of(row: sqlite3.Row) -> Source:
    return Source(
        name=row["name"],
        url="",
        title=row["given_title"] or None,
        categories=tuple(json.loads(row["categories"])),
        category_from=row["category_from"] or None,
        parent=row["parent"],
    )


_STANDING = f"""SELECT {ENTRY}, e.ruled_out_by, e.edition FROM entries e JOIN sources s ON s.name = e.source
    WHERE (e.state = 'published' OR e.ruled_out_by <> '')"""

_PLACES = "SELECT info_code, slug, source, rule, archive FROM entry_channels WHERE info_code IN (?)"

_BROUGHT = "SELECT info_code, source, first_seen FROM provenance WHERE info_code IN (?)"

_TOLD = "SELECT info_code, source, entry FROM tellings WHERE info_code IN (?)"

_RULE_OUT = """UPDATE entries SET state = 'held', ruled_out_by = :rule, held_reason = :reason, held_as = 'published',
        held_since = CASE WHEN ruled_out_by = '' THEN :now ELSE held_since END, edition = ''
    WHERE info_code = :code AND (state = 'published' OR ruled_out_by <> '')"""

_PUT = """INSERT INTO entry_channels (info_code, slug, source, rule, sort_date, seq)
    SELECT info_code, :slug, :source, :why, sort_date, seq FROM entries WHERE info_code = :code AND state = 'published'
    ON CONFLICT (info_code, slug) DO UPDATE SET source = excluded.source, rule = excluded.rule"""

_OF = "WHERE info_code = :code AND (:slug IS NULL OR slug = :slug)"

_OF_ARCHIVES = "WHERE info_code = :code AND archive IS NOT NULL"

_ANY_ARCHIVED = "SELECT 1 FROM entry_channels WHERE slug = :slug AND archive IS NOT NULL LIMIT 1"

_FROZEN = """SELECT DISTINCT slug, archive FROM entry_channels WHERE frozen IS NOT NULL AND archive IS NOT NULL
    ORDER BY slug, archive"""

_INDEX_AGAIN = """INSERT INTO index_queue (seq, stamp)
    SELECT seq, lower(hex(randomblob(8))) FROM entries WHERE info_code = :code AND state = 'published'
    ON CONFLICT (seq) DO UPDATE SET stamp = excluded.stamp"""

_REMEMBERED = """SELECT name, given_title, categories, category_from, parent FROM sources
    WHERE category_from IS NOT NULL ORDER BY name"""

_FETCHED = """SELECT s.name, (SELECT count(*) FROM entries e WHERE e.source = s.name AND e.state = 'published')
        AS articles FROM sources s WHERE s.active AND s.parent IS NULL ORDER BY s.position, s.name"""

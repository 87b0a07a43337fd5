"""The archives of channels: what no longer fits into a current document moves into archives, and stays there.

An article of a channel stands in its current document (`entry_channels.archive` is NULL) or at a place in one archive.
An archive has room for a number of articles that is set when it is opened. When the last place is taken it is full and
the next one is opened: from then on nothing that a source says changes it, for `entry_channels.frozen` keeps the
columns of what was said before (only what changed since is in it). A retraction takes an article out all the same.
"""

import json
import sqlite3
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from aggregator.records import Archive, Retraction, StoredEntry
from aggregator.store.rows import ENTRY, time_of, time_text
from aggregator.store.statements import Statements

EVERYWHERE = ""  # in place of a slug: the feed of the whole site


class Archives(Statements):
    """The verbs of a store that keep and give the archives of channels."""

    @abstractmethod
    def _stored(self, rows: Sequence[sqlite3.Row | Mapping[str, Any]]) -> list[StoredEntry]: ...

    def heads_of(self, slug: str) -> list[tuple[str, str]]:
        """Give the code and the source of each article of a channel that is in no archive, the newest first."""
        return [(row["info_code"], row["source"]) for row in self._rows(_HEADS, slug=slug)]

    def displace(self, slug: str, codes: Iterable[str], capacity: int) -> dict[str, str]:
        """Move articles that the current document has no room for into the archives, the oldest first.

        Archives that this opens have room for `capacity` articles. Give the archives that are to be rendered, in their
        order, with the stamps that clear their marks.
        """
        if not (wanted := set(codes)):
            return {}
        with self.writing():
            moved = [code for code, _ in reversed(self.heads_of(slug)) if code in wanted]
            self._write(_RESIZE, slug=slug, capacity=capacity)
            places = self._places_after(slug, capacity, len(moved))
            rows = [
                {"slug": slug, "code": code, "archive": archive, "place": place}
                for code, (archive, place) in zip(moved, places, strict=True)
            ]
            self._write_many(_MOVE, rows)
            documents = [archive_mark(slug, number) for number in dict.fromkeys(number for number, _ in places)]
            documents += self._open_next(slug, capacity) if rows else []
            self.mark(documents)
            stamps = self.stamps(documents)
        return {document: stamps[document] for document in documents}

    def _places_after(self, slug: str, capacity: int, count: int) -> list[tuple[int, int]]:
        """Take the next places in a channel's archives, each as the archive's number and the place in it."""
        places: list[tuple[int, int]] = []
        while len(places) < count:
            archive = self._last_archive(slug)
            if archive is None or archive["filled"] >= archive["capacity"]:
                self._open_archive(slug, archive["number"] + 1 if archive else 1, capacity)
                continue
            taken = min(archive["capacity"] - archive["filled"], count - len(places))
            places += [(archive["number"], archive["filled"] + place) for place in range(1, taken + 1)]
            self._write(_FILL, slug=slug, number=archive["number"], taken=taken)
        return places

    def _open_next(self, slug: str, capacity: int) -> list[str]:
        """Open the archive after a full one, empty: the full one leads to it, and never changes again."""
        last = self._last_archive(slug)
        if last is None or last["filled"] < last["capacity"]:
            return []
        self._open_archive(slug, last["number"] + 1, capacity)
        return [archive_mark(slug, last["number"] + 1)]

    def _open_archive(self, slug: str, number: int, capacity: int) -> None:
        sql = "INSERT INTO archives (slug, number, capacity) VALUES (:slug, :number, :capacity)"
        self._write(sql, slug=slug, number=number, capacity=capacity)

    def _last_archive(self, slug: str) -> sqlite3.Row | None:
        sql = "SELECT number, capacity, filled FROM archives WHERE slug = :slug ORDER BY number DESC LIMIT 1"
        return next(iter(self._rows(sql, slug=slug)), None)

    def last_archive(self, slug: str) -> int:
        """Give the number of the newest archive that an article ever stood in; 0 where there is none."""
        sql = "SELECT number FROM archives WHERE slug = :slug AND filled > 0 ORDER BY number DESC LIMIT 1"
        return next((int(row["number"]) for row in self._rows(sql, slug=slug)), 0)

    def archive(self, slug: str, number: int) -> Archive | None:
        """Give an archive of a channel: a full one as its articles were when it became full."""
        sql = "SELECT filled >= capacity AS full FROM archives WHERE slug = :slug AND number = :number"
        for archive in self._rows(sql, slug=slug, number=number):
            rows = self._rows(_ARCHIVED, slug=slug, number=number)
            entries = self._stored([_as_frozen(row) for row in rows])
            alone = tuple(replace(entry, related=()) for entry in entries)  # who else tells it changes
            return Archive(number, alone, bool(archive["full"]))
        return None

    def move_archives(self, old: str, new: str) -> None:
        """Give the archives of a channel to the one that it is renamed to. Where that has some of its own, the articles
        come to stand in these: they are displaced once more."""
        with self.writing():
            if self._last_archive(new):
                self._write(_FORGET_ALL_DROPPED, slug=old)
                self._write(_TAKE_BACK, old=old)
            self._write(
                """UPDATE archives SET slug = :new
                    WHERE slug = :old AND NOT EXISTS (SELECT 1 FROM archives WHERE slug = :new)""",
                old=old,
                new=new,
            )
            self._write("UPDATE OR IGNORE retractions SET slug = :new WHERE slug = :old", old=old, new=new)

    def empty_archives(self, slug: str) -> None:
        """Forget the archives of a channel that is filled anew; their documents are marked, to be written again or
        taken away."""
        with self.writing():
            rows = self._rows("SELECT number FROM archives WHERE slug = :slug ORDER BY number", slug=slug)
            self.mark([archive_mark(slug, row["number"]) for row in rows])
            self._write("DELETE FROM archives WHERE slug = :slug", slug=slug)

    def has_dropped(self, slug: str, number: int) -> bool:
        """Tell whether the text of an article of this archive is not kept any more: it cannot be rendered as it was."""
        return bool(self._rows(_HAS_DROPPED, slug=slug, number=number))

    def forget_dropped(self, code: str) -> None:
        """Take what is not kept any more out of the archives that an article stands in: they are rendered again."""
        self._write(_FORGET_DROPPED, code=code)

    def drop_archives(self, slug: str) -> None:
        """Forget the archives of a channel that goes away, and what was retracted from it."""
        with self.writing():
            self._write("DELETE FROM archives WHERE slug = :slug", slug=slug)
            self._write("DELETE FROM retractions WHERE slug = :slug", slug=slug)

    # --- what must not change in a full archive --------------------------------------------------

    def freeze_text(self, code: str) -> None:
        """Keep what an article says now for the full archives that it stands in: it is about to be revised. What its
        source took back, and another one's text is to replace (`Store.withdraw`), is not kept."""
        if self._rows("SELECT 1 FROM entries WHERE info_code = :code AND fingerprint = ''", code=code):
            self.thaw(code)
        else:
            self._write(_FREEZE_TEXT, code=code)

    def thaw(self, code: str) -> None:
        """Let the full archives that an article stands in say what it says from now on."""
        with self.writing():
            self._write("UPDATE entry_channels SET frozen = NULL WHERE info_code = :code", code=code)
            self.mark(self._archives_of(code))

    def freeze_facts(self, source: str) -> None:
        """The same of what a source says of itself, for all of its articles."""
        self._write(_FREEZE_FACTS, source=source)

    def freeze_channels(self, code: str) -> None:
        """The same of the channels that an article stands in."""
        self._write(_FREEZE_CHANNELS, code=code)

    # --- retracted articles ------------------------------------------------------------------------

    def note_retraction(self, code: str, now: datetime) -> None:
        """Remember which channels an article stood in, and mark all documents that it is taken out of or said to be
        gone in: those of its channels, and its archives, full ones too."""
        with self.writing():
            places = self._rows("SELECT slug FROM entry_channels WHERE info_code = :code", code=code)
            slugs = [EVERYWHERE, *(row["slug"] for row in places)]
            self._write_many(_RETRACTED, [{"slug": slug, "code": code, "now": time_text(now)} for slug in slugs])
            self.mark([*self._archives_of(code), *(_current_mark(slug) for slug in slugs)])

    def _archives_of(self, code: str) -> list[str]:
        places = self._rows("SELECT slug, archive FROM entry_channels WHERE info_code = :code", code=code)
        return [archive_mark(row["slug"], row["archive"]) for row in places if row["archive"]]

    def retractions(self, slug: str = EVERYWHERE) -> list[Retraction]:
        """Give what was retracted from a channel or, without one, from the site: the latest first."""
        rows = self._rows(
            "SELECT info_code, at FROM retractions WHERE slug = :slug ORDER BY at DESC, info_code", slug=slug
        )
        return [Retraction(row["info_code"], time_of(row["at"])) for row in rows]

    def forget_retractions(self, before: datetime) -> None:
        """Say no more that articles were retracted before this time, and mark the documents that said it."""
        rows = self._rows("SELECT slug FROM retractions WHERE at < :before ORDER BY at", before=time_text(before))
        if rows:
            with self.writing():
                self._write("DELETE FROM retractions WHERE at < :before", before=time_text(before))
                self.mark([_current_mark(row["slug"]) for row in rows])


def archive_mark(slug: str, number: int) -> str:
    """Give the mark of an archive."""
    return f"category/{slug}/archive-{number}"


def _current_mark(slug: str) -> str:
    return f"category/{slug}" if slug != EVERYWHERE else "feed"


def _as_frozen(row: sqlite3.Row) -> dict[str, Any]:
    """Give a row of an article with what it was like when its archive became full."""
    given = dict(row)
    frozen = given.pop("frozen")
    return given | (json.loads(frozen) if frozen else {})


_HEADS = """SELECT ec.info_code, e.source FROM entry_channels ec JOIN entries e ON e.info_code = ec.info_code
    WHERE ec.slug = :slug AND ec.archive IS NULL ORDER BY ec.sort_date DESC, ec.seq DESC"""

_MOVE = """UPDATE entry_channels SET archive = :archive, place = :place
    WHERE info_code = :code AND slug = :slug AND archive IS NULL"""

_RESIZE = "UPDATE archives SET capacity = :capacity WHERE slug = :slug AND filled = 0"

_TAKE_BACK = "UPDATE entry_channels SET archive = NULL, place = NULL, frozen = NULL WHERE slug = :old"

_FILL = "UPDATE archives SET filled = filled + :taken WHERE slug = :slug AND number = :number"

_ARCHIVED = f"""SELECT {ENTRY}, ec.frozen FROM entry_channels ec JOIN entries e ON e.info_code = ec.info_code
    JOIN sources s ON s.name = coalesce(json_extract(ec.frozen, '$.source'), e.source)
    WHERE ec.slug = :slug AND ec.archive = :number AND e.dropped_at IS NULL ORDER BY ec.place DESC"""

_HAS_DROPPED = """SELECT 1 FROM entry_channels ec JOIN entries e ON e.info_code = ec.info_code
    WHERE ec.slug = :slug AND ec.archive = :number AND e.dropped_at IS NOT NULL LIMIT 1"""

_DROPPED = "info_code IN (SELECT info_code FROM entries WHERE dropped_at IS NOT NULL)"

_FORGET_DROPPED = f"""DELETE FROM entry_channels WHERE (slug, archive) IN (
        SELECT slug, archive FROM entry_channels WHERE info_code = :code AND archive IS NOT NULL)
    AND info_code <> :code AND {_DROPPED}"""

_FORGET_ALL_DROPPED = f"DELETE FROM entry_channels WHERE slug = :slug AND {_DROPPED}"

_RETRACTED = """INSERT INTO retractions (slug, info_code, at) VALUES (:slug, :code, :now)
    ON CONFLICT (slug, info_code) DO UPDATE SET at = excluded.at"""

_IS_FULL = """EXISTS (SELECT 1 FROM archives a
    WHERE a.slug = entry_channels.slug AND a.number = entry_channels.archive AND a.filled >= a.capacity)"""

_FACTS = """json_object('source_title', CASE WHEN s.title = '' THEN s.name ELSE s.title END, 'source_link', s.link,
    'source_id', s.feed_id, 'source_rights', s.rights, 'source_icon', s.icon)"""

_TEXT = ("source", "guid", "link", "title", "summary", "content", "author", "outlet", "language", "published",
         "updated", "revision", "fingerprint", "tags", "enclosures")  # fmt: skip

_FREEZE_TEXT = f"""UPDATE entry_channels SET frozen = json_set(json_patch({_FACTS}, coalesce(frozen, '{{}}')),
        {", ".join(f"'$.{name}', e.{name}" for name in _TEXT)})
    FROM entries e JOIN sources s ON s.name = e.source
    WHERE entry_channels.info_code = :code AND e.info_code = entry_channels.info_code
      AND json_type(frozen, '$.title') IS NULL AND {_IS_FULL}"""

_FREEZE_FACTS = f"""UPDATE entry_channels SET frozen = json_patch({_FACTS}, coalesce(frozen, '{{}}'))
    FROM entries e JOIN sources s ON s.name = e.source
    WHERE e.source = :source AND entry_channels.info_code = e.info_code
      AND json_type(frozen, '$.source_title') IS NULL AND {_IS_FULL}"""

_FREEZE_CHANNELS = f"""UPDATE entry_channels SET frozen = json_set(coalesce(frozen, '{{}}'), '$.channels', json((
        SELECT json_group_array(slug) FROM (SELECT slug FROM entry_channels WHERE info_code = :code ORDER BY slug))))
    WHERE info_code = :code AND json_type(frozen, '$.channels') IS NULL AND {_IS_FULL}"""

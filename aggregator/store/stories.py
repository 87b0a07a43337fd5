"""Stories that several sources tell: fingerprints to find them by, each source's telling, and what was split for good.

A kept article has its code and its entry. Each source that tells it has a row in `tellings`, under the code that its
article would have by itself; the row's entry is what it told when it was last shown, or when it joined. Names know
which source brought them, so that they can go with their telling when it is split off.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from operator import itemgetter
from typing import TYPE_CHECKING

from aggregator.records import Alias, Alike, Arrival, Changes, Entry, Fingerprint, Merge, Related, Revision, Telling
from aggregator.store.rows import entry_of, entry_of_text, entry_text, time_of, time_text

if TYPE_CHECKING:
    from aggregator.store.sqlite import Store

_CANDIDATES = 50
_KEPT = timedelta(days=30)  # a fingerprint, after its article came: twice the window, in which stories meet
_FORGOTTEN_AT_ONCE = 200


class Stories:
    """The verbs of a store that are about stories of several sources."""

    def __init__(self, store: "Store") -> None:
        self._store = store

    # --- fingerprints --------------------------------------------------------------------------

    def alike(self, arrival: Arrival, told: Fingerprint, version: int, window: timedelta) -> list[Alike]:
        """Give the stored articles that share a band with a new one, those that share most first.

        They came out within `window` of it, are not told by its source, and were not split from it. A removed article
        counts: its story stays away.
        """
        rows = self._store._rows(
            _ALIKE,
            bands=json.dumps([int(band, 16) for band in told.bands]),
            first_day=_day(arrival.sort_date - window),
            last_day=_day(arrival.sort_date + window),
            first=time_text(arrival.sort_date - window),
            last=time_text(arrival.sort_date + window),
            version=version,
            source=arrival.entry.source,
            code=arrival.info_code,
            digest=_digest(told),
            limit=_CANDIDATES,
        )
        return [Alike(row["info_code"], _fingerprint_of(row)) for row in rows]

    def keep(self, changes: Changes, prints: Mapping[str, Fingerprint], version: int, now: datetime) -> None:
        """Keep the fingerprints of new articles, to be found by, and let those join that tell a stored story.

        Fingerprints of long ago are forgotten.
        """
        with self._store.writing():
            for arrival in (*changes.arrivals, *changes.held):
                if told := prints.get(arrival.info_code):
                    self._keep(arrival, told, version, now)
                    self._index(arrival.info_code)
            for merge in changes.merged:
                self._join(merge, version, now)
            if changes.arrivals:
                self._forget_old(now)

    def _keep(self, arrival: Arrival, told: Fingerprint, version: int, now: datetime) -> None:
        self._store._write(
            _KEEP,
            code=arrival.info_code,
            version=version,
            seen=time_text(now),
            sort_date=time_text(arrival.sort_date),
            length=told.length,
            bands=bytes.fromhex("".join(told.bands)),
            sketch=told.sketch,
            figures=told.figures,
        )

    def _index(self, code: str) -> None:
        rows = self._store._rows("SELECT id, sort_date, bands FROM fingerprints WHERE info_code = :code", code=code)
        self._store._write_many(
            "INSERT INTO fingerprint_bands (band, day, id) VALUES (:band, :day, :id) ON CONFLICT DO NOTHING",
            [place for row in rows for place in _places(row)],
        )

    def _forget_old(self, now: datetime) -> None:
        rows = self._store._rows(_OLD, before=time_text(now - _KEPT), limit=_FORGOTTEN_AT_ONCE)
        if rows:
            places = [place for row in rows for place in _places(row)]
            sql = "DELETE FROM fingerprint_bands WHERE band = :band AND day = :day AND id = :id"
            self._store._write_many(sql, places)
            self._store._write_many("DELETE FROM fingerprints WHERE id = :id", [{"id": row["id"]} for row in rows])

    # --- merging -------------------------------------------------------------------------------

    def _join(self, merge: Merge, version: int, now: datetime) -> None:
        code, arrival = merge.info_code, merge.arrival
        self._store._name(code, (Alias("code", arrival.info_code), *arrival.names), merge.entry.source)
        self._store._trace(code, merge.entry, now)
        where = {"code": code, "source": merge.entry.source}
        self._store._write(
            "UPDATE provenance SET why = :why WHERE info_code = :code AND source = :source", why=merge.why, **where
        )
        if not (rows := self._shown(code)):
            return
        self._tell(code, _arrival_of(rows[0]), code, time_of(rows[0]["first_seen"]))
        self._tell(arrival.info_code, arrival, code, now)
        self._keep(arrival, merge.fingerprint, version, now)
        if merge.revision:
            self._store.revise([merge.revision], now)
        self._store.mark_article(code)

    def _shown(self, code: str) -> list[sqlite3.Row]:
        sql = "SELECT * FROM entries WHERE info_code = :code AND state <> 'retracted'"
        return self._store._rows(sql, code=code)

    def _tell(self, code: str, arrival: Arrival, kept: str, first_seen: datetime) -> None:
        self._store._write(
            _TELL,
            code=code,
            kept=kept,
            source=arrival.entry.source,
            title=arrival.entry.title,
            link=arrival.entry.link,
            entry=entry_text(arrival.entry),
            sort_date=time_text(arrival.sort_date),
            updated=time_text(arrival.updated),
            first_seen=time_text(first_seen),
        )

    def keep_displaced(self, code: str, source: str) -> None:
        """Before a source's text is put in the place of another's: keep what that one told, if it told it too."""
        for row in self._store._rows(_DISPLACED, code=code, source=source):
            entry = entry_of(row)
            self._store._write(
                """UPDATE tellings SET entry = :entry, title = :title, link = :link, updated = :updated
                    WHERE info_code = :code AND source = :source""",
                code=code,
                source=entry.source,
                entry=entry_text(entry),
                title=entry.title,
                link=entry.link,
                updated=row["updated"],
            )

    def hand_over(self, code: str, source: str, heir: str, now: datetime) -> None:
        """Let a source tell an article no more. Where its telling is shown, the heir's is from now on; an article that
        is kept for it is kept for the heir."""
        tellings = {row["source"]: row for row in self._store._rows(_ALL_TOLD, code=code)}
        if source not in tellings:
            return
        if heir in tellings and self._shown(code)[0]["source"] == source:
            self._store.revise([Revision(code, entry_of_text(tellings[heir]["entry"]), (), now)], now)
        self._store._write("DELETE FROM tellings WHERE code = :own", own=tellings.pop(source)["code"])
        if code not in {row["code"] for row in tellings.values()}:
            sql = "UPDATE tellings SET code = :code WHERE info_code = :code AND source = :heir"
            self._store._write(sql, code=code, heir=heir)
        self._store._write(_ALONE, code=code)

    def forget(self, code: str) -> None:
        """Forget what was told of an article that is removed; its names and fingerprint keep it away."""
        self._store._write("DELETE FROM tellings WHERE info_code = :code", code=code)

    # --- what is shown of it ---------------------------------------------------------------------

    def related(self, codes: Sequence[str]) -> dict[str, tuple[Related, ...]]:
        """Give the tellings of articles that are not the shown one, by code, in the order in which they came; of those
        of one second the one that the article is kept for was first."""
        found: dict[str, tuple[Related, ...]] = {}
        rows = sorted(self._store._rows_in(_RELATED, codes), key=itemgetter("first_seen", "later", "code"))
        for row in rows:
            one = Related(row["source_title"], row["title"], row["link"], row["source"])
            found[row["info_code"]] = (*found.get(row["info_code"], ()), one)
        return found

    def told(self, code: str) -> tuple[Telling, ...]:
        """Give all tellings of an article, the shown one among them; none where one source tells it."""
        rows = self._store._rows(_TOLD, code=code)
        return tuple(Telling(**dict(row) | {"shown": bool(row["shown"])}) for row in rows)

    def apart_from(self, code: str) -> tuple[str, ...]:
        """Give the codes of the articles that were split from this one."""
        rows = self._store._rows("SELECT other FROM apart WHERE info_code = :code ORDER BY other", code=code)
        return tuple(row["other"] for row in rows)

    # --- splitting -------------------------------------------------------------------------------

    def split(self, kept: str, codes: Sequence[str], now: datetime) -> list[tuple[str, Entry]]:
        """Make tellings articles of their own again, for good: each under its code, with its names and its text; the
        kept article gets its own text back. Give the kept one and those, as they stand then."""
        with self._store.writing():
            self._keep_apart(kept, codes, now)
            for code in codes:
                self._part(kept, code, now)
            self._store._write(_ALONE, code=kept)
            self._store.mark_article(kept)
            return [(code, entry_of(row)) for code in (kept, *codes) for row in self._shown(code)]

    def _part(self, kept: str, code: str, now: datetime) -> None:
        (telling,) = self._store._rows("SELECT * FROM tellings WHERE code = :code", code=code)
        (shown,) = self._shown(kept)
        is_shown = shown["source"] == telling["source"]
        entry = entry_of(shown) if is_shown else entry_of_text(telling["entry"])
        updated = time_of(shown["updated"] if is_shown else telling["updated"])
        if is_shown:
            self._give_back(kept, now)
        self._rename(kept, code, telling["source"])
        arrival = Arrival(code, entry, (), time_of(telling["sort_date"]), updated)
        self._store.add([arrival], time_of(telling["first_seen"]))
        self._store.place(kept, telling["source"], ())
        self._index(code)
        self._store._write("DELETE FROM tellings WHERE code = :code", code=code)

    def _give_back(self, kept: str, now: datetime) -> None:
        """Let the article show again what the source told that it is kept for."""
        (own,) = self._store._rows("SELECT entry FROM tellings WHERE code = :code", code=kept)
        self._store.revise([Revision(kept, entry_of_text(own["entry"]), (), now)], now)

    def _rename(self, kept: str, code: str, source: str) -> None:
        where = {"kept": kept, "code": code, "source": source}
        self._store._write("UPDATE aliases SET info_code = :code WHERE info_code = :kept AND source = :source", **where)
        self._store._write(
            "UPDATE provenance SET info_code = :code, why = '' WHERE info_code = :kept AND source = :source", **where
        )

    def _keep_apart(self, kept: str, codes: Sequence[str], now: datetime) -> None:
        every = (kept, *codes)
        digests = {code: self._digest_of(code) for code in every}
        pairs = [(one, other) for one in every for other in every if one != other]
        self._store._write_many(
            """INSERT INTO apart (info_code, other, digest, since) VALUES (:one, :other, :digest, :since)
                ON CONFLICT DO NOTHING""",
            [{"one": a, "other": b, "digest": digests[b], "since": time_text(now)} for a, b in pairs],
        )

    def _digest_of(self, code: str) -> str:
        sql = "SELECT length, bands, sketch, figures FROM fingerprints WHERE info_code = :code"
        return next((_digest(_fingerprint_of(row)) for row in self._store._rows(sql, code=code)), "")


_ALIKE = """SELECT f.info_code, f.length, f.bands, f.sketch, f.figures
    FROM (SELECT id, count(*) AS shared FROM fingerprint_bands
           WHERE band IN (SELECT value FROM json_each(:bands)) AND day BETWEEN :first_day AND :last_day
           GROUP BY id) b
    JOIN fingerprints f ON f.id = b.id JOIN entries e ON e.info_code = f.info_code
   WHERE f.version = :version AND f.sort_date BETWEEN :first AND :last AND e.state IN ('published', 'retracted')
     AND NOT EXISTS (SELECT 1 FROM provenance p WHERE p.info_code = f.info_code AND p.source = :source)
     AND NOT EXISTS (SELECT 1 FROM apart a WHERE a.info_code = f.info_code
                      AND (a.other = :code OR a.digest = :digest))
   ORDER BY b.shared DESC, f.id LIMIT :limit"""

_KEEP = """INSERT INTO fingerprints (info_code, version, seen, sort_date, length, bands, sketch, figures)
    VALUES (:code, :version, :seen, :sort_date, :length, :bands, :sketch, :figures) ON CONFLICT DO NOTHING"""

_OLD = "SELECT id, sort_date, bands FROM fingerprints WHERE seen < :before ORDER BY seen, id LIMIT :limit"

_TELL = """INSERT INTO tellings (code, info_code, source, title, link, entry, sort_date, updated, first_seen)
    VALUES (:code, :kept, :source, :title, :link, :entry, :sort_date, :updated, :first_seen) ON CONFLICT DO NOTHING"""

_DISPLACED = """SELECT * FROM entries WHERE info_code = :code AND source <> :source
    AND EXISTS (SELECT 1 FROM tellings t WHERE t.info_code = entries.info_code)"""

_RELATED = """SELECT t.info_code, t.code, t.code <> t.info_code AS later, t.first_seen, t.source, t.title, t.link,
        CASE WHEN s.title = '' THEN s.name ELSE s.title END AS source_title
    FROM tellings t JOIN entries e ON e.info_code = t.info_code JOIN sources s ON s.name = t.source
   WHERE t.source <> e.source AND t.info_code IN (?)"""

_ALL_TOLD = "SELECT code, source, entry FROM tellings WHERE info_code = :code ORDER BY source"

_TOLD = """SELECT t.code, t.source, t.title, t.link, t.source = e.source AS shown
    FROM tellings t JOIN entries e ON e.info_code = t.info_code
   WHERE t.info_code = :code ORDER BY t.first_seen, t.code <> t.info_code, t.code"""

_ALONE = """DELETE FROM tellings WHERE code = :code
    AND NOT EXISTS (SELECT 1 FROM tellings t WHERE t.info_code = :code AND t.code <> :code)"""


def _places(row: sqlite3.Row) -> Iterator[dict[str, int]]:
    """Give the rows of `fingerprint_bands` that a fingerprint is found by."""
    bands: bytes = row["bands"]
    day = _day(time_of(row["sort_date"]))
    for at in range(0, len(bands), 4):
        yield {"band": int.from_bytes(bands[at : at + 4]), "day": day, "id": row["id"]}


def _fingerprint_of(row: sqlite3.Row) -> Fingerprint:
    text = bytes(row["bands"]).hex()
    bands = tuple(text[at : at + 8] for at in range(0, len(text), 8))
    return Fingerprint(bands, row["sketch"], row["length"], row["figures"])


def _digest(told: Fingerprint) -> str:
    return hashlib.sha256(told.sketch + told.figures).hexdigest()[:32]


def _day(moment: datetime) -> int:
    return moment.toordinal()


def _arrival_of(row: sqlite3.Row) -> Arrival:
    return Arrival(row["info_code"], entry_of(row), (), time_of(row["sort_date"]), time_of(row["updated"]))

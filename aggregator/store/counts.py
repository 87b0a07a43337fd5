"""What is counted by hour and day, which troubles were told, and who reads: small tables that do not grow for ever.

Readers are kept for the running day only, as digests under a salt that is thrown away with them; of the days before,
numbers stay.
"""

import secrets
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from aggregator.status import WELL, Change, Event, Key, Trouble
from aggregator.store.rows import time_of, time_text
from aggregator.store.statements import Statements

_HOURS_KEPT, _DAYS_KEPT, _READERS_KEPT = timedelta(days=8), timedelta(days=400), timedelta(days=35)
_EVENTS_KEPT = 500
_MOST_READERS = 200_000  # of a day, of all channels
_SALT_BYTES = 32


class Counts(Statements):
    """The verbs of a store that count, and that remember what was told."""

    # --- counts --------------------------------------------------------------------------------

    def count(self, fresh: Mapping[Key, int], now: datetime) -> None:
        """Add to the counts of their hours and days, and forget those that are too old."""
        rows = [{"name": name, "label": label, "at": at, "n": n} for (name, label, at), n in fresh.items()]
        with self.writing():
            self._write_many(_COUNT, rows)
            for name in {name for name, _, _ in fresh}:
                kept = _DAYS_KEPT if name == "articles" else _HOURS_KEPT
                before = f"{now - kept:%Y-%m-%d}"
                self._write("DELETE FROM counts WHERE name = :name AND at < :before", name=name, before=before)

    def counted(self, since: datetime) -> dict[Key, int]:
        """Give the counts of the hours and days since then, but for the readers."""
        found: dict[Key, int] = {}
        for name in ("articles", "fetch", "seconds"):
            sql = "SELECT label, at, n FROM counts WHERE name = :name AND at >= :since ORDER BY at, label"
            rows = self._rows(sql, name=name, since=f"{since:%Y-%m-%d}")
            found |= {(name, row["label"], row["at"]): row["n"] for row in rows}
        return found

    # --- readers -------------------------------------------------------------------------------

    def salt_of(self, day: date) -> bytes:
        """Give the salt of a day. With a new day the one before is written over, and its readers become numbers."""
        with self.writing():
            rows = self._rows("SELECT day, salt FROM reader_salt WHERE id = 1")
            if rows and rows[0]["day"] == day.isoformat():
                return bytes(rows[0]["salt"])
            if rows:
                self._count_readers(date.fromisoformat(rows[0]["day"]))
            salt = secrets.token_bytes(_SALT_BYTES)
            self._write(_NEW_SALT, day=day.isoformat(), salt=salt)
            return salt

    def _count_readers(self, day: date) -> None:
        rows = [{"name": "readers", "label": slug, "at": str(day), "n": n} for slug, n in self._readers().items()]
        self._write_many(_COUNT, rows)
        self._write("DELETE FROM readers")
        before = str(day - _READERS_KEPT)
        self._write("DELETE FROM counts WHERE name = 'readers' AND at < :before", before=before)

    def note_readers(self, day: date, seen: Mapping[tuple[str, bytes], int]) -> None:
        """Note who read what on a day: (slug, digest) → how many readers that stands for. What was seen on another day
        than the salt's is passed over: its digests say nothing any more."""
        with self.writing():
            known = self._rows("SELECT day FROM reader_salt WHERE id = 1")
            if not known or known[0]["day"] != day.isoformat():
                return
            room = _MOST_READERS - self._rows("SELECT count(*) AS n FROM readers")[0]["n"]
            rows = [{"slug": slug, "reader": reader, "n": n} for (slug, reader), n in seen.items()]
            self._write_many(_NOTE_READER, rows[: max(room, 0)])

    def subscribers(self) -> dict[str, int]:
        """Give how many read each channel on the last whole day; today's where there is none yet."""
        rows = self._rows(
            """SELECT label, n FROM counts WHERE name = 'readers'
                AND at = (SELECT max(at) FROM counts WHERE name = 'readers') ORDER BY n DESC, label"""
        )
        return {row["label"]: row["n"] for row in rows} or dict(self._readers().most_common())

    def _readers(self) -> Counter[str]:
        rows = self._rows("SELECT slug, sum(n) AS n FROM readers GROUP BY slug ORDER BY slug")
        return Counter({row["slug"]: row["n"] for row in rows})

    # --- troubles ------------------------------------------------------------------------------

    def told(self, subjects: Iterable[str] | None = None) -> dict[str, str]:
        """Give the states that were told and are not over, by subject: of these, or of all."""
        if subjects is None:
            return {trouble.subject: trouble.state for trouble in self.troubles()}
        rows = self._rows_in("SELECT subject, state FROM troubles WHERE subject IN (?)", list(subjects))
        return {row["subject"]: row["state"] for row in rows}

    def troubles(self) -> list[Trouble]:
        """Give what was told and is not over, by subject."""
        rows = self._rows("SELECT subject, state, detail, since FROM troubles ORDER BY subject")
        return [Trouble(row["subject"], row["state"], row["detail"], time_of(row["since"])) for row in rows]

    def tell(self, changes: Iterable[Change], now: datetime) -> None:
        """Keep changes of state, and tell the events among them: their feed is marked."""
        with self.writing():
            for change in changes:
                self._keep_state(change, now)
                if change.event is not None:
                    self._write(_TELL, **_event_row(change.event))
                    self.mark(["status"])
            self._write(_FORGET_EVENTS, kept=_EVENTS_KEPT)

    def _keep_state(self, change: Change, now: datetime) -> None:
        if change.state == WELL:
            self._write("DELETE FROM troubles WHERE subject = :subject", subject=change.subject)
            return
        row = {"subject": change.subject, "state": change.state, "detail": change.detail}
        self._write(_KEEP_TROUBLE, **row, since=time_text(now))

    def events(self, limit: int) -> list[Event]:
        """Give what was told last, the newest first."""
        sql = "SELECT code, at, subject, kind, title, text FROM events ORDER BY id DESC LIMIT :limit"
        return [
            Event(row["code"], time_of(row["at"]), row["subject"], row["kind"], row["title"], row["text"])
            for row in self._rows(sql, limit=limit)
        ]


def _event_row(event: Event) -> dict[str, Any]:
    return {
        "code": event.code,
        "at": time_text(event.at),
        "subject": event.subject,
        "kind": event.kind,
        "title": event.title,
        "text": event.text,
    }


_COUNT = """INSERT INTO counts (name, label, at, n) VALUES (:name, :label, :at, :n)
    ON CONFLICT (name, at, label) DO UPDATE SET n = n + excluded.n"""

_NEW_SALT = """INSERT INTO reader_salt (id, day, salt) VALUES (1, :day, :salt)
    ON CONFLICT (id) DO UPDATE SET day = excluded.day, salt = excluded.salt"""

_NOTE_READER = """INSERT INTO readers (slug, reader, n) VALUES (:slug, :reader, :n)
    ON CONFLICT (slug, reader) DO UPDATE SET n = max(n, excluded.n)"""

_KEEP_TROUBLE = """INSERT INTO troubles (subject, state, detail, since) VALUES (:subject, :state, :detail, :since)
    ON CONFLICT (subject) DO UPDATE SET state = excluded.state, detail = excluded.detail, since = excluded.since"""

_TELL = """INSERT INTO events (code, at, subject, kind, title, text)
    VALUES (:code, :at, :subject, :kind, :title, :text) ON CONFLICT (code) DO NOTHING"""

_FORGET_EVENTS = "DELETE FROM events WHERE id <= (SELECT max(id) FROM events) - :kept"

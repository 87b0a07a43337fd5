"""The store on SQLite: WAL, synchronous=FULL, one writer at a time, one transaction per refresh.

`sqlite_utils` keeps the schema (migrations); statements are SQL with named parameters. Every verb may be called from
any thread; they take turns.
"""

import json
import secrets
import sqlite3
import threading
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from aggregator import __version__
from aggregator.errors import StoreError
from aggregator.masking import Mask, hidden_article, hidden_report, hidden_trace, hidden_version
from aggregator.records import (
    Alias,
    Arrival,
    Brought,
    Channel,
    ChannelSummary,
    Entry,
    FailureNote,
    Familiar,
    FeedFacts,
    Known,
    Named,
    Outline,
    RawDocument,
    RawLimits,
    ReadingFacts,
    ReadNote,
    Retention,
    Retouch,
    Revision,
    Sighting,
    Source,
    SourceMemory,
    SourceReport,
    StoredEntry,
    Trace,
    Version,
    Withdrawal,
    Wording,
)
from aggregator.store import history, origins, raw, retention
from aggregator.store.archives import Archives
from aggregator.store.counts import Counts
from aggregator.store.faults import in_words
from aggregator.store.held import HeldArticles
from aggregator.store.listings import Listings
from aggregator.store.migrations import migrations
from aggregator.store.rows import (
    ENTRY,
    entry_columns,
    entry_of,
    familiar_of,
    familiar_text,
    hints_of,
    known_of,
    mask_of_row,
    may_be_silent,
    memory_of,
    optional_time_text,
    remembered,
    repeated,
    report_of,
    stored_of,
    time_of,
    time_text,
    time_text_after,
    usual_gap,
)
from aggregator.store.ruled import RuledArticles
from aggregator.store.stories import Stories
from aggregator.urls import host

BUSY_SECONDS = 20  # what holds the store for longer is named; what was to be written comes with the next try


class Store(Archives, Counts, HeldArticles, Listings, RuledArticles):
    """An open store. Close it, or use it as a context manager.

    Raises:
        StoreError: from every verb, when SQLite cannot do its work; the message names the file and the cause.
    """

    def __init__(self, path: Path, private: Collection[str] = ()) -> None:
        """`private` are sources whose addresses are not to be given to anyone; the store remembers them."""
        self.path = path
        self.reword: Callable[[StoredEntry], StoredEntry] | None = None  # the operator's words over those of a source
        self.private = frozenset(private)
        self._lock = threading.RLock()
        self._depth = 0
        self._connection = self._open()
        self.stories = Stories(self)

    def _open(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(
                self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
        except OSError as error:
            raise StoreError(f"{self.path}: the store cannot be opened: {error}") from error
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: the store cannot be opened: {in_words(error)}") from error
        try:
            connection.row_factory = sqlite3.Row
            _prepare(connection)
        except sqlite3.Error as error:
            connection.close()
            raise StoreError(f"{self.path}: the store cannot be opened: {in_words(error)}") from error
        return connection

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; a transaction that is open is undone."""
        with self._lock:
            self._connection.close()

    # --- the site ------------------------------------------------------------------------------

    def keep(self, key: str, value: str) -> str:
        """Keep a value under a key if the key has none yet; give the kept one."""
        with self.writing():
            sql = "INSERT INTO meta (key, value) VALUES (:key, :value) ON CONFLICT DO NOTHING"
            self._write(sql, key=key, value=value)
            return str(self._rows("SELECT value FROM meta WHERE key = :key", key=key)[0]["value"])

    def replace(self, key: str, value: str) -> bool:
        """Set a value; tell whether it differs from the one before."""
        with self.writing():
            before = self._rows("SELECT value FROM meta WHERE key = :key", key=key)
            self._write(
                """INSERT INTO meta (key, value) VALUES (:key, :value)
                    ON CONFLICT (key) DO UPDATE SET value = excluded.value""",
                key=key,
                value=value,
            )
            return not before or before[0]["value"] != value

    # --- sources -------------------------------------------------------------------------------

    def sync_sources(self, sources: Iterable[tuple[Source, str]], now: datetime) -> None:
        """Take over the configured sources, each with a digest of what reading it depends on.

        A source whose digest changed forgets its validators and is due at once; one that is no longer configured keeps
        its row and its articles, and is not fetched.
        """
        rows = [_source_row(source, digest, now) for source, digest in sources]
        with self.writing():
            self._write("UPDATE sources SET active = 0 WHERE parent IS NULL")
            self._write_many(_SYNC_SOURCE, rows)
            self._write_many("UPDATE sources SET private = 1 WHERE name = :name", [{"name": n} for n in self.private])
            self._write(
                """UPDATE sources SET active = 0
                    WHERE parent IS NOT NULL AND parent NOT IN
                        (SELECT name FROM sources WHERE active AND kind = 'opml')"""
            )
            self.lay_out_sources()

    def enrol(self, source: Source, link: str, now: datetime) -> None:
        """Note a source that is never fetched: what another system kept comes in under its name."""
        with self.writing():
            self._write(_ENROL, **_source_row(source, "", now) | {"link": link})
            shown = {"name": source.name, "title": source.title or "", "link": link}
            if self._write(_SHOW_ENROLLED, **shown):
                self.mark_source(source.name)

    def due(self, now: datetime, limit: int) -> list[str]:
        """Give the names of the sources that are due, the longest waiting first."""
        rows = self._rows(
            """SELECT name FROM sources WHERE active AND next_fetch_at <= :now
                ORDER BY next_fetch_at, name LIMIT :limit""",
            now=time_text(now),
            limit=limit,
        )
        return [row["name"] for row in rows]

    def due_with_skipped_hours(self, now: datetime) -> list[tuple[str, FeedFacts]]:
        """Give those of the sources that are due whose feeds rule hours or days out, with what they say."""
        rows = self._rows(
            """SELECT name, ttl_minutes, update_minutes, skip_hours, skip_days FROM sources
                WHERE active AND next_fetch_at <= :now AND (skip_hours <> '[]' OR skip_days <> '[]')
                ORDER BY next_fetch_at, name""",
            now=time_text(now),
        )
        return [(row["name"], hints_of(row)) for row in rows]

    def next_due(self) -> datetime | None:
        """Give when the next source is due; None where there is none."""
        rows = self._rows("SELECT next_fetch_at AS at FROM sources WHERE active ORDER BY next_fetch_at LIMIT 1")
        return time_of(rows[0]["at"]) if rows else None

    def memory(self, name: str) -> SourceMemory:
        """Give what the last fetches of a source left for the next one."""
        rows = self._rows("SELECT * FROM sources WHERE name = :name", name=name)
        if not rows:
            return SourceMemory()
        dates = self._dates(name)
        return memory_of(rows[0], usual_gap(dates), dates[-1] if dates else None)

    def _dates(self, name: str) -> list[datetime]:
        """When the newest articles of a source came out, the newest last."""
        sql = """SELECT sort_date FROM entries WHERE source = :name AND (state <> 'held' OR ruled_out_by <> '')
            ORDER BY seq DESC LIMIT 20"""
        return sorted({time_of(row["sort_date"]) for row in self._rows(sql, name=name)})

    def begin_fetch(self, name: str, *, started: datetime, not_before: datetime) -> None:
        """Note that a fetch starts: whatever becomes of it, the next one does not come before `not_before`."""
        self._write(
            """UPDATE sources SET last_fetch_at = :started,
                  next_fetch_at = CASE WHEN next_fetch_at < :gone THEN max(next_fetch_at, :next) ELSE :next END
                WHERE name = :name""",
            name=name,
            started=time_text(started),
            next=time_text_after(not_before),
            gone=_FAR_AWAY,
        )

    def note_read(self, name: str, note: ReadNote, now: datetime) -> None:
        """Note a fetch that worked."""
        if note.facts is not None:
            self._note_facts(name, note.facts)
        self._write(
            _NOTE_READ,
            name=name,
            etag=note.validators.etag,
            last_modified=note.validators.last_modified,
            validators_url=note.validators.url,
            body_hash=note.body_hash,
            wire=note.wire,
            now=time_text(now),
            next=time_text_after(note.next_fetch_at),
            reason=note.next_reason,
            outcome=note.outcome,
            news=note.news,
            unmodified_since=optional_time_text(note.unmodified_since),
            heedless=note.heedless,
            usual=int(note.usual.total_seconds()),
            moved_to=note.move.target if note.move else "",
            moved_since=optional_time_text(note.move.since if note.move else None),
            moved_polls=note.move.polls if note.move else 0,
        )

    def remember_document(self, name: str, entries: Sequence[Entry], besides: Container[str] = ()) -> None:
        """Remember what a source's document holds, to know it again in the next one; nothing where its entries could
        not be told apart. Those whose digests are `besides` it holds as the one before did."""
        whole = all(entry.digest for entry in entries)
        before = self._rows("SELECT entries FROM last_documents WHERE source = :name", name=name) if besides else []
        self._write(
            """INSERT INTO last_documents (source, config_hash, entries)
                 SELECT name, config_hash, :entries FROM sources WHERE name = :name
                 ON CONFLICT (source) DO UPDATE SET config_hash = excluded.config_hash, entries = excluded.entries""",
            name=name,
            entries=remembered(entries, before[0]["entries"] if before else "[]", besides) if whole else "[]",
        )

    def document_before(self, name: str, without: Container[str] = ()) -> dict[str, Entry]:
        """Give the entries of a source's last document by their digests, `repeated`; none where it would be read
        otherwise now. Some may be left out."""
        rows = self._rows(
            """SELECT d.entries FROM last_documents d JOIN sources s ON s.name = d.source
                WHERE d.source = :name AND d.config_hash = s.config_hash""",
            name=name,
        )
        return repeated(name, rows[0]["entries"], without) if rows else {}

    def familiar(self, name: str) -> dict[str, Familiar]:
        """Give the entries of a source's last document that were noted as familiar, by the codes of their articles: of
        each of which nothing has changed since that another decision could come from."""
        rows = self._rows(
            """SELECT d.familiar FROM last_documents d JOIN sources s ON s.name = d.source
                WHERE d.source = :name AND d.config_hash = s.config_hash AND d.familiar_to = :version""",
            name=name,
            version=__version__,
        )
        return familiar_of(rows[0]["familiar"]) if rows else {}

    def note_familiar(self, name: str, entries: Mapping[str, Familiar]) -> None:
        """Note which entries of a source's document are familiar, by the codes of their articles."""
        self._write(
            "UPDATE last_documents SET familiar = :entries, familiar_to = :version WHERE source = :name",
            name=name,
            entries=familiar_text(entries),
            version=__version__,
        )

    def fetch_from(self, name: str, url: str) -> None:
        """Fetch a source from another URL than the configured one, from now on; the configured one is kept.

        Validators stay where that URL gave them: a redirect led to it before (CITIZENSHIP 1, 9).
        """
        self._write(
            """UPDATE sources SET effective_url = :url, proposed_url = '',
                  etag = CASE WHEN validators_url = :url THEN etag END,
                  last_modified = CASE WHEN validators_url = :url THEN last_modified END,
                  validators_url = CASE WHEN validators_url = :url THEN validators_url ELSE '' END,
                  moved_to = '', moved_since = NULL, moved_polls = 0 WHERE name = :name""",
            name=name,
            url=url,
        )

    def fetch_as_configured(self, name: str, now: datetime) -> bool:
        """Take back `fetch_from`, and do not follow the same move again. Tell whether there was one."""
        return bool(
            self._write(
                """UPDATE sources SET move_refused = effective_url, effective_url = '', etag = NULL,
                      last_modified = NULL, validators_url = '', next_fetch_at = :now
                    WHERE name = :name AND effective_url <> ''""",
                name=name,
                now=time_text(now),
            )
        )

    def propose(self, name: str, url: str) -> None:
        """Keep an address that may be the source's new one, for the operator to see."""
        self._write("UPDATE sources SET proposed_url = :url WHERE name = :name", name=name, url=url)

    def pause_host(self, host: str, until: datetime, reason: str) -> None:
        """Let every source of a host wait at least until then."""
        self._write(
            """UPDATE sources SET next_fetch_at = :until, next_reason = :reason
                WHERE active AND host = :host AND next_fetch_at < :until""",
            host=host,
            until=time_text_after(until),
            reason=reason,
        )

    def put_off_fetch(self, names: Iterable[str], times: Iterable[datetime], reason: str) -> None:
        """Give sources later times for their next fetch."""
        rows = [
            {"name": name, "next": time_text_after(at), "reason": reason} for name, at in zip(names, times, strict=True)
        ]
        self._write_many(
            """UPDATE sources SET next_fetch_at = :next, next_reason = :reason
                WHERE name = :name AND next_fetch_at < :next""",
            rows,
        )

    def keep_together(self, names: Sequence[str]) -> None:
        """Let sources be due at one moment: the first at which one of them is."""
        marks = ",".join("?" * len(names))
        sql = f"""UPDATE sources SET next_fetch_at = (SELECT min(next_fetch_at) FROM sources WHERE name IN ({marks}))
            WHERE name IN ({marks})"""
        with self.writing():
            self._connection.execute(sql, (*names, *names))

    def sync_children(self, parent: str, children: Iterable[tuple[Source, str]], now: datetime) -> None:
        """Take over the subscriptions of a list: those that it holds now are fetched, the others of it no more."""
        rows = [_source_row(source, digest, now) for source, digest in children]
        with self.writing():
            self._write("UPDATE sources SET active = 0 WHERE parent = :parent", parent=parent)
            self._write_many(_SYNC_SOURCE, rows)
            self.mark(self.lay_out_sources())

    def children(self) -> list[tuple[str, str, Outline]]:
        """Give the sources that came with subscription lists: name, list, and what the list says of it."""
        rows = self._rows(
            """SELECT c.name, c.parent, c.url, c.given_title, c.categories FROM sources c
                 JOIN sources p ON p.name = c.parent WHERE c.active AND p.active AND p.kind = 'opml' ORDER BY c.name"""
        )
        return [
            (row["name"], row["parent"], Outline(row["url"], row["given_title"], tuple(json.loads(row["categories"]))))
            for row in rows
        ]

    def _note_facts(self, name: str, facts: FeedFacts) -> None:
        """What documents show of a source is marked when it changes; the feed's own `updated` is not shown."""
        shown = self._rows("SELECT title, link, feed_id, rights, icon FROM sources WHERE name = :name", name=name)
        changed = [tuple(row) for row in shown] != [(facts.title, facts.link, facts.id, facts.rights, facts.icon)]
        if changed:
            self.freeze_facts(name)
        self._write(_NOTE_FACTS, name=name, **_facts_columns(facts))
        if changed:
            self.mark_source(name)

    def note_failure(self, name: str, note: FailureNote, now: datetime) -> None:
        """Note a fetch that brought nothing. Validators stay: they stand for the articles that are stored."""
        self._write(
            """UPDATE sources SET failures = failures + 1, failing_since = COALESCE(failing_since, :now),
                  last_error = :error, last_failure = :kind, last_outcome = :outcome,
                  quiet_until = max(quiet_until, :quiet), next_fetch_at = max(quiet_until, :quiet, :next),
                  next_reason = CASE WHEN quiet_until > :next THEN next_reason ELSE :reason END
                WHERE name = :name""",
            name=name,
            error=note.error,
            kind=note.kind,
            outcome=note.outcome,
            now=time_text(now),
            next=time_text_after(note.next_fetch_at),
            quiet=time_text_after(note.quiet_until) if note.quiet_until else "",
            reason=note.next_reason,
        )

    def source_reports(self, now: datetime) -> list[SourceReport]:
        """Give how each source that is fetched stands, in the order of the configuration."""
        rows = self._rows(_REPORTS, month_ago=time_text(now - _MONTH))
        return self._reported(rows, now)

    def standings(self, names: Iterable[str], now: datetime) -> list[SourceReport]:
        """Give how sources stand, without counting their articles."""
        rows = self._rows_in(_STANDINGS, sorted(set(names)))
        return self._reported(list(rows), now)

    def source_report(self, name: str, now: datetime) -> SourceReport | None:
        """Give how one source stands; None where there is none of this name."""
        rows = self._rows(_REPORT, name=name, month_ago=time_text(now - _MONTH))
        return next(iter(self._reported(rows, now)), None)

    def _reported(self, rows: Sequence[sqlite3.Row], now: datetime) -> list[SourceReport]:
        gaps = {row["name"]: usual_gap(self._dates(row["name"])) for row in rows if may_be_silent(row, now)}
        reports = [report_of(row, gaps.get(row["name"]), now) for row in rows]
        masks = self._masks(report.name for report in reports)
        return [hidden_report(each, masks[each.name]) if each.name in masks else each for each in reports]

    def _masks(self, names: Iterable[str]) -> dict[str, Mask]:
        """Give the masks of those of the sources that are private, or came with a private list."""
        sql = """SELECT name, parent, private, url, effective_url, validators_url, moved_to, proposed_url, move_refused
            FROM sources WHERE name IN (?)"""
        rows = self._rows_in(sql, sorted(set(names)))
        return {row["name"]: mask_of_row(row) for row in rows if self._hides(row)}

    def _hides(self, row: sqlite3.Row) -> bool:
        return bool(row["private"]) or row["name"] in self.private or row["parent"] in self.private

    # --- articles ------------------------------------------------------------------------------

    def codes_of(self, names: Iterable[Alias]) -> dict[Alias, str]:
        """Give the codes of the names that are known."""
        found: dict[Alias, str] = {}
        by_kind: dict[str, list[str]] = {}
        for name in set(names):
            by_kind.setdefault(name.kind, []).append(name.value)
        for kind, values in by_kind.items():
            sql = f"SELECT kind, value, info_code FROM aliases WHERE kind = '{kind}' AND value IN (?)"
            for row in self._rows_in(sql, values):
                found[Alias(row["kind"], row["value"])] = row["info_code"]
        return found

    def known(self, codes: Iterable[str], source: str) -> dict[str, Known]:
        """Give what is stored under the codes, as `source` needs to know it; a code without an article is missing."""
        wanted = sorted(set(codes))
        sql = "SELECT info_code, row_fingerprint FROM provenance WHERE source = ?1 AND info_code IN (?)"
        brought = {row["info_code"]: row["row_fingerprint"] for row in self._rows_in(sql, wanted, source)}
        rows = self._rows_in(
            """SELECT info_code, source, guid, link, title, fingerprint, published, updated, article_url,
                      EXISTS (SELECT 1 FROM aliases a WHERE a.info_code = entries.info_code AND a.kind = 'text')
                        AS evident,
                      state = 'held' AND ruled_out_by = '' AS held, held_for_review,
                      CASE WHEN content = '' THEN length(summary) ELSE length(content) END AS text_size
                 FROM entries WHERE state <> 'retracted' AND info_code IN (?)""",
            wanted,
        )
        return {row["info_code"]: known_of(row, brought.get(row["info_code"])) for row in rows}

    def add(self, arrivals: Iterable[Arrival], now: datetime) -> None:
        """Store new articles with their names, in the order given."""
        with self.writing():
            for arrival in arrivals:
                self._connection.execute(_INSERT_ENTRY, _arrival_row(arrival, now))
                self._name(arrival.info_code, arrival.names, arrival.entry.source)
                self._trace(arrival.info_code, arrival.entry, now)

    def revise(self, revisions: Iterable[Revision], now: datetime) -> None:
        """Replace the text of stored articles, with the next revision number; the text before is kept as history."""
        with self.writing():
            for revision in revisions:
                self.stories.keep_displaced(revision.info_code, revision.entry.source)
                history.keep(self._connection, revision.info_code, time_text(now))
                self.freeze_text(revision.info_code)
                self._connection.execute(_REVISE_ENTRY, _revision_row(revision))
                self._name(revision.info_code, revision.names, revision.entry.source)
                self._trace(revision.info_code, revision.entry, now)

    def retouch(self, retouches: Iterable[Retouch], now: datetime) -> None:
        """Take over the markup of stored articles that say what they said: counted, and no revision."""
        with self.writing():
            for retouch in retouches:
                self.freeze_text(retouch.info_code)
                self._connection.execute(_RETOUCH_ENTRY, entry_columns(retouch.entry) | {"code": retouch.info_code})
                self._name(retouch.info_code, retouch.names, retouch.entry.source)
                self._trace(retouch.info_code, retouch.entry, now)

    def wordings(self, codes: Iterable[str]) -> dict[str, Wording]:
        """Give what articles say, by code. It is for the few whose fingerprint changed: texts are large."""
        sql = "SELECT info_code, source, title, summary, content, retouched FROM entries WHERE info_code IN (?)"
        return {row["info_code"]: history.wording_of(row) for row in self._rows_in(sql, sorted(set(codes)))}

    def versions(self, code: str) -> list[Version]:
        """Give the wordings of an article that are kept, the first one first and the one that stands last."""
        with self._lock, self._reporting():
            found = history.of(self._connection, code)
        masks = self._masks(version.source for version in found)
        return [hidden_version(each, masks[each.source]) if each.source in masks else each for each in found]

    def sight(self, sightings: Iterable[Sighting], now: datetime) -> None:
        """Learn the names under which stored articles were met again, and who brought them."""
        with self.writing():
            for sighting in sightings:
                if sighting.learns:
                    self._name(sighting.info_code, sighting.names, sighting.entry.source)
                    self._trace(sighting.info_code, sighting.entry, now)

    def pass_over(self, passed: Iterable[Named]) -> None:
        """Keep the names of entries that are not taken, so that they never come in as news."""
        with self.writing():
            for named in passed:
                self._name(named.info_code, named.names, named.entry.source)

    def _name(self, code: str, names: Iterable[Alias], source: str) -> None:
        rows = [
            {"kind": name.kind, "value": name.value, "code": code, "source": source}
            for name in (Alias("code", code), *names)
        ]
        self._connection.executemany(
            """INSERT INTO aliases (kind, value, info_code, source) VALUES (:kind, :value, :code, :source)
                ON CONFLICT DO NOTHING""",
            rows,
        )

    def _trace(self, code: str, entry: Entry, now: datetime) -> None:
        row = {
            "code": code,
            "source": entry.source,
            "guid": entry.guid,
            "link": entry.link,
            "row": entry.row_fingerprint,
            "now": time_text(now),
        }
        self._connection.execute(_TRACE, row)

    def owed(self, source: str, limit: int) -> list[tuple[Entry, int]]:
        """Give the entries of a source whose text is still to come, the oldest first, with the tries they had."""
        rows = self._rows(
            "SELECT * FROM entries WHERE source = :source AND state = 'pending' ORDER BY seq LIMIT :limit",
            source=source,
            limit=limit,
        )
        return [(entry_of(row), row["article_tries"]) for row in rows]

    def complete(self, code: str, entry: Entry, now: datetime) -> None:
        """Store the text that an article owed; it is no revision, for nobody saw it before."""
        with self.writing():
            self._write(_COMPLETE_ENTRY, **entry_columns(entry) | {"code": code})
            self._trace(code, entry, now)

    def put_off(self, code: str) -> None:
        """Count a try that did not bring the text."""
        self._write("UPDATE entries SET article_tries = article_tries + 1 WHERE info_code = :code", code=code)

    def release(self, code: str) -> None:
        """Take an article as it is: its text will not come."""
        self._write("UPDATE entries SET state = 'published' WHERE info_code = :code", code=code)

    def trace(self, code: str) -> Trace:
        """Give the story of the article that has this code."""
        names = self._rows("SELECT kind, value FROM aliases WHERE info_code = :code ORDER BY kind, value", code=code)
        brought = self._rows(
            """SELECT source, first_seen, guid, link, why FROM provenance WHERE info_code = :code
                ORDER BY first_seen, source""",
            code=code,
        )
        story = Trace(
            code,
            names=tuple(Alias(row["kind"], row["value"]) for row in names),
            provenance=tuple(Brought(**dict(row)) for row in brought),
            tellings=self.stories.told(code),
            apart=self.stories.apart_from(code),
        )
        story = self._with_origins(story)
        rows = self._rows(
            """SELECT title, link, CASE WHEN dropped_at IS NULL THEN state ELSE 'dropped' END AS state, source,
                      published, published_text, first_seen, updated, revision, retouched,
                      COALESCE(held_since, '') AS held_since, held_reason,
                      COALESCE(missing_since, '') AS missing_since
                 FROM entries WHERE info_code = :code""",
            code=code,
        )
        if not rows:
            return self._shown(story)
        stored = self.article(code)
        facts = dict(rows[0]) | {"published": rows[0]["published"] or ""}
        return self._shown(replace(story, **facts, channels=stored.channels if stored else ()))

    def _shown(self, story: Trace) -> Trace:
        names = [story.source, *(each.source for each in story.provenance), *(each.source for each in story.withdrawn)]
        return hidden_trace(story, self._masks(names))

    def _with_origins(self, story: Trace) -> Trace:
        with self._lock, self._reporting():
            connection, code = self._connection, story.info_code
            placed, withdrawn = origins.places_of(connection, code), origins.withdrawals_of(connection, code)
            return replace(story, origins=origins.of(connection, code), placed=placed, withdrawn=withdrawn)

    def note_origin(
        self, source: str, facts: ReadingFacts, brought: Mapping[str, str], changed: Collection[str]
    ) -> None:
        """Note which reading brought articles of a source first (by code: the name that each was recognised by, "" for
        a new one) and which changed what articles say."""
        if brought or changed:
            with self.writing():
                origins.note(self._connection, source, facts, brought, changed)

    def retract(self, code: str, now: datetime) -> bool:
        """Take an article out of everything that is published, for good: its code and names stay, its text does not.

        Tell whether there was one. What was held all the time is not told to anyone.
        """
        with self.writing():
            held = self._rows("SELECT 1 FROM entries WHERE info_code = :code AND state = 'held'", code=code)
            if not self._write(_RETRACT, code=code, now=time_text(now)):
                return False
            self.mark_article(code)
            if not held:
                self.note_retraction(code, now)
            self.forget_dropped(code)
            self._write("DELETE FROM entry_channels WHERE info_code = :code", code=code)
            self._write("DELETE FROM revisions WHERE info_code = :code", code=code)
            self._write(_FORGET_DOCUMENTS, code=code)
            self.stories.forget(code)
            return True

    def drop(self, wanted: Retention, now: datetime, limit: int) -> int:
        """Let go of the texts of some articles that are not kept for ever; give their number, 0 when it is done."""
        with self.writing():
            codes = retention.drop(self._connection, wanted, now, limit)
            for code in codes:
                self.stories.forget(code)
            self.mark([*(f"article/{code}" for code in codes), *(["index"] if codes else [])])
            return len(codes)

    def withdraw(self, code: str, source: str, withdrawal: Withdrawal, now: datetime) -> None:
        """Let a source have nothing to do with an article any more. One that no other source brings is retracted; else
        the next of these has it, and its own text is taken over as soon as it brings it again."""
        with self.writing():
            sql = "DELETE FROM provenance WHERE info_code = :code AND source = :source"
            if not self._write(sql, **_at(code, source)):
                return
            said = {"guid": withdrawal.guid, "said_at": optional_time_text(withdrawal.at), "now": time_text(now)}
            self._write(_NOTE_WITHDRAWAL, **_at(code, source), **said, comment=withdrawal.comment)
            heirs = self._rows(_HEIRS, code=code)
            if heirs:
                heir = min(heirs, key=lambda row: (not row["active"], row["position"], row["name"]))
                self.stories.hand_over(code, source, heir["name"], now)
                self._hand_over(code, source, heir["name"])
            else:
                self.retract(code, now)

    def _hand_over(self, code: str, source: str, heir: str) -> None:
        self._write("DELETE FROM revisions WHERE info_code = :code AND source = :source", **_at(code, source))
        self._write(_GIVE_CHANNELS, heir=heir, **_at(code, source))
        if self._write(_GIVE_ENTRY, heir=heir, **_at(code, source)):
            self._write(_ASK_AGAIN, heir=heir)
        self.thaw(code)
        self.mark_article(code)

    # --- documents as they came ----------------------------------------------------------------

    def packed(self, document: RawDocument, limits: RawLimits) -> tuple[RawDocument, bytes] | None:
        """Give a document in the form in which it is kept; None where none is. Call it outside of a transaction."""
        return (document, raw.packed(document)) if limits.documents else None

    def keep_raw(self, source: str, document: tuple[RawDocument, bytes] | None, limits: RawLimits) -> None:
        """Keep what `packed` gave and the documents before it, within the limits; with None, keep none."""
        with self.writing():
            if document is None:
                raw.drop(self._connection, source)
            else:
                raw.keep(self._connection, source, *document, limits)

    def raw_documents(self, source: str) -> list[RawDocument]:
        """Give the documents that are kept of a source, the oldest first."""
        with self._lock, self._reporting():
            return raw.of(self._connection, source)

    def raw_numbers(self, source: str) -> list[int]:
        """Give the numbers of these documents, which tell whether others came since."""
        with self._lock, self._reporting():
            return raw.numbers(self._connection, source)

    def entries(self, codes: Iterable[str]) -> dict[str, Entry]:
        """Give the articles of these codes as entries, without those that were retracted or still owe their text."""
        sql = "SELECT * FROM entries WHERE state NOT IN ('retracted', 'pending') AND info_code IN (?)"
        return {row["info_code"]: entry_of(row) for row in self._rows_in(sql, sorted(set(codes)))}

    def repair(self, code: str, entry: Entry, names: Iterable[Alias]) -> None:
        """Replace what a stored article says by what it always should have said: it is no revision."""
        with self.writing():
            self.freeze_text(code)
            self._write(_REPAIR_ENTRY, **entry_columns(entry) | {"code": code})
            self._name(code, names, entry.source)
            self.mark_article(code)

    # --- channels ------------------------------------------------------------------------------

    def slugs_of(self, folded: Iterable[str]) -> dict[str, str]:
        """Give the slugs of the channel names that are known, by folded name."""
        sql = "SELECT folded, slug FROM channel_names WHERE folded IN (?)"
        return {row["folded"]: row["slug"] for row in self._rows_in(sql, sorted(set(folded)))}

    def taken(self, slug: str) -> bool:
        """Tell whether a slug has a meaning already, or had one."""
        sql = """SELECT 1 FROM channels WHERE slug = :slug UNION ALL SELECT 1 FROM gone_channels WHERE slug = :slug"""
        return bool(self._rows(sql, slug=slug))

    def add_channel(self, channel: Channel, folded: str, now: datetime) -> None:
        """Open a channel, or give an open one another name."""
        with self.writing():
            opened = self._write(
                """INSERT INTO channels (slug, title, name, created) VALUES (:slug, :title, :name, :now)
                    ON CONFLICT DO NOTHING""",
                slug=channel.slug,
                title=channel.title,
                name=channel.name,
                now=time_text(now),
            )
            self._write(
                "INSERT INTO channel_names (folded, slug) VALUES (:folded, :slug) ON CONFLICT DO NOTHING",
                folded=folded,
                slug=channel.slug,
            )
            if opened:
                self._opened(channel.slug)

    def _opened(self, slug: str) -> None:
        self.mark([f"category/{slug}", "index"])
        if self._write("DELETE FROM gone_channels WHERE slug = :slug", slug=slug):
            self.mark(["gone"])

    def open_by_rule(self, channel: Channel, now: datetime) -> None:
        """Open a channel that is filled by a rule; until `filled` is said of it, the rule counts as new."""
        with self.writing():
            self._write(
                """INSERT INTO channels (slug, title, name, created, rule)
                    VALUES (:slug, :title, :name, :now, 'new')""",
                slug=channel.slug,
                title=channel.title,
                name=channel.name,
                now=time_text(now),
            )
            self._opened(channel.slug)

    def rules(self) -> dict[str, str]:
        """Give the channels that are filled by rules, by slug, with the digest of the rule that they were filled by."""
        rows = self._rows("SELECT slug, rule FROM channels WHERE rule <> '' ORDER BY slug")
        return {row["slug"]: row["rule"] for row in rows}

    def empty_channel(self, slug: str) -> None:
        """Take all articles out of a channel, for another rule; they are marked as what they stand in has changed."""
        with self.writing():
            if self._rows("SELECT 1 FROM channels WHERE slug = :slug AND rule <> 'new'", slug=slug):
                self.mark_everything_of(slug)
                self.empty_archives(slug)
                self._write("DELETE FROM entry_channels WHERE slug = :slug", slug=slug)
                self.filled(slug, "new")

    def filled(self, slug: str, digest: str) -> None:
        """Note that a channel holds what its rule takes."""
        self._write("UPDATE channels SET rule = :digest WHERE slug = :slug", slug=slug, digest=digest)

    def rename_channel(self, old: str, new: str, *, by_rule: bool) -> None:
        """Give a channel another slug; its id stays. Where the other is open already, it gets the articles and names.

        A channel that was none of a rule's and becomes one is filled anew.
        """
        with self.writing():
            if old == new or self.channel(old) is None:
                return
            self.mark_everything_of(old)
            self._write(_MOVE_CHANNEL, old=old, new=new, rule="new" if by_rule else "")
            self.move_archives(old, new)
            self._write("UPDATE OR IGNORE entry_channels SET slug = :new WHERE slug = :old", old=old, new=new)
            if by_rule:
                self._write("UPDATE entry_channels SET source = '' WHERE slug = :new", new=new)
            else:
                self._write("UPDATE channel_names SET slug = :new WHERE slug = :old", old=old, new=new)
            self.remove_channel(old, moved_to=new)
            self.mark_everything_of(new)

    def remove_channel(self, slug: str, moved_to: str = "") -> None:
        """Take a channel away for good: its documents go, and its slug is remembered. Its articles stay."""
        with self.writing():
            self.mark_everything_of(slug)
            self.drop_archives(slug)
            self._write("DELETE FROM entry_channels WHERE slug = :slug", slug=slug)
            self._write("DELETE FROM channel_names WHERE slug = :slug", slug=slug)
            self._write("DELETE FROM channels WHERE slug = :slug", slug=slug)
            self._write("DELETE FROM gone_channels WHERE slug = :moved_to", moved_to=moved_to)
            self._write("UPDATE gone_channels SET moved_to = :to WHERE moved_to = :slug", slug=slug, to=moved_to)
            self._write(
                """INSERT INTO gone_channels (slug, moved_to) VALUES (:slug, :moved_to)
                    ON CONFLICT (slug) DO UPDATE SET moved_to = excluded.moved_to""",
                slug=slug,
                moved_to=moved_to,
            )
            self.mark(["gone"])

    def gone_channels(self) -> dict[str, str]:
        """Give the slugs that were published once and are no more, each with the one that it was renamed to, or ""."""
        rows = self._rows("SELECT slug, moved_to FROM gone_channels ORDER BY slug")
        return {row["slug"]: row["moved_to"] for row in rows}

    def retitle(self, slug: str, title: str) -> None:
        """Give a channel another title; its documents and its articles' documents are to be rendered again."""
        with self.writing():
            sql = "UPDATE channels SET title = :title WHERE slug = :slug AND title <> :title"
            if self._write(sql, slug=slug, title=title):
                self.mark_everything_of(slug)

    def channels(self) -> list[Channel]:
        """Give all channels, by slug."""
        rows = self._rows("SELECT slug, title, name FROM channels ORDER BY slug")
        return [Channel(row["slug"], row["title"], row["name"]) for row in rows]

    def channel(self, slug: str) -> tuple[Channel, datetime] | None:
        """Give a channel and when it was opened."""
        rows = self._rows("SELECT slug, title, name, opened_as, created FROM channels WHERE slug = :slug", slug=slug)
        if not rows:
            return None
        row = rows[0]
        return Channel(row["slug"], row["title"], row["name"], row["opened_as"]), time_of(row["created"])

    def places(self, codes: Iterable[str]) -> dict[str, dict[str, str]]:
        """Give the channels that the articles stand in, by code, each with the source that named it first."""
        found: dict[str, dict[str, str]] = {}
        sql = "SELECT info_code, slug, source FROM entry_channels WHERE info_code IN (?)"
        for row in self._rows_in(sql, sorted(set(codes))):
            found.setdefault(row["info_code"], {})[row["slug"]] = row["source"]
        return found

    def place(self, code: str, source: str, slugs: Sequence[str]) -> None:
        """Put a published article into the channels that a source names for it, and take it out of those that this
        source named before and does not name now, unless it is in their archives already. Every document that this
        changes is marked."""
        with self.writing():
            before = self.places([code]).get(code, {})
            left = sorted(slug for slug, owner in before.items() if owner == source and slug not in slugs)
            if left or (before and not set(slugs) <= set(before)):
                self.freeze_channels(code)
            for slug in left:
                if self._write(_TAKE_OUT, code=code, slug=slug):
                    self.mark([f"category/{slug}"])
                    self.mark_article(code)
            added = [self._write(_PLACE, code=code, slug=slug, source=source) for slug in slugs]
            if any(added):
                self.mark_article(code)

    # --- what is to be published ---------------------------------------------------------------

    def mark_article(self, code: str) -> None:
        """Mark every document that an article stands in and that may change."""
        with self.writing():
            places = self._rows(f"SELECT {_DOCUMENT} AS document {_OPEN_PLACES} AND ec.info_code = :code", code=code)
            documents = [row["document"] for row in places]
            self.mark([f"article/{code}", *documents, "feed", "index"])

    def mark_everything_of(self, slug: str) -> None:
        """Mark a channel and every document of its articles."""
        self._write(
            f"""INSERT INTO marks (document, stamp)
                 SELECT document, lower(hex(randomblob(8))) FROM (
                   SELECT {_DOCUMENT} AS document FROM entry_channels mine
                     JOIN entry_channels ec ON ec.info_code = mine.info_code WHERE mine.slug = :slug
                   UNION SELECT 'category/' || slug || '/archive-' || number FROM archives WHERE slug = :slug)
                 UNION SELECT 'article/' || info_code, lower(hex(randomblob(8))) FROM entry_channels WHERE slug = :slug
                 ON CONFLICT (document) DO UPDATE SET stamp = excluded.stamp""",
            slug=slug,
        )
        self.mark([f"category/{slug}", "feed", "index"])

    def mark_source(self, name: str) -> None:
        """Mark every document that shows articles of a source and may change."""
        with self.writing():
            self._write(
                f"""INSERT INTO marks (document, stamp)
                     SELECT 'article/' || info_code, lower(hex(randomblob(8))) FROM entries WHERE source = :name
                     UNION SELECT document, lower(hex(randomblob(8))) FROM (
                       SELECT DISTINCT {_DOCUMENT} AS document {_OPEN_PLACES}
                          AND ec.info_code IN (SELECT info_code FROM entries WHERE source = :name)) WHERE true
                     ON CONFLICT (document) DO UPDATE SET stamp = excluded.stamp""",
                name=name,
            )
            self.mark(["feed", "index"])
            self.mark_page_of(name)

    def mark_all(self) -> None:
        """Mark every document there is."""
        with self.writing():
            self._write(
                """INSERT INTO marks (document, stamp)
                     SELECT 'category/' || slug, lower(hex(randomblob(8))) FROM channels
                     UNION SELECT 'category/' || slug || '/archive-' || number, lower(hex(randomblob(8))) FROM archives
                     UNION SELECT 'article/' || info_code, lower(hex(randomblob(8))) FROM entries
                       WHERE state = 'published'
                     ON CONFLICT (document) DO UPDATE SET stamp = excluded.stamp"""
            )
            self.mark_pages()
            self.mark(["feed", "index", "status", *(["gone"] if self.gone_channels() else [])])

    def marked(self) -> dict[str, str]:
        """Give the documents that are to be rendered, each with the stamp that clears it: what others lead to comes
        before them, so articles first, then archives. Articles come by their numbers, as they stand on the disk and in
        the blocks for search engines: some of them at a time touch few of these."""
        rows = self._rows(_MARKED)
        return {row["document"]: row["stamp"] for row in rows}

    def clear(self, stamps: dict[str, str]) -> None:
        """Take back marks, but for those that were set again meanwhile."""
        rows = [{"document": document, "stamp": stamp} for document, stamp in stamps.items()]
        self._write_many("DELETE FROM marks WHERE document = :document AND stamp = :stamp", rows)

    def newest(self, limit: int, without: Sequence[str] = ()) -> list[StoredEntry]:
        """Give the newest published articles; those that stand only in the channels `without` are left out."""
        rows = self._rows(
            f"""SELECT {ENTRY} FROM entries e JOIN sources s ON s.name = e.source
                 WHERE e.state = 'published' {_NOT_ONLY_IN if without else ""}
                 ORDER BY e.sort_date DESC, e.seq DESC LIMIT :limit""",
            limit=limit,
            without=json.dumps(without),
        )
        return self._stored(rows)

    def newest_of(self, slug: str, limit: int) -> list[StoredEntry]:
        """Give the newest articles of a channel."""
        rows = self._rows(
            f"""SELECT {ENTRY} FROM entry_channels ec JOIN entries e ON e.info_code = ec.info_code
                  JOIN sources s ON s.name = e.source WHERE ec.slug = :slug AND e.state = 'published'
                 ORDER BY ec.sort_date DESC, ec.seq DESC LIMIT :limit""",
            slug=slug,
            limit=limit,
        )
        return self._stored(rows)

    def article(self, code: str) -> StoredEntry | None:
        """Give one published article."""
        return next(iter(self.articles([code])), None)

    def articles(self, codes: Sequence[str]) -> list[StoredEntry]:
        """Give the published articles that have these codes, in their order."""
        sql = f"""SELECT {ENTRY} FROM entries e JOIN sources s ON s.name = e.source
            WHERE e.state = 'published' AND e.info_code IN (?)"""
        found = {row["info_code"]: row for row in self._rows_in(sql, codes)}
        return self._stored([found[code] for code in codes if code in found])

    def articles_after(self, seq: int, limit: int) -> list[StoredEntry]:
        """Give published articles in the order in which they came, from behind a number on."""
        rows = self._rows(
            f"""SELECT {ENTRY} FROM entries e JOIN sources s ON s.name = e.source
                 WHERE e.seq > :seq AND e.state = 'published' ORDER BY e.seq LIMIT :limit""",
            seq=seq,
            limit=limit,
        )
        return self._stored(rows)

    def _stored(self, rows: Sequence[sqlite3.Row | Mapping[str, Any]]) -> list[StoredEntry]:
        channels: dict[str, list[Channel]] = {}
        sql = """SELECT ec.info_code, c.slug, c.title, c.name FROM entry_channels ec JOIN channels c ON c.slug = ec.slug
                  WHERE ec.info_code IN (?) ORDER BY ec.info_code, c.slug"""
        for row in self._rows_in(sql, [row["info_code"] for row in rows]):
            channels.setdefault(row["info_code"], []).append(Channel(row["slug"], row["title"], row["name"]))
        channels |= self._frozen_channels(rows)
        related = self.stories.related([row["info_code"] for row in rows])
        stored = [
            stored_of(row, tuple(channels.get(row["info_code"], ())), related.get(row["info_code"], ())) for row in rows
        ]
        return self.hidden([self.reword(each) for each in stored] if self.reword else stored)

    def hidden(self, entries: Sequence[StoredEntry]) -> list[StoredEntry]:
        """Take from articles what is nobody's business of private sources."""
        masks = self._masks({name for each in entries for name in (each.source, *(one.name for one in each.related))})
        return [hidden_article(each, masks) for each in entries]

    def _frozen_channels(self, rows: Sequence[sqlite3.Row | Mapping[str, Any]]) -> dict[str, list[Channel]]:
        """Give the channels that articles of a full archive stood in, where those changed since, as named today."""
        frozen = {row["info_code"]: row["channels"] for row in rows if "channels" in row.keys()}  # noqa: SIM118 - a Row
        if not frozen:
            return {}
        known, moved = {channel.slug: channel for channel in self.channels()}, self.gone_channels()
        slugs = {code: [moved.get(slug) or slug for slug in slugs] for code, slugs in frozen.items()}
        return {code: [known[slug] for slug in dict.fromkeys(found) if slug in known] for code, found in slugs.items()}

    def summaries(self, titles: int) -> list[ChannelSummary]:
        """Give every channel with its size and newest titles, the most recently changed first. What is not kept any
        more is not counted."""
        rows = self._rows("SELECT slug, articles FROM channels")
        counts = {row["slug"]: row["articles"] for row in rows}
        found = [self._summary(channel, counts[channel.slug], titles) for channel in self.channels()]
        return sorted(found, key=lambda item: item.updated or _EPOCH, reverse=True)

    def _summary(self, channel: Channel, count: int, titles: int) -> ChannelSummary:
        newest = self.newest_of(channel.slug, titles)
        return ChannelSummary(channel, count, max((entry.sort_date for entry in newest), default=None), tuple(newest))

    # --- what is to be indexed for search ------------------------------------------------------

    def identity(self) -> str:
        """Give a name of this store that no other one has."""
        return self.keep("identity", secrets.token_hex(16))

    def to_index(self, limit: int) -> dict[int, str]:
        """Give the numbers of articles that came, changed or went since they were indexed, with their stamps."""
        rows = self._rows("SELECT seq, stamp FROM index_queue ORDER BY seq LIMIT :limit", limit=limit)
        return {row["seq"]: row["stamp"] for row in rows}

    def counted_to_index(self) -> int:
        """Count what `to_index` gives without a limit."""
        return int(self._rows("SELECT count(*) AS n FROM index_queue")[0]["n"])

    def indexed(self, stamps: Mapping[int, str]) -> None:
        """Take articles out of the queue, but for those that changed again meanwhile."""
        rows = [{"seq": seq, "stamp": stamp} for seq, stamp in stamps.items()]
        self._write_many("DELETE FROM index_queue WHERE seq = :seq AND stamp = :stamp", rows)

    def index_everything(self) -> None:
        """Put every published article into the queue."""
        self._write(
            """INSERT INTO index_queue (seq, stamp) SELECT seq, 'all' FROM entries WHERE state = 'published'
                ON CONFLICT DO NOTHING"""
        )

    def by_seq(self, seqs: Iterable[int]) -> list[StoredEntry]:
        """Give the published ones of these articles, whole, by their numbers."""
        return self._published(ENTRY, seqs)

    def still_to_index(self, seqs: Iterable[int]) -> set[int]:
        """Give those of these articles that came, changed or went since they were indexed."""
        sql = "SELECT seq FROM index_queue WHERE seq IN (SELECT value FROM json_each(:seqs)) ORDER BY seq"
        return {row["seq"] for row in self._rows(sql, seqs=json.dumps(list(seqs)))}

    def dates_of(self, seqs: Iterable[int], closed: Collection[str] = ()) -> dict[int, datetime]:
        """Give the sort dates of those of these articles that are published, and not in closed channels only; "" stands
        for being in none."""
        sql = f"{_DATES} {_OPEN if closed else ''} ORDER BY e.seq"
        rows = self._rows(sql, seqs=json.dumps(list(seqs)), closed=json.dumps(sorted(closed)))
        return {row["seq"]: time_of(row["sort_date"]) for row in rows}

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Several questions to the store as it is at one moment, without holding up who writes. Nothing is written."""
        with self._lock, self._reporting():
            self._connection.execute("BEGIN")
            try:
                self._connection.execute("SELECT 1 FROM index_queue LIMIT 1").fetchall()  # the moment is now
                yield
            finally:
                self._connection.execute("COMMIT")

    def _published(self, columns: str, seqs: Iterable[int]) -> list[StoredEntry]:
        rows = self._rows(
            f"""SELECT {columns} FROM entries e JOIN sources s ON s.name = e.source
                 WHERE e.state = 'published' AND e.seq IN (SELECT value FROM json_each(:seqs)) ORDER BY e.seq""",
            seqs=json.dumps(list(seqs)),
        )
        return self._stored(rows)

    def waiting_documents(self) -> int:
        """Give how many documents are marked to be rendered."""
        return int(self._rows("SELECT count(*) AS n FROM marks")[0]["n"])

    def counts(self) -> dict[str, int]:
        """Give how much there is: entries, channels, sources."""
        sql = """SELECT (SELECT count(*) FROM entries WHERE state = 'published') AS entries,
                        (SELECT count(*) FROM channels) AS channels,
                        (SELECT count(*) FROM sources WHERE active) AS sources"""
        return dict(self._rows(sql)[0])


_NOT_ONLY_IN = """AND (EXISTS (SELECT 1 FROM entry_channels ec WHERE ec.info_code = e.info_code
        AND ec.slug NOT IN (SELECT value FROM json_each(:without)))
    OR NOT EXISTS (SELECT 1 FROM entry_channels ec WHERE ec.info_code = e.info_code))"""

_FAR_AWAY = "9000-01-01T00:00:00Z"  # later than this means never: a source that is gone and is asked all the same
_EPOCH = time_of("1970-01-01T00:00:00Z")

_MONTH = timedelta(days=28)

_SYNC_SOURCE = """INSERT INTO sources (name, url, kind, position, config_hash, title, given_title, next_fetch_at, host,
        parent, categories, text_policy, private, category_from)
    VALUES (:name, :url, :kind, :position, :config_hash, :title, :title, :now, :host, :parent, :categories, :text,
        :private, :category_from)
    ON CONFLICT (name) DO UPDATE SET active = 1, kind = excluded.kind, position = excluded.position,
        host = excluded.host, parent = excluded.parent, categories = excluded.categories,
        given_title = excluded.given_title, text_policy = excluded.text_policy,
        private = excluded.private, category_from = excluded.category_from,
        title = CASE WHEN excluded.title <> '' THEN excluded.title ELSE title END, url = excluded.url,
        etag = CASE WHEN config_hash = excluded.config_hash THEN etag END,
        last_modified = CASE WHEN config_hash = excluded.config_hash THEN last_modified END,
        body_hash = CASE WHEN config_hash = excluded.config_hash THEN body_hash ELSE '' END,
        next_fetch_at = CASE WHEN config_hash = excluded.config_hash THEN next_fetch_at ELSE excluded.next_fetch_at END,
        last_outcome = CASE WHEN config_hash = excluded.config_hash THEN last_outcome ELSE '' END,
        quiet_until = CASE WHEN config_hash = excluded.config_hash THEN quiet_until ELSE '' END,
        last_success_at = CASE WHEN url = excluded.url AND kind = excluded.kind THEN last_success_at END,
        review_since = CASE WHEN url = excluded.url AND kind = excluded.kind THEN review_since END,
        review_reason = CASE WHEN url = excluded.url AND kind = excluded.kind THEN review_reason ELSE '' END,
        effective_url = CASE WHEN url = excluded.url THEN effective_url ELSE '' END,
        proposed_url = CASE WHEN url = excluded.url THEN proposed_url ELSE '' END,
        move_refused = CASE WHEN url = excluded.url THEN move_refused ELSE '' END,
        config_hash = excluded.config_hash"""

_ENROL = """INSERT INTO sources (name, url, kind, position, active, title, given_title, link, next_fetch_at, host,
        last_fetch_at, last_success_at, category_from)
    VALUES (:name, :url, :kind, :position, 0, :title, :title, :link, :now, :host, :now, :now, :category_from)
    ON CONFLICT (name) DO UPDATE SET url = excluded.url, kind = excluded.kind, position = excluded.position,
        last_fetch_at = excluded.last_fetch_at, last_success_at = excluded.last_success_at,
        category_from = excluded.category_from WHERE NOT active"""

_SHOW_ENROLLED = """UPDATE sources SET title = :title, given_title = :title, link = :link
    WHERE name = :name AND (title <> :title OR link <> :link)"""

_NOTE_FACTS = """UPDATE sources SET title = :title, link = :link, feed_id = :feed_id, rights = :rights,
    language = :language, icon = :icon, format = :format, feed_updated = :feed_updated, ttl_minutes = :ttl_minutes,
    update_minutes = :update_minutes, skip_hours = :skip_hours, skip_days = :skip_days WHERE name = :name"""

_NOTE_READ = """UPDATE sources SET etag = :etag, last_modified = :last_modified, validators_url = :validators_url,
    body_hash = :body_hash, wire = :wire, last_success_at = :now, next_fetch_at = :next, next_reason = :reason,
    failures = 0, failing_since = NULL, last_outcome = :outcome, last_error = '', last_failure = '', proposed_url = '',
    quiet_until = '',
    last_new_at = CASE WHEN :news THEN :now ELSE last_new_at END, unmodified_since = :unmodified_since,
    heedless = :heedless, usual_seconds = :usual,
    moved_to = :moved_to, moved_since = :moved_since, moved_polls = :moved_polls WHERE name = :name"""

_REPORT_COLUMNS = """SELECT s.*,
        (SELECT count(*) FROM entries e WHERE e.source = s.name AND e.state = 'published') AS entries,
        (SELECT count(*) FROM entries e WHERE e.source = s.name AND e.sort_date >= :month_ago
            AND (e.state <> 'held' OR e.ruled_out_by <> '')) AS of_month,
        (SELECT count(*) FROM entries e WHERE e.source = s.name AND e.state = 'held' AND e.ruled_out_by = '') AS held,
        h.held_since, h.held_reason
    FROM sources s LEFT JOIN entries h
      ON h.seq = (SELECT max(e.seq) FROM entries e WHERE e.source = s.name AND e.state = 'held'
        AND e.ruled_out_by = '')"""
_STANDINGS = """SELECT s.*, 0 AS entries, 0 AS of_month, 0 AS held, NULL AS held_since, NULL AS held_reason
    FROM sources s WHERE s.active AND s.name IN (?)"""
_REPORTS = f"{_REPORT_COLUMNS} WHERE s.active OR s.kind = 'jekyll' ORDER BY s.position, s.name"
_REPORT = f"{_REPORT_COLUMNS} WHERE s.name = :name AND (s.active OR s.kind = 'jekyll')"

_INSERT_ENTRY = """INSERT INTO entries (info_code, source, guid, link, title, summary, content, author, outlet,
        language, published, updated, first_seen, sort_date, state, published_text, tags, enclosures, fingerprint,
        article_url)
    VALUES (:info_code, :source, :guid, :link, :title, :summary, :content, :author, :outlet, :language,
        :published, :updated, :first_seen, :sort_date, :state, :published_text, :tags, :enclosures, :fingerprint,
        :article_url)"""

_SET_TEXT = """source = :source, guid = :guid, link = :link, title = :title, summary = :summary, content = :content,
    author = :author, outlet = :outlet, language = :language, published = :published, published_text = :published_text,
    tags = :tags, enclosures = :enclosures, fingerprint = :fingerprint,
    article_url = :article_url"""

_REVISE_ENTRY = f"""UPDATE entries SET {_SET_TEXT}, updated = :updated, revision = revision + 1,
    state = CASE WHEN state = 'held' AND (source = :source OR ruled_out_by <> '') THEN state
        ELSE 'published' END
    WHERE info_code = :code"""  # another source's text is not held with the one that it replaces

_RETOUCH_ENTRY = """UPDATE entries SET link = :link, title = :title, summary = :summary, content = :content,
    author = :author, outlet = :outlet, language = :language, tags = :tags, enclosures = :enclosures,
    fingerprint = :fingerprint, retouched = retouched + 1
    WHERE info_code = :code"""

_DATES = """SELECT e.seq, e.sort_date FROM entries e
    WHERE e.state = 'published' AND e.seq IN (SELECT value FROM json_each(:seqs))"""
_OPEN = """AND ('' NOT IN (SELECT value FROM json_each(:closed))
        AND NOT EXISTS (SELECT 1 FROM entry_channels ec WHERE ec.info_code = e.info_code)
    OR EXISTS (SELECT 1 FROM entry_channels ec
                WHERE ec.info_code = e.info_code AND ec.slug NOT IN (SELECT value FROM json_each(:closed))))"""
_RETRACT = """UPDATE entries SET state = 'retracted', dropped_at = NULL, title = '', summary = '', content = '',
    author = '', ruled_out_by = '', tags = '[]', enclosures = '[]', fingerprint = '', article_url = '', updated = :now
    WHERE info_code = :code AND (state <> 'retracted' OR dropped_at IS NOT NULL)"""

_REPAIR_ENTRY = f"UPDATE entries SET {_SET_TEXT} WHERE info_code = :code"

_NOTE_WITHDRAWAL = """INSERT INTO withdrawals (info_code, source, guid, noted_at, said_at, comment)
    VALUES (:code, :source, :guid, :now, :said_at, :comment) ON CONFLICT (info_code, source) DO UPDATE SET
        guid = excluded.guid, noted_at = excluded.noted_at, said_at = excluded.said_at, comment = excluded.comment"""

_FORGET_DOCUMENTS = """DELETE FROM raw_documents WHERE source IN
    (SELECT source FROM provenance WHERE info_code = :code
     UNION SELECT source FROM withdrawals WHERE info_code = :code)"""

_HEIRS = """SELECT s.name, s.active, s.position FROM provenance p JOIN sources s ON s.name = p.source
    WHERE p.info_code = :code"""

_GIVE_ENTRY = "UPDATE entries SET source = :heir, fingerprint = '' WHERE info_code = :code AND source = :source"

_GIVE_CHANNELS = "UPDATE entry_channels SET source = :heir WHERE info_code = :code AND source = :source"

_ASK_AGAIN = "UPDATE sources SET etag = NULL, last_modified = NULL, body_hash = '' WHERE name = :heir"

_COMPLETE_ENTRY = f"UPDATE entries SET {_SET_TEXT}, state = 'published' WHERE info_code = :code"

_TRACE = """INSERT INTO provenance (info_code, source, guid, link, first_seen, row_fingerprint)
    VALUES (:code, :source, :guid, :link, :now, :row)
    ON CONFLICT DO UPDATE SET row_fingerprint = excluded.row_fingerprint WHERE excluded.row_fingerprint <> ''"""

_PLACE = """INSERT INTO entry_channels (info_code, slug, source, sort_date, seq)
    SELECT info_code, :slug, :source, sort_date, seq FROM entries WHERE info_code = :code AND state = 'published'
    ON CONFLICT DO NOTHING"""

_TAKE_OUT = "DELETE FROM entry_channels WHERE info_code = :code AND slug = :slug AND archive IS NULL"

_DOCUMENT = "'category/' || ec.slug || CASE WHEN ec.archive IS NULL THEN '' ELSE '/archive-' || ec.archive END"

# Where articles stand in documents that still change: current ones, and archives with room left.
_OPEN_PLACES = """FROM entry_channels ec LEFT JOIN archives a ON a.slug = ec.slug AND a.number = ec.archive
    WHERE (a.number IS NULL OR a.filled < a.capacity)"""

_MARKED = """SELECT document, stamp FROM marks
    LEFT JOIN entries e ON e.info_code = substr(document, 9) AND document GLOB 'article/*'
    ORDER BY CASE WHEN document GLOB 'article/*' THEN 0 WHEN document GLOB 'category/*/archive-*' THEN 1 ELSE 2 END,
        e.seq, document"""

_MOVE_CHANNEL = """INSERT INTO channels (slug, title, name, created, rule, opened_as)
    SELECT :new, title, name, created, CASE WHEN rule = '' OR :rule = '' THEN :rule ELSE rule END,
        CASE WHEN opened_as = '' THEN slug ELSE opened_as END FROM channels WHERE slug = :old
    ON CONFLICT DO NOTHING"""


# A document of fifty new articles touches a thousand pages all over the store, most of them of the bands by which the
# same story is found. With SQLite's own 2,000 KB and 1,000 pages these are read again for the next document, and the
# store is written after each: storing took a third longer with 15,000 articles. The log beside it may take 16 MB.
_CACHE_KB = 16_000
_PAGES_IN_LOG = 4_000


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_PAGES_IN_LOG}")
    if migrations.pending(connection):
        connection.execute("BEGIN IMMEDIATE")
        migrations.apply(connection)  # it looks again: another process may have been first
        connection.execute("COMMIT")


def _at(code: str, source: str) -> dict[str, Any]:
    return {"code": code, "source": source}


def _source_row(source: Source, digest: str, now: datetime) -> dict[str, Any]:
    return {
        "name": source.name,
        "url": source.url,
        "kind": source.kind,
        "position": source.position,
        "config_hash": digest,
        "title": source.title or "",
        "now": time_text(now),
        "host": host(source.url),
        "parent": source.parent,
        "categories": json.dumps(source.categories, ensure_ascii=False),
        "text": source.text,
        "private": source.private,
        "category_from": source.category_from or "",
    }


def _facts_columns(facts: FeedFacts) -> dict[str, Any]:
    return {
        "title": facts.title,
        "link": facts.link,
        "feed_id": facts.id,
        "rights": facts.rights,
        "language": facts.language,
        "icon": facts.icon,
        "format": facts.format,
        "feed_updated": facts.updated or None,
        "ttl_minutes": facts.ttl_minutes,
        "update_minutes": facts.update_minutes,
        "skip_hours": json.dumps(facts.skip_hours),
        "skip_days": json.dumps(facts.skip_days),
    }


def _arrival_row(arrival: Arrival, now: datetime) -> dict[str, Any]:
    return entry_columns(arrival.entry) | {
        "info_code": arrival.info_code,
        "updated": time_text(arrival.updated),
        "first_seen": time_text(now),
        "sort_date": time_text(arrival.sort_date),
        "state": "pending" if arrival.pending else "published",
    }


def _revision_row(revision: Revision) -> dict[str, Any]:
    return entry_columns(revision.entry) | {"code": revision.info_code, "updated": time_text(revision.updated)}

"""The schema, step by step. A released step is never edited; what changes later is a step of its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite_utils import Database

    Step = Callable[[Database], None]


class Steps:
    """The steps in their order. sqlite-utils takes them; it is loaded only where one is to be taken, since looking
    whether there is one is a part of every start."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._steps: list[Step] = []

    def __call__(self) -> Callable[[Step], Step]:
        """Give a decorator that puts a step behind the others."""

        def put(step: Step) -> Step:
            self._steps.append(step)
            return step

        return put

    @property
    def names(self) -> list[str]:
        """Give the names of all steps that this version knows."""
        return [step.__name__ for step in self._steps]

    def applied(self, connection: sqlite3.Connection) -> list[str]:
        """Give the names of the steps that a store has taken, those of other versions too."""
        if not connection.execute(_HAS_STEPS).fetchone():
            return []
        return [row[0] for row in connection.execute(_STEPS_TAKEN, (self._name,))]

    def pending(self, connection: sqlite3.Connection) -> list[str]:
        """Give the names of the steps that a store is to take."""
        applied = set(self.applied(connection))
        return [name for name in self.names if name not in applied]

    def apply(self, connection: sqlite3.Connection, stop_before: str | None = None) -> None:
        """Let a store take the steps that it has not."""
        from sqlite_utils import Database
        from sqlite_utils.migrations import Migrations

        taken = Migrations(self._name)
        for step in self._steps:
            taken()(step)
        taken.apply(Database(connection), stop_before=stop_before)


_HAS_STEPS = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '_sqlite_migrations'"
_STEPS_TAKEN = "SELECT name FROM _sqlite_migrations WHERE migration_set = ? ORDER BY rowid"

migrations = Steps("aggregator")

_FIRST = (
    """CREATE TABLE meta (
        key TEXT PRIMARY KEY,
        value TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE sources (
        name TEXT PRIMARY KEY,
        url TEXT NOT NULL,
        kind TEXT NOT NULL,
        position INTEGER NOT NULL,
        active INTEGER NOT NULL DEFAULT 1,
        config_hash TEXT NOT NULL DEFAULT '',
        title TEXT NOT NULL DEFAULT '',
        given_title TEXT NOT NULL DEFAULT '',
        link TEXT NOT NULL DEFAULT '',
        feed_id TEXT NOT NULL DEFAULT '',
        rights TEXT NOT NULL DEFAULT '',
        language TEXT NOT NULL DEFAULT '',
        icon TEXT NOT NULL DEFAULT '',
        format TEXT NOT NULL DEFAULT '',
        feed_updated TEXT,
        ttl_minutes INTEGER,
        update_minutes INTEGER,
        skip_hours TEXT NOT NULL DEFAULT '[]',
        skip_days TEXT NOT NULL DEFAULT '[]',
        etag TEXT,
        last_modified TEXT,
        validators_url TEXT NOT NULL DEFAULT '',
        body_hash TEXT NOT NULL DEFAULT '',
        next_fetch_at TEXT NOT NULL,
        next_reason TEXT NOT NULL DEFAULT '',
        quiet_until TEXT NOT NULL DEFAULT '',
        last_fetch_at TEXT,
        last_success_at TEXT,
        last_new_at TEXT,
        failures INTEGER NOT NULL DEFAULT 0,
        failing_since TEXT,
        last_outcome TEXT NOT NULL DEFAULT '',
        last_error TEXT NOT NULL DEFAULT '',
        last_failure TEXT NOT NULL DEFAULT '',
        host TEXT NOT NULL DEFAULT '',
        unmodified_since TEXT,
        heedless INTEGER NOT NULL DEFAULT 0,
        usual_seconds INTEGER NOT NULL DEFAULT 0,
        effective_url TEXT NOT NULL DEFAULT '',
        moved_to TEXT NOT NULL DEFAULT '',
        moved_since TEXT,
        moved_polls INTEGER NOT NULL DEFAULT 0,
        move_refused TEXT NOT NULL DEFAULT '',
        proposed_url TEXT NOT NULL DEFAULT '',
        parent TEXT,
        categories TEXT NOT NULL DEFAULT '[]'
    ) STRICT""",
    "CREATE INDEX sources_host ON sources (host) WHERE active",
    "CREATE INDEX sources_parent ON sources (parent) WHERE parent IS NOT NULL",
    "CREATE INDEX sources_due ON sources (next_fetch_at, name) WHERE active",
    """CREATE TABLE entries (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        info_code TEXT NOT NULL UNIQUE,
        source TEXT NOT NULL REFERENCES sources (name),
        guid TEXT NOT NULL DEFAULT '',
        link TEXT NOT NULL DEFAULT '',
        title TEXT NOT NULL,
        summary TEXT NOT NULL DEFAULT '',
        content TEXT NOT NULL DEFAULT '',
        author TEXT NOT NULL DEFAULT '',
        outlet TEXT NOT NULL DEFAULT '',
        language TEXT NOT NULL DEFAULT '',
        published TEXT,
        updated TEXT NOT NULL,
        first_seen TEXT NOT NULL,
        sort_date TEXT NOT NULL,
        revision INTEGER NOT NULL DEFAULT 1,
        state TEXT NOT NULL DEFAULT 'published'
            CHECK (state IN ('published', 'pending', 'held', 'merged', 'retracted')),
        published_text TEXT NOT NULL DEFAULT '',
        tags TEXT NOT NULL DEFAULT '[]',
        enclosures TEXT NOT NULL DEFAULT '[]',
        fingerprint TEXT NOT NULL DEFAULT '',
        article_url TEXT NOT NULL DEFAULT '',
        article_tries INTEGER NOT NULL DEFAULT 0,
        rule_version INTEGER NOT NULL DEFAULT 1
    ) STRICT""",
    "CREATE INDEX entries_newest ON entries (sort_date DESC, seq DESC) WHERE state = 'published'",
    "CREATE INDEX entries_source ON entries (source)",
    "CREATE INDEX entries_pending ON entries (source, seq) WHERE state = 'pending'",
    """CREATE TABLE aliases (
        kind TEXT NOT NULL CHECK (kind IN ('code', 'guid', 'url', 'text')),
        value TEXT NOT NULL,
        info_code TEXT NOT NULL,
        PRIMARY KEY (kind, value)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX aliases_code ON aliases (info_code)",
    """CREATE TABLE provenance (
        info_code TEXT NOT NULL,
        source TEXT NOT NULL,
        guid TEXT NOT NULL,
        link TEXT NOT NULL,
        first_seen TEXT NOT NULL,
        row_fingerprint TEXT NOT NULL,
        PRIMARY KEY (info_code, source)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE channels (
        slug TEXT PRIMARY KEY,
        title TEXT NOT NULL,
        name TEXT NOT NULL,
        created TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE channel_names (
        folded TEXT PRIMARY KEY,
        slug TEXT NOT NULL REFERENCES channels (slug)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE entry_channels (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        info_code TEXT NOT NULL REFERENCES entries (info_code),
        slug TEXT NOT NULL REFERENCES channels (slug),
        source TEXT NOT NULL,
        sort_date TEXT NOT NULL,
        seq INTEGER NOT NULL,
        UNIQUE (info_code, slug)
    ) STRICT""",
    "CREATE INDEX entry_channels_newest ON entry_channels (slug, sort_date DESC, seq DESC, info_code)",
    """CREATE TABLE marks (
        document TEXT PRIMARY KEY,
        stamp TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
    """CREATE VIEW articles AS
        SELECT e.seq, e.info_code, e.title, e.published, s.title AS source, e.outlet, e.author, e.link,
               (SELECT group_concat(c.title, ', ') FROM entry_channels ec JOIN channels c USING (slug)
                 WHERE ec.info_code = e.info_code) AS channels,
               e.revision, e.first_seen, e.state, e.summary, e.content
          FROM entries e JOIN sources s ON s.name = e.source""",
)


@migrations()
def first_schema(db: Database) -> None:
    """Sources, entries under their codes, their other names, channels, and the marks of what is to be published."""
    for statement in _FIRST:
        db.execute(statement)


_POLICIES = (
    "ALTER TABLE sources ADD COLUMN text_policy TEXT NOT NULL DEFAULT 'full'",
    "ALTER TABLE sources ADD COLUMN private INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE channels ADD COLUMN rule TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE channels ADD COLUMN opened_as TEXT NOT NULL DEFAULT ''",
    """CREATE TABLE gone_channels (
        slug TEXT PRIMARY KEY,
        moved_to TEXT NOT NULL DEFAULT ''
    ) STRICT, WITHOUT ROWID""",
)


@migrations()
def policies(db: Database) -> None:
    """What a source allows, the rule by which a channel is filled (a digest), the slug that a renamed channel was
    opened under, and the channels that are no more."""
    for statement in _POLICIES:
        db.execute(statement)


_CHANGED = " OR ".join(f"OLD.{name} IS NOT NEW.{name}" for name in ("title", "summary", "content", "state", "tags"))
_QUEUE = """INSERT INTO index_queue (seq, stamp) VALUES ({seq}, lower(hex(randomblob(8))))
        ON CONFLICT (seq) DO UPDATE SET stamp = excluded.stamp;"""
_TO_INDEX = (
    "CREATE TABLE index_queue (seq INTEGER PRIMARY KEY, stamp TEXT NOT NULL) STRICT",
    "INSERT INTO index_queue (seq, stamp) SELECT seq, 'all' FROM entries WHERE state = 'published'",
    f"""CREATE TRIGGER entry_came AFTER INSERT ON entries WHEN NEW.state = 'published'
        BEGIN {_QUEUE.format(seq="NEW.seq")} END""",
    f"""CREATE TRIGGER entry_changed AFTER UPDATE OF title, summary, content, state, tags ON entries WHEN {_CHANGED}
        BEGIN {_QUEUE.format(seq="NEW.seq")} END""",
    f"""CREATE TRIGGER entry_went AFTER DELETE ON entries
        BEGIN {_QUEUE.format(seq="OLD.seq")} END""",
)


@migrations()
def queue_for_the_search_index(db: Database) -> None:
    """What came, changed or went stands in a queue until the search index has taken it in."""
    for statement in _TO_INDEX:
        db.execute(statement)


_HISTORY = (
    "ALTER TABLE entries ADD COLUMN retouched INTEGER NOT NULL DEFAULT 0",
    """CREATE TABLE revisions (
        id INTEGER PRIMARY KEY,
        info_code TEXT NOT NULL,
        revision INTEGER NOT NULL,
        source TEXT NOT NULL,
        title TEXT NOT NULL,
        since TEXT NOT NULL,
        updated TEXT NOT NULL,
        replaced_at TEXT NOT NULL,
        body BLOB NOT NULL,
        UNIQUE (info_code, revision)
    ) STRICT""",
)


@migrations()
def history(db: Database) -> None:
    """The wordings that articles had before; `body` is zlib over JSON: summary, content, author, link."""
    for statement in _HISTORY:
        db.execute(statement)


@migrations()
def withdrawals(db: Database) -> None:
    """Which articles a source took back, when we saw it, when it says that it did, and its remark."""
    db.execute(
        """CREATE TABLE withdrawals (
            info_code TEXT NOT NULL,
            source TEXT NOT NULL,
            guid TEXT NOT NULL,
            noted_at TEXT NOT NULL,
            said_at TEXT,
            comment TEXT NOT NULL,
            PRIMARY KEY (info_code, source)
        ) STRICT, WITHOUT ROWID"""
    )


_ARCHIVES = (
    "ALTER TABLE entry_channels ADD COLUMN archive INTEGER",
    "ALTER TABLE entry_channels ADD COLUMN place INTEGER",
    "ALTER TABLE entry_channels ADD COLUMN frozen TEXT",
    """CREATE INDEX entry_channels_current ON entry_channels (slug, sort_date DESC, seq DESC, info_code)
        WHERE archive IS NULL""",
    """CREATE INDEX entry_channels_archived ON entry_channels (slug, archive, place DESC, info_code)
        WHERE archive IS NOT NULL""",
    """CREATE TABLE archives (
        slug TEXT NOT NULL REFERENCES channels (slug),
        number INTEGER NOT NULL,
        capacity INTEGER NOT NULL,
        filled INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (slug, number)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE retractions (
        slug TEXT NOT NULL,
        info_code TEXT NOT NULL,
        at TEXT NOT NULL,
        PRIMARY KEY (slug, info_code)
    ) STRICT, WITHOUT ROWID""",
    "CREATE INDEX retractions_at ON retractions (at)",
)


@migrations()
def archives(db: Database) -> None:
    """Channels' archives: where an article stands in them and what it was like; and what was retracted from where."""
    for statement in _ARCHIVES:
        db.execute(statement)


_RAW = (
    """CREATE TABLE raw_documents (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        source TEXT NOT NULL,
        url TEXT NOT NULL,
        content_type TEXT NOT NULL,
        fetched_at TEXT NOT NULL,
        size INTEGER NOT NULL,
        body BLOB NOT NULL
    ) STRICT""",
    "CREATE INDEX raw_documents_source ON raw_documents (source, id, size)",
)


@migrations()
def raw_documents(db: Database) -> None:
    """The last documents of each source, compressed by zlib; `size` is what that came to."""
    for statement in _RAW:
        db.execute(statement)


@migrations()
def the_last_document_of_a_source(db: Database) -> None:
    """The entries that a source's last document held, without their texts: what it repeats is not read again."""
    db.execute(
        """CREATE TABLE last_documents (
            source TEXT PRIMARY KEY,
            config_hash TEXT NOT NULL,
            entries TEXT NOT NULL
        ) STRICT"""
    )


_HELD = (
    "ALTER TABLE entries ADD COLUMN held_since TEXT",
    "ALTER TABLE entries ADD COLUMN held_reason TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE entries ADD COLUMN held_for_review INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE entries ADD COLUMN held_as TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE entries ADD COLUMN missing_since TEXT",
    "CREATE INDEX entries_held ON entries (source, seq) WHERE state = 'held'",
    "ALTER TABLE sources ADD COLUMN review_since TEXT",
    "ALTER TABLE sources ADD COLUMN review_reason TEXT NOT NULL DEFAULT ''",
)


@migrations()
def held_articles(db: Database) -> None:
    """Why an article is held, since when, what it is afterwards; and which sources wait for the operator's word."""
    for statement in _HELD:
        db.execute(statement)


_STORIES = (
    "ALTER TABLE aliases ADD COLUMN source TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE provenance ADD COLUMN why TEXT NOT NULL DEFAULT ''",
    """CREATE TABLE fingerprints (
        id INTEGER PRIMARY KEY,
        info_code TEXT NOT NULL UNIQUE,
        version INTEGER NOT NULL,
        seen TEXT NOT NULL,
        sort_date TEXT NOT NULL,
        length INTEGER NOT NULL,
        bands BLOB NOT NULL,
        sketch BLOB NOT NULL,
        figures BLOB NOT NULL
    ) STRICT""",
    "CREATE INDEX fingerprints_seen ON fingerprints (seen)",
    """CREATE TABLE fingerprint_bands (
        band INTEGER NOT NULL,
        day INTEGER NOT NULL,
        id INTEGER NOT NULL,
        PRIMARY KEY (band, day, id)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE tellings (
        code TEXT PRIMARY KEY,
        info_code TEXT NOT NULL,
        source TEXT NOT NULL,
        title TEXT NOT NULL,
        link TEXT NOT NULL,
        entry TEXT NOT NULL,
        sort_date TEXT NOT NULL,
        updated TEXT NOT NULL,
        first_seen TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
    "CREATE UNIQUE INDEX tellings_of ON tellings (info_code, source)",
    """CREATE TABLE apart (
        info_code TEXT NOT NULL,
        other TEXT NOT NULL,
        digest TEXT NOT NULL,
        since TEXT NOT NULL,
        PRIMARY KEY (info_code, other)
    ) STRICT, WITHOUT ROWID""",
)


@migrations()
def stories(db: Database) -> None:
    """Which source brought a name, fingerprints of texts with an index of their bands by day, what several sources tell
    of one article (each with its text), and which articles are never to be one."""
    for statement in _STORIES:
        db.execute(statement)


_ORIGINS = (
    """CREATE TABLE readings (
        id INTEGER PRIMARY KEY,
        source TEXT NOT NULL,
        at TEXT NOT NULL,
        url TEXT NOT NULL,
        status INTEGER NOT NULL,
        redirects TEXT NOT NULL,
        content_type TEXT NOT NULL,
        format TEXT NOT NULL,
        entries INTEGER NOT NULL,
        notes TEXT NOT NULL
    ) STRICT""",
    "ALTER TABLE provenance ADD COLUMN read_id INTEGER",
    "ALTER TABLE provenance ADD COLUMN matched TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE entries ADD COLUMN read_id INTEGER",
    "ALTER TABLE entry_channels ADD COLUMN rule TEXT NOT NULL DEFAULT ''",
)


@migrations()
def origins(db: Database) -> None:
    """How documents were fetched and read that brought or changed articles; by what name each was recognised, and by
    which of its source's rules it stands in its channels."""
    for statement in _ORIGINS:
        db.execute(statement)


_RETENTION = (
    "ALTER TABLE entries ADD COLUMN dropped_at TEXT",
    "CREATE INDEX entries_of_source ON entries (source, sort_date DESC, seq DESC) WHERE state = 'published'",
    "CREATE INDEX entries_dropped ON entries (info_code) WHERE dropped_at IS NOT NULL",
)


@migrations()
def retention(db: Database) -> None:
    """When an article was dropped because it is not kept for ever: its text is gone, its code and names are not."""
    for statement in _RETENTION:
        db.execute(statement)


_STATUS = (
    """CREATE TABLE counts (
        name TEXT NOT NULL,
        at TEXT NOT NULL,
        label TEXT NOT NULL,
        n INTEGER NOT NULL,
        PRIMARY KEY (name, at, label)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE troubles (
        subject TEXT PRIMARY KEY,
        state TEXT NOT NULL,
        detail TEXT NOT NULL,
        since TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE events (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        code TEXT NOT NULL UNIQUE,
        at TEXT NOT NULL,
        subject TEXT NOT NULL,
        kind TEXT NOT NULL,
        title TEXT NOT NULL,
        text TEXT NOT NULL
    ) STRICT""",
    """CREATE TABLE readers (
        slug TEXT NOT NULL,
        reader BLOB NOT NULL,
        n INTEGER NOT NULL,
        PRIMARY KEY (slug, reader)
    ) STRICT, WITHOUT ROWID""",
    """CREATE TABLE reader_salt (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        day TEXT NOT NULL,
        salt BLOB NOT NULL
    ) STRICT""",
)


@migrations()
def status(db: Database) -> None:
    """Counts by hour and day, what was told to the operator and is not over, and who read what today, as digests under
    a salt that lasts as long."""
    for statement in _STATUS:
        db.execute(statement)


_RULED = (
    "ALTER TABLE entries ADD COLUMN ruled_out_by TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE entries ADD COLUMN edition TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE sources ADD COLUMN category_from TEXT",
    "ALTER TABLE sources ADD COLUMN placed_by TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX provenance_source ON provenance (source, info_code)",
)


@migrations()
def rules(db: Database) -> None:
    """Which rule of the operator drops an article (it is held then), a digest of the words that rules give it, from
    what a source takes its articles' categories (NULL: not known), and a digest of all that they were placed by."""
    for statement in _RULED:
        db.execute(statement)


_DROPPED = (
    "ALTER TABLE entry_channels ADD COLUMN dropped INTEGER NOT NULL DEFAULT 0",
    """UPDATE entry_channels SET dropped = 1
        WHERE info_code IN (SELECT info_code FROM entries WHERE dropped_at IS NOT NULL)""",
    "CREATE INDEX entry_channels_dropped ON entry_channels (slug) WHERE dropped",
)


@migrations()
def places_of_dropped_articles(db: Database) -> None:
    """Which places in archives are those of articles that are not kept any more: channels do not count them."""
    for statement in _DROPPED:
        db.execute(statement)


_INDEXED = ("title", "summary", "content", "state", "tags", "author", "outlet", "sort_date")
_CHANGED_AT_ALL = " OR ".join(f"OLD.{name} IS NOT NEW.{name}" for name in _INDEXED)
_TO_INDEX_AGAIN = (
    "DROP TRIGGER entry_changed",
    f"""CREATE TRIGGER entry_changed AFTER UPDATE OF {", ".join(_INDEXED)} ON entries WHEN {_CHANGED_AT_ALL}
        BEGIN {_QUEUE.format(seq="NEW.seq")} END""",
    """CREATE TRIGGER source_hidden AFTER UPDATE OF private ON sources WHEN OLD.private IS NOT NEW.private
        BEGIN INSERT INTO index_queue (seq, stamp) SELECT seq, lower(hex(randomblob(8))) FROM entries
            WHERE source IN (SELECT name FROM sources WHERE name = NEW.name OR parent = NEW.name)
        ON CONFLICT (seq) DO UPDATE SET stamp = excluded.stamp; END""",
)


@migrations()
def all_that_search_shows(db: Database) -> None:
    """What is searched follows an article's author, outlet and date as well, and a source that becomes private."""
    for statement in _TO_INDEX_AGAIN:
        db.execute(statement)


_LISTS = (
    "ALTER TABLE channels ADD COLUMN articles INTEGER NOT NULL DEFAULT 0",
    """UPDATE channels SET articles =
        (SELECT count(*) FROM entry_channels ec WHERE ec.slug = channels.slug AND NOT ec.dropped)""",
    """CREATE TRIGGER article_joined AFTER INSERT ON entry_channels WHEN NOT NEW.dropped
        BEGIN UPDATE channels SET articles = articles + 1 WHERE slug = NEW.slug; END""",
    """CREATE TRIGGER article_left AFTER DELETE ON entry_channels WHEN NOT OLD.dropped
        BEGIN UPDATE channels SET articles = articles - 1 WHERE slug = OLD.slug; END""",
    """CREATE TRIGGER article_moved AFTER UPDATE OF slug, dropped ON entry_channels
        BEGIN
            UPDATE channels SET articles = articles - 1 WHERE slug = OLD.slug AND NOT OLD.dropped;
            UPDATE channels SET articles = articles + 1 WHERE slug = NEW.slug AND NOT NEW.dropped;
        END""",
    "ALTER TABLE sources ADD COLUMN page INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX sources_page ON sources (page, position, name)",
)


@migrations()
def lists_that_do_not_grow(db: Database) -> None:
    """How many articles each channel has, counted as they come and go; and the page of the list of sources that shows
    a source (0: none)."""
    for statement in _LISTS:
        db.execute(statement)


@migrations()
def archives_with_what_was_said_before(db: Database) -> None:
    """The archives in which something stands as it was before are found without looking through all of them."""
    db.execute(
        """CREATE INDEX entry_channels_frozen ON entry_channels (slug, archive)
            WHERE frozen IS NOT NULL AND archive IS NOT NULL"""
    )


_DATES = (
    "CREATE INDEX entries_dates ON entries (source, seq DESC, sort_date, state, ruled_out_by)",
    "DROP INDEX entries_source",
)


@migrations()
def dates_beside_the_texts(db: Database) -> None:
    """When the articles of a source came out is asked at each poll: read from an index, it costs no look at texts."""
    for statement in _DATES:
        db.execute(statement)


@migrations()
def bodies_as_they_came(db: Database) -> None:
    """What the last body of a source is known again by before it is decoded."""
    db.execute("ALTER TABLE sources ADD COLUMN wire TEXT NOT NULL DEFAULT ''")


_STRANGE_AGAIN = """UPDATE last_documents SET familiar = json_remove(familiar, '$."' || OLD.info_code || '"')
    WHERE familiar <> '{}'"""
_BROUGHT_IT = "source IN (SELECT source FROM provenance WHERE info_code = OLD.info_code)"
_JUDGED_BY = (
    *("info_code", "source", "guid", "link", "title", "fingerprint", "published", "updated", "article_url"),
    *("state", "ruled_out_by", "held_for_review"),
)
_FAMILIAR = (
    "ALTER TABLE last_documents ADD COLUMN familiar TEXT NOT NULL DEFAULT '{}'",
    "ALTER TABLE last_documents ADD COLUMN familiar_to TEXT NOT NULL DEFAULT ''",
    f"""CREATE TRIGGER familiar_entry_changed AFTER UPDATE OF {", ".join(_JUDGED_BY)} ON entries
        BEGIN {_STRANGE_AGAIN} AND {_BROUGHT_IT}; END""",
    f"CREATE TRIGGER familiar_entry_went AFTER DELETE ON entries BEGIN {_STRANGE_AGAIN} AND {_BROUGHT_IT}; END",
    f"CREATE TRIGGER familiar_name_changed AFTER UPDATE ON aliases BEGIN {_STRANGE_AGAIN} AND {_BROUGHT_IT}; END",
    f"CREATE TRIGGER familiar_name_went AFTER DELETE ON aliases BEGIN {_STRANGE_AGAIN} AND {_BROUGHT_IT}; END",
    f"""CREATE TRIGGER familiar_source_changed AFTER UPDATE OF info_code, source, row_fingerprint ON provenance
        BEGIN {_STRANGE_AGAIN} AND source = OLD.source; END""",
    f"""CREATE TRIGGER familiar_source_went AFTER DELETE ON provenance
        BEGIN {_STRANGE_AGAIN} AND source = OLD.source; END""",
)


@migrations()
def familiar_entries(db: Database) -> None:
    """Which entries of a source's last document need no second look, by the codes of their articles, and which release
    of ours judged them. Whatever changes of an article that they were judged by makes them strange again."""
    for statement in _FAMILIAR:
        db.execute(statement)

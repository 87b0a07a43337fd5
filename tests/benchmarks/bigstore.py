"""A store with very many articles, written as rows straight away: what fetching them would have taken a day for.

The rows are those that a refresh and a publish leave behind, archives, names, fingerprints and readings included, in
the schema that the migrations make. Only the last days' fingerprints are there, as the others are forgotten.
"""

import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path

from tests.benchmarks.documents import text

ROOM = 50  # articles in an archive, and at most in a current document
_AT_ONCE = 10_000
_TEXTS = 997
_FINGERPRINTED = 100_000
_BANDS = 53_000_000  # below this are the sixteen smallest of the thirteen hundred hashes of a text
_BEGIN = datetime(2026, 11, 1, tzinfo=UTC)
Tell = Callable[[int, int], None]  # articles written, of all


def fill(
    path: Path,
    names: Sequence[str],
    slugs: Sequence[str],
    articles: int,
    characters: int = 300,
    tell: Tell | None = None,
) -> None:
    """Add articles to a store that has these sources and channels: source n names the channel n modulo their number."""
    texts = [text(random.Random(number), characters) for number in range(_TEXTS)]
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -1000000", "foreign_keys = OFF"):
            connection.execute(f"PRAGMA {pragma}")
        first = connection.execute("SELECT coalesce(max(seq), 0) FROM entries").fetchone()[0]
        connection.execute("BEGIN")
        for start in range(0, articles, _AT_ONCE):
            end = min(start + _AT_ONCE, articles)
            made = [_Article(n, first, names, slugs, articles, texts) for n in range(start, end)]
            for statement, rows in _ROWS.items():
                connection.executemany(statement, (row for article in made for row in rows(article)))
            if tell:
                tell(end, articles)
        _open_archives(connection, slugs, articles)
        connection.execute("DELETE FROM index_queue")
        connection.execute("DELETE FROM marks")
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = WAL")


def quieten(path: Path, names: Sequence[str], now: datetime) -> None:
    """Let sources look as if each had answered lately and were due in some hours, none of them soon; the loopback
    origin answers 304 to them."""
    rows = [
        {"name": name, "next": _time(now + timedelta(hours=2, seconds=number * 7 % 80_000)), "now": _time(now)}
        for number, name in enumerate(names)
    ]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(_QUIET, rows)


def make_due(path: Path, names: Sequence[str], now: datetime) -> None:
    """Let sources be due."""
    with closing(sqlite3.connect(path, timeout=30)) as connection, connection:
        connection.executemany(
            "UPDATE sources SET next_fetch_at = :now WHERE name = :name",
            [{"name": name, "now": _time(now - timedelta(seconds=1))} for name in names],
        )


class _Article:
    """One of them, and the place that it has in its channel: the newest stand in the current document."""

    def __init__(
        self, number: int, first: int, names: Sequence[str], slugs: Sequence[str], articles: int, texts: Sequence[str]
    ) -> None:
        self.seq = first + number + 1
        self.source = names[number % len(names)]
        at = number % len(names) % len(slugs)
        self.slug = slugs[at]
        self.code = blake2b(f"{self.source}/{number}".encode(), digest_size=10).hexdigest()
        self.link = f"https://{self.source}.example/a/{number}.html"
        self.text = texts[number % len(texts)]
        self.title = self.text[3:21]
        self.time = _time(_BEGIN + timedelta(seconds=number * 1_500_000 // articles))
        place = number // len(slugs)  # in its channel, from the oldest on
        self.archive, self.place = place // ROOM + 1, place % ROOM + 1
        if self.archive > _archives(slugs, articles):
            self.archive = self.place = 0
        self.fingerprinted = number >= articles - _FINGERPRINTED


def _archives(slugs: Sequence[str], articles: int) -> int:
    """How many full archives each channel has."""
    return max(articles // len(slugs) // ROOM - 1, 0)


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _entry(one: _Article) -> Iterator[tuple[object, ...]]:
    row = (one.seq, one.code, one.source, one.link, one.link, one.title, one.title, one.text, "zh")
    yield (*row, one.time, one.time, one.time, one.time, one.code, one.seq)


def _aliases(one: _Article) -> Iterator[tuple[object, ...]]:
    for kind, value in (("code", one.code), ("guid", one.link), ("url", one.link), ("text", one.code + "t")):
        yield kind, value, one.code, one.source


def _trace(one: _Article) -> Iterator[tuple[object, ...]]:
    yield one.code, one.source, one.link, one.link, one.time, one.seq


def _place(one: _Article) -> Iterator[tuple[object, ...]]:
    yield one.code, one.slug, one.source, one.time, one.seq, one.archive or None, one.place or None


def _reading(one: _Article) -> Iterator[tuple[object, ...]]:
    yield one.seq, one.source, one.time, one.link


def _fingerprint(one: _Article) -> Iterator[tuple[object, ...]]:
    if one.fingerprinted:
        spread = blake2b(one.code.encode(), digest_size=64).digest()
        bands = b"".join((int.from_bytes(spread[at : at + 4]) % _BANDS).to_bytes(4) for at in range(0, 64, 4))
        yield one.seq, one.code, one.time, one.time, bands, b"\3" + spread * 10


def _bands(one: _Article) -> Iterator[tuple[object, ...]]:
    for *_, bands, _ in _fingerprint(one):
        day = datetime.fromisoformat(one.time).toordinal()
        for at in range(0, 64, 4):
            yield int.from_bytes(bands[at : at + 4]), day, one.seq


def _open_archives(connection: sqlite3.Connection, slugs: Sequence[str], articles: int) -> None:
    last = _archives(slugs, articles)
    rows = [(slug, number, ROOM, ROOM if number <= last else 0) for slug in slugs for number in range(1, last + 2)]
    connection.executemany("INSERT INTO archives (slug, number, capacity, filled) VALUES (?, ?, ?, ?)", rows)


_QUIET = """UPDATE sources SET next_fetch_at = :next, next_reason = 'every hour', last_fetch_at = :now,
    etag = '"' || substr(name, 3) || '-0"', validators_url = url,
    last_success_at = :now, last_new_at = :now, last_outcome = 'ok', usual_seconds = 3600,
    title = name, link = 'https://' || name || '.example/' WHERE name = :name"""

_ROWS: dict[str, Callable[[_Article], Iterator[tuple[object, ...]]]] = {
    """INSERT INTO entries (seq, info_code, source, guid, link, title, summary, content, language, published, updated,
        first_seen, sort_date, fingerprint, read_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""": _entry,
    "INSERT INTO aliases (kind, value, info_code, source) VALUES (?, ?, ?, ?)": _aliases,
    """INSERT INTO provenance (info_code, source, guid, link, first_seen, row_fingerprint, read_id)
        VALUES (?, ?, ?, ?, ?, '', ?)""": _trace,
    """INSERT INTO entry_channels (info_code, slug, source, sort_date, seq, archive, place, rule)
        VALUES (?, ?, ?, ?, ?, ?, ?, 'category')""": _place,
    """INSERT INTO readings (id, source, at, url, status, redirects, content_type, format, entries, notes)
        VALUES (?, ?, ?, ?, 200, '[]', 'application/xml', 'rss20', 50, '[]')""": _reading,
    """INSERT INTO fingerprints (id, info_code, version, seen, sort_date, length, bands, sketch, figures)
        VALUES (?, ?, 1, ?, ?, 1245, ?, ?, x'00')""": _fingerprint,
    "INSERT OR IGNORE INTO fingerprint_bands (band, day, id) VALUES (?, ?, ?)": _bands,
}

"""How the store could keep its texts: pages of several sizes, plain or compressed, each with the table and the indexes
that the migrations make. What an article takes, what it costs to insert and to read, and how long a backup takes.

The texts are Chinese prose of 40,000 words in paragraphs; zstd has a dictionary trained on a thousand of them.
"""

import random
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from aggregator.store import Store
from tests.benchmarks.search import Prose

_POOL = 4_000  # texts, of which each article has two halves
_TOGETHER = 50  # articles in a transaction, and in a reading
_READINGS = 400
_DICTIONARY = 110 * 1024
_SAMPLES = 1_000
Pack = tuple[Callable[[str], object], Callable[[object], str]]
Tell = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Layout:
    """What a layout costs. Times are CPU, medians but for the backup's, which is by the clock beside its CPU."""

    name: str
    articles: int
    bytes_an_article: float
    insert_us: float  # an article
    read_50_us: float
    heads_us: float  # the dates of the newest twenty of a source
    backup_seconds: float
    backup_cpu: float


def measure(articles: int, folder: Path, tell: Tell | None = None) -> list[Layout]:
    """Fill a store in each layout, one after the other, and measure it."""
    texts, samples = _texts(min(_POOL, articles), min(_SAMPLES, articles))
    packs: dict[str, Pack] = {"plain": (str, str), "zlib 6": _zlib()}
    if find_spec("zstandard"):
        packs["zstd 3, dictionary"] = _zstd(samples)
    kinds = [(size, pack) for pack in packs for size in (4096, 8192, 16384)]
    return [_measured(f"{size}, {pack}", size, packs[pack], texts, articles, folder, tell) for size, pack in kinds]


def _texts(pool: int, samples: int) -> tuple[list[str], list[str]]:
    """Give texts of about thirteen hundred characters, and others of the same words to train a dictionary on."""
    prose = Prose()
    made = ["<p>" + "</p>\n<p>".join(prose.sentence(145) for _ in range(4)) + "</p>" for _ in range(pool + samples)]
    return made[:pool], made[pool:]


def _zlib() -> Pack:
    return lambda text: zlib.compress(text.encode(), 6), lambda blob: zlib.decompress(blob).decode()  # type: ignore


def _zstd(samples: list[str]) -> Pack:
    import zstandard

    given = [text.encode() for text in samples]
    dictionary = zstandard.train_dictionary(min(_DICTIONARY, sum(map(len, given)) // 10), given)
    packer = zstandard.ZstdCompressor(level=3, dict_data=dictionary)
    opener = zstandard.ZstdDecompressor(dict_data=dictionary)
    return lambda text: packer.compress(text.encode()), lambda blob: opener.decompress(blob).decode()  # type: ignore


def _measured(
    name: str, page_size: int, pack: Pack, texts: list[str], articles: int, folder: Path, tell: Tell | None
) -> Layout:
    path, copy = folder / "layout.db", folder / "copy.db"
    for file in (path, copy):
        file.unlink(missing_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        _open(connection, page_size)
        said = (lambda done: tell(name, done, articles)) if tell else None
        inserts = list(_filled(connection, pack[0], texts, articles, said))
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        reads = [_taken(lambda: _read(connection, pack[1], articles)) for _ in range(min(_READINGS, articles))]
        heads = [_taken(lambda: _heads(connection, articles)) for _ in range(min(_READINGS, articles))]
        begun, cpu = time.perf_counter(), time.process_time()
        connection.execute("VACUUM INTO ?", (str(copy),))
        backup = time.perf_counter() - begun, time.process_time() - cpu
    size = path.stat().st_size / articles
    copy.unlink()
    path.unlink()
    per_article = median(inserts) * 1e6 / _TOGETHER
    return Layout(name, articles, size, per_article, median(reads) * 1e6, median(heads) * 1e6, *backup)


def _open(connection: sqlite3.Connection, page_size: int) -> None:
    """Make the table of articles and its indexes as the migrations do, with a text that may be packed.

    What is safe on disk when does not count here: it costs the same in each.
    """
    connection.execute(f"PRAGMA page_size = {page_size}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = OFF")
    with Store(Path(":memory:")) as store:
        made = store._rows("SELECT sql FROM sqlite_master WHERE tbl_name = 'entries' AND sql <> '' ORDER BY rowid")
    for row in made:
        if "TRIGGER" not in row["sql"]:
            connection.execute(row["sql"].replace("content TEXT", "content ANY"))


def _filled(
    connection: sqlite3.Connection,
    pack: Callable[[str], object],
    texts: list[str],
    articles: int,
    tell: Callable[[int], None] | None,
) -> Iterator[float]:
    """Insert articles, some in each transaction; give the CPU seconds of each."""
    pick = random.Random(3)
    for start in range(0, articles, _TOGETHER):
        rows = [_row(number, texts, pick) for number in range(start, min(start + _TOGETHER, articles))]
        begun = time.process_time()
        connection.execute("BEGIN")
        connection.executemany(_INSERT, ((*row, pack(text)) for *row, text in rows))
        connection.execute("COMMIT")
        yield time.process_time() - begun
        if tell and start % 5_000 == 0:
            tell(start)
    if tell:
        tell(articles)


def _row(number: int, texts: list[str], pick: random.Random) -> tuple[object, ...]:
    one, other = pick.choice(texts), pick.choice(texts)
    text = one[: len(one) // 2] + other[len(other) // 2 :]
    when = f"2026-{1 + number % 12:02}-{1 + number % 28:02}T00:00:00Z"
    link = f"https://paper{number % 997}.example/a/{number}.html"
    return _code(number), f"s{number % 997}", link, link, text[3:20], when, when, when, f"{number:032x}", text


def _code(number: int) -> str:
    return f"{number * 2_654_435_761 % 2**61:016x}"  # in no order, as digests are


def _read(connection: sqlite3.Connection, unpack: Callable[[object], str], articles: int) -> None:
    wanted = [_code(random.randrange(articles)) for _ in range(_TOGETHER)]
    marks = ",".join("?" * len(wanted))
    found = connection.execute(f"SELECT title, sort_date, content FROM entries WHERE info_code IN ({marks})", wanted)
    assert all(unpack(content) for _, _, content in found)


def _heads(connection: sqlite3.Connection, articles: int) -> None:
    source = f"s{random.randrange(min(articles, 997))}"
    assert connection.execute(
        "SELECT sort_date, state FROM entries WHERE source = ? ORDER BY seq DESC LIMIT 20", (source,)
    ).fetchall()


def _taken(work: Callable[[], None]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


_INSERT = """INSERT INTO entries (info_code, source, guid, link, title, updated, first_seen, sort_date, fingerprint,
    content) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""

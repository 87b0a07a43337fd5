"""Copies of the store: made while it is in use, examined, and put in its place again.

A copy is made by `VACUUM INTO`: one read transaction, whoever writes meanwhile (copying with `backup` in steps begins
anew at each write of another process). Nothing here changes a store that it only looks at, nor removes one.
"""

import os
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from aggregator.errors import StoreError
from aggregator.store import search
from aggregator.store.faults import in_words
from aggregator.store.migrations import migrations
from aggregator.store.sqlite import BUSY_SECONDS, Store

_BESIDE = ("-wal", "-shm", "-journal")  # what SQLite keeps of an open file beside it
_MOST_FAULTS = 20


@dataclass(frozen=True, slots=True)
class Condition:
    """What a file holds. `faults` says, in words, why it is no whole store of ours; then the rest may be empty.

    `outdated` are the steps of the schema that it lacks, and `unknown` those that only a newer version knows.
    """

    faults: tuple[str, ...] = ()
    outdated: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    entries: int = 0
    channels: int = 0
    last_fetch_at: str = ""
    marks: int = 0


def back_up(store: Path, target: Path) -> Condition:
    """Copy a store as it is at this moment, and give what the copy holds. The target appears whole or not at all.

    Raises:
        StoreError: when there is no store, when the target exists, or when the copy is not whole.
    """
    if not store.exists():
        raise StoreError(f"{store}: there is no store yet")
    if target.exists():
        raise StoreError(f"{target}: exists already, and is not written over; give another name")
    with _reporting(target, "cannot be written"), _temporary(target) as copy:
        _copy(store, copy)
        _flush(copy)
        condition = examine(copy)
        if condition.faults:
            raise StoreError(f"{store}: cannot be copied whole: {condition.faults[0]}; `aggregator doctor` says more")
        os.link(copy, target)  # unlike a rename, never over a file that came meanwhile
        _flush(target.parent)
    return condition


def _copy(store: Path, target: Path) -> None:
    try:
        with closing(_opened(store)) as connection:
            connection.execute("VACUUM INTO ?", (str(target),))
    except sqlite3.OperationalError:  # the target's: no room, no folder
        raise
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{store}: cannot be copied: {in_words(error)}") from error


def examine(path: Path) -> Condition:
    """Read a file through, and say whether it is a whole store. It is left as it is."""
    try:
        with closing(_opened(path)) as connection:
            return _examined(connection)
    except (OSError, sqlite3.Error) as error:
        return Condition((f"cannot be read: {error}",))


def _examined(connection: sqlite3.Connection) -> Condition:
    applied, ours = migrations.applied(connection), migrations.names
    if not applied:
        return Condition(("it is no store of this program",))
    faults = [str(row[0]) for row in connection.execute(f"PRAGMA integrity_check({_MOST_FAULTS})")]
    faults = [fault for fault in faults if fault != "ok"]
    broken = connection.execute("PRAGMA foreign_key_check").fetchmany(_MOST_FAULTS)
    faults += [f"{table}: row {row} belongs to a row of {parent} that is missing" for table, row, parent, _ in broken]
    counts = connection.execute(_COUNTS).fetchone()
    return Condition(
        tuple(faults),
        tuple(name for name in ours if name not in applied),
        tuple(name for name in applied if name not in ours),
        *counts,
    )


_COUNTS = """SELECT (SELECT count(*) FROM entries WHERE state = 'published'), (SELECT count(*) FROM channels),
    (SELECT coalesce(max(last_fetch_at), '') FROM sources), (SELECT count(*) FROM marks)"""


def put_back(copy: Path, store: Path, aside: Path) -> Condition:
    """Put a copy in the place of a store, which is kept as `aside`; give what the copy holds.

    All that is published is to be rendered again, and the search index to be made anew.

    Raises:
        StoreError: when the copy is not whole or of a newer version, or when another process has the store open. Then
            nothing was changed.
    """
    condition = examine(copy) if copy.is_file() else Condition(("there is no such file",))
    if condition.faults:
        raise StoreError(f"{copy}: {condition.faults[0]}; the store was left as it is")
    if condition.unknown:
        fault = f"was written by a newer version of this program (it knows {condition.unknown[0]!r})"
        raise StoreError(f"{copy}: {fault}; restore it with that one. The store was left as it is")
    if store.exists() and store.samefile(copy):
        raise StoreError(f"{copy}: is the store itself")
    store.parent.mkdir(parents=True, exist_ok=True)
    with _reporting(store, "cannot be replaced"), _temporary(store) as whole:
        shutil.copyfile(copy, whole)
        _flush(whole)
        with _alone(store):
            _set_aside(store, aside)
            whole.replace(store)
        _flush(store.parent)
    search.forget(store)
    with Store(store) as opened:
        opened.mark_all()
    if aside.exists():
        with suppress(sqlite3.DatabaseError), closing(_opened(store)) as connection:  # it may be past reading
            connection.execute("ATTACH ? AS before", (str(aside),))
            connection.execute(_MARK_LOST)
    return condition


# What only the old store knew is published still; rendering it finds nothing, and takes the files away.
_MARK_LOST = """INSERT INTO main.marks (document, stamp)
    SELECT 'article/' || info_code, lower(hex(randomblob(8))) FROM before.entries
      WHERE info_code NOT IN (SELECT info_code FROM main.entries)
    UNION SELECT 'category/' || slug, lower(hex(randomblob(8))) FROM before.channels
      WHERE slug NOT IN (SELECT slug FROM main.channels)
    ON CONFLICT DO NOTHING"""


@contextmanager
def _alone(store: Path) -> Iterator[None]:
    """Hold a store so that nobody else has it open; all of it is in its one file then. One that is too broken to be
    held is not held.

    Whoever has a store open in WAL mode keeps a lock on it all the time, so leaving that mode finds them.
    """
    if not store.exists():
        yield
        return
    with closing(_opened(store, seconds=1)) as connection:
        try:
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise StoreError(f"{store}: another process has it open; stop the daemon first") from error
        except sqlite3.DatabaseError:
            pass  # no database any more: that is why it is replaced
        yield


def _set_aside(store: Path, aside: Path) -> None:
    """The file gets a second name first, so that there is a store under the first one at every moment."""
    if not store.exists():
        return
    os.link(store, aside)
    for ending in _BESIDE:
        with suppress(FileNotFoundError):
            Path(f"{store}{ending}").rename(f"{aside}{ending}")


def _opened(path: Path, seconds: float = BUSY_SECONDS) -> sqlite3.Connection:
    address = f"{path.absolute().as_uri()}?mode=rw"
    return sqlite3.connect(address, uri=True, timeout=seconds, isolation_level=None)


@contextmanager
def _temporary(target: Path) -> Iterator[Path]:
    path = target.with_name(f".{target.name}.{secrets.token_hex(6)}.part")
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def _reporting(path: Path, what: str) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"{path}: {what}: {error}") from error


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

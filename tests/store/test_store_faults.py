"""A store that cannot be used says what helps: a full disk, one that is read-only, a lock, a damaged page."""

import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from store_examples import NOW, arrival, fill

from aggregator.errors import StoreError
from aggregator.status import Change
from aggregator.store import Glance, Store
from aggregator.store.faults import in_words

Mount = Callable[..., None]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[tuple[Path, Mount]]:
    """A disk of two megabytes, and what mounts it anew."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(*options: str) -> None:
        subprocess.run(["mount", *options, str(folder)], check=True, capture_output=True)

    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    try:
        mount("-t", "tmpfs", "-o", "size=2m", "tmpfs")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no disk can be mounted here: {error.stderr!r}")
    yield folder, mount
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_named_and_once_there_is_room_the_store_goes_on(disk: tuple[Path, Mount]) -> None:
    folder, _ = disk
    with Store(folder / "a.db") as store:
        fill(store, 5, "keji")
        filler = folder / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(b"\0" * 65536):
                pass
        changes = [Change(f"source/{number}", "failing", None, "x" * 1000) for number in range(3000)]
        with pytest.raises(StoreError, match=r"a\.db: .*; the disk (is full: make room|refuses)"):
            store.tell(changes, NOW)
        assert store.told() == {}
        filler.unlink()
        store.tell(changes[:10], NOW)
        assert len(store.told()) == 10
        assert store.article("code-1") is not None


def test_a_disk_that_is_read_only_is_named(disk: tuple[Path, Mount]) -> None:
    folder, mount = disk
    with Store(folder / "a.db") as store:
        fill(store, 5, "keji")
    mount("-o", "remount,ro")
    try:
        with pytest.raises(StoreError, match=r"a\.db: the store cannot be opened: .*; look whether its (disk|folder)"):
            Store(folder / "a.db")
    finally:
        mount("-o", "remount,rw")


def test_a_lock_is_named_and_the_store_goes_on_after_it(tmp_path: Path) -> None:
    with Store(tmp_path / "a.db") as store, closing(sqlite3.connect(tmp_path / "a.db")) as other:
        store._connection.execute("PRAGMA busy_timeout = 50")  # thirty seconds are long for a test
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="database is locked; another process keeps it locked"):
            store.add([arrival(1)], NOW)
        other.rollback()
        store.mark(["feed"])
        assert set(store.marked()) == {"feed"}


def test_a_damaged_page_is_named_with_the_way_back(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Store(path) as store:
        fill(store, 300, "keji")
    with path.open("r+b") as file:
        for page in range(8, 60):
            file.seek(page * 4096)
            file.write(b"\xa5" * 4096)
    with pytest.raises(StoreError, match="aggregator restore FILE"), Glance(path) as store:
        store.articles_after(0, 1000)


def test_a_file_that_is_no_store_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"no database, but long enough to be read as one" * 100)
    with pytest.raises(StoreError, match="it is no store: `aggregator restore FILE`"):
        Store(tmp_path / "a.db")


def test_what_nobody_has_a_remedy_for_is_said_as_it_is() -> None:
    assert in_words(sqlite3.OperationalError("no such table: x")) == "no such table: x"

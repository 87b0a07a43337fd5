"""Copies of the store: whole whatever goes on beside them, never over a file, and put back without losing one."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from store_examples import NOW, arrival, configure, fill

from aggregator.errors import StoreError
from aggregator.store import SearchIndex, Store
from aggregator.store.backup import back_up, examine, put_back


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with Store(tmp_path / "a.db") as store:
        fill(store, 3, "keji")
        store.clear(store.marked())
    return tmp_path / "a.db"


@pytest.fixture
def copy(path: Path, tmp_path: Path) -> Path:
    back_up(path, tmp_path / "copy.db")
    return tmp_path / "copy.db"


def codes(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [code for (code,) in connection.execute("SELECT info_code FROM entries ORDER BY seq")]


def marks(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {document for (document,) in connection.execute("SELECT document FROM marks")}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def add(path: Path, *numbers: int) -> None:
    with Store(path) as store:
        store.add([arrival(number) for number in numbers], NOW)


def break_pages(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096 : len(data)] = b"\xab" * (len(data) - 4096)
    path.write_bytes(data)


def test_a_copy_holds_everything_that_was_committed_before_it_while_somebody_writes(tmp_path: Path) -> None:
    path, stop, written = tmp_path / "a.db", threading.Event(), []

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            with store.writing():
                store.add([arrival(number), arrival(1_000_000 + number)], NOW)
            written.append(number)

    with Store(path) as store:
        configure(store, "a")
        writer = threading.Thread(target=write)
        writer.start()
        try:
            for turn in range(4):
                committed = list(written)
                condition = back_up(path, tmp_path / f"{turn}.db")
                held = set(codes(tmp_path / f"{turn}.db"))
                assert condition.faults == ()
                assert {f"code-{number}" for number in committed} <= held
                assert len(held) % 2 == 0, "half a transaction"
        finally:
            stop.set()
            writer.join()
    assert len(written) > 4
    assert names(tmp_path) == ["0.db", "1.db", "2.db", "3.db", "a.db"]


def test_a_copy_is_never_written_over_anything_and_leaves_nothing_when_it_fails(path: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(StoreError, match="exists already"):
        back_up(path, tmp_path / "taken")
    with pytest.raises(StoreError, match="no store yet"):
        back_up(tmp_path / "nothing.db", tmp_path / "x.db")
    with pytest.raises(StoreError, match="cannot be written"):
        back_up(path, tmp_path / "nowhere" / "x.db")
    break_pages(path)
    with pytest.raises(StoreError):
        back_up(path, tmp_path / "x.db")
    assert names(tmp_path) == ["a.db", "taken"]
    assert (tmp_path / "taken").read_text() == "mine"


def test_an_examination_tells_what_is_wrong_and_changes_nothing(path: Path, tmp_path: Path) -> None:
    before = path.read_bytes()
    whole = examine(path)
    assert (whole.faults, whole.outdated, whole.unknown, whole.entries, whole.channels) == ((), (), (), 3, 1)
    assert path.read_bytes() == before
    (tmp_path / "text").write_text("no database" * 1000)
    assert "not a database" in examine(tmp_path / "text").faults[0]
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE t (x)")
    assert examine(tmp_path / "other.db").faults == ("it is no store of this program",)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM channels")
        connection.commit()
    assert "missing" in examine(path).faults[0]
    break_pages(path)
    assert examine(path).faults


def test_a_copy_takes_the_place_of_the_store_which_is_kept(path: Path, copy: Path, tmp_path: Path) -> None:
    add(path, 4, 5)
    with Store(path) as store, SearchIndex(store) as index:
        index.catch_up()
    put_back(copy, path, tmp_path / "aside.db")
    assert codes(path) == ["code-1", "code-2", "code-3"]
    assert codes(tmp_path / "aside.db") == ["code-1", "code-2", "code-3", "code-4", "code-5"]
    assert {"article/code-1", "article/code-4", "article/code-5", "category/keji", "feed"} <= marks(path)
    assert names(tmp_path) == ["a.db", "aside.db", "copy.db"]
    assert examine(path).faults == ()


def test_a_store_that_is_open_elsewhere_is_not_replaced(path: Path, copy: Path, tmp_path: Path) -> None:
    before = codes(path)
    with Store(path), pytest.raises(StoreError, match="another process has it open; stop the daemon first"):
        put_back(copy, path, tmp_path / "aside.db")
    assert codes(path) == before
    assert not (tmp_path / "aside.db").exists()
    put_back(copy, path, tmp_path / "aside.db")


def test_a_store_that_is_broken_or_missing_is_replaced(path: Path, copy: Path, tmp_path: Path) -> None:
    for broken in (b"not a database at all" * 500, b"", None):
        aside = tmp_path / f"aside-{len(names(tmp_path))}.db"
        path.unlink()
        if broken is not None:
            path.write_bytes(broken)
        put_back(copy, path, aside)
        assert codes(path) == ["code-1", "code-2", "code-3"]
        assert (aside.read_bytes() if aside.exists() else None) == broken


@pytest.fixture
def unfit(copy: Path, tmp_path: Path) -> dict[str, Path]:
    newer, broken = tmp_path / "newer.db", tmp_path / "broken.db"
    newer.write_bytes(copy.read_bytes())
    with closing(sqlite3.connect(newer)) as connection:
        connection.execute("UPDATE _sqlite_migrations SET name = 'of_tomorrow' WHERE name = 'history'")
        connection.commit()
    broken.write_bytes(copy.read_bytes())
    break_pages(broken)
    nothing = tmp_path / "nothing.db"
    return {"written by a newer version": newer, "cannot be read.* left as it is": broken, "no such file": nothing}


def test_a_copy_that_is_not_fit_leaves_the_store_as_it_was(path: Path, unfit: dict[str, Path], tmp_path: Path) -> None:
    before = path.read_bytes()
    for reason, unfit_copy in unfit.items():
        with pytest.raises(StoreError, match=reason):
            put_back(unfit_copy, path, tmp_path / "aside.db")
    with pytest.raises(StoreError, match="is the store itself"):
        put_back(path, path, tmp_path / "aside.db")
    assert path.read_bytes() == before
    assert not (tmp_path / "aside.db").exists()


def test_a_copy_of_an_older_version_is_brought_up_to_date(path: Path, copy: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("DELETE FROM _sqlite_migrations WHERE name = 'withdrawals'")
        connection.execute("DROP TABLE withdrawals")
        connection.commit()
    assert examine(copy).outdated == ("withdrawals",)
    put_back(copy, path, tmp_path / "aside.db")
    assert examine(path).outdated == ()
    assert examine(copy).outdated == ("withdrawals",), "the copy itself is left as it is"


def test_a_copy_of_a_damaged_store_is_refused_with_what_helps(path: Path, tmp_path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096 * 9)
        file.write(b"\x5a" * 4096 * 20)
    with pytest.raises(StoreError, match=r"a\.db: cannot be copied: .*aggregator restore FILE"):
        back_up(path, tmp_path / "late.db")
    assert names(tmp_path) == ["a.db"]

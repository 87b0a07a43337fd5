"""The file of the store: its schema, its transactions, and what is said when it cannot be used."""

import os
import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from store_examples import NOW, arrival, configure, fill

from aggregator.errors import StoreError
from aggregator.records import Alias
from aggregator.store import Store

NAMES = {  # DESIGN §4.7: people and programs look into the file by these
    "entries": "seq info_code source guid link title summary content author outlet language published updated "
    "first_seen sort_date revision",
    "aliases": "kind value info_code",
    "channels": "slug title",
    "entry_channels": "info_code slug",
    "sources": "name url etag last_modified next_fetch_at failures",
    "articles": "seq info_code title published source outlet author link channels revision first_seen",
}
ADD_FROM_ANOTHER_PROCESS = """
import sys
from pathlib import Path
from aggregator.store import Store
with Store(Path(sys.argv[1])) as store:
    for number in range(25):
        with store.writing():
            store.replace("count", str(int(store.keep("count", "0")) + 1))
"""


@contextmanager
def looking_in(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path)) as connection:
        yield connection


def test_a_new_file_gets_the_schema_and_opening_it_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "below" / "a folder" / "a.db"
    schemas = []
    for _ in range(3):
        with Store(path) as store:
            configure(store, "a")
        with looking_in(path) as connection:
            schemas.append(connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall())
    assert schemas[0] == schemas[1] == schemas[2]


def test_the_names_that_people_look_for_are_there(tmp_path: Path) -> None:
    Store(tmp_path / "a.db").close()
    with looking_in(tmp_path / "a.db") as connection:
        for table, columns in NAMES.items():
            found = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
            assert set(columns.split()) <= found, table


def test_tables_are_strict_the_log_is_ahead_and_every_commit_is_on_disk(tmp_path: Path) -> None:
    with Store(tmp_path / "a.db") as store, looking_in(tmp_path / "a.db") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert store._connection.execute("PRAGMA synchronous").fetchone()[0] == 2
        assert store._connection.execute("PRAGMA foreign_keys").fetchone()[0] == 1
        loose = connection.execute(
            """SELECT name FROM pragma_table_list WHERE type = 'table' AND NOT strict
                 AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '_sqlite_migrations'"""
        ).fetchall()
        assert loose == []
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(
                "INSERT INTO sources (name, url, kind, position, next_fetch_at) VALUES (1, 2, 3, 'x', 4)"
            )


def break_in_the_middle(store: Store) -> None:
    with store.writing():
        store.add([arrival(1)], NOW)
        with store.writing():
            store.mark(["feed"])
        with store.writing():
            raise ZeroDivisionError


def test_a_transaction_is_kept_whole_or_not_at_all_however_deep_it_breaks(tmp_path: Path) -> None:
    with Store(tmp_path / "a.db") as store:
        configure(store, "a")
        with pytest.raises(ZeroDivisionError):
            break_in_the_middle(store)
        assert store.known(["code-1"], "a") == {}
        assert store.codes_of([Alias("guid", "guid 1")]) == {}
        assert store.marked() == {}
        with store.writing(), store.writing():
            store.add([arrival(1)], NOW)
        assert set(store.known(["code-1"], "a")) == {"code-1"}


def test_an_article_that_breaks_a_rule_of_the_schema_undoes_its_whole_batch(tmp_path: Path) -> None:
    with Store(tmp_path / "a.db") as store:
        configure(store, "a")
        with pytest.raises(StoreError, match=re.escape(f"{tmp_path / 'a.db'}: UNIQUE constraint failed")):
            store.add([arrival(1), arrival(2), arrival(1)], NOW)
        assert store.newest(10) == []
        with pytest.raises(StoreError, match="FOREIGN KEY"):
            store.add([arrival(3, "unknown source")], NOW)
        store.add([arrival(3)], NOW)
        assert len(store.newest(10)) == 1


def test_a_transaction_that_was_open_at_the_end_is_undone(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.db")
    transaction = store.writing()
    transaction.__enter__()
    store.mark(["feed"])
    store.close()
    with Store(tmp_path / "a.db") as again:
        assert again.marked() == {}
    with pytest.raises(StoreError):
        transaction.__exit__(None, None, None)


def test_threads_of_one_store_take_turns(tmp_path: Path) -> None:
    with Store(tmp_path / "a.db") as store:
        store.keep("count", "0")

        def add() -> None:
            for _ in range(10):
                with store.writing():
                    store.replace("count", str(int(store.keep("count", "0")) + 1))

        threads = [threading.Thread(target=add) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert store.keep("count", "") == "60"


def test_two_processes_on_one_file_take_turns(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    command = [sys.executable, "-c", ADD_FROM_ANOTHER_PROCESS, str(path)]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    with Store(path) as store:
        for _ in range(25):
            with store.writing():
                store.replace("count", str(int(store.keep("count", "0")) + 1))
        for process in processes:
            _, told = process.communicate(timeout=30)
            assert (process.returncode, told) == (0, "")
        assert store.keep("count", "") == "75"


def test_a_reader_sees_the_last_whole_state_while_another_store_writes(tmp_path: Path) -> None:
    with Store(tmp_path / "a.db") as writer, Store(tmp_path / "a.db") as reader:
        fill(writer, 1, "keji")
        with writer.writing():
            writer.add([arrival(2)], NOW)
            assert [entry.info_code for entry in reader.newest(10)] == ["code-1"]
        assert [entry.info_code for entry in reader.newest(10)] == ["code-2", "code-1"]


def test_a_store_that_cannot_be_opened_is_named_with_the_cause(tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    (tmp_path / "text.db").write_text("this is no database, whatever its name says\n" * 100)
    (tmp_path / "file").write_text("")
    causes = {"folder.db": "unable to open", "text.db": "not a database", "file/a.db": "(Not a directory|File exists)"}
    for name, cause in causes.items():
        path = tmp_path / name
        with pytest.raises(StoreError, match=f"{re.escape(str(path))}: the store cannot be opened: .*{cause}"):
            Store(path)
    assert (tmp_path / "text.db").read_text().startswith("this is no database")


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes into read-only folders")
def test_a_read_only_folder_is_named_with_the_cause(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StoreError, match=f"{re.escape(str(tmp_path))}.*: the store cannot be opened"):
            Store(tmp_path / "a.db")
    finally:
        tmp_path.chmod(0o700)


def test_a_page_that_got_corrupt_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Store(path) as store:
        fill(store, 50, "keji")
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096 * 2)
        file.write(b"\xff" * (size - 4096 * 2))
    with pytest.raises(StoreError, match=re.escape(str(path))), Store(path) as store:
        store.newest(50)

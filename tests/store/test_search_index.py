"""The search index: it follows the store, ranks, shows where, and survives what can happen to a file."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from store_examples import NOW, arrival, configure, entry

from aggregator.errors import StoreError
from aggregator.records import Revision
from aggregator.store import SearchIndex, Store, shards
from aggregator.store.search import path_of


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "a.db") as store:
        configure(store, "a")
        yield store


@pytest.fixture
def index(store: Store) -> Iterator[SearchIndex]:
    with SearchIndex(store) as index:
        yield index


def fill(store: Store, *articles: tuple[int, str, str]) -> None:
    store.add(
        [arrival(number, title=title, content=f"<p>{text}</p>", outlet="") for number, title, text in articles], NOW
    )


def catch_up(index: SearchIndex) -> int:
    taken = 0
    while some := index.catch_up():
        taken += some
    return taken


def codes(index: SearchIndex, asked: str, **paged: int) -> list[str]:
    return [hit.entry.info_code for hit in index.find(asked, now=NOW, **paged).hits]


def test_it_finds_what_came_and_not_what_changed_or_was_retracted(store: Store, index: SearchIndex) -> None:
    fill(store, (1, "江西经济", "南昌消息"), (2, "天气", "南昌有雨"))
    assert codes(index, "南昌") == []
    assert catch_up(index) == 2
    assert set(codes(index, "南昌")) == {"code-1", "code-2"}
    store.revise([Revision("code-1", entry(1, title="江西", content="<p>九江消息</p>", outlet=""), (), NOW)], NOW)
    store.retract("code-2", NOW)
    assert codes(index, "南昌") == [], "what changed or went is not shown, even before the index knows"
    assert catch_up(index) == 2
    assert codes(index, "南昌") == []
    assert codes(index, "九江") == ["code-1"]
    assert catch_up(index) == 0


def test_titles_count_more_than_texts_and_news_more_than_the_old(store: Store, index: SearchIndex) -> None:
    fill(store, (1, "铜价上涨", "市场"), (2, "市场", "铜价"), (3, "市场", "铜价铜价铜价"))
    catch_up(index)
    assert codes(index, "铜价") == ["code-1", "code-3", "code-2"]
    old = replace(arrival(4, title="市场", content="<p>铜价铜价铜价</p>"), sort_date=NOW - timedelta(days=2000))
    store.add([old], NOW)
    catch_up(index)
    assert codes(index, "铜价")[-2:] == ["code-2", "code-4"]


def test_a_snippet_shows_the_place_and_marks_it(store: Store, index: SearchIndex) -> None:
    fill(store, (1, "标题", "开头" * 100 + "，南昌日报 reported <b>GDP</b> growth，" + "结尾" * 100))
    catch_up(index)
    for asked, marked in (("南昌", "南昌"), ("gdp", "GDP"), ("昌日 growth", "昌日")):
        hit = index.find(asked, now=NOW).hits[0]
        begin, end = hit.marks[0]
        assert hit.snippet[begin:end] == marked
        assert hit.snippet.startswith("…")
        assert hit.snippet.endswith("…")
        assert len(hit.snippet) <= 162


def test_pages_of_results_are_told_apart(store: Store, index: SearchIndex) -> None:
    fill(store, *((number, f"新闻 {number}", "南昌") for number in range(45)))
    catch_up(index)
    pages = [codes(index, "南昌", limit=20, offset=offset) for offset in (0, 20, 40)]
    assert [len(page) for page in pages] == [20, 20, 5]
    assert len({code for page in pages for code in page}) == 45
    assert [index.find("南昌", now=NOW, limit=20, offset=offset).more for offset in (0, 20, 40)] == [True, True, False]


def test_a_lost_or_broken_index_is_made_anew(store: Store, tmp_path: Path) -> None:
    fill(store, (1, "江西", "南昌"))
    with SearchIndex(store) as index:
        catch_up(index)
    for damage in (b"", b"no database at all " * 100, None):
        for leftover in tmp_path.glob("a.search.db*"):
            leftover.unlink()
        if damage is not None:
            path_of(store.path).write_bytes(damage)
        with SearchIndex(store) as index:
            assert catch_up(index) == 1
            assert codes(index, "南昌") == ["code-1"]


def test_the_index_of_another_store_is_not_believed(store: Store, tmp_path: Path) -> None:
    fill(store, (1, "江西", "南昌"))
    with Store(tmp_path / "b.db") as other:
        configure(other, "a")
        fill(other, (1, "别的", "九江"))
        with SearchIndex(other) as index:
            catch_up(index)
    os.replace(tmp_path / "b.search.db", tmp_path / "a.search.db")
    with SearchIndex(store) as index:
        catch_up(index)
        assert codes(index, "九江") == []
        assert codes(index, "南昌") == ["code-1"]


_FILL_AND_INDEX = """
import sys
from pathlib import Path
from aggregator.store import SearchIndex, Store
with Store(Path(sys.argv[1])) as store, SearchIndex(store) as index:
    print("ready", flush=True)
    while index.catch_up(7):
        print("step", flush=True)
"""


def test_killed_at_any_moment_it_goes_on_where_it_was(store: Store, tmp_path: Path) -> None:
    fill(store, *((number, f"新闻 {number}", f"南昌 number{number}") for number in range(300)))
    for steps in (0, 1, 5, 12):
        process = subprocess.Popen([sys.executable, "-c", _FILL_AND_INDEX, store.path], stdout=subprocess.PIPE)
        assert process.stdout is not None
        for _ in range(steps + 1):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    with SearchIndex(store) as index:
        catch_up(index)
        assert [codes(index, f"number{number}") for number in range(300)] == [[f"code-{n}"] for n in range(300)]
        for shard in shards.newest_first(index._db):
            index._db.execute(f"INSERT INTO words_{shard.id} (words_{shard.id}) VALUES ('integrity-check')")


def bits(index: SearchIndex) -> list[int]:
    """Of how many bits each shard consists."""
    ids = [shard.id for shard in shards.newest_first(index._db)]
    return [index._db.execute(f"SELECT count(DISTINCT segid) FROM words_{id}_idx").fetchone()[0] for id in ids]


def test_what_came_bit_by_bit_is_put_together_when_there_is_nothing_else_to_do(
    store: Store, index: SearchIndex
) -> None:
    fill(store, *((number, f"新闻 {number}", f"南昌 number{number}") for number in range(1_200)))
    assert index.merge() == 0, "nothing came yet"
    while index.catch_up(50):
        pass
    before = bits(index)
    steps = 0
    while index.merge():
        steps += 1
        assert codes(index, "number7") == ["code-7"]
    assert max(before) > 1
    assert set(bits(index)) == {1}
    assert 1 < steps < 50
    fill(store, (2_000, "新闻", "南昌"))
    catch_up(index)
    assert index.merge() == 0, "one more is not worth it"
    assert len(codes(index, "南昌", limit=1_000)) == 1_000


def test_a_shard_of_which_nothing_is_left_goes(store: Store, index: SearchIndex) -> None:
    fill(store, (1, "江西", "南昌"))
    catch_up(index)
    store.retract("code-1", NOW)
    catch_up(index)
    assert shards.newest_first(index._db) == []
    assert index.find("南昌", now=NOW).count == 0
    fill(store, (2, "江西", "南昌"))
    catch_up(index)
    assert codes(index, "南昌") == ["code-2"]


def test_closing_ends_the_queries_under_way_and_refuses_later_ones(store: Store) -> None:
    fill(store, (1, "江西", "南昌"))
    index = SearchIndex(store)
    catch_up(index)
    begun, never, found = threading.Event(), threading.Event(), []

    def goes_on() -> bool:
        begun.set()
        return never.wait(0.2)

    query = threading.Thread(target=lambda: found.append(index.find("南昌", now=NOW, is_given_up=goes_on)))
    query.start()
    assert begun.wait(10)
    index.close()
    query.join(10)
    assert len(found) == 1
    with pytest.raises(StoreError, match="is closed"):
        index.find("南昌", now=NOW)


def test_an_index_of_an_earlier_version_is_made_anew_in_its_place(store: Store, tmp_path: Path) -> None:
    fill(store, (1, "江西", "南昌"))
    with SearchIndex(store) as index:
        catch_up(index)
    with sqlite3.connect(tmp_path / "a.search.db") as old:
        old.executescript("""UPDATE meta SET value = 'x' || value; DROP TABLE shards; DROP TABLE texts;
            CREATE TABLE shards (id INTEGER PRIMARY KEY); CREATE TABLE texts (seq INTEGER PRIMARY KEY);
            CREATE VIRTUAL TABLE words USING fts5 (title, body, content = '');""")
    old.close()
    with SearchIndex(store) as index:
        assert catch_up(index) == 1
        assert codes(index, "南昌") == ["code-1"]
        assert len(shards.newest_first(index._db)) == 1

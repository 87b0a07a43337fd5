"""Lists do not grow with the store: sources come in pages, and channels know how many articles they have."""

import sqlite3
from contextlib import closing
from itertools import chain
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlite_utils import Database
from store_examples import NOW, arrival, configure, fill, open_channel

from aggregator.records import Kept, Retention
from aggregator.store import Store
from aggregator.store.listings import PAGE
from aggregator.store.migrations import migrations

STEPS = {
    "add": lambda store, number: (store.add([arrival(number)], NOW), store.place(f"code-{number}", "a", ["keji"])),
    "both": lambda store, number: store.place(f"code-{number}", "a", ["keji", "yaowen"]),
    "out": lambda store, number: store.place(f"code-{number}", "a", []),
    "retract": lambda store, number: store.retract(f"code-{number}", NOW),
    "displace": lambda store, number: store.displace("keji", [f"code-{number}"], 2),
    "drop": lambda store, number: store.drop(Retention(Kept(entries=number), shown=0), NOW, 9),
    "rename": lambda store, number: store.rename_channel("yaowen", "keji", by_rule=False),
    "open": lambda store, number: open_channel(store, "yaowen"),
}


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(1, 6)), max_size=25))
def test_a_channel_counts_the_articles_that_stand_in_it_whatever_happens(steps: list[tuple[str, int]]) -> None:
    with Store(Path(":memory:")) as store:
        configure(store, "a")
        for slug in ("keji", "yaowen"):
            open_channel(store, slug)
        added: set[int] = set()
        for what, number in steps:
            if what == "add" and number in added:
                continue
            if what == "both" and store.channel("yaowen") is None:
                continue
            added |= {number} if what == "add" else set()
            STEPS[what](store, number)
        counted = {summary.channel.slug: summary.count for summary in store.summaries(1)}
        found = store._rows("SELECT slug, count(*) AS n FROM entry_channels WHERE NOT dropped GROUP BY slug")
    assert {slug: number for slug, number in counted.items() if number} == {row["slug"]: row["n"] for row in found}


def test_an_older_store_learns_how_many_articles_its_channels_have(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with Store(path) as store:
        fill(store, 7, "keji")
    with closing(sqlite3.connect(path)) as connection, connection:
        for trigger in ("article_joined", "article_left", "article_moved"):
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute("ALTER TABLE channels DROP COLUMN articles")
        connection.execute("DROP INDEX sources_page")
        connection.execute("ALTER TABLE sources DROP COLUMN page")
        connection.execute("DELETE FROM _sqlite_migrations WHERE name = 'lists_that_do_not_grow'")
        assert migrations.pending(Database(connection)) == ["lists_that_do_not_grow"]
    with Store(path) as store:
        assert [summary.count for summary in store.summaries(1)] == [7]


def test_the_pages_of_the_list_hold_every_source_once_in_the_configured_order(tmp_path: Path) -> None:
    names = [f"s{number}" for number in range(2 * PAGE + 3)]
    with Store(tmp_path / "a.db") as store:
        configure(store, *names)
        pages = [[note.name for note in store.source_notes(page)] for page in range(1, store.last_page() + 1)]
        assert [len(page) for page in pages] == [PAGE, PAGE, 3]
        assert list(chain(*pages)) == names == [note.name for note in store.source_notes()]

        configure(store, *names[1:])
        pages = [[note.name for note in store.source_notes(page)] for page in range(1, store.last_page() + 1)]
        assert list(chain(*pages)) == names[1:]


def test_a_source_marks_the_page_that_shows_it_and_no_other(tmp_path: Path) -> None:
    with Store(tmp_path / "a.db") as store:
        configure(store, *(f"s{number}" for number in range(PAGE + 1)))
        store.mark_source(f"s{PAGE}")
        assert set(store.marked()) == {"feed", "index", "sources/2"}
        store.mark_source("s0")
        assert set(store.marked()) == {"feed", "index", "sources", "sources/2"}


def test_articles_that_are_published_together_stand_in_few_blocks_for_search_engines(tmp_path: Path) -> None:
    with Store(tmp_path / "a.db") as store:
        fill(store, 1200, "keji")
        marked = [document for document in store.marked() if document.startswith("article/")]
        together = [store.listings_of(marked[start : start + 300]) for start in range(0, 1200, 300)]
    assert marked != sorted(marked)
    assert together == [["sitemap/0"], ["sitemap/0"], ["sitemap/0"], ["sitemap/0", "sitemap/1"]]

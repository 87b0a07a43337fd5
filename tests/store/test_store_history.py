"""The wordings of an article: what a revision replaces is kept, compactly and within bounds."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from store_examples import DAY, NOW, configure, entry, fill

from aggregator.records import Alias, Retouch, Revision, Version
from aggregator.store import Store
from aggregator.store.history import MOST_KEPT

HOUR = timedelta(hours=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "a.db") as opened:
        configure(opened, "a", "b")
        fill(opened, 2, "keji")
        yield opened


def revise(store: Store, number: int, **said: object) -> None:
    when = NOW + number * HOUR
    store.revise([Revision("code-1", entry(1, **({"title": f"第{number}版"} | said)), (), when)], when)


def test_a_revision_keeps_the_wording_that_it_replaces_with_its_time_and_its_source(store: Store) -> None:
    first = entry(1)
    configure(store, "a", "b")
    revise(store, 1, content="<p>更正</p>")
    revise(store, 2, source="b")
    one, two, three = store.versions("code-1")
    said = (first.title, first.summary, first.content, first.author, first.link)
    assert one == Version(1, "a", *said, since=NOW, updated=NOW - DAY + timedelta(seconds=1))
    assert (two.title, two.content, two.since, two.updated) == ("第1版", "<p>更正</p>", NOW + HOUR, NOW + HOUR)
    assert (three.title, three.source, three.since) == ("第2版", "b", NOW + 2 * HOUR)
    assert [version.revision for version in store.versions("code-2")] == [1]
    assert store.versions("code-9") == []


def test_of_many_wordings_the_first_and_the_newest_are_kept(store: Store) -> None:
    for number in range(1, 2 * MOST_KEPT):
        revise(store, number)
    kept = [version.revision for version in store.versions("code-1")]
    assert kept == [1, *range(2 * MOST_KEPT - (MOST_KEPT - 2), 2 * MOST_KEPT + 1)]
    assert len(kept) == MOST_KEPT


def test_what_is_kept_is_compressed(store: Store, tmp_path: Path) -> None:
    revise(store, 1, content="<p>正文</p>" * 5_000)
    revise(store, 2)
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        (size,) = connection.execute("SELECT length(body) FROM revisions WHERE revision = 2").fetchone()
    assert size < 1_000
    assert store.versions("code-1")[1].content == "<p>正文</p>" * 5_000


def test_a_retouch_takes_over_the_markup_and_moves_neither_revision_nor_dates(store: Store) -> None:
    before = store.article("code-1")
    assert before is not None
    touched = entry(1, content="<div>正文 1 😀</div>", fingerprint="p2", published=NOW, tags=("新",), source="b")
    store.retouch([Retouch("code-1", touched, (Alias("guid", "another"),))], NOW + HOUR)
    after = store.article("code-1")
    assert after is not None
    assert (after.content, after.fingerprint, after.tags) == (touched.content, "p2", ("新",))
    for name in ("revision", "updated", "published", "sort_date", "source", "guid", "first_seen"):
        assert getattr(after, name) == getattr(before, name)
    assert (store.trace("code-1").retouched, store.wordings(["code-1"])["code-1"].retouched) == (1, 1)
    assert store.codes_of([Alias("guid", "another")]) == {Alias("guid", "another"): "code-1"}
    assert len(store.versions("code-1")) == 1


def test_of_a_retracted_article_no_wording_is_left(store: Store) -> None:
    revise(store, 1)
    store.retract("code-1", NOW + DAY)
    assert store.versions("code-1") == []
    assert store._rows("SELECT * FROM revisions") == []

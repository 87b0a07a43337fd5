"""The archives of channels in the store: what moves into archives stays there, and a full one never changes."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlite_utils import Database
from store_examples import DAY, NOW, arrival, configure, entry, fill, open_channel, read_note

from aggregator.records import Alias, Archive, FeedFacts, Retouch, Retraction, Revision, Sighting, Source, Withdrawal
from aggregator.store import Store
from aggregator.store.migrations import migrations


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "a.db") as opened:
        yield opened


def keep(store: Store, slug: str, entries: int, capacity: int = 3) -> list[str]:
    """Leave so many in the current document; give the archives that this touched."""
    return list(store.displace(slug, current(store, slug)[entries:], capacity))


def current(store: Store, slug: str) -> list[str]:
    return [code for code, _ in store.heads_of(slug)]


def archived(store: Store, slug: str) -> list[list[str]]:
    """The codes in each archive, in their documents' order."""
    found: list[list[str]] = []
    while (archive := store.archive(slug, len(found) + 1)) is not None:
        found.append([one.info_code for one in archive.entries])
    return found


def codes(*numbers: int) -> list[str]:
    return [f"code-{number}" for number in numbers]


def revise(store: Store, number: int, title: str = "更正", source: str = "a") -> None:
    changed = replace(entry(number), title=title, source=source, content="<p>改过的正文</p>")
    with store.writing():
        store.revise([Revision(f"code-{number}", changed, (), NOW + DAY)], NOW + DAY)
        store.mark_article(f"code-{number}")


def full(store: Store, slug: str, number: int) -> Archive:
    archive = store.archive(slug, number)
    assert archive is not None
    assert archive.full
    return archive


def test_what_the_current_document_has_no_room_for_moves_into_archives_the_oldest_first(store: Store) -> None:
    fill(store, 10, "keji")
    assert keep(store, "keji", 2) == [f"category/keji/archive-{number}" for number in (1, 2, 3)]
    assert archived(store, "keji") == [codes(3, 2, 1), codes(6, 5, 4), codes(8, 7)]
    assert current(store, "keji") == codes(10, 9)
    assert [store.archive("keji", number).full for number in (1, 2, 3)] == [True, True, False]  # type: ignore[union-attr]
    assert store.last_archive("keji") == 3


def test_moving_twice_moves_nothing_and_marks_nothing(store: Store) -> None:
    fill(store, 10, "keji")
    keep(store, "keji", 2)
    before = archived(store, "keji")
    store.clear(store.marked())
    assert keep(store, "keji", 2) == []
    assert (archived(store, "keji"), store.marked()) == (before, {})


def test_a_move_that_breaks_off_moves_nothing(store: Store) -> None:
    fill(store, 10, "keji")

    def move() -> None:
        with store.writing():
            keep(store, "keji", 2)
            raise RuntimeError("power is gone")

    with pytest.raises(RuntimeError, match="power"):
        move()
    assert archived(store, "keji") == []
    assert len(current(store, "keji")) == 10


def test_the_archives_that_a_move_touches_are_marked_with_the_stamps_it_gives(store: Store) -> None:
    fill(store, 10, "keji")
    store.clear(store.marked())
    stamps = store.displace("keji", codes(1, 2, 3, 4), 3)
    assert store.marked() == stamps
    store.clear(stamps)
    assert store.marked() == {}


def test_a_full_archive_leads_to_the_next_one_which_is_open_and_empty(store: Store) -> None:
    fill(store, 5, "keji")
    assert keep(store, "keji", 2) == ["category/keji/archive-1", "category/keji/archive-2"]
    assert archived(store, "keji") == [codes(3, 2, 1), []]
    assert store.last_archive("keji") == 1, "the current document leads to one that holds something"


def test_the_archives_of_one_channel_are_not_those_of_another(store: Store) -> None:
    fill(store, 5, "keji", "yaowen")
    keep(store, "keji", 2)
    assert archived(store, "yaowen") == []
    assert len(current(store, "yaowen")) == 5


def test_an_article_that_is_older_than_all_that_is_shown_goes_to_the_archives_at_once(store: Store) -> None:
    fill(store, 5, "keji")
    keep(store, "keji", 2)
    with store.writing():
        late = replace(arrival(9), sort_date=NOW - 9 * DAY)
        store.add([late], NOW)
        store.place("code-9", "a", ["keji"])
    assert keep(store, "keji", 2) == ["category/keji/archive-2"]
    assert archived(store, "keji") == [codes(3, 2, 1), codes(9)]


def test_archives_keep_their_room_when_the_configuration_changes_and_new_ones_get_the_new(store: Store) -> None:
    fill(store, 30, "keji")
    keep(store, "keji", 24, capacity=4)
    keep(store, "keji", 14, capacity=8)
    keep(store, "keji", 9, capacity=2)
    assert [len(archive) for archive in archived(store, "keji")] == [4, 4, 8, 2, 2, 1]
    assert [code for archive in archived(store, "keji") for code in reversed(archive)] == codes(*range(1, 22))


def test_an_open_archive_follows_a_revision_and_a_full_one_never_does(store: Store) -> None:
    fill(store, 6, "keji")
    keep(store, "keji", 2)
    frozen = full(store, "keji", 1)
    store.clear(store.marked())
    revise(store, 2)
    revise(store, 2, "又更正")
    assert full(store, "keji", 1) == frozen
    assert set(store.marked()) == {"article/code-2", "feed", "index"}
    article = store.article("code-2")
    assert article is not None
    assert article.title == "又更正"

    revise(store, 4)
    assert "category/keji/archive-2" in store.marked()
    growing = store.archive("keji", 2)
    assert growing is not None
    assert [one.title for one in growing.entries] == ["更正"]


def test_an_archive_that_becomes_full_later_keeps_the_text_of_that_moment(store: Store) -> None:
    fill(store, 6, "keji")
    keep(store, "keji", 4)
    revise(store, 2, "当时的标题")
    keep(store, "keji", 2)
    frozen = full(store, "keji", 1)
    revise(store, 2, "后来的标题")
    assert full(store, "keji", 1) == frozen
    assert [one.title for one in frozen.entries][1] == "当时的标题"


def test_a_full_archive_keeps_what_its_sources_said_of_themselves(store: Store) -> None:
    fill(store, 6, "keji")
    store.note_read("a", read_note(facts=FeedFacts("以前", "https://a.example/", "id", "©", icon="i")), NOW)
    keep(store, "keji", 2)
    frozen = full(store, "keji", 1)
    for title in "后来", "再后来":
        store.clear(store.marked())
        store.note_read("a", read_note(facts=FeedFacts(title, "https://b.example/", "id2", "")), NOW)
    assert full(store, "keji", 1) == frozen
    assert frozen.entries[0].source_title == "以前"
    assert "category/keji/archive-1" not in store.marked()
    assert {"category/keji", "category/keji/archive-2"} <= set(store.marked())
    revise(store, 1)
    assert full(store, "keji", 1) == frozen, "whichever of the two came first"


def test_a_full_archive_keeps_an_articles_source_when_another_one_brings_the_better_text(store: Store) -> None:
    fill(store, 6, "keji")
    configure(store, "a", "b")
    keep(store, "keji", 2)
    frozen = full(store, "keji", 1)
    revise(store, 1, source="b")
    assert full(store, "keji", 1) == frozen
    store.note_read("a", read_note(facts=FeedFacts("甲")), NOW)
    store.note_read("b", read_note(facts=FeedFacts("乙")), NOW)
    assert full(store, "keji", 1) == frozen


def test_a_full_archive_keeps_the_categories_of_its_articles_under_the_titles_of_today(store: Store) -> None:
    fill(store, 6, "keji")
    open_channel(store, "yaowen")
    keep(store, "keji", 2)
    frozen = full(store, "keji", 1)
    store.clear(store.marked())
    store.place("code-1", "b", ["yaowen"])
    assert full(store, "keji", 1) == frozen
    assert set(store.marked()) == {"article/code-1", "category/yaowen", "feed", "index"}

    store.retitle("keji", "科技新闻")
    assert "category/keji/archive-1" in store.marked(), "a title that the operator gives stands everywhere"
    assert [channel.title for channel in full(store, "keji", 1).entries[-1].channels] == ["科技新闻"]


def test_an_archived_article_stays_when_its_source_names_another_category(store: Store) -> None:
    fill(store, 6, "keji")
    open_channel(store, "yaowen")
    keep(store, "keji", 2)
    frozen = full(store, "keji", 1)
    store.place("code-1", "a", ["yaowen"])
    store.place("code-6", "a", ["yaowen"])
    assert full(store, "keji", 1) == frozen
    assert current(store, "keji") == codes(5)
    assert current(store, "yaowen") == codes(6, 1)


def test_a_retraction_takes_an_article_out_of_current_documents_and_archives_and_is_remembered_there(
    store: Store,
) -> None:
    fill(store, 6, "keji", "yaowen")
    keep(store, "keji", 2)
    revise(store, 2)
    store.clear(store.marked())
    assert store.retract("code-2", NOW)
    assert archived(store, "keji")[0] == codes(3, 1)
    assert full(store, "keji", 1).full, "its place stays empty"
    assert current(store, "yaowen") == codes(6, 5, 4, 3, 1)
    documents = {"category/keji", "category/keji/archive-1", "category/yaowen", "article/code-2", "feed", "index"}
    assert set(store.marked()) == documents
    for slug in "keji", "yaowen", "":
        assert store.retractions(slug) == [Retraction("code-2", NOW)]


def test_no_text_of_a_retracted_article_stays_in_the_store(store: Store, tmp_path: Path) -> None:
    fill(store, 6, "keji")
    keep(store, "keji", 2)
    revise(store, 2)
    (row,) = store._rows("SELECT frozen FROM entry_channels WHERE info_code = 'code-2'")
    assert "正文 2" in row["frozen"]
    store.retract("code-2", NOW)
    for table in "entries", "entry_channels":
        rows = store._rows(f"SELECT * FROM {table} WHERE info_code = 'code-2'")
        assert not any("正文" in str(tuple(row)) for row in rows)


def test_a_retraction_is_said_until_it_is_forgotten(store: Store) -> None:
    fill(store, 6, "keji")
    store.retract("code-2", NOW)
    store.retract("code-3", NOW + timedelta(days=20))
    store.clear(store.marked())
    store.forget_retractions(NOW)
    assert store.marked() == {}
    store.forget_retractions(NOW + DAY)
    assert [one.info_code for one in store.retractions("keji")] == codes(3)
    assert set(store.marked()) == {"category/keji", "feed"}


def test_a_move_that_names_what_is_moved_already_takes_no_place(store: Store) -> None:
    fill(store, 10, "keji")
    store.displace("keji", codes(1, 2), 3)
    store.displace("keji", codes(2, 1, 3, 99), 3)
    assert archived(store, "keji") == [codes(3, 2, 1), []]


def test_a_change_of_markup_alone_changes_no_full_archive(store: Store) -> None:
    fill(store, 6, "keji")
    keep(store, "keji", 2)
    frozen = full(store, "keji", 1)
    store.retouch([Retouch("code-2", replace(entry(2), content="<div>正文 2 😀</div>"), ())], NOW + DAY)
    assert full(store, "keji", 1) == frozen


def test_the_words_of_a_source_stay_under_its_policy_when_another_one_brings_better_ones(store: Store) -> None:
    fill(store, 6, "keji")
    configure(store, "a", "b")
    store.sync_sources([(Source("a", "u", text="title"), "1"), (Source("b", "v"), "1")], NOW)
    keep(store, "keji", 2)
    revise(store, 1, source="b")
    assert [one.text for one in full(store, "keji", 1).entries] == ["title"] * 3


def test_what_a_source_took_back_stays_in_no_archive_where_another_source_brings_the_article(store: Store) -> None:
    fill(store, 6, "keji")
    configure(store, "a", "b")
    store.sight([Sighting("code-1", entry(1, "b"), (), True)], NOW)
    keep(store, "keji", 2)
    revise(store, 1, "收回之前")
    store.clear(store.marked())
    store.withdraw("code-1", "a", Withdrawal("guid 1"), NOW)
    assert "category/keji/archive-1" in store.marked()
    revise(store, 1, "乙的说法", source="b")
    assert "category/keji/archive-1" in store.marked()
    last = full(store, "keji", 1).entries[-1]
    assert (last.source, last.title) == ("b", "乙的说法")


def test_a_repair_changes_no_full_archive(store: Store) -> None:
    fill(store, 6, "keji")
    keep(store, "keji", 2)
    frozen = full(store, "keji", 1)
    store.repair("code-2", replace(entry(2), title="修好的标题"), ())
    assert full(store, "keji", 1) == frozen


def test_a_renamed_channel_keeps_its_archives(store: Store) -> None:
    fill(store, 10, "keji", "yaowen")
    keep(store, "keji", 2)
    store.place("code-1", "a", ["keji"])
    revise(store, 1)
    frozen = full(store, "keji", 1)
    store.retract("code-10", NOW)
    store.clear(store.marked())
    store.rename_channel("keji", "technik", by_rule=False)
    assert archived(store, "technik") == [codes(3, 2, 1), codes(6, 5, 4), codes(8, 7)]
    assert archived(store, "keji") == []
    moved = full(store, "technik", 1)
    assert [one.title for one in moved.entries] == [one.title for one in frozen.entries]
    assert [channel.slug for channel in moved.entries[-1].channels] == ["technik", "yaowen"]
    marked = {f"category/{slug}/archive-{number}" for slug in ("keji", "technik") for number in (1, 2, 3)}
    assert marked <= set(store.marked())
    assert store.retractions("technik") == [Retraction("code-10", NOW)]
    assert store.retractions("keji") == []


def test_a_channel_that_joins_another_gives_its_articles_to_the_archives_of_that_one(store: Store) -> None:
    configure(store, "a")
    fill(store, 10, "keji")
    open_channel(store, "yaowen")
    with store.writing():
        store.add([arrival(number) for number in range(11, 17)], NOW)
        for number in range(11, 17):
            store.place(f"code-{number}", "a", ["yaowen"])
    keep(store, "keji", 2)
    keep(store, "yaowen", 2)
    before = archived(store, "keji")
    store.rename_channel("yaowen", "keji", by_rule=False)
    assert archived(store, "keji") == before
    assert current(store, "keji") == codes(16, 15, 14, 13, 12, 11, 10, 9)
    keep(store, "keji", 2)
    assert sorted(code for archive in archived(store, "keji") for code in archive) == sorted(codes(*range(1, 15)))


def test_a_channel_that_goes_away_leaves_no_archives(store: Store) -> None:
    fill(store, 10, "keji")
    keep(store, "keji", 2)
    store.retract("code-1", NOW)
    store.clear(store.marked())
    store.remove_channel("keji")
    assert archived(store, "keji") == []
    assert {f"category/keji/archive-{number}" for number in (1, 2, 3)} < set(store.marked())
    assert store.retractions("keji") == []
    assert store.retractions() == [Retraction("code-1", NOW)]


def test_a_store_of_an_earlier_version_gets_archives(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with closing(Database(path)) as database:
        migrations.apply(database.conn, stop_before="archives")
        assert "archives" not in database.table_names()
        columns = "(name, url, kind, position, next_fetch_at)"
        database.execute(f"INSERT INTO sources {columns} VALUES ('a', 'u', 'feed', 0, '')")
        database.execute("INSERT INTO channels (slug, title, name, created) VALUES ('keji', 'keji', 'keji', '2022')")
        for number in range(1, 6):
            date = f"2022-01-0{number}T00:00:00Z"
            database.execute(
                """INSERT INTO entries (info_code, source, title, updated, first_seen, sort_date)
                    VALUES (?, 'a', 't', ?, ?, ?)""",
                [f"code-{number}", date, date, date],
            )
            database.execute(
                "INSERT INTO entry_channels (info_code, slug, source, sort_date, seq) VALUES (?, 'keji', 'a', ?, ?)",
                [f"code-{number}", date, number],
            )
        database.conn.commit()
    with Store(path) as store:
        keep(store, "keji", 2)
        assert archived(store, "keji") == [codes(3, 2, 1), []]
        assert store.codes_of([Alias("code", "code-1")]) == {}


def test_everything_marks_every_archive_and_they_come_before_what_leads_to_them(store: Store) -> None:
    fill(store, 5, "keji")
    keep(store, "keji", 2)
    store.clear(store.marked())
    store.mark_all()
    kinds = [document.rpartition("-")[0] or document for document in store.marked()]
    lists = ["category/keji", "feed", "index", "sources", "status"]
    assert kinds == ["article/code"] * 5 + ["category/keji/archive"] * 2 + lists

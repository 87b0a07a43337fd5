"""Articles, their names, their channels and the marks of what is to be published."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from store_examples import DAY, NOW, arrival, configure, entry, failure_note, fill, open_channel, read_note

from aggregator.records import Alias, FeedFacts, Named, Revision, Sighting, Source, Validators
from aggregator.store import Store

MANY = 5_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "a.db") as opened:
        yield opened


def test_an_article_comes_back_in_all_its_parts(store: Store) -> None:
    fill(store, 1, "keji", "yaowen")
    (found,) = store.newest(10)
    given = entry(1)
    for part in ("source", "guid", "link", "title", "summary", "content", "author", "outlet", "language", "published"):
        assert getattr(found, part) == getattr(given, part), part
    assert (found.tags, found.enclosures) == (given.tags, given.enclosures)
    assert (found.first_seen, found.revision) == (NOW, 1)
    assert found.sort_date == NOW - DAY + timedelta(seconds=1)
    assert [channel.slug for channel in found.channels] == ["keji", "yaowen"]
    assert found == store.article("code-1") == store.newest_of("keji", 1)[0]


def test_the_newest_come_first_and_of_one_second_the_last_stored(store: Store) -> None:
    configure(store, "a")
    open_channel(store, "keji")
    same = [replace(arrival(number), sort_date=NOW) for number in (1, 2, 3)]
    store.add([*same, replace(arrival(4), sort_date=NOW - DAY)], NOW)
    for number in range(1, 5):
        store.place(f"code-{number}", "a", ["keji"])
    expected = ["code-3", "code-2", "code-1", "code-4"]
    assert [found.info_code for found in store.newest(10)] == expected
    assert [found.info_code for found in store.newest_of("keji", 10)] == expected
    assert [found.info_code for found in store.newest_of("keji", 2)] == expected[:2]


def test_names_and_articles_are_found_by_thousands(store: Store) -> None:
    fill(store, MANY)
    names = [Alias("guid", f"guid {n}") for n in range(MANY + 1000)]
    names += [Alias("url", f"https://example.org/{n}") for n in range(MANY)]
    found = store.codes_of(names)
    assert len(found) == 2 * MANY - 1
    assert found[Alias("guid", f"guid {MANY}")] == f"code-{MANY}"
    known = store.known([*found.values(), "no such code"], "a")
    assert len(known) == MANY
    assert len(store.places(known)) == 0
    assert store.codes_of([]) == store.known([], "a") == {}


def test_a_revision_keeps_the_code_and_the_place_and_counts(store: Store) -> None:
    fill(store, 2, "keji")
    later = NOW + DAY
    revised = entry(1, title="another", content="<p>new</p>", fingerprint="new print")
    store.revise([Revision("code-1", revised, (Alias("guid", "another guid"),), later)], later)
    found = store.article("code-1")
    assert found is not None
    assert (found.title, found.revision, found.updated, found.first_seen) == ("another", 2, later, NOW)
    assert [item.info_code for item in store.newest(10)] == ["code-2", "code-1"]
    names = [Alias("guid", "another guid"), Alias("guid", "guid 1")]
    assert store.codes_of(names) == dict.fromkeys(names, "code-1")


def test_who_brought_an_article_is_known_apart_from_whose_it_is(store: Store) -> None:
    configure(store, "a", "b")
    store.add([arrival(1, row_fingerprint="row of a")], NOW)
    assert store.known(["code-1"], "a")["code-1"].seen_here
    assert store.known(["code-1"], "a")["code-1"].row_fingerprint == "row of a"
    theirs = store.known(["code-1"], "b")["code-1"]
    assert (theirs.source, theirs.seen_here, theirs.row_fingerprint) == ("a", False, "")

    store.sight([Sighting("code-1", entry(1, "b", row_fingerprint="row of b"), (Alias("guid", "of b"),), True)], NOW)
    store.sight([Sighting("code-1", entry(1, "b"), (Alias("guid", "unlearnt"),), False)], NOW)
    theirs = store.known(["code-1"], "b")["code-1"]
    assert (theirs.source, theirs.seen_here, theirs.row_fingerprint) == ("a", True, "row of b")
    store.sight([Sighting("code-1", entry(1, "b", row_fingerprint=""), (), True)], NOW)
    assert store.known(["code-1"], "b")["code-1"].row_fingerprint == "row of b"
    assert store.known(["code-1"], "a")["code-1"].row_fingerprint == "row of a"
    assert set(store.codes_of([Alias("guid", "of b"), Alias("guid", "unlearnt")])) == {Alias("guid", "of b")}


def test_what_is_passed_over_leaves_only_its_names(store: Store) -> None:
    configure(store, "a")
    named = Named(entry(1), "code-1", (Alias("guid", "guid 1"),))
    store.pass_over([named])
    assert store.codes_of(named.names) == {Alias("guid", "guid 1"): "code-1"}
    assert store.known(["code-1"], "a") == {}
    assert store.newest(10) == []


def test_an_article_whose_text_is_owed_is_shown_nowhere_until_it_has_come(store: Store) -> None:
    configure(store, "a")
    open_channel(store, "keji")
    store.add([arrival(n, pending=True, article_url=f"https://example.org/t/{n}") for n in (1, 2)], NOW)
    store.place("code-1", "a", ["keji"])
    assert store.newest(10) == store.newest_of("keji", 10) == []
    assert store.article("code-1") is None
    store.put_off("code-1")
    assert [(owed.info_code, tries) for owed, tries in store.owed("a", 10)] == [("code-1", 1), ("code-2", 0)]
    (owed, _), _ = store.owed("a", 10)
    assert owed == entry(1, article_url="https://example.org/t/1", info_code="code-1")

    store.complete("code-1", replace(owed, content="<p>whole</p>"), NOW + DAY)
    store.release("code-2")
    assert store.owed("a", 10) == []
    assert [(found.info_code, found.revision) for found in store.newest(10)] == [("code-2", 1), ("code-1", 1)]


def test_a_source_takes_an_article_out_of_a_channel_only_if_it_had_put_it_there(store: Store) -> None:
    configure(store, "a", "b")
    for slug in ("keji", "yaowen", "caijing"):
        open_channel(store, slug)
    store.add([arrival(1)], NOW)
    store.place("code-1", "a", ["keji", "yaowen"])
    store.place("code-1", "b", ["caijing", "keji"])
    store.clear(store.marked())
    store.place("code-1", "a", ["yaowen"])
    assert store.places(["code-1"]) == {"code-1": {"yaowen": "a", "caijing": "b"}}
    assert set(store.marked()) == {
        "article/code-1", "category/caijing", "category/keji", "category/yaowen", "feed", "index"
    }  # fmt: skip
    store.clear(store.marked())
    store.place("code-1", "a", ["yaowen"])
    assert store.marked() == {}


# --- marks -------------------------------------------------------------------------------------------------


def test_taking_marks_back_spares_those_that_were_set_again_meanwhile(store: Store) -> None:
    store.mark(["feed", "index"])
    before = store.marked()
    store.mark(["feed"])
    store.clear(before)
    assert set(store.marked()) == {"feed"}
    store.clear(store.marked())
    assert store.marked() == {}


def test_marking_everything_marks_every_document_that_there_is(store: Store) -> None:
    fill(store, 2, "keji")
    store.add([arrival(9, pending=True)], NOW)
    store.clear(store.marked())
    store.mark_all()
    articles = {"article/code-1", "article/code-2"}
    assert set(store.marked()) == articles | {"category/keji", "feed", "index", "sources", "status"}


def test_a_new_title_of_a_channel_marks_what_shows_it_and_the_same_title_marks_nothing(store: Store) -> None:
    fill(store, 1, "keji", "yaowen")
    open_channel(store, "other")
    store.clear(store.marked())
    store.retitle("keji", "keji")
    assert store.marked() == {}
    store.retitle("keji", "科技新闻")
    assert set(store.marked()) == {"article/code-1", "category/keji", "category/yaowen", "feed", "index"}
    assert [channel.title for channel in store.newest(1)[0].channels] == ["科技新闻", "yaowen"]


def test_what_a_source_says_of_itself_is_published_anew_when_that_changes(store: Store) -> None:
    fill(store, 1, "keji")

    def read(facts: FeedFacts) -> set[str]:
        store.clear(store.marked())
        store.note_read("a", read_note(facts=facts), NOW)
        return set(store.marked())

    facts = FeedFacts("title", "https://example.org/", "id", "rights", updated="2022-01-01T00:00:00+00:00")
    assert read(facts) == {"article/code-1", "category/keji", "feed", "index", "sources"}
    assert read(replace(facts, updated="2022-01-02T00:00:00+00:00", ttl_minutes=5)) == set()
    assert read(replace(facts, rights="other")) == {"article/code-1", "category/keji", "feed", "index", "sources"}
    assert store.newest(1)[0].source_rights == "other"


# --- sources -----------------------------------------------------------------------------------------------


def note_read(store: Store, validators: Validators, name: str = "a") -> None:
    note = read_note(validators=validators, body_hash="hash", next_fetch_at=NOW + timedelta(hours=1))
    store.note_read(name, note, NOW)


@pytest.mark.parametrize(
    ("etag", "modified"),
    [('"abc"', None), ('W/"\xe9\xff\x80"', "Sat, 01 Jan 2022 00:00:00 GMT"), ("unquoted '", "gestern"), ("", "")],
)
def test_validators_come_back_byte_for_byte(store: Store, etag: str, modified: str | None) -> None:
    configure(store, "a")
    given = Validators("https://example.org/a.xml", etag, modified)
    note_read(store, given)
    assert store.memory("a").validators == given


def test_a_source_that_is_read_otherwise_forgets_its_validators_and_is_due_at_once(store: Store) -> None:
    configure(store, "a", "b")
    for name in ("a", "b"):
        note_read(store, Validators("u", '"1"', "then"), name)
    assert store.due(NOW, 10) == []
    same, other = (Source(name, "https://example.org/new.xml", position=n) for n, name in enumerate("ab"))
    store.sync_sources([(same, "1"), (other, "2")], NOW)
    assert store.due(NOW, 10) == ["b"]
    assert store.memory("a").validators.etag == '"1"'
    assert store.memory("b").validators.etag is None
    assert store.memory("b").body_hash == ""


def test_a_source_that_is_no_longer_configured_is_not_fetched_and_keeps_its_articles(store: Store) -> None:
    fill(store, 1, "keji")
    configure(store, "b")
    assert store.due(NOW + DAY, 10) == ["b"]
    assert [report.name for report in store.source_reports(NOW)] == ["b"]
    assert [found.info_code for found in store.newest_of("keji", 10)] == ["code-1"]
    configure(store, "a", "b")
    assert store.due(NOW + DAY, 10) == ["a", "b"]
    assert store.source_reports(NOW)[0].entries == 1


def test_what_is_due_comes_longest_waiting_first_and_no_fraction_of_a_second_early(store: Store) -> None:
    configure(store, "a", "b", "c")
    store.begin_fetch("a", started=NOW, not_before=NOW + timedelta(microseconds=1))
    store.begin_fetch("c", started=NOW, not_before=NOW + timedelta(seconds=2))
    assert store.due(NOW, 10) == ["b"]
    assert store.next_due() == NOW
    assert store.due(NOW + timedelta(seconds=1), 10) == ["b", "a"]
    assert store.due(NOW + timedelta(seconds=2), 10) == ["b", "a", "c"]
    assert store.due(NOW + timedelta(seconds=2), 1) == ["b"]


def test_a_fetch_that_begins_never_brings_the_next_one_nearer(store: Store) -> None:
    configure(store, "a")
    for seconds in (7200, 60):
        store.begin_fetch("a", started=NOW, not_before=NOW + timedelta(seconds=seconds))
    assert store.next_due() == NOW + timedelta(hours=2)


def test_failures_are_counted_until_a_fetch_works(store: Store) -> None:
    configure(store, "a")
    assert store.memory("a").fresh
    for number in (1, 2):
        store.note_failure("a", failure_note("no route"), NOW)
        assert store.memory("a").failures == number
    (report,) = store.source_reports(NOW)
    assert (report.state, report.failures, report.last_error) == ("failing", 2, "no route")
    note_read(store, Validators())
    (report,) = store.source_reports(NOW)
    assert (report.state, report.failures, report.last_error) == ("healthy", 0, "")
    assert not store.memory("a").fresh
    store.note_failure("a", failure_note("410", "gone"), NOW)
    (report,) = store.source_reports(NOW)
    assert (report.state, report.next_fetch_at) == ("gone", None)

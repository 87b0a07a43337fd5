"""New, revised or seen before: the decision, and that repeating it changes nothing."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from identify_memory import DAY, NOW, Memory, counts, entry

from aggregator.identify import articles_wanted, distinct
from aggregator.records import Alias, Entry, Named


def test_what_is_new_arrives_oldest_first_and_without_dates_from_the_documents_end() -> None:
    dated = [entry(n, published=NOW - n * DAY) for n in (2, 3, 1)]
    arrivals = Memory().refresh(dated).arrivals
    assert [a.entry.title for a in arrivals] == ["title 3", "title 2", "title 1"]
    undated = Memory().refresh([entry(n) for n in (1, 2, 3)]).arrivals
    assert [a.entry.title for a in undated] == ["title 3", "title 2", "title 1"]


def test_no_article_is_sorted_or_updated_ahead_of_now() -> None:
    (arrival,) = Memory().refresh([entry(1, published=NOW + DAY, updated=NOW + 2 * DAY)]).arrivals
    assert (arrival.sort_date, arrival.updated) == (NOW, NOW)
    (arrival,) = Memory().refresh([entry(1, published=NOW - 9 * DAY)]).arrivals
    assert (arrival.sort_date, arrival.updated) == (NOW - 9 * DAY, NOW - 9 * DAY)


def test_a_second_document_brings_what_is_new_changed_and_the_same() -> None:
    memory = Memory()
    assert counts(memory.refresh([entry(1), entry(2)])) == (2, 0, 0, 0)
    later = NOW + DAY
    changes = memory.refresh([entry(1, text="new text"), entry(2), entry(3)], now=later)
    assert counts(changes) == (1, 1, 1, 0)
    assert changes.revisions[0].updated == later
    assert not changes.sightings[0].learns


def test_a_revision_is_dated_by_its_source_where_that_is_news() -> None:
    memory = Memory()
    memory.refresh([entry(1, published=NOW - 5 * DAY)])
    said = memory.refresh([entry(1, text="b", updated=NOW - DAY)]).revisions[0]
    assert said.updated == NOW - DAY
    stale = memory.refresh([entry(1, text="c", updated=NOW - 4 * DAY)]).revisions[0]
    assert stale.updated == NOW
    ahead = memory.refresh([entry(1, text="d", updated=NOW + 9 * DAY)], now=NOW + DAY).revisions[0]
    assert ahead.updated == NOW + DAY


def test_a_new_guid_under_a_known_link_is_the_same_article_and_its_names_are_learnt() -> None:
    memory = Memory()
    memory.refresh([entry(1, guid="1?sid=aaa")])
    changes = memory.refresh([entry(1, guid="1?sid=bbb")])
    assert counts(changes) == (0, 0, 1, 0)
    assert changes.sightings[0].names == (Alias("guid", "s\n1?sid=bbb"),)
    assert changes.sightings[0].learns
    assert not memory.refresh([entry(1, guid="1?sid=bbb")]).sightings[0].learns


def test_another_article_under_a_page_that_lives_for_years_is_new() -> None:
    memory = Memory()
    page = "https://status.example.org/"
    memory.refresh([entry(1, link=page, published=NOW - 9 * DAY)])
    assert counts(memory.refresh([entry(2, link=page, published=NOW)])) == (1, 0, 0, 0)


def test_a_retracted_article_does_not_come_back() -> None:
    memory = Memory()
    memory.refresh([entry(1)])
    memory.entries.clear()
    assert counts(memory.refresh([entry(1, text="changed")])) == (0, 0, 0, 0)


def test_a_new_source_brings_its_newest_articles_and_the_names_of_the_others() -> None:
    memory = Memory()
    document = [entry(n, published=NOW - n * DAY) for n in (5, 1, 4, 2, 3)]
    changes = memory.refresh(document, backfill=2)
    assert [a.entry.title for a in changes.arrivals] == ["title 2", "title 1"]
    assert [p.entry.title for p in changes.passed] == ["title 5", "title 4", "title 3"]
    assert counts(memory.refresh(document)) == (0, 0, 2, 0)
    by_order = Memory().refresh([entry(n) for n in range(5)], backfill=2)
    assert [a.entry.title for a in by_order.arrivals] == ["title 1", "title 0"]
    assert counts(Memory().refresh([entry(1)], backfill=0)) == (0, 0, 0, 1)


def test_a_much_fuller_text_takes_over_and_the_shorter_one_does_not_take_back() -> None:
    memory, short, full = Memory(), entry(1, source="a"), entry(1, source="b", text="long " * 100)
    memory.refresh([short], positions={"a": 0, "b": 1})
    assert counts(memory.refresh([full], positions={"a": 0, "b": 1})) == (0, 1, 0, 0)
    assert counts(memory.refresh([short], positions={"a": 0, "b": 1})) == (0, 0, 1, 0)


def test_of_texts_alike_the_source_named_first_in_the_configuration_is_told() -> None:
    memory, order = Memory(), {"a": 0, "b": 1}
    memory.refresh([entry(1, source="b", text="text b")], positions=order)
    taken = memory.refresh([entry(1, source="a", text="text a", published=NOW - DAY)], positions=order)
    assert counts(taken) == (0, 1, 0, 0)
    assert taken.revisions[0].updated == NOW - DAY  # a change of source is no event
    assert counts(memory.refresh([entry(1, source="b", text="text b")], positions=order)) == (0, 0, 1, 0)


def test_a_source_that_is_no_longer_configured_yields_to_one_that_is() -> None:
    memory = Memory()
    memory.refresh([entry(1, source="old", text="text o")], positions={"old": 0})
    assert counts(memory.refresh([entry(1, source="a", text="text a")], positions={"a": 0})) == (0, 1, 0, 0)


def test_a_text_behind_a_second_request_is_wanted_once_until_its_row_changes() -> None:
    row = entry(1, text="", article_url="https://example.org/text/1", fingerprint="row 1")
    (named,) = distinct([row])
    assert articles_wanted([named], {}, {}) == (named,)
    memory = Memory()
    assert memory.refresh([row]).arrivals[0].pending
    whole = replace(row, content="the text", fingerprint="whole", row_fingerprint="row 1")
    memory.refresh([whole])
    wanted = articles_wanted([named], memory.aliases, memory.known("s"))
    assert wanted == ()
    assert counts(memory.refresh([row])) == (0, 0, 1, 0)
    (changed,) = distinct([replace(row, fingerprint="row 2")])
    assert articles_wanted([changed], memory.aliases, memory.known("s")) == (changed,)


# --- laws --------------------------------------------------------------------------------------------------

SOURCES = ("a", "b", "c")
texts = st.integers(0, 6).map(lambda size: "x" * 4**size)
numbers = st.lists(st.integers(0, 4), min_size=1, max_size=5, unique=True)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, list[Entry]]:
    """A fixed document for each source, over articles that they share."""
    found = {}
    for source in SOURCES:
        made = []
        for number in draw(numbers):
            age = draw(st.integers(-3, 3))
            published = draw(st.sampled_from([None, NOW - age * DAY]))
            made.append(entry(number, source=source, text=draw(texts) + source, published=published))
        found[source] = made
    return found


@given(documents(), st.permutations(SOURCES), st.lists(st.sampled_from(SOURCES), max_size=6))
@settings(max_examples=150)
def test_sources_that_tell_the_same_articles_never_take_turns(
    told: dict[str, list[Entry]], order: list[str], visits: list[str]
) -> None:
    memory, positions = Memory(), {name: place for place, name in enumerate(order)}
    for source in (*visits, *SOURCES, *SOURCES):
        memory.refresh(told[source], positions=positions)
    for source in (*visits, *SOURCES):
        changes = memory.refresh(told[source], positions=positions, now=NOW + DAY)
        assert counts(changes) == (0, 0, len(told[source]), 0)
        assert not any(sighting.learns for sighting in changes.sightings)


@given(documents(), st.one_of(st.none(), st.integers(0, 3)))
@settings(max_examples=100)
def test_a_second_refresh_changes_nothing(told: dict[str, list[Entry]], backfill: int | None) -> None:
    memory = Memory()
    first = memory.refresh(told["a"], backfill=backfill)
    assert len(first.arrivals) + len(first.passed) == len(told["a"])
    again = memory.refresh(told["a"], now=NOW + DAY)
    assert counts(again) == (0, 0, len(first.arrivals), 0)


@given(
    st.lists(
        st.builds(
            Entry,
            source=st.just("s"),
            guid=st.sampled_from(["", "1", "2", "tag:example.org,2021:1"]),
            link=st.sampled_from(
                ["", "https://example.org/1", "http://example.org/1?utm_source=x", "https://example.org/2"]
            ),
            title=st.sampled_from(["", "a", "b"]),
            info_code=st.sampled_from(["", "c1", "NW202112282227696247"]),
        ),
        max_size=8,
    )
)
@settings(max_examples=300)
def test_whatever_names_its_entries_share_a_document_read_twice_brings_nothing_new(document: list[Entry]) -> None:
    printed = [replace(e, fingerprint=f"{e.title}|{e.link}") for e in document]
    memory = Memory()
    memory.refresh(printed)
    again = memory.refresh(printed)
    assert (again.arrivals, again.revisions) == ((), ())


def test_the_first_of_two_that_share_a_name_stands_for_both() -> None:
    found: tuple[Named, ...] = distinct([entry(1, text="first"), entry(1, text="second")])
    assert [named.entry.summary for named in found] == ["first"]

"""Articles under all-new names are found again by what they say; what only looks like that stays new."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from identify_memory import DAY, NOW, Memory, counts

from aggregator.identify import distinct, evidence
from aggregator.records import Alias, Entry

TEXT = "<p>The council decided on Tuesday to open the old bridge for cyclists again, item {n}.</p>"
MINUTES = timedelta(minutes=7)


def post(n: int, *, host: str = "old.example.org", **said: object) -> Entry:
    made = Entry("s", f"https://{host}/{n}", f"https://{host}/{n}", f"title {n}", content=TEXT.format(n=n))
    made = replace(made, published=NOW - n * DAY - MINUTES)
    made = replace(made, **said)  # type: ignore[arg-type]  # a test's shorthand
    return replace(made, fingerprint=f"{made.title}|{made.content}|{made.link}")


def moved(entry: Entry, n: int = 0) -> Entry:
    """The same article on a new host, under new names, with links in its text that moved too."""
    address = f"https://new.example.net/articles/{entry.link.rpartition('/')[2]}"
    content = entry.content.replace("<p>", '<p><img src="https://new.example.net/x.png">')
    return replace(entry, guid=address, link=address, content=content, fingerprint=entry.fingerprint + "moved")


@pytest.mark.parametrize("blank", [{}, {"published": None}, {"content": ""}], ids=["whole", "undated", "textless"])
def test_a_site_that_moves_to_another_host_brings_nothing_new(blank: dict[str, object]) -> None:
    memory = Memory()
    before = [post(n, **blank) for n in range(1, 8)]
    memory.refresh(before)
    changes = memory.refresh([moved(entry) for entry in before], now=NOW + DAY)
    assert (len(changes.arrivals), len(changes.revisions) + len(changes.sightings)) == (0, 7)
    again = memory.refresh([moved(entry) for entry in before], now=NOW + DAY)
    assert counts(again) == (0, 0, 7, 0)


def test_truly_new_articles_of_a_moved_site_are_new() -> None:
    memory = Memory()
    before = [post(n) for n in range(1, 6)]
    memory.refresh(before)
    changes = memory.refresh([moved(post(9)), *(moved(entry) for entry in before)])
    assert [arrival.entry.title for arrival in changes.arrivals] == ["title 9"]


def test_a_headline_feed_without_dates_that_moves_whole_brings_nothing_new_and_within_a_host_it_does() -> None:
    blank: dict[str, object] = {"content": "", "published": None}
    before = [post(n, **blank) for n in range(1, 7)]
    memory, columns = Memory(), Memory()
    memory.refresh(before)
    columns.refresh(before)
    assert not memory.refresh([moved(entry) for entry in before]).arrivals
    tomorrow = [replace(entry, guid=f"{entry.link}-b", link=f"{entry.link}-b") for entry in before]
    assert len(columns.refresh(tomorrow).arrivals) == 6  # "Weather", "Notices": columns that return every day


def test_a_title_that_returns_alone_is_no_evidence() -> None:
    blank: dict[str, object] = {"content": "", "published": None}
    memory = Memory()
    memory.refresh([post(n, **blank) for n in range(1, 7)])
    changes = memory.refresh([moved(post(1, **blank)), *(moved(post(n, **blank)) for n in range(20, 26))])
    assert len(changes.arrivals) == 7


def test_daily_notices_with_the_same_text_are_articles_of_their_own() -> None:
    memory = Memory()
    notices = [post(n, title="Notice", content=TEXT) for n in range(1, 5)]
    for notice in reversed(notices):
        assert len(memory.refresh([notice]).arrivals) == 1
    assert len(memory.entries) == 4
    assert not memory.refresh([moved(entry) for entry in notices]).arrivals


def test_an_article_that_still_stands_in_the_document_is_not_meant() -> None:
    first = post(1, published=None)
    copy = replace(first, guid="https://old.example.org/copy", link="https://old.example.org/copy")
    memory = Memory()
    memory.refresh([first])
    assert len(memory.refresh([first, copy]).arrivals) == 1


def test_two_notices_of_one_day_without_a_time_are_two() -> None:
    day = NOW.replace(hour=16, minute=0)
    memory = Memory()
    memory.refresh([post(1, title="Notice", content="", published=day)])
    assert len(memory.refresh([post(2, title="Notice", content="", published=day)]).arrivals) == 1


def test_each_stored_article_is_claimed_once() -> None:
    memory = Memory()
    memory.refresh([post(1, published=None)])
    twins = [replace(moved(post(1, published=None)), guid=f"urn:x:{n}", link=f"https://x.example/{n}") for n in (1, 2)]
    changes = memory.refresh(twins)
    assert len(changes.arrivals) == 1


def test_an_article_of_another_source_is_no_evidence() -> None:
    memory = Memory()
    memory.refresh([post(1)])
    assert len(memory.refresh([replace(moved(post(1)), source="t")]).arrivals) == 1


def test_a_source_with_codes_of_its_own_is_believed() -> None:
    memory = Memory()
    memory.refresh([post(1, info_code="A1")])
    assert len(memory.refresh([moved(post(1, info_code="A2"))]).arrivals) == 1


def test_what_was_passed_over_stays_away_when_the_site_moves() -> None:
    memory = Memory()
    before = [post(n) for n in range(1, 9)]
    assert counts(memory.refresh(before, backfill=3)) == (3, 0, 0, 5)
    assert not memory.refresh([moved(entry) for entry in before]).arrivals


def test_articles_stored_without_evidence_get_it_when_they_are_met() -> None:
    memory = Memory()
    memory.refresh([post(n) for n in (1, 2)])
    memory.aliases = {name: code for name, code in memory.aliases.items() if name.kind != "text"}
    (first, second) = memory.refresh([post(n) for n in (1, 2)]).sightings
    assert first.learns
    assert {name.kind for name in second.names} == {"text"}
    assert not any(sighting.learns for sighting in memory.refresh([post(n) for n in (1, 2)]).sightings)
    assert not memory.refresh([moved(post(n)) for n in (1, 2)]).arrivals


@given(st.lists(st.integers(1, 30), min_size=1, max_size=12, unique=True), st.sets(st.integers(1, 30)))
def test_however_documents_overlap_each_article_arrives_once(first: list[int], second: set[int]) -> None:
    memory = Memory()
    memory.refresh([post(n) for n in first])
    changes = memory.refresh([moved(post(n)) for n in sorted(second)])
    assert {arrival.entry.title for arrival in changes.arrivals} == {f"title {n}" for n in second - set(first)}
    assert len(memory.entries) == len(second | set(first))


# --- guids that are used twice ------------------------------------------------------------------------------


def test_a_number_that_begins_again_names_another_article() -> None:
    memory = Memory()
    memory.refresh([post(n, guid=str(n)) for n in (1, 2, 3)])
    later = [post(n + 10, guid=str(n)) for n in (1, 2, 3)]
    assert len(memory.refresh(later).arrivals) == 3
    assert counts(memory.refresh(later)) == (0, 0, 3, 0)
    assert len(memory.entries) == 6


def test_an_address_as_guid_stays_with_its_article_whatever_is_edited() -> None:
    memory = Memory()
    memory.refresh([post(1)])
    edited = post(1, title="new", link="https://old.example.org/new", published=NOW)
    assert counts(memory.refresh([edited])) == (0, 1, 0, 0)
    numbered = Memory()
    numbered.refresh([post(1, guid="1")])
    assert counts(numbered.refresh([post(1, guid="1", title="new", published=NOW)])) == (0, 1, 0, 0)


def test_two_posts_of_one_minute_under_one_guid_and_link_are_two_in_whatever_company_they_come() -> None:
    names: dict[str, object] = {"guid": "https://x.example/#a0806", "link": "https://x.example/#a0806"}
    first, second = (post(n, **names) for n in (1, 2))
    memory = Memory()
    assert counts(memory.refresh([first])) == (1, 0, 0, 0)
    assert counts(memory.refresh([second, first])) == (1, 0, 1, 0)
    for company in ([second], [first], [first, second], [second]):
        assert counts(memory.refresh(company)) == (0, 0, len(company), 0)


def test_entries_of_one_page_are_told_apart_by_the_fragments_of_their_links_even_without_dates() -> None:
    memory = Memory()
    for n in (1, 2, 3):
        named: dict[str, object] = {"guid": f"entry {n}", "link": f"https://x.example/changes#e{n}", "published": None}
        assert len(memory.refresh([post(n, **named)]).arrivals) == 1
    assert len(memory.entries) == 3


def test_two_posts_under_one_name_are_two_when_the_text_of_one_was_left_out_as_known() -> None:
    names: dict[str, object] = {"guid": "https://x.example/#a0806", "link": "https://x.example/#a0806"}
    first, second = post(1, **names), post(22, **names)
    left_out = replace(first, content="", repeated=True, text_size=len(first.content))
    memory = Memory()
    memory.refresh([first])
    assert counts(memory.refresh([second, left_out])) == (1, 0, 1, 0)


def test_an_article_that_is_listed_twice_after_an_edit_is_one() -> None:
    first = post(1)
    assert len(distinct([replace(first, title="edited"), first])) == 1


def test_http_and_https_in_a_guid_make_no_difference_and_a_fragment_does() -> None:
    memory = Memory()
    memory.refresh([post(1, guid="http://www.old.example.org/p/?utm_source=x#c1", link="")])
    same = post(1, guid="https://old.example.org/p#c1", link="", title="edited", published=None)
    other = post(2, guid="https://old.example.org/p#c2", link="")
    assert counts(memory.refresh([same, other])) == (1, 1, 0, 0)


def test_a_guid_in_two_spellings_names_one_article_or_none() -> None:
    one, other = (post(1, guid=f"{scheme}://old.example.org/1") for scheme in ("http", "https"))
    assert len(distinct([one, other])) == 1
    another = replace(post(2), guid=other.guid)
    assert len(distinct([one, another])) == 2


def test_evidence_needs_something_to_say() -> None:
    assert evidence(Entry("s", guid="1")) == ()
    kinds = [alias.value.partition(" ")[0] for alias in evidence(post(1))]
    assert kinds == ["text", "date"]
    (title,) = evidence(Entry("s", title="t"))
    assert title == Alias("text", title.value)
    assert title.value.startswith("title ")

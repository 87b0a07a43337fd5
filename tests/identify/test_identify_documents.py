"""Names inside one document: what its entries share says nothing about which article is meant."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from aggregator.identify import distinct
from aggregator.normalise import facts, normalise
from aggregator.parse import read
from aggregator.records import Alias, Entry, Named, ParsedFeed, Source

MADE = Path(__file__).resolve().parents[2].parent / "shared" / "corpus" / "dedup" / "made"
NOW = datetime(2022, 1, 1, tzinfo=UTC)
SEED = "NW202112282227696247"


def articles(name: str, source: str = "s") -> tuple[Named, ...]:
    """What comes out of a document of the corpus, by the steps that a refresh takes."""
    if not MADE.is_dir():
        pytest.skip("the shared corpus is not beside this checkout")
    url = f"https://feeds.example.org/{name}"
    feed = read((MADE / name).read_bytes(), url=url)
    assert isinstance(feed, ParsedFeed)
    owner = Source(source, url)
    found = [normalise(raw, source=owner, feed=feed, url=url, now=NOW) for raw in feed.entries]
    link = facts(feed, url, source=owner, now=NOW).link
    return distinct([entry for entry in found if entry], feed_link=link)


def titles(found: tuple[Named, ...]) -> list[str]:
    return [named.entry.title for named in found]


def codes(found: tuple[Named, ...]) -> list[str]:
    return [named.info_code for named in found]


def kinds(named: Named) -> list[str]:
    return [name.kind for name in named.names]


def test_five_tracking_variants_of_a_link_are_one_article() -> None:
    (named,) = articles("utm-links.rss")
    assert named.names == (Alias("url", named.names[0].value),)
    assert named.entry.title == "同一篇"


def test_without_guids_the_links_tell_articles_apart() -> None:
    found = articles("no-guid.rss")
    assert [kinds(named) for named in found] == [["url"], ["url"]]
    assert len(set(codes(found))) == 2


def test_without_guid_and_link_title_and_date_tell_articles_apart_and_a_repeat_is_one() -> None:
    found = articles("no-guid-no-link.rss")
    assert titles(found) == ["只有标题甲", "只有标题乙"]
    assert codes(found) == codes(articles("no-guid-no-link.rss"))


def test_a_guid_under_which_two_articles_stand_names_neither() -> None:
    found = articles("same-guid-twice.rss")
    assert titles(found) == ["甲", "乙"]
    assert [kinds(named) for named in found] == [["url"], ["url"]]
    assert [named.entry.guid for named in found] == ["", ""]


def test_guids_that_differ_in_case_are_two_and_space_around_them_is_none_of_theirs() -> None:
    found = articles("guid-whitespace-case.rss")
    assert [named.entry.guid for named in found] == ["G1", "g1"]
    assert [kinds(named) for named in found] == [["guid"], ["guid"]]


def test_entries_that_three_feeds_share_have_the_same_codes_in_all_of_them() -> None:
    a, b, c = (codes(articles(f"overlap-{letter}.atom", letter)) for letter in "abc")
    assert a == b == c
    assert len(set(a)) == 5


def test_the_same_story_from_two_sites_has_one_code_with_and_without_the_prefix() -> None:
    assert codes(articles("source-a.rss", "a")) == codes(articles("source-b.rss", "b")) == [SEED]


def test_a_guid_with_a_session_id_leaves_the_link_as_a_name() -> None:
    (before,), (after,) = articles("session-guid-v1.rss"), articles("session-guid-v2.rss")
    assert before.info_code != after.info_code
    assert {name for name in before.names if name.kind == "url"} & set(after.names)


def test_the_feeds_own_page_names_no_article_unless_it_is_all_that_there_is() -> None:
    home = "https://example.org/"
    first, second = Entry("s", guid="1", link=home, title="a"), Entry("s", guid="2", link=f"{home}2", title="b")
    found = distinct([first, second], feed_link="http://example.org")
    assert [kinds(named) for named in found] == [["guid"], ["guid", "url"]]
    (only,) = distinct([Entry("s", link=home, title="a")], feed_link=home)
    assert kinds(only) == ["url"]


def test_a_link_that_several_articles_share_names_none_of_them() -> None:
    """Liveblogs and daily columns: one address, many guids or, without guids, many titles."""
    page = "https://example.org/live"
    with_guids = distinct([Entry("s", guid=str(n), link=page, title="Live") for n in range(3)])
    without = distinct([Entry("s", link=page, title=str(n)) for n in range(3)])
    assert [kinds(named) for named in with_guids] == [["guid"]] * 3
    assert [kinds(named) for named in without] == [[]] * 3
    assert len({*codes(with_guids), *codes(without)}) == 6


def test_a_true_repeat_is_one_article_told_by_its_first_appearance() -> None:
    first = Entry("s", guid="1", link="https://example.org/1", title="first")
    found = distinct([first, Entry("s", guid="1", link="https://example.org/1?utm_source=x", title="again")])
    assert titles(found) == ["first"]


def test_what_is_distinct_stays_distinct() -> None:
    for name in ("utm-links.rss", "same-guid-twice.rss", "guid-whitespace-case.rss", "no-guid-no-link.rss", "v2.rss"):
        found = articles(name)
        again = distinct([named.entry for named in found], feed_link="http://example.org/")
        assert codes(again) == codes(found)

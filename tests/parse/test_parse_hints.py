"""What feeds say of their rhythm and of their older documents; tests/data/parse/rhythm.xml says most of it at once."""

import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator import normalise, parse
from aggregator.parse import hints
from aggregator.records import ParsedFeed, Source

DOCUMENTS = Path(__file__).resolve().parents[1] / "data" / "parse"
CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"
URL = "https://example.org/dir/feed.xml"


def read(document: str | bytes) -> ParsedFeed:
    result = parse.read(document.encode() if isinstance(document, str) else document, url=URL)
    assert isinstance(result, ParsedFeed), result
    return result


def channel(inner: str) -> ParsedFeed:
    names = "xmlns:sy='http://purl.org/rss/1.0/modules/syndication/' xmlns:atom='http://www.w3.org/2005/Atom'"
    return read(f"<rss version='2.0' {names}><channel>{inner}<item><title>x</title></item></channel></rss>")


@pytest.mark.parametrize(
    ("inner", "minutes"),
    [
        ("<sy:updatePeriod>hourly</sy:updatePeriod>", 60),
        ("<sy:updatePeriod> Hourly </sy:updatePeriod><sy:updateFrequency>4</sy:updateFrequency>", 15),
        ("<sy:updatePeriod>weekly</sy:updatePeriod><sy:updateFrequency>0</sy:updateFrequency>", 10080),
        ("<sy:updatePeriod>yearly</sy:updatePeriod><sy:updateFrequency>often</sy:updateFrequency>", 525600),
        ("<sy:updatePeriod>hourly</sy:updatePeriod><sy:updateFrequency>99999</sy:updateFrequency>", 1),
        ("<sy:updateFrequency>2</sy:updateFrequency>", 720),
        ("<sy:updatePeriod>always</sy:updatePeriod>", None),
        ("", None),
    ],
)
def test_a_period_and_a_frequency_are_minutes(inner: str, minutes: int | None) -> None:
    assert channel(inner).update_minutes == minutes


@pytest.mark.parametrize(
    ("ttl", "minutes"),
    [
        ("60", 60),
        ("525600", 525600),
        ("525601", None),
        ("0", None),
        ("-5", None),
        ("1h", None),
        ("٣", None),
        ("", None),
    ],
)
def test_a_ttl_is_positive_and_a_year_at_most(ttl: str, minutes: int | None) -> None:
    assert channel(f"<ttl>{ttl}</ttl>").ttl_minutes == minutes


def test_hours_that_a_document_skips_are_all_of_them_and_none_are_invented() -> None:
    hours = "".join(f"<hour>{hour:02}</hour>" for hour in range(25))
    assert channel(f"<skipHours>{hours}</skipHours>").skip_hours == tuple(range(24))
    assert channel("<skipHours/><skipDays/>").skip_hours == ()
    assert channel("<description>no &lt;skipHours&gt;&lt;hour&gt;1</description>").skip_hours == ()


def test_hours_without_an_end_are_read_no_further_than_hours_can_reach() -> None:
    started = time.process_time()
    hours, days = hints.skipped("<skipHours><hour>1</hour>" + "<skipHours>" * 500_000 + "<hour>2</hour>")
    assert (hours, days) == ((1,), ())
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    ("href", "page"),
    [
        ("?page=2", "https://example.org/dir/feed.xml?page=2"),
        ("/2.xml", "https://example.org/2.xml"),
        ("feed.xml", ""),
        ("javascript:1", ""),
        ("", ""),
    ],
)
def test_the_next_page_is_another_document_with_a_whole_address(href: str, page: str) -> None:
    link = f"<link rel='next' href='{href}'/>"
    atom = f"<feed xmlns='http://www.w3.org/2005/Atom'>{link}<entry><id>1</id>{link.replace(href, '/e')}</entry></feed>"
    json_feed = f'{{"version": "https://jsonfeed.org/version/1.1", "title": "x", "next_url": "{href}", "items": []}}'
    assert read(atom).next_page == page
    assert channel(link.replace("<link", "<atom:link")).next_page == page
    assert read(json_feed).next_page == page


def test_pages_are_relative_to_the_base_of_their_feed() -> None:
    feed = read(
        "<feed xmlns='http://www.w3.org/2005/Atom' xml:base='https://other.example/a/'>"
        "<link rel='prev-archive' href='1.xml'/><entry><id>1</id></entry></feed>"
    )
    assert feed.prev_archive == "https://other.example/a/1.xml"


def test_the_facts_of_a_source_carry_its_hints() -> None:
    feed = read((DOCUMENTS / "rhythm.xml").read_bytes())
    now = datetime(2026, 11, 22, tzinfo=UTC)
    facts = asdict(normalise.facts(feed, URL, source=Source(name="a", url=URL), now=now))
    names = ("ttl_minutes", "update_minutes", "skip_hours", "skip_days", "next_page", "prev_archive")
    assert {name: facts[name] for name in names} == {name: getattr(feed, name) for name in names}


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the shared corpus is not beside this repository")
def test_paged_feeds_of_the_corpus_name_their_next_page() -> None:
    paged = read((CORPUS / "podcasts" / "podcastparser__paged_feed.rss").read_bytes())
    assert paged.next_page == "http://example.com/feed/page2"
    show = read((CORPUS / "real" / "rss-parser__pagination-links.rss").read_bytes())
    assert show.next_page == "http://example.org/index.atom?page=4"


@given(st.text(), st.text())
def test_no_text_makes_a_hint_raise(one: str, other: str) -> None:
    assert hints.minutes(one) is None or hints.minutes(one) in range(1, 525601)
    hints.update_minutes(one, other)
    hints.skipped(f"<skipHours><hour>{one}</hour>{other}")
    assert hints.page(one, other) == "" or hints.page(one, other).startswith("http")

"""Where a site's feed is: by what its page says, and by custom."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator import parse
from aggregator.records import FeedLink

DOCUMENTS = Path(__file__).resolve().parents[1] / "data" / "parse"
CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"
URL = "https://example.org/start.html"


def found(html: str, url: str = URL) -> list[str]:
    return [link.url for link in parse.feed_links(html.encode(), url, "text/html")]


def test_a_blog_s_page_names_its_feeds_the_likeliest_first() -> None:
    assert parse.feed_links((DOCUMENTS / "blog.html").read_bytes(), URL) == (
        FeedLink("https://blog.example.org/en/feed/atom/", "Blog", "application/atom+xml"),
        FeedLink("https://cdn.example.org/feed.json", "", "application/feed+json"),
        FeedLink("https://blog.example.org/wp-json/wp/v2/pages/7", "", "application/json"),
        FeedLink("https://blog.example.org/en/index.rdf", "Old RDF"),
        FeedLink("https://blog.example.org/?feed=rss2&lang=en#top", "RSS"),
        FeedLink("https://blog.example.org/en/comments/feed/", "Blog » Comments Feed", "application/rss+xml"),
    )


@pytest.mark.parametrize(
    "href",
    [
        "/feed",
        "/feed/",
        "/a/rss.xml",
        "/atom.xml",
        "/feed.xml",
        "/index.rdf",
        "/index.xml",
        "/news.rss",
        "/rss",
        "/RSS.XML",
    ],
)
def test_a_link_whose_address_ends_like_a_feed_is_a_candidate(href: str) -> None:
    assert found(f"<a href='{href}?x=1#y'>Subscribe</a>") == [f"https://example.org{href}?x=1#y"]


@pytest.mark.parametrize(
    "href", ["/feedback", "/rss-help.html", "mailto:rss@example.org/feed", "feed:x/rss.xml", "//[/feed", ""]
)
def test_other_links_are_none(href: str) -> None:
    assert found(f"<a href='{href}'>Subscribe</a>") == []


def test_no_more_than_twenty_are_given_and_each_once() -> None:
    link = "<link rel=alternate type=application/rss+xml href=/{}.xml>"
    assert len(found("".join(link.format(n) for n in range(30)))) == 20
    assert len(found(link.format(1) * 3)) == 1


def test_a_gbk_page_gives_its_feed_s_title() -> None:
    html = "<meta charset=gbk><link rel=alternate type=application/rss+xml title=要闻 href=/a.xml>"
    assert parse.feed_links(html.encode("gbk"), URL)[0].title == "要闻"


ITEM = "<link>http://example.org/feed</link><description><![CDATA[<a href='/rss.xml'>x</a>]]></description>"


@pytest.mark.parametrize(
    "document",
    [
        f"<?xml version='1.0'?>\n<!-- x --><rss version='2.0'><channel><item>{ITEM}</item></channel></rss>",
        "<feed xmlns='http://www.w3.org/2005/Atom'><link rel='alternate' type='application/rss+xml' href='/x'/></feed>",
        f"<rdf:RDF xmlns:rdf='urn:x'><item>{ITEM}</item></rdf:RDF>",
        json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": [{"content_html": "<a href=/feed>x</a>"}]}),
        "",
        "<div>" * 100_000 + "<a href=/feed>",
    ],
    ids=["rss", "atom", "rdf", "json", "nothing", "nested to kill"],
)
def test_a_feed_names_no_feeds_and_nor_does_what_cannot_be_read(document: str) -> None:
    assert found(document) == []


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the shared corpus is not beside this repository")
def test_no_feed_of_the_corpus_is_taken_for_a_page() -> None:
    for path in sorted((CORPUS / "real").iterdir()):
        if path.is_file():
            assert parse.feed_links(path.read_bytes(), URL) == (), path.name


def test_the_usual_places_are_below_the_page_and_at_the_top_of_its_host() -> None:
    places = parse.usual_places("https://example.org/blog/?p=1#x")
    assert places[0] == "https://example.org/blog/feed"
    assert "https://example.org/feed" in places
    assert parse.usual_places("https://example.org")[:4] == (
        "https://example.org/feed",
        "https://example.org/rss.xml",
        "https://example.org/atom.xml",
        "https://example.org/index.xml",
    )
    assert len(set(places)) == len(places) <= 20


@pytest.mark.parametrize(
    "url", ["", "file:///srv/www", "ftp://example.org/", "//example.org", "https://[", "https:///x"]
)
def test_what_is_no_web_address_has_no_usual_places(url: str) -> None:
    assert parse.usual_places(url) == ()


PIECES = (
    "<link ",
    "rel=alternate ",
    "type=application/rss+xml ",
    "href='",
    "//[",
    "x'",
    ">",
    "<base href=",
    "<a ",
    "/feed'",
    "<rss>",
)


@settings(max_examples=200)
@given(
    st.one_of(st.binary(max_size=200), st.lists(st.sampled_from(PIECES)).map(lambda parts: "".join(parts).encode())),
    st.one_of(st.just(URL), st.text(max_size=30)),
)
def test_no_bytes_and_no_address_make_it_raise(body: bytes, url: str) -> None:
    links = parse.feed_links(body, url)
    assert all(link.url.startswith(("http://", "https://")) for link in links)
    assert all(place.startswith(("http://", "https://")) for place in parse.usual_places(url))

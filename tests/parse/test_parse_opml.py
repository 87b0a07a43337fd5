"""Subscription lists as readers export them, well-formed or not."""

import gzip
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator import parse
from aggregator.records import Outline, Unreadable

DOCUMENTS = Path(__file__).resolve().parents[1] / "data" / "parse"
CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus" / "opml"


def read(body: bytes) -> tuple[Outline, ...]:
    result = parse.outlines(body)
    assert not isinstance(result, Unreadable), result
    return result


def listed(inner: str) -> tuple[Outline, ...]:
    return read(f"<opml version='2.0'><body>{inner}</body></opml>".encode())


def test_a_reader_s_export_gives_its_feeds_once_each_with_the_folders_they_stand_in() -> None:
    assert read((DOCUMENTS / "reader-export.opml").read_bytes()) == (
        Outline("https://example.org/nanchang.xml", "南昌日报", ("报纸", "早读")),
        Outline("https://example.org/markets?a=1&b=2", "Markets & Money", ("财经",)),
        Outline("https://Example.org/weather.atom", "Weather", ("Weather", "News", "tag")),
    )


def test_a_list_that_is_no_xml_gives_what_can_be_read_of_it() -> None:
    assert read((DOCUMENTS / "ill-formed-list.opml").read_bytes()) == (
        Outline("https://example.org/1?a=1&b=2", "not closed", ("Q&A",)),
        Outline("https://example.org/2", "a < b &host;", ("Q&A",)),
        Outline("https://example.org/3", "twice", ("Q&A",)),
        Outline("https://example.org/4", "cut", ("Q&A",)),
    )


def test_a_folder_without_a_name_is_none_and_the_one_around_it_counts() -> None:
    feed = "<outline xmlUrl='http://a.example/'/>"
    (outline,) = listed(f"<outline text='outer'><outline>{feed}</outline></outline>")
    assert outline == Outline("http://a.example/", "", ("outer",))


def test_outlines_with_a_prefix_and_in_capitals_are_read() -> None:
    body = b"<o:opml xmlns:o='urn:o'><o:outline text='A' xmlUrl='http://a.example/'/></o:opml>"
    assert read(body) == (Outline("http://a.example/", "A"),)
    assert read(b"<OPML><BODY><OUTLINE TEXT='A' XMLURL='http://a.example/'/></BODY></OPML>") == read(body)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "the document is empty"),
        (b"<html><title>Log in</title>", "an HTML page (title “Log in”)"),
        (b"<rss version='2.0'><channel/></rss>", "an XML document with the root element <rss>"),
        (b'{"feeds": []}', "JSON, but no JSON Feed"),
    ],
)
def test_what_is_no_list_is_named(body: bytes, reason: str) -> None:
    assert parse.outlines(body) == Unreadable(f"no OPML subscription list, but {reason}")


def test_a_list_without_feeds_is_a_list() -> None:
    assert listed("") == ()


def test_the_encoding_may_stand_in_the_header_and_the_list_in_a_gzip_file() -> None:
    body = "<opml><outline text='папка' xmlUrl='http://a.example/'/></opml>".encode("windows-1251")
    assert parse.outlines(body, "text/xml; charset=windows-1251") == (Outline("http://a.example/", "папка"),)
    assert len(read(gzip.compress(body))) == 1
    bomb = parse.outlines(gzip.compress(bytes(40_000_000), 1))
    assert bomb == Unreadable("a gzip file that unpacks to more than 32,000,000 bytes")


def test_no_more_than_ten_thousand_feeds_are_given() -> None:
    assert len(listed("".join(f"<outline xmlUrl='http://a.example/{n}'/>" for n in range(10_001)))) == 10_000


@pytest.mark.parametrize(
    "body",
    [
        b"<outline text='x'>" * 100_000,
        b"<opml " + b"a='b' " * 100_000,
        b"<opml>" + b"<![CDATA[" * 100_000,
        b"<opml>" + b"<!--" * 100_000,
        b"<opml>" + b"&" * 500_000,
        b"<!DOCTYPE opml [<!ENTITY a 'aaaaaaaaaa'>"
        + b"".join(b"<!ENTITY %c '%s'>" % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
        + b"]><opml><outline text='&j;' xmlUrl='http://a.example/'/></opml>",
    ],
    ids=["nested", "attributes", "cdata", "comments", "ampersands", "billion laughs"],
)
def test_a_list_made_to_cost_costs_little(body: bytes) -> None:
    started = time.process_time()
    result = parse.outlines(body)
    assert time.process_time() - started < 10
    assert isinstance(result, tuple | Unreadable)


def test_entities_are_neither_expanded_nor_fetched() -> None:
    body = b"<!DOCTYPE opml [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><opml><outline text='&a;' xmlUrl='http://a.example/'/></opml>"
    assert read(body) == (Outline("http://a.example/", "&a;"),)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the shared corpus is not beside this repository")
@pytest.mark.parametrize(
    ("name", "count", "first"),
    [
        ("chinese-independent-blogs__feed.opml", 1326, Outline("https://blog.t9t.io/atom.xml", "透明创业实验")),
        ("listparser__cats-1-single_standalone.xml", 1, Outline("http://domain/feed", "feedname", ("root",))),
        ("listparser__concatenated-documents.xml", 2, Outline("http://domain/feed1", "feedname")),
        ("listparser__end-element-missing.xml", 1, Outline("https://domain/feed", "malformed")),
        ("newsboat__body-element-missing.opml", 0, None),
        ("picoFeed__google-reader.opml", 22, Outline("http://reflets.info/feed/", "Reflets", ("Presse",))),
        ("yarr__sample_win1251.xml", 2, Outline("https://foo.com/feed.xml", "пример2", ("папка",))),
    ],
)
def test_the_corpus_gives_what_its_lists_say(name: str, count: int, first: Outline | None) -> None:
    found = read((CORPUS / name).read_bytes())
    assert len(found) == count
    assert (found or (None,))[0] == first


PIECES = (
    "<opml>",
    "<outline ",
    "xmlUrl='http://a/'",
    "text='&x;'",
    ">",
    "/>",
    "</outline>",
    "<!DOCTYPE",
    "<![CDATA[",
    "\x00",
    "<?",
)


@settings(max_examples=200)
@given(st.one_of(st.binary(max_size=200), st.lists(st.sampled_from(PIECES)).map(lambda parts: "".join(parts).encode())))
def test_no_bytes_make_it_raise(body: bytes) -> None:
    assert isinstance(parse.outlines(b"<opml>" + body), tuple)
    assert isinstance(parse.outlines(body), tuple | Unreadable)

"""Each document in tests/data/parse stands for a trap; what must be read out of it stands beside it.

An expectation names the fields that matter: of the feed at its top, of each entry in `entries`. `unreadable` is the
beginning of the reason why a document is no feed.
"""

import dataclasses
import gzip
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aggregator import parse
from aggregator.parse import repair
from aggregator.records import ParsedFeed, Unreadable

DOCUMENTS = Path(__file__).resolve().parents[1] / "data" / "parse"
URL = "http://example.org/dir/feed.xml"


def goldens() -> Iterator[tuple[Path, dict[str, object]]]:
    for expected in sorted(DOCUMENTS.glob("*.expected.json")):
        name = expected.name.removesuffix(".expected.json")
        (document,) = (each for each in DOCUMENTS.glob(f"{name}.*") if each != expected)
        yield document, json.loads(expected.read_bytes())


@pytest.mark.parametrize(("document", "expected"), [pytest.param(*pair, id=pair[0].name) for pair in goldens()])
def test_each_document_gives_what_stands_beside_it(document: Path, expected: dict[str, object]) -> None:
    result = parse.read(document.read_bytes(), url=URL)
    if "unreadable" in expected:
        assert isinstance(result, Unreadable)
        assert result.detail.startswith(str(expected["unreadable"]))
        return
    assert isinstance(result, ParsedFeed)
    plain = json.loads(json.dumps(dataclasses.asdict(result)))
    entries = expected.pop("entries")
    assert isinstance(entries, list)
    assert {key: plain[key] for key in expected} == expected
    assert len(plain["entries"]) == len(entries)
    assert [told(got, want) for got, want in zip(plain["entries"], entries, strict=True)] == entries


def told(got: object, want: object) -> object:
    """Give of a reading what its expectation speaks of."""
    if isinstance(got, dict) and isinstance(want, dict):
        return {key: told(got[key], value) for key, value in want.items()}
    if isinstance(got, list) and isinstance(want, list) and len(got) == len(want):
        return [told(one, other) for one, other in zip(got, want, strict=True)]
    return got


def test_a_cut_document_says_that_it_is_cut_and_how_much_was_read() -> None:
    result = parse.read((DOCUMENTS / "cut-off.xml").read_bytes(), url=URL)
    assert isinstance(result, ParsedFeed)
    (warning,) = result.warnings
    assert warning.startswith("the document is not well-formed (line 3")
    assert warning.endswith("; entries that could be read: 2")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "the document is empty"),
        (b" \n\t ", "the document holds only white space"),
        (bytes(range(256)), "not text: 256 bytes"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "not text: 108 bytes that begin with 89 50 4e 47"),
        (b"[" * 100_000, "JSON that is nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "JSON that cannot be read"),
        (b"Too many requests", "text that begins with “Too many requests”"),
        (b"[1, 2]", "JSON, but no JSON Feed; the document is a list of 2"),
    ],
)
def test_what_is_no_feed_is_named(body: bytes, reason: str) -> None:
    result = parse.read(body, url=URL)
    assert isinstance(result, Unreadable)
    assert result.detail.startswith(reason)


def test_an_entry_says_of_both_its_dates_what_the_document_says_and_nothing_else() -> None:
    item = b"<item><guid>1</guid><pubDate>Tue, 28 Dec 2021 08:08:58 +0800</pubDate></item>"
    result = parse.read(b"<rss version='2.0'><channel>" + item + b"</channel></rss>", url=URL)
    assert isinstance(result, ParsedFeed)
    assert (result.entries[0].published, result.entries[0].updated) == ("Tue, 28 Dec 2021 08:08:58 +0800", "")


def test_a_gzip_file_is_unpacked_but_not_without_limit() -> None:
    feed = b"<rss version='2.0'><channel><item><guid>1</guid></item></channel></rss>"
    result = parse.read(gzip.compress(feed), url=URL)
    assert isinstance(result, ParsedFeed)
    assert len(result.entries) == 1
    bomb = parse.read(gzip.compress(feed + bytes(40_000_000), 1), url=URL)
    assert bomb == Unreadable("a gzip file that unpacks to more than 32,000,000 bytes")


@pytest.mark.parametrize("opened", [b"<![CDATA[", b"<!--", b'<a b="', b"<", b"&", b"&#xD800;"])
def test_what_is_opened_again_and_again_costs_no_quadratic_time(opened: bytes) -> None:
    text = "<rss xml:base='x'>" + opened.decode() * 30_000
    start = time.process_time()
    mended, _ = repair.references(text)
    mended, _ = repair.outer(mended)
    repair.tags(repair.ampersands(mended)[0])
    assert time.process_time() - start < 2

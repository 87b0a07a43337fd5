"""The shared corpus: as many entries as feedparser finds, or more where it fails, and the titles that were written."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from aggregator import parse
from aggregator.records import ParsedFeed, RawEntry, Unreadable

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"
URL = "http://example.org/feed.xml"
MORE_THAN_FEEDPARSER = {"encodings/real/simplepie__feed-utf16le.xml": 1, "hostile/made/surrogate-charref.xml": 2}

if not CORPUS.is_dir():
    pytest.skip("the shared corpus is not beside this repository", allow_module_level=True)

SIDECARS: dict[str, dict[str, Any]] = json.loads((CORPUS / "SIDECARS.json").read_bytes())
with (CORPUS / "MANIFEST.tsv").open(encoding="utf-8", newline="") as manifest:
    ROWS = [
        row
        for row in csv.DictReader(manifest, delimiter="\t", quoting=csv.QUOTE_NONE)
        if not row["path"].startswith("opml/")
    ]


def read(path: str) -> ParsedFeed | Unreadable:
    content_type = SIDECARS.get(path, {}).get("headers", {}).get("Content-Type", "")
    return parse.read((CORPUS / path).read_bytes(), url=URL, content_type=content_type)


def entries(path: str) -> tuple[RawEntry, ...]:
    result = read(path)
    assert isinstance(result, ParsedFeed), result
    return result.entries


@pytest.mark.parametrize("row", [pytest.param(row, id=row["path"]) for row in ROWS])
def test_each_document_gives_all_its_entries(row: dict[str, str]) -> None:
    result = read(row["path"])
    expected = MORE_THAN_FEEDPARSER.get(row["path"], int(row["entries"] or 0))
    assert (len(result.entries) if isinstance(result, ParsedFeed) else 0) == expected
    is_no_feed = row["format(feedparser)"] in ("none", "expected-json") and not expected
    assert isinstance(result, Unreadable) == is_no_feed


@pytest.mark.parametrize("path", [path for path in SIDECARS if "titles" in SIDECARS[path].get("expect", {})])
def test_titles_are_what_was_written_whatever_the_encoding(path: str) -> None:
    assert [entry.title for entry in entries(path)] == SIDECARS[path]["expect"]["titles"]


def test_a_cut_document_keeps_the_titles_before_the_cut() -> None:
    path = "encodings/derived/utf8-truncated-multibyte.xml"
    wanted = SIDECARS[path]["expect"]["titles_at_least"]
    assert [entry.title for entry in entries(path)][: len(wanted)] == wanted


def test_the_base_of_an_entry_is_that_of_its_nested_elements() -> None:
    (entry,) = entries("hostile/made/relative-links.xml")
    assert (entry.base, entry.link) == ("http://example.org/blog/sub/", "http://example.org/posts/1.html")


def test_dates_and_categories_come_as_they_were_written() -> None:
    dates = [entry.published for entry in entries("dates/made/date-zoo.rss")]
    assert dates == [date.strip() for date in SIDECARS["dates/made/date-zoo.rss"]["expect"]["pubDate"]]
    names = SIDECARS["hostile/made/categories-slugs.xml"]["expect"]["categories"]
    tags = [tag for entry in entries("hostile/made/categories-slugs.xml") for tag in entry.tags]
    assert tags == [name.strip() for name in names if name.strip()]


def test_no_local_file_is_read_through_an_entity() -> None:
    assert "root:" not in str(read("hostile/made/xxe-file.xml"))

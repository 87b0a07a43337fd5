"""The shared corpus against feedparser alone, document by document: titles, dates, and text read in a wrong encoding.

What is right is known from the expectations that stand beside the corpus; for titles of documents that have none, from
a strict XML parser, where it reads them; for dates, from the standard library, where it does. The table stands in the
summary of the run.
"""

import csv
import html
import io
import json
import re
import warnings
from calendar import timegm
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import feedparser
import pytest
from lxml import etree
from test_text_dates import NOW, ZOO, moment

from aggregator import parse
from aggregator.normalise import normalise, plausible
from aggregator.records import ParsedFeed, Source

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"
URL = "http://example.org/feed.xml"
SOURCE = Source("corpus", URL, timezone="Asia/Shanghai")
LARGEST = 400_000  # bytes: feedparser takes a minute for the larger ones
COSTLY = tuple(f"hostile/made/{name}" for name in ("huge", "deep", "quadratic", "many"))
LEFT_OUT = ("opml/", "jsonfeed/", *COSTLY)
ENCODED_TWICE = {"real/FeedReader__AtomVergeAllPosts.xml", "real/FeedReader__Rss20YandexRussia.xml"}
WRONGLY_READ = re.compile(
    "â€|[ÃÂ][\u0080-\u00bf\u2018-\u203a]|[\u0080-\u009f]+|[\u00a1-\u00ff]{4,}|(?:[ÐÑ][^\\w\\s]?){3}"
)

if not CORPUS.is_dir():
    pytest.skip("the corpus is not beside the repository", allow_module_level=True)

DECLARATION = re.compile(r"^\ufeff?\s*<\?xml[^>]*\?>")
SIDECARS: dict[str, dict[str, Any]] = json.loads((CORPUS / "SIDECARS.json").read_bytes())


@dataclass
class Score:
    """How a reader did with one document: of so many, so many right; and how often text looks wrongly decoded."""

    titles: int = 0
    dates: int = 0
    mojibake: int = 0


@dataclass
class Line:
    """A document of the table."""

    path: str
    titles: int
    dates: int
    ours: Score = field(default_factory=Score)
    alone: Score = field(default_factory=Score)

    def is_worse(self) -> bool:
        ours, alone = self.ours, self.alone
        return ours.titles < alone.titles or ours.dates < alone.dates or ours.mojibake > alone.mojibake

    def is_told(self) -> bool:
        return self.ours != self.alone or (self.path in SIDECARS and bool(self.titles or self.dates))

    def __str__(self) -> str:
        ours, alone = self.ours, self.alone
        parts = (f"{ours.titles:5}{alone.titles:6}{self.titles:6}", f"{ours.dates:6}{alone.dates:6}{self.dates:6}")
        return f"{self.path:62.62} {parts[0]}  {parts[1]}  {ours.mojibake:5}{alone.mojibake:6}"


HEAD = f"{'':62}  titles: ours, alone, of   dates: ours, alone, of   mojibake: ours, alone"


def documents() -> Iterator[str]:
    with (CORPUS / "MANIFEST.tsv").open(encoding="utf-8", newline="") as manifest:
        for row in csv.DictReader(manifest, delimiter="\t", quoting=csv.QUOTE_NONE):
            path = row["path"]
            if not path.startswith(LEFT_OUT) and (CORPUS / path).stat().st_size <= LARGEST:
                yield path


def expected_titles(path: str, body: bytes) -> list[str]:
    said = SIDECARS.get(path, {}).get("expect", {})
    beside = (CORPUS / path).with_suffix(".json")
    if titles := said.get("titles") or said.get("titles_at_least") or said.get("titles_raw"):
        return list(titles)
    if path.startswith("podcasts/podcastparser") and path.endswith(".rss"):
        return [episode["title"] for episode in json.loads(beside.read_bytes())["episodes"]]
    if path.startswith("hostile/"):
        return []
    try:
        text = DECLARATION.sub("", body.decode())  # UTF-8 whatever it declares, or nothing that is known for sure
        root = etree.fromstring(text, etree.XMLParser(resolve_entities=False, no_network=True))
    except (etree.XMLSyntaxError, ValueError):
        return []
    entries = root.iterfind(".//{*}item") if root.find(".//{*}item") is not None else root.iterfind(".//{*}entry")
    found = (next((each for each in entry.iterfind("{*}title") if "yahoo" not in each.tag), None) for entry in entries)
    titles = ["".join(title.itertext()) for title in found if title is not None]
    return [b"".join(map(one_byte, title)).decode() for title in titles] if path in ENCODED_TWICE else titles


def one_byte(character: str) -> bytes:
    try:
        return character.encode("cp1252")
    except UnicodeEncodeError:
        return character.encode("latin-1")


def folded(title: str) -> str:
    """What is seen of a title: how it is escaped, and how much white space stands in it, is not compared."""
    text = html.unescape(html.unescape(title))
    return re.sub(r"<[^<>]*>|[\s\u200b\u2060\ufeff\u00ad]+", "", text)


def titles_right(expected: Sequence[str], found: Sequence[str]) -> int:
    there = Counter(map(folded, found))
    return sum((Counter(folded(title) for title in expected if folded(title)) & there).values())


def true_date(text: str) -> datetime | None:
    """The moment that a text names, by the standard library alone; None where it says no zone or cannot read it."""
    for zoo, expected in ZOO:
        if text == zoo.strip():
            return moment(expected) if expected else None
    if " 0001 " in text:
        return None  # the standard library takes it for a year of two digits
    for reader in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            found = reader(text)
        except (ValueError, TypeError, IndexError):
            continue
        return found.astimezone(UTC) if found.tzinfo and re.search(r"[+-]\d\d:?\d\d$|Z$|GMT$|UTC?$", text) else None
    return None


def dates_right(found: Sequence[tuple[str, datetime | None]]) -> int:
    return sum(date == true_date(text) for text, date in found if date)


def mojibake(texts: Sequence[str]) -> int:
    return sum(len(WRONGLY_READ.findall(text)) for text in texts)


def content_type(path: str) -> str:
    return str(SIDECARS.get(path, {}).get("headers", {}).get("Content-Type", ""))


def ours(path: str, body: bytes, titles: Sequence[str]) -> tuple[Score, list[str]]:
    feed = parse.read(body, url=URL, content_type=content_type(path))
    raws = feed.entries if isinstance(feed, ParsedFeed) else ()
    assert isinstance(feed, ParsedFeed) or not raws
    entries = [(raw, normalise(raw, source=SOURCE, feed=feed, url=URL, now=NOW)) for raw in raws]  # type: ignore[arg-type]
    found = [(raw.published, entry.published) for raw, entry in entries if entry]
    texts = [text for _, entry in entries if entry for text in (entry.title, entry.summary, entry.content)]
    right = titles_right(titles, [entry.title for _, entry in entries if entry])
    return Score(right, dates_right(found), mojibake(texts)), [raw.published for raw in raws]


def alone(path: str, body: bytes, titles: Sequence[str]) -> Score:
    said = content_type(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            read = feedparser.parse(io.BytesIO(body), response_headers={"content-type": said} if said else {})
        except Exception:  # what it raises is what it gives: nothing
            return Score()
        found = [(dict.get(each, "published", ""), each.get("published_parsed")) for each in read.entries]
    dates = [(text.strip(), datetime.fromtimestamp(timegm(when), UTC)) for text, when in found if when and text]
    texts = [part.get("value", "") for each in read.entries for part in each.get("content", [])]
    texts += [each.get(name, "") for each in read.entries for name in ("title", "summary")]
    right = titles_right(titles, [each.get("title", "") for each in read.entries])
    return Score(right, dates_right(dates), mojibake(texts))


def test_no_document_of_the_corpus_is_read_worse_than_by_feedparser_alone(record_property: Any) -> None:
    table = []
    for path in documents():
        body = (CORPUS / path).read_bytes()
        titles = expected_titles(path, body)
        score, texts = ours(path, body, titles)
        true = [date for text in texts if (date := true_date(text)) and plausible(date, NOW)]
        known = [title for title in titles if folded(title)]
        table.append(Line(path, len(known), len(true), score, alone(path, body, titles)))
    total = Line(f"{len(table)} documents", 0, 0)
    for line in table:
        total.titles, total.dates = total.titles + line.titles, total.dates + line.dates
        for mine, its in ((total.ours, line.ours), (total.alone, line.alone)):
            mine.titles, mine.dates, mine.mojibake = (
                mine.titles + its.titles, mine.dates + its.dates, mine.mojibake + its.mojibake,
            )
    told = [line for line in table if line.is_told()]
    record_property("table: the corpus, against feedparser alone", "\n".join(map(str, (HEAD, *told, total))))
    assert [str(line) for line in table if line.is_worse()] == []
    assert total.ours.titles == total.titles
    assert total.ours.dates == total.dates
    assert total.alone.titles < total.ours.titles, "or the comparison would not see a difference"
    assert total.alone.dates < total.ours.dates
    assert total.alone.mojibake > total.ours.mojibake

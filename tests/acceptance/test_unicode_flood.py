"""Twenty thousand articles of the most random text there is, through everything: all published, nothing ill-formed."""

import json
import os
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from acceptance_checks import walked_atom, walked_json
from lxml import etree

from aggregator.identify import decide, distinct
from aggregator.normalise import facts, normalise
from aggregator.records import Channel, Enclosure, Entry, ParsedFeed, RawEntry, ReadNote, Source, Validators
from aggregator.store import Store

FULL = bool(os.environ.get("AGGREGATOR_TEST_FULL"))  # all there is to show; a quick run shows a part of it
COUNT, CHANNELS = 20_000 if FULL else 2_000, 20
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SEED = 7
EVIL = [
    *map(chr, [*range(0x20), *range(0x7F, 0xA0)]),
    *map(chr, (0xD800, 0xDBFF, 0xDC00, 0xDFFF, 0xFDD0, 0xFFFE, 0xFFFF, 0x1FFFE, 0x10FFFF, 0x2028, 0x2029, 0x202E)),
    *("]]>", "<![CDATA[", "<!--", "-->", "--!>", "<?x", "&", "&amp;", "&#0;", "&#xD800;", "&nbsp;", "&lt;b&gt;", "<b>"),
    *('"', "'", "<", ">", "\\", "\\u0000", "{{ x }}", "{% x %}", "%s", "\u200b", "\ufeff", "e\u0301", "👩\u200d👧"),
    *("<script>x</script>", "<img src=x onerror=alert(1)>", "</p>", "</title>", "</entry>", "</html>", "\r\n", "\t"),
]
BLOCKS = [
    *((0x20, 0x7E), (0xA0, 0x24F), (0x370, 0x5FF), (0x600, 0x8FF), (0x3040, 0x30FF), (0x4E00, 0x9FFF)),
    *((0xAC00, 0xD7A3), (0x1F300, 0x1FAFF), (0x20000, 0x2A6DF), (0, 0x10FFFF)),
]


def text(chance: random.Random, most: int) -> str:
    """A text of any characters, those that no document may hold among them."""
    parts = []
    for _ in range(chance.randrange(most + 1)):
        if chance.random() < 0.3:
            parts.append(chance.choice(EVIL))
        else:
            parts.append(chr(chance.randint(*chance.choice(BLOCKS))))
    return "".join(parts)


def raw_entry(chance: random.Random, number: int) -> RawEntry:
    title = text(chance, 12)
    if number % 5_000 == 4_999:
        title = text(chance, 50) + chance.choice("长x&<") * 1_000_000
    elif number % 50 == 0:
        title = ""
    link = "" if chance.random() < 0.2 else f"https://example.org/{number}?{text(chance, 4)}"
    return RawEntry(
        guid=f"urn:flood:{number}:{text(chance, 3)}",
        link=chance.choice([link, link, text(chance, 6)]),
        title=title,
        title_type=chance.choice(["text", "html"]),
        summary=text(chance, 12),
        summary_type=chance.choice(["text", "html"]),
        content=chance.choice(["", "<p>", "<pre>"]) + text(chance, 40),
        content_type=chance.choice(["text", "html"]),
        author=text(chance, 5),
        outlet=text(chance, 5),
        published=chance.choice(["", text(chance, 5), (NOW - timedelta(minutes=number)).isoformat()]),
        language=chance.choice(["", "zh-CN", text(chance, 3)]),
        tags=tuple(text(chance, 4) for _ in range(chance.randrange(3))),
        enclosures=tuple(enclosure(chance) for _ in range(chance.randrange(2))),
    )


def enclosure(chance: random.Random) -> Enclosure:
    return Enclosure(f"https://example.org/{text(chance, 3)}.mp3", text(chance, 3), -1, text(chance, 4))


def entries(source: Source) -> Iterator[Entry]:
    chance = random.Random(SEED)
    feed = ParsedFeed("rss20", title=text(chance, 9), link=text(chance, 9), id=text(chance, 9), rights=text(chance, 9))
    for number in range(COUNT):
        found = normalise(raw_entry(chance, number), source=source, feed=feed, url="https://example.org/f", now=NOW)
        assert found is not None
        yield found


def fill(path: Path) -> dict[str, set[str]]:
    """Store the articles as a refresh does, each in one of the channels; give the codes in each."""
    source = Source("flood", "https://example.org/f", backfill=COUNT)
    named = distinct(list(entries(source)))
    changes = decide(named, aliases={}, known={}, positions={"flood": 0}, backfill=None, now=NOW)
    chance = random.Random(SEED)
    slugs = [f"c{number}" for number in range(CHANNELS)]
    expected: dict[str, set[str]] = {slug: set() for slug in slugs}
    with Store(path) as store, store.writing():
        store.sync_sources([(source, "1")], NOW)
        for slug in slugs:
            name = text(chance, 9)
            store.add_channel(Channel(slug, name, slug), slug, NOW)
        feed = ParsedFeed("rss20", title=text(chance, 9), rights=text(chance, 9))
        told = facts(feed, "https://example.org/f", source=source, now=NOW)
        store.note_read("flood", ReadNote(told, Validators(), "", NOW, "", "ok"), NOW)
        store.add(changes.arrivals, NOW)
        for number, arrival in enumerate(changes.arrivals):
            slug = slugs[number % CHANNELS]
            store.place(arrival.info_code, "flood", [slug])
            expected[slug].add(f"tag:finews.example.org,2026:{arrival.info_code}")
    return expected


def ill_formed(files: Mapping[str, bytes]) -> list[str]:
    """The paths of the documents that a strict reader does not read."""
    found = []
    for path, body in files.items():
        try:
            match Path(path).suffix:
                case ".atom" | ".rss" | ".xml":
                    etree.fromstring(body, etree.XMLParser(huge_tree=True))
                case ".json":
                    json.loads(body.decode("utf-8"))
                case ".html":
                    assert body.decode("utf-8").endswith("</html>\n")
        except (etree.XMLSyntaxError, ValueError, AssertionError):
            found.append(path)
    return found


def test_articles_of_any_text_are_all_published_in_every_format(memory_workspace: Any) -> None:
    workspace = memory_workspace
    workspace.configure("")
    expected = fill(workspace.folder / "aggregator.db")
    assert sum(map(len, expected.values())) == COUNT
    report = workspace.json("publish", timeout=300)
    assert report["problems"] == []
    paths = [path for path in workspace.public.rglob("*") if path.suffix in (".atom", ".rss", ".json", ".xml", ".html")]
    files = {str(path.relative_to(workspace.public)): path.read_bytes() for path in paths}
    assert ill_formed(files) == []
    pages = {path.removeprefix("article/").removesuffix(".html") for path in files if path.startswith("article/")}
    ids = set().union(*expected.values())
    assert {f"tag:finews.example.org,2026:{code}" for code in pages} == ids
    for slug, wanted in expected.items():
        assert Counter(walked_atom(files, slug)) == Counter(walked_json(files, slug)) == Counter(wanted)
        newest = etree.fromstring(files[f"category/{slug}.rss"]).findall("channel/item/guid")
        assert [guid.text for guid in newest] == walked_atom(files, slug)[: len(newest)]
        assert files[f"category/{slug}.html"].count(b'<article class="story"') == len(newest) > 0


def test_what_is_ill_formed_would_be_found() -> None:
    broken = {"a.atom": b"<a>\x01</a>", "b.rss": b"<a>&nbsp;</a>", "c.json": b'["\xed\xa0\x80"]', "d.html": b"<html>"}
    assert ill_formed(broken) == list(broken)
    assert ill_formed({"a.atom": b"<feed/>", "c.json": b"[]", "d.html": b"</html>\n"}) == []

"""Reading only the unseen entries gives what reading all gives, or the guards send the document to be read whole."""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.parse import decode, delta, with_feedparser
from aggregator.records import ParsedFeed, RawEntry, Unreadable

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"
URL = "https://example.org/feed.xml"
RSS = """<?xml version="1.0"?><rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>T</title>
<language>zh-CN</language><link>https://example.org/</link>{}<!-- end --></channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="de" xml:base="https://example.org/a/"><title>T</title>
<updated>2026-01-01T00:00:00Z</updated>{}</feed>"""
ITEM = "<item><title>t{0}</title><guid>g{0}</guid><link>https://example.org/{0}</link><dc:creator>c</dc:creator></item>"
ENTRY = """<entry><id>urn:x:{0}</id><title type="html">t{0} &lt;b&gt;</title><link href="{0}.html"/>
<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">x <b>{0}</b></div></content></entry>"""
TAKEN: Counter[str] = Counter()


def small(kind: str, *numbers: int) -> str:
    frame, entry = {"rss": (RSS, ITEM), "atom": (ATOM, ENTRY)}[kind]
    return frame.format("\n".join(entry.format(number) for number in numbers))


def full(text: str) -> ParsedFeed | Unreadable:
    return with_feedparser.read(text, URL)


def by_digest(text: str) -> dict[str, RawEntry]:
    """What is remembered of a document: its entries by digest, none where it cannot be cut."""
    feed = delta.read(text, URL, with_feedparser.read, frozenset())
    entries = feed.entries if isinstance(feed, ParsedFeed) else ()
    return {entry.digest: replace(entry, digest="") for entry in entries if entry.digest}


def filled(feed: ParsedFeed | Unreadable, memory: dict[str, RawEntry]) -> ParsedFeed | Unreadable:
    """The feed as one would have it who kept the entries of the document before."""
    if isinstance(feed, Unreadable):
        return feed
    entries = (memory[entry.digest] if entry.repeated else replace(entry, digest="") for entry in feed.entries)
    return replace(feed, entries=tuple(entries))


def check(before: str, after: str, only: Callable[[str], bool] = lambda _: True) -> str:
    """Hold what is read with the memory of `before` against a full parse; give which way was taken."""
    memory = {digest: entry for digest, entry in by_digest(before).items() if only(digest)}
    read = delta.read(after, URL, with_feedparser.read, memory.keys())
    assert filled(read, memory) == full(after)
    repeated = isinstance(read, ParsedFeed) and any(entry.repeated for entry in read.entries)
    way = "delta" if repeated else "whole, remembered" if memory else "whole"
    TAKEN[way] += 1
    return way


@pytest.mark.parametrize("kind", ["rss", "atom"])
def test_only_the_unseen_entries_are_read(kind: str) -> None:
    read: list[str] = []

    def watched(text: str, url: str) -> ParsedFeed | Unreadable:
        read.append(text)
        return with_feedparser.read(text, url)

    memory = by_digest(small(kind, 1, 2, 3))
    assert len(memory) == 3
    feed = delta.read(small(kind, 4, 1, 2, 3), URL, watched, memory.keys())
    assert isinstance(feed, ParsedFeed)
    assert [entry.repeated for entry in feed.entries] == [False, True, True, True]
    assert feed.entries[0].title.startswith("t4")
    assert len(read) == 1
    assert "t1" not in read[0]


SURROUNDINGS = {
    "language": ("<language>zh-CN", "<language>fr"),
    "namespace": ("http://purl.org/dc/elements/1.1/", "http://example.org/other"),
    "version": ('version="2.0"', 'version="0.91"'),
    "wrapper": ("<item><title>t2", '<wrap xml:base="https://other.example/"><item><title>t2'),
    "text between": ("<item><title>t2", "text<item><title>t2"),
    "comment around": ("<item><title>t2", "<!-- <item><title>t2"),
    "comment open": ("<link>https://example.org/</link>", "<!-- "),
    "doctype": ('<?xml version="1.0"?>', '<!DOCTYPE rss [<!ENTITY x "y">]>'),
    "nested": ("<title>t2</title>", "<title>t2</title><item><title>in</title></item>"),
    "CDATA across": ("<title>t2</title>", "<title>t2</title><description><![CDATA[</item> <item>]]></description>"),
    "self-closing": ("<item><title>t2", "<item/><item><title>t2"),
    "cut": ("<!-- end --></channel></rss>", ""),
    "not closed": ("</item><!-- end", "<!-- end"),
    "not well-formed": ("<title>t2", "<title>&t2 <b>"),
    "twice the same": ("<item><title>t2", ITEM.format(1) + "<item><title>t2"),
}


@pytest.mark.parametrize("change", SURROUNDINGS)
def test_each_guard_sends_the_document_to_be_read_whole(change: str) -> None:
    before = small("rss", 1, 2, 3)
    after = before.replace(*SURROUNDINGS[change])
    assert after != before
    assert check(before, after) != "delta"


@pytest.mark.parametrize(
    ("old", "new"),
    [("<title>T</title>", "<title>U</title>"), ("t2", "t2 edited"), ("</item>\n", "</item><!-- a comment -->\n")],
)
def test_what_no_entry_inherits_may_change(old: str, new: str) -> None:
    before = small("rss", 1, 2, 3)
    assert check(before, before.replace(old, new)) == "delta"


def test_a_base_that_changes_makes_every_entry_new() -> None:
    before = small("atom", 1, 2)
    assert check(before, before.replace("example.org/a/", "example.org/b/")) != "delta"
    assert check(before, small("atom", 2, 1, 3)) == "delta"


def test_without_the_surroundings_in_the_digest_it_would_go_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delta, "_surroundings", lambda *_: b"")
    before = small("atom", 1, 2)
    with pytest.raises(AssertionError):
        check(before, before.replace('xml:lang="de"', 'xml:lang="fr"').replace("example.org/a/", "example.org/b/"))


# --- the corpus, and mutants of it -------------------------------------------------------------------------------


@cache
def documents() -> tuple[str, ...]:
    paths = sorted(path for path in CORPUS.rglob("*") if path.suffix in (".xml", ".rss", ".atom", ".rdf"))
    texts = (decode(path.read_bytes())[0] for path in paths if path.stat().st_size < 200_000)
    return tuple(text for text in texts if 0 < len(re.findall(r"<(?:item|entry)\b", text)) < 80)


def mutants(text: str, chance: random.Random) -> Iterator[str]:
    """Documents that differ from this one in their entries, their surroundings, or somewhere."""
    entries = re.findall(r"<(?:item|entry)\b.*?</(?:item|entry)>", text, re.S) or [""]
    one, other = chance.choice(entries), chance.choice(entries)
    at = chance.randrange(len(text))
    changed = one.replace("<title", '<title xml:lang="fr"', 1)
    yield text.replace(one, "", 1)
    yield text.replace(one, changed + one.replace("</guid>", "x</guid>").replace("</id>", "x</id>"), 1)
    yield text.replace(one, "\0", 1).replace(other, one, 1).replace("\0", other, 1)
    yield text.replace(one, f"<!-- {one} -->", 1)
    yield text.replace(one, f'<wrap xml:base="http://w.example/">{one}</wrap>', 1)
    yield re.sub(r"<(rss|feed)\b", r'<\1 xml:base="http://r.example/" xml:lang="ja"', text, count=1)
    yield text[:at] + chance.choice(("<", ">", "&", "]]>", "<item>", "</entry>", "<![CDATA[", '"', "é")) + text[at:]
    yield text[:at]
    yield text[:at] + text[at + chance.randrange(1, 40) :]


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the shared corpus is not beside this repository")
@settings(max_examples=60)
@given(number=st.integers(0, 10_000), seed=st.integers(0, 2**32))
def test_over_the_corpus_and_its_mutants_the_entries_are_those_of_a_full_parse(number: int, seed: int) -> None:
    chance = random.Random(seed)
    text = documents()[number % len(documents())]
    check(text, text, only=lambda _: chance.random() < 0.7)
    for after in chance.sample([*mutants(text, chance)], 2):
        check(text, after)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the shared corpus is not beside this repository")
def test_the_guards_let_most_of_the_corpus_through(capsys: pytest.CaptureFixture[str]) -> None:
    texts = random.Random(1).sample(documents(), 40)
    ways = Counter(check(text, text) for text in texts)
    with capsys.disabled():
        shown = ", ".join(f"{way}: {count}" for way, count in sorted((ways + TAKEN).items()))
        print(f"\ndelta parsing, documents by the way they went: {shown}")
    assert ways["delta"] >= 20

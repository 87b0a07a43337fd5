"""The gate lets every sound document through, and none of the broken ones."""

import re
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from publish_examples import CHANNEL, CHANNELS, ENTRIES, FULL, SITE

from aggregator import variants
from aggregator.publish import (
    Fragments,
    article_document,
    channel_view,
    feed_documents,
    index_document,
    opml_document,
)
from aggregator.publish.documents import gone_document
from aggregator.publish.gate import Gate, fault
from aggregator.publish.publisher import Publisher
from aggregator.publish.view import archive_view, site_view
from aggregator.publish.writer import Writer
from aggregator.records import Archive, Document, Joined, Piece, Policies, Policy

SOUND = {
    document.path: document
    for document in (
        *feed_documents(SITE, channel_view(SITE, CHANNEL, ENTRIES, last_archive=3)).documents,
        *feed_documents(SITE, archive_view(SITE, CHANNEL, Archive(3, ENTRIES, full=True))).documents,
        *feed_documents(SITE, site_view(SITE, ENTRIES)).documents,
        article_document(SITE, FULL),
        index_document(SITE, CHANNELS),
        opml_document(SITE, CHANNELS),
        gone_document({"old": "new"}),
    )
}
FEED = "category/nanchangribao"


@pytest.mark.parametrize("path", SOUND)
def test_a_sound_document_passes(path: str) -> None:
    assert fault(SOUND[path], SITE.url) == ""


NAMES = ("path", "old", "new", "why")
BREAKS = [
    (f"{FEED}.atom", "</feed>", "", "cannot be read again"),
    (f"{FEED}.atom", "链接", "\x0c", "cannot be read again"),
    (f"{FEED}.atom", "2021-12-28T11:00:01+08:00", "soon", "'soon' is no date"),
    (f"{FEED}.atom", "2021-12-28T08:08:58+08:00", "2021-12-28T08:08:58", "has no zone"),
    (f"{FEED}.atom", "https://finews.example.org/category/nanchangribao.atom", "https://x.org/", "self link"),
    (f"{FEED}.atom", "tag:finews.example.org,2026:x7", "tag:finews.example.org,2026:s-only", "there twice"),
    (f"{FEED}.atom", "<id>tag:finews.example.org,2026:x7</id>", "", "no id"),
    (f"{FEED}.atom", 'href="https://news.example.com/a', 'href="/a', "no absolute web address"),
    (f"{FEED}.atom", "<title>Only a summary</title>", "<title/>", "lacks an id or a title"),
    (f"{FEED}.atom", 'xmlns="http://www.w3.org/2005/Atom"', 'xmlns="http://purl.org/atom/ns#"', "not an Atom feed"),
    (f"{FEED}/archive-3.atom", "archive-3.atom", "archive-2.atom", "self link"),
    ("feed.rss", "<link>https://finews.example.org/</link>", "<link/>", "lacks a title, a link"),
    ("feed.rss", "feed.rss", "rss.xml", "self link"),
    ("feed.rss", "Tue, 28 Dec 2021 08:08:58 +0800", "gestern", "is no date"),
    ("feed.rss", "2026:x7</guid>", "2026:s-only</guid>", "there twice"),
    ("feed.rss", "<channel>", "<channel>&nbsp;", "cannot be read again"),
    ("feed.rss", 'url="https://news.example.com/1.mp3"', 'url="1.mp3"', "no absolute web address"),
    (f"{FEED}.json", '"version"', '"version":', "cannot be read again"),
    (f"{FEED}.json", '"items"', '"entries"', "cannot be read again"),
    (f"{FEED}.json", '"feed_url": "https://finews', '"feed_url": "http://finews', "self link"),
    (f"{FEED}.json", ":x7", ":s-only", "there twice"),
    (f"{FEED}.json", "2021-12-28T08:08:58+08:00", "28.12.2021", "is no date"),
    (f"{FEED}.json", '"url": "https://news.example.com/a', '"url": "a', "no absolute web address"),
    (f"{FEED}/archive-3.json", "archive-3.json", "archive-4.json", "self link"),
    ("index.html", "</html>", "", "not whole"),
    ("opml.xml", "<body>", "<body>\x0c", "cannot be read again"),
    ("opml.xml", "opml", "xml", "no OPML"),
    ("gone.json", "{", "[", "cannot be read again"),
]


@pytest.mark.parametrize(NAMES, BREAKS)
def test_a_broken_document_does_not_pass(path: str, old: str, new: str, why: str) -> None:
    body = SOUND[path].body.decode()
    assert old in body
    broken = Document(path, body.replace(old, new).encode())
    assert why in fault(broken, SITE.url)


VIEWS = (
    channel_view(SITE, CHANNEL, ENTRIES, last_archive=3),
    archive_view(SITE, CHANNEL, Archive(3, ENTRIES, full=True)),
    site_view(SITE, ENTRIES),
)
FRAGMENTS = Fragments(SITE)
JOINED = {each.path: each for view in VIEWS for each in feed_documents(SITE, view, FRAGMENTS).documents}


def a_gate_that_knows_all() -> Gate:
    gate = Gate(SITE.url)
    assert [gate.fault(document) for document in JOINED.values()] == [""] * len(JOINED)
    return gate


def of_pieces(path: str, pieces: Sequence[Piece]) -> Document:
    """A document of a head, entries and a tail; what differs from the known pieces is new to a gate."""
    known = JOINED[path].joined
    assert known is not None
    old = {piece.body: piece for piece in (known.head, *known.entries, known.tail)}
    head, *entries, tail = (old.get(piece.body, piece) for piece in pieces)
    joined = Joined(head, tuple(entries), tail, known.seam)
    return Document(path, b"".join(piece.body for piece in joined.pieces()), joined)


def pieces_of(path: str) -> list[Piece]:
    joined = JOINED[path].joined
    assert joined is not None
    return [joined.head, *joined.entries, joined.tail]


def piece(body: bytes) -> Piece:
    return Piece(body, variants.deflated(body))


@pytest.mark.parametrize(NAMES, [each for each in BREAKS if each[0] in JOINED])
def test_a_joined_document_with_a_broken_piece_does_not_pass_either(path: str, old: str, new: str, why: str) -> None:
    broken = of_pieces(path, [piece(one.body.replace(old.encode(), new.encode())) for one in pieces_of(path)])
    assert broken.body == SOUND[path].body.replace(old.encode(), new.encode())
    for gate in (a_gate_that_knows_all(), Gate(SITE.url), Gate(SITE.url, remembering=False)):
        for _ in range(2):
            assert gate.fault(broken) == fault(broken, SITE.url)
            assert why in gate.fault(broken)


MARKUP = (  # what would let one piece reach into another
    b"<!--", b"-->", b"<![CDATA[", b"]]>", b"</entry>", b"<entry>", b"</item>", b"<item>", b"</channel>", b"<channel>",
    b"</feed>", b"</rss>", b"<entry/>", b"&x;", b"<x>", b"</x>", b"{", b"}", b"[", b"]", b'"', b",", b'],"items":[',
    b"\xff",
)  # fmt: skip


@settings(max_examples=400)
@given(st.sampled_from([path for path in JOINED if not path.endswith(".html")]), st.data())
def test_whatever_the_pieces_are_the_gate_says_what_it_says_of_the_whole(path: str, data: st.DataObject) -> None:
    pieces = pieces_of(path)
    for _ in range(data.draw(st.integers(0, 3))):
        place = data.draw(st.integers(0, len(pieces) - 1))
        body = pieces[place].body
        at = data.draw(st.sampled_from([0, len(body), *(found.end() for found in re.finditer(rb"[>{,]", body))]))
        match data.draw(st.sampled_from(["insert", "cut", "twice", "swap"])):
            case "insert":
                pieces[place] = piece(body[:at] + data.draw(st.sampled_from(MARKUP)) + body[at:])
            case "cut":
                pieces[place] = piece(body[:at])
            case "twice":
                pieces.insert(place, pieces[place])
            case _:
                pieces[place - 1], pieces[place] = pieces[place], pieces[place - 1]
    document = of_pieces(path, pieces)
    whole = fault(document, SITE.url)
    for gate in (a_gate_that_knows_all(), Gate(SITE.url)):
        assert [gate.fault(document), gate.fault(document)] == [whole, whole]


def test_pieces_that_are_joined_in_another_way_are_seen() -> None:
    gate = a_gate_that_knows_all()
    for document in (JOINED[path] for path in JOINED if not path.endswith(".html")):
        assert document.joined is not None
        for seam in (None, piece(b",\n"), piece(b"<x>")):
            joined = replace(document.joined, seam=seam)
            other = Document(document.path, b"".join(each.body for each in joined.pieces()), joined)
            assert gate.fault(other) == fault(other, SITE.url)
        assert gate.fault(replace(document, body=document.body[:-9])) == fault(
            Document(document.path, document.body[:-9]), SITE.url
        )


def test_an_entry_is_read_again_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    monkeypatch.setattr(
        etree, "fromstring", lambda body, *_, real=etree.fromstring: read.append(len(body)) or real(body)
    )
    site = replace(SITE, formats=("atom", "rss"))
    entries = [replace(FULL, info_code=f"n{n}", content="<p>正文</p>" * 400) for n in range(51)]
    fragments, gate, whole = Fragments(site), Gate(SITE.url), Gate(SITE.url, remembering=False)
    counts = []
    for view in (channel_view(site, CHANNEL, entries[:50]), channel_view(site, CHANNEL, entries[1:])):
        documents = feed_documents(site, view, fragments).documents
        for each in (gate, whole):
            read.clear()
            assert not any(map(each.fault, documents))
            counts.append(sum(read))
    first, all_of_first, second, all_of_second = counts
    assert first < all_of_first * 1.2
    assert second < all_of_second / 20


def test_an_entry_is_read_again_under_another_root() -> None:
    (document,) = (JOINED[path] for path in JOINED if path == "feed.atom")
    gate = a_gate_that_knows_all()
    head = document.joined.head.body if document.joined else b""
    other = of_pieces(
        "feed.atom", [piece(head.replace(b' xmlns="http://www.w3.org/2005/Atom"', b"")), *pieces_of("feed.atom")[1:]]
    )
    assert gate.fault(other) == fault(other, SITE.url) != ""


@pytest.mark.parametrize("path", SOUND)
def test_what_is_cut_off_or_empty_or_no_text_does_not_pass(path: str) -> None:
    body = SOUND[path].body
    for broken in b"", body[: len(body) // 2], b"\xff" + body:
        assert fault(Document(path, broken), SITE.url)


@pytest.mark.parametrize("path", [f"{FEED}.{name}" for name in ("atom", "rss", "json", "html")])
def test_a_document_of_several_entries_has_a_size_that_it_must_not_exceed(path: str) -> None:
    size = len(SOUND[path].body)
    assert fault(SOUND[path], SITE.url, size) == ""
    assert f"more than the {size - 1}" in fault(SOUND[path], SITE.url, size - 1)
    site = replace(SITE, formats=(path.rpartition(".")[2],))
    (alone,) = feed_documents(site, channel_view(site, CHANNEL, [FULL])).documents
    assert fault(alone, SITE.url, 10) == ""


def test_what_is_refused_leaves_the_old_file_and_the_other_documents_go_out(tmp_path: Path) -> None:
    publisher = Publisher(SITE, Writer(tmp_path), Policies(Policy(max_bytes=None)))
    publisher.feed(ENTRIES, ())
    before = (tmp_path / "feed.atom").read_bytes()
    twice = (*ENTRIES, replace(FULL, title="又一次"))
    report = publisher.feed(twice, ())
    assert set(report.refused) == {"feed.atom", "feed.rss", "feed.json"}
    assert (tmp_path / "feed.atom").read_bytes() == before
    assert report.written == ()
    name = f"tag:finews.example.org,2026:{FULL.info_code}"
    assert report.problems[0] == f"feed.atom not published: the id {name} is there twice"
    assert publisher.article("x7", ENTRIES[1]).written == ("article/x7.html",)


def test_the_gate_costs_a_fraction_of_what_it_guards() -> None:
    entries = [replace(FULL, info_code=f"n{n}", content="<p>正文 <b>x</b></p>" * 200) for n in range(50)]
    view = channel_view(SITE, CHANNEL, entries)
    begun = time.process_time()
    documents = feed_documents(SITE, view).documents
    rendered = time.process_time()
    assert [fault(document, SITE.url) for document in documents] == [""] * 4
    checked = time.process_time()
    print(f"rendered in {1000 * (rendered - begun):.1f} ms, checked in {1000 * (checked - rendered):.1f} ms")
    assert checked - rendered < rendered - begun

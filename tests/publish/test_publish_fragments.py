"""Documents that are joined from kept fragments are, byte for byte, those that are rendered whole."""

import gzip
import importlib.util
import sys
import zlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from publish_examples import BARE, CHANNEL, ENTRIES, FULL, NOON, SITE
from test_publish_feeds import ANY_ENTRY

from aggregator import deltas, variants
from aggregator.publish import Fragments, Writer, channel_view, feed_documents, rss, site_view
from aggregator.publish.fragments import cut
from aggregator.publish.view import View, archive_view
from aggregator.records import Archive, Document, Retraction, Site, StoredEntry

VIEW = channel_view(SITE, CHANNEL, ENTRIES)


class Counting:
    """A renderer that notes how many entries it was given each time."""

    def __init__(self, render: Callable[[Site, View], bytes] = rss) -> None:
        self.given: list[int] = []
        self._render = render

    def __call__(self, site: Site, view: View) -> bytes:
        self.given.append(len(view.entries))
        return self._render(site, view)


def deflated(document: Document) -> list[bytes]:
    assert document.joined is not None
    return [piece.deflated for piece in document.joined.pieces()]


def unpacked(document: Document) -> bytes:
    """The gzip form, undone as a reader does that knows one member only."""
    undo = zlib.decompressobj(wbits=31)
    body = undo.decompress(variants.joined(deflated(document), document.body))
    assert undo.eof
    assert undo.unused_data == b""
    return body


@settings(max_examples=60)
@given(st.lists(ANY_ENTRY, min_size=1, max_size=4), st.data())
def test_whatever_was_rendered_before_the_documents_are_the_same(
    entries: list[StoredEntry], data: st.DataObject
) -> None:
    fragments = Fragments(SITE)
    some = st.lists(st.sampled_from(entries), max_size=4)
    for chosen in data.draw(st.lists(some, min_size=1, max_size=4)):
        for view in (channel_view(SITE, CHANNEL, chosen, last_archive=2), site_view(SITE, chosen)):
            joined, whole = feed_documents(SITE, view, fragments), feed_documents(SITE, view)
            assert joined == whole
            assert all(unpacked(each) == each.body for each in joined.documents if each.joined)


@pytest.mark.parametrize("view", [
    channel_view(SITE, CHANNEL, ()),
    channel_view(SITE, CHANNEL, ENTRIES, retracted=(Retraction("NW9", NOON),)),
    archive_view(SITE, CHANNEL, Archive(2, ENTRIES, full=True)),
    archive_view(SITE, CHANNEL, Archive(1, ENTRIES[:1], full=False)),
    site_view(SITE, (FULL, FULL)),
], ids=["empty", "retracted", "archive", "last archive", "twice"])  # fmt: skip
def test_every_kind_of_document_is_joined_as_it_is_rendered(view: View) -> None:
    fragments = Fragments(SITE)
    feed_documents(SITE, VIEW, fragments)
    joined = feed_documents(SITE, view, fragments)
    assert joined == feed_documents(SITE, view)
    assert all(each.joined for each in joined.documents)


def test_a_theme_may_show_the_first_of_a_page_as_no_other(tmp_path: Path) -> None:
    templates = tmp_path / "templates"
    templates.mkdir()
    templates.joinpath("channel.html").write_text(
        '{% for card in cards %}<article class="story">{{ loop.index }} {{ card.title }}</article>\n{% endfor %}'
    )
    site = replace(SITE, theme=str(tmp_path))
    fragments = Fragments(site)
    for view in (replace(VIEW, entries=ENTRIES[:1]), VIEW, replace(VIEW, entries=ENTRIES[1:])):
        assert feed_documents(site, view, fragments) == feed_documents(site, view)


def test_an_article_is_rendered_once_and_again_when_anything_of_it_changed() -> None:
    fragments, render = Fragments(SITE), Counting()
    for view in (VIEW, site_view(SITE, ENTRIES), replace(VIEW, title="另一个", updated=NOON + timedelta(days=1))):
        fragments.documents(view, {"rss": render})
    assert render.given == [len(ENTRIES), 0, 0]
    other = replace(FULL, source_title="改了名")
    (document,) = fragments.documents(replace(VIEW, entries=(other, BARE)), {"rss": render})
    assert render.given[3:] == [1]
    assert "改了名".encode() in document.body


def test_what_stands_around_the_entries_is_rendered_once_for_finding_what_has_room_and_for_the_document() -> None:
    fragments, render = Fragments(SITE), Counting()
    for view in (VIEW, replace(VIEW, entries=ENTRIES[:1]), VIEW):
        assert fragments.documents(view, {"rss": render}) == (Document(f"{VIEW.file}.rss", rss(SITE, view)),)
    assert render.given == [len(ENTRIES)]
    for other in (replace(VIEW, noindex=True), replace(VIEW, entries=())):
        fragments.documents(other, {"rss": render})
    assert render.given == [len(ENTRIES), 0, 0]


def test_what_was_used_last_is_kept_in_bounded_memory() -> None:
    fragments, render = Fragments(SITE, max_bytes=12_000), Counting()
    long = [replace(FULL, info_code=f"NW{number}", content="长" * 1000) for number in range(4)]
    for entry in (*long, long[3], long[0]):
        fragments.documents(replace(VIEW, entries=(entry,)), {"rss": render})
    assert render.given == [1, 1, 1, 1, 1]  # long[3] was kept, long[0] was not


def test_a_document_of_another_shape_than_ours_is_rendered_whole() -> None:
    for odd in (b"<rss/>", b"<feed>\n  <entry>cut off\n</feed>\n", b""):
        render = Counting(lambda site, view, odd=odd: odd)  # type: ignore[misc]  # mypy cannot tell the default's type
        assert Fragments(SITE).documents(VIEW, {"atom": render}) == (Document("category/nanchangribao.atom", odd),)
        assert cut("atom", odd) is None
    assert cut("json", b'{"items": []}') is None


def test_a_sick_entry_is_left_out_with_fragments_too_and_does_not_come_back() -> None:
    fragments = Fragments(SITE)
    naive = replace(FULL, info_code="sick", updated=datetime(2021, 1, 1))  # noqa: DTZ001 (what makes it sick)
    view = channel_view(SITE, CHANNEL, (FULL, BARE))
    sick = replace(view, entries=(naive, *view.entries))
    assert feed_documents(SITE, sick, fragments) == feed_documents(SITE, sick)
    assert feed_documents(SITE, view, fragments) == feed_documents(SITE, view)
    assert feed_documents(SITE, sick, fragments).problems


def test_the_gzip_form_is_joined_from_parts_and_holds_the_document(tmp_path: Path) -> None:
    documents = feed_documents(SITE, VIEW, Fragments(SITE)).documents
    for document in documents:
        Writer(tmp_path).write(document)
        packed = (tmp_path / f"{document.path}.gz").read_bytes()
        assert gzip.decompress(packed) == document.body
        assert variants.holds(packed, "gzip", document.body)
    packed = (tmp_path / "category/nanchangribao.atom.gz").read_bytes()
    assert packed == variants.joined(deflated(documents[0]), documents[0].body)
    assert packed != variants.compressed(documents[0].body, "gzip")  # made in one piece


def with_zlib(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The same code on a machine that isal is not made for."""
    monkeypatch.setitem(sys.modules, "isal", None)
    spec = importlib.util.spec_from_file_location("variants_with_zlib", variants.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_either_library_gives_a_gzip_form_of_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [b"", b"x", "<p>正文</p>".encode() * 50_000, bytes(range(256)) * 300]
    body = b"".join(parts)
    sizes = []
    for library in variants, with_zlib(monkeypatch):
        for packed in (
            library.compressed(body, "gzip"),
            library.joined([library.deflated(part) for part in parts], body),
        ):
            assert gzip.decompress(packed) == body
            assert variants.holds(packed, "gzip", body)
            assert not variants.holds(packed, "gzip", body[:-1])
            sizes.append(len(packed))
    assert max(sizes) < len(body) / 10


def test_the_history_of_a_joined_feed_is_that_of_its_bytes(tmp_path: Path) -> None:
    fragments, joining, plain = Fragments(SITE), Writer(tmp_path / "joined"), Writer(tmp_path / "plain")
    views = [replace(VIEW, entries=entries) for entries in ((FULL,), (BARE, FULL), ENTRIES, (ENTRIES[-1], FULL))]
    for view in views:
        for document in feed_documents(SITE, view, fragments).documents:
            assert document.joined
            joining.write(document)
            plain.write(replace(document, joined=None))
    for name in "atom", "rss":
        places = [tmp_path / way / f"category/.nanchangribao.{name}.versions" for way in ("joined", "plain")]
        one, other = (deltas.load(place.read_bytes()) for place in places)
        assert one is not None
        assert other is not None
        assert len(one.came) == 2
        assert (one.current, one.came) == (other.current, other.came)
        assert [tag for tag, _ in one.versions] == [tag for tag, _ in other.versions]


def test_parts_in_another_order_are_seen_to_be_another_document() -> None:
    document = feed_documents(SITE, VIEW, Fragments(SITE)).documents[0]
    wrong = variants.joined(deflated(document)[::-1], document.body)
    assert variants.undone(wrong, "gzip", len(document.body)) != document.body


def test_times_in_the_head_are_new_though_every_fragment_is_kept() -> None:
    fragments = Fragments(SITE)
    feed_documents(SITE, VIEW, fragments)
    later = replace(VIEW, updated=datetime(2030, 1, 1, tzinfo=UTC))
    assert b"<updated>2030-01-01T08:00:00+08:00</updated>" in feed_documents(SITE, later, fragments).documents[0].body

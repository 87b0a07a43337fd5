"""Archives, tombstones, and what a feed says of its site; and how much fits into a current document."""

import importlib.util
import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from publish_examples import BARE, CHANNEL, ENTRIES, FULL, NOON, SITE
from test_publish_feeds import ANY_ENTRY

from aggregator.publish import Fragments, atom, channel_view, feed_documents, rss, site_view
from aggregator.publish.budget import at_most, fitting
from aggregator.publish.json_feed import json_feed
from aggregator.publish.view import Chain, View, archive_view
from aggregator.records import Archive, Enclosure, Retraction

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
ATOM = "{http://www.w3.org/2005/Atom}"
MEDIA = "{http://search.yahoo.com/mrss/}content"
RICH = replace(
    SITE,
    rights="© 2026 金融消息",
    icon="https://finews.example.org/icon.png",
    logo="https://finews.example.org/logo.png",
    hub="https://hub.example.org/",
)
GONE = (Retraction("NW9", NOON), Retraction("NW8", NOON - timedelta(days=2)))
CURRENT = channel_view(RICH, CHANNEL, ENTRIES, last_archive=7, retracted=GONE)
OLD = archive_view(RICH, CHANNEL, Archive(3, ENTRIES, full=True))
FIRST = archive_view(RICH, CHANNEL, Archive(1, ENTRIES, full=False))
EMPTY = archive_view(RICH, CHANNEL, Archive(4, (), full=False))


def around(view: View) -> dict[str, str]:
    found = etree.fromstring(atom(RICH, view)).findall(f"{ATOM}link")
    return {link.get("rel"): link.get("href").removeprefix(SITE.url) for link in found}


@pytest.mark.parametrize("view", [CURRENT, OLD, FIRST, EMPTY, site_view(RICH, ENTRIES, retracted=GONE)])
def test_what_is_said_of_history_and_site_keeps_to_the_grammar(view: View) -> None:
    grammar = SHARED / "standards" / "atom.rng"
    if not grammar.exists():
        pytest.skip("the grammar of RFC 4287 is kept beside the repository, in ../shared")
    checker = etree.RelaxNG(etree.parse(grammar))
    assert checker.validate(etree.fromstring(atom(RICH, view))), checker.error_log


@pytest.mark.parametrize("view", [CURRENT, OLD, FIRST, EMPTY])
def test_the_json_feed_of_history_passes_the_check(view: View) -> None:
    path = SHARED / "standards" / "jsonfeed_check.py"
    if not path.exists() or importlib.util.find_spec("jsonschema") is None:
        pytest.skip("the JSON Feed check is kept beside the repository, in ../shared, and needs jsonschema")
    assert checker(path).check(json_feed(RICH, view)) == []


_CHECKERS: dict[Path, Any] = {}


def checker(path: Path) -> Any:
    import warnings

    if path not in _CHECKERS:
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        _CHECKERS[path] = importlib.util.module_from_spec(spec)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # it leaves the closing of its schemas to the interpreter
            spec.loader.exec_module(_CHECKERS[path])
    return _CHECKERS[path]


def test_each_document_of_a_channel_leads_to_its_neighbours() -> None:
    page = {"alternate": "category/nanchangribao.html"}
    current = "category/nanchangribao.atom"
    assert around(CURRENT) == page | {
        "self": current,
        "prev-archive": "category/nanchangribao/archive-7.atom",
        "hub": "https://hub.example.org/",
    }
    assert around(OLD) == page | {
        "self": "category/nanchangribao/archive-3.atom",
        "current": current,
        "prev-archive": "category/nanchangribao/archive-2.atom",
        "next-archive": "category/nanchangribao/archive-4.atom",
    }
    assert around(FIRST) == page | {"self": "category/nanchangribao/archive-1.atom", "current": current}


def test_a_json_feed_leads_to_the_page_before() -> None:
    following = [json.loads(json_feed(RICH, view)).get("next_url") for view in (CURRENT, OLD, FIRST)]
    folder = "https://finews.example.org/category/nanchangribao/"
    assert following == [f"{folder}archive-7.json", f"{folder}archive-2.json", None]


def test_archives_are_published_in_every_format_but_rss_as_far_as_the_site_does() -> None:
    assert [one.path.rpartition("/")[2] for one in feed_documents(RICH, OLD).documents] == [
        "archive-3.atom",
        "archive-3.json",
        "archive-3.html",
    ]
    assert feed_documents(replace(RICH, formats=("rss",)), OLD).documents == ()
    only_rss = rss(replace(RICH, formats=("rss",)), CURRENT)
    assert b"prev-archive" not in only_rss
    assert b'rel="hub"' in only_rss


def test_retracted_articles_are_said_before_the_entries_and_change_the_feed() -> None:
    feed = etree.fromstring(atom(RICH, CURRENT))
    tombstones = feed.findall("{http://purl.org/atompub/tombstones/1.0}deleted-entry")
    assert [dict(one.attrib) for one in tombstones] == [
        {"ref": "tag:finews.example.org,2026:NW9", "when": "2021-12-28T12:00:00+08:00"},
        {"ref": "tag:finews.example.org,2026:NW8", "when": "2021-12-26T12:00:00+08:00"},
    ]
    assert feed.findtext(f"{ATOM}updated") == "2021-12-28T12:00:00+08:00"
    assert b"tombstones" not in atom(RICH, OLD) + rss(RICH, CURRENT)


def test_every_format_says_whose_site_it_is() -> None:
    feed = etree.fromstring(atom(RICH, CURRENT))
    assert [feed.findtext(ATOM + name) for name in ("rights", "icon", "logo")] == [RICH.rights, RICH.icon, RICH.logo]
    channel = etree.fromstring(rss(RICH, CURRENT)).find("channel")
    assert channel.findtext("copyright") == RICH.rights
    assert [channel.findtext(f"image/{name}") for name in ("url", "title", "link")] == [
        RICH.logo,
        "南昌日报新闻",
        "https://finews.example.org/category/nanchangribao.html",
    ]
    found = json.loads(json_feed(RICH, CURRENT))
    assert (found["icon"], found["favicon"]) == (RICH.logo, RICH.icon)
    assert found["_aggregator"] == {"rights": RICH.rights}
    assert found["hubs"] == [{"type": "WebSub", "url": RICH.hub}]
    assert "hubs" not in json.loads(json_feed(RICH, OLD))


def test_an_entry_keeps_the_rights_and_the_icon_of_its_source() -> None:
    view = channel_view(SITE, CHANNEL, [replace(FULL, source_icon="https://news.example.com/i.png"), BARE])
    full, bare = etree.fromstring(atom(SITE, view)).findall(f"{ATOM}entry")
    assert full.findtext(f"{ATOM}rights") == full.findtext(f"{ATOM}source/{ATOM}rights") == "© 东方财富"
    assert full.findtext(f"{ATOM}source/{ATOM}icon") == "https://news.example.com/i.png"
    assert bare.find(f"{ATOM}rights") is bare.find(f"{ATOM}source/{ATOM}icon") is None
    assert json.loads(json_feed(SITE, view))["items"][0]["_source"]["icon"] == "https://news.example.com/i.png"


def test_rss_holds_the_whole_text_and_what_it_begins_with_and_every_file() -> None:
    image = Enclosure("https://news.example.com/3.jpg", "image/jpeg", 99)
    entry = replace(FULL, summary="", enclosures=(*FULL.enclosures, image))
    item = etree.fromstring(rss(SITE, channel_view(SITE, CHANNEL, [entry]))).find("channel/item")
    assert item.findtext("{http://purl.org/rss/1.0/modules/content/}encoded") == entry.content
    assert item.findtext("description") == "正文 链接 与 ]]&gt;"
    assert item.findtext("{http://purl.org/dc/elements/1.1/}rights") == "© 东方财富"
    assert len(item.findall("enclosure")) == 1
    assert [dict(one.attrib) for one in item.findall(MEDIA)] == [
        {"url": "https://news.example.com/2.pdf", "type": "application/pdf"},
        {"url": "https://news.example.com/3.jpg", "type": "image/jpeg", "medium": "image", "fileSize": "99"},
    ]
    found = json.loads(json_feed(SITE, channel_view(SITE, CHANNEL, [entry])))["items"][0]
    assert found["image"] == image.url


# --- how much fits


def largest(view: View) -> int:
    return max(len(document.body) for document in feed_documents(RICH, view).documents)


def many(*sizes: int) -> View:
    entries = [replace(FULL, info_code=f"n{n}", content=f"<p>{'x&lt;' * size}</p>") for n, size in enumerate(sizes)]
    return channel_view(RICH, CHANNEL, entries, last_archive=10**9, retracted=GONE)


@settings(max_examples=40)
@given(st.lists(st.integers(0, 3000), min_size=1, max_size=12), st.integers(5_000, 120_000))
def test_as_many_of_the_newest_entries_are_kept_as_fit_and_one_always(sizes: list[int], max_bytes: int) -> None:
    view = many(*sizes)
    count = fitting(RICH, view, max_bytes)
    assert 1 <= count <= len(sizes)
    assert count == 1 or largest(replace(view, entries=view.entries[:count])) <= max_bytes
    if count < len(sizes):
        assert largest(replace(view, entries=view.entries[: count + 1])) > max_bytes - 100
    fragments = Fragments(RICH)
    feed_documents(RICH, replace(view, entries=view.entries[::2]), fragments)  # of some the size is known
    assert fitting(RICH, view, max_bytes, fragments) == count
    for before in 1, 99:  # what has no room may open archives of longer numbers
        assert fitting(RICH, replace(view, chain=Chain(before=before)), max_bytes, fragments) == count


def test_sick_entries_take_no_room_and_no_place_from_the_others() -> None:
    view = many(500, 500, 500, 500)
    naive = replace(view.entries[1], published=datetime(2021, 1, 1))  # noqa: DTZ001 - the fault itself
    sick = replace(view, entries=(view.entries[0], naive, *view.entries[2:]))
    whole = largest(replace(view, entries=view.entries[:2]))
    assert fitting(RICH, sick, whole + 50) == 3
    assert fitting(RICH, replace(view, entries=(naive, naive, *view.entries[:2])), whole + 50) == 4


def test_without_a_bound_all_fit_and_of_nothing_nothing() -> None:
    assert fitting(RICH, many(*[3000] * 9), None) == 9
    assert fitting(RICH, channel_view(RICH, CHANNEL, ()), 1) == 0


@settings(max_examples=80)
@given(ANY_ENTRY)
def test_no_entry_takes_more_bytes_than_it_is_taken_for(entry: Any) -> None:
    without = largest(channel_view(RICH, CHANNEL, ()))
    assert largest(channel_view(RICH, CHANNEL, [entry])) - without <= at_most(entry)

"""Atom, RSS, JSON Feed and OPML: valid, complete, and the same bytes wherever they are made."""

import hashlib
import importlib.util
import io
import json
import os
import subprocess
import sys
from calendar import timegm
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import feedparser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from publish_examples import BARE, CHANNEL, CHANNELS, ENTRIES, FULL, NOON, SITE, SUMMARY_ONLY

from aggregator.errors import PublishError
from aggregator.publish import (
    article_document,
    atom,
    channel_id,
    channel_view,
    entry_id,
    feed_documents,
    index_document,
    opml_document,
    rss,
    site_id,
    site_view,
)
from aggregator.publish.json_feed import json_feed
from aggregator.records import Channel, Enclosure, StoredEntry

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
ATOM = "{http://www.w3.org/2005/Atom}"
LANG = "{http://www.w3.org/XML/1998/namespace}lang"
VIEW = channel_view(SITE, CHANNEL, ENTRIES)


@pytest.fixture(scope="module")
def grammar() -> etree.RelaxNG:
    path = SHARED / "standards" / "atom.rng"
    if not path.exists():
        pytest.skip("the grammar of RFC 4287 is kept beside the repository, in ../shared")
    return etree.RelaxNG(etree.parse(path))


@pytest.fixture(scope="module")
def json_check() -> Path:
    path = SHARED / "standards" / "jsonfeed_check.py"
    if not path.exists():
        pytest.skip("the JSON Feed check is kept beside the repository, in ../shared")
    if importlib.util.find_spec("jsonschema") is None:
        pytest.skip("the JSON Feed check needs jsonschema")
    return path


def parsed(document: bytes) -> Any:
    found = feedparser.parse(io.BytesIO(document), sanitize_html=False, resolve_relative_uris=False)
    assert not found.bozo, found.get("bozo_exception")
    return found


def first_entry(document: bytes) -> Any:
    return etree.fromstring(document).find(f"{ATOM}entry")


def links(element: Any) -> set[tuple[str | None, str | None]]:
    return {(link.get("rel"), link.get("href")) for link in element.findall(f"{ATOM}link")}


# --- Atom


def test_atom_keeps_to_the_grammar_of_rfc_4287(grammar: etree.RelaxNG) -> None:
    for entries in ENTRIES, ENTRIES[1:], ():
        document = etree.fromstring(atom(SITE, channel_view(SITE, CHANNEL, entries)))
        assert grammar.validate(document), grammar.error_log


def test_atom_without_published_pages_keeps_to_the_grammar_and_names_no_page(grammar: etree.RelaxNG) -> None:
    site = replace(SITE, formats=("atom",))
    document = atom(site, VIEW)
    assert grammar.validate(etree.fromstring(document)), grammar.error_log
    assert b".html" not in document.replace(b"a/1.html", b"")


def test_ids_are_tag_uris_made_of_authority_and_code() -> None:
    assert entry_id(SITE, "NW1") == "tag:finews.example.org,2026:NW1"
    assert channel_id(SITE, Channel("nanchangribao", "")) == "tag:finews.example.org,2026:category/nanchangribao"
    assert site_id(SITE) == "tag:finews.example.org,2026:feed"
    assert parsed(atom(SITE, VIEW)).feed.id == "tag:finews.example.org,2026:category/nanchangribao"


def test_an_article_has_the_same_id_in_every_feed_and_format() -> None:
    whole = site_view(SITE, ENTRIES)
    ids = [entry_id(SITE, entry.info_code) for entry in ENTRIES]
    for view in VIEW, whole:
        assert [entry.id for entry in parsed(atom(SITE, view)).entries] == ids
        assert [entry.id for entry in parsed(rss(SITE, view)).entries] == ids
        assert [item["id"] for item in json.loads(json_feed(SITE, view))["items"]] == ids


def test_a_feed_points_at_itself_and_at_its_page() -> None:
    document = etree.fromstring(atom(SITE, VIEW))
    assert links(document) == {
        ("self", "https://finews.example.org/category/nanchangribao.atom"),
        ("alternate", "https://finews.example.org/category/nanchangribao.html"),
    }
    assert ("alternate", "https://finews.example.org/") in links(etree.fromstring(atom(SITE, site_view(SITE, ()))))


def test_an_entry_leads_to_the_original_and_names_our_page_as_related() -> None:
    entry = first_entry(atom(SITE, VIEW))
    assert ("alternate", FULL.link) in links(entry)
    assert ("related", "https://finews.example.org/article/NW202112282227696247.html") in links(entry)


def test_our_page_is_the_alternate_where_the_source_gave_no_link() -> None:
    entry = first_entry(atom(SITE, channel_view(SITE, CHANNEL, [BARE])))
    assert links(entry) == {("alternate", "https://finews.example.org/article/x7.html")}


def test_enclosures_keep_type_and_length_and_unknown_ones_are_not_said() -> None:
    entry = first_entry(atom(SITE, VIEW))
    enclosures = [dict(link.attrib) for link in entry.findall(f"{ATOM}link") if link.get("rel") == "enclosure"]
    assert enclosures == [
        {
            "rel": "enclosure",
            "href": "https://news.example.com/1.mp3",
            "type": "audio/mpeg",
            "length": "1234",
            "title": "录音",
        },
        {"rel": "enclosure", "href": "https://news.example.com/2.pdf", "type": "application/pdf"},
    ]


def test_an_entry_says_where_it_came_from() -> None:
    source = first_entry(atom(SITE, VIEW)).find(f"{ATOM}source")
    said = {child.tag.removeprefix(ATOM): child.text or child.get("href") for child in source}
    assert said == {
        "id": "tag:example.com,2020:feed",
        "title": "东方财富网",
        "updated": "2021-12-28T11:00:01+08:00",
        "link": "https://www.example.com/",
        "rights": "© 东方财富",
    }


def test_a_source_that_says_nothing_of_itself_is_known_by_its_name() -> None:
    source = first_entry(atom(SITE, channel_view(SITE, CHANNEL, [BARE]))).find(f"{ATOM}source")
    assert source.findtext(f"{ATOM}id") == "tag:finews.example.org,2026:source/somewhere"
    assert source.findtext(f"{ATOM}title") == "somewhere"


def test_a_source_id_that_is_no_uri_gives_way_to_its_link() -> None:
    source = first_entry(atom(SITE, channel_view(SITE, CHANNEL, [SUMMARY_ONLY]))).find(f"{ATOM}source")
    assert source.findtext(f"{ATOM}id") == "https://www.example.com/"


def test_content_and_summary_stand_side_by_side_only_where_there_are_both() -> None:
    full, bare, only = etree.fromstring(atom(SITE, VIEW)).findall(f"{ATOM}entry")
    assert full.findtext(f"{ATOM}content") == FULL.content
    assert full.find(f"{ATOM}content").get("type") == "html"
    assert full.findtext(f"{ATOM}summary") == "一句 摘要 <不是标签>"
    assert only.findtext(f"{ATOM}content") == FULL.summary
    assert only.find(f"{ATOM}summary") is None
    assert bare.find(f"{ATOM}content") is None


def test_categories_are_the_channels_with_label_and_the_tags_of_the_source() -> None:
    entry = first_entry(atom(SITE, VIEW))
    assert [dict(category.attrib) for category in entry.findall(f"{ATOM}category")] == [
        {"term": "nanchangribao", "scheme": "https://finews.example.org/category/", "label": "南昌日报新闻"},
        {"term": "财经"},
        {"term": "A & B"},
    ]


def test_language_is_said_of_the_feed_and_of_each_entry_that_has_one() -> None:
    root = etree.fromstring(atom(SITE, VIEW))
    assert root.get(LANG) == "zh-CN"
    assert [entry.get(LANG) for entry in root.findall(f"{ATOM}entry")] == ["zh-CN", None, "en"]


def test_a_language_that_is_none_is_not_said(grammar: etree.RelaxNG) -> None:
    entry = replace(FULL, language="中文 (简体)")
    root = etree.fromstring(atom(replace(SITE, language="?"), channel_view(SITE, CHANNEL, [entry])))
    assert grammar.validate(root), grammar.error_log
    assert root.get(LANG) is None


def test_times_are_rfc_3339_in_the_zone_of_the_site() -> None:
    entry = first_entry(atom(SITE, VIEW))
    assert entry.findtext(f"{ATOM}published") == "2021-12-28T08:08:58+08:00"
    assert entry.findtext(f"{ATOM}updated") == "2021-12-28T11:00:01+08:00"


def test_a_time_whose_offset_has_seconds_is_said_in_utc() -> None:
    entry = replace(FULL, published=datetime(1890, 1, 1, tzinfo=UTC))
    document = first_entry(atom(SITE, channel_view(SITE, CHANNEL, [entry])))
    assert document.findtext(f"{ATOM}published") == "1890-01-01T00:00:00+00:00"


def test_updated_is_the_newest_change_and_never_now() -> None:
    assert VIEW.updated == FULL.updated
    assert channel_view(SITE, CHANNEL, ()).updated.year == 1970
    assert channel_view(SITE, CHANNEL, (), NOON).updated == NOON
    assert b"1970-01-01T08:00:00+08:00" in atom(SITE, site_view(SITE, ()))
    assert b"Thu, 01 Jan 1970 08:00:00 +0800" in rss(SITE, site_view(SITE, ()))


def test_the_title_of_an_untitled_entry_is_the_beginning_of_its_text_else_its_source() -> None:
    untitled = replace(FULL, title=" \u3000\x00")
    view = channel_view(SITE, CHANNEL, [untitled, BARE])
    assert [entry.title for entry in parsed(atom(SITE, view)).entries] == ["正文 链接 与 ]]>", "somewhere"]


def test_the_author_is_the_outlet_or_the_source_where_none_is_named() -> None:
    nameless = replace(FULL, author="")
    view = channel_view(SITE, CHANNEL, [FULL, nameless, BARE])
    assert [entry.author for entry in parsed(atom(SITE, view)).entries] == ["王小明", "南昌日报", "somewhere"]


def test_addresses_of_other_schemes_and_with_illegal_characters_do_not_get_out() -> None:
    sick = replace(
        FULL,
        link="javascript:alert(1)",
        source_link="data:text/html,x",
        enclosures=(Enclosure("file:///etc/passwd"), Enclosure('https://a.example/"x y<z>.mp3')),
    )
    for render in atom, rss, json_feed:
        document = render(SITE, channel_view(SITE, CHANNEL, [sick]))
        assert b"javascript:" not in document
        assert b"data:text" not in document
        assert b"/etc/passwd" not in document
        assert b"https://a.example/%22x%20y%3Cz%3E.mp3" in document


# --- RSS


def test_rss_leads_to_the_page_of_the_channel_and_names_itself() -> None:
    channel = etree.fromstring(rss(SITE, VIEW)).find("channel")
    assert channel.findtext("link") == "https://finews.example.org/category/nanchangribao.html"
    own = channel.find(f"{ATOM}link")
    assert (own.get("rel"), own.get("href")) == ("self", "https://finews.example.org/category/nanchangribao.rss")
    assert channel.findtext("language") == "zh-CN"
    assert [child.text for child in channel.findall("lastBuildDate")] == ["Tue, 28 Dec 2021 11:00:01 +0800"]


def test_an_rss_item_says_all_that_rss_can_say() -> None:
    item = etree.fromstring(rss(SITE, VIEW)).find("channel/item")
    assert item.findtext("title") == FULL.title
    assert item.findtext("link") == FULL.link
    assert item.findtext("guid") == entry_id(SITE, FULL.info_code)
    assert item.find("guid").get("isPermaLink") == "false"
    assert item.findtext("pubDate") == "Tue, 28 Dec 2021 08:08:58 +0800"
    assert item.findtext("description") == "一句 摘要 &lt;不是标签&gt;"
    assert item.findtext("{http://purl.org/rss/1.0/modules/content/}encoded") == FULL.content
    assert item.findtext("{http://purl.org/dc/elements/1.1/}creator") == "王小明"
    assert item.find("source").attrib == {"url": "https://www.example.com/"}
    enclosure = {"url": "https://news.example.com/1.mp3", "length": "1234", "type": "audio/mpeg"}
    assert [dict(found.attrib) for found in item.findall("enclosure")] == [enclosure]
    assert [category.text for category in item.findall("category")] == ["南昌日报新闻", "财经", "A & B"]


# --- JSON Feed


def test_json_feed_passes_the_check_of_version_1_1(json_check: Path, tmp_path: Path) -> None:
    feeds = [
        json_feed(site, channel_view(site, CHANNEL, entries))
        for site in (SITE, replace(SITE, formats=("json",), author="", language=""))
        for entries in (ENTRIES, ())
    ]
    files = [tmp_path / f"{number}.json" for number in range(len(feeds))]
    for file, feed in zip(files, feeds, strict=True):
        file.write_bytes(feed)
    run = subprocess.run([sys.executable, json_check, *files], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_json_feed_says_what_atom_says() -> None:
    feed = json.loads(json_feed(SITE, VIEW))
    item = feed["items"][0]
    assert feed["feed_url"] == "https://finews.example.org/category/nanchangribao.json"
    assert feed["home_page_url"] == "https://finews.example.org/category/nanchangribao.html"
    assert item["url"] == FULL.link
    assert item["content_html"] == FULL.content
    assert item["summary"] == "一句 摘要 <不是标签>"
    assert item["date_published"] == "2021-12-28T08:08:58+08:00"
    assert item["authors"] == [{"name": "王小明"}]
    assert item["tags"] == ["南昌日报新闻", "财经", "A & B"]
    assert item["attachments"][0]["size_in_bytes"] == 1234
    assert item["_source"]["title"] == "东方财富网"
    assert item["_aggregator"]["info_code"] == FULL.info_code
    assert feed["items"][1]["content_text"] == "somewhere"


# --- OPML


def test_the_channel_list_can_be_imported() -> None:
    body = etree.fromstring(opml_document(SITE, CHANNELS).body).find("body")
    assert dict(body[0].attrib) == {
        "text": "南昌日报新闻",
        "title": "南昌日报新闻",
        "type": "rss",
        "xmlUrl": "https://finews.example.org/category/nanchangribao.atom",
        "htmlUrl": "https://finews.example.org/category/nanchangribao.html",
    }
    assert len(body) == 2


def test_the_channel_list_names_the_first_format_that_is_published() -> None:
    only_json = replace(SITE, formats=("html", "json"))
    outline = etree.fromstring(opml_document(only_json, CHANNELS).body).find("body/outline")
    assert outline.get("xmlUrl").endswith("/category/nanchangribao.json")


# --- every format


def test_a_view_is_published_in_the_formats_of_the_site() -> None:
    paths = [document.path for document in feed_documents(SITE, VIEW).documents]
    assert paths == [f"category/nanchangribao.{name}" for name in ("atom", "rss", "json", "html")]
    assert [document.path for document in feed_documents(SITE, site_view(SITE, ENTRIES)).documents] == [
        "feed.atom",
        "feed.rss",
        "feed.json",
    ]
    (only,) = feed_documents(replace(SITE, formats=("rss",)), VIEW).documents
    assert only.path == "category/nanchangribao.rss"


@pytest.mark.parametrize("render", [atom, rss])
def test_what_a_reader_sees_is_what_was_stored(render: Any) -> None:
    entries = [replace(FULL, title=f"标题 {number}", info_code=f"NW{number}") for number in range(50)]
    feed = parsed(render(SITE, channel_view(SITE, CHANNEL, entries)))
    assert feed.feed.title == "南昌日报新闻"
    assert [entry.title for entry in feed.entries] == [entry.title for entry in entries]
    assert {entry.link for entry in feed.entries} == {FULL.link}
    assert [entry.id for entry in feed.entries] == [entry_id(SITE, entry.info_code) for entry in entries]
    assert FULL.published is not None
    assert {timegm(entry.published_parsed) for entry in feed.entries} == {int(FULL.published.timestamp())}
    assert {entry.content[0].value for entry in feed.entries} == {FULL.content}


def everything() -> bytes:
    documents = [
        *feed_documents(SITE, VIEW).documents,
        *feed_documents(SITE, site_view(SITE, ENTRIES)).documents,
        *(article_document(SITE, entry) for entry in ENTRIES),
        index_document(SITE, CHANNELS),
        opml_document(SITE, CHANNELS),
    ]
    return b"\n".join(document.path.encode() + document.body for document in documents)


@pytest.mark.parametrize(
    ("zone", "seed", "locale"), [("America/New_York", "1", "C"), ("Asia/Tokyo", "2", "zh_CN.UTF-8")]
)
def test_bytes_are_the_same_in_another_process_zone_locale_and_hash_seed(zone: str, seed: str, locale: str) -> None:
    here = Path(__file__).resolve()
    program = "import hashlib, test_publish_feeds as t; print(hashlib.sha256(t.everything()).hexdigest())"
    environment = os.environ | {
        "TZ": zone,
        "PYTHONHASHSEED": seed,
        "LC_ALL": locale,
        "PYTHONPATH": os.pathsep.join([str(here.parent), str(here.parents[2])]),
    }
    run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == hashlib.sha256(everything()).hexdigest()


def test_nothing_that_is_published_tells_the_time_of_its_making() -> None:
    today = datetime.now(UTC)
    made = everything()
    for form in "%Y-%m-%d", "%d %b %Y":
        assert today.strftime(form).encode() not in made


# --- sick entries


def test_an_entry_that_cannot_be_rendered_is_left_out_of_every_format_and_reported() -> None:
    naive = replace(FULL, info_code="naive", published=datetime(2021, 1, 1))  # noqa: DTZ001 - the fault itself
    no_path = replace(FULL, info_code="a/../b")
    rendered = feed_documents(SITE, channel_view(SITE, CHANNEL, [naive, FULL, no_path, BARE]))
    assert len(rendered.documents) == 4
    for document in rendered.documents:
        assert FULL.info_code.encode() in document.body
        assert b"naive" not in document.body
        assert b"a/../b" not in document.body
    assert len(rendered.problems) == 2
    assert "entry 'naive' of 'eastmoney' left out" in rendered.problems[0]
    assert "a/../b" in rendered.problems[1]


def test_a_view_of_which_nothing_can_be_rendered_is_an_error_and_not_an_empty_feed() -> None:
    naive = replace(FULL, published=datetime(2021, 1, 1))  # noqa: DTZ001 - the fault itself
    with pytest.raises(PublishError, match="none of its entries"):
        feed_documents(SITE, channel_view(SITE, CHANNEL, [naive]))


def test_half_characters_in_the_names_of_site_and_source_break_nothing() -> None:
    site = replace(SITE, title="站\ud800", author="\udfff")
    entry = replace(BARE, source="s\ud800")
    rendered = feed_documents(site, channel_view(site, CHANNEL, [entry]))
    assert rendered.problems == ()
    assert all(document.body.decode() for document in rendered.documents)


def test_a_slug_that_no_path_can_hold_is_an_error() -> None:
    with pytest.raises(PublishError, match="cannot be published"):
        feed_documents(SITE, channel_view(SITE, Channel("../etc", "x"), [FULL]))


ANY_TEXT = st.text(st.characters(codec=None), max_size=30)  # lone surrogates, controls and non-characters included
ANY_TIME = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 28), timezones=st.just(UTC))  # noqa: DTZ001
ANY_ENTRY = st.builds(
    StoredEntry,
    seq=st.integers(1),
    info_code=st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9-]{0,20}[A-Za-z0-9])?", fullmatch=True),
    source=ANY_TEXT,
    guid=ANY_TEXT,
    link=ANY_TEXT | ANY_TEXT.map("https://a.example/".__add__),
    title=ANY_TEXT,
    summary=ANY_TEXT,
    content=ANY_TEXT,
    author=ANY_TEXT,
    outlet=ANY_TEXT,
    language=ANY_TEXT,
    published=st.none() | ANY_TIME,
    updated=ANY_TIME,
    first_seen=ANY_TIME,
    sort_date=ANY_TIME,
    revision=st.just(1),
    fingerprint=ANY_TEXT,
    tags=st.lists(ANY_TEXT, max_size=2).map(tuple),
    enclosures=st.lists(
        st.builds(Enclosure, ANY_TEXT.map("http://a.example/".__add__), ANY_TEXT, st.integers(-1), ANY_TEXT),
        max_size=2,
    ).map(tuple),
    source_title=ANY_TEXT,
    source_link=ANY_TEXT,
    source_id=ANY_TEXT | ANY_TEXT.map("tag:".__add__),
    source_rights=ANY_TEXT,
    source_updated=st.none() | ANY_TIME,
    channels=st.lists(st.builds(Channel, st.just("slug"), ANY_TEXT), max_size=1).map(tuple),
)


@settings(max_examples=120)
@given(st.lists(ANY_ENTRY, min_size=1, max_size=3), ANY_TEXT)
def test_whatever_an_entry_says_every_document_is_well_formed_and_holds_it(
    grammar: etree.RelaxNG, entries: list[StoredEntry], title: str
) -> None:
    site = replace(SITE, title=title)
    rendered = feed_documents(site, channel_view(site, Channel("slug", title), entries))
    assert rendered.problems == ()
    by_format = {document.path.rpartition(".")[2]: document.body for document in rendered.documents}
    ids = [entry_id(site, entry.info_code) for entry in entries]
    feed = etree.fromstring(by_format["atom"])
    assert grammar.validate(feed), grammar.error_log
    assert [found.text for found in feed.findall(f"{ATOM}entry/{ATOM}id")] == ids
    assert [found.text for found in etree.fromstring(by_format["rss"]).findall("channel/item/guid")] == ids
    assert [item["id"] for item in json.loads(by_format["json"])["items"]] == ids
    page = by_format["html"].decode()
    assert page.count('<article class="story"') == len(entries)
    for entry in entries:
        assert article_document(site, entry).body.decode().endswith("</html>\n")


@settings(max_examples=60)
@given(
    st.text(st.characters(codec="utf-8", categories=["L", "M", "N", "P", "S", "Zs"]), max_size=30).filter(
        lambda title: title.split()
    )
)
def test_a_title_comes_back_from_every_format_as_it_was(title: str) -> None:
    view = channel_view(SITE, CHANNEL, [replace(FULL, title=title)])
    found = [
        first_entry(atom(SITE, view)).findtext(f"{ATOM}title"),
        etree.fromstring(rss(SITE, view)).findtext("channel/item/title"),
        json.loads(json_feed(SITE, view))["items"][0]["title"],
    ]
    assert [one.split() for one in found] == [title.split()] * 3

"""From what a document says to an entry."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import lxml.html
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.markup import legal
from aggregator.normalise import facts, fingerprint, normalise
from aggregator.records import Enclosure, Entry, ParsedFeed, RawEntry, Source

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SOURCE = Source(name="nanchang", url="https://example.org/feed.xml", timezone="Asia/Shanghai", language="zh_cn")
FEED = ParsedFeed(
    format="rss20", title="<b>A</b> &amp; B", link="/home", language="en-us", updated="2021-12-28 08:08:58"
)
URL = "https://example.org/feeds/all.xml"


def entry(raw: RawEntry, *, feed: ParsedFeed = FEED, url: str = URL) -> Entry:
    found = normalise(raw, source=SOURCE, feed=feed, url=url, now=NOW)
    assert found is not None
    return found


def test_an_entry_that_says_nothing_is_none() -> None:
    for raw in (RawEntry(), RawEntry(title=" \u200b", content="<p> <br>&nbsp;</p>\n", author="x", tags=("a",))):
        assert normalise(raw, source=SOURCE, feed=FEED, url=URL, now=NOW) is None


def test_an_ordinary_entry_is_made_fit() -> None:
    found = entry(
        RawEntry(
            guid=" g1\n",
            link="../a/1.html",
            title="AT&amp;T <i>x</i>",
            summary="short",
            content='<p onclick="x">Long <a href="2.html">text</a></p><p class="em_media">（文章来源：南昌日报）</p>',
            author="editor@example.org (Ann Author)",
            published="2021-12-28 08:08:58",
            updated="2021-12-29 08:08:58",
            tags=("News", " news", "ＮＥＷＳ", "", "Other"),
            enclosures=(
                Enclosure("/a.mp3", "audio/mpeg; q=1", 5, "<b>t</b>"),
                Enclosure("https://example.org/a.mp3"),
                Enclosure("javascript:x"),
                Enclosure(""),
                Enclosure("b.mp3", "nonsense", -1),
            ),
            info_code=" NW1 ",
            article_url="/text?id=NW1",
        )
    )
    assert found.guid == "g1"
    assert found.link == "https://example.org/a/1.html"
    assert found.title == "AT&T x"
    assert found.summary == "short"
    assert found.content.startswith('<p>Long <a href="https://example.org/feeds/2.html"')
    assert (found.author, found.outlet, found.language) == ("Ann Author", "南昌日报", "en-US")
    assert found.published == datetime(2021, 12, 28, 0, 8, 58, tzinfo=UTC)
    assert found.updated == datetime(2021, 12, 29, 0, 8, 58, tzinfo=UTC)
    assert found.published_text == "2021-12-28 08:08:58"
    assert found.tags == ("News", "Other")
    assert found.enclosures == (
        Enclosure("https://example.org/a.mp3", "audio/mpeg", 5, "t"),
        Enclosure("https://example.org/feeds/b.mp3"),
    )
    assert (found.info_code, found.article_url) == ("NW1", "https://example.org/text?id=NW1")
    assert re.fullmatch("[0-9a-f]{32}", found.fingerprint)


@pytest.mark.parametrize(
    ("raw", "title"),
    [
        (RawEntry(content="<p>国内首款汽车来了！</p><p>第二段。</p>"), "国内首款汽车来了！"),
        (RawEntry(content="<p>First sentence here. Second one.</p>"), "First sentence here"),
        (RawEntry(summary="今天天气很好。明天下雨。", content="<p>其他</p>"), "今天天气很好"),
        (RawEntry(content="<p>one line without end</p><p>x</p>"), "one line without end"),
        (RawEntry(link="https://example.org/a/%E4%B8%AD%E6%96%87.html?x=1#y"), "中文.html"),
        (RawEntry(link="https://example.org/"), "example.org"),
        (RawEntry(enclosures=(Enclosure("https://example.org/pod/1.mp3"),)), "1.mp3"),
        (RawEntry(guid="urn:1"), "urn:1"),
        (RawEntry(title="<img src=x onerror=alert(1)>", link="https://example.org/5"), "5"),
        (RawEntry(content='<img src="/a.png">', guid="g"), "g"),
    ],
)
def test_an_entry_without_a_title_gets_one(raw: RawEntry, title: str) -> None:
    assert entry(raw).title == title


def test_a_made_title_is_short() -> None:
    assert len(entry(RawEntry(content="字" * 500)).title) <= 80
    assert len(entry(RawEntry(content="word " * 500)).title) <= 80


def test_a_text_title_keeps_its_brackets() -> None:
    assert entry(RawEntry(title="<b>x</b>", title_type="text")).title == "<b>x</b>"


@pytest.mark.parametrize(
    ("raw", "feed", "url", "link"),
    [
        (
            RawEntry(link="b.html", base="sub/", guid="g"),
            FEED,
            "http://x.org/blog/f.xml",
            "http://x.org/blog/sub/b.html",
        ),
        (RawEntry(link="//y.org/a", guid="g"), FEED, "https://x.org/", "https://y.org/a"),
        (RawEntry(link="a", guid="g"), ParsedFeed("rss20", link="http://x.org/"), "file:///f.xml", "http://x.org/a"),
        (RawEntry(link="javascript:alert(1)", guid="g"), FEED, URL, ""),
        (RawEntry(link="file:///etc/passwd", guid="g"), FEED, URL, ""),
        (RawEntry(link=" \n", guid="g"), FEED, URL, ""),
        (RawEntry(link="magnet:?xt=1", guid="g"), FEED, URL, "magnet:?xt=1"),
        (RawEntry(link="  http://example.org/ok  ", guid="g"), FEED, URL, "http://example.org/ok"),
    ],
)
def test_a_link_is_absolute_and_safe_or_none(raw: RawEntry, feed: ParsedFeed, url: str, link: str) -> None:
    assert entry(raw, feed=feed, url=url).link == link


def test_no_address_comes_from_an_empty_reference() -> None:
    found = entry(RawEntry(title="t"))
    assert (found.link, found.article_url) == ("", "")
    assert facts(ParsedFeed("rss20"), URL, source=SOURCE, now=NOW).link == ""


def test_text_becomes_paragraphs_and_is_not_read_as_html() -> None:
    found = entry(RawEntry(content="a <b> c\n\nd", content_type="text"))
    assert found.content == "<p>a &lt;b&gt; c</p><p>d</p>"


@pytest.mark.parametrize("summary", ["Same text.", "<p>Same text.</p>", "<div>Same <i>text.</i></div>"])
def test_a_summary_that_repeats_the_content_goes(summary: str) -> None:
    assert entry(RawEntry(summary=summary, content="<p>Same text.</p>")).summary == ""


@pytest.mark.parametrize(
    ("published", "updated", "expected"),
    [
        ("2021-12-28", "2020-01-01", (True, False)),
        ("2021-12-28", "2021-12-28", (True, True)),
        ("2999-01-01", "", (False, False)),
        ("1970-01-01T00:00:00Z", "2021-12-28", (False, True)),
        ("yesterday", "", (False, False)),
    ],
)
def test_dates_that_cannot_be_are_not_said(published: str, updated: str, expected: tuple[bool, bool]) -> None:
    found = entry(RawEntry(guid="g", published=published, updated=updated))
    assert (found.published is not None, found.updated is not None) == expected
    assert found.published_text == published


@pytest.mark.parametrize(
    ("given_language", "expected"),
    [("zh_CN", "zh-CN"), ("ZH-hans-cn", "zh-Hans-CN"), ("de", "de"), ("en-us, fr", "en-US"), ("English!", "en-US")],
)
def test_a_language_has_the_shape_of_a_tag(given_language: str, expected: str) -> None:
    assert entry(RawEntry(guid="g", language=given_language)).language == expected


def test_the_source_says_the_language_where_its_document_does_not() -> None:
    assert entry(RawEntry(guid="g"), feed=ParsedFeed("rss20")).language == "zh-CN"


@pytest.mark.parametrize(
    ("author", "name"),
    [
        ("a@b.org (Ann)", "Ann"),
        ("Ann <a@b.org>", "Ann"),
        ("Ann &amp; Bob", "Ann & Bob"),
        ("a@b.org", "a@b.org"),
        ("<script>x</script>Ann", "Ann"),
    ],
)
def test_an_author_is_a_name(author: str, name: str) -> None:
    assert entry(RawEntry(guid="g", author=author)).author == name


def test_everything_is_limited() -> None:
    found = entry(
        RawEntry(
            guid="g" * 5000,
            title="t" * 5000,
            author="a" * 5000,
            content="<div>" + "x" * 3_000_000,
            tags=tuple(f"tag {n}" for n in range(500)),
            enclosures=tuple(Enclosure(f"/{n}.mp3") for n in range(500)),
            published="1" * 5000,
        )
    )
    assert len(found.guid) < 100
    assert (len(found.title), len(found.author)) == (1000, 300)
    assert 1_900_000 < len(found.content) <= 2_000_100
    assert found.content.endswith("x</div>")
    assert (len(found.tags), len(found.enclosures)) == (50, 50)
    assert len(found.published_text) <= 200


RAW = RawEntry(
    guid="g",
    link="https://example.org/1",
    title="t",
    summary="s",
    content='<p>a <a href="https://example.org/2?id=1">b</a></p>',
    author="x",
    outlet="o",
    tags=("a", "b"),
    enclosures=(Enclosure("https://example.org/a.mp3"),),
    published="2021-12-28",
)


@pytest.mark.parametrize(
    "change",
    [
        {"published": "2021-12-29", "updated": "2022-01-01"},
        {"guid": "other"},
        {"language": "de"},
        {"link": "http://www.example.org/1?utm_source=rss#c"},
        {"title": " t\n"},
        {"tags": ("B", "a")},
        {"content": '<p>a  \n<a href="http://example.org/2?id=1&amp;spm=1.2.3&amp;from=x">b</a></p>'},
        {"content": '<p class="x" id="y">a <a href="https://example.org/2?id=1" target="_blank">b</a></p>'},
    ],
)
def test_what_is_no_revision_leaves_the_fingerprint(change: dict[str, str]) -> None:
    assert entry(replace(RAW, **change)).fingerprint == entry(RAW).fingerprint  # type: ignore[arg-type]  # fields of it


@pytest.mark.parametrize(
    "change",
    [
        {"title": "u"},
        {"summary": "z"},
        {"content": '<p>a <b><a href="https://example.org/2?id=1">b</a></b></p>'},
        {"content": '<p>a <a href="https://example.org/2?id=2">b</a></p>'},
        {"author": "y"},
        {"outlet": "p"},
        {"tags": ("a",)},
        {"enclosures": ()},
        {"link": "https://example.org/3"},
    ],
)
def test_a_revision_changes_the_fingerprint(change: dict[str, str]) -> None:
    assert entry(replace(RAW, **change)).fingerprint != entry(RAW).fingerprint  # type: ignore[arg-type]  # fields of it


def test_the_facts_of_a_feed_are_plain_and_absolute() -> None:
    found = facts(FEED, URL, source=SOURCE, now=NOW)
    assert (found.title, found.link, found.language) == ("A & B", "https://example.org/home", "en-US")
    assert found.updated == "2021-12-28T00:08:58+00:00"
    assert facts(ParsedFeed("rss20", updated="soon"), URL, source=SOURCE, now=NOW).updated == ""


_FIELDS = st.text(max_size=40)


@given(
    st.builds(
        RawEntry,
        guid=_FIELDS,
        link=_FIELDS,
        title=_FIELDS,
        summary=_FIELDS,
        content=_FIELDS,
        content_type=st.sampled_from(["text", "html"]),
        author=_FIELDS,
        outlet=_FIELDS,
        published=_FIELDS,
        updated=_FIELDS,
        language=_FIELDS,
        base=_FIELDS,
        tags=st.lists(_FIELDS, max_size=3).map(tuple),
        enclosures=st.lists(st.builds(Enclosure, url=_FIELDS, type=_FIELDS, title=_FIELDS), max_size=2).map(tuple),
    ),
    _FIELDS,
)
def test_nothing_that_a_document_says_makes_it_raise_or_breaks_xml(raw: RawEntry, url: str) -> None:
    found = normalise(raw, source=SOURCE, feed=FEED, url=url, now=NOW)
    if found is None:
        return
    assert found.title
    assert fingerprint(found) == found.fingerprint
    texts = (
        found.guid,
        found.link,
        found.title,
        found.summary,
        found.content,
        found.author,
        found.language,
        *found.tags,
    )
    for text in texts:
        assert legal(text) == text
    lxml.html.fragments_fromstring(found.content)


def test_what_a_local_file_says_is_relative_to_the_site_that_it_names() -> None:
    raw = RawEntry(title="t", content='<img src="a.png"><a href="/b">b</a>', link="c.html")
    found = entry(raw, feed=ParsedFeed("rss20", link="https://site.example/blog/"), url="file:feed.xml")
    assert 'src="https://site.example/blog/a.png"' in found.content
    assert 'href="https://site.example/b"' in found.content
    assert found.link == "https://site.example/blog/c.html"

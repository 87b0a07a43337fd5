"""An HTML page becomes a feed by CSS selectors."""

import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator import parse
from aggregator.parse.page import selector_fault
from aggregator.records import Enclosure, PageRules, ParsedFeed, RawEntry, Unreadable

DOCUMENTS = Path(__file__).resolve().parents[1] / "data" / "parse"
NEWSROOM = (DOCUMENTS / "newsroom.html").read_text(encoding="utf-8")
URL = "https://news.example.org/index.php?channel=1"
BASE = "https://news.example.org/news/"
SIX_RULES = PageRules(
    items="article.teaser",
    title="h3",
    published="time",
    author=".by",
    outlet=".paper",
    summary="p.lead",
)


def read(html: str | bytes, rules: PageRules, content_type: str = "text/html") -> ParsedFeed:
    body = html.encode() if isinstance(html, str) else html
    result = parse.read(body, url=URL, content_type=content_type, rules=rules)
    assert isinstance(result, ParsedFeed), result
    return result


def entry(html: str, rules: PageRules) -> RawEntry:
    (found,) = read(html, rules).entries
    return found


def test_a_newsroom_s_list_is_a_source_in_six_rules() -> None:
    feed = read(NEWSROOM, SIX_RULES)
    assert feed.format == "html"
    assert (feed.title, feed.link, feed.language) == ("要闻 - 洪城新闻网", BASE, "zh-CN")
    assert feed.entries[0] == RawEntry(
        link="2026/1101.html",
        title="昌九高铁 新站 明年开工",
        title_type="text",
        summary='新站设 8 台 16 线，<b>总投资</b> 50 亿元。<a href="2026/1101.html">详情</a>',
        author="王 小 明",
        outlet="南昌日报",
        published="2026-11-22T08:30:00+08:00",
        base=BASE,
    )
    assert feed.entries[1] == RawEntry(
        link="2026/1102.html?from=list&id=2",
        title="A < B: 行情 & 走势",
        title_type="text",
        summary="沪指收涨。",
        published="2026-11-21 17:05",
        base=BASE,
    )
    assert [(each.title, each.link) for each in feed.entries[2:]] == [("没有链接的快讯", "")]
    assert feed.warnings == ("1 of the items have neither title nor link",)


def test_one_rule_is_enough_where_items_are_headings_with_links() -> None:
    feed = read(NEWSROOM, PageRules(items="article.teaser"))
    assert [(each.title, each.link) for each in feed.entries] == [
        ("昌九高铁 新站 明年开工", "2026/1101.html"),
        ("A < B: 行情 & 走势", "2026/1102.html?from=list&id=2"),
        ("没有链接的快讯", ""),
    ]


def test_a_picture_that_loads_late_and_tags_of_several_elements_are_found() -> None:
    first = read(NEWSROOM, PageRules(items="article.teaser", image=".thumb img", tags=".topics li")).entries[0]
    assert first.enclosures == (Enclosure(url="/img/1101.jpg", type="image/jpeg"),)
    assert first.tags == ("交通", "城建", "铁路")


@pytest.mark.parametrize("encoding", ["gb18030", "gb2312", "big5", "utf-8", "utf-16", "euc-jp", "shift_jis"])
def test_the_encoding_is_the_one_that_the_page_itself_declares(encoding: str) -> None:
    text = "新聞" if encoding in ("big5", "euc-jp", "shift_jis") else "要闻"
    html = f"<html><head><!-- {'x' * 1500} --><META content='text/html; charset={encoding}'></head><h2>{text}</h2>"
    assert read(html.encode(encoding), PageRules(items="h2")).entries[0].title == text
    assert read(html.encode(encoding), PageRules(items="h2"), "text/html; charset=ISO-8859-1").entries[0].title == text


@pytest.mark.parametrize(
    ("rule", "title"),
    [
        ("b", "bold text"),
        ("b@title", "of b"),
        ("@data-title", "of the item"),
        ("@DATA-Title", "of the item"),
        ("", "bold text and more"),
        (":scope", "bold text and more"),
        ("i, b", "bold text"),
        ("a[href*='@x']", "mail"),
        ("a[href*='@x']@href", "mailto:me@x"),
        ("i", ""),
        ("b@none", ""),
    ],
)
def test_a_rule_is_a_selector_an_attribute_or_both(rule: str, title: str) -> None:
    html = "<li data-title=' of the item '><b title='of b'>bold\n text</b> and more <a href=mailto:me@x>mail</a></li>"
    html = html if "mail" in title else html.replace("mail</a>", "</a>")
    assert entry(html, PageRules(items="li", title=rule)).title == title


@pytest.mark.parametrize(
    ("html", "link", "title"),
    [
        (
            "<li><a name=x>anchor</a><a href='#c'>0</a><a href='JavaScript:x()'>!</a><a href=/1>One</a></li>",
            "/1",
            "One",
        ),
        ("<li><a href=/1><img src=1.png></a><h2>Head</h2><a href=/2>More</a></li>", "/1", "Head"),
        ("<li><a href=/1><img src=1.png></a><a href=/1>More</a></li>", "/1", "More"),
        ("<li><a href=/1 title='Said'></a></li>", "/1", "Said"),
        ("<li><a href=/1><script>var x</script><style>y</style>One</a></li>", "/1", "One"),
        ("<li><a href=' /1&amp;x=&quot; '>One</a></li>", '/1&x="', "One"),
        ("<li><a href=/only></a></li>", "/only", ""),
    ],
)
def test_without_rules_the_first_link_that_leads_anywhere_counts(html: str, link: str, title: str) -> None:
    found = entry(html, PageRules(items="li"))
    assert (found.link, found.title) == (link, title)


def test_an_item_that_is_the_link_itself_is_read() -> None:
    found = entry("<div class=news><a href=/1>One</a></div>", PageRules(items=".news a"))
    assert (found.link, found.title) == ("/1", "One")


@pytest.mark.parametrize("rule", ["h3", "h3 a", "h3 a@href"])
def test_a_link_is_an_address_whether_the_rule_names_the_element_around_it_itself_or_its_attribute(rule: str) -> None:
    found = entry("<li><a href=/c>Category</a><h3>On: <a href=/1>One</a></h3></li>", PageRules(items="li", link=rule))
    assert found.link == "/1"


def test_meta_elements_say_their_content_and_attributes_are_text() -> None:
    html = "<li itemscope><meta itemprop=date content=2026-11-22><a href=1 data-s='A < B'>x</a></li>"
    rules = PageRules(items="li", published="[itemprop=date]", summary="a@data-s", content="[itemprop=date]")
    found = entry(html, rules)
    assert found.published == "2026-11-22"
    assert (found.summary, found.summary_type) == ("A < B", "text")
    assert (found.content, found.content_type) == ("2026-11-22", "text")


def test_an_element_that_fits_two_selectors_of_a_list_is_one_item_and_the_order_is_the_page_s() -> None:
    html = "<ul><li class=a>1</li><li>2</li><li class=a>3</li></ul>"
    feed = read(html, PageRules(items="li.a, li", title=""))
    assert [each.title for each in feed.entries] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("base", "expected"),
    [("https://cdn.example.net/x/", "https://cdn.example.net/x/"), ("http://[", URL), ("javascript:1", URL)],
)
def test_a_base_is_respected_unless_it_is_none(base: str, expected: str) -> None:
    found = entry(f"<base href='{base}'><li><a href=1>One</a></li>", PageRules(items="li"))
    assert found.base == expected


def test_a_page_without_a_canonical_link_is_its_own_address() -> None:
    assert read("<li><a href=1>One</a></li>", PageRules(items="li")).link == URL


def test_items_that_match_nothing_give_a_warning_that_says_what_repeats_on_the_page() -> None:
    feed = read(NEWSROOM, PageRules(items="article.story"))
    assert feed.entries == ()
    (warning,) = feed.warnings
    assert warning.startswith("items: article.story matches nothing; what repeats on it with links: ")
    assert "li (3)" in warning
    (warning,) = read("<div id=app></div>", PageRules(items="li")).warnings
    assert warning == "items: li matches nothing; the page holds no list of links"


@pytest.mark.parametrize("name", ["items", "title", "tags", "image"])
@pytest.mark.parametrize("selector", ["a[", ">>", "$.x", "p::text", "li:foo", "\ud800", "a[@href"])
def test_what_is_no_selector_is_named_with_its_field(name: str, selector: str) -> None:
    rules = replace(PageRules(items="li"), **{name: selector})
    result = parse.read(b"<li><a href=1>One</a></li>", url=URL, rules=rules)
    assert isinstance(result, Unreadable)
    assert result.detail.startswith(f"the source's rules cannot be used: {name}: {selector!r} is no CSS selector: ")
    assert selector_fault(selector) in result.detail


@pytest.mark.parametrize(
    "selector", ["li", "a@href", "@href", "", "ul > li:nth-child(2n+1):not(.ad) a[href^='/']@href"]
)
def test_selectors_with_and_without_attributes_are_no_fault(selector: str) -> None:
    assert selector_fault(selector) is None


def test_a_page_nested_to_kill_is_refused_at_once_and_one_that_only_forgets_end_tags_is_read() -> None:
    started = time.process_time()
    result = parse.read(b"<div>" * 200_000, url=URL, rules=PageRules(items="div"))
    assert isinstance(result, Unreadable)
    assert result.detail == "an HTML page with elements nested more than 5,000 deep"
    assert time.process_time() - started < 5
    feed = read("<ul>" + "<li><p><a href=1>One</a><br>" * 900 + "</ul>", PageRules(items="li"))
    assert len(feed.entries) == 900


def test_no_more_than_a_thousand_items_are_read_and_that_is_said() -> None:
    feed = read("<li><a href=1>One</a></li>" * 1_001, PageRules(items="li"))
    assert len(feed.entries) == 1_000
    assert feed.warnings == ("items: li matches 1001 elements; only the first 1,000 were read",)


PIECES = (
    "<li>",
    "</li>",
    "<a href=x>",
    "<ul><li><a",
    "</",
    "<svg>",
    "<table>",
    "<base href='//['>",
    "&#0;",
    "<!--",
    "<template>",
)


@settings(max_examples=150)
@given(
    st.one_of(st.binary(max_size=200), st.lists(st.sampled_from(PIECES)).map(lambda parts: "".join(parts).encode())),
    st.one_of(st.none(), st.text(max_size=20), st.sampled_from(["", "a@href", "*", "li > a", "@"])),
)
def test_no_bytes_and_no_rules_make_it_raise(body: bytes, rule: str | None) -> None:
    rules = PageRules(*(["*"] + [rule] * 9))
    result = parse.read(body, url=URL, rules=rules)
    assert isinstance(result, ParsedFeed | Unreadable)

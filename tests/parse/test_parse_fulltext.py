"""An article's text out of its page, by a selector and without one."""

import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator import config, parse
from aggregator.errors import ConfigError
from aggregator.parse.fulltext import NEEDS_EXTRA, extractor_fault
from aggregator.parse.page import selector_fault
from aggregator.records import RawEntry, Unreadable

DOCUMENTS = Path(__file__).resolve().parents[1] / "data" / "parse"
URL = "https://news.example.org/a/b.html"
TITLE = "央行开展2000亿元逆回购操作"

needs_library = pytest.mark.skipif(extractor_fault() is not None, reason="the extra fulltext is not installed")


def read(name: str, selector: bool | str = True, title: str = "") -> RawEntry:
    body = (DOCUMENTS / name).read_bytes()
    found = parse.article_page(body, url=URL, content_type="text/html; charset=utf-8", selector=selector, title=title)
    assert isinstance(found, RawEntry), found
    return found


@needs_library
def test_a_newspaper_s_article_is_found_with_its_figure_table_list_and_code_and_without_what_is_around_it() -> None:
    content = read("newspaper-article.html", title=TITLE).content
    for kept in ("<figcaption>", "<h2>市场反应", "<td>2.35%", "<li>第二点", "<blockquote>", "<code", "<video"):
        assert kept in content
    assert content.index("南昌日报讯") < content.index("<figure>") < content.index("截至收盘")
    for left_out in ("首页", "股王", "好文章", "版权所有", "alert", "<h1>"):
        assert left_out not in content


@needs_library
def test_an_article_in_a_table_with_breaks_for_paragraphs_is_found_without_boxes_of_links() -> None:
    found = read("portal-article.html", title="Harbour opens after nine years of works")
    assert found.base == "https://quayside.example.org/2026/"
    for kept in ("The new harbour", "<i>rather more</i>", "<br><br>", 'src="ferry.jpg"', "customs house"):
        assert kept in found.content
    for left_out in ("Tide tables", "Share this", "Ferry timetable", "Copyright", "<h2>"):
        assert left_out not in found.content


@needs_library
@pytest.mark.parametrize("body", [b"<html><body><form><input></form></body></html>", b"<p>", b"plain words, and few"])
def test_a_page_without_an_article_says_so(body: bytes) -> None:
    found = parse.article_page(body, url=URL, selector=True)
    assert found == Unreadable("no article's text is found on its page")


@needs_library
def test_an_article_whose_parts_no_single_element_holds_alone_is_what_the_library_makes_of_it() -> None:
    told = "The council met on Tuesday and agreed to build the bridge, at last, after years of talk about it. "
    strange = "".join(f"<p><a href='/{n}'>{'Elsewhere the weather was fine ' * 4}{n}</a></p>" for n in range(40))
    body = f"<html><body><article><p>{told * 4}</p></article>{strange}<article><p>{told[::-1] * 4}</p></article></body>"
    found = parse.article_page(body.encode(), url=URL, selector=True)
    assert isinstance(found, RawEntry)
    assert "The council met" in found.content


def test_a_selector_gives_all_its_matches_each_once_without_a_heading_that_is_the_title() -> None:
    content = read("newspaper-article.html", "div.article, div.article p, .comments p", title=TITLE).content
    assert content.count("南昌日报讯") == 1
    assert "<h1>" not in content
    assert content.endswith("好文章！\n顶一个")
    assert "<h1>" in read("newspaper-article.html", "div.article", title="Another title").content


@pytest.mark.parametrize(
    ("selector", "detail"),
    [
        ("div.text", "fulltext: div.text matches nothing on the article's page"),
        ("div[", "fulltext: 'div[' is no CSS selector"),
    ],
)
def test_a_selector_that_finds_nothing_says_which(selector: str, detail: str) -> None:
    body = (DOCUMENTS / "newspaper-article.html").read_bytes()
    found = parse.article_page(body, url=URL, selector=selector)
    assert isinstance(found, Unreadable)
    assert found.detail.startswith(detail)


def test_the_page_s_own_encoding_counts() -> None:
    body = '<html><head><meta charset="gbk"></head><body><div class="t">朱镕基：喆喆、囧、堃</div></body></html>'
    found = parse.article_page(body.encode("gb18030"), url=URL, content_type="text/html", selector=".t")
    assert isinstance(found, RawEntry)
    assert found.content == "朱镕基：喆喆、囧、堃"


@pytest.mark.parametrize("body", [b"%PDF-1.7\n\x00\x01\x02\x03" * 20, b"", b"<div>" * 6000])
def test_what_is_no_page_is_named(body: bytes) -> None:
    assert isinstance(parse.article_page(body, url=URL, selector="div"), Unreadable)


def test_a_missing_library_is_named_with_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    for name in [name for name in sys.modules if name.partition(".")[0] in ("trafilatura", "lxml_html_clean")]:
        monkeypatch.delitem(sys.modules, name)
    fault = extractor_fault()
    assert fault is not None
    assert "pip install 'aggregator[fulltext]'" in fault


PIECES = [*"<>/ \"'=a&é中。", "<p>", "</p>", "<div>", "<table>", "<nav>", "<a href=x>", "word word "]


@needs_library
def test_a_text_that_is_found_as_text_and_not_as_html_is_none() -> None:
    assert parse.article_page(b"<p><div><", url=URL, selector=True) == Unreadable(
        "no article's text is found on its page"
    )


@needs_library
@given(st.lists(st.sampled_from(PIECES)))
def test_no_page_makes_it_raise(pieces: list[str]) -> None:
    for selector in (True, "p, div"):
        parse.article_page("".join(pieces).encode(), url=URL, selector=selector)


@pytest.mark.parametrize(
    ("wish", "problem"),
    [
        ("3", "3 is neither true nor a CSS selector"),
        ('""', "'' is neither true nor a CSS selector"),
        ('"div["', "'div[' is no CSS selector"),
        ("true", "true needs a library that finds texts: pip install 'aggregator[fulltext]'"),
    ],
)
def test_a_wish_that_cannot_be_met_is_a_fault_of_the_configuration(wish: str, problem: str) -> None:
    text = f'[sources.a]\nurl = "https://a.example/feed"\nfulltext = {wish}\n'
    checks = config.Checks(selector=selector_fault, fulltext=lambda _: NEEDS_EXTRA)
    with pytest.raises(ConfigError, match=re.escape(f"a.toml:3: sources.a.fulltext: {problem}")):
        config.parse(text, "a.toml", checks)


def test_a_list_whose_texts_have_a_request_already_cannot_wish_for_pages() -> None:
    text = """[sources.a]\nkind = "json"\nurl = "https://a.example/l"\nitems = "$[*]"\ninfo_code = "$.c"
article = { url = "https://a.example/{info_code}", content = "$.t" }\nfulltext = "p"\n"""
    with pytest.raises(ConfigError, match=r"a.toml:1: sources.a: has both article and fulltext"):
        config.parse(text, "a.toml")

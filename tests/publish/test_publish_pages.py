"""The pages: readable without script, linked relatively, in the site's language."""

import posixpath
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from lxml import html
from publish_examples import BARE, CHANNEL, CHANNELS, ENTRIES, FULL, NOON, SITE

from aggregator.errors import PublishError
from aggregator.publish import (
    article_document,
    channel_document,
    channel_view,
    feed_documents,
    index_document,
    opml_document,
    site_view,
    static_documents,
)
from aggregator.publish.documents import sources_document
from aggregator.publish.found import FoundEntry, found_page
from aggregator.publish.pages import Facts
from aggregator.publish.view import archive_view
from aggregator.publish.words import words_in
from aggregator.records import (
    Archive,
    ChannelSummary,
    Document,
    Enclosure,
    Policies,
    Policy,
    Remark,
    SearchNote,
    Site,
    SourceNote,
)

VIEW = channel_view(SITE, CHANNEL, ENTRIES)
ENGLISH = replace(SITE, title="Daily", language="en", timezone="Europe/London", author="")


def pages(site: Site = SITE) -> list[Document]:
    view = channel_view(site, CHANNEL, ENTRIES)
    empty = CHANNELS[1].channel
    return [
        index_document(site, CHANNELS),
        channel_document(site, view, CHANNEL),
        channel_document(site, channel_view(site, empty, ()), empty),
        *(article_document(site, entry) for entry in ENTRIES),
    ]


SOURCES = (
    SourceNote("a", "甲报", "https://a.example.org/", (CHANNEL,)),
    SourceNote("secret", "", ""),
)


def tree(document: Document) -> html.HtmlElement:
    return html.document_fromstring(document.body.decode())


def text_of(document: Document) -> str:
    return " ".join(tree(document).text_content().split())


class Balance(HTMLParser):
    """Checks that every element that is opened is closed, in order."""

    VOID = frozenset({"meta", "link", "img", "br", "hr", "input"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_every_page_is_balanced_html_in_the_language_of_the_site() -> None:
    for document in pages():
        balance = Balance()
        balance.feed(document.body.decode())
        assert balance.open == [], document.path
        assert document.body.startswith(b"<!doctype html>\n")
        assert tree(document).get("lang") == "zh-CN"
        assert tree(document).xpath("//meta[@name='viewport']")


def test_pages_hold_no_script_and_nothing_inline() -> None:
    for document in pages():
        found = tree(document)
        assert not found.xpath("//script | //style | //*[@style] | //*[@*[starts-with(name(), 'on')]]")
        assert [link.get("href") for link in found.xpath("//link[@rel='stylesheet']")] == [
            "../static/style.css" if "/" in document.path else "static/style.css"
        ]


def test_every_relative_link_leads_to_a_file_that_is_published() -> None:
    documents = [
        *pages(),
        *static_documents(SITE),
        *feed_documents(SITE, VIEW).documents,
        *feed_documents(SITE, channel_view(SITE, CHANNELS[1].channel, ())).documents,
        *feed_documents(SITE, site_view(SITE, ENTRIES)).documents,
        opml_document(SITE, CHANNELS),
        sources_document(SITE, SOURCES),
    ]
    there = {document.path for document in documents}
    followed = 0
    for document in pages():
        for address in tree(document).xpath("//@href | //@src"):
            if not urlsplit(address).scheme:
                followed += 1
                assert posixpath.normpath(posixpath.join(posixpath.dirname(document.path), address)) in there, address
    assert followed > 40


def test_feeds_are_found_by_readers_and_their_address_can_be_copied() -> None:
    found = tree(channel_document(SITE, VIEW, CHANNEL))
    alternates = {link.get("type"): link.get("href") for link in found.xpath("//head/link[@rel='alternate']")}
    assert alternates == {
        "application/atom+xml": "../category/nanchangribao.atom",
        "application/rss+xml": "../category/nanchangribao.rss",
        "application/feed+json": "../category/nanchangribao.json",
    }
    assert (
        found.xpath("string(//*[@class='address'])").strip() == "https://finews.example.org/category/nanchangribao.atom"
    )


def test_a_site_without_feeds_offers_none() -> None:
    site = replace(SITE, formats=("html",))
    for document in pages(site):
        assert not tree(document).xpath("//link[@rel='alternate'] | //*[@class='subscribe']")


def test_the_home_page_shows_the_newest_articles_once_and_each_channel_with_its_titles() -> None:
    entries = [
        replace(
            FULL, seq=number, info_code=f"NW{number}", title=f"标题{number}", sort_date=NOON - timedelta(hours=number)
        )
        for number in range(9)
    ]
    channels = [ChannelSummary(CHANNEL, 12, NOON, tuple(entries)), ChannelSummary(CHANNEL, 12, NOON, tuple(entries))]
    found = tree(index_document(SITE, channels))
    assert found.xpath("//*[@class='stories']//h3/a/text()") == [f"标题{number}" for number in range(5)]
    columns = found.xpath("//*[@class='column']")
    assert [column.xpath(".//li/a/text()") for column in columns] == [[f"标题{number}" for number in range(5)]] * 2
    assert columns[0].xpath("string(.//h3/a/@href)") == "category/nanchangribao.html"
    assert "12 篇" in columns[0].text_content()


def test_an_entry_that_cannot_be_said_does_not_take_the_home_page_down() -> None:
    naive = replace(FULL, info_code="naive", title="坏", published=datetime(2021, 1, 1))  # noqa: DTZ001 - the fault
    document = index_document(SITE, [ChannelSummary(CHANNEL, 2, NOON, (naive, FULL))])
    assert "坏" not in text_of(document)
    assert FULL.info_code.encode() in document.body


def test_a_site_with_nothing_yet_has_a_home_page_all_the_same() -> None:
    assert "还没有文章" in text_of(index_document(SITE, ()))
    assert "No articles yet" in text_of(index_document(ENGLISH, ()))


def test_an_article_page_says_title_outlet_author_time_and_text_and_leads_to_the_original() -> None:
    document = article_document(SITE, FULL)
    found = tree(document)
    assert document.path == "article/NW202112282227696247.html"
    assert found.xpath("string(//h1)") == FULL.title
    assert " ".join(found.xpath("string(//*[@class='byline'])").split()) == "南昌日报 王小明 2021年12月28日 08:08"
    assert found.xpath("//time/@datetime") == ["2021-12-28T08:08:58+08:00"]
    assert FULL.content in document.body.decode()
    assert found.xpath("//a[@class='original']/@href") == [FULL.link]
    assert found.xpath("//link[@rel='canonical']/@href") == [FULL.link]
    assert found.xpath("//*[@class='channels']/a/@href") == ["../category/nanchangribao.html"]
    assert "© 东方财富" in text_of(document)


def test_an_article_of_which_nothing_is_known_still_has_a_page() -> None:
    found = tree(article_document(SITE, BARE))
    assert found.xpath("string(//h1)") == "somewhere"
    assert not found.xpath("//a[@class='original']")


def test_sound_and_pictures_of_an_article_can_be_played_and_seen() -> None:
    files = ("a.mp3", "b.mp4", "c.jpg", "d.pdf")
    entry = replace(FULL, enclosures=tuple(Enclosure(f"https://a.example/{name}") for name in files))
    found = tree(article_document(SITE, entry))
    assert found.xpath("//audio/@src") == ["https://a.example/a.mp3"]
    assert found.xpath("//video/@src") == ["https://a.example/b.mp4"]
    assert found.xpath("//*[@class='enclosure']/img/@src") == ["https://a.example/c.jpg"]
    assert found.xpath("//*[@class='enclosure']/a/@href") == [f"https://a.example/{name}" for name in files]


def test_what_is_text_stays_text() -> None:
    entry = replace(FULL, title="<script>alert(1)</script>", author='"><img src=x onerror=alert(1)>', outlet="<b>")
    site = replace(SITE, title="<i>站</i>", author="<u>")
    view = channel_view(site, replace(CHANNEL, title="</title><script>"), [entry])
    for document in (
        article_document(site, entry),
        channel_document(site, view, replace(CHANNEL, title="</title><script>")),
        index_document(site, [ChannelSummary(CHANNEL, 1, NOON, (entry,))]),
    ):
        assert not tree(document).xpath("//script | //img | //i | //u | //b[not(ancestor::*[@class='content'])]")


def test_a_summary_with_signs_of_markup_is_shown_as_it_reads() -> None:
    assert "一句 摘要 <不是标签>" in text_of(channel_document(SITE, VIEW, CHANNEL))


def test_words_and_times_follow_the_language_and_zone_of_the_site() -> None:
    page = text_of(article_document(ENGLISH, FULL))
    assert "28 Dec 2021, 00:08" in page
    assert "Read the original" in page
    assert not re.search("[阅订]", page.replace(FULL.title, ""))


def test_words_count_and_name_days() -> None:
    time = datetime(2021, 2, 3, 4, 5, tzinfo=UTC)
    chinese, english = words_in("zh-Hant-TW"), words_in("")
    assert (chinese.count(1), english.count(1), english.count(2)) == ("1 篇", "1 article", "2 articles")
    assert (chinese.moment(time), english.moment(time)) == ("2021年2月3日 04:05", "3 Feb 2021, 04:05")
    assert (chinese.day(time, 2021), english.day(time, 2021)) == ("2月3日", "3 Feb")
    assert (chinese.day(time, 2026), english.day(time, 2026)) == ("2021年2月", "Feb 2021")
    assert not words_in("zha").chinese  # Zhuang


def test_one_source_does_not_fill_the_newest_while_others_have_something() -> None:
    busy = [replace(FULL, seq=n, info_code=f"b{n}", sort_date=NOON + timedelta(minutes=n)) for n in range(10, 20)]
    calm = [replace(FULL, seq=n, info_code=f"c{n}", source="calm", sort_date=NOON) for n in (2, 3)]
    found = tree(index_document(SITE, [ChannelSummary(CHANNEL, 12, NOON, tuple(busy + calm))]))
    assert [link.partition("/")[2] for link in found.xpath("//*[@class='latest']//h3/a/@href")] == [
        "b19.html", "b18.html", "b17.html", "c3.html", "c2.html"
    ]  # fmt: skip
    alone = tree(index_document(SITE, [ChannelSummary(CHANNEL, 10, NOON, tuple(busy))]))
    assert len(alone.xpath("//*[@class='latest']//h3")) == 5


def test_titles_of_other_years_say_so() -> None:
    old = replace(FULL, info_code="old", sort_date=NOON - timedelta(days=400), published=None)
    found = tree(index_document(SITE, [ChannelSummary(CHANNEL, 2, NOON, (FULL, old))]))
    assert found.xpath("//*[@class='column']//time/text()") == ["12月28日", "2020年11月"]


def test_an_article_that_cannot_be_rendered_is_an_error_that_names_it() -> None:
    naive = replace(FULL, sort_date=datetime(2021, 1, 1), published=None)  # noqa: DTZ001 - the fault itself
    with pytest.raises(PublishError, match=r"article/NW202112282227696247\.html: cannot be rendered"):
        article_document(SITE, naive)


def test_the_style_sheet_and_the_icon_are_published_with_the_pages() -> None:
    documents = {document.path: document.body for document in static_documents(SITE)}
    assert set(documents) == {"static/feed.css", "static/icon.svg", "static/style.css"}
    assert b"prefers-color-scheme: dark" in documents["static/style.css"]
    assert not re.search(rb"url\(|@import", documents["static/style.css"])


def archived(number: int, *, newest: bool) -> Document:
    archive = Archive(number, tuple(ENTRIES), full=not newest)
    documents = feed_documents(SITE, archive_view(SITE, CHANNEL, archive)).documents
    return next(document for document in documents if document.path.endswith(".html"))


def test_a_channel_can_be_paged_through_to_its_beginning_and_back() -> None:
    front = tree(channel_document(SITE, channel_view(SITE, CHANNEL, ENTRIES, last_archive=2), CHANNEL))
    assert front.xpath("//nav[@class='paging']/a/@href") == ["../category/nanchangribao/archive-2.html"]
    pages = {number: archived(number, newest=number == 2) for number in (1, 2)}
    links = {number: tree(page).xpath("//nav[@class='paging']/a/@href") for number, page in pages.items()}
    assert links[2] == ["../../category/nanchangribao.html", "../../category/nanchangribao/archive-1.html"]
    assert links[1] == ["../../category/nanchangribao/archive-2.html"]
    assert pages[1].path == "category/nanchangribao/archive-1.html"
    assert "往期第 1 页" in text_of(pages[1])


def test_an_article_tells_other_sites_how_to_show_it() -> None:
    entry = replace(FULL, content='<p>x <img src="https://example.org/a.jpg?x=1&amp;y=2" alt=""></p>', enclosures=())
    found = tree(article_document(SITE, entry))
    card = {meta.get("property"): meta.get("content") for meta in found.xpath("//meta[@property]")}
    assert card["og:title"] == " ".join(FULL.title.split())
    assert card["og:type"] == "article"
    assert card["og:url"] == f"{SITE.url}article/{FULL.info_code}.html"
    assert card["og:image"] == "https://example.org/a.jpg?x=1&y=2"
    assert "article:published_time" in card


@pytest.mark.parametrize(("tag", "direction"), [("ar", "rtl"), ("he-IL", "rtl"), ("az-Arab", "rtl"), ("zh-CN", None)])
def test_a_text_from_right_to_left_stands_so(tag: str, direction: str | None) -> None:
    found = tree(article_document(SITE, replace(FULL, language=tag)))
    assert found.xpath("//article")[0].get("dir") == direction


def test_the_page_of_sources_names_them_with_their_channels_and_no_address_that_is_fetched() -> None:
    found = tree(sources_document(SITE, SOURCES))
    assert found.xpath("//main//a/@href") == ["category/nanchangribao.html", "https://a.example.org/"]
    assert [" ".join(name.text_content().split()) for name in found.xpath("//main//h2")] == ["甲报", "secret"]


OPEN = Policies()


def found_hits(*hits: FoundEntry, policies: Policies = OPEN) -> html.HtmlElement:
    return tree_of_found(Facts('"<b>南昌', 2, True, 1200, False), *hits, policies=policies)


def tree_of_found(facts: Facts, *hits: FoundEntry, policies: Policies = OPEN, site: Site = SITE) -> html.HtmlElement:
    return html.document_fromstring(found_page(site, policies, hits, facts).decode())


def test_what_was_found_is_marked_and_the_query_is_only_text() -> None:
    found = found_hits(FoundEntry(FULL, "看 <i>南昌</i> 去", [(5, 7)]))
    assert found.xpath("//mark/text()") == ["南昌"]
    assert "看 <i>南昌</i> 去" in found.text_content()
    assert found.xpath("//input[@name='q']/@value") == ['"<b>南昌']
    assert found.xpath("//nav/a/@href") == [f"search?q=%22%3Cb%3E%E5%8D%97%E6%98%8C&page={number}" for number in (1, 3)]
    assert not found.xpath("//script | //main//b")


def test_a_search_says_how_many_there_are_and_what_helps_where_there_are_none() -> None:
    hit, english = FoundEntry(FULL, "南昌", [(0, 2)]), replace(SITE, language="en")
    told = [
        ("约 1,200 篇", SITE, Facts("南昌", 1, True, 1200, False), [hit]),
        ("共 1 篇", SITE, Facts("南昌", 1, False, 1), [hit]),
        ("About 1,200 articles", english, Facts("南昌", 1, True, 1200, False), [hit]),
        ("没有找到相关文章。", SITE, Facts("南昌"), []),
        ("换一个更常见的说法", SITE, Facts("南昌"), []),
        ("标题:词语", SITE, Facts(), []),
        ("a phrase", english, Facts(), []),
        ("最近的约 30,000 篇", SITE, Facts("南昌", remarks=(Remark(SearchNote.LATE, 30_000),)), []),
        ("no more than 1,000", english, Facts("南昌", 50, False, 1200, False, (Remark(SearchNote.DEEP, 1000),)), [hit]),
    ]
    for words, site, facts, hits in told:
        assert words in tree_of_found(facts, *hits, site=site).text_content()
    assert all(words_in(tag).remark(Remark(note, 7)) for tag in ("zh", "en") for note in SearchNote)


def test_a_search_shows_no_more_than_the_channels_do() -> None:
    closed = Policies(by_slug={channel.slug: Policy(protected=True) for channel in FULL.channels})
    assert not found_hits(FoundEntry(FULL, "机密", []), policies=closed).xpath("//article")
    short = Policies(by_slug={channel.slug: Policy(text="title") for channel in FULL.channels})
    shown = found_hits(FoundEntry(FULL, "机密", []), policies=short)
    assert shown.xpath("//article")
    assert "机密" not in shown.text_content()


def test_a_theme_stands_before_what_comes_along(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "static").mkdir()
    (tmp_path / "templates" / "article.html").write_text("mine: {{ item.title }}\n", encoding="utf-8")
    (tmp_path / "static" / "style.css").write_text("mine", encoding="utf-8")
    site = replace(SITE, theme=str(tmp_path))
    assert article_document(site, FULL).body.decode().startswith("mine: ")
    files = {document.path: document.body for document in static_documents(site)}
    assert files["static/style.css"] == b"mine"
    assert "static/feed.css" in files
    assert b"<!doctype html>" in index_document(site, CHANNELS).body

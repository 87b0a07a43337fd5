"""JSON lists of the shapes that newsrooms send, read by a source's rules."""

from dataclasses import replace
from pathlib import Path

import pytest

from aggregator import parse
from aggregator.records import ArticleRule, Enclosure, ListRules, ParsedFeed, RawEntry, Unreadable

DOCUMENTS = Path(__file__).resolve().parents[1] / "data" / "parse"
URL = "https://api.example.org/list"
ARTICLE = ArticleRule(
    url="https://example.org/NewsData/GetNewsText.do?id={info_code}",
    content="$.Data.text",
    outlet="$.Data.source",
    published="$.Data.showtime",
)
RULES = ListRules(
    items="$.records[*]",
    info_code="$.infoCode",
    title="$.title",
    published="$.datetime",
    outlet="$.medianame",
    tags="$.tags",
    link="https://example.org/html_News/NewsShare.html?infoCode={info_code}",
    article=ARTICLE,
)


def read(name: str, rules: ListRules) -> ParsedFeed:
    result = parse.read((DOCUMENTS / name).read_bytes(), url=URL, rules=rules)
    assert isinstance(result, ParsedFeed)
    return result


def test_a_list_of_records_becomes_entries_field_by_field() -> None:
    feed = read("list-records.json", RULES)
    assert feed.format == "list"
    assert feed.entries[0] == RawEntry(
        link="https://example.org/html_News/NewsShare.html?infoCode=NW202112282227696240",
        title="央行开展2000亿元逆回购操作",
        title_type="text",
        summary_type="text",
        content_type="text",
        outlet="南昌日报",
        published="2021-12-28 08:08:58",
        tags=("股市", "债市"),
        info_code="NW202112282227696240",
        article_url="https://example.org/NewsData/GetNewsText.do?id=NW202112282227696240",
    )


def test_numbers_become_text_entities_make_a_title_html_and_items_that_are_no_objects_a_warning() -> None:
    feed = read("list-records.json", RULES)
    assert len(feed.entries) == 2
    assert (feed.entries[1].published, feed.entries[1].tags) == ("1640650138", ("债市",))
    assert (feed.entries[1].title, feed.entries[1].title_type) == ("A &amp; B", "html")
    assert feed.warnings == ("item 3 is no object",)


def test_jsonp_with_a_byte_order_mark_is_unwrapped_and_text_keeps_its_paragraphs() -> None:
    rules = ListRules(items="$.result.nodeList[*]", info_code="$.infocode", summary="$.summary", image="$.img")
    (entry,) = read("list-nodelist.json", rules).entries
    assert (entry.summary, entry.summary_type) == ("第一段\n\n第二段 & 完", "text")
    assert entry.enclosures == (Enclosure("http://example.org/1.jpg", "image/jpeg"),)


def test_an_assignment_in_gbk_is_read_and_values_are_encoded_into_addresses() -> None:
    rules = replace(RULES, items="$.record[*]", content="$.text", guid="urn:news:{info_code}", outlet="东方财富")
    (entry,) = read("list-record.json", rules).entries
    assert entry.info_code == "甲 1/2?"
    assert entry.link.endswith("?infoCode=%E7%94%B2%201%2F2%3F")
    assert (entry.guid, entry.outlet) == ("urn:news:甲 1/2?", "东方财富")
    assert (entry.title, entry.title_type) == ("<b>粗</b>体", "html")
    assert (entry.content, entry.content_type) == ("一\n\n二", "text")


def test_a_template_of_an_empty_field_is_empty_and_one_that_begins_with_a_field_keeps_it_as_it_is() -> None:
    second = ArticleRule("http://example.org/{info_code}", "$")
    rules = ListRules(items="$[*]", guid="$.u", link="{guid}?from={title}", article=second)
    body = b'[{"u": "https://example.org/a?b=1"}]'
    result = parse.read(body, url=URL, rules=replace(rules, title="标题"))
    assert isinstance(result, ParsedFeed)
    assert result.entries[0].link == "https://example.org/a?b=1?from=%E6%A0%87%E9%A2%98"
    assert result.entries[0].article_url == ""
    untitled = parse.read(body, url=URL, rules=rules)
    assert isinstance(untitled, ParsedFeed)
    assert untitled.entries[0].link == ""


def test_a_path_that_matches_nothing_is_a_warning_that_names_what_is_there() -> None:
    feed = read("list-records.json", replace(RULES, items="$.record[*]"))
    assert feed.entries == ()
    assert feed.warnings == (
        "items: $.record[*] matches nothing; the document's keys are total, records; did you mean $.records[*]?",
    )


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"records": [}', "not JSON: Expecting value at line 1, column 14"),
        (b"<html></html>", "not JSON: Expecting value at line 1, column 1; an HTML page, not a feed"),
        (b'{"a":' * 100_000, "JSON that is nested too deeply"),
        (b"callback({}) and more", "not JSON: text after the value"),
    ],
)
def test_what_is_no_json_is_named_with_its_place(body: bytes, reason: str) -> None:
    result = parse.read(body, url=URL, rules=RULES)
    assert isinstance(result, Unreadable)
    assert result.detail.startswith(reason)


def test_a_rule_that_is_no_jsonpath_is_named() -> None:
    result = parse.read(b"{}", url=URL, rules=replace(RULES, items="$.records["))
    assert isinstance(result, Unreadable)
    assert result.detail.startswith("the source's rules cannot be used: ")


def test_an_article_gives_its_text_and_what_else_the_rule_names() -> None:
    body = (DOCUMENTS / "article.json").read_bytes()
    entry = parse.article(body, content_type="application/json", rule=ARTICLE)
    assert isinstance(entry, RawEntry)
    assert (entry.content, entry.content_type) == ("<p>　　正文第一段。</p>", "html")
    assert (entry.outlet, entry.published) == ("南昌日报", "2021-12-28 08:08:58")


def test_an_article_without_its_text_says_what_the_answer_holds_instead() -> None:
    result = parse.article(b'{"code": 404, "msg": ""}', content_type="", rule=ARTICLE)
    assert result == Unreadable("content: $.Data.text matches nothing; the document's keys are code, msg")

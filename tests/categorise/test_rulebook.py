"""What the operator's rules make of an article: which hold, in which order, and what they change."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.categorise import (
    Condition,
    Conditions,
    Replacement,
    Rulebook,
    Ruling,
    Said,
    edition,
    folded,
    names_of,
    pattern_fault,
    placing_digest,
    replacement_fault,
    reword,
)
from aggregator.categorise.patterns import replaced
from aggregator.records import Source, StoredEntry

NOW = datetime(2031, 5, 1, 8, tzinfo=UTC)
DAY = timedelta(days=1)
SOURCE = Source("a", "https://a.example.org/", title="南昌在线", categories=("要闻",), category_from="tags")
ENTRY = StoredEntry(
    seq=1, info_code="x", source="a", guid="g", link="https://a.example.org/ad/1", title="【广告】ＴＳＭＣ 涨停",
    summary="", content="<p>Buy <b>now</b>! <a href='https://a.example.org/app'>下载APP</a></p>", author="Bob",
    outlet="",
    language="zh", published=NOW - 3 * DAY, updated=NOW, first_seen=NOW, sort_date=NOW, revision=1, fingerprint="",
    tags=("股市",),
)  # fmt: skip
NOTHING = Conditions()


def when(field: str, **asked: str) -> Conditions:
    contains = (folded(asked["contains"]),) if "contains" in asked else ()
    matches = (asked["matches"],) if "matches" in asked else ()
    return Conditions((Condition(field, contains, matches),))  # type: ignore[arg-type]  # a field's name


def holds(conditions: Conditions, entry: StoredEntry = ENTRY, unless: Conditions = NOTHING) -> bool:
    rule = Ruling(1, when=conditions, unless=unless, drop=True)
    return Rulebook((rule,)).judge(Said(entry, SOURCE, NOW)).dropped_by is not None


@pytest.mark.parametrize(
    ("conditions", "answer"),
    [
        (when("title", contains="广告"), True),
        (when("title", contains="tsmc"), True),  # full-width, another case
        (when("title", matches="TSMC"), False),  # a pattern is taken at its word
        (when("title", matches="^【.+】"), True),
        (when("title", matches="涨$"), False),
        (when("content", contains="buy now"), True),
        (when("content", contains="<b>"), False),
        (when("author", matches="(?i)^bob$"), True),
        (when("link", contains="/ad/"), True),
        (when("category", contains="要闻"), True),
        (when("category", contains="股市"), True),
        (when("source", contains="南昌"), True),
        (when("source", matches="^a$"), True),
        (Conditions(older_than=2 * DAY), True),
        (Conditions(older_than=3 * DAY), False),
        (Conditions((Condition("title", ("no", "广告"), ()),)), True),  # one of the list
        (Conditions((Condition("title", ("广告",), ("^x",)),)), False),  # both kinds
        (Conditions((Condition("title", ("广告",)), Condition("author", ("alice",)))), False),  # all fields
    ],
)
def test_a_rule_holds_where_all_that_it_asks_is_met(conditions: Conditions, answer: bool) -> None:
    assert holds(conditions) is answer


def test_what_must_not_hold_is_asked_one_by_one() -> None:
    ad = when("title", contains="广告")
    assert not holds(ad, unless=when("author", contains="bob"))
    assert holds(ad, unless=when("author", contains="alice"))
    other = when("author", contains="alice"), when("link", contains="ad")
    assert not holds(ad, unless=Conditions((*other[0].fields, *other[1].fields)))
    assert not holds(ad, unless=Conditions(older_than=DAY))


def test_an_article_without_a_date_has_no_age() -> None:
    assert not holds(Conditions(older_than=DAY), replace(ENTRY, published=None))


def test_a_rule_asks_only_about_its_sources_and_a_list_stands_for_its_feeds() -> None:
    rule = Ruling(1, when=when("title", contains="广告"), sources=("b",), drop=True)
    assert Rulebook((rule,)).judge(Said(ENTRY, SOURCE, NOW)).dropped_by is None
    from_list = replace(SOURCE, parent="b")
    assert Rulebook((rule,)).judge(Said(ENTRY, from_list, NOW)).dropped_by == rule


DROP = Ruling(1, "ads", when=when("title", contains="广告"), drop=True)
KEEP = Ruling(2, when=when("author", contains="bob"), keep=True)
ADD = Ruling(3, when=when("author", contains="bob"), added=("体育", "要闻"))


def test_the_first_of_the_rules_that_drop_and_keep_wins() -> None:
    said = Said(ENTRY, SOURCE, NOW)
    assert Rulebook((DROP, KEEP)).judge(said).dropped_by == DROP
    kept = Rulebook((KEEP, DROP, ADD)).judge(said)
    assert (kept.dropped_by, kept.acting) == (None, (KEEP, ADD))


def test_categories_are_added_and_put_in_the_place_of_others_each_with_its_reason() -> None:
    judged = Rulebook((ADD,)).judge(Said(ENTRY, SOURCE, NOW))
    assert names_of(judged, ENTRY, SOURCE) == {"要闻": "category", "股市": "tags", "体育": "rule 3"}
    instead = Ruling(4, "mine", when=KEEP.when, categories=("其他",))
    judged = Rulebook((instead, ADD)).judge(Said(ENTRY, SOURCE, NOW))
    assert list(names_of(judged, ENTRY, SOURCE)) == ["其他", "体育", "要闻"]
    assert names_of(judged, ENTRY, SOURCE)["其他"] == "rule 4 (mine)"


def shown(*changes: Replacement, **settings: str) -> StoredEntry:
    rule = Ruling(1, when=KEEP.when, replacements=changes, **settings)  # type: ignore[arg-type]  # title and author
    return reword(Rulebook((rule,)).judge(Said(ENTRY, SOURCE, NOW)), ENTRY)


def test_words_are_set_and_replaced_and_the_stored_article_stays_as_it_is() -> None:
    found = shown(Replacement("title", "^【(.+?)】", r"\1: "), author="编辑部")
    assert (found.title, found.author, ENTRY.title) == ("广告: ＴＳＭＣ 涨停", "编辑部", "【广告】ＴＳＭＣ 涨停")
    assert shown(title="别的").title == "别的"


def test_a_title_is_not_taken_away_altogether() -> None:
    assert shown(Replacement("title", ".*", "")).title == ENTRY.title


def test_what_is_put_into_the_content_is_held_to_what_may_be_published() -> None:
    found = shown(Replacement("content", "<a [^>]*>[^<]*</a>", "<script>alert(1)</script><i>ok"))
    assert "APP" not in found.content
    assert "script" not in found.content
    assert "<i>ok</i>" in found.content


def test_an_edition_is_named_where_the_words_are_others_and_only_there() -> None:
    other = replace(ENTRY, title="x")
    assert edition(ENTRY, ENTRY) == ""
    assert edition(ENTRY, other) != edition(ENTRY, replace(ENTRY, title="y"))
    assert edition(ENTRY, replace(ENTRY, channels=(), guid="h")) == ""


def test_a_pattern_that_hangs_other_engines_is_searched_in_no_time() -> None:
    evil = when("title", matches="(a+)+$")
    begun = time.process_time()
    assert not holds(evil, replace(ENTRY, title="a" * 100_000 + "b"))
    assert shown(Replacement("content", "(x+x+)+y", "z")).content
    assert time.process_time() - begun < 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("(", "missing )"),
        ("(?=a)", "look-around is not known"),
        (r"(a)\1", "cannot refer back"),
        ("a" * 2000, "too long"),
        ("((a{100}){100}){100}", "repetition"),
    ],
)
def test_a_pattern_that_is_none_is_refused_with_what_would_be_right(text: str, said: str) -> None:
    assert said in (pattern_fault(text) or "")


def test_what_stands_for_a_match_may_name_groups_that_there_are() -> None:
    assert replacement_fault("(a)(b)", r"\2\1") is None
    assert "has no group" in (replacement_fault("a", r"\1") or "")
    assert "1 group," in (replacement_fault("(a)", r"\1\2") or "")


@pytest.mark.parametrize(
    ("text", "found"),
    [(r"应用\1", "应用广告x"), (r"\0!", "【广告】!x"), (r"a\\1", r"a\1x"), ("$1\\q\\", "$1\\q\\x"), ("", "x")],
)
def test_what_stands_for_a_match_is_taken_at_its_word_but_for_groups(text: str, found: str) -> None:
    assert replaced("【(.*?)】", text, "【广告】x") == found


@given(st.text(max_size=30), st.text(max_size=200))
def test_any_pattern_is_refused_or_searched(text: str, title: str) -> None:
    if text and pattern_fault(text) is None:
        holds(when("title", matches=text), replace(ENTRY, title=title))


def test_the_digest_of_a_source_changes_with_the_rules_for_it_and_its_settings() -> None:
    book = Rulebook((replace(DROP, sources=("b",)),))
    other = Source("b", "https://b.example.org/")
    assert placing_digest(SOURCE, book) == placing_digest(SOURCE, Rulebook())
    assert placing_digest(other, book) != placing_digest(other, Rulebook())
    assert placing_digest(replace(SOURCE, categories=("x",)), book) != placing_digest(SOURCE, book)
    assert placing_digest(replace(SOURCE, url="https://c.example.org/"), book) == placing_digest(SOURCE, book)

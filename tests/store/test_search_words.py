"""What a query asks for, and that nothing a person can type is an error."""

import sqlite3
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.records import Remark, SearchNote
from aggregator.store import shards
from aggregator.store.words import MOST_TERMS, MOST_TOKENS, article_form, folded, query

SHARD = 1

TEXTS = (
    "南昌日报：江西省南昌市举行新闻发布会，介绍2021年经济运行情况",
    "AB公司2021年报告显示 revenue grew 12.5% in Q3",
    "Müller visited ＧＩＴＨＵＢ headquarters；naïve café",
    "東京でカンファレンスが開催された。한국어 문장도 있다",
    "ประเทศไทยมีประชากร 70 ล้านคน; हिन्दी समाचार",
    "Ship it 🎉 now",
    "日报南昌",
)


@pytest.fixture(scope="module")
def table() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    shards.begin_anew(connection)
    for number, text in enumerate(TEXTS):
        put_in(connection, number, article_form("", [text]))
    yield connection
    connection.close()


def put_in(connection: sqlite3.Connection, number: int, form: str) -> None:
    shards.put_in(connection, SHARD, number, form)


def found(table: sqlite3.Connection, asked: str) -> list[int]:
    return sorted(matching(table, query(asked).expression))


def matching(table: sqlite3.Connection, expression: str) -> list[int]:
    return list(shards.matches(table, shards.newest_first(table)[0], expression))


@pytest.mark.parametrize(
    ("asked", "numbers"),
    [
        ("南昌", [0, 6]),
        ("南昌日报", [0]),
        ("日报 南昌", [0, 6]),
        ("昌市", [0]),
        ("报", [0, 1, 6]),
        ("况", [0]),
        ("公司2021", [1]),
        ("2021年", [0, 1]),
        ("AB公司", [1]),
        ("b公司", []),
        ("muller", [2]),
        ("MÜLLER", [2]),
        ("github", [2]),
        ("ｇｉｔｈｕｂ", [2]),
        ("git", []),
        ("grow", []),
        ('"revenue grew"', [1]),
        ('"grew revenue"', []),
        ("12.5%", [1]),
        ("カンファ", [3]),
        ("東京", [3]),
        ("한국", [3]),
        ("ประชากร", [4]),
        ("समाचार", [4]),
        ("🎉", [5]),
        ("南昌 -日报", []),
        ("南昌 -江西", [6]),
        ("江西 OR github", [0, 2]),
        ("南昌 江西 OR 日报 -公司", [0, 6]),
        ("“南昌日报”", [0]),
    ],
)
def test_words_of_every_script_are_found_whole_and_only_those(
    table: sqlite3.Connection, asked: str, numbers: list[int]
) -> None:
    assert found(table, asked) == numbers


@pytest.mark.parametrize(
    "odd", ['"', "*", "NEAR(", "AND", "OR", "-", "-南昌", "{", "title:", ":", "''", "，。", "\x00", "^"]
)
def test_what_asks_for_nothing_gets_a_kind_message(odd: str) -> None:
    asked = query(odd)
    assert bool(asked.expression) or asked.remark


def test_a_very_long_query_is_cut_and_says_so(table: sqlite3.Connection) -> None:
    asked = query("南昌 " * 5_000)
    assert len(asked.terms) == MOST_TERMS
    assert asked.remark == Remark(SearchNote.CUT, MOST_TERMS)
    assert found(table, "南昌 " * 5_000) == [0, 6]


@settings(max_examples=300)
@given(asked=st.text(max_size=40) | st.text('ab 南昌"-*()^:ORNEAR{}title', max_size=30))
def test_nothing_that_can_be_typed_is_a_syntax_error(table: sqlite3.Connection, asked: str) -> None:
    read = query(asked)
    if read.expression:
        matching(table, read.expression)
        matching(table, read.in_title)
        assert all(begin < end for begin, end in read.places()("南昌 ab 日报 OR title NEAR"))
    else:
        assert read.remark or not asked.strip()


@settings(max_examples=200)
@given(
    before=st.text("南昌日报经济ab 1。", max_size=12),
    word=st.text("南昌日报经济", min_size=2, max_size=5),
    after=st.text("南昌日报经济ab 1。", max_size=12),
)
def test_every_chinese_word_is_found_wherever_it_stands(before: str, word: str, after: str) -> None:
    connection = sqlite3.connect(":memory:")
    shards.begin_anew(connection)
    put_in(connection, 0, article_form("", [before + word + after]))
    assert found(connection, word) == [0]
    connection.close()


@given(st.text(max_size=60))
def test_folding_is_done_once(text: str) -> None:
    assert folded(folded(text)) == folded(text)


def test_a_phrase_of_very_many_characters_is_cut_and_still_found(table: sqlite3.Connection) -> None:
    asked = query("字" * 10_000)
    assert asked.remark == Remark(SearchNote.CUT, 1)
    assert len(asked.terms[0].tokens) == MOST_TOKENS
    assert found(table, "南昌日报江西省南昌市举行新闻发布会" * 600) == []


def test_no_phrase_reaches_from_the_title_into_the_text_or_from_part_to_part() -> None:
    form = article_form("南昌", ["日报 one", "two"])
    assert not query("南昌日报").asks_for(form)
    assert not query('"one two"').asks_for(form)
    assert query("南昌 日报 two").asks_for(form)


def test_words_that_are_asked_of_titles_stand_in_titles() -> None:
    form = article_form("南昌 Daily", ["九江 weekly 报"])
    for asked, is_found in (
        ("title:南昌", True),
        ("标题:昌", True),
        ("title:daily", True),
        ("title:九江", False),
        ("title:weekly", False),
        ("title:报", False),
        ("-title:九江 九江", True),
        ("-title:南昌 九江", False),
    ):
        assert query(asked).asks_for(form) is is_found, asked


LETTERS = "南昌日报ab1"
CLAUSES = st.builds("".join, st.tuples(st.sampled_from(("", "-", "title:", "-title:")), st.text(LETTERS, max_size=4)))
QUERIES = st.lists(CLAUSES | st.sampled_from(("OR", '"南昌 ab"', "“昌 日”")), max_size=5).map(" ".join)
WRITTEN = st.text(LETTERS + " ，", max_size=12)


@settings(max_examples=100)
@given(asked=QUERIES, articles=st.lists(st.tuples(WRITTEN, st.lists(WRITTEN, max_size=3)), min_size=1, max_size=6))
def test_the_index_and_a_look_at_the_text_find_the_same(asked: str, articles: list[tuple[str, list[str]]]) -> None:
    read = query(asked)
    forms = [article_form(title, parts) for title, parts in articles]
    connection = sqlite3.connect(":memory:")
    shards.begin_anew(connection)
    for number, form in enumerate(forms):
        put_in(connection, number, form)
    told = [number for number, form in enumerate(forms) if read.expression and read.asks_for(form)]
    assert (found(connection, asked) if read.expression else []) == told
    connection.close()

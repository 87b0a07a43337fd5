"""What a query asks for, and that nothing a person can type is an error."""

import sqlite3
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.store.words import MOST_TERMS, folded, index_form, query

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
    connection.execute("CREATE VIRTUAL TABLE words USING fts5 (title, body, content = '', tokenize = 'ascii')")
    rows = [(number, "", index_form(text)) for number, text in enumerate(TEXTS)]
    connection.executemany("INSERT INTO words (rowid, title, body) VALUES (?, ?, ?)", rows)
    yield connection
    connection.close()


def found(table: sqlite3.Connection, asked: str) -> list[int]:
    expression = query(asked).expression
    return [
        row[0] for row in table.execute("SELECT rowid FROM words WHERE words MATCH ? ORDER BY rowid", (expression,))
    ]


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
    assert bool(asked.expression) or len(asked.problem) > 20


def test_a_very_long_query_is_cut_and_says_so(table: sqlite3.Connection) -> None:
    asked = query("南昌 " * 5_000)
    assert len(asked.terms) == MOST_TERMS
    assert "first 16 words" in asked.problem
    assert found(table, "南昌 " * 5_000) == [0, 6]


@settings(max_examples=300, deadline=None)
@given(asked=st.text(max_size=40) | st.text('ab 南昌"-*()^:ORNEAR{}title', max_size=30))
def test_nothing_that_can_be_typed_is_a_syntax_error(table: sqlite3.Connection, asked: str) -> None:
    read = query(asked)
    if read.expression:
        found(table, asked)
        found(table, read.in_title and asked)
        read.pattern.search("南昌 ab")
    else:
        assert read.problem or not asked.strip()


@settings(max_examples=200, deadline=None)
@given(
    before=st.text("南昌日报经济ab 1。", max_size=12),
    word=st.text("南昌日报经济", min_size=2, max_size=5),
    after=st.text("南昌日报经济ab 1。", max_size=12),
)
def test_every_chinese_word_is_found_wherever_it_stands(before: str, word: str, after: str) -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE words USING fts5 (title, body, content = '', tokenize = 'ascii')")
    connection.execute("INSERT INTO words (rowid, title, body) VALUES (0, '', ?)", (index_form(before + word + after),))
    assert found(connection, word) == [0]
    connection.close()


@given(st.text(max_size=60))
def test_folding_is_done_once(text: str) -> None:
    assert folded(folded(text)) == folded(text)

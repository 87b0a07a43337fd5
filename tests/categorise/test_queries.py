"""Saved searches: what a line of words takes."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.categorise.query import FIELDS, answers, folded, query_fault, query_of


def takes(search: str, text: str = "", **fields: str) -> bool:
    said = {"": text} | dict.fromkeys(FIELDS, "") | fields
    return answers(query_of(search), lambda field: folded(said[field]))


@pytest.mark.parametrize(
    ("search", "text", "taken"),
    [
        ("rust", "Rust 2.0 is out", True),
        ("rust", "trust, rusty, frustrated", False),
        ("RUST python", "python and rust", True),
        ("rust python", "only rust", False),
        ("rust AND python", "only rust", False),
        ("rust -python", "rust and python", False),
        ("rust -python", "rust alone", True),
        ("-python", "rust", True),
        ("rust OR python", "python", True),
        ("rust OR go python", "go with python", True),
        ("rust OR go python", "rust", False),
        ("rust OR -python", "nothing of both", True),
        ('"rust compiler"', "The Rust\n compiler", True),
        ('"rust compiler"', "the compiler of rust", False),
        ('-"rust compiler"', "the rust compiler", False),
        ("c++", "C++23 and C", True),
        ("人工智能", "关于人工智能的思考", True),
        ("人工智能", "人工的智能", False),
        ("人工智能", "人工\u200b智能", True),
        ("人工 智能", "智能而非人工", True),
        ("“南昌 日报”", "南昌　日报", True),
        ("python", "使用Python开发", True),
        ("5G手机", "新款5G手机上市", True),
        ("5G手机", "新款15G手机上市", False),
        ("한국", "한국은행이", True),
        ("ＡＰＰＬＥ", "apple", True),
        ("apple", "ＡＰＰＬＥ", True),
        ("straße", "STRASSE", True),
        ("①", "第1条", True),
        ("①", "第10条", False),
        ("12:30", "at 12:30 sharp", True),
        ('"http://a.b"', "see http://a.b", True),
        ("or", "this or that", True),
    ],
)
def test_a_search_takes_what_people_mean_by_it(search: str, text: str, taken: bool) -> None:
    assert takes(search, text) is taken


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_says_where_to_look(field: str) -> None:
    assert takes(f"{field}:日报", **{field: "南昌日报"})
    assert takes(f"{field.upper()}：日报", **{field: "南昌日报"})
    assert takes(f'{field}:"a b"', **{field: "x a b y"})
    assert not takes(f"-{field}:日报", **{field: "南昌日报"})
    assert not takes(f"{field}:日报", "日报")


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ("", "nothing to look for"),
        ("  AND ", "nothing to look for"),
        ('a "b', "not closed"),
        ("“a", "not closed"),
        ("a OR", "between two words"),
        ("OR a", "between two words"),
        ("a OR OR b", "between two words"),
        ("NOT a", 'write "-"'),
        ("titel:a", "did you mean title:"),
        ("xyz:a", "there are title:, author:, source:, category:"),
        ("http://a", "stands in quotes"),
        ("!!! ?", "no letter"),
        ('a ""', "no letter"),
    ],
)
def test_a_search_that_cannot_be_read_says_what_would_be_right(search: str, said: str) -> None:
    assert said in (query_fault(search) or "")


@given(st.lists(st.text(string.ascii_letters + "南昌日报人工智能", min_size=1, max_size=5), min_size=1, max_size=5))
def test_a_text_is_taken_by_the_search_for_all_of_its_words_and_by_none_that_excludes_one(words: list[str]) -> None:
    quoted = [f'"{word}"' for word in words]
    assert takes(" ".join(quoted), " ".join(words))
    assert takes(" OR ".join(quoted), words[0])
    assert not takes(" ".join([*quoted[1:], f"-{quoted[0]}"]), " ".join(words))


@given(st.text(max_size=40))
def test_whatever_is_typed_is_a_search_or_a_fault_in_words(typed: str) -> None:
    fault = query_fault(typed)
    assert fault if fault is not None else query_of(typed)

"""What search finds, beside a plain look through every article: the same, whatever is asked."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise, zip_longest
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_examples import NOW, arrival, configure

from aggregator.store import SearchIndex, Store

HAN, LATIN = "南昌日报江西经济新闻中国", ("gdp", "ab", "b", "2021", "report")
ARTICLES = 300


@dataclass(frozen=True)
class Asked:
    """A word or phrase, written as in a query."""

    words: str
    sign: str = ""
    in_title: bool = False

    def __str__(self) -> str:
        written = f'"{self.words}"' if " " in self.words else self.words
        return f"{self.sign}{'title:' if self.in_title else ''}{written}"

    def stands_in(self, title: str, text: str) -> bool:
        texts = (title,) if self.in_title else (title, text)
        return any(re.search(self._pattern(), each, re.IGNORECASE) for each in texts)

    def _pattern(self) -> str:
        """Parts may touch where one of them is Latin; two of Han that stand apart in the phrase do so in the text."""
        words = re.findall("[a-z0-9]+|[^a-z0-9 ]+", self.words)
        gaps = [r"[\W_]*" if left.isascii() or right.isascii() else r"[\W_]+" for left, right in pairwise(words)]
        return "".join(map("".join, zip_longest(map(_alone, words), gaps, fillvalue="")))


def _alone(word: str) -> str:
    return rf"(?<![a-z0-9]){word}(?![a-z0-9])" if word.isascii() else word


def written(random: Random, count: int) -> str:
    words = [*HAN * 4, *(f" {word} " for word in LATIN), *map(str.upper, LATIN), *["，"] * 8]
    return "".join(random.choices(words, k=count))


@pytest.fixture(scope="module")
def told() -> list[tuple[str, str]]:
    random = Random(5)
    return [(written(random, 4) or "中", written(random, random.randint(1, 40))) for _ in range(ARTICLES)]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, told: list[tuple[str, str]]) -> Iterator[SearchIndex]:
    """Articles of three years, in as many tables as that makes."""
    with Store(tmp_path_factory.mktemp("scan") / "a.db") as store, SearchIndex(store) as index:
        configure(store, "a")
        some = [
            arrival(n, title=title, content=f"<p>{text}</p>", outlet="", author="", tags=())
            for n, (title, text) in enumerate(told)
        ]
        dates = [NOW - timedelta(days=3 * (n * 7 % 365)) for n in range(ARTICLES)]
        store.add([replace(each, sort_date=date) for each, date in zip(some, dates, strict=True)], NOW)
        while index.catch_up():
            pass
        yield index


han = st.text(HAN, min_size=1, max_size=4)
phrases = st.lists(st.one_of(han, st.sampled_from(LATIN)), min_size=1, max_size=3).map(" ".join)
clauses = st.builds(Asked, st.one_of(han, han, phrases), st.sampled_from(("", "", "-")), st.booleans())


@settings(max_examples=150)
@given(first=st.builds(Asked, st.one_of(han, phrases)), others=st.lists(clauses, max_size=2))
def test_it_finds_the_articles_that_hold_the_words_and_no_other(
    index: SearchIndex, told: list[tuple[str, str]], first: Asked, others: list[Asked]
) -> None:
    asked = [first, *others]
    held = {
        f"code-{number}"
        for number, (title, text) in enumerate(told)
        if all(one.stands_in(title, text) is (one.sign == "") for one in asked)
    }
    found = index.find(" ".join(map(str, asked)), now=NOW, limit=ARTICLES)
    assert {hit.entry.info_code for hit in found.hits} == held
    assert (found.count, found.exact) == (len(held), True)


def test_the_look_through_articles_tells_words_from_parts_of_words(told: list[tuple[str, str]]) -> None:
    assert Asked("b").stands_in("", "南昌 b。")
    assert not Asked("b").stands_in("", "ab")
    counts = [sum(Asked(word).stands_in(*each) for each in told) for word in ("南昌", "gdp", "中", "南 昌")]
    assert all(0 < count < ARTICLES for count in counts[:2]), counts

"""How fast search answers over very many Chinese articles, and what bringing its index up costs.

The articles are made of 40,000 words of one to four characters drawn by Zipf's law, so that some words stand in nearly
every article and most in few, as in prose; the queries are drawn from all of them, singly and together.
"""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path

from aggregator.records import Alias, Arrival, Entry, SearchNote, Source
from aggregator.store import SearchIndex, Store

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AIM_MS = 100.0  # at the 95th percentile
_AT_ONCE = 2_000
_TITLE, _TEXT = 6, 110  # words


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds of many queries."""

    median: float
    p95: float


@dataclass(frozen=True, slots=True)
class Answered:
    """Queries of one kind: how many articles each showed, how many were given up before their end, and what they took
    by the clock and of this process's CPU time."""

    kind: str
    queries: int
    found: float
    late: int
    clock: Times
    cpu: Times


@dataclass(frozen=True, slots=True)
class Measured:
    """What it came to. `bytes_an_article` is the size of the index; both costs are None where it was there already."""

    articles: int
    index_ms_an_article: float | None
    bytes_an_article: float
    answers: tuple[Answered, ...]


class Prose:
    """Chinese-looking words, common and rare, always the same ones for one seed."""

    def __init__(self, seed: int = 7) -> None:
        self.random = random.Random(seed)
        letters = [chr(0x4E00 + number) for number in range(3_000)]
        sizes = self.random.choices((1, 2, 3, 4), (3, 70, 15, 12), k=40_000)
        self.words = list(dict.fromkeys("".join(self.random.choices(letters, k=size)) for size in sizes))
        self._weights = list(accumulate(1 / (rank + 8) for rank in range(len(self.words))))

    def some(self, count: int) -> list[str]:
        """Draw words as prose holds them."""
        return self.random.choices(self.words, cum_weights=self._weights, k=count)

    def sentence(self, count: int) -> str:
        """Draw a text of so many words."""
        words = self.some(count)
        return "，".join("".join(words[at : at + 7]) for at in range(0, count, 7)) + "。"


def measure(articles: int, folder: Path, tell: Callable[[str], None] = lambda _: None) -> Measured:
    """Ask a store of so many articles, and its index: those of the folder, or else made there."""
    prose = Prose()
    with Store(folder / "search.db") as store:
        _fill(store, prose, articles)
        tell(f"{articles:,} articles stored")
        with SearchIndex(store) as index:
            cost = _indexed(index)
            tell(f"{articles:,} articles indexed")
            size = sum(path.stat().st_size for path in folder.glob("search.search.db*"))
            told = [_phrase(prose, store, articles) for _ in range(60)]
            answers = tuple(_ask(index, kind, queries) for kind, queries in _queries(prose, told))
    return Measured(articles, cost, size / articles, answers)


def _fill(store: Store, prose: Prose, articles: int) -> None:
    store.sync_sources([(Source("a", "https://example.org/"), "1")], NOW)
    for start in range(store.counts()["entries"], articles, _AT_ONCE):
        store.add(_articles(prose, range(start, min(start + _AT_ONCE, articles)), articles), NOW)


def _indexed(index: SearchIndex) -> float | None:
    begun, taken = time.process_time(), 0
    while some := index.catch_up(_AT_ONCE):
        taken += some
    while index.merge():
        pass
    return (time.process_time() - begun) * 1000 / taken if taken else None


def _articles(prose: Prose, numbers: range, of: int) -> Iterator[Arrival]:
    for number in numbers:
        when = NOW - timedelta(minutes=of - number)
        text = f"<p>{prose.sentence(_TEXT)}</p><p>Report {number} of GDP {number % 97}</p>"
        entry = Entry("a", link=f"https://example.org/{number}", title=prose.sentence(_TITLE), content=text)
        yield Arrival(f"code-{number}", entry, (Alias("url", entry.link),), when, when)


def _phrase(prose: Prose, store: Store, articles: int) -> str:
    """Give some characters that stand in an article in this order."""
    entry = next(iter(store.by_seq([prose.random.randint(1, articles)])))
    return max(entry.content.removeprefix("<p>").split("，"), key=len)[2:9]


def _queries(prose: Prose, told: list[str]) -> Iterator[tuple[str, list[str]]]:
    long = [word for word in prose.words if len(word) > 2]
    common, pick = prose.words[:200], prose.random
    yield "a common word", pick.sample(common, 60)
    yield "any word of two characters", pick.sample([word for word in prose.words if len(word) == 2], 100)
    yield "a word of three or four", pick.sample(long, 100)
    yield "two words", [" ".join(prose.some(2)) for _ in range(100)]
    yield "three, one left out", ["{} {} -{}".format(*prose.some(3)) for _ in range(100)]
    yield "two common words as a phrase", ['"{} {}"'.format(*pick.sample(common, 2)) for _ in range(100)]
    yield "this or that", [" OR ".join(prose.some(3)) for _ in range(60)]
    yield "seven characters of a text", told
    yield "one character", [word[0] for word in pick.sample(prose.words, 40)]
    yield "one character of a common word", [word[0] for word in common[:60]]
    yield "Latin and Chinese", [f"gdp {word}" for word in prose.some(60)]
    yield "a word of every article", ["gdp", "report", "GDP report", "report -经济"] * 10
    yield "the same, another left out", ["gdp -report", "report -gdp"] * 10
    yield "a number", [str(pick.randrange(1_000_000)) for _ in range(60)]
    yield "in titles", [f"title:{word}" for word in prose.some(60)]
    yield "nothing", [f"{word}龘" for word in prose.some(60)]


def _ask(index: SearchIndex, kind: str, queries: list[str]) -> Answered:
    clock, cpu, found, late = [], [], 0, 0
    for asked in queries:
        begun, worked = time.perf_counter(), time.thread_time()
        answer = index.find(asked, now=NOW)
        cpu.append((time.thread_time() - worked) * 1000)
        clock.append((time.perf_counter() - begun) * 1000)
        found += len(answer.hits)
        late += any(remark.note is SearchNote.LATE for remark in answer.remarks)
    return Answered(kind, len(queries), found / len(queries), late, _times(clock), _times(cpu))


def _times(times: list[float]) -> Times:
    times = sorted(times)
    return Times(times[len(times) // 2], times[max(int(len(times) * 0.95) - 1, 0)])

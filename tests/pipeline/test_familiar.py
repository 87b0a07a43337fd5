"""Entries that need no second look: whatever happens to them or beside them, all is as if each were looked at."""

import asyncio
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from test_pipeline import HOUR, Newsroom, item, rss
from two_newsrooms import assert_alike, two_below

from aggregator.config import Settings
from aggregator.config.settings import DebugSettings
from aggregator.records import Outcome
from aggregator.wiring import App, assembled

LONG = f"<![CDATA[<p>{'这是一篇很长的正文。' * 60}</p>]]>"
SHORT = "很短"

Deed = Callable[[App], object]
Step = dict[str, str] | Deed


@dataclass
class Pair:
    """A newsroom that passes familiar entries over and one that looks at each, through the same history."""

    quick: Newsroom
    thorough: Newsroom
    passed_over: int = 0

    def live(self, history: Iterable[Step]) -> list[Outcome]:
        steps = list(history)
        outcomes = [asyncio.run(self._live(newsroom, steps)) for newsroom in (self.quick, self.thorough)]
        assert outcomes[0] == outcomes[1]
        return outcomes[0]

    async def _live(self, newsroom: Newsroom, history: Sequence[Step]) -> list[Outcome]:
        outcomes = []
        for name in ("b", "a", "c"):
            newsroom.write(name, rss())
        async with assembled(self._settings(newsroom), lambda: newsroom.now) as app:
            for step in history:
                if callable(step):
                    step(app)
                else:
                    outcomes += [await self._polled(newsroom, app, *each) for each in step.items()]
                newsroom.now += HOUR
                app.pipeline.publish()
        return outcomes

    async def _polled(self, newsroom: Newsroom, app: App, name: str, document: str) -> Outcome:
        newsroom.write(name, document)
        if newsroom is self.quick:
            self.passed_over += len(app.store.familiar(name))
        return await app.pipeline.refresh_safely(name)

    def _settings(self, newsroom: Newsroom) -> Settings:
        debug = DebugSettings(familiar=newsroom is self.quick)
        whole = newsroom.settings()
        return whole.model_copy(update={"debug": debug, "store": whole.store.model_copy(update={"keep_entries": 9})})

    def assert_equal(self) -> None:
        assert_alike(self.quick, self.thorough)


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(*two_below(tmp_path))


def again(document: str, number: int) -> str:
    """The same entries in a document that is not the same."""
    return document.replace("<description>d<", f"<description>{number}<")


def retract(number: int) -> Deed:
    def deed(app: App) -> None:
        entry = next(each for each in app.store.newest(99) if each.title.startswith(f"标题{number}"))
        app.store.retract(entry.info_code, entry.first_seen)

    return deed


def tidy(app: App) -> None:
    app.pipeline.tidy()


def lose_the_names(app: App) -> None:
    """What a person may do with sqlite3."""
    app.store._write("DELETE FROM aliases WHERE kind <> 'code'")


BASE = [item(number, text=LONG) for number in range(1, 5)]
MOVED = [each.replace("example.org", "other.example") for each in BASE]
NEWS = item(5)
MANY = [item(number).replace(f"/{number}<", f"/x{number}<") for number in range(10, 24)]
SAME_LINK = item(6, title="别的").replace("https://example.org/6", "https://example.org/2")
SAME_GUID = item(6, title="别的").replace("2031:6", "2031:2")
HERE = "<link>https://example.org/</link>"

HISTORIES: dict[str, list[Step]] = {
    "nothing": [],
    "another entry under a known link": [{"a": rss(SAME_LINK, *BASE)}, {"a": rss(*BASE)}],
    "another entry under a known guid": [{"a": rss(SAME_GUID, *BASE)}, {"a": rss(*BASE, item(7))}],
    "an edit, taken back": [{"a": rss(item(2, title="更正"), *BASE[:1], *BASE[2:])}, {"a": rss(*BASE)}],
    "a retraction": [retract(2), {"a": rss(NEWS, *BASE)}],
    "names lost": [lose_the_names, {"a": rss(NEWS, *BASE)}],
    "a takeover by an earlier source, which cuts its text": [
        {"b": rss(*(item(n, text=f"{LONG}乙") for n in range(1, 5)))},
        {"a": rss(NEWS, *BASE)},
        {"b": rss(*(item(n, text=SHORT) for n in range(1, 5)))},
        {"a": rss(NEWS, *BASE, item(7))},
    ],
    "the same articles at a later source": [{"c": rss(*BASE)}, {"c": rss(*BASE, NEWS)}, {"a": rss(*BASE, item(7))}],
    "a flood": [{"a": rss(*MANY, *BASE)}, {"a": rss(NEWS, *MANY, *BASE)}, {"a": rss(*BASE)}],
    "articles that are not kept for ever": [{"a": rss(*MANY, *BASE)}, tidy, {"a": rss(NEWS, *BASE)}],
    "a move to another host": [{"a": rss(*MOVED)}, {"a": rss(NEWS, *MOVED)}],
    "an entry that half moved": [{"a": rss(MOVED[0], *BASE[1:])}, {"a": rss(*MOVED[:2], *BASE[2:], NEWS)}],
    "an entry on the feed's own page": [{"a": rss(*BASE[1:]).replace(HERE, "<link>https://example.org/3</link>")}],
    "entries that go and come back": [{"a": rss(NEWS)}, {"a": rss(NEWS, *BASE)}, {"a": rss(*BASE, item(7))}],
}


@pytest.mark.parametrize("history", HISTORIES.values(), ids=HISTORIES)
def test_what_becomes_of_a_known_entry_is_seen_without_a_second_look(pair: Pair, history: list[Step]) -> None:
    begun = [{"a": again(rss(*BASE), number)} for number in range(3)]
    after = [{"a": again(rss(*BASE, item(8)), number)} for number in range(3)]
    pair.live([*begun, *history, *after])
    assert pair.passed_over >= len(BASE)
    pair.assert_equal()


@st.composite
def histories(draw: st.DrawFn) -> list[Step]:
    """Polls of three sources with some articles in common, which mostly repeat what they had."""
    chance = random.Random(draw(st.integers(0, 2**32)))
    held: dict[str, list[str]] = {name: list(BASE) for name in "abc"}
    return [{name: again(rss(*_next(chance, held[name])), at)} for at in range(12) for name in chance.choices("abc")]


def _next(chance: random.Random, entries: list[str]) -> list[str]:
    if chance.random() < 0.5:
        number = chance.randint(1, 9)
        made = item(number, chance.choice(("", "", "同题")), chance.choice((LONG, SHORT, f"{LONG}改")))
        made = made.replace(f"2031:{number}", f"2031:{chance.choice((number, number, number % 4))}")
        entries.insert(chance.randint(0, len(entries)), made)
    if chance.random() < 0.3:
        entries.pop(chance.randrange(len(entries)))
    return list(dict.fromkeys(entries))


@examples(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories())
def test_any_history_comes_to_the_same(tmp_path_factory: pytest.TempPathFactory, history: list[Step]) -> None:
    newsrooms = [Newsroom(tmp_path_factory.mktemp("room")) for _ in range(2)]
    pair = Pair(*newsrooms)
    pair.live(history)
    pair.assert_equal()


def blind(app: App) -> None:
    """Let the store take no notice of what changes."""
    for (name,) in app.store._connection.execute("SELECT name FROM sqlite_master WHERE name GLOB 'familiar_*'"):
        app.store._write(f"DROP TRIGGER {name}")


def damaged() -> Iterator[Step]:
    yield from ({"a": again(rss(*BASE), number)} for number in range(3))
    yield blind
    yield lose_the_names
    yield {"a": rss(NEWS, *BASE)}


def test_a_change_that_nobody_noticed_would_be_seen_here(pair: Pair) -> None:
    def compare() -> None:
        pair.live(damaged())
        pair.assert_equal()

    with pytest.raises(AssertionError):
        compare()

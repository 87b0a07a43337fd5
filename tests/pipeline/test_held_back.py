"""The flood guard over a real store, in simulated time: who is held, who never is, and what a beginning may bring."""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from aggregator import config
from aggregator.records import Outcome
from aggregator.wiring import App, assembled

NOW = datetime(2031, 5, 1, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
Dates = Callable[[int], datetime] | None
JSON = """kind = "json"
items = "$[*]"
guid = "$.guid"
title = "$.title"
link = "$.link"
published = "$.published"
"""
HTML = """kind = "html"
items = "article"
title = "h3 a"
"""


def item(number: int, dates: Dates = None, name: str = "a") -> dict[str, str]:
    said = {"published": format_datetime(dates(number))} if dates else {}
    link = f"https://{name}.example.org/{number}"
    return {"guid": f"{name}-{number}", "title": f"{name} 第{number}篇", "link": link, **said}


def rss(*items: dict[str, str], title: str = "来源") -> str:
    entries = "".join(
        f"<item><guid isPermaLink='false'>{item['guid']}</guid><link>{item['link']}</link>"
        f"<title>{item['title']}</title>"
        + (f"<pubDate>{item['published']}</pubDate>" if "published" in item else "")
        + "<description>正文</description></item>"
        for item in items
    )
    return f'<rss version="2.0"><channel><title>{title}</title><link>https://a.example.org/</link>{entries}</channel></rss>'


def page(*items: dict[str, str]) -> str:
    found = "".join(f"<article><h3><a href='{item['link']}'>{item['title']}</a></h3></article>" for item in items)
    return f"<html><body>{found}</body></html>"


@dataclass
class Desk:
    """One source in a file, refreshed by one process whose clock only we move."""

    folder: Path
    now: datetime = NOW
    told: list[Outcome] = field(default_factory=list)
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def polls(self, *documents: str, keys: str = "", every: timedelta = HOUR) -> list[Outcome]:
        """Let the source give one document after another."""
        return self.loop.run_until_complete(self._polls(documents, keys, every))

    async def _polls(self, documents: tuple[str, ...], keys: str, every: timedelta) -> list[Outcome]:
        async with assembled(self._settings(keys), lambda: self.now) as app:
            return [await self._poll(app, document, every) for document in documents]

    async def _poll(self, app: App, document: str, every: timedelta) -> Outcome:
        (self.folder / "a.xml").write_text(document, encoding="utf-8")
        outcome = await app.pipeline.refresh_safely("a")
        self.now += every
        return outcome

    def _settings(self, keys: str) -> config.Settings:
        return config.parse(
            f"""[site]
url = "https://finews.example.org/"
title = "金融消息"
[store]
path = "{self.folder}/a.db"
[publish]
directory = "{self.folder}/public"
[sources.a]
url = "file:{self.folder}/a.xml"
category = "小报"
{keys}""",
            "a.toml",
        )

    def count(self, state: str) -> int:
        with closing(sqlite3.connect(self.folder / "a.db")) as connection:
            return int(connection.execute("SELECT count(*) FROM entries WHERE state = ?", [state]).fetchone()[0])

    def placed(self) -> int:
        with closing(sqlite3.connect(self.folder / "a.db")) as connection:
            return int(connection.execute("SELECT count(*) FROM entry_channels").fetchone()[0])


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.loop.close()


def numbers(outcomes: list[Outcome]) -> list[tuple[int, int]]:
    return [(outcome.new, outcome.held) for outcome in outcomes]


# --- who is never held ---------------------------------------------------------------------------


def clock_at(gap: timedelta) -> Dates:
    return lambda number: NOW - HOUR + number * gap


@pytest.mark.parametrize("kind", ["seconds", "minutes"])
def test_a_busy_newsroom_is_never_held(desk: Desk, kind: str) -> None:
    """Of a list of a hundred, sixty are new every five minutes; the dates say seconds, or minutes only."""
    exact = clock_at(timedelta(seconds=5))
    assert exact is not None
    dates = exact if kind == "seconds" else lambda number: exact(number).replace(second=0)
    lists = [json.dumps([item(n, dates) for n in range(60 * poll, 60 * poll + 100)]) for poll in range(12)]
    outcomes = desk.polls(*lists, keys=JSON, every=timedelta(minutes=5))
    assert numbers(outcomes) == [(50, 0)] + [(60, 0)] * 11
    assert desk.count("held") == 0


def test_the_same_harness_sees_a_flood(desk: Desk) -> None:
    dates = clock_at(timedelta(seconds=5))
    lists = [json.dumps([item(n, dates) for n in range(60 * poll, 60 * poll + 100)]) for poll in range(3)]
    flood = json.dumps([item(n, dates, name="b") for n in range(200)])
    outcomes = desk.polls(*lists, flood, flood, keys=JSON, every=timedelta(minutes=5))
    assert numbers(outcomes) == [(50, 0), (60, 0), (60, 0), (0, 200), (200, 0)]


def test_a_list_without_dates_that_is_another_at_each_fetch_waits_once_and_loses_nothing(desk: Desk) -> None:
    lists = [rss(*(item(n) for n in range(40 * poll, 40 * poll + 40))) for poll in range(12)]
    outcomes = desk.polls(*lists)
    assert numbers(outcomes) == [(40, 0), (0, 40), (80, 0)] + [(40, 0)] * 9
    assert (desk.count("published"), desk.count("held"), desk.placed()) == (480, 0, 480)


def test_what_came_during_a_downtime_of_ours_is_no_flood(desk: Desk) -> None:
    dates = clock_at(HOUR)
    desk.polls(rss(*(item(n, dates) for n in range(-30, 1))))
    desk.now += 5 * DAY
    assert numbers(desk.polls(rss(*(item(n, dates) for n in range(60, 120))))) == [(60, 0)]


# --- who is held -----------------------------------------------------------------------------------


def test_a_flood_is_published_when_the_next_document_is_the_same(desk: Desk) -> None:
    before, after = (rss(*(item(n, name=name) for n in range(20))) for name in ("a", "b"))
    outcomes = desk.polls(before, after, after)
    assert numbers(outcomes) == [(20, 0), (0, 20), (20, 0)]
    assert [outcome.outcome for outcome in outcomes] == ["ok", "ok", "not-modified"]
    assert (desk.count("held"), desk.placed()) == (0, 40)


def test_what_was_shown_by_mistake_stays_held(desk: Desk) -> None:
    mine, other = [item(n) for n in range(20)], [item(n, name="b") for n in range(20)]
    outcomes = desk.polls(rss(*mine), rss(*other), rss(*mine), rss(*mine), rss(*mine, item(20)))
    assert numbers(outcomes) == [(20, 0), (0, 20), (0, 0), (0, 0), (1, 0)]
    assert (desk.count("held"), desk.placed()) == (20, 21)


def test_a_correction_before_the_second_sight_is_published_with_it(desk: Desk) -> None:
    corrected = [item(n, name="b") | {"title": f"更正 {n}"} for n in range(12)]
    documents = [[item(n) for n in range(12)], [item(n, name="b") for n in range(12)], corrected]
    assert numbers(desk.polls(*(rss(*items) for items in documents)))[1:] == [(0, 12), (12, 0)]
    assert desk.count("published") == 24


def test_a_source_that_is_itself_again_is_under_review_no_more(desk: Desk) -> None:
    mine = [item(n) for n in range(20)]
    spam = ({"guid": f"x{n}", "title": f"win {n}", "link": f"https://casino.test/{n}"} for n in range(5))
    stranger = rss(*spam, title="Casino")
    outcomes = desk.polls(rss(*mine), stranger, stranger, rss(*mine, item(20)), rss(*mine, item(20), item(21)))
    assert numbers(outcomes) == [(20, 0), (0, 5), (0, 0), (1, 0), (1, 0)]
    assert desk.count("held") == 5


def test_while_it_is_under_review_a_source_does_not_rename_what_it_brought_before(desk: Desk) -> None:
    stranger = [{"guid": f"x{n}", "title": f"win {n}", "link": f"https://casino.test/{n}"} for n in range(5)]
    desk.polls(rss(*(item(n) for n in range(20))), rss(*stranger[:3], title="Casino"), rss(*stranger, title="Casino"))
    assert desk.count("held") == 5
    with closing(sqlite3.connect(desk.folder / "a.db")) as connection:
        assert connection.execute("SELECT title FROM sources").fetchall() == [("来源",)]


# --- what a beginning may bring ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("write", "keys"),
    [(rss, ""), (lambda *items: json.dumps(items), JSON), (page, HTML)],
    ids=["feed", "json", "html"],
)
def test_a_new_source_of_any_kind_brings_its_backfill_and_no_more(
    desk: Desk, write: Callable[..., str], keys: str
) -> None:
    whole = [item(n) for n in range(30)]
    outcomes = desk.polls(write(*whole), write(*whole, item(30)), keys=keys + "backfill = 7")
    assert numbers(outcomes) == [(7, 0), (1, 0)]
    assert outcomes[0].skipped == 23


def test_a_source_whose_first_document_was_empty_begins_with_the_next(desk: Desk) -> None:
    outcomes = desk.polls(rss(), rss(*(item(n) for n in range(30))), keys="backfill = 7")
    assert numbers(outcomes) == [(0, 0), (7, 0)]


def test_a_source_that_got_another_address_begins_again(desk: Desk) -> None:
    desk.polls(rss(*(item(n) for n in range(10))), keys="backfill = 7")
    (desk.folder / "b").mkdir()
    other = Desk(desk.folder / "b", desk.now, loop=desk.loop)
    (desk.folder / "a.db").rename(other.folder / "a.db")
    outcomes = other.polls(rss(*(item(n, name="b") for n in range(30))), keys="backfill = 7")
    assert numbers(outcomes) == [(7, 0)]


def test_other_settings_of_a_known_source_make_it_no_new_one(desk: Desk) -> None:
    desk.polls(rss(*(item(n) for n in range(30))), keys="backfill = 7")
    outcomes = desk.polls(rss(*(item(n) for n in range(39))), keys='backfill = 7\nlanguage = "de"')
    assert numbers(outcomes) == [(9, 0)]

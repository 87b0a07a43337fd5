"""Plays the daemon over a script: asks the store what is due, refreshes it, and lets the time pass until the next."""

import asyncio
import contextlib
import itertools
import logging
import random
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from politeness_origin import Answer, Asked, Origin, Visit, listening
from politeness_script import HOUR, START, Feed

from aggregator import config
from aggregator.config import Settings
from aggregator.records import Outcome
from aggregator.wiring import App, assembled

AT_ONCE = 16
CONTACT = "https://example.org/about-this-fetcher"
ELSEWHERE = ("127.0.5.200", "127.0.6.200", "127.0.8.200")
_STEPS_AT_ONE_MOMENT = 50


@dataclass(frozen=True, slots=True)
class Life:
    """One process of the daemon: it runs until `ends`, then there is none for `pause`. `forced`: what a user refreshes
    by force at its end, due or not."""

    ends: datetime
    pause: timedelta = timedelta(0)
    forced: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """What the store holds of a feed in the end."""

    url: str
    used: str
    guids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Log:
    """What happened: each request and each outcome in its order, what was logged and published, what is stored.

    `starts` are the moments at which a process began; `forced` the refreshes that a user wanted, by time and feed.
    """

    requests: tuple[Asked, ...] = ()
    starts: tuple[datetime, ...] = ()
    forced: frozenset[tuple[datetime, str]] = frozenset()
    outcomes: tuple[tuple[datetime, Outcome], ...] = ()
    said: tuple[str, ...] = ()
    published: bytes = b""
    stored: Mapping[str, Kept] = field(default_factory=dict)
    ends: datetime = START


def lives(hours: int, restarts: int, forced: Sequence[str], seed: int = 7) -> list[Life]:
    """Give a run with so many restarts: most at odd moments, up to three with a downtime. The first of these begins
    before 08:00 on the second day and ends long after 09:00."""
    dice = random.Random(seed)
    planned = {23.5 * HOUR: 6 * HOUR, 40 * HOUR: HOUR / 3, 55 * HOUR: 2 * HOUR}
    downtimes = {moment: pause for moment, pause in planned.items() if moment + pause < hours * HOUR}
    free = [moment * HOUR / 60 for moment in range(60, hours * 60) if not _within(moment * HOUR / 60, downtimes)]
    moments = {moment: timedelta(0) for moment in dice.sample(free, restarts - len(downtimes))} | downtimes
    made = []
    for number, (moment, pause) in enumerate(sorted(moments.items())):
        chosen = tuple(dice.sample(list(forced), 3)) if forced and number % 5 == 2 else ()
        made.append(Life(START + moment, pause, chosen))
    return [*made, Life(START + hours * HOUR)]


def _within(moment: timedelta, downtimes: Mapping[timedelta, timedelta]) -> bool:
    return any(begin <= moment <= begin + pause for begin, pause in downtimes.items())


@dataclass
class Daemon:
    """The play. `now` is the only clock."""

    folder: Path
    script: Mapping[str, Feed]
    interval: str = "1h"
    now: datetime = START
    outcomes: list[tuple[datetime, Outcome]] = field(default_factory=list)
    starts: list[datetime] = field(default_factory=list)
    forced: set[tuple[datetime, str]] = field(default_factory=set)

    def play(self, whole: Sequence[Life]) -> Log:
        """Live all lives, one after the other, over one database file."""
        origin = Origin(lambda name, visit: self._answer(name, visit), lambda: self.now)
        with _listening_to_the_log() as said:
            asyncio.run(self._live_all(origin, whole))
        return Log(
            requests=tuple(origin.ledger),
            starts=tuple(self.starts),
            forced=frozenset(self.forced),
            outcomes=tuple(self.outcomes),
            said=tuple(said),
            published=b"".join(path.read_bytes() for path in (self.folder / "public").rglob("*") if path.is_file()),
            stored=self._stored(),
            ends=whole[-1].ends,
        )

    def _answer(self, name: str, visit: Visit) -> Answer:
        return self.script[name].behaviour(visit)

    async def _live_all(self, origin: Origin, whole: Sequence[Life]) -> None:
        hosts = [feed.host for feed in self.script.values()]
        async with listening(origin, [*hosts, *ELSEWHERE]):
            settings = self._settings(origin.port)
            for number, life in enumerate(whole):
                origin.process = number
                self.starts.append(self.now)
                async with assembled(settings, lambda: self.now) as app:
                    await asyncio.to_thread(app.pipeline.spread_overdue)
                    await self._live(app, life)
                    if life is whole[-1]:
                        app.pipeline.publish()
                self.now = life.ends + life.pause

    async def _live(self, app: App, life: Life) -> None:
        steps = itertools.count()
        while (at := app.store.next_due()) is not None and max(at, self.now) < life.ends:
            if at > self.now:
                self.now, steps = at, itertools.count()
            assert next(steps) < _STEPS_AT_ONE_MOMENT, f"something stays due: {app.store.due(self.now, 9)}"
            await self._refresh(app, app.store.due(self.now, len(app.sources)))
        self.now = life.ends
        if life.forced:
            self.forced |= {(self.now, name) for name in life.forced}
            await self._refresh(app, life.forced)

    async def _refresh(self, app: App, names: Sequence[str]) -> None:
        async for outcome in app.pipeline.refresh_all(names):
            self.outcomes.append((self.now, outcome))

    def _settings(self, port: int) -> Settings:
        sources = "\n".join(
            f'[sources.{name}]\nurl = "http://{feed.host}:{port}/{feed.name}"\ncategory = "c"\n{feed.settings}'
            for feed in self.script.values()
            for name in source_names(feed)
        )
        text = f"""
[store]
path = "{self.folder}/a.db"
[publish]
directory = "{self.folder}/public"
formats = ["atom"]
[fetch]
interval = "{self.interval}"
contact = "{CONTACT}"
concurrency = {AT_ONCE}
spacing = "0s"
timeout = "5s"
allow_networks = ["127.0.0.0/8"]
{sources}
"""
        return config.parse(text, "a.toml")

    def _stored(self) -> dict[str, Kept]:
        with contextlib.closing(sqlite3.connect(self.folder / "a.db")) as connection:
            rows = connection.execute("SELECT name, url, effective_url FROM sources ORDER BY name").fetchall()
            entries = connection.execute("SELECT guid FROM entries ORDER BY guid").fetchall()
        guids: dict[str, list[str]] = {}
        for (guid,) in entries:
            guids.setdefault(guid.removeprefix("tag:").partition(",")[0], []).append(guid)
        return {name: Kept(_bare(url), _bare(used), tuple(guids.get(name, ()))) for name, url, used in rows}


def source_names(feed: Feed) -> list[str]:
    """Give the names of the sources that have a feed's address; the first is the feed's own."""
    return [feed.name, *(f"{feed.name}-again{number}" for number in range(1, feed.sources))]


def _bare(url: str) -> str:
    host, slash, path = url.removeprefix("http://").partition("/")
    return host.partition(":")[0] + slash + path


@contextlib.contextmanager
def _listening_to_the_log() -> Iterator[list[str]]:
    said: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(repr({**vars(record), "message": record.getMessage()}))

    logger, listener = logging.getLogger("aggregator"), Listener()
    before = logger.level
    logger.addHandler(listener)
    logger.setLevel(logging.DEBUG)
    try:
        yield said
    finally:
        logger.setLevel(before)
        logger.removeHandler(listener)

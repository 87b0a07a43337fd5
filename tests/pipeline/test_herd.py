"""Twelve hours of downtime, and everything is overdue: no host is asked by two at once or faster than it should be, and
one host with very many sources delays only itself.

It is scaled to a fiftieth: a second of the simulated clock takes 20 ms, the spacing of a host is 20 ms instead of 1 s,
and its 2,000 sources are 400. The requests are real, and each host is an address of loopback of its own.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise
from pathlib import Path

import pytest

from aggregator import config
from aggregator.agenda import SPREAD_EACH
from aggregator.records import Outcome, PublishReport, ReadNote, Validators
from aggregator.schedule import Daemon, Pulse
from aggregator.wiring import App, assembled

pytestmark = pytest.mark.anyio

BEGIN = datetime(2031, 5, 1, 8, tzinfo=UTC)
DOWNTIME = timedelta(hours=12)
SPEED = 50
SPACING = 1 / SPEED  # seconds of the wall clock
BIG, OTHERS = 400, 299
BIG_HOST = "127.20.0.1"
ANSWERS_AFTER = 0.003
SLACK = 0.015  # what requests may come closer on the way from our start to the server's, if the loop is never late
TICK = 1.0  # the daemon's, on the wall clock


@dataclass
class Host:
    """The requests of one address: start and end of each, in seconds, and its path."""

    visits: list[tuple[float, float, str]] = field(default_factory=list)

    def faults(self, spacing: float, late: float) -> list[str]:
        """Say where two requests were under way at once, or where any number of them, one after the other, came sooner
        than their spacing lets them; the first of them may have been seen so many seconds late."""
        visits = sorted(self.visits)
        found = [f"{b[2]} overlaps {a[2]}" for a, b in pairwise(visits) if b[0] < a[1]]
        ahead = [began - place * spacing for place, (began, _, _) in enumerate(visits)]
        latest = accumulate(ahead, max)
        sooner = [(most - own, visit[2]) for most, own, visit in zip(latest, ahead, visits, strict=True)]
        return found + [f"{path} comes {by:.3f} s too soon" for by, path in sooner if by > SLACK + late]


class Crowd:
    """Any number of hosts, one server on all of 127.0.0.0/8: "not modified" to everything, a little later.

    It lives in the daemon's event loop, and knows how late that ever was: that much later it may have seen a request.
    """

    def __init__(self) -> None:
        self.hosts: dict[str, Host] = {}
        self.port = 0
        self.late = 0.0  # seconds

    async def watch_the_loop(self) -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.001)
            self.late = max(self.late, time.monotonic() - began)

    def faults(self, spacing: float) -> dict[str, list[str]]:
        by_host = {host: log.faults(spacing, 2 * self.late) for host, log in self.hosts.items()}
        return {host: faults for host, faults in by_host.items() if faults}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            began = time.monotonic()
            host = self.hosts.setdefault(writer.get_extra_info("sockname")[0], Host())
            await asyncio.sleep(ANSWERS_AFTER)
            host.visits.append((began, time.monotonic(), head.split(b" ")[1].decode()))
            writer.write(b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n")
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client has gone
        finally:
            writer.close()

    def first_starts(self) -> dict[str, float]:
        return {path: began for host in self.hosts.values() for began, _, path in reversed(host.visits)}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def crowd() -> AsyncIterator[Crowd]:
    crowd = Crowd()
    server = await asyncio.start_server(crowd.serve, "0.0.0.0", 0, backlog=500)
    crowd.port = server.sockets[0].getsockname()[1]
    watch = asyncio.create_task(crowd.watch_the_loop())
    yield crowd
    watch.cancel()
    server.close()
    await server.wait_closed()


class Clock:
    """Stands still until it is started; then it runs `SPEED` times as fast as the wall clock."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._started: float | None = None

    def __call__(self) -> datetime:
        run = 0.0 if self._started is None else time.monotonic() - self._started
        return self._now + timedelta(seconds=run * SPEED)

    def pass_by(self, time: timedelta) -> None:
        self._now += time

    def start(self) -> None:
        self._started = time.monotonic()

    def wall(self, moment: datetime) -> float:
        """When a moment comes, by `time.monotonic`; those before the start come with it."""
        assert self._started is not None
        return self._started + max(0.0, (moment - self._now).total_seconds()) / SPEED


def places(port: int, big: int, others: int) -> dict[str, str]:
    """The URL of each source, by name; those of the big host come first, and so they are the longest overdue."""
    urls = {f"big{n}": f"http://{BIG_HOST}:{port}/big{n}" for n in range(big)}
    return urls | {f"s{n}": f"http://127.21.{n // 250}.{1 + n % 250}:{port}/s{n}" for n in range(others)}


@asynccontextmanager
async def overdue(folder: Path, urls: dict[str, str], clock: Clock, **fetch: object) -> AsyncIterator[App]:
    """Everything was fetched within an hour, then nothing ran for twelve."""
    sources = "\n".join(f'[sources.{name}]\nurl = "{url}"\ninterval = "12h"' for name, url in urls.items())
    site = '[site]\nurl = "https://finews.example.org/"'
    store = f'[store]\npath = "{folder}/a.db"\n[publish]\ndirectory = "{folder}/public"'
    hosts = '[fetch]\ninterval = "5m"\nallow_networks = ["127.0.0.0/8"]'
    settings = config.parse(f"{site}\n{store}\n{hosts}\n{sources}", "a.toml")
    scaled = settings.fetch.model_copy(update={"spacing": timedelta(seconds=SPACING), **fetch})
    settings = settings.model_copy(update={"fetch": scaled})
    async with assembled(settings, clock) as app:
        with app.store.writing():
            for place, (name, url) in enumerate(urls.items()):
                due = clock() + timedelta(seconds=place)
                note = ReadNote(None, Validators(url, '"1"'), "", due, "", "ok")
                app.store.begin_fetch(name, started=clock(), not_before=due)
                app.store.note_read(name, note, clock())
        clock.pass_by(timedelta(hours=1) + DOWNTIME)
        yield app


async def run_daemon(app: App, clock: Callable[[], datetime], until: int) -> list[Outcome]:
    """Run the real daemon until it has told so many outcomes."""
    outcomes: list[Outcome] = []
    stop = asyncio.Event()

    def note(outcome: Outcome) -> None:
        outcomes.append(outcome)
        if len(outcomes) == until:
            stop.set()

    pulse = Pulse(
        due=lambda limit: app.store.due(clock(), limit),
        refresh=app.pipeline.refresh_safely,
        publish=PublishReport,
        index=lambda: 0,
        tidy=lambda: 0,
        on_outcome=note,
        on_published=lambda _: None,
        on_problem=lambda _: None,
        count=lambda: None,
    )
    async with asyncio.timeout(120):
        await Daemon(pulse).run(stop)
    return outcomes


def scheduled(app: App, names: Iterable[str]) -> dict[str, datetime]:
    reports = {report.name: report.next_fetch_at for report in app.store.source_reports(BEGIN)}
    return {name: at for name in names if (at := reports[name]) is not None}


async def test_after_a_downtime_no_host_is_pressed_and_a_big_host_delays_only_itself(
    tmp_path: Path, crowd: Crowd
) -> None:
    urls, clock = places(crowd.port, BIG, OTHERS), Clock(BEGIN)
    async with overdue(tmp_path, urls, clock) as app:
        app.pipeline.spread_overdue()
        planned = scheduled(app, urls)
        clock.start()
        outcomes = await run_daemon(app, clock, until=len(urls))
    assert {outcome.outcome for outcome in outcomes} == {"not-modified"}
    assert crowd.faults(SPACING) == {}

    starts = crowd.first_starts()
    late = {name: starts[f"/{name}"] - clock.wall(planned[name]) for name in urls}
    others = max(late[name] for name in urls if not name.startswith("big"))
    assert others < 5 * TICK + 10 * crowd.late
    assert max(late.values()) > others


async def test_hosts_are_done_long_before_one_with_very_many_sources(tmp_path: Path, crowd: Crowd) -> None:
    urls, clock = places(crowd.port, 120, OTHERS), Clock(BEGIN)
    async with overdue(tmp_path, urls, clock, concurrency=16, spacing=timedelta(seconds=0.05)) as app:
        order = [outcome.source async for outcome in app.pipeline.refresh_all(urls)]
    assert crowd.faults(0.05) == {}
    last_of_others = max(place for place, name in enumerate(order) if not name.startswith("big"))
    assert len(order) - last_of_others > len(urls) // 10


async def test_two_requests_at_once_would_have_been_seen(tmp_path: Path, crowd: Crowd) -> None:
    urls, clock = places(crowd.port, 40, 0), Clock(BEGIN)
    async with overdue(tmp_path, urls, clock, per_host=4, spacing=timedelta(0)) as app:
        assert len([outcome async for outcome in app.pipeline.refresh_all(urls)]) == 40
    found = crowd.hosts[BIG_HOST].faults(SPACING, 0.0)
    assert any("overlaps" in fault for fault in found)
    assert any("too soon" in fault for fault in found)


async def test_what_is_beyond_the_places_is_put_off_evenly_and_in_its_order(tmp_path: Path) -> None:
    urls, clock = places(1, 30, 70), Clock(BEGIN)
    async with overdue(tmp_path, urls, clock, concurrency=10) as app:
        app.pipeline.spread_overdue()
        now, planned = clock(), scheduled(app, urls)
        assert app.store.due(now, len(urls)) == list(urls)[:10]
        later = [planned[name] for name in list(urls)[10:]]
    assert later == sorted(later)
    gaps = {round((b - a).total_seconds()) for a, b in pairwise(later)}
    assert gaps <= {2, 3}
    assert later[-1] - now <= len(urls) * SPREAD_EACH + timedelta(seconds=1)

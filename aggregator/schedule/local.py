"""The daemon's jobs in one process: look for due sources, publish what changed. APScheduler keeps their rhythm.

A job per source does not scale and loses what it misses, so there are only these, and they coalesce; which source is
due is read from the store at each tick.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger

from aggregator.errors import AggregatorError
from aggregator.records import Outcome, PublishReport

log = logging.getLogger(__name__)

_TICK = timedelta(seconds=1)
_PUBLISH = timedelta(seconds=2)
_INDEX = timedelta(seconds=5)
_TIDY = timedelta(minutes=10)
_COUNT = timedelta(seconds=20)
_GRACE_SECONDS = 3.0
_PATIENCE_SECONDS = 30.0
_BREATH_SECONDS = 0.05
_STEPS_AT_A_BEAT = 100
_MOST_AT_A_TICK = 1000
_MOST_OF_A_LINE = 100  # tasks; more than a host, or the disk, is ever asked for at once


@dataclass(frozen=True, slots=True)
class Pulse:
    """What the daemon does at each beat, and whom it tells."""

    due: Callable[[int], list[str]]
    refresh: Callable[[str], Awaitable[Outcome]]
    publish: Callable[[], PublishReport]
    index: Callable[[], int]
    tidy: Callable[[], int]
    on_outcome: Callable[[Outcome], None]
    on_published: Callable[[PublishReport], None]
    on_problem: Callable[[str], None]
    count: Callable[[], None]
    line_of: Callable[[str], str] = lambda name: name  # sources of one line wait for each other: those of a host


class Daemon:
    """Refreshes and publishes until it is stopped.

    Whatever is due is taken up, however many wait already: how many are at work at once is for the refresh to say, and
    those that wait for a turn at their host must not keep the others from theirs. Of thousands of one host most wait as
    names, which cost no memory.
    """

    def __init__(self, pulse: Pulse) -> None:
        self._pulse = pulse
        self._running: dict[str, asyncio.Task[None]] = {}
        self._lines: dict[str, dict[str, None]] = {}  # the names that wait, in their order
        self._of_line: Counter[str] = Counter()  # how many are running
        self._beats: set[asyncio.Task[Any]] = set()  # the jobs under way
        self._publishing = asyncio.Lock()
        self._stopping = False
        self._said: dict[str, str] = {}
        self._problems: tuple[str, ...] = ()  # of the last publish: what stays the same is said once

    async def run(self, stop: asyncio.Event, pause: asyncio.Event | None = None) -> None:
        """Work until `stop` is set; then finish or give up what is under way within a few seconds, and publish it.

        When `pause` is set, nothing more is taken up, and what is under way is given longer, as nobody is in a hurry.
        """
        scheduler = AsyncIOScheduler(timezone=UTC)
        jobs = ((self._tick, _TICK), (self._publish, _PUBLISH), (self._index, _INDEX), (self._tidy, _TIDY))
        for job, every in (*((self._kept_up(job), every) for job, every in jobs), (self._kept_up(self._count), _COUNT)):
            trigger = IntervalTrigger(seconds=int(every.total_seconds()), timezone=UTC)
            scheduler.add_job(job, trigger, coalesce=True, max_instances=1, misfire_grace_time=None)
        await self._kept_up(self._tick)()
        scheduler.start()
        await _first_of(stop, pause or stop)
        self._stopping = True
        await self._end_in_peace(stop)
        await self._end_beats(scheduler)
        await self._finish()

    def _kept_up(self, job: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        """Give a job that a full disk or a locked store does not end: it is said once, and tried at each beat."""

        async def beat() -> None:
            task = asyncio.current_task()
            assert task is not None
            self._beats.add(task)
            try:
                await job()
            except (AggregatorError, OSError) as error:
                self._say(job.__name__, str(error))
            else:
                self._said.pop(job.__name__, None)
            finally:
                self._beats.discard(task)

        return beat

    async def _end_beats(self, scheduler: AsyncIOScheduler) -> None:
        """Shut the scheduler down when no job is under way: it would cancel one, whose thread would go on beside us."""
        scheduler.pause()
        while self._beats:
            await asyncio.wait(self._beats)
        scheduler.shutdown(wait=False)

    def _say(self, job: str, problem: str) -> None:
        if self._said.get(job) != problem:
            self._said[job] = problem
            log.error("work put off", extra={"job": job.strip("_"), "error": problem})
            self._pulse.on_problem(problem)

    async def _count(self) -> None:
        await asyncio.to_thread(self._pulse.count)

    async def _end_in_peace(self, stop: asyncio.Event) -> None:
        """Let what is under way end by itself, published meanwhile as ever, unless we are stopped."""
        patience = asyncio.get_running_loop().time() + _PATIENCE_SECONDS
        while self._running and not stop.is_set() and asyncio.get_running_loop().time() < patience:
            await asyncio.wait(self._running.values(), timeout=_BREATH_SECONDS)

    async def _tick(self) -> None:
        if self._stopping:
            return
        taken = len(self._running) + sum(map(len, self._lines.values()))
        names = await asyncio.to_thread(self._pulse.due, taken + _MOST_AT_A_TICK)
        for name in names:
            if name not in self._running:
                self._lines.setdefault(self._pulse.line_of(name), {}).setdefault(name)
        for line in list(self._lines):
            self._move_up(line)

    def _move_up(self, line: str) -> None:
        """Take up those at the head of a line, as long as not too many of it are taken up."""
        names = self._lines.get(line, {})
        while names and self._of_line[line] < _MOST_OF_A_LINE and not self._stopping:
            name = next(iter(names))
            del names[name]
            self._of_line[line] += 1
            self._running[name] = asyncio.create_task(self._refresh(name, line))
        if not names:
            self._lines.pop(line, None)

    async def _refresh(self, name: str, line: str) -> None:
        try:
            self._pulse.on_outcome(await self._pulse.refresh(name))
        finally:
            self._running.pop(name, None)
            self._of_line[line] -= 1
            if not self._of_line[line]:
                del self._of_line[line]
            self._move_up(line)

    async def _publish(self) -> None:
        async with self._publishing:
            report = await asyncio.to_thread(self._pulse.publish)
        if report.written or report.removed or report.replaced or report.problems != self._problems:
            self._pulse.on_published(report)
        self._problems = report.problems

    async def _tidy(self) -> None:
        await asyncio.to_thread(self._pulse.tidy)

    async def _index(self) -> None:
        """Take what came into the search index: in small steps, so that others get their turn between them."""
        for _ in range(_STEPS_AT_A_BEAT):
            taken = 0 if self._stopping else await asyncio.to_thread(self._pulse.index)
            if not taken:
                return
            await asyncio.sleep(_BREATH_SECONDS)

    async def _finish(self) -> None:
        """A fetch that does not end by itself is given up; its transaction is whole or was never begun."""
        tasks = list(self._running.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_GRACE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for job in (self._publish, self._count):
            await self._kept_up(job)()


async def _first_of(*events: asyncio.Event) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in events]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()

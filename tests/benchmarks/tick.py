"""One tick of the daemon over a large store beside the same over a small one: what grows with what is stored, shows.

A tick finds the sources that are due, refreshes them from the loopback origin, and publishes what came of it; in one
kind of tick all of them answer 304, in the other each has one new article. Both stores have as many channels.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from aggregator import wiring
from tests.benchmarks import bigstore
from tests.benchmarks.whole import cpu_seconds, origin, write_config

DUE = 200
CHANNELS = 100
STEPS = ("find what is due", "refresh", "publish")
KINDS = ("all answer 304", "one new entry each")
AIM = 2.0
_MOST = 1000  # that a tick takes up
Tell = Callable[[str, int, int], None]  # of which store, articles written, of all
Costs = dict[str, dict[str, list[float]]]  # milliseconds of each tick, by kind and step


@dataclass(frozen=True)
class Store:
    """How large a store is, and what its ticks cost in CPU and by the clock: medians, in milliseconds."""

    sources: int
    articles: int
    cpu: dict[str, dict[str, float]]
    clock: dict[str, dict[str, float]]


def measure(
    sizes: Sequence[tuple[int, int]], due: int = DUE, rounds: int = 3, tell: Tell | None = None
) -> list[Store]:
    """Measure ticks over stores of so many sources and articles, each generated in a folder of its own."""
    stores = []
    for sources, articles in sizes:
        with tempfile.TemporaryDirectory() as folder, origin() as url:
            config = prepared(Path(folder), url, sources, articles, due, tell)
            cpu, clock = json.loads(_in_child("measured", config, url, due, rounds))
            stores.append(Store(sources, articles, _medians(cpu), _medians(clock)))
    return stores


def _medians(found: Costs) -> dict[str, dict[str, float]]:
    return {kind: {step: median(times) for step, times in steps.items()} for kind, steps in found.items()}


def prepared(folder: Path, url: str, sources: int, articles: int, due: int, tell: Tell | None = None) -> Path:
    """Make a store of so many sources and articles, as the daemon would have left it; give its configuration. The first
    `due` sources are as yet unread."""
    config = write_config(folder, [f"{url}/0/{number}" for number in range(sources)], CHANNELS)
    asyncio.run(_open(config))
    names, store = [f"0-{number}" for number in range(sources)], folder / "bench.db"
    bigstore.quieten(store, names[due:], datetime.now(UTC))
    slugs = [f"baozhi{number}" for number in range(min(CHANNELS, sources))]
    label = f"writing {articles:,} articles"
    bigstore.fill(store, names, slugs, articles, tell=(lambda done, of: tell(label, done, of)) if tell else None)
    return config


async def _open(config: Path) -> None:
    """Make the store, with its sources and channels, and publish what there is."""
    async with wiring.assembled(wiring.load_settings(config)) as app:
        await asyncio.to_thread(app.pipeline.publish)


def _in_child(work: str, *arguments: object) -> str:
    script = f"from tests.benchmarks import tick; tick.{work}()"
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, cwd=root, stdout=subprocess.PIPE, text=True, check=True).stdout


# --- in a process of its own -------------------------------------------------------------------------------------


def measured() -> None:
    """Print the CPU and the clock of each step of each tick, in milliseconds."""
    url, due, rounds = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])

    async def run() -> tuple[Costs, Costs]:
        cpu, clock = _nothing_yet(), _nothing_yet()
        async with wiring.assembled(wiring.load_settings(Path(sys.argv[1]))) as app:
            tick = _Tick(app, list(app.sources)[:due])
            await tick.run({}, {})  # here all of them are new
            for number in range(1, rounds + 1):
                await tick.run(cpu[KINDS[0]], clock[KINDS[0]])
                await asyncio.to_thread(_let_come, url, number)
                assert await tick.run(cpu[KINDS[1]], clock[KINDS[1]]) == due
        return cpu, clock

    print(json.dumps(asyncio.run(run())))


def _nothing_yet() -> Costs:
    return {kind: {} for kind in KINDS}


def _let_come(url: str, articles: int) -> None:
    urllib.request.urlopen(f"{url}/offset/{articles}").close()


class _Tick:
    """What a tick does, step by step, over a store in which just these sources are due."""

    def __init__(self, app: wiring.App, names: list[str]) -> None:
        self._app = app
        self._names = names
        self._due: list[str] = []
        self._new = 0

    async def run(self, cpu: dict[str, list[float]], clock: dict[str, list[float]]) -> int:
        """Run it, note what each step took, and give the number of new articles."""
        bigstore.make_due(self._app.settings.store.path, self._names, datetime.now(UTC))
        for step, work in zip(STEPS, (self._find, self._refresh, self._publish), strict=True):
            took = await _taken(work)
            cpu.setdefault(step, []).append(took[0])
            clock.setdefault(step, []).append(took[1])
        assert sorted(self._due) == sorted(self._names), f"{len(self._due)} due"
        return self._new

    async def _find(self) -> None:
        self._due = await asyncio.to_thread(self._app.store.due, datetime.now(UTC), _MOST)

    async def _refresh(self) -> None:
        outcomes = [outcome async for outcome in self._app.pipeline.refresh_all(self._due)]
        assert not [outcome for outcome in outcomes if outcome.outcome == "failed"]
        self._new = sum(outcome.new for outcome in outcomes)

    async def _publish(self) -> None:
        await asyncio.to_thread(self._app.pipeline.publish)


async def _taken(work: Callable[[], Awaitable[None]]) -> tuple[float, float]:
    cpu, clock = cpu_seconds(), time.perf_counter()
    await work()
    return (cpu_seconds() - cpu) * 1000, (time.perf_counter() - clock) * 1000

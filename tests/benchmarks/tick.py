"""One tick of the daemon over a large store beside the same over a small one: what grows with what is stored, shows.

Each tick finds the sources that are due, refreshes them from the loopback origin, and publishes what came of it; in one
kind of tick all of them answer 304, in the other each has one new article. Both stores have as many channels.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from tests.benchmarks import bigstore
from tests.benchmarks.whole import _cpu, origin, write_config

DUE = 200
STEPS = ("due", "refresh", "publish")
KINDS = ("all answer 304", "one new entry each")
AIM = 2.0


@dataclass(frozen=True)
class Store:
    """How large a store is, and what its ticks cost: by kind, by step, (CPU, clock) in milliseconds, medians."""

    sources: int
    articles: int
    costs: dict[str, dict[str, tuple[float, float]]]

    def total(self, kind: str) -> float:
        """CPU milliseconds of a whole tick."""
        return sum(cpu for cpu, _ in self.costs[kind].values())


def measure(
    sizes: list[tuple[int, int]], due: int = DUE, rounds: int = 5, tell: Callable[[str, int, int], None] | None = None
) -> list[Store]:
    """Measure ticks over stores of so many sources and articles, each generated in a folder of its own."""
    stores = []
    for sources, articles in sizes:
        with tempfile.TemporaryDirectory() as folder, origin() as url:
            config = prepared(Path(folder), url, sources, articles, due, tell)
            stores.append(Store(sources, articles, _ticks(config, url, due, rounds)))
    return stores


def prepared(
    folder: Path, url: str, sources: int, articles: int, due: int, tell: Callable[[str, int, int], None] | None = None
) -> Path:
    """Make a store of so many sources and articles, as the daemon would have left it; give its configuration. The first
    `due` sources are as yet unread."""
    config = write_config(folder, [f"{url}/0/{number}" for number in range(sources)], channels=CHANNELS)
    names = [f"0-{number}" for number in range(sources)]
    _in_child("opened", config)
    slugs = [f"baozhi{number}" for number in range(min(CHANNELS, sources))]
    store = folder / "bench.db"
    bigstore.quieten(store, names[due:], datetime.now(UTC))
    label = f"{sources:,} sources"
    others = names[due:] or names
    bigstore.fill(store, others, slugs, articles, tell=(lambda done, of: tell(label, done, of)) if tell else None)
    return config


CHANNELS = 100


def _ticks(config: Path, url: str, due: int, rounds: int) -> dict[str, dict[str, tuple[float, float]]]:
    found = json.loads(_in_child("measured", config, url, str(due), str(rounds)))
    return {
        kind: {step: (median(cpu for cpu, _ in times), median(clock for _, clock in times)) for step, times in each.items()}
        for kind, each in found.items()
    }


def _in_child(work: str, *arguments: object) -> str:
    script = f"from tests.benchmarks import tick; tick.{work}()"
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, cwd=root, stdout=subprocess.PIPE, text=True, check=True).stdout


def opened() -> None:
    """In a process of its own: make the store, with its sources and channels, and publish what there is."""
    from aggregator import wiring

    async def run() -> None:
        async with wiring.assembled(wiring.load_settings(Path(sys.argv[1]))) as app:
            await asyncio.to_thread(app.pipeline.publish)

    asyncio.run(run())


def measured() -> None:
    """In a process of its own: print the CPU and the clock of each step of each tick, in milliseconds."""
    from aggregator import wiring

    config, url, due, rounds = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    settings = wiring.load_settings(config)

    async def run() -> dict[str, dict[str, list[tuple[float, float]]]]:
        found = {kind: {step: [] for step in STEPS} for kind in KINDS}
        async with wiring.assembled(settings) as app:
            names = list(app.sources)[:due]
            await _tick(app, settings.store.path, names, {})  # all of them are new
            for number in range(rounds):
                await _tick(app, settings.store.path, names, found[KINDS[0]])
                await asyncio.to_thread(lambda: urllib.request.urlopen(f"{url}/offset/{number + 1}").close())
                await _tick(app, settings.store.path, names, found[KINDS[1]], new=due)
        return found

    print(json.dumps(asyncio.run(run())))


async def _tick(app, store: Path, names: list[str], times: dict[str, list[tuple[float, float]]], new: int | None = None) -> None:
    found, came = [], 0
    bigstore.make_due(store, names, datetime.now(UTC))

    async def timed(step: str, work: Callable) -> None:
        cpu, clock = _cpu(), time.perf_counter()
        await work()
        times.setdefault(step, []).append(((_cpu() - cpu) * 1000, (time.perf_counter() - clock) * 1000))

    async def due() -> None:
        found.extend(await asyncio.to_thread(app.store.due, datetime.now(UTC), 1000))

    async def refresh() -> None:
        nonlocal came
        async for outcome in app.pipeline.refresh_all(found):
            assert outcome.outcome != "failed", outcome
            came += outcome.new

    async def publish() -> None:
        await asyncio.to_thread(app.pipeline.publish)

    for step, work in zip(STEPS, (due, refresh, publish)):
        await timed(step, work)
    assert sorted(found) == sorted(names), (len(found), len(names))
    assert new is None or came == new, came

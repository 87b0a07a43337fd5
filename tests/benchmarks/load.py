"""One pass of the real command over very many sources, most of which did not change and some of which are broken.

Its clock is the machine's and includes everything from start to exit: the store, the workers, and publishing.
"""

import asyncio
import contextlib
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.benchmarks.crowd import ENTRIES, address, manners

SECONDS, MEMORY, LAG = 240, 400e6, 0.1  # what is aimed at on two cores: seconds, bytes, seconds
_TICK = 0.01  # seconds
_CONFIG = """
[site]
title = "load"
url = "https://load.example/"
[store]
path = "{folder}/load.db"
[publish]
directory = "{folder}/public"
[fetch]
timeout = "{timeout:g}s"
allow_networks = ["127.0.0.0/8"]
"""


@dataclass(frozen=True)
class Pass:
    """What one pass took. `start` are the seconds until everything is put together; `rss` is the most that the process
    had in memory, `rss_all` with its workers, in bytes; `lag` is how late the event loop was from then on, in seconds:
    median, 99th percentile and most; `gap` the shortest time between the starts of two requests to a host, `at_once`
    the most that a host had under way; `outcomes` as the command reports them, `asked` as the hosts saw it."""

    seconds: float
    start: float
    cpu: float
    rss: int
    rss_all: int
    lag: tuple[float, float, float]
    outcomes: dict[str, int]
    asked: dict[str, int]
    unconditional: int
    gap: float
    at_once: int


@dataclass(frozen=True)
class Load:
    """Both passes: the one that finds everything new, and the one that is measured; what is stored after it."""

    first: Pass
    second: Pass
    sources: int
    hosts: int
    timeout: float
    stored: int
    expected: int

    @property
    def healthy(self) -> int:
        """How many sources answer as they should in the second pass."""
        return sum(name in ("unchanged", "news") for name in manners(self.sources))


def measure(sources: int, hosts: int, timeout: float = 10) -> Load:
    """Let so many sources on so many loopback addresses be fetched twice. `timeout` in seconds, for those that hang."""
    with _crowd(sources) as port, tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "load.toml")
        tables = (
            f'[sources.s{n}]\nurl = "http://{address(n, hosts)}:{port}/{n}"\ncategory = "报纸{n % 100}"'
            for n in range(sources)
        )
        config.write_text(_CONFIG.format(folder=folder, timeout=timeout) + "\n".join(tables), encoding="utf-8")
        first = _pass(config, port)
        _ask(port, "/phase/2")
        second = _pass(config, port)
        with contextlib.closing(sqlite3.connect(Path(folder, "load.db"))) as store:
            stored = store.execute("SELECT count(*) FROM entries WHERE state = 'published'").fetchone()[0]
        expected = sources * ENTRIES + manners(sources).count("news")
        return Load(first, second, sources, hosts, timeout, stored, expected)


def rows(load: Load) -> list[tuple[str, str, str, str, bool | None]]:
    """The table: what, in the first pass, in the second, what is aimed at in the second, and whether that is met."""

    def row(
        what: str, value: Callable[[Pass], float], unit: str, aim: float | None = None, scale: float = 1
    ) -> tuple[str, str, str, str, bool | None]:
        first, second = (f"{value(each) / scale:,.{_digits(scale)}f}{unit}" for each in (load.first, load.second))
        if aim is None:
            return what, first, second, "", None
        return what, first, second, f"{aim / scale:,.0f}{unit}", value(load.second) <= aim

    healthy = sum(load.second.outcomes.get(name, 0) for name in ("ok", "not-modified"))
    done = healthy == load.healthy and load.stored == load.expected
    return [
        row("time from start to exit", lambda each: each.seconds, " s", SECONDS),
        row("of it, putting everything together", lambda each: each.start, " s"),
        row("requests a second", lambda each: sum(each.asked.values()) / each.seconds, ""),
        row("CPU, workers included", lambda each: each.cpu, " s"),
        row("peak memory", lambda each: each.rss, " MB", MEMORY, 1e6),
        row("peak memory, workers included", lambda each: each.rss_all, " MB", None, 1e6),
        row("event loop late, median", lambda each: each.lag[0], " ms", None, 1e-3),
        row("event loop late, 99th percentile", lambda each: each.lag[1], " ms", LAG, 1e-3),
        row("event loop late, most", lambda each: each.lag[2], " ms", None, 1e-3),
        row("shortest time between two requests to a host", lambda each: each.gap, " s"),
        row("most requests to a host at once", lambda each: each.at_once, ""),
        ("healthy sources stored", "", f"{healthy:,}", f"{load.healthy:,}", done),
        ("articles stored", "", f"{load.stored:,}", f"{load.expected:,}", done),
        (
            "requests without the known validators",
            "",
            f"{load.second.unconditional:,}",
            "0",
            not load.second.unconditional,
        ),
    ]


def _digits(scale: float) -> int:
    return 2 if scale == 1 else 1


@contextmanager
def _crowd(sources: int) -> Iterator[int]:
    script = Path(__file__).with_name("crowd.py")
    process = subprocess.Popen([sys.executable, str(script), str(sources)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _ask(port: int, path: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as reply:
        counts: dict[str, Any] = json.load(reply)
    return counts


def _pass(config: Path, port: int) -> Pass:
    """Run `aggregator fetch --force` as a process of its own, and look at its memory from outside."""
    command = [sys.executable, "-c", "from tests.benchmarks.load import child; child()", str(config)]
    root = Path(__file__).resolve().parents[2]
    report = config.with_suffix(".json")
    begun = time.perf_counter()
    with report.open("w", encoding="utf-8") as out, subprocess.Popen(command, cwd=root, stdout=out) as process:
        most = 0
        while process.poll() is None:
            most = max(most, _memory_of_all(process.pid))
            time.sleep(0.1)
    seconds = time.perf_counter() - begun
    found = json.loads(report.read_text(encoding="utf-8"))
    own = json.loads(config.with_suffix(".own").read_text(encoding="utf-8"))
    counts = _ask(port, "/count")
    return Pass(
        seconds=seconds,
        rss_all=most,
        outcomes=dict(Counter(source["outcome"] for source in found["sources"])),
        gap=counts.pop("gap"),
        at_once=counts.pop("at_once"),
        unconditional=counts.pop("unconditional"),
        asked=counts,
        **own,
    )


def _memory_of_all(pid: int) -> int:
    total = 0
    with contextlib.suppress(psutil.Error):
        parent = psutil.Process(pid)
        for process in (parent, *parent.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                total += process.memory_info().rss
    return total


# --- in the measured process -------------------------------------------------------------------------------------


class _Clockwork(asyncio.DefaultEventLoopPolicy):
    """Gives event loops that note at each tick how late it came, from when they are first free. Ticks that were missed
    are not left out."""

    def __init__(self) -> None:
        super().__init__()
        self.late: list[float] = []
        self.free = float("nan")

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        loop = super().new_event_loop()

        def tick(due: float) -> None:
            now = loop.time()
            while due <= now:
                self.late.append(now - due)
                due += _TICK
            loop.call_at(due, tick, due)

        def begin() -> None:
            self.free = loop.time()
            tick(self.free)

        loop.call_later(_TICK, begin)
        return loop


def child() -> None:
    """Run the command in this process, and leave beside the configuration what it took."""
    from aggregator.cli.group import cli

    begun, config = time.monotonic(), Path(sys.argv[1])
    clockwork = _Clockwork()
    asyncio.set_event_loop_policy(clockwork)
    cli(["--config", str(config), "fetch", "--force", "--json"], standalone_mode=False)
    late = sorted(clockwork.late)
    times = os.times()
    own = {
        "start": clockwork.free - begun,
        "cpu": times.user + times.system + times.children_user + times.children_system,
        "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "lag": (late[len(late) // 2], late[len(late) * 99 // 100], late[-1]),
    }
    config.with_suffix(".own").write_text(json.dumps(own), encoding="utf-8")

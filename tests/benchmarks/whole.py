"""The whole job, as the daemon does it: fetch, parse, store, publish. CPU seconds of the process and its workers.

The passes are passes of one process, as a daemon's are: what it loads once and keeps is there before the first of them,
brought there by newspapers that are not measured. What each source costs for the first time is counted.
"""

import asyncio
import gc
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from aggregator import wiring

_CONFIG = """
[site]
title = "bench"
url = "https://bench.example/"
[store]
path = "{folder}/bench.db"
[publish]
directory = "{folder}/public"
[fetch]
spacing = "0s"
per_host = 16
concurrency = 16
allow_networks = ["127.0.0.0/8"]
"""
PARTS = ("fetching", "reading", "storing", "publishing")
_WARMERS = range(1_000_000, 1_000_004)  # newspapers that only bring the process to where a daemon is


@dataclass(frozen=True)
class Phase:
    """What a pass over all sources cost. `cpu` in seconds, workers included, start-up left out; `parts` says into which
    of `PARTS` they went, where that is known."""

    name: str
    new: int
    cpu: float
    parts: Mapping[str, float] = field(default_factory=dict)


@contextmanager
def origin() -> Iterator[str]:
    """Start the newspapers' server; give its address."""
    script = Path(__file__).with_name("origin.py")
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def set_offset(url: str, offset: int) -> None:
    """Let so many articles have come to each newspaper since the start."""
    urllib.request.urlopen(f"{url}/offset/{offset}").close()


def measure(sources: int) -> list[Phase]:
    """Run the four phases over so many sources in one process; those without validators over a store of their own."""
    with origin() as url, tempfile.TemporaryDirectory() as folder, Process(Path(folder), url) as process:
        phases = [process.timed(name, validated=True, sources=sources) for name in ("first pull", "answered 304")]
        process.timed("(the first pull without validators)", validated=False, sources=sources)
        phases.append(process.timed("same body, no validators", validated=False, sources=sources))
        set_offset(url, 1)
        process.timed("(a new one before)", validated=False, sources=sources)
        set_offset(url, 2)
        phases.append(process.timed("one new entry of 50", validated=False, sources=sources))
        return phases


class Process:
    """A process that fetches and publishes newspapers pass after pass. Use it as a context manager."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._url = url

    def __enter__(self) -> "Process":
        script = "from tests.benchmarks.whole import child; child()"
        root = Path(__file__).resolve().parents[2]
        self._child = subprocess.Popen(
            [sys.executable, "-c", script], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for kind in (0, 1):
            self._pass(self._folder / f"warm{kind}", [f"{self._url}/{kind}/{number}" for number in _WARMERS])
            self._pass(self._folder / f"warm{kind}", [f"{self._url}/{kind}/{number}" for number in _WARMERS])
        return self

    def __exit__(self, *_: object) -> None:
        with self._child:  # its input is closed: that ends it
            pass

    def timed(self, name: str, *, validated: bool, sources: int) -> Phase:
        """Fetch so many newspapers, with validators or without, and publish what is new."""
        kind = 0 if validated else 1
        urls = [f"{self._url}/{kind}/{number}" for number in range(sources)]
        new, parts = self._pass(self._folder / f"of{kind}", urls)
        return Phase(name, new, sum(parts.values()), parts)

    def _pass(self, folder: Path, urls: Sequence[str]) -> tuple[int, dict[str, float]]:
        folder.mkdir(exist_ok=True)
        given, answers = _pipes(self._child)
        given.write(f"{write_config(folder, urls)}\n")
        given.flush()
        if not (answer := answers.readline()):
            raise RuntimeError("the process that is measured has failed")
        new, parts = json.loads(answer)
        return new, parts


def _pipes(process: "subprocess.Popen[str]") -> tuple[IO[str], IO[str]]:
    assert process.stdin is not None
    assert process.stdout is not None
    return process.stdin, process.stdout


def write_config(folder: Path, urls: Sequence[str], channels: int = 10) -> Path:
    """Configure a source for each address, named after it; so many categories take turns."""
    config = folder / "bench.toml"
    names = ["-".join(url.split("/")[3:]) for url in urls]
    tables = [
        f'[sources."{name}"]\nurl = "{url}"\ncategory = "报纸{number % channels}"'
        for number, (name, url) in enumerate(zip(names, urls, strict=True))
    ]
    config.write_text(_CONFIG.format(folder=folder) + "\n".join(tables), encoding="utf-8")
    return config


def child() -> None:
    """Make a pass over the sources of each configuration whose path comes in; print how much was new, and the CPU
    seconds that each of `PARTS` took."""
    asyncio.run(_passes())


async def _passes() -> None:
    from aggregator import wiring

    apps: dict[str, wiring.App] = {}
    async with AsyncExitStack() as parts:
        while path := (await asyncio.to_thread(sys.stdin.readline)).strip():
            if path not in apps:
                settings = wiring.load_settings(Path(path))
                app = apps[path] = await parts.enter_async_context(wiring.assembled(settings))
                few = list(app.sources.values())[:2]
                await asyncio.gather(*(app.pipeline.preview(source) for source in few))  # the workers are there
                gc.collect()
                gc.freeze()  # as the daemon does
            print(json.dumps(await _timed(apps[path])), flush=True)


async def _timed(app: "wiring.App") -> tuple[int, dict[str, float]]:
    before, new = _by_part(), 0
    async for outcome in app.pipeline.refresh_all(list(app.sources)):
        assert outcome.outcome != "failed", outcome
        new += outcome.new
    refreshed, whole = _by_part(), cpu_seconds()
    await asyncio.to_thread(app.pipeline.publish)
    spent = {part: refreshed[part] - before[part] for part in PARTS}
    return new, {**spent, "publishing": cpu_seconds() - whole}


def _by_part() -> dict[str, float]:
    """CPU seconds so far, by what they go into while sources are refreshed: the loop fetches, threads of its own store,
    and the workers read, as do the threads that hand documents over to them. Without `/proc` all of it fetches."""
    others = {thread.native_id: thread.name for thread in threading.enumerate() if thread.name != "MainThread"}
    mine = {name: _seconds(Path(f"/proc/self/task/{number}")) for number, name in others.items()}
    storing = sum(seconds for name, seconds in mine.items() if name.startswith("store"))
    times = os.times()
    workers = times.children_user + times.children_system + sum(map(_cpu_of_process, _children()))
    reading = sum(mine.values()) - storing + workers
    return {"fetching": cpu_seconds() - reading - storing, "reading": reading, "storing": storing, "publishing": 0.0}


def cpu_seconds() -> float:
    """CPU seconds of this process and of all that it started, also of those that still run."""
    times = os.times()
    running = sum(map(_cpu_of_process, _children()))
    return time.process_time() + times.children_user + times.children_system + running


def _children() -> set[str]:
    lists = Path("/proc/self/task").glob("*/children")
    return {number for each in lists for number in each.read_text().split()}


def _cpu_of_process(number: str) -> float:
    """CPU seconds of one process, after sched-stats in the documentation of Linux: the first number is nanoseconds."""
    return sum(map(_seconds, Path(f"/proc/{number}/task").glob("*")))


def _seconds(task: Path) -> float:
    place = task / "schedstat"
    return int(place.read_text().split()[0]) / 1e9 if place.exists() else 0.0

"""The whole job, as the command does it: fetch, parse, store, publish. CPU seconds of the process and its workers."""

import asyncio
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

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


@dataclass(frozen=True)
class Phase:
    """What a pass over all sources cost. `cpu` in seconds, workers included, start-up left out."""

    name: str
    new: int
    cpu: float


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


def measure(sources: int) -> list[Phase]:
    """Run the four phases over so many sources, each in a process of its own over one store."""
    with origin() as url, tempfile.TemporaryDirectory() as folder:
        config = write_config(Path(folder), [f"{url}/0/{number}" for number in range(sources)])
        phases = [timed_pass("first pull", config), timed_pass("answered 304", config)]
        config = write_config(Path(folder), [f"{url}/1/{number}" for number in range(sources)])
        timed_pass("(taking up the same documents without validators)", config)
        phases.append(timed_pass("same body, no validators", config))
        urllib.request.urlopen(f"{url}/offset/1").close()
        phases.append(timed_pass("one new entry of 50", config))
        return phases


def write_config(folder: Path, urls: Sequence[str]) -> Path:
    """Configure a source for each address, named after it; ten categories take turns."""
    config = folder / "bench.toml"
    names = ["-".join(url.split("/")[3:]) for url in urls]
    tables = [
        f'[sources."{name}"]\nurl = "{url}"\ncategory = "报纸{number % 10}"'
        for number, (name, url) in enumerate(zip(names, urls, strict=True))
    ]
    config.write_text(_CONFIG.format(folder=folder) + "\n".join(tables), encoding="utf-8")
    return config


def timed_pass(name: str, config: Path) -> Phase:
    """Fetch and publish once, in a process of its own."""
    script = "from tests.benchmarks.whole import child; child()"
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", script, str(config)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    cpu, new = done.stdout.split()
    return Phase(name, int(new), float(cpu))


def child() -> None:
    """One pass in this process: print the CPU seconds after start-up, publishing included, and what was new."""
    from aggregator import wiring

    settings = wiring.load_settings(Path(sys.argv[1]))

    async def run() -> tuple[float, int]:
        async with wiring.assembled(settings) as app:
            few = list(app.sources.values())[:2]
            await asyncio.gather(*(app.pipeline.preview(source) for source in few))  # the workers are there
            before, new = _cpu(), 0
            async for outcome in app.pipeline.refresh_all(list(app.sources)):
                assert outcome.outcome != "failed", outcome
                new += outcome.new
            await asyncio.to_thread(app.pipeline.publish)
            return _cpu() - before, new

    cpu, new = asyncio.run(run())
    print(cpu, new)


def _cpu() -> float:
    """CPU seconds of this process and of all that it started, also of those that still run."""
    times = os.times()
    running = sum(map(_cpu_of_process, _children()))
    return times.user + times.system + times.children_user + times.children_system + running


def _children() -> set[str]:
    lists = Path("/proc/self/task").glob("*/children")
    return {number for each in lists for number in each.read_text().split()}


def _cpu_of_process(number: str) -> float:
    """CPU seconds of one process, after proc(5): the 14th and the 15th field, in ticks."""
    fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

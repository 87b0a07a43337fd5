"""The whole job, as the command does it: fetch, parse, store, publish. CPU seconds of the process and its workers."""

import asyncio
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
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
        config = Path(folder, "bench.toml")
        tables = [f'[sources.s{n}]\nurl = "{url}/0/{n}"\ncategory = "报纸{n % 10}"' for n in range(sources)]
        config.write_text(_CONFIG.format(folder=folder) + "\n".join(tables), encoding="utf-8")
        phases = [_pass("first pull", config), _pass("answered 304", config)]
        without = config.read_text(encoding="utf-8").replace("/0/", "/1/").replace("[sources.s", "[sources.t")
        config.write_text(without, encoding="utf-8")
        _pass("(taking up the same documents without validators)", config)
        phases.append(_pass("same body, no validators", config))
        urllib.request.urlopen(f"{url}/offset/1").close()
        phases.append(_pass("one new entry of 50", config))
        return phases


def _pass(name: str, config: Path) -> Phase:
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
        before = 0.0
        async with wiring.assembled(settings) as app:
            before, new = _cpu(), 0
            async for outcome in app.pipeline.refresh_all(list(app.sources)):
                assert outcome.outcome != "failed", outcome
                new += outcome.new
            await asyncio.to_thread(app.pipeline.publish)
        return before, new

    before, new = asyncio.run(run())
    print(_cpu() - before, new)


def _cpu() -> float:
    """CPU seconds of this process and of the workers that have ended (all have, when the app is closed)."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system

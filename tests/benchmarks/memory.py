"""What memory the daemon takes, seen from outside: `aggregator run` over many sources and a store with many articles.

Every source is polled once from the loopback origin: some are new and bring a document of fifty entries, the others
answer 304. Resident sizes are the kernel's (VmRSS when all is done and published, VmHWM for the most that there was).
"""

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks import bigstore, tick
from tests.benchmarks.whole import origin
from tests.free_port import free_port

AIM = 300  # MB
_LOOK_SECONDS = 0.5
_PATIENCE_SECONDS = 1800


@dataclass(frozen=True)
class Measured:
    """Megabytes (of 10^6 bytes) that the daemon and its workers take: now and at most, and both together at most."""

    sources: int
    articles: int
    seconds: float
    daemon: float
    daemon_peak: float
    workers: tuple[float, ...]  # the most that each took
    together_peak: float


def measure(sources: int, articles: int, tell: Callable[[str, int, int], None] | None = None) -> Measured:
    """Fill a store, run the daemon over it until every source was polled and all is published, and look at it."""
    with TemporaryDirectory() as folder, origin() as url:
        fresh = max(sources // 20, 1)
        config = tick.prepared(Path(folder), url, sources, articles, fresh, tell)
        with config.open("a", encoding="utf-8") as file:
            file.write(f"\n[server]\nport = {free_port()}\n")
        command = [sys.executable, "-m", "aggregator", "--config", str(config), "run"]
        root = Path(__file__).resolve().parents[2]
        said = Path(folder) / "said"
        with said.open("w") as out, subprocess.Popen(command, cwd=root, stdout=out, stderr=out) as daemon:
            try:
                _wait_for_greeting(daemon, said)
                return _watched(daemon.pid, Path(folder) / "bench.db", sources, tell)
            finally:
                daemon.terminate()


def _wait_for_greeting(daemon: "subprocess.Popen[bytes]", said: Path) -> None:
    while "\nstore " not in said.read_text(encoding="utf-8"):
        if daemon.poll() is not None:
            raise RuntimeError(f"the daemon has ended: {said.read_text(encoding='utf-8')}")
        time.sleep(_LOOK_SECONDS)


def _watched(daemon: int, store: Path, sources: int, tell: Callable[[str, int, int], None] | None) -> Measured:
    begun, together = time.monotonic(), 0.0
    peaks: dict[int, float] = {}
    bigstore.make_due(store, [f"0-{number}" for number in range(sources)], datetime.now(UTC))
    while (left := _left(store)) and time.monotonic() - begun < _PATIENCE_SECONDS:
        if tell:
            tell("polled", max(sources - left, 0), sources)
        now = {pid: _size(pid) for pid in (daemon, *_children(daemon))}
        peaks |= {pid: max(peaks.get(pid, 0), high) for pid, (_, high) in now.items()}
        together = max(together, sum(size for size, _ in now.values()))
        time.sleep(_LOOK_SECONDS)
    size, peak = _size(daemon)
    with closing(sqlite3.connect(store)) as connection:
        articles = connection.execute("SELECT count(*) FROM entries").fetchone()[0]
    others = tuple(sorted(high for pid, high in peaks.items() if pid != daemon))
    return Measured(sources, articles, time.monotonic() - begun, size, peak, others, together)


def _left(store: Path) -> int:
    """Give how many sources are still to be polled, and documents to be written."""
    with closing(sqlite3.connect(store, timeout=30)) as connection:
        sql = """SELECT (SELECT count(*) FROM sources WHERE next_fetch_at <= :now OR last_success_at IS NULL)
            + (SELECT count(*) FROM marks)"""
        return int(connection.execute(sql, {"now": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}).fetchone()[0])


def _children(pid: int) -> list[int]:
    lists = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(number) for each in lists for number in each.read_text().split()]


def _size(pid: int) -> tuple[float, float]:
    """Give the resident size of a process now and at most, after proc(5), in MB; nothing of one that has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except FileNotFoundError:
        return 0.0, 0.0
    said = {name: value for name, _, value in (line.partition(":") for line in lines)}
    now, most = (int(said.get(name, "0 kB").split()[0]) * 1024 / 1e6 for name in ("VmRSS", "VmHWM"))
    return now, most

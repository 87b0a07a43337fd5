"""The tables of what a large store costs: a tick beside that of a small one, the daemon's memory, and layouts."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table

from tests.benchmarks import layout, memory, tick

TABLES = ("tick", "memory", "layout")
_SMALL = (2_000, 10_000)
Tell = Callable[[str, int, int], None]


def table(what: str, sources: int | None, articles: int | None, rounds: int) -> Table:
    """Measure one of `TABLES`, with bars that show how far it is."""
    with Progress(TextColumn("{task.description}"), BarColumn(), console=Console(stderr=True)) as progress:
        tell = bars(progress)
        if what == "tick":
            large = (sources or 200_000, articles or 1_000_000)
            return _ticks(tick.measure([_SMALL, large], rounds=rounds, tell=tell))
        if what == "memory":
            return _memory(memory.measure(sources or 10_000, articles or 100_000, tell))
        with tempfile.TemporaryDirectory() as folder:
            return _layouts(layout.measure(articles or 200_000, Path(folder), tell))


def bars(progress: Progress) -> Tell:
    """Give what shows a bar for each label, with how much of it is done."""
    tasks: dict[str, TaskID] = {}

    def tell(label: str, done: int, of: int) -> None:
        if label not in tasks:
            tasks[label] = progress.add_task(label, total=of)
        progress.update(tasks[label], completed=done)

    return tell


def _ticks(stores: Sequence[tick.Store]) -> Table:
    small, large = stores
    title = (
        f"One tick, {tick.DUE} sources due: {large.sources:,} sources with {large.articles:,} articles stored beside\n"
        f"{small.sources:,} with {small.articles:,}; CPU ms (workers included) and ms by the clock, medians"
    )
    found = Table("answers", "step", title=title, title_justify="left")
    for heading in ("CPU, small", "CPU, large", "ratio", "clock, small", "clock, large", ""):
        found.add_column(heading, justify="right")
    for kind in tick.KINDS:
        for step in tick.STEPS:
            cpu = (f"{store.cpu[kind][step]:.1f}" for store in stores)
            clock = (f"{store.clock[kind][step]:.1f}" for store in stores)
            found.add_row(kind, step, *cpu, "", *clock, "")
        before, after = (sum(store.cpu[kind].values()) for store in stores)
        times = (f"{sum(store.clock[kind].values()):.1f}" for store in stores)
        ratio = after / max(before, 1)
        judged = f"{ratio:.2f}", *times, "met" if ratio <= tick.AIM else "MISSED"
        found.add_row(kind, "whole tick", f"{before:.1f}", f"{after:.1f}", *judged, end_section=True)
    return found


def _memory(measured: memory.Measured) -> Table:
    title = (
        f"Memory of `aggregator run`: {measured.sources:,} sources, each polled once in {measured.seconds:.0f} s,\n"
        f"{measured.articles:,} articles stored; resident MB as the kernel counts them"
    )
    found = Table("", title=title, title_justify="left")
    for heading in ("when all is done", "at most", "aimed at", ""):
        found.add_column(heading, justify="right")
    judged = "met" if measured.daemon_peak <= memory.AIM else "MISSED"
    found.add_row("the daemon", f"{measured.daemon:.0f}", f"{measured.daemon_peak:.0f}", str(memory.AIM), judged)
    for number, most in enumerate(measured.workers, 1):
        found.add_row(f"worker {number}", "", f"{most:.0f}", "", "")
    found.add_row("all together", "", f"{measured.together_peak:.0f}", "", "")
    return found


def _layouts(layouts: Sequence[layout.Layout]) -> Table:
    title = (
        f"Layouts of the store, {layouts[0].articles:,} articles of 1,450 Chinese characters: CPU us, medians;\n"
        "the backup (VACUUM INTO) in seconds, by the clock and of CPU; `GB a million` is extrapolated"
    )
    found = Table("pages, texts", title=title, title_justify="left")
    for heading in ("bytes each", "GB a million", "insert", "read 50", "20 dates", "backup s", "CPU s"):
        found.add_column(heading, justify="right")
    for one in layouts:
        size = f"{one.bytes_an_article:,.0f}", f"{one.bytes_an_article / 1000:.1f}"
        times = f"{one.insert_us:.0f}", f"{one.read_50_us:.0f}", f"{one.heads_us:.0f}"
        found.add_row(one.name, *size, *times, f"{one.backup_seconds:.1f}", f"{one.backup_cpu:.1f}")
    return found

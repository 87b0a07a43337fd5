"""`python -m tests.benchmarks`: what the whole pipeline costs, and where the time goes, as tables.

CPU time, not the clock's; the plain library on the same documents in the same run stands beside it, so read the ratios.
"""

import argparse

from rich.console import Console
from rich.table import Table

from tests.benchmarks import stages, whole

ENTRIES = 50


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--sources", type=int, default=40, help="sources of 50 entries in the whole job")
    parser.add_argument("--documents", type=int, default=12, help="documents taken through each stage")
    arguments = parser.parse_args()
    console = Console(width=None if Console().is_terminal else 120)
    measured = stages.measure(arguments.documents)
    console.print(_stages(measured))
    console.print(_whole(whole.measure(arguments.sources), arguments.sources, measured[0].milliseconds))


def _stages(measured: list[stages.Stage]) -> Table:
    title = f"One document of {ENTRIES} Chinese full-text entries, stage by stage"
    table = Table("stage", title=title, title_justify="left")
    table.add_column("CPU ms (median)", justify="right")
    table.add_column("x feedparser", justify="right")
    for stage in measured:
        table.add_row(stage.name, f"{stage.milliseconds:.2f}", f"{stage.milliseconds / measured[0].milliseconds:.2f}")
    return table


def _whole(phases: list[whole.Phase], sources: int, baseline: float) -> Table:
    title = f"The whole job: {sources} sources, fetched over HTTP, stored and published in all formats"
    table = Table("pass", title=title, title_justify="left")
    for heading in ("new entries", "CPU s", "CPU ms a source", "x feedparser", "entries a CPU second"):
        table.add_column(heading, justify="right")
    for phase in phases:
        each = phase.cpu * 1000 / sources
        rate = f"{sources * ENTRIES / phase.cpu:,.0f}"
        table.add_row(phase.name, str(phase.new), f"{phase.cpu:.2f}", f"{each:.1f}", f"{each / baseline:.2f}", rate)
    return table


if __name__ == "__main__":
    main()

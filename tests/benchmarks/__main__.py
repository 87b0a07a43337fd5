"""`python -m tests.benchmarks`: what the whole pipeline costs, and where the time goes, as tables.

CPU time, not the clock's; the plain library on the same documents in the same run stands beside it, so read the ratios.
`python -m tests.benchmarks load`: one pass over 10,000 sources, by the clock, against what is aimed at. It takes a
quarter of an hour, most of it for the first pass, in which every source is new. `python -m tests.benchmarks search`:
how long answers take over 1,000,000 articles; it needs 6 GB in the temporary folder and a quarter of an hour.
`python -m tests.benchmarks serving`: what a request costs the server, beside nginx on the same files.
`python -m tests.benchmarks peers`: the whole job beside other aggregators, each that is installed; with `--reader` the
PyPI library `reader` gets an environment of its own (3.27 where Python 3.12 or newer is on the path or named, as in
`--reader /usr/bin/python3.13`; else 3.26). It takes half an hour with 500 sources.
`python -m tests.benchmarks tick`: one tick of the daemon over 200,000 sources and 1,000,000 articles beside the same
over 2,000 and 10,000. It needs 4 GB in the temporary folder and a quarter of an hour, most of it to make the store.
`python -m tests.benchmarks memory`: what memory the daemon takes with 10,000 sources and 100,000 articles.
`python -m tests.benchmarks all`: everything that speed is held to, in one table beside what is aimed at, with the peers
that are installed in the same run. It takes an hour and 10 GB in the temporary folder; `--sources 40 --articles 20000`
takes minutes.
`python -m tests.benchmarks layout`: pages of several sizes, with plain and with packed texts (zstd where `zstandard` is
installed); it fills nine stores with 200,000 articles each.
"""

import argparse
import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from tests.benchmarks import aims, load, peers, publishing, scaling, search, serving, stages, whole

ENTRIES = 50


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    choices = ("all", "cost", "load", "peers", "search", "serving", *scaling.TABLES)
    parser.add_argument("what", nargs="?", choices=choices, default="cost", help="which tables")
    parser.add_argument("--sources", type=int, help="40 for the cost, 500 for peers, 10,000 for the load")
    parser.add_argument("--documents", type=int, default=12, help="documents taken through each stage")
    parser.add_argument("--hosts", type=int, default=2000, help="loopback addresses that the load is spread over")
    parser.add_argument("--articles", type=int, help="articles that are stored, or searched")
    parser.add_argument("--folder", help="where the articles to search are kept, to be searched again")
    parser.add_argument("--requests", type=int, default=20_000, help="requests of each kind to each server in a round")
    parser.add_argument("--rounds", type=int, default=3, help="rounds beside peers, or of ticks; medians are shown")
    parser.add_argument(
        "--reader", nargs="?", const="", metavar="PYTHON", help="install `reader` from PyPI, to stand beside it"
    )
    arguments = parser.parse_args()
    console = Console(width=None if Console().is_terminal else 120)
    if arguments.what == "all":
        given = {name: getattr(arguments, name) for name in ("sources", "articles", "rounds", "requests")}
        _all(console, aims.Sizes(**{name: value for name, value in given.items() if value}), arguments.reader)
    elif arguments.what == "load":
        console.print(_load(load.measure(arguments.sources or 10_000, arguments.hosts)))
    elif arguments.what == "search":
        with tempfile.TemporaryDirectory() as folder:
            place = Path(arguments.folder or folder)
            console.print(_search(search.measure(arguments.articles or 1_000_000, place, console.print)))
    elif arguments.what == "serving":
        console.print(_serving(serving.measure(arguments.requests)))
    elif arguments.what in scaling.TABLES:
        console.print(scaling.table(arguments.what, arguments.sources, arguments.articles, arguments.rounds))
    elif arguments.what == "peers":
        _beside_peers(console, arguments.sources or 500, arguments.rounds, arguments.reader)
    else:
        _cost(console, arguments.sources or 40, arguments.documents)


def _all(console: Console, sizes: aims.Sizes, reader: str | None) -> None:
    """Print the table, also of what was measured until it was stopped."""
    rows: list[aims.Row] = []
    try:
        with Progress(TextColumn("{task.description}"), BarColumn(), console=Console(stderr=True)) as progress:
            say = progress.console.print
            rows.extend(aims.measure(sizes, say, scaling.bars(progress), _reader(reader)))
    finally:
        for line in aims.lines(rows, sizes):
            console.print(line, soft_wrap=True, highlight=False, markup=False)


def _reader(base: str | None) -> Path | None:
    """Give the Python of an environment with `reader`, made of the interpreter `base` (the newest there is for an empty
    text); none where it is not asked for."""
    return None if base is None else peers.reader_python(Path(tempfile.gettempdir(), "aggregator-bench-reader"), base)


def _cost(console: Console, sources: int, documents: int) -> None:
    measured = stages.measure(documents)
    console.print(_stages(measured))
    console.print(_whole(whole.measure(sources), sources, measured[0].milliseconds))


def _beside_peers(console: Console, sources: int, rounds: int, reader: str | None) -> None:
    console.print(_publishing(publishing.measure()))
    python = _reader(reader)
    if python:
        console.print(f"beside {peers.reader_version(python)}")
    results = peers.measure(peers.programs_here(python), sources, rounds, console.print)
    console.print(_peers(results, sources, rounds))


def _peers(results: list[peers.Result], sources: int, rounds: int) -> Table:
    title = (
        f"The whole job beside peers: {sources} sources of {ENTRIES} Chinese full-text entries, median of {rounds}\n"
        "rounds, CPU ms a source without start-up (user and system, children included).\n"
        "Our passes are those of one process, a daemon's; the others' are processes. Only we publish."
    )
    table = Table("pass", "program", title=title, title_justify="left")
    for heading in ("ms a source", "ours / its", "aimed at", ""):
        table.add_column(heading, justify="right")
    for result in results:
        aim = peers.AIMS.get((result.work, result.program))
        judged = ("", "") if aim is None else (f"{aim:.2f}", _verdict(result.ratio, aim))
        table.add_row(result.work, result.program, f"{result.milliseconds:.2f}", f"{result.ratio:.3f}", *judged)
    return table


def _publishing(results: list[publishing.Cost]) -> Table:
    title = "One channel of 50 entries after one new one: CPU ms, median, warm; beside feedgen and gzip -6 of the same"
    table = Table("work", title=title, title_justify="left")
    for heading in ("ms", "x feedgen + gzip", "aimed at", ""):
        table.add_column(heading, justify="right")
    plain = results[0].milliseconds
    for cost in results:
        judged = ("", "") if cost.aim is None else (f"{cost.aim:.2f}", _verdict(cost.milliseconds / plain, cost.aim))
        table.add_row(cost.work, f"{cost.milliseconds:.2f}", f"{cost.milliseconds / plain:.3f}", *judged)
    return table


def _verdict(ratio: float, aim: float) -> str:
    return "met" if ratio <= aim else "MISSED"


def _search(measured: search.Measured) -> Table:
    size = measured.bytes_an_article / 1000
    cost = f"{measured.index_ms_an_article:.2f} ms CPU and " if measured.index_ms_an_article else ""
    title = f"Search in {measured.articles:,} articles; {cost}{size:.1f} KB an article to index"
    table = Table("asked for", title=title, title_justify="left")
    for heading in ("queries", "shown", "late", "median ms", "p95 ms", "CPU median", "CPU p95", "aimed at", ""):
        table.add_column(heading, justify="right")
    for kind in measured.answers:
        times = (f"{one:.1f}" for one in (kind.clock.median, kind.clock.p95, kind.cpu.median, kind.cpu.p95))
        aim = f"{search.AIM_MS:g}", _verdict(kind.clock.p95, search.AIM_MS)
        table.add_row(kind.kind, str(kind.queries), f"{kind.found:.1f}", str(kind.late), *times, *aim)
    return table


def _serving(measured: list[serving.Cost]) -> Table:
    title = (
        f"One worker over {serving.CONNECTIONS} kept connections, a feed of {serving.size():,} bytes:\n"
        "the server's CPU time per request, kernel included"
    )
    table = Table("answer", title=title, title_justify="left")
    for heading in ("us", "nginx us", "x nginx's rate", "aimed at"):
        table.add_column(heading, justify="right")
    for cost in measured:
        nginx = ("–", "no nginx here") if cost.nginx is None else (f"{cost.nginx:.1f}", f"{cost.ratio:.2f}")
        table.add_row(cost.kind, f"{cost.ours:.1f}", *nginx, f"{serving.AIMS[cost.kind]:.2f}")
    return table


def _stages(measured: list[stages.Stage]) -> Table:
    title = f"One document of {ENTRIES} Chinese full-text entries, stage by stage"
    table = Table("stage", title=title, title_justify="left")
    table.add_column("CPU ms (median)", justify="right")
    table.add_column("x feedparser", justify="right")
    for stage in measured:
        table.add_row(stage.name, f"{stage.milliseconds:.2f}", f"{stage.milliseconds / measured[0].milliseconds:.2f}")
    return table


def _whole(phases: list[whole.Phase], sources: int, baseline: float) -> Table:
    title = f"The whole job in one process: {sources} sources, fetched over HTTP, stored and published in all formats"
    table = Table("pass", title=title, title_justify="left")
    for heading in ("new entries", "CPU s", "CPU ms a source", "x feedparser", "entries a CPU second"):
        table.add_column(heading, justify="right")
    for phase in phases:
        each = phase.cpu * 1000 / sources
        rate = f"{sources * ENTRIES / phase.cpu:,.0f}"
        table.add_row(phase.name, str(phase.new), f"{phase.cpu:.2f}", f"{each:.1f}", f"{each / baseline:.2f}", rate)
    return table


def _load(measured: load.Load) -> Table:
    title = (
        f"One pass of `aggregator fetch --force` over {measured.sources:,} sources on {measured.hosts:,} hosts:\n"
        f"80 % not modified, 10 % with news, 5 % errors, 5 % that hang until the deadline of {measured.timeout:g} s\n"
        "(64 at once, one at a time per host and 1 s apart, as by default)"
    )
    table = Table("", title=title, title_justify="left")
    for heading in ("all new", "second pass", "aimed at", ""):
        table.add_column(heading, justify="right")
    for name, first, second, aim, met in load.rows(measured):
        table.add_row(name, first, second, aim, {None: "", True: "met", False: "MISSED"}[met])
    return table


if __name__ == "__main__":
    main()

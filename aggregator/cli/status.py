"""`aggregator status`: how the whole installation stands, on one screen."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from aggregator import wiring
from aggregator.cli import show
from aggregator.cli.group import DONE, cli
from aggregator.records import SourceReport
from aggregator.status import Status, in_megabytes, remedy

_LISTED = 10
_BARS = " ▁▂▃▄▅▆▇█"


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def status(path: Path, as_json: bool) -> int:
    """Show how the whole stands: sources, articles, fetches, readers, disk, and what needs a look."""
    found = wiring.status_of(wiring.load_settings(path))
    if as_json:
        show.print_json(status_json(found))
    else:
        _print(found, show.out())
    return DONE


def status_json(status: Status) -> dict[str, Any]:
    """Give the status as `--json` prints it."""
    return {
        "version": status.version,
        "at": show.iso(status.at),
        "articles": status.entries,
        "channels": status.channels,
        "sources": {"count": len(status.sources), "states": status.states},
        "failures": [show.report_json(report) | {"remedy": remedy(report)} for report in status.sick],
        "next_checks": [
            {"source": report.name, "at": show.iso(report.next_fetch_at), "reason": report.next_reason}
            for report in status.next_checks[:_LISTED]
        ],
        "days": [{"day": str(day), **counts} for day, counts in status.days],
        "hours": [{"hour": show.iso(hour), **counts} for hour, counts in status.hours],
        "merged": status.articles("merged"),
        "held": status.held,
        "seconds": dict(status.seconds),
        "subscribers": dict(status.subscribers),
        "refused": [asdict(trouble) | {"since": show.iso(trouble.since)} for trouble in status.refused],
        "disks": [asdict(disk) for disk in status.disks],
        "low_disk": status.low,
        "store_bytes": status.store_bytes,
        "marks": status.marks,
        "events": [asdict(event) | {"at": show.iso(event.at)} for event in status.events],
    }


def _print(status: Status, console: Console) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for heading, text in _lines(status):
        table.add_row(heading, text)
    console.print(table, width=min(console.width, 120))
    if status.sick:
        console.print(_failures(status.sick, status.at))


def _lines(status: Status) -> Iterator[tuple[str, str]]:
    states = ", ".join(f"{number} {show.styled(state)}" for state, number in status.states.items())
    yield "aggregator", f"{status.version}, {status.at:%Y-%m-%d %H:%M} UTC"
    if status.low:
        yield "disk", f"[red]{escape(status.low)}[/]"
    yield "sources", states or "none"
    today = status.days[-1][1]
    yield "articles", f"{status.entries} in {show.counted(status.channels, 'channel')}; today {_counts(today)}"
    yield "a day", f"{_bars([counts['new'] for _, counts in status.days])}  new in 30 days: {status.articles('new')}"
    day = status.hours[-24:]
    hours = [sum(counts.values()) for _, counts in day]
    failed = [counts["failed"] + counts["gone"] for _, counts in day]
    yield "an hour", f"{_bars(hours)}  fetches in 24 h: {sum(hours)}, {sum(failed)} failed"
    yield "answers", _answers(status)
    yield "merged", f"{status.articles('merged')} tellings in 30 days;  held: {status.held}"
    readers = ", ".join(f"{escape(slug)} {number}" for slug, number in list(status.subscribers.items())[:_LISTED])
    yield "readers", readers or "none seen yet"
    yield "next", _next(status)
    yield "waiting", f"{show.counted(status.marks, 'document')} to be rendered"
    for trouble in status.refused:
        yield "refused", f"[red]{escape(trouble.subject.partition('/')[2])}[/]: {escape(trouble.detail)}"
    free = ", ".join(f"{in_megabytes(disk.free)} free at {disk.folder}" for disk in status.disks)
    yield "store", f"{in_megabytes(status.store_bytes)};  {escape(free)}"


def _counts(counts: Any) -> str:
    return ", ".join(f"{number} {what}" for what, number in counts.items() if number) or "none"


def _answers(status: Status) -> str:
    """Say in what time most of the day's answers came."""
    count = sum(status.seconds.values())
    if not count:
        return "none in the last day"
    said = []
    for share in (0.5, 0.95):
        seen = 0
        for bound, number in status.seconds.items():
            seen += number
            if seen >= share * count:
                said.append(f"{share:.0%} within {bound} s" if bound != "+Inf" else f"{share:.0%} later than 30 s")
                break
    return f"{', '.join(said)}, of {count} in a day"


def _next(status: Status) -> str:
    checks = status.next_checks[:3]
    return ", ".join(f"{escape(each.name)} {show.until(each.next_fetch_at, status.at)}" for each in checks) or "none"


def _bars(numbers: Sequence[int]) -> str:
    """Draw numbers as a row of little bars; what is not zero is seen."""
    most = max(numbers, default=0) or 1
    steps = len(_BARS) - 1
    return "".join(_BARS[-(-number * steps // most)] for number in numbers)


def _failures(reports: Sequence[SourceReport], now: datetime) -> Table:
    table = Table("source", "state", "what is wrong, and what helps", box=None, pad_edge=False, header_style="bold")
    for report in reports[:_LISTED]:
        state = f"{report.state} ({report.failures})" if report.failures > 1 else report.state
        helps = f"\n[bold]→[/] {escape(remedy(report))}" if remedy(report) else ""
        table.add_row(escape(report.name), show.styled(report.state, state), escape(show.remark(report, now)) + helps)
    if len(reports) > _LISTED:
        table.add_row("…", "", f"and {len(reports) - _LISTED} more: `aggregator sources`")
    return table

"""Repairing what is stored from the documents that were kept, after a fix in how documents are read."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from aggregator import wiring
from aggregator.cli import show
from aggregator.cli.commands import must_exist, run_to_end
from aggregator.cli.group import DONE, FAILED, cli
from aggregator.config import Settings
from aggregator.records import PublishReport, Reparsed


@cli.command()
@click.argument("names", metavar="[SOURCE]...", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def reparse(path: Path, names: tuple[str, ...], as_json: bool) -> int:
    """Read the kept documents of sources again, and repair the stored articles by them; nothing is fetched."""
    reports, published = run_to_end(_reparse(wiring.load_settings(path), names))
    if as_json:
        show.print_json(_json(reports, published))
    else:
        _print(reports, published)
    return FAILED if published.problems or any(report.problems for report in reports) else DONE


async def _reparse(settings: Settings, names: tuple[str, ...]) -> tuple[list[Reparsed], PublishReport]:
    async with wiring.assembled(settings) as app:
        must_exist(names, list(app.sources))
        chosen = [source for source in app.sources.values() if source.name in names or not names]
        reports = []
        with show.progress() as bar:
            for source in bar.track(chosen, description="reading again"):
                reports.append(await app.pipeline.reparse(source))
        return reports, await asyncio.to_thread(app.pipeline.publish)


def _json(reports: Sequence[Reparsed], published: PublishReport) -> dict[str, Any]:
    return {
        "looked_at": sum(report.looked_at for report in reports),
        "repaired": sum(report.repaired for report in reports),
        "sources": [
            {
                "source": report.source,
                "documents": report.documents,
                "looked_at": report.looked_at,
                "repaired": report.repaired,
                "problems": list(report.problems),
            }
            for report in reports
        ],
        "published": show.published_json(published),
    }


def _print(reports: Sequence[Reparsed], published: PublishReport) -> None:
    table = Table("source", box=None, pad_edge=False, header_style="bold")
    for heading in ("documents", "looked at", "repaired"):
        table.add_column(heading, justify="right")
    table.add_column("what went wrong", overflow="fold")
    for report in reports:
        counts = (report.documents, report.looked_at, report.repaired)
        shown = (str(count) if count else "[dim]·[/]" for count in counts)
        table.add_row(escape(report.source), *shown, escape(show.problem_line(report.problems)))
    console = show.out()
    console.print(table)
    if not any(report.documents for report in reports):
        console.print("no documents are kept; they are as they come in, if \\[store] raw_documents is not 0")
    if published.written or published.problems:
        console.print(show.published_line(published))

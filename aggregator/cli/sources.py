"""`aggregator sources`: how each source stands."""

from pathlib import Path

import click

from aggregator import wiring
from aggregator.cli import show
from aggregator.cli.group import DONE, cli


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def sources(path: Path, as_json: bool) -> int:
    """Show how each source stands."""
    settings = wiring.load_settings(path)
    reports = wiring.source_reports(settings)
    if as_json:
        show.print_json({"sources": [show.report_json(report) for report in reports]})
    else:
        console = show.out()
        console.print(show.sources_table(reports, wiring.utc_now(), console))
    return DONE

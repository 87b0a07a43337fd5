"""`aggregator check`: is the configuration as it should be?"""

from pathlib import Path

import click

from aggregator import config, wiring
from aggregator.cli import show
from aggregator.cli.group import DONE, USAGE, cli
from aggregator.errors import ConfigError


@cli.command()
@click.option("--schema", is_flag=True, help="Print the JSON Schema of the configuration, for editors.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def check(path: Path, schema: bool, as_json: bool) -> int:
    """Validate the configuration: every problem at once, with its place and what would be right."""
    if schema:
        click.echo(config.schema())
        return DONE
    try:
        settings = wiring.load_settings(path)
    except ConfigError as error:
        if not as_json:
            raise
        show.print_json({"ok": False, "problems": list(error.problems), "warnings": []})
        return USAGE
    warnings = config.warnings(settings)
    if as_json:
        show.print_json({"ok": True, "problems": [], "warnings": warnings})
        return DONE
    for warning in warnings:
        show.err().print(f"[yellow]note[/]  {show.escape(warning)}")
    count = len(wiring.sources_of(settings))
    wiring.secrets_of(settings)  # are they where they are said to be?
    show.out().print(f"[green]ok[/]  {show.escape(str(path))}: {show.counted(count, 'source')}")
    return DONE

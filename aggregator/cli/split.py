"""Undoing a merge: the articles that were taken for one story are kept apart from then on."""

import asyncio
from pathlib import Path

import click
from rich.markup import escape

from aggregator import wiring
from aggregator.cli import show
from aggregator.cli.commands import run_to_end
from aggregator.cli.explain import find
from aggregator.cli.group import DONE, FAILED, cli
from aggregator.config import Settings
from aggregator.records import PublishReport, Telling, Trace
from aggregator.urls import canonical


@cli.command()
@click.argument("what", metavar="CODE|URL")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def split(path: Path, what: str, as_json: bool) -> int:
    """Undo a merge for good: CODE is the article that was kept (all that joined it are split off), or one that joined
    it."""
    settings = wiring.load_settings(path)
    with wiring.glance(settings) as store:
        trace = find(store, what)
    if trace is None or not (parts := _parts(trace, what)):
        show.err().print(f"[red]error[/]  {_why_not(trace, what)}")
        return FAILED
    report = run_to_end(_split(settings, trace.info_code, [part.code for part in parts]))
    if as_json:
        said = [{"info_code": part.code, "source": part.source, "title": part.title} for part in parts]
        show.print_json({"kept": trace.info_code, "split": said, "published": show.published_json(report)})
    else:
        for part in parts:
            show.out().print(f"[green]split[/]  {part.code}  {escape(part.title)}  [dim]from {trace.info_code}[/]")
    return FAILED if report.problems else DONE


def _parts(trace: Trace, what: str) -> list[Telling]:
    """Give the tellings to split off: the one that is meant, or all but the one that the article is kept for."""
    joined = [telling for telling in trace.tellings if telling.code != trace.info_code]
    address = canonical(what)
    meant = [one for one in joined if one.code == what or (address and canonical(one.link) == address)]
    return meant or joined


def _why_not(trace: Trace | None, what: str) -> str:
    if trace is None:
        return f"no article is stored under {escape(what)!r}; `aggregator explain` takes a code, a guid or an address"
    return f"{trace.info_code} was not merged with another article; `aggregator explain {trace.info_code}` says more"


async def _split(settings: Settings, kept: str, codes: list[str]) -> PublishReport:
    async with wiring.assembled(settings) as app:
        app.pipeline.split(kept, codes)
        return await asyncio.to_thread(app.pipeline.publish)

"""A Jekyll site as the place where articles come from or go to: `import-jekyll` and `export-jekyll`."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape

from aggregator import press, wiring
from aggregator.cli import show
from aggregator.cli.commands import run_to_end
from aggregator.cli.group import DONE, FAILED, cli
from aggregator.config import Settings
from aggregator.errors import AggregatorError
from aggregator.records import ExportReport, Imported, PublishReport
from aggregator.sources.jekyll import batches, post_paths, root_of
from aggregator.urls import fold_name

_AT_ONCE = 100  # posts in one transaction
_LISTED = 10

Address = dict[str, str]  # a channel's name, its address before and now
Folder = click.Path(path_type=Path, file_okay=False)


# --- import -------------------------------------------------------------------------------------------


@cli.command("import-jekyll")
@click.argument("folder", metavar="DIR", type=Folder)
@click.option("--source", "name", default="jekyll", show_default=True, help="The name under which the posts come in.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def import_jekyll(path: Path, folder: Path, name: str, as_json: bool) -> int:
    """Take in the posts of a Jekyll site (DIR, or DIR/_posts) as past articles; categories come from their tags.

    A second run changes nothing, and one that was cut short goes on where it was.
    """
    settings = wiring.load_settings(path)
    paths = post_paths(folder)
    done, addresses, report = run_to_end(_import(settings, folder, name, paths))
    if as_json:
        show.print_json(_import_json(name, done, addresses, report))
    else:
        _print_import(done, addresses, report)
    return FAILED if done.skipped or report.problems else DONE


async def _import(
    settings: Settings, folder: Path, name: str, paths: Sequence[Path]
) -> tuple[Imported, list[Address], PublishReport]:
    source = wiring.past_source(settings, name, folder)
    done = Imported()
    async with wiring.assembled(settings) as app:
        with show.progress() as bar:
            task = bar.add_task("reading posts", total=len(paths))
            posts = batches(paths, root_of(folder), _AT_ONCE)
            async for step in app.pipeline.take_posts(source, settings.site.url, posts):
                done = done.joined(step)
                bar.update(task, advance=step.count())
            bar.add_task("publishing", total=None)
            report = await asyncio.to_thread(app.pipeline.publish)
        return done, _moved(done.categories, app), report


def _moved(categories: Mapping[str, str], app: wiring.App) -> list[Address]:
    """Give the channels whose addresses are others than the posts said."""
    now = app.store.slugs_of(fold_name(name) for name in categories)
    found = [{"name": name, "before": said, "now": now.get(fold_name(name), said)} for name, said in categories.items()]
    return sorted((each for each in found if each["before"] not in ("", each["now"])), key=lambda each: each["now"])


def _import_json(name: str, done: Imported, addresses: list[Address], report: PublishReport) -> dict[str, object]:
    return {
        "source": name,
        "new": done.new,
        "revised": done.revised,
        "unchanged": done.unchanged,
        "repeated": done.repeated,
        "gone": done.gone,
        "skipped": done.skipped,
        "problems": list(done.problems),
        "addresses": addresses,
        "published": show.published_json(report),
    }


def _print_import(done: Imported, addresses: list[Address], report: PublishReport) -> None:
    console = show.out()
    counts = [f"{done.new} new", f"{done.revised} revised", f"{done.unchanged} unchanged", f"{done.skipped} skipped"]
    counts += [f"{done.repeated} told twice"] if done.repeated else []
    counts += [f"{done.gone} removed here before"] if done.gone else []
    console.print(f"{show.counted(done.count(), 'post')}: {', '.join(counts)}")
    if report.written or report.problems:
        console.print(show.published_line(report))
    _list(show.err(), "[yellow]problem[/]", done.problems)
    if addresses and done.new:
        remedy = escape("[categories.<address>] names = [<name>]")
        console.print("[yellow]note[/]  the posts gave these channels other addresses; set before a first import,")
        console.print(f"      {remedy} keeps an old one")
        _list(console, "  ", ["{name}: {before} → {now}".format(**each) for each in addresses])


def _list(console: Console, label: str, texts: Sequence[str]) -> None:
    for text in texts[:_LISTED]:
        console.print(f"{label}  {escape(text)}")
    if len(texts) > _LISTED:
        console.print(f"{label}  … and {len(texts) - _LISTED} more; --json has them all")


# --- export -------------------------------------------------------------------------------------------


@cli.command("export-jekyll")
@click.argument("folder", metavar="DIR", type=Folder)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def export_jekyll(path: Path, folder: Path, as_json: bool) -> int:
    """Write every article as a post of the Jekyll site in DIR, and a page per category; keep them true to the store.

    Files that somebody else wrote or changed are left alone, and named.
    """
    settings = wiring.load_settings(path)
    report = _export(settings, folder)
    if as_json:
        show.print_json(
            {
                "written": report.written,
                "unchanged": report.unchanged,
                "removed": report.removed,
                "left": list(report.left),
            }
        )
    else:
        _print_export(folder, report)
    return FAILED if report.left else DONE


def _export(settings: Settings, folder: Path) -> ExportReport:
    from aggregator.publish.jekyll import Export

    if not settings.store.path.exists():
        raise AggregatorError(f"there is no store at {settings.store.path}; `aggregator fetch` begins one")
    with wiring.glance(settings) as store, show.progress() as bar:
        task = bar.add_task("writing posts", total=store.counts()["entries"])
        target = Export(wiring.site_as_configured(settings), folder)
        for count in press.export(store, target):
            bar.update(task, advance=count)
        return target.settle()


def _print_export(folder: Path, report: ExportReport) -> None:
    counts = f"{report.unchanged} unchanged, {report.removed} removed"
    written = f"{show.counted(report.written, 'file')} in {escape(str(folder))}"
    show.out().print(f"[bold]written[/]  {written}  [dim]{counts}[/]")
    if report.left:
        left = show.counted(len(report.left), "file")
        remedy = "what is removed, the next export writes again"
        show.err().print(f"[yellow]note[/]  {left} changed or written by somebody else and left alone; {remedy}")
        _list(show.err(), "[yellow]left[/]", report.left)

"""Looking after the store: `backup` and `restore`."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from aggregator import wiring
from aggregator.cli import show
from aggregator.cli.doctor import secret_files
from aggregator.cli.group import DONE, cli
from aggregator.store.backup import Condition, back_up, put_back


@cli.command()
@click.argument("target", metavar="PATH", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def backup(path: Path, target: Path, as_json: bool) -> int:
    """Copy the store to PATH, also while the daemon is at work; in a folder, under a name of its own.

    What else a restore needs is said; an existing file is never written over.
    """
    settings = wiring.load_settings(path)
    if target.is_dir():
        target /= f"{settings.store.path.stem}-{_stamp()}.db"
    condition = back_up(settings.store.path, target)
    keep = [str(each) for each in (path, *secret_files(settings))]
    if as_json:
        show.print_json({"backup": str(target), "bytes": target.stat().st_size, **_facts(condition), "keep": keep})
        return DONE
    console = show.out()
    console.print(f"[bold]backup[/]  {escape(str(target))}  {_size(target)}, whole: {_holds(condition)}")
    console.print(f"keep beside it: {escape(', '.join(keep))}")
    console.print("[dim]published files and the search index are made anew from the store[/]")
    return DONE


@cli.command()
@click.argument("copy", metavar="PATH", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def restore(path: Path, copy: Path, as_json: bool) -> int:
    """Put a backup in the place of the store, which is kept beside it. The daemon must not be running."""
    store = wiring.load_settings(path).store.path
    aside = store.with_name(f"{store.name}.before-{_stamp()}")
    condition = put_back(copy, store, aside)
    kept = str(aside) if aside.exists() else None
    if as_json:
        show.print_json({"restored": str(store), "from": str(copy), **_facts(condition), "kept": kept})
        return DONE
    console = show.out()
    console.print(f"[bold]restored[/]  {escape(str(store))} from {escape(str(copy))}: {_holds(condition)}")
    if kept:
        console.print(f"the store before it stands in {escape(kept)}; remove it when you do not need it any more")
    console.print("[dim]`aggregator run` or `aggregator publish` renders everything again[/]")
    return DONE


def _stamp() -> str:
    return f"{wiring.utc_now():%Y%m%dT%H%M%SZ}"


def _facts(condition: Condition) -> dict[str, Any]:
    facts = asdict(condition)
    return {name: facts[name] for name in ("entries", "channels", "last_fetch_at")}


def _holds(condition: Condition) -> str:
    counts = f"{show.counted(condition.entries, 'article')} in {show.counted(condition.channels, 'channel')}"
    return f"{counts}, last fetch {condition.last_fetch_at or 'never'}"


def _size(file: Path) -> str:
    size = file.stat().st_size
    return f"{size / 1_000_000:.1f} MB" if size >= 100_000 else f"{size / 1_000:.0f} KB"

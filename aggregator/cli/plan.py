"""What a changed configuration would do to the articles that are stored, before it is applied."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from aggregator import wiring
from aggregator.cli import show
from aggregator.cli.group import DONE, cli
from aggregator.plan import Articles, ChannelPlan, Plan

_SAMPLED = 2  # titles in a row


@cli.command("plan")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, with the codes of all articles.")
@click.pass_obj
def plan_command(path: Path, as_json: bool) -> int:
    """Say what the configuration, as it is now, will change in what is stored; nothing is fetched or changed.

    It is applied when the daemon takes it up, or at the next `fetch` or `publish`.
    """
    found = wiring.planned(wiring.load_settings(path))
    if as_json:
        show.print_json(_json(found))
    else:
        _print(found, show.out())
    return DONE


def _json(found: Plan) -> dict[str, Any]:
    return {
        "changes": not found.is_empty,
        "channels": [_channel_json(channel) for channel in found.channels],
        "dropped": _articles_json(found.dropped),
        "back": _articles_json(found.back),
        "reworded": _articles_json(found.reworded),
        "new_sources": list(found.new_sources),
        "gone_sources": [{"source": name, "articles": count} for name, count in found.gone_sources.items()],
        "looked_at": found.looked_at,
    }


def _channel_json(channel: ChannelPlan) -> dict[str, Any]:
    return {
        "slug": channel.slug,
        "title": channel.title,
        "what": channel.what or "changed",
        "was": list(channel.was),
        "articles": channel.articles,
        "joining": _articles_json(channel.joining),
        "leaving": _articles_json(channel.leaving),
    }


def _articles_json(articles: Articles) -> dict[str, Any]:
    return {"count": len(articles.codes), "codes": articles.codes, "titles": [each.title for each in articles.newest]}


def _print(found: Plan, console: Console) -> None:
    if found.is_empty:
        console.print("nothing would change in what is stored")
        return
    if found.channels:
        console.print(_table(found.channels))
    for old, new in found.deserted:
        told = f"all of [bold]{old}[/] goes to [bold]{new.slug}[/], but who reads it does not"
        console.print(f"{told}. To send readers on:")
        lines = f"[categories.{new.slug}]", f"names = [{json.dumps(new.name, ensure_ascii=False)}]", f'was = ["{old}"]'
        for text in lines:
            console.print(f"    {escape(text)}")
    for articles, what in (
        (found.dropped, "dropped: in no channel and on no page"),
        (found.back, "back: no rule drops them any more"),
        (found.reworded, "in other words than now"),
    ):
        if articles.codes:
            console.print(f"[bold]{show.counted(len(articles.codes), 'article')}[/] {what}{_like(articles)}")
    for name in found.new_sources:
        console.print(f"[bold]{escape(name)}[/] is new and will be fetched")
    for name, count in found.gone_sources.items():
        console.print(f"[bold]{escape(name)}[/] is not fetched any more; its {show.counted(count, 'article')} stay")
    console.print("[dim]nothing was changed; the daemon, `aggregator fetch` or `publish` applies it[/]")


def _table(channels: Sequence[ChannelPlan]) -> Table:
    table = Table("channel", box=None, pad_edge=False, header_style="bold")
    for heading in ("now", "joining", "leaving", "then"):
        table.add_column(heading, justify="right")
    table.add_column("for example", overflow="fold")
    for channel in channels:
        joining, leaving = len(channel.joining.codes), len(channel.leaving.codes)
        then = 0 if channel.what == "goes" else channel.articles + joining - leaving
        counts = [str(channel.articles), f"[green]+{joining}[/]" if joining else "[dim]·[/]"]
        counts += [f"[red]-{leaving}[/]" if leaving else "[dim]·[/]", str(then)]
        table.add_row(escape(channel.slug) + _remark(channel), *counts, _samples(channel))
    return table


def _remark(channel: ChannelPlan) -> str:
    match channel.what:
        case "new":
            return " [cyan](new)[/]"
        case "renamed":
            return f" [cyan](was {', '.join(channel.was)})[/]"
        case "goes":
            return " [magenta](goes)[/]"
    return ""


def _samples(channel: ChannelPlan) -> str:
    joining = [f"+ {escape(_title(each.title))}" for each in channel.joining.newest[:_SAMPLED]]
    leaving = [f"- {escape(_title(each.title))}" for each in channel.leaving.newest[:_SAMPLED]]
    return "\n".join(joining + leaving)


def _like(articles: Articles) -> str:
    return f", like {escape(_title(articles.newest[0].title))}" if articles.newest else ""


def _title(title: str) -> str:
    title = title or "(no title)"
    return title if len(title) <= 40 else title[:39] + "…"

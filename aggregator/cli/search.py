"""`aggregator search`: find articles by their words."""

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from aggregator import wiring
from aggregator.cli import show
from aggregator.cli.group import DONE, FAILED, cli
from aggregator.publish.words import words_in
from aggregator.store import SearchIndex
from aggregator.store.finding import Found
from aggregator.store.ranking import Hit

_WORTH_A_BAR = 1_000  # articles that wait to be indexed


@cli.command(context_settings={"ignore_unknown_options": True})  # -word is a word to leave out
@click.argument("words", nargs=-1, required=True, metavar="QUERY…")
@click.option("--limit", type=click.IntRange(1, 200), default=10, show_default=True, help="How many are shown.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def search(path: Path, words: tuple[str, ...], limit: int, as_json: bool) -> int:
    """Find articles: words, "a phrase", -without, this OR that, title:word."""
    settings = wiring.load_settings(path)
    asked = " ".join(words)
    with wiring.searching(settings) as index:
        _catch_up(index)
        found = index.find(asked, now=wiring.utc_now(), limit=limit)
    if as_json:
        show.print_json(_as_json(asked, found))
    else:
        _show(found, asked, ZoneInfo(settings.site.timezone))
    return DONE if found.hits or not found.remarks else FAILED


def _catch_up(index: SearchIndex) -> None:
    """Take in what came since; a bar shows only where that takes a while."""
    with show.progress() as bar:
        waiting = index.waiting()
        task = bar.add_task("indexing", total=waiting, visible=waiting > _WORTH_A_BAR)
        while taken := index.catch_up():
            bar.advance(task, taken)


def _as_json(asked: str, found: Found) -> dict[str, Any]:
    hits = [
        {
            "info_code": hit.entry.info_code,
            "title": hit.entry.title,
            "link": hit.entry.link,
            "source": hit.entry.source,
            "published": show.iso(hit.entry.sort_date),
            "channels": [channel.slug for channel in hit.entry.channels],
            "snippet": hit.snippet,
        }
        for hit in found.hits
    ]
    counted = {"count": found.count, "exact": found.exact, "more": found.more}
    return {"query": asked, **counted, "hits": hits, "problem": "; ".join(_said(found))}


def _said(found: Found) -> list[str]:
    return [words_in("en").remark(remark) for remark in found.remarks]


def _show(found: Found, asked: str, zone: ZoneInfo) -> None:
    console = show.out()
    for remark in _said(found):
        show.err().print(Text.assemble(("note  ", "yellow"), remark))
    for hit in found.hits:
        _show_hit(console, hit, zone)
    if not found.hits and not found.remarks:
        console.print(Text(f"nothing is found for {asked!r}; fewer or more usual words find more"))
    if found.more:
        about = f"{found.count:,}" if found.exact else f"about {found.count:,}"
        hint = "--limit shows more, another word narrows it down"
        console.print(f"[dim]{len(found.hits)} of {about} articles; {hint}[/]")


def _show_hit(console: Console, hit: Hit, zone: ZoneInfo) -> None:
    entry = hit.entry
    when = entry.sort_date.astimezone(zone).strftime("%Y-%m-%d %H:%M")
    console.print(Text.assemble((entry.title, "bold")))
    console.print(Text.assemble((f"  {when}  {entry.outlet or entry.source_title}  {entry.info_code}", "dim")))
    snippet = Text(hit.snippet)
    for begin, end in hit.marks:
        snippet.stylize("bold yellow", begin, end)
    if hit.snippet:
        console.print(Padding(snippet, (0, 0, 0, 2)))
    console.print()

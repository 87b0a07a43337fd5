"""Trying a source: what its next refresh would store, shown and not stored."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from aggregator import markup, wiring
from aggregator.cli import show
from aggregator.cli.commands import must_exist, run_to_end
from aggregator.cli.group import DONE, FAILED, cli
from aggregator.config import Settings
from aggregator.records import FeedFacts, Preview, PreviewItem
from aggregator.urls import without_login

_EXCERPT = 200
_HEADINGS = ("what", "date", "title", "code", "categories")
_GAP = 2  # between two columns
_STYLES = {
    "new": "cyan",
    "merged": "cyan",
    "revised": "yellow",
    "unchanged": "dim",
    "passed over": "dim",
    "held": "yellow",
    "dropped": "dim",
}


@cli.command("test")
@click.argument("name", metavar="SOURCE")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, with all fields.")
@click.pass_obj
def preview(path: Path, name: str, as_json: bool) -> int:
    """Fetch a source and show what would be stored; nothing is, and its next fetch is not put off.

    Where each text comes by a request of its own, the first is fetched.
    """
    settings = wiring.load_settings(path)
    found = run_to_end(_preview(_with_enabled(settings, name), name))
    if as_json:
        show.print_json(_json(found))
    else:
        _print(found, ZoneInfo(settings.site.timezone))
    return DONE if _is_read(found) else FAILED


def _is_read(found: Preview) -> bool:
    """A subscription list has no facts and no articles; what it has are links, and no problem."""
    return found.facts is not None or not found.problems


def _with_enabled(settings: Settings, name: str) -> Settings:
    """A source that is switched off may be tried before it is switched on."""
    table = settings.sources.get(name)
    if table is None or table.enabled:
        return settings
    enabled = table.model_copy(update={"enabled": True})
    return settings.model_copy(update={"sources": {**settings.sources, name: enabled}})


async def _preview(settings: Settings, name: str) -> Preview:
    async with wiring.looking(settings) as app:
        must_exist((name,), list(app.sources))
        with show.progress() as bar:
            bar.add_task(f"fetching [dim]{escape(name)}[/]", total=None)
            return await app.pipeline.preview(app.sources[name])


# --- as JSON -----------------------------------------------------------------------------------------


def _json(found: Preview) -> dict[str, Any]:
    return {
        "source": found.source,
        "url": without_login(found.url),
        "ok": _is_read(found),
        "feed": _facts_json(found.facts) if found.facts else None,
        "items": [_item_json(item) for item in found.items],
        "links": [{"url": without_login(link.url), "title": link.title} for link in found.links or ()],
        "problems": list(found.problems),
    }


def _facts_json(facts: FeedFacts) -> dict[str, Any]:
    return {
        "title": facts.title,
        "link": facts.link,
        "id": facts.id,
        "format": facts.format,
        "language": facts.language,
        "rights": facts.rights,
        "updated": facts.updated,
        "ttl_minutes": facts.ttl_minutes,
    }


def _item_json(item: PreviewItem) -> dict[str, Any]:
    entry = item.entry
    return {
        "what": item.what,
        "info_code": item.info_code,
        "title": entry.title,
        "link": entry.link,
        "guid": entry.guid,
        "published": show.iso(entry.published),
        "updated": show.iso(entry.updated),
        "published_text": entry.published_text,
        "author": entry.author,
        "outlet": entry.outlet,
        "language": entry.language,
        "categories": list(item.categories),
        "tags": list(entry.tags),
        "enclosures": [{"url": file.url, "type": file.type, "length": file.length} for file in entry.enclosures],
        "summary": markup.excerpt(entry.summary or entry.content, _EXCERPT),
        "content_length": len(entry.content),
        "article_url": entry.article_url,
    }


# --- for people ----------------------------------------------------------------------------------------


def _print(found: Preview, zone: ZoneInfo) -> None:
    console = show.out()
    for label, text in _facts(found):
        console.print(f"[bold]{label:<9}[/] {escape(text)}")
    if found.items:
        console.print()
        console.print(_table(found.items, zone, console))
    for link in found.links or ():
        console.print(f"[bold]{'names':<9}[/] {escape(without_login(link.url))}  {escape(link.title)}")
    if _is_read(found):
        console.print("\n[dim]nothing was stored; `aggregator fetch` does that[/]")
    label = "[yellow]problem[/]" if _is_read(found) else "[red]error[/]"
    for problem in found.problems:
        show.err().print(f"{label}  {escape(problem)}")


def _facts(found: Preview) -> list[tuple[str, str]]:
    """Give what is said above the table, without what the feed leaves out."""
    facts = found.facts
    said = [("source", found.source), ("address", without_login(found.url))]
    if facts is None:
        return said
    counts = Counter(item.what for item in found.items)
    said += [("title", facts.title), ("page", facts.link), ("format", facts.format), ("language", facts.language)]
    told = ", ".join(f"{number} {what}" for what, number in counts.items())
    said.append(("articles", f"{len(found.items)} ({told})" if told else "none"))
    if facts.ttl_minutes:
        said.append(("asks for", f"{facts.ttl_minutes} min between two fetches"))
    owed = [item.entry for item in found.items if item.what == "new" and item.entry.article_url]
    if owed:
        said.append(("texts", f"{len(owed)} would be fetched by a request each"))
    said += [("of one", markup.excerpt(entry.content, _EXCERPT)) for entry in owed if entry.row_fingerprint]
    return [(label, text) for label, text in said if text]


def _table(items: Sequence[PreviewItem], zone: ZoneInfo, console: Console) -> Table:
    """One line an article. Where the terminal is narrow, titles give way: part of a code or a date is of no use."""
    rows = [_row(item, zone) for item in items]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading, width in zip(_HEADINGS, _widths(rows, console.width), strict=True):
        table.add_column(heading, no_wrap=True, overflow="ellipsis", width=width)
    for item, row in zip(items, rows, strict=True):
        table.add_row(f"[{_STYLES[item.what]}]{item.what}[/]", *map(escape, row[1:]))
    return table


def _widths(rows: Sequence[tuple[str, ...]], room: int) -> tuple[int, ...]:
    columns = zip(_HEADINGS, *rows, strict=True)
    what, date, title, code, categories = (max(map(cell_len, column)) for column in columns)
    categories = min(categories, max(len(_HEADINGS[-1]), room // 5))
    left = room - what - date - code - categories - _GAP * (len(_HEADINGS) - 1)
    return what, date, min(title, max(left, len("title"))), code, categories


def _row(item: PreviewItem, zone: ZoneInfo) -> tuple[str, str, str, str, str]:
    date = _date(item.entry.published or item.entry.updated, zone)
    return item.what, date, item.entry.title or "(no title)", item.info_code, ", ".join(item.categories)


def _date(moment: datetime | None, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}" if moment else "–"

"""Why things are as they are: an article's story, a source's next check; and what the operator decides about them."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from aggregator import identify, wiring
from aggregator.cli import show
from aggregator.cli.commands import must_exist, run_to_end
from aggregator.cli.group import DONE, FAILED, cli
from aggregator.config import Settings
from aggregator.records import Alias, Brought, Origin, Placed, PublishReport, SourceReport, Trace, Withdrawn
from aggregator.store import Store
from aggregator.urls import canonical, without_login


@cli.command()
@click.argument("what", metavar="CODE|URL|SOURCE")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def explain(path: Path, what: str, as_json: bool) -> int:
    """Say where an article came from and where it went, or how a source stands and why it is checked when it is."""
    settings = wiring.load_settings(path)
    with wiring.glance(settings) as store:
        report = store.source_report(what, wiring.utc_now())
        trace = None if report else find(store, what)
    if report is not None:
        _show_source(report, as_json)
        return DONE
    if trace is not None:
        _show_article(trace, _files(settings, trace), as_json)
        return DONE
    if as_json:
        show.print_json({"found": False})
    shown = escape(wiring.discreet(settings)(what))
    show.err().print(f"[red]error[/]  nothing is stored under {shown!r}, and no source has that name")
    return FAILED


def find(store: Store, what: str) -> Trace | None:
    """Give the story of the article that goes by this code, guid or address."""
    names = [Alias("code", what), Alias("guid", what), Alias("url", canonical(what))]
    if code := identify.recognised(what):
        names.insert(0, Alias("code", code))
    codes = store.codes_of(names)
    found = next((codes[name] for name in names if name in codes), None)
    return store.trace(found) if found else None


def _show_source(report: SourceReport, as_json: bool) -> None:
    if as_json:
        show.print_json(show.report_json(report))
        return
    now = wiring.utc_now()
    rows = [
        ("source", report.name),
        ("address", without_login(report.url)),
        ("fetched from", without_login(report.fetched_from)),
        ("came with", report.parent or ""),
        ("state", report.state),
        ("remark", show.remark(report, now)),
        ("checked", show.ago(report.last_fetch_at, now)),
        ("next check", show.until(report.next_fetch_at, now)),
        ("why then", report.next_reason),
        ("articles", f"{report.entries}, {report.entries_per_week:.1f} a week lately"),
        ("newest came", show.ago(report.last_new_at, now)),
    ]
    show.out().print(_facts(rows))


def _files(settings: Settings, trace: Trace) -> list[str]:
    from aggregator.publish.find import holding  # with all that renders: only where it is asked

    slugs = [channel.slug for channel in trace.placed]
    return holding(settings.publish.directory, trace.info_code, slugs) if slugs else []


def _show_article(trace: Trace, files: Sequence[str], as_json: bool) -> None:
    if as_json:
        show.print_json({**show.trace_json(trace), "published_in": list(files)})
        return
    rows = [
        ("code", trace.info_code),
        ("title", trace.title or "(no article is stored under this code: it was passed over or removed)"),
        ("link", trace.link),
        ("state", _state(trace)),
        ("published", trace.published_text),
        ("first seen", trace.first_seen),
        ("updated", f"{trace.updated}, revision {trace.revision}" if trace.title else ""),
        ("absorbed", _absorbed(trace)),
        ("text from", trace.source),
        *(("brought by", _brought(item)) for item in trace.provenance),
        *(("also told as", f"{item.code}  {item.title}") for item in trace.tellings if item.code != trace.info_code),
        *(("kept apart", f"from {code}, split off by hand") for code in trace.apart),
        *(("known as", f"{name.kind} {name.value}".replace("\n", " ")) for name in trace.names if name.kind != "text"),
        *(row for origin in trace.origins for row in _came(origin)),
        *(("taken back", _taken_back(item)) for item in trace.withdrawn),
        *(("stands in", f"{item.title}  category/{item.slug}, by {_reason(item)}") for item in trace.placed),
        *(("published in", line) for line in _by_document(files)),
    ]
    show.out().print(_facts(rows))


def _brought(item: Brought) -> str:
    return f"{item.source} at {item.first_seen}  {item.link}" + (f"\nmerged: {item.why}" if item.why else "")


def _came(origin: Origin) -> Iterator[tuple[str, str]]:
    """Tell of one reading: how the document was fetched, what it was, and how the article was recognised in it."""
    articles = show.counted(origin.entries, "article")
    yield origin.what, f"from {origin.source} at {origin.at}, in a document of {articles}"
    yield "  fetched", f"from {origin.url}, status {origin.status}"
    for hop in origin.redirects:
        status, _, target = hop.partition(" ")
        yield "  moved", f"{status} to {target}"
    said = f", said to be {origin.content_type}" if origin.content_type else ""
    yield "  read", f"as {origin.format}{said}"
    for note in origin.notes:
        yield "  noted", note
    if origin.matched:
        yield "  known by", origin.matched.replace("\n", " ")


def _taken_back(item: Withdrawn) -> str:
    said = f", which says since {item.said_at}" if item.said_at else ""
    return f"by {item.source}{said}; seen at {item.noted_at}{f': {item.comment}' if item.comment else ''}"


def _reason(item: Placed) -> str:
    """Say why an article stands in a channel."""
    rules = {
        "category": f"a fixed category of {item.source}",
        "name": f"the name of {item.source}, which gives it no category",
        "": f"{item.source}" if item.source else "the channel's own rule",
    }
    if item.rule.startswith("rule "):
        return f"the configuration's {item.rule}"
    return rules.get(item.rule, f"its {item.rule}, as {item.source} gives it")


def _by_document(files: Sequence[str]) -> list[str]:
    """Give a line a document, with the formats that hold the article."""
    formats: dict[str, list[str]] = {}
    for path in files:
        stem, _, suffix = path.rpartition(".")
        formats.setdefault(stem, []).append(f".{suffix}")
    return [f"{stem} {' '.join(suffixes)}" for stem, suffixes in formats.items()]


def _absorbed(trace: Trace) -> str:
    return f"{show.counted(trace.retouched, 'change')} of its markup or counters only" if trace.retouched else ""


def _state(trace: Trace) -> str:
    if not trace.held_since:
        return trace.state
    if trace.state != "held":
        return f"{trace.state}, after it was held at {trace.held_since}: {trace.held_reason}"
    missing = f"; not in the document of {trace.missing_since}" if trace.missing_since else ""
    return f"held since {trace.held_since}: {trace.held_reason}{missing}"


def _facts(rows: list[tuple[str, str]]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    last: Any = None
    for name, value in rows:
        if value:
            table.add_row("" if name == last else name, escape(value))
            last = name
    return table


@cli.command()
@click.argument("what", metavar="CODE|URL")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def retract(path: Path, what: str, as_json: bool) -> int:
    """Remove an article everywhere, for good: whichever source brings it again, it stays away."""
    settings = wiring.load_settings(path)
    with wiring.glance(settings) as store:
        trace = find(store, what)
    if trace is None or not trace.title:
        show.err().print(f"[red]error[/]  no article is stored under {escape(wiring.discreet(settings)(what))!r}")
        return FAILED
    report = run_to_end(_retract(settings, trace.info_code))
    if as_json:
        show.print_json({"retracted": trace.info_code, "title": trace.title, "published": show.published_json(report)})
    else:
        show.out().print(f"[green]retracted[/]  {trace.info_code}  {escape(trace.title)}")
    return FAILED if report.problems else DONE


async def _retract(settings: Settings, code: str) -> PublishReport:
    async with wiring.assembled(settings) as app:
        app.store.retract(code, wiring.utc_now())
        return await asyncio.to_thread(app.pipeline.publish)


@cli.command()
@click.argument("source")
@click.option("--discard", is_flag=True, help="Remove what is held for good; a source under review stays so.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def release(path: Path, source: str, discard: bool, as_json: bool) -> int:
    """Publish what is held of a source, and trust it again."""
    settings = wiring.load_settings(path)
    titles, report = run_to_end(_release(settings, source, discard))
    done = "discarded" if discard else "released"
    if as_json:
        articles = [{"info_code": code, "title": title} for code, title in titles.items()]
        show.print_json({"source": source, done: articles, "published": show.published_json(report)})
        return FAILED if report.problems else DONE
    for code, title in titles.items():
        show.out().print(f"[dim]{code}[/]  {escape(title)}")
    show.out().print(f"[green]{done}[/]  {show.counted(len(titles), 'article')} of {escape(source)}")
    return FAILED if report.problems else DONE


async def _release(settings: Settings, source: str, discard: bool) -> tuple[dict[str, str], PublishReport]:
    async with wiring.assembled(settings) as app:
        held = app.store.held(source)
        if not held:  # what a source brought that is configured no more may be held, too
            must_exist((source,), list(app.sources))
        if discard:
            _discard(app.store, held)
        else:
            app.pipeline.release(source)
        return held, await asyncio.to_thread(app.pipeline.publish)


def _discard(store: Store, codes: Iterable[str]) -> None:
    with store.writing():
        for code in codes:
            store.retract(code, wiring.utc_now())


@cli.command()
@click.argument("source")
@click.pass_obj
def unmove(path: Path, source: str) -> int:
    """Fetch a source from its configured address again, after a move that was not wanted; it is not followed again."""
    settings = wiring.load_settings(path)
    sources = wiring.sources_of(settings)
    must_exist((source,), list(sources))
    with wiring.open_store(settings, sources) as store:
        moved = store.fetch_as_configured(source, wiring.utc_now())
    text = "is fetched from its configured address again" if moved else "is fetched from its configured address already"
    show.out().print(f"{escape(source)} {text}")
    return DONE



"""Subscribing: feeds become sources of the configuration, by address or from a list; and sources become a list."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import click
from rich.markup import escape
from rich.table import Table

from aggregator import config, wiring
from aggregator.cli import show
from aggregator.cli.commands import run_to_end
from aggregator.cli.group import DONE, FAILED, cli
from aggregator.config import NewSource, Settings, SourceTable
from aggregator.errors import AggregatorError
from aggregator.records import FeedLink, Outline, Preview, Unreadable
from aggregator.urls import canonical, host, without_login

_LONGEST_TITLE = 300
_FORMATS = {"rss20": "RSS 2.0", "rss10": "RSS 1.0", "rss090": "RSS 0.90", "atom10": "Atom 1.0", "atom03": "Atom 0.3"}
_FORMATS |= {"json11": "JSON Feed 1.1", "json10": "JSON Feed 1.0"}
_FOR_READERS = ("feed", "opml")  # what a feed reader can follow, and the lists that stand for such feeds


# --- what is subscribed -------------------------------------------------------------------------------


class Subscribed:
    """The names of the sources that are there, and which of them read an address."""

    def __init__(self, settings: Settings) -> None:
        self.names = {name.lower() for name in settings.sources}
        self.shown = wiring.discreet(settings)
        self._by_address: dict[str, list[str]] = {}
        for name, table in settings.sources.items():
            self._note(name, table.url)
        with wiring.glance(settings) as store:
            for name, _, outline in store.children():
                self._note(name, outline.url)
            for report in store.source_reports(wiring.utc_now()):
                if report.fetched_from and report.name in settings.sources:
                    self._note(report.name, store.memory(report.name).url)

    def _note(self, name: str, url: str) -> None:
        self.names.add(name.lower())
        self._by_address.setdefault(_key(url), []).append(name)

    def by(self, *urls: str) -> tuple[str, ...]:
        """Give the sources that read one of these addresses, in whatever spelling."""
        return tuple(dict.fromkeys(name for url in urls for name in self._by_address.get(_key(url), ())))

    def take(self, title: str, url: str, name: str | None = None) -> str:
        """Give a new source its name: the one that was asked for, or one of its own."""
        chosen = name or config.source_name(title, url, self.names)
        self._note(chosen, url)
        return chosen


def _key(url: str) -> str:
    return canonical(url) or url


def _address(text: str) -> str:
    """Give the address that somebody means: `feed:` and a missing scheme are what browsers take them for."""
    url = text.strip()
    if url.lower().startswith("feed:"):
        rest = url[5:]
        url = rest if rest.lower().startswith(("http:", "https:")) else f"http:{rest}"
    return url if "://" in url or url.lower().startswith("file:") else f"https://{url.lstrip('/')}"


# --- add ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Found:
    """What an address gave: a feed at `url`, or sources that have it already, or a problem in words.

    `links` are the feeds that were to choose from, where it is the address of a page.
    """

    asked: str
    url: str = ""
    preview: Preview | None = None
    links: tuple[FeedLink, ...] | None = None
    already: tuple[str, ...] = ()
    problem: str = ""


@cli.command()
@click.argument("urls", metavar="URL...", nargs=-1, required=True)
@click.option("--name", help="What to call the source (one URL only); without it, by its title.")
@click.option("--category", "categories", metavar="NAME", multiple=True, help="A channel for it; repeatable.")
@click.option("--yes", "-y", is_flag=True, help="Ask nothing: of the feeds of a page, take the likeliest.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def add(
    path: Path, urls: tuple[str, ...], name: str | None, categories: tuple[str, ...], yes: bool, as_json: bool
) -> int:
    """Subscribe to feeds, by their own address or by a page's: each becomes a source of the configuration."""
    settings = wiring.load_settings(path)
    subscribed = Subscribed(settings)
    if name is not None:
        _must_be_free(name, urls, subscribed)
    ask = not yes and not as_json and sys.stdin.isatty() and sys.stdout.isatty()
    found = _found(settings, urls, subscribed, ask=ask, quiet=as_json)
    new, found = _named(found, subscribed, name, _cleaned(categories))
    config.add_sources(path, [source for source, _ in new], wiring.checks())
    if as_json:
        show.print_json(_added_json(new, found))
    else:
        _print_added(path, new, found)
    return FAILED if any(each.problem for each in found) else DONE


def _must_be_free(name: str, urls: Sequence[str], subscribed: Subscribed) -> None:
    if len(urls) > 1:
        raise click.UsageError("--name names one source; give one URL with it, or leave it out")
    if name.lower() in subscribed.names:
        raise click.UsageError(f"there is a source {name!r} already; give another --name, or leave it out")
    if not name.strip() or name != name.strip() or not name.isprintable() or len(name) > 100:
        raise click.UsageError(f"--name: {name!r} is no source name; use letters, digits and hyphens")


def _found(settings: Settings, urls: Sequence[str], subscribed: Subscribed, *, ask: bool, quiet: bool) -> list[Found]:
    """Look at each address; where it is a page's, choose among its feeds and look at that one."""
    found = run_to_end(_look(settings, [_address(url) for url in urls], subscribed))
    chosen = [_chosen(each, ask=ask, quiet=quiet) if each.links else each for each in found]
    if all(each.links is None for each in chosen):
        return chosen
    return run_to_end(_look_behind(settings, chosen, subscribed))


async def _look(settings: Settings, urls: Sequence[str], subscribed: Subscribed) -> list[Found]:
    found: list[Found] = []
    async with wiring.looking(settings) as app:
        with show.progress() as bar:
            for url in bar.track(urls, description="looking"):
                found.append(await _at(app, settings, url, subscribed))
    return found


async def _at(app: wiring.App, settings: Settings, url: str, subscribed: Subscribed) -> Found:
    """Say what stands at an address. What is subscribed already is not asked for."""
    shown = subscribed.shown(url)
    if already := subscribed.by(url):
        return Found(shown, url, already=already)
    if not host(url) and not url.lower().startswith("file:"):
        return Found(shown, problem="is no web address; write it like https://host/path")
    preview = await app.pipeline.preview(wiring.trial_source(settings, url))
    if preview.facts is not None:
        return Found(shown, _settled(url, preview.url), preview, already=subscribed.by(preview.url))
    return Found(shown, url, links=preview.links, problem="; ".join(preview.problems))


def _settled(asked: str, final: str) -> str:
    """Take over where a redirect led only when it is the same address, better spelt: others may be temporary."""
    same = canonical(asked) == canonical(final) and asked == without_login(asked)
    return final if same and not (asked.startswith("https:") and not final.startswith("https:")) else asked


def _chosen(found: Found, *, ask: bool, quiet: bool) -> Found:
    """Show the feeds of a page, where there are several. One that a person chose is the only one that is tried."""
    links = found.links or ()
    if len(links) < 2 or quiet:
        return found
    console = show.out()
    console.print(f"{escape(found.asked)} names {len(links)} feeds:")
    for number, link in enumerate(links, 1):
        console.print(f"  {number}  {escape(link.title or '(no title)')}  [dim]{escape(without_login(link.url))}[/]")
    if not ask:
        console.print("taking the first (feeds of comments stand last); to take another, give its own address\n")
        return found
    number = click.prompt("which one", type=click.IntRange(1, len(links)), default=1)
    return replace(found, links=(links[number - 1],))


async def _look_behind(settings: Settings, found: Sequence[Found], subscribed: Subscribed) -> list[Found]:
    async with wiring.looking(settings) as app:
        return [each if each.links is None else await _behind(app, settings, each, subscribed) for each in found]


async def _behind(app: wiring.App, settings: Settings, page: Found, subscribed: Subscribed) -> Found:
    """Give the first feed of a page that can be read; a page that names none is asked at the usual places."""
    tried = []
    for url in _candidates(page):
        found = await _at(app, settings, url, subscribed)
        if found.preview or found.already:
            return replace(found, asked=page.asked)
        tried.append(f"{found.asked}: {found.problem}")
    if page.links:
        return replace(page, problem=f"the feeds that it names cannot be read: {show.problem_line(tried)}")
    tries = f"none stands at the {len(tried)} usual places either" if tried else "there are no usual places to look at"
    return replace(page, problem=f"{page.problem}; it names no feed, and {tries}; give the feed's own address")


def _candidates(page: Found) -> list[str]:
    from aggregator.parse import usual_places

    return [link.url for link in page.links or ()] or list(usual_places(page.url))


def _named(
    found: Iterable[Found], subscribed: Subscribed, name: str | None, categories: tuple[str, ...]
) -> tuple[list[tuple[NewSource, Preview]], list[Found]]:
    """Make sources of the feeds that were found. Give them, and what each address came to in the end."""
    new, outcomes = [], []
    for each in found:
        already = each.already or (subscribed.by(each.url) if each.preview else ())
        outcomes.append(replace(each, already=already))
        if each.preview and each.preview.facts and not already:
            chosen = subscribed.take(each.preview.facts.title, each.url, name)
            new.append((NewSource(chosen, each.url, categories=categories), each.preview))
    return new, outcomes


def _newest(preview: Preview) -> datetime | None:
    dates = [item.entry.published or item.entry.updated for item in preview.items]
    return max((date for date in dates if date), default=None)


def _format_of(preview: Preview) -> str:
    said = preview.facts.format if preview.facts else ""
    return _FORMATS.get(said, said)


def _added_json(new: Sequence[tuple[NewSource, Preview]], found: Sequence[Found]) -> dict[str, Any]:
    return {
        "added": [_new_json(source, preview) for source, preview in new],
        "already": [{"url": each.asked, "sources": list(each.already)} for each in found if each.already],
        "failed": [{"url": each.asked, "problem": each.problem} for each in found if each.problem],
    }


def _new_json(source: NewSource, preview: Preview) -> dict[str, Any]:
    return {
        "source": source.name,
        "url": without_login(source.url),
        "title": preview.facts.title if preview.facts else "",
        "format": preview.facts.format if preview.facts else "",
        "entries": len(preview.items),
        "newest": show.iso(_newest(preview)),
        "categories": list(source.categories),
        "problems": list(preview.problems),
    }


def _print_added(path: Path, new: Sequence[tuple[NewSource, Preview]], found: Sequence[Found]) -> None:
    if new:
        console = show.out()
        console.print(_added_table(new, wiring.utc_now()))
        count = f"{len(new)} source{'s' * (len(new) != 1)}"
        command = "aggregator fetch " + " ".join(source.name for source, _ in new)
        console.print(f"\n[green]added[/]  {count} to {escape(str(path))}; next: {escape(command)}")
    for each in found:
        if each.already:
            names = escape(_listed(each.already))
            show.err().print(f"[yellow]note[/]  {escape(each.asked)} is subscribed already, as {names}")
        elif each.problem:
            show.err().print(f"[red]error[/]  {escape(each.asked)}: {escape(each.problem)}")


def _added_table(new: Sequence[tuple[NewSource, Preview]], now: datetime) -> Table:
    table = Table("source", box=None, pad_edge=False, header_style="bold")
    table.add_column("title", overflow="fold")
    table.add_column("format")
    table.add_column("entries", justify="right")
    table.add_column("newest")
    table.add_column("address", overflow="fold")
    for source, preview in new:
        title = preview.facts.title if preview.facts else ""
        newest = show.ago(_newest(preview), now) if _newest(preview) else "–"
        cells = (source.name, title, _format_of(preview), str(len(preview.items)), newest, without_login(source.url))
        table.add_row(*(escape(cell) for cell in cells))
    return table


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


# --- import-opml --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Imported:
    """What a subscription list comes to: new sources, addresses that were there, and outlines that cannot be used."""

    new: list[NewSource] = field(default_factory=list)
    already: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    skipped: list[tuple[Outline, str]] = field(default_factory=list)


@cli.command("import-opml")
@click.argument("file", type=click.File("rb"))
@click.option(
    "--category-from-folders/--no-category-from-folders",
    "by_folder",
    default=True,
    show_default=True,
    help="Let the folders of the list be the categories of its feeds.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def import_opml(path: Path, file: IO[bytes], by_folder: bool, as_json: bool) -> int:
    """Subscribe to every feed of an OPML list that is not subscribed yet; "-" reads the list from stdin."""
    settings = wiring.load_settings(path)
    outlines = run_to_end(wiring.outlines_of(file.read()))
    if isinstance(outlines, Unreadable):
        raise AggregatorError(f"{file.name} is no subscription list: {outlines.detail}; an OPML file would be right")
    imported = _imported(outlines, Subscribed(settings), by_folder)
    if imported.new:
        config.add_sources(path, imported.new, wiring.checks())
    if as_json:
        show.print_json(_imported_json(imported))
    else:
        _print_imported(path, imported)
    return FAILED if imported.skipped else DONE


def _imported(outlines: Iterable[Outline], subscribed: Subscribed, by_folder: bool) -> Imported:
    """Sort a list out. A feed that stands in several folders becomes one source with all their categories."""
    imported, there = Imported(), set()
    chosen: dict[str, Outline] = {}
    for outline in outlines:
        url = _address(outline.url)
        key = _key(url)
        if key in chosen:
            chosen[key] = replace(chosen[key], categories=chosen[key].categories + outline.categories)
        elif names := subscribed.by(url):
            if key not in there:
                imported.already.append((subscribed.shown(url), names))
            there.add(key)
        elif fault := _fault_of(outline, url):
            imported.skipped.append((outline, fault))
        else:
            chosen[key] = replace(outline, url=url)
    for outline in chosen.values():
        imported.new.append(_source_of(outline, subscribed, by_folder))
    return imported


def _fault_of(outline: Outline, url: str) -> str:
    if not outline.url.strip():
        return "it has no address"
    if not url.lower().startswith(("http://", "https://")):
        return "it is not on the web; a file of this machine is added by hand"
    return "" if host(url) else "it is no web address"


def _source_of(outline: Outline, subscribed: Subscribed, by_folder: bool) -> NewSource:
    (title,) = _cleaned([outline.title]) or ("",)
    name = subscribed.take("" if title == outline.url else title, outline.url)
    says_more = title not in (name, outline.url)
    return NewSource(name, outline.url, title if says_more else "", _cleaned(outline.categories) if by_folder else ())


def _cleaned(names: Iterable[str]) -> tuple[str, ...]:
    """Give names as a configuration may hold them, each once: on one line, not empty, not endless."""
    lines = (" ".join("".join(c if c.isprintable() else " " for c in name).split()) for name in names)
    return tuple(dict.fromkeys(line[:_LONGEST_TITLE] for line in lines if line))


def _imported_json(imported: Imported) -> dict[str, Any]:
    return {
        "added": [
            {
                "source": source.name,
                "url": without_login(source.url),
                "title": source.title,
                "categories": list(source.categories),
            }
            for source in imported.new
        ],
        "already": [{"url": url, "sources": list(names)} for url, names in imported.already],
        "skipped": [
            {"url": without_login(outline.url), "title": outline.title, "reason": reason}
            for outline, reason in imported.skipped
        ],
    }


def _print_imported(path: Path, imported: Imported) -> None:
    for outline, reason in imported.skipped:
        called = outline.title or "an outline without title"
        show.err().print(f"[yellow]skipped[/]  {escape(called)} ({escape(without_login(outline.url))}): {reason}")
    counts = f"{len(imported.new)} added to {escape(str(path))}, {len(imported.already)} already there"
    show.out().print(f"[green]done[/]  {counts}, {len(imported.skipped)} skipped")


# --- export-opml --------------------------------------------------------------------------------------


@cli.command("export-opml")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), default="-")
@click.pass_obj
def export_opml(path: Path, file: Path) -> int:
    """Write the feeds that are followed as OPML 2.0, for another reader or aggregator; to stdout without FILE."""
    from aggregator.publish import subscription_list

    settings = wiring.load_settings(path)
    body = subscription_list(settings.site.title, list(_subscriptions(settings)))
    if str(file) == "-":
        sys.stdout.buffer.write(body)
    else:
        config.replace_file(file, body)
    if left_out := list(_left_out(settings)):
        names = escape(", ".join(left_out))
        show.err().print(f"[yellow]note[/]  left out, being nothing that a reader can follow: {names}")
    return DONE


def _subscriptions(settings: Settings) -> Iterator[Any]:
    from aggregator.publish import Subscription

    with wiring.glance(settings) as store:
        titles = {report.name: report.title for report in store.source_reports(wiring.utc_now())}
        for name, table in settings.sources.items():
            if _is_told(table) and table.kind == "feed" and not table.url.lower().startswith("file:"):
                title = table.title or titles.get(name) or name
                yield Subscription(table.url, title, store.memory(name).home, table.fixed_categories())
        for name, parent, outline in store.children():
            if parent in settings.sources and settings.sources[parent].private:
                continue
            title = outline.title or titles.get(name) or name
            yield Subscription(outline.url, title, store.memory(name).home, outline.categories)


def _is_told(table: SourceTable) -> bool:
    return table.enabled and not table.private


def _left_out(settings: Settings) -> Iterator[str]:
    for name, table in settings.sources.items():
        if not table.enabled:
            yield f"{name} (not enabled)"
        elif table.private:
            yield f"{name} (private)"
        elif table.kind not in _FOR_READERS:
            yield f"{name} (kind {table.kind})"
        elif table.kind == "feed" and table.url.lower().startswith("file:"):
            yield f"{name} (a file of this machine)"

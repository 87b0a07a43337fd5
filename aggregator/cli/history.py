"""What an article said before: its versions, and what each changed."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from aggregator import identify, wiring
from aggregator.cli import show
from aggregator.cli.explain import find
from aggregator.cli.group import DONE, FAILED, cli
from aggregator.identify import Piece
from aggregator.markup import text_of
from aggregator.records import Trace, Version

_PARAGRAPH = re.compile(r"\n{2,}")
_CONTEXT = 40  # characters that are shown before and after a change
_INDENT = 2
_STYLES = {"same": "", "removed": "red strike", "added": "bold green"}
_MARKS = {"same": ("", ""), "removed": ("[-", "-]"), "added": ("{+", "+}")}  # as wdiff writes them, without colours


@cli.command()
@click.argument("what", metavar="CODE|URL")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, with the whole texts.")
@click.pass_obj
def history(path: Path, what: str, as_json: bool) -> int:
    """Show how an article was edited: when, by whom, and what changed in its title and text."""
    settings = wiring.load_settings(path)
    with wiring.glance(settings) as store:
        trace = find(store, what)
        versions = store.versions(trace.info_code) if trace else []
    if trace is None or not versions:
        if as_json:
            show.print_json({"found": False})
        show.err().print(f"[red]error[/]  {escape(_nothing(trace, wiring.discreet(settings)(what)))}")
        return FAILED
    if as_json:
        show.print_json(_json(trace, versions))
    else:
        _print(trace, versions, ZoneInfo(settings.site.timezone))
    return DONE


def _nothing(trace: Trace | None, what: str) -> str:
    if trace is not None and trace.state == "retracted":
        return f"{trace.info_code} was retracted; nothing of its text is kept"
    return f"no article is stored under {what!r}"


# --- as JSON -----------------------------------------------------------------------------------------


def _json(trace: Trace, versions: Sequence[Version]) -> dict[str, Any]:
    before: list[Version | None] = [None, *versions]
    return {
        "found": True,
        "info_code": trace.info_code,
        "revision": trace.revision,
        "retouched": trace.retouched,
        "versions": [_version_json(one, earlier) for earlier, one in zip(before, versions, strict=False)],
    }


def _version_json(version: Version, before: Version | None) -> dict[str, Any]:
    fields = _changed(before, version) if before else {}
    return {
        "revision": version.revision,
        "source": version.source,
        "since": show.iso(version.since),
        "updated": show.iso(version.updated),
        "title": version.title,
        "text": _text(version),
        "author": version.author,
        "link": version.link,
        "changes": {
            name: [{"kind": piece.kind, "text": piece.text} for piece in pieces] for name, pieces in fields.items()
        },
    }


# --- for people ----------------------------------------------------------------------------------------


def _print(trace: Trace, versions: Sequence[Version], zone: ZoneInfo) -> None:
    console, (first, *others) = show.out(), versions
    console.print(f"[bold]{escape(trace.title)}[/]")
    console.print(f"[dim]{trace.info_code}  {_counts(trace, versions)}[/]")
    _heading(console, first, zone)
    _print_indented(console, Text(f"{first.title}\n{len(_text(first)):,} characters of text"))
    for before, after in pairwise(versions):
        if after.revision > before.revision + 1:
            console.print(f"\n[dim]revisions {before.revision + 1} to {after.revision - 1} are not kept any more[/]")
        _heading(console, after, zone)
        _print_changes(console, before, after)
    if not others:
        console.print("\nit was not edited since")


def _counts(trace: Trace, versions: Sequence[Version]) -> str:
    told = [show.counted(len(versions), "version")]
    if trace.retouched:
        told.append(f"{show.counted(trace.retouched, 'change')} of its markup or counters only")
    return ", ".join(told)


def _heading(console: Console, version: Version, zone: ZoneInfo) -> None:
    when = f"{version.since.astimezone(zone):%Y-%m-%d %H:%M}"
    console.print(f"\n[cyan]revision {version.revision}[/]  {when}  [dim]from {escape(version.source)}[/]")


def _print_changes(console: Console, before: Version, after: Version) -> None:
    fields = _changed(before, after)
    coloured = console.color_system is not None
    for name, pieces in fields.items():
        _print_indented(console, Text.assemble((f"{name}  ", "dim"), _painted(pieces, coloured)))
    if not fields:
        _print_indented(console, Text("the same words, in other markup"))


def _print_indented(console: Console, text: Text) -> None:
    for line in text.wrap(console, console.width - _INDENT):
        line.rstrip()
        console.print(Text(" " * _INDENT) + line)


def _changed(before: Version, after: Version) -> dict[str, tuple[Piece, ...]]:
    """Give the fields that a version changed, each as a comparison."""
    texts = {
        "title": (before.title, after.title),
        "text": (_text(before), _text(after)),
        "author": (before.author, after.author),
        "source": (before.source, after.source),
    }
    return {name: identify.compare(*pair) for name, pair in texts.items() if pair[0] != pair[1]}


def _text(version: Version) -> str:
    """Give the text as a person reads it: the content, where there is none the summary."""
    return text_of(version.content or version.summary)


def _painted(pieces: Sequence[Piece], coloured: bool) -> Text:
    painted = Text()
    for kind, text in _shortened(pieces):
        before, after = ("", "") if coloured else _MARKS[kind]
        painted.append(f"{before}{_PARAGRAPH.sub(chr(10), text)}{after}", _STYLES[kind])
    return painted


def _shortened(pieces: Sequence[Piece]) -> Iterator[tuple[str, str]]:
    """Give the changes with a little of what stands around them."""
    last = len(pieces) - 1
    for place, piece in enumerate(pieces):
        if piece.kind != "same":
            yield piece.kind, piece.text
        else:
            yield "same", _cut(piece.text, opens=place == 0, ends=place == last)


def _cut(text: str, *, opens: bool, ends: bool) -> str:
    head = "" if opens else text[:_CONTEXT]
    tail = "" if ends else text[-_CONTEXT:]
    if len(text) <= len(head) + len(tail) + 1:
        return text
    return f"{head}…{tail}"

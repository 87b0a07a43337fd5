"""`aggregator doctor`: what is wrong with an installation, each with its remedy."""

import errno
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryFile
from typing import Literal

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from aggregator import config, wiring
from aggregator.cli import show
from aggregator.cli.group import DONE, FAILED, cli
from aggregator.config import Settings
from aggregator.errors import AggregatorError, ConfigError
from aggregator.store.backup import Condition, examine

_WAITING = timedelta(minutes=10)  # a daemon publishes within seconds
_SET_BACK = timedelta(minutes=1)
_LISTED = 5
_OPEN_TO_OTHERS = 0o077
_STYLES = {"ok": "green", "note": "yellow", "wrong": "red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found: `wrong` is to be mended, a `note` to be known."""

    check: str
    state: Literal["ok", "note", "wrong"]
    detail: str
    remedy: str = ""


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def doctor(path: Path, as_json: bool) -> int:
    """Look for what is wrong: configuration, store, disk, permissions, clock, what waits; each with its remedy."""
    with show.progress() as bar:
        bar.add_task("examining", total=None)
        findings = list(_examined(path, wiring.utc_now()))
    ok = all(finding.state != "wrong" for finding in findings)
    if as_json:
        show.print_json({"ok": ok, "findings": [asdict(finding) for finding in findings]})
    else:
        console = show.out()
        console.print(_table(findings, console))
    return DONE if ok else FAILED


def _table(findings: list[Finding], console: Console) -> Table:
    table = Table("", "check", "finding", box=None, pad_edge=False, header_style="bold", width=min(console.width, 120))
    for each in findings:
        remedy = f"\n[bold]→[/] {escape(each.remedy)}" if each.remedy else ""
        table.add_row(f"[{_STYLES[each.state]}]{each.state}[/]", each.check, escape(each.detail) + remedy)
    return table


def _examined(path: Path, now: datetime) -> Iterator[Finding]:
    try:
        settings = wiring.load_settings(path)
        sources = wiring.sources_of(settings)
    except ConfigError as error:
        yield from (Finding("configuration", "wrong", problem, f"mend it in {path}") for problem in error.problems)
        return
    yield Finding("configuration", "ok", f"{path}: {show.counted(len(sources), 'source')}")
    yield from (Finding("configuration", "note", warning) for warning in config.warnings(settings))
    yield from _secrets(settings)
    yield from _places(settings)
    if not settings.store.path.exists():
        yield Finding("store", "note", f"{settings.store.path}: there is none yet", "`aggregator run` begins one")
        return
    condition = examine(settings.store.path)
    yield from _store(settings, condition)
    if not condition.faults:
        yield from _clock(condition, now)
        yield from _published(settings, condition, now)
    if not (condition.faults or condition.outdated or condition.unknown):
        yield from _sources(settings, now)


# --- files and folders --------------------------------------------------------------------------------


def secret_files(settings: Settings) -> list[Path]:
    """Give the files with secrets that the configuration names."""
    found = [table.auth for table in settings.sources.values() if table.auth]
    files = [file for auth in found for file in (auth.password_file, auth.token_file) if file]
    return list(dict.fromkeys(files))


def _secrets(settings: Settings) -> Iterator[Finding]:
    for file in secret_files(settings):
        if file.exists() and file.stat().st_mode & _OPEN_TO_OTHERS:
            yield Finding("permissions", "note", f"{file}: others may read this secret", f"chmod 600 {file}")


def _places(settings: Settings) -> Iterator[Finding]:
    store, public = settings.store.path, settings.publish.directory
    for place in dict.fromkeys((store.parent, public)):
        folder = _nearest(place)
        yield _writable(folder)
        needed = 2 * store.stat().st_size if folder == store.parent and store.exists() else 0
        yield _room(folder, least=settings.store.min_free, needed=needed)
    if store.exists() and not os.access(store, os.R_OK | os.W_OK):
        yield Finding("permissions", "wrong", f"{store}: cannot be written", "give it to the user who runs the daemon")


def _nearest(place: Path) -> Path:
    """Give the folder, or the one that it will be made in."""
    return next(each for each in (place, *place.absolute().parents) if each.exists())


def _writable(folder: Path) -> Finding:
    try:
        with TemporaryFile(dir=folder):  # a disk that turned read-only after a fault still grants what `access` asks
            return Finding("permissions", "ok", f"{folder}: can be written")
    except OSError as fault:
        if fault.errno == errno.ENOSPC:
            return Finding("permissions", "ok", f"{folder}: could be written, but for room")
        remedy = _REMEDIES.get(fault.errno or 0, "give it to the user who runs the daemon")
        return Finding("permissions", "wrong", f"{folder}: cannot be written: {fault.strerror}", remedy)


_REMEDIES = {
    errno.EROFS: "the disk is mounted read-only: after a fault, maybe, so see the system's log, then remount it",
    errno.ENOTDIR: "it is no folder: give another path",
    errno.EIO: "the disk fails: see the system's log",
}


def _room(folder: Path, *, least: int, needed: int) -> Finding:
    free, files = shutil.disk_usage(folder).free, os.statvfs(folder)
    said = f"{folder}: {free / 1_000_000:,.0f} MB free"
    if free < least or (files.f_files and not files.f_favail):
        why = ", less than [store] min_free: nothing is fetched" if free < least else ", but no more files"
        return Finding("disk", "wrong", said + why, "make room: the store and the published files grow")
    if free < needed:
        return Finding("disk", "note", said, "a backup beside the store, or tidying it, needs twice its size")
    return Finding("disk", "ok", said)


# --- the store ----------------------------------------------------------------------------------------


def _store(settings: Settings, condition: Condition) -> Iterator[Finding]:
    path = settings.store.path
    for fault in condition.faults:
        yield Finding("store", "wrong", f"{path}: {fault}", "put a backup back with `aggregator restore FILE`")
    if condition.unknown:
        said = f"{path}: written by a newer version of this program ({', '.join(condition.unknown)})"
        yield Finding("schema", "wrong", said, "install that version again; older ones do not know what it keeps")
    elif condition.outdated:
        said = f"{path}: lacks {show.counted(len(condition.outdated), 'step')} of the schema"
        yield Finding("schema", "note", said, "the next start brings it up to date; make a backup first")
    if not condition.faults:
        counts = f"{show.counted(condition.entries, 'article')} in {show.counted(condition.channels, 'channel')}"
        yield Finding("store", "ok", f"{path}: whole, {counts}")


def _clock(condition: Condition, now: datetime) -> Iterator[Finding]:
    last = datetime.fromisoformat(condition.last_fetch_at) if condition.last_fetch_at else None
    if last and now < last - _SET_BACK:
        said = f"it is {now:%Y-%m-%d %H:%M} UTC here, and the last fetch was at {last:%Y-%m-%d %H:%M}"
        yield Finding("clock", "wrong", said, "set the clock, and let NTP keep it: articles get wrong dates")
    else:
        yield Finding("clock", "ok", f"{now:%Y-%m-%d %H:%M:%S} UTC")


def _published(settings: Settings, condition: Condition, now: datetime) -> Iterator[Finding]:
    folder = settings.publish.directory
    if condition.entries and not any((folder / name).exists() for name in _TOPS):
        said = f"{folder}: nothing is published, and the store holds {show.counted(condition.entries, 'article')}"
        yield Finding("published", "wrong", said, "`aggregator publish --all` writes every document")
    elif not condition.marks:
        yield Finding("published", "ok", f"{folder}: nothing waits")
    else:
        yield _waiting(condition, now)


_TOPS = ("index.html", "feed.atom", "feed.rss", "feed.json")


def _waiting(condition: Condition, now: datetime) -> Finding:
    said = f"{show.counted(condition.marks, 'document')} to be rendered"
    last = datetime.fromisoformat(condition.last_fetch_at) if condition.last_fetch_at else None
    if last and now - last < _WAITING:
        return Finding("published", "note", f"{said}; that is usual right after a fetch")
    since = f" since {show.ago(last, now)}" if last else ""
    return Finding("published", "wrong", f"{said}{since}", "`aggregator publish` renders them, and says what it cannot")


def _sources(settings: Settings, now: datetime) -> Iterator[Finding]:
    try:
        with wiring.glance(settings) as store:
            sick = [each for each in store.source_reports(now) if each.state in ("failing", "unreadable", "gone")]
    except AggregatorError as error:
        yield Finding("sources", "wrong", str(error))
        return
    if not sick:
        yield Finding("sources", "ok", "none fails")
        return
    names = ", ".join(f"{each.name} ({each.state})" for each in sick[:_LISTED])
    more = f" and {len(sick) - _LISTED} more" if len(sick) > _LISTED else ""
    yield Finding("sources", "note", f"{names}{more}", "`aggregator sources` says why")

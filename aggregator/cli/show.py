"""What people see in a terminal: tables that fit it, times they can grasp at once, and lines of what happens."""

import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast
from zoneinfo import ZoneInfo

from aggregator.records import Outcome, PublishReport, SourceReport, Trace
from aggregator.urls import without_login

if TYPE_CHECKING:  # colours and tables are loaded where something is printed in them: JSON and the daemon need none
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table

T = TypeVar("T")

_NARROW = 100  # columns; below this a table leaves out what can be asked for otherwise
_UNFOLDED = 240
_STYLES = {
    "ok": "green",
    "healthy": "green",
    "not-modified": "dim",
    "not-due": "dim",
    "new": "cyan",
    "failed": "red",
    "failing": "red",
    "unreadable": "red",
    "gone": "magenta",
    "moved": "yellow",
    "silent": "yellow",
    "imported": "dim",
    "held": "yellow",
}
_OUTCOMES = {"ok": "ok", "not-modified": "unchanged", "failed": "failed", "gone": "gone", "not-due": "not due"}


def escape(text: str) -> str:
    """Give a text in which no bracket is taken for a colour."""
    from rich.markup import escape as escaped

    return escaped(text)


def out() -> "Console":
    """The console for results; into a pipe or file, rows are not folded to the width of a terminal. `:x:` in a guid is
    no picture."""
    from rich.console import Console

    return Console(highlight=False, emoji=False, width=None if sys.stdout.isatty() else _UNFOLDED)


def err() -> "Console":
    """The console for progress, warnings and errors."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, emoji=False, width=None if sys.stderr.isatty() else _UNFOLDED)


def print_json(document: Any) -> None:
    """Print one JSON document, and nothing else, on stdout."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2, default=str) + "\n")


def progress() -> "Progress":
    """A bar on stderr that appears only on a terminal; elsewhere it is not even loaded."""
    if not sys.stderr.isatty():
        return cast("Progress", _NoBar())
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=err(), transient=True)


class _NoBar:
    """What is done to a bar of rich's, and shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def add_task(self, description: str, **_: object) -> int:
        return 0

    def update(self, task: int, **_: object) -> None:
        pass

    def advance(self, task: int, advance: float = 1) -> None:
        pass

    def track(self, sequence: Sequence[T], **_: object) -> Iterable[T]:
        return sequence


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """Give an outcome as `fetch --json` prints it."""
    return {
        "source": outcome.source,
        "outcome": outcome.outcome,
        "new": outcome.new,
        "revised": outcome.revised,
        "unchanged": outcome.unchanged,
        "skipped": outcome.skipped,
        "retracted": outcome.retracted,
        "held": outcome.held,
        "dropped": outcome.dropped,
        "merged": outcome.merged,
        "problems": list(outcome.problems),
    }


def outcomes_table(outcomes: Sequence[Outcome]) -> "Table":
    """Show what a pass brought, a row a source, with the first problem of each."""
    from rich.table import Table

    table = Table("source", "outcome", box=None, pad_edge=False, header_style="bold")
    headings = ["new", "revised", "unchanged"]
    headings[1:1] = ["merged"] if any(outcome.merged for outcome in outcomes) else []
    headings += ["retracted"] if any(outcome.retracted for outcome in outcomes) else []
    headings += ["held"] if any(outcome.held for outcome in outcomes) else []
    headings += ["dropped"] if any(outcome.dropped for outcome in outcomes) else []
    for heading in headings:
        table.add_column(heading, justify="right")
    table.add_column("what went wrong", overflow="fold")
    for outcome in outcomes:
        counts = [getattr(outcome, heading) for heading in headings]
        table.add_row(
            escape(outcome.source),
            styled(outcome.outcome, _OUTCOMES[outcome.outcome]),
            *(str(count) if count else "[dim]·[/]" for count in counts),
            escape(problem_line(outcome.problems)),
        )
    return table


def problem_line(problems: Sequence[str]) -> str:
    """Give the first problem, and how many there are besides."""
    if not problems:
        return ""
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    first = problems[0]
    return (first if len(first) <= 200 else first[:199] + "…") + more


def styled(state: str, text: str | None = None) -> str:
    """Give a state's word in its colour."""
    style = _STYLES.get(state, "")
    return f"[{style}]{escape(text or state)}[/]" if style else escape(text or state)


def report_json(report: SourceReport) -> dict[str, Any]:
    """Give a source's standing as `sources --json` prints it."""
    return {
        "source": report.name,
        "url": without_login(report.url),
        "kind": report.kind,
        "title": report.title,
        "state": report.state,
        "entries": report.entries,
        "last_fetch_at": iso(report.last_fetch_at),
        "last_success_at": iso(report.last_success_at),
        "next_fetch_at": iso(report.next_fetch_at),
        "next_reason": report.next_reason,
        "last_new_at": iso(report.last_new_at),
        "entries_per_week": report.entries_per_week,
        "failures": report.failures,
        "failing_since": iso(report.failing_since),
        "last_error": report.last_error,
        "fetched_from": without_login(report.fetched_from),
        "proposed_url": without_login(report.proposed_url),
        "parent": report.parent,
        "private": report.private,
        "held": report.held,
        "held_since": iso(report.held_since),
        "held_reason": report.held_reason,
        "under_review": report.under_review,
    }


def iso(moment: datetime | None) -> str | None:
    """Give a moment in UTC as `--json` prints it (RFC 3339)."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def sources_table(reports: Sequence[SourceReport], now: datetime, console: "Console") -> "Table":
    """Show how every source stands; a narrow terminal gets fewer columns."""
    from rich.table import Table

    wide = console.width >= _NARROW
    table = Table("source", "state", box=None, pad_edge=False, header_style="bold")
    for heading in ("articles", "a week") if wide else ("articles",):
        table.add_column(heading, justify="right")
    table.add_column("checked")
    table.add_column("next")
    if wide:
        table.add_column("why then", overflow="fold")
    table.add_column("remark", overflow="fold")
    for report in reports:
        state = f"{report.state} ({report.failures})" if report.failures > 1 else report.state
        row = [escape(report.name), styled(report.state, state), str(report.entries)]
        row += [f"{report.entries_per_week:.1f}"] if wide else []
        row += [ago(report.last_fetch_at, now), until(report.next_fetch_at, now)]
        row += [escape(report.next_reason)] if wide else []
        table.add_row(*row, escape(remark(report, now)))
    return table


def remark(report: SourceReport, now: datetime) -> str:
    """Say in plain words what an operator should know of a source; nothing where all is well."""
    parts = []
    if report.last_error:
        since = f"for {ago(report.failing_since, now).removesuffix(' ago')}: " if report.failures > 1 else ""
        parts.append(since + report.last_error)
    if report.proposed_url:
        parts.append(f"its page names {without_login(report.proposed_url)}")
    if report.fetched_from:
        parts.append(f"fetched from {without_login(report.fetched_from)}; `unmove` goes back")
    if report.held or report.under_review:
        parts.append(_held(report))
    if report.state == "silent":
        parts.append(f"nothing new for {ago(report.last_new_at, now).removesuffix(' ago')}, longer than usual")
    return "; ".join(parts)


def _held(report: SourceReport) -> str:
    until = "until" if report.under_review else "until a fetch shows them again, or"
    return f"{counted(report.held, 'article')} held {until} `release {report.name}`: {report.held_reason}"


def trace_json(trace: Trace) -> dict[str, Any]:
    """Give an article's story as `explain --json` prints it."""
    return {"found": True} | asdict(trace)


def ago(moment: datetime | None, now: datetime) -> str:
    """Say how long ago: "5 min ago", "never"."""
    return f"{_span((now - moment).total_seconds())} ago" if moment else "never"


def until(moment: datetime | None, now: datetime) -> str:
    """Say how soon: "in 2 h", "due", "–" for never."""
    if moment is None:
        return "–"
    seconds = (moment - now).total_seconds()
    return f"in {_span(seconds)}" if seconds > 0 else "due"


def _span(seconds: float) -> str:
    for size, unit in ((86_400 * 2, "days"), (7200, "h"), (120, "min")):
        if seconds >= size:
            return f"{int(seconds // {'days': 86_400, 'h': 3600, 'min': 60}[unit])} {unit}"
    return f"{max(0, int(seconds))} s"


def event(console: "Console", zone: ZoneInfo, now: datetime, text: str) -> None:
    """Print a line of what just happened, with the site's time of day."""
    console.print(f"[dim]{now.astimezone(zone):%H:%M:%S}[/]  {text}")


def outcome_line(outcome: Outcome) -> str:
    """Say in one line what refreshing a source came to."""
    name = f"[bold]{escape(outcome.source)}[/]"
    problem = escape(problem_line(outcome.problems))
    if outcome.outcome != "ok" and not outcome.new:
        return f"{name}  {styled(outcome.outcome, _OUTCOMES[outcome.outcome])}{f'  {problem}' if problem else ''}"
    words = ("new", "merged", "revised", "retracted", "held", "dropped")
    counts = [f"{n} {word}" for word in words if (n := getattr(outcome, word))]
    text = styled("ok", ", ".join(counts)) if counts else "[dim]nothing new[/]"
    return f"{name}  {text}{f'  [yellow]{problem}[/]' if problem else ''}"


def published_json(report: PublishReport) -> dict[str, Any]:
    """Give what a publish run did as `publish --json` prints it."""
    return {
        "written": list(report.written),
        "unchanged": len(report.unchanged),
        "removed": list(report.removed),
        "problems": list(report.problems),
        "replaced": report.replaced,
    }


def counted(number: int, what: str) -> str:
    """Give "1 file" or "2 files"."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def published_line(report: PublishReport) -> str:
    """Say in one line what was published."""
    channels = [path for path in report.written if re.fullmatch(r"category/[^/]+\.atom", path)]
    articles = [path for path in report.written if path.startswith("article/")]
    parts = [counted(len(report.written), "file")]
    parts += [counted(len(channels), "channel")] if channels else []
    parts += [counted(len(articles), "article")] if articles else []
    parts += [f"{counted(report.replaced, 'article')} placed anew"] if report.replaced else []
    problem = f"  [red]{escape(problem_line(report.problems))}[/]" if report.problems else ""
    return f"[bold]published[/]  {', '.join(parts)}{problem}"

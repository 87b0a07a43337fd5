"""How the whole installation stands: what is counted, which troubles are told, and what helps against each.

Pure: the store keeps the counts and the troubles that were told, `watch` asks for both, and pages, feeds, metrics and
commands show them.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from hashlib import sha256

from aggregator.records import Outcome, SourceReport

FAILURES_UNTIL_TOLD = 3
SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)  # upper bounds of how long answers took; beyond is "+Inf"
BEYOND = "+Inf"
DAYS_SHOWN, HOURS_SHOWN = 30, 48
EVENTS_SHOWN = 50  # on the page and in the feed
WELL = "well"

Key = tuple[str, str, str]  # name, label, hour or day
_ARTICLES = ("new", "merged", "revised", "retracted", "held")
_WORST = ("gone", "unreadable", "failing", "held", "silent", "moved")


@dataclass(frozen=True, slots=True)
class Event:
    """Something that an operator is told once. `code` names it for ever; `text` is plain, with the remedy."""

    code: str
    at: datetime
    subject: str
    kind: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """A subject's state that is another than the one told last: `source/<name>`, `moved/<name>`, `document/<path>` or
    `disk`. What is well has no state of its own to keep. Without an event the change is kept and not told."""

    subject: str
    state: str
    event: Event | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What was told and is not over: a subject's state, why, and since when."""

    subject: str
    state: str
    detail: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Disk:
    """The room on a disk in bytes, by the folder that needs it."""

    folder: str
    free: int
    size: int


@dataclass(frozen=True, slots=True)
class Status:
    """How the whole installation stands at a moment.

    `days` are (day, counts of articles by what became of them), `hours` (start, counts of fetches by outcome), both
    without gaps and the last one still running; `seconds` counts the answers of the last day by `SECONDS`.
    `subscribers` are of the last whole day, of today where there is none. `low` says why nothing is fetched, if so.
    """

    version: str
    at: datetime
    entries: int
    channels: int
    sources: tuple[SourceReport, ...]
    days: tuple[tuple[date, Mapping[str, int]], ...]
    hours: tuple[tuple[datetime, Mapping[str, int]], ...]
    seconds: Mapping[str, int]
    subscribers: Mapping[str, int]
    troubles: tuple[Trouble, ...]
    events: tuple[Event, ...]
    disks: tuple[Disk, ...]
    low: str
    store_bytes: int
    marks: int
    held: int

    @property
    def states(self) -> dict[str, int]:
        """How many sources are in each state, the commonest first."""
        return dict(Counter(report.state for report in self.sources).most_common())

    @property
    def sick(self) -> list[SourceReport]:
        """The sources that need a look, worst first."""
        wanted = [report for report in self.sources if report.state in _WORST[:4] or report.failures]
        return sorted(wanted, key=lambda each: (_rank(each.state), -each.failures, each.name))

    @property
    def next_checks(self) -> list[SourceReport]:
        """The sources in the order in which they are checked next; those that never are left out."""
        return sorted((each for each in self.sources if each.next_fetch_at), key=_next_check)

    @property
    def refused(self) -> list[Trouble]:
        """The documents that did not pass the gate: the ones published before them stay."""
        return [trouble for trouble in self.troubles if trouble.subject.startswith("document/")]

    def articles(self, what: str) -> int:
        """How many articles of the days shown were new, merged, revised, retracted or held."""
        return sum(counts.get(what, 0) for _, counts in self.days)


def _rank(state: str) -> int:
    return _WORST.index(state) if state in _WORST else len(_WORST)


def _next_check(report: SourceReport) -> tuple[datetime, str]:
    assert report.next_fetch_at is not None
    return report.next_fetch_at, report.name


# --- counts ------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Tally:
    """What happened since it was last taken, by hour (UTC) and day (of the site), and since the start in all."""

    zone: tzinfo
    fresh: Counter[Key] = field(default_factory=Counter)
    total: Counter[tuple[str, str]] = field(default_factory=Counter)
    seconds: float = 0.0  # that answers took, in all

    def note(self, outcome: Outcome, now: datetime) -> None:
        """Count what refreshing a source came to."""
        if outcome.outcome == "not-due":
            return
        self._add("fetch", outcome.outcome, hour_of(now), 1)
        if outcome.seconds is not None:
            self._add("seconds", bucket_of(outcome.seconds), hour_of(now), 1)
            self.seconds += outcome.seconds
        for what in _ARTICLES:
            if number := getattr(outcome, what):
                self._add("articles", what, day_of(now, self.zone), number)

    def _add(self, name: str, label: str, at: str, number: int) -> None:
        self.fresh[name, label, at] += number
        self.total[name, label] += number


def hour_of(now: datetime) -> str:
    """Give the hour that a count is kept under."""
    return f"{now:%Y-%m-%dT%H}"


def day_of(now: datetime, zone: tzinfo) -> str:
    """Give the day that a count is kept under."""
    return f"{now.astimezone(zone):%Y-%m-%d}"


def bucket_of(seconds: float) -> str:
    """Give the bound that an answer's time is counted under."""
    return next((f"{bound:g}" for bound in SECONDS if seconds <= bound), BEYOND)


def by_day(counts: Mapping[Key, int], now: datetime, zone: tzinfo) -> Iterator[tuple[date, dict[str, int]]]:
    """Give what became of articles on each of the last days."""
    today = now.astimezone(zone).date()
    for back in range(DAYS_SHOWN - 1, -1, -1):
        day = today - timedelta(days=back)
        yield day, {what: counts.get(("articles", what, f"{day:%Y-%m-%d}"), 0) for what in _ARTICLES}


def by_hour(counts: Mapping[Key, int], now: datetime) -> Iterator[tuple[datetime, dict[str, int]]]:
    """Give the outcomes of fetches in each of the last hours."""
    this = now.replace(minute=0, second=0, microsecond=0)
    outcomes = ("ok", "not-modified", "failed", "gone")
    for back in range(HOURS_SHOWN - 1, -1, -1):
        hour = this - timedelta(hours=back)
        yield hour, {what: counts.get(("fetch", what, hour_of(hour)), 0) for what in outcomes}


def by_seconds(counts: Mapping[Key, int], now: datetime) -> dict[str, int]:
    """Give how many answers of the last day took how long."""
    since = hour_of(now - timedelta(days=1))
    found: Counter[str] = Counter()
    for (name, label, at), number in counts.items():
        if name == "seconds" and at >= since:
            found[label] += number
    return {label: found[label] for label in (*(f"{bound:g}" for bound in SECONDS), BEYOND)}


# --- troubles ----------------------------------------------------------------------------------------


def source_changes(report: SourceReport, told: Mapping[str, str], now: datetime) -> Iterator[Change]:
    """Give what is to be told of a source that was just asked; `told` are the states told before, by subject."""
    subject, moved = f"source/{report.name}", f"moved/{report.name}"
    before = told.get(subject, WELL)
    after = _condition(report, before)
    if after != before:
        yield Change(subject, after, _event(subject, after, *_words(report, before, after), now), report.last_error)
    if report.fetched_from != told.get(moved, ""):
        title = f"{report.name} has moved"
        text = f"It is fetched from {report.fetched_from} now. `aggregator unmove {report.name}` goes back."
        event = _event(moved, "moved", title, text, now) if report.fetched_from else None
        yield Change(moved, report.fetched_from or WELL, event)


def _condition(report: SourceReport, before: str) -> str:
    """Give the state to tell. A failure or two are no news, neither of a breakdown nor of an end to it."""
    if report.state == "gone":
        return "gone"
    if report.failures:
        return "failing" if report.failures >= FAILURES_UNTIL_TOLD else before
    return "silent" if report.state == "silent" else WELL


def _words(report: SourceReport, before: str, after: str) -> tuple[str, str]:
    name = report.name
    match after:
        case "gone":
            return f"{name} is gone", f"{report.last_error}. What helps: {remedy(report)}."
        case "failing":
            said = f"{report.failures} fetches in a row failed, the last one so: {report.last_error}."
            return f"{name} cannot be fetched", f"{said} What helps: {remedy(report)}."
        case "silent":
            return f"{name} has gone silent", "It is fetched well, and has brought nothing for longer than usual."
    over = {"gone": "It answers again.", "silent": "It brings articles again."}
    return f"{name} is well again", over.get(before, "It can be fetched again.")


def document_changes(
    refused: Mapping[str, str], passed: Sequence[str], told: Mapping[str, str], now: datetime
) -> Iterator[Change]:
    """Give what is to be told of documents: those that did not pass the gate, with why, and those that do again."""
    for path, why in refused.items():
        subject = f"document/{path}"
        if subject not in told:
            text = f"{why}. The one published before stays, and it is tried again. This is a fault of ours: report it."
            yield Change(subject, "refused", _event(subject, "refused", f"{path} was not published", text, now), why)
    for subject in (f"document/{path}" for path in passed):
        if subject in told:
            title = f"{subject.removeprefix('document/')} is published again"
            yield Change(subject, WELL, _event(subject, "passed", title, "It is sound again.", now))


def disk_changes(low: str, told: Mapping[str, str], now: datetime) -> Iterator[Change]:
    """Give what is to be told of the room on the disk; `low` says what is the matter, if something is."""
    if low and "disk" not in told:
        text = f"{low}. What is published stays online. Make room: fetching goes on by itself."
        yield Change("disk", "low", _event("disk", "low", "the disk is nearly full", text, now), low)
    elif not low and "disk" in told:
        yield Change("disk", WELL, _event("disk", "room", "the disk has room again", "Fetching goes on.", now))


def _event(subject: str, kind: str, title: str, text: str, now: datetime) -> Event:
    digest = sha256(f"{subject}\n{kind}".encode()).hexdigest()[:12]
    return Event(f"status-{now:%Y%m%d%H%M%S}-{digest}", now, subject, kind, title, text)


def low_disk(disks: Sequence[Disk], least: int) -> str:
    """Say which folder's disk has less room than `least` bytes; nothing where all have enough."""
    short = [f"{disk.folder} has {in_megabytes(disk.free)} free" for disk in disks if disk.free < least]
    said = f"less than the {in_megabytes(least)} of [store] min_free: nothing is fetched"
    return f"{' and '.join(short)}, {said}" if short else ""


def in_megabytes(count: int) -> str:
    """Give a number of bytes as people read it."""
    for unit, size in (("GB", 10**9), ("MB", 10**6)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 1000:.0f} kB"


_REMEDIES = {
    "address": "mend its address in the configuration",
    "refused": "it is in a private network: list that under [fetch] allow_networks if this is meant",
    "dns": "look whether its address is spelt right and the domain still exists",
    "connect": "its server does not answer: wait, or look whether it has moved",
    "tls": "its certificate is not valid: tell its operator, or try http:// or another address",
    "timeout": "its server is slow: give it a longer timeout",
    "redirect": "it redirects in vain: open it in a browser and take the address where it ends",
    "too-large": "give it a larger max_bytes if its size is right",
    "file": "look whether the file is there and may be read",
    "status": "open it in a browser: a login, a ban or another address may be needed",
    "unreadable": "it is no feed any more: `aggregator add` finds the feed of a page",
}


def remedy(report: SourceReport) -> str:
    """Say what helps a source that fails; nothing where it does not."""
    if report.proposed_url:
        return f"its page names {report.proposed_url}: set its url to that if it is right"
    if report.state == "gone":
        return "it was taken away for good: remove it, or give its new address"
    if report.state == "held":
        return f"look at what it brought, then `aggregator release {report.name}`"
    return _REMEDIES.get(report.failure, "wait: it is tried again by itself") if report.failures else ""

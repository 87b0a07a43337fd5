"""The status as a page: for a phone as for a desk, by day and by night, without a script."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from aggregator.publish.item import line
from aggregator.publish.pages import environment
from aggregator.records import Site
from aggregator.status import BEYOND, Status, in_megabytes, remedy

_LEFT, _TOP, _WIDTH, _HEIGHT, _GAP = 58, 12, 560, 120, 0.2  # a plot in a field of 640 by 166, with room for its words
_LISTED = 200
_NEXT = 8
_DAYS_APART, _HOURS_APART = 7, 12


@dataclass(frozen=True, slots=True)
class Bar:
    """A piece of a plot: its place in the field, its kind, and what it stands for."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    tip: str


@dataclass(frozen=True, slots=True)
class Label:
    """What stands at a place of an axis."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Plot:
    """Bars side by side with their axes: lines across with numbers, words below; `keys` are (kind, what it means)."""

    title: str
    note: str
    bars: tuple[Bar, ...]
    lines: tuple[Label, ...]
    below: tuple[Label, ...]
    keys: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One place of a plot: what it is for the eye that rests on it, what stands below it, and its counts by kind."""

    name: str
    below: str
    counts: Mapping[str, int]


def status_page(site: Site, status: Status) -> bytes:
    """Render the status. Times are in the site's zone."""
    zone = ZoneInfo(site.timezone)
    facts = {
        "site": site,
        "name": line(site.title),
        "status": status,
        "plots": _plots(status, zone),
        "sick": [(report, remedy(report)) for report in status.sick],
        "sources": status.sources[:_LISTED],
        "unlisted": max(len(status.sources) - _LISTED, 0),
        "next": status.next_checks[:_NEXT],
        "size": in_megabytes,
        "number": "{:,}".format,
        "when": lambda moment: _when(moment, zone),
        "today": status.days[-1][1],
    }
    return environment(site.theme).get_template("status.html").render(facts).encode()


def _when(moment: datetime | None, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%m-%d %H:%M}" if moment else "never"


def _plots(status: Status, zone: ZoneInfo) -> list[Plot]:
    seconds = [Row(_within(bound), _below(bound), {"ok": number}) for bound, number in status.seconds.items()]
    fetches = {"ok": "news", "not-modified": "nothing new", "failed": "failed"}
    return [
        _plot(
            "New articles a day", f"{status.articles('new'):,} in {len(status.days)} days", _days(status), {"new": ""}
        ),
        _plot("Fetches an hour", "", _hours(status, zone), fetches),
        _plot("How fast sources answer", "answers of the last day, within so many seconds", seconds, {"ok": ""}),
    ]


def _days(status: Status) -> list[Row]:
    last = len(status.days) - 1
    return [
        Row(f"{day:%m-%d}", f"{day:%m-%d}" if (last - place) % _DAYS_APART == 0 else "", counts)
        for place, (day, counts) in enumerate(status.days)
    ]


def _hours(status: Status, zone: ZoneInfo) -> list[Row]:
    rows = []
    for begin, counts in status.hours:
        local = begin.astimezone(zone)
        below = f"{local:%m-%d}" if local.hour == 0 else f"{local:%H}:00" if local.hour % _HOURS_APART == 0 else ""
        failed = counts.get("failed", 0) + counts.get("gone", 0)
        rows.append(Row(_when(begin, zone), below, {**counts, "failed": failed}))
    return rows


def _within(bound: str) -> str:
    return "longer" if bound == BEYOND else f"≤ {bound} s"


def _below(bound: str) -> str:
    return "more" if bound == BEYOND else bound


def _plot(title: str, note: str, rows: Sequence[Row], kinds: Mapping[str, str]) -> Plot:
    """Stack the kinds of each row; all rows are drawn to one scale."""
    top = _ceiling(max(sum(row.counts.get(kind, 0) for kind in kinds) for row in rows))
    step = _WIDTH / len(rows)
    bars = [bar for place, row in enumerate(rows) for bar in _stack(row, kinds, _LEFT + place * step, step, top)]
    middles = (round(_LEFT + (place + 0.5 - _GAP / 2) * step, 1) for place in range(len(rows)))
    below = [Label(x, row.below) for x, row in zip(middles, rows, strict=True) if row.below]
    keys = tuple(kinds.items()) if len(kinds) > 1 else ()
    return Plot(title, note, tuple(bars), tuple(_lines(top)), tuple(below), keys)


def _ceiling(most: int) -> int:
    """Give a round number that is no less, and even where it can be: an axis ends there."""
    power: int = 10 ** (len(str(most)) - 1)
    return next((step * power for step in (1, 2, 4, 6, 8) if step * power >= most), 10 * power)


def _lines(top: int) -> Iterator[Label]:
    """Give the lines across at the end of the axis and, if that is a whole number, in the middle."""
    yield Label(_TOP, f"{top:,}")
    if top % 2 == 0:
        yield Label(_TOP + _HEIGHT / 2, f"{top // 2:,}")


def _stack(row: Row, kinds: Mapping[str, str], x: float, step: float, most: int) -> list[Bar]:
    bars, top = [], float(_TOP + _HEIGHT)
    for kind, means in kinds.items():
        if number := row.counts.get(kind, 0):
            height = max(number / most * _HEIGHT, 1)
            top -= height
            place = (x, max(top, _TOP), step * (1 - _GAP), height)
            x1, y1, wide, high = (round(number, 1) for number in place)
            bars.append(Bar(x1, y1, wide, high, kind, f"{row.name}: {number:,} {means}".strip()))
    return bars

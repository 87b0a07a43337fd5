"""The status as a page: for a phone as for a desk, by day and by night, without a script."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from aggregator.dataclass import dataclass
from aggregator.publish.item import line
from aggregator.publish.pages import environment
from aggregator.records import Site
from aggregator.status import Status, in_megabytes, remedy

_WIDTH, _HEIGHT, _GAP = 600, 120, 0.2
_LISTED = 200
_NEXT = 8


@dataclass(frozen=True, slots=True)
class Bar:
    """A piece of a plot: its place in a field of 600 by 120, its kind, and what it stands for."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    tip: str


@dataclass(frozen=True, slots=True)
class Plot:
    """Bars side by side, with what stands below the first and the last, and the highest in words."""

    title: str
    note: str
    bars: tuple[Bar, ...]
    first: str
    last: str
    most: str


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
        "when": lambda moment: _when(moment, zone),
        "today": status.days[-1][1],
    }
    return environment(site.theme).get_template("status.html").render(facts).encode()


def _when(moment: datetime | None, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%m-%d %H:%M}" if moment else "never"


def _plots(status: Status, zone: ZoneInfo) -> list[Plot]:
    days = [(f"{day:%m-%d}", counts) for day, counts in status.days]
    hours = [(_when(hour, zone), counts) for hour, counts in status.hours]
    answers = [(_within(bound), {"ok": number}) for bound, number in status.seconds.items()]
    fetches = ("ok", "not-modified", "failed", "gone")
    return [
        _plot("New articles a day", f"{status.articles('new')} in {len(days)} days", days, ("new",)),
        _plot("Fetches an hour", "news, nothing new, failed", hours, fetches),
        _plot("How fast sources answer", "in the last day", answers, ("ok",)),
    ]


def _within(bound: str) -> str:
    return "longer" if bound == "+Inf" else f"≤ {bound} s"


def _plot(title: str, note: str, rows: Sequence[tuple[str, Mapping[str, int]]], kinds: Sequence[str]) -> Plot:
    """Stack the kinds of each row; all rows are drawn to the scale of the highest."""
    most = max(sum(counts.get(kind, 0) for kind in kinds) for _, counts in rows)
    step = _WIDTH / len(rows)
    bars = [bar for place, row in enumerate(rows) for bar in _stack(row, kinds, place * step, step, most)]
    return Plot(title, note, tuple(bars), rows[0][0], rows[-1][0], str(most))


def _stack(row: tuple[str, Mapping[str, int]], kinds: Sequence[str], x: float, step: float, most: int) -> list[Bar]:
    name, counts = row
    bars, top = [], float(_HEIGHT)
    for kind in kinds:
        if number := counts.get(kind, 0):
            height = max(number / most * _HEIGHT, 1)
            top -= height
            tip = f"{name}: {number} {kind}" if len(kinds) > 1 else f"{name}: {number}"
            place = (x, max(top, 0), step * (1 - _GAP), height)
            x1, y1, wide, high = (round(number, 1) for number in place)
            bars.append(Bar(x1, y1, wide, high, kind, tip))
    return bars

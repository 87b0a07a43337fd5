"""Everything that speed is held to, measured in one run and set into one table beside what is aimed at.

Each work is a line of figures with a line below it that says how they were taken; where a target is missed, a third one
says where the time goes, as it was seen in this very run.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import CalledProcessError

from tests.benchmarks import memory, peers, publishing, search, serving, tick

_WIDTHS = (26, 9, 9, 9, 7, 8)
_HEADINGS = ("work", "beside", "ours", "theirs", "ratio", "aimed at")
_SET_IN = "    "
Say = Callable[[str], None]
Tell = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Sizes:
    """How much is measured. The defaults are those at which the targets hold: a tick is one over `articles` in a fifth
    as many sources, the daemon's memory is that of a hundredth as many sources and a tenth of the articles."""

    sources: int = 500
    articles: int = 1_000_000
    rounds: int = 3
    requests: int = 20_000


@dataclass(frozen=True)
class Row:
    """What one work costs. `figure` is held to `aim` (None where it could not be taken), and is their ratio where
    there is something beside it. `why` says where the time goes."""

    work: str
    figure: float | None
    aim: float
    how: str
    ours: str = ""
    beside: str = ""
    theirs: str = ""
    why: str = ""
    at_least: bool = False

    @property
    def excess(self) -> float:
        """How many times the target the figure is on its wrong side; 1 or less where it is met, and if not known."""
        if self.figure is None:
            return 0.0
        return self.aim / max(self.figure, 1e-9) if self.at_least else self.figure / self.aim

    @property
    def verdict(self) -> str:
        """Whether the target is met."""
        return "?" if self.figure is None else "met" if self.excess <= 1 else "MISSED"


def measure(sizes: Sizes, say: Say, tell: Tell, reader: Path | None = None) -> Iterator[Row]:
    """Measure one work after the other; `reader` is the Python that has that library."""
    parts: tuple[tuple[str, Callable[[], list[Row]]], ...] = (
        ("the whole job beside peers", lambda: _peers(sizes, say, reader)),
        ("publishing a channel", _publishing),
        ("serving", lambda: _serving(sizes)),
        ("a tick", lambda: _ticks(sizes, tell)),
        ("search", lambda: _search(sizes, say)),
        ("memory", lambda: _memory(sizes, tell)),
    )
    for name, part in parts:
        say(f"measuring {name}")
        yield from measured(name, part)


def measured(name: str, part: Callable[[], list[Row]]) -> list[Row]:
    """Give the rows of a part; of one that fails, why: the others take hours, and are not to be lost."""
    try:
        return part()
    except (OSError, RuntimeError, CalledProcessError) as error:
        return [Row(name, None, 0.0, f"not measured: {error}")]


def lines(rows: Sequence[Row], sizes: Sizes) -> Iterator[str]:
    """Write the table, 80 columns wide but for what is said of a missed target."""
    yield f"What speed is held to. Rounds: {sizes.rounds}, of which these are medians; read the ratios."
    yield ""
    yield _line(_HEADINGS, "")
    yield "-" * 80
    for row in rows:
        ratio = "" if row.figure is None or not row.theirs else f"{row.figure:.{3 if row.figure < 100 else 0}f}"
        aim = f"{'>=' if row.at_least else '<='} {row.aim:g}" if row.aim else ""
        yield _line((row.work, row.beside, row.ours, row.theirs, ratio, aim), row.verdict)
        yield f"{_SET_IN}{row.how}"
        if row.excess > 1:
            yield f"{_SET_IN}{row.excess:.2f} times too {'little' if row.at_least else 'much'}: {row.why}"


def _line(cells: Sequence[str], verdict: str) -> str:
    work, beside, *figures = (
        cell.ljust(width) if place < 2 else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(cells, _WIDTHS, strict=True))
    )
    return " ".join((work, beside, *figures, verdict)).rstrip()


def _shares(parts: Mapping[str, float]) -> str:
    """Say of what a cost is made, the largest part first."""
    whole = sum(parts.values()) or 1.0
    largest_first = sorted(parts.items(), key=lambda each: -each[1])
    return ", ".join(f"{part} {max(value, 0.0) / whole:.0%}" for part, value in largest_first)


# --- the works ---------------------------------------------------------------------------------------------------


def _peers(sizes: Sizes, say: Say, reader: Path | None) -> list[Row]:
    aims = {**peers.BEYOND, **peers.AIMS}
    aimed = {"aggregator", *(program for _, program in aims)}
    wanted = {name: run for name, run in peers.programs_here(reader).items() if name in aimed}
    results = {(each.work, each.program): each for each in peers.measure(wanted, sizes.sources, sizes.rounds, say)}
    beside = {"reader": f"; {peers.reader_version(reader)}"} if reader else {}
    how = f"CPU a source, without start-up; {sizes.sources} sources of 50 entries"
    keys = [(work, name) for work in peers.PASSES for name in ("reader", "newsboat") if (work, name) in aims]
    return [
        _beside(results[key[0], "aggregator"], results.get(key), key, aims[key], how + beside.get(key[1], ""))
        for key in keys
    ]


def _beside(ours: peers.Result, theirs: peers.Result | None, key: tuple[str, str], aim: float, how: str) -> Row:
    work, program = key
    if theirs is None:
        hint = "; --reader installs it" if program == "reader" else ""
        return Row(work, None, aim, f"{program} is not here{hint}", _ms(ours.milliseconds), program, "-")
    figures = _ms(ours.milliseconds), program, _ms(theirs.milliseconds)
    return Row(work, theirs.ratio, aim, f"{how}{_beyond(key, theirs.ratio)}", *figures, _shares(ours.parts))


def _beyond(key: tuple[str, str], ratio: float) -> str:
    """Say what is aimed at beyond the target, and whether that is met, too."""
    if key not in peers.AIMS:
        return "; beyond the target"
    further = peers.BEYOND.get(key)
    return "" if further is None else f"; beyond: {further:g}{', met' if ratio <= further else ''}"


def _publishing() -> list[Row]:
    plain, *costs = publishing.measure()
    aimed = [cost for cost in costs if cost.aim]
    how = "CPU; a channel of 50 after one new entry; beside feedgen and gzip -6"
    return [
        Row(
            "publish Atom and its gzip",
            cost.milliseconds / plain.milliseconds,
            cost.aim or 0.0,
            how,
            _ms(cost.milliseconds),
            "feedgen",
            _ms(plain.milliseconds),
            publishing.profile(),
        )
        for cost in aimed
    ]


def _serving(sizes: Sizes) -> list[Row]:
    size, count = serving.size() // 1000, serving.CONNECTIONS
    how = f"the server's CPU a request, {size} KB, {count} connections; nginx's rate is 1"
    return [
        Row(
            f"serving, {cost.kind}",
            cost.ratio,
            serving.AIMS[cost.kind],
            how,
            f"{cost.ours:.1f} us",
            "nginx",
            "-" if cost.nginx is None else f"{cost.nginx:.1f} us",
            f"{cost.kernel:.0%} of it in the kernel",
            at_least=True,
        )
        for cost in serving.measure(sizes.requests, sizes.rounds)
    ]


def _ticks(sizes: Sizes, tell: Tell) -> list[Row]:
    few, many = max(sizes.articles // 100, 10), sizes.articles
    ends = (max(few // 5, 5), few), (max(many // 5, 5), many)
    due = min(tick.DUE, ends[0][0])
    small, large = tick.measure(ends, due, sizes.rounds, tell)
    how = f"CPU; {due} of {_counted(large, ' sources', ' articles')}; beside {_counted(small)}"
    rows = []
    for kind in tick.KINDS:
        before, after = sum(small.cpu[kind].values()), sum(large.cpu[kind].values())
        grown = {step: max(large.cpu[kind][step] - small.cpu[kind][step], 0.0) for step in tick.STEPS}
        why = f"what is more: {_shares(grown)}"
        rows.append(
            Row(f"tick, {kind}", after / max(before, 0.001), tick.AIM, how, _ms(after), "itself", _ms(before), why)
        )
    return rows


def _counted(store: tick.Store, sources: str = "", articles: str = "") -> str:
    return f"{store.sources:,}{sources}, {store.articles:,}{articles}"


def _search(sizes: Sizes, say: Say) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        measured = search.measure(sizes.articles, Path(folder), say)
    slowest = sorted(measured.answers, key=lambda each: -each.clock.p95)
    why = ", ".join(f"{kind.kind} {kind.clock.p95:.0f} ms ({kind.cpu.p95:.0f} CPU)" for kind in slowest[:2])
    how = f"by the clock, {measured.articles:,} articles; the slowest of {len(slowest)} kinds of queries"
    return [Row("search, p95 in ms", slowest[0].clock.p95, search.AIM_MS, how, _ms(slowest[0].clock.p95), why=why)]


def _memory(sizes: Sizes, tell: Tell) -> list[Row]:
    sources, articles = max(sizes.articles // 100, 3), max(sizes.articles // 10, 3)
    found = memory.measure(sources, articles, tell)
    how = f"resident, at most; {found.sources:,} sources all polled, {found.articles:,} articles"
    why = f"{found.daemon:.0f} MB when all was done"
    return [Row("memory of the daemon, MB", found.daemon_peak, memory.AIM, how, f"{found.daemon_peak:.0f} MB", why=why)]


def _ms(milliseconds: float) -> str:
    return f"{milliseconds:.3g} ms" if milliseconds < 1000 else f"{milliseconds:.0f} ms"

"""In which order found articles are shown, and the words around the place that was looked for. Pure."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from aggregator.records import StoredEntry

_BEFORE, _SNIPPET = 30, 160  # characters of a snippet: before the first place, and in all
_DAYS_TO_HALF = 60.0


@dataclass(frozen=True, slots=True)
class Hit:
    """An article that was found. `snippet` is plain text around the first place; `marks` are the places in it that the
    query asked for, from and to, in characters."""

    entry: StoredEntry
    snippet: str
    marks: tuple[tuple[int, int], ...]


Places = Callable[[str], Iterable[tuple[int, int]]]


def score(places: Places, title: str, body: str, now: datetime, date: datetime) -> float:
    """Say how well an article answers: 3 for each of the words in its title, the logarithm of how often they stand in
    its text, and 2 for news of this minute, half of that after sixty days."""
    in_title = len({title[begin:end].lower() for begin, end in places(title)})
    in_body = sum(1 for _ in places(body))
    days = max((now - date).total_seconds(), 0.0) / 86_400
    return 3.0 * in_title + math.log1p(in_body) + 2.0 * math.exp2(-days / _DAYS_TO_HALF)


def hit(entry: StoredEntry, places: Places, text: str) -> Hit:
    """Show where in its text an article was found, or else how the text begins."""
    line = " ".join(text.split())
    first, _ = next(iter(places(line)), (0, 0))
    begin = max(first - _BEFORE, 0)
    snippet = line[begin : begin + _SNIPPET].strip()
    if begin:
        snippet = f"…{snippet}"
    if begin + _SNIPPET < len(line):
        snippet = f"{snippet}…"
    return Hit(entry, snippet, tuple(places(snippet)))

"""Why a fetch gave no document: the one exception of this room, and the figures and words its message is made of."""

import os
from datetime import timedelta

from aggregator.records import Failure

_WORDS = 200  # characters of a server's own words that a message quotes at most


class Failed(Exception):
    """Ends a fetch from wherever it is found out. The client turns it into `FetchFailed`; it never leaves this room."""

    def __init__(self, kind: Failure, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


def too_large(max_bytes: int, announced: int | None = None) -> Failed:
    """Say that a document is over its bound; `announced` is the size that the server gave beforehand, if it did."""
    size = "is larger than" if announced is None else f"has {in_figures(announced)}, more than"
    return Failed(Failure.TOO_LARGE, f"the document {size} the {in_figures(max_bytes)} allowed (max_bytes)")


def in_figures(count: int) -> str:
    """Give a number of bytes as people write it: `999 bytes`, `1.5 MB`, `10 MB`."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.1f}".removesuffix(".0") + f" {unit}"
    return f"{count} bytes"


def in_seconds(seconds: float) -> str:
    """Give a duration as people write it: `1 second`, `2.5 seconds`."""
    return "1 second" if seconds == 1 else f"{seconds:g} seconds"


def in_words(duration: timedelta) -> str:
    """Give a duration in the unit that fits it: `5 minutes`, `1 hour`, `2.5 days`."""
    seconds = duration.total_seconds()
    units = (("day", 86_400, 172_800), ("hour", 3_600, 3_600), ("minute", 60, 60))
    unit, size = next(((unit, size) for unit, size, least in units if seconds >= least), ("second", 1))
    count = round(seconds / size, 1)
    return f"1 {unit}" if count == 1 else f"{f'{count:.1f}'.removesuffix('.0')} {unit}s"


def quoted(words: str) -> str:
    """Give what a server or a library said, made printable and cut to a length that fits into a message."""
    shown = "".join(character if character.isprintable() else "?" for character in words)
    return shown if len(shown) <= _WORDS else shown[:_WORDS] + "…"


def root_reason(error: BaseException) -> str:
    """Give the system's own words for an error (`Connection refused`), wherever in its chain of causes they stand."""
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, OSError) and link.errno:
            return os.strerror(link.errno)
        link = link.__cause__ or link.__context__
    return quoted(str(error)) or "the connection was closed"

"""Channels that are no more: what the publisher says of those that were removed or renamed."""

import json
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

FILE = "gone.json"
_PARTS = re.compile(r"(category/[^/.]+)([./].*)?")
_MOST_MOVES = 20


@dataclass(frozen=True, slots=True)
class Departed:
    """What is gone for good, and what stands elsewhere now: outputs such as `category/x`."""

    gone: frozenset[str] = frozenset()
    moved: Mapping[str, str] = field(default_factory=dict)


class Departures:
    """Reads the list anew whenever it has changed."""

    def __init__(self, directory: Path) -> None:
        self._place = directory / FILE
        self._state: tuple[int, int, int] | None = None
        self._known = Departed()

    def new_home(self, path: str) -> str | None:
        """Give where a path has moved to, relative to it; "" if it is gone for good; None if nothing is known of it."""
        found = _PARTS.fullmatch(path)
        if found is None:
            return None
        target = _followed(self._read(), found[1])
        return posixpath.relpath(target + (found[2] or ""), posixpath.dirname(path)) if target else target

    def _read(self) -> Departed:
        try:
            found = self._place.stat()
            state = found.st_ino, found.st_mtime_ns, found.st_size
            if state != self._state:
                self._known, self._state = _departed(self._place.read_bytes()), state
        except OSError:
            self._known, self._state = Departed(), None
        return self._known


def _followed(departed: Departed, output: str) -> str | None:
    """Follow moves to their end; what moves in a circle is nowhere."""
    if output in departed.gone:
        return ""
    if output not in departed.moved:
        return None
    for _ in range(_MOST_MOVES):
        output = departed.moved[output]
        if output not in departed.moved:
            return "" if output in departed.gone else output
    return ""


def _departed(file: bytes) -> Departed:
    """Read the list; one that is none says nothing."""
    try:
        facts = json.loads(file)
        moved = {str(old): str(new) for old, new in facts["moved"].items() if _PARTS.fullmatch(str(new))}
        return Departed(frozenset(map(str, facts["gone"])), moved)
    except (ValueError, TypeError, LookupError, AttributeError):
        return Departed()

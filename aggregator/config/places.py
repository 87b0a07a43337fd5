"""Where in a TOML text a key stands: tomllib gives values without lines, and an error needs its line."""

import re
from collections.abc import Sequence

_HEADER = re.compile(r"\s*\[\[?\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"\s*((?:[\w-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[\w-]+|\"[^\"]*\"|'[^']*'))*)\s*=")
_PART = re.compile(r"[\w-]+|\"[^\"]*\"|'[^']*'")


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))


def lines_of(text: str) -> dict[tuple[str, ...], int]:
    """Map each table and key path of a TOML text to the line (from 1) where it is first said."""
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    counts: dict[str, int] = {}  # of arrays of tables: [[rules]]
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            table = _parts(header[1])
            if line.lstrip().startswith("[["):
                counts[table[0]] = counts.get(table[0], -1) + 1
            if table[0] in counts:
                table = (table[0], str(counts[table[0]]), *table[1:])
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            lines.setdefault(table + _parts(key[1]), number)
    return lines


def line_of(lines: dict[tuple[str, ...], int], place: Sequence[object]) -> int | None:
    """Give the line of the innermost part of `place` that is said in the text; None where no part of it is."""
    path = tuple(str(part) for part in place)
    for end in range(len(path), 0, -1):
        if path[:end] in lines:
            return lines[path[:end]]
    return None

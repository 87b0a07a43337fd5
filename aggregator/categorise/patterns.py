"""Regular expressions of operators, in RE2's syntax: the time of a search grows with the text alone, so none can hang.

RE2 has neither backreferences nor look-around, which is what makes others take forever.
"""

import re
from functools import lru_cache
from typing import Any

_GROUP = re.compile(r"\\([0-9]|\\)")
_LONGEST = 1000  # characters of a pattern
_MEMORY = 8 << 20  # bytes that a pattern may take; RE2 refuses what would need more


def pattern_fault(text: str) -> str | None:
    """Say what is wrong with a regular expression, and what would be right; None where nothing is."""
    if len(text) > _LONGEST:
        return f"a pattern of {len(text)} characters is too long; {_LONGEST} are the most"
    try:
        pattern(text)
    except ValueError as error:
        return str(error)
    return None


def replacement_fault(text: str, replacement: str) -> str | None:
    """Say what is wrong with a text that takes the place of a pattern; None where nothing is."""
    if pattern_fault(text):
        return None  # which is said of the pattern
    groups = pattern(text).groups
    for found in _GROUP.finditer(replacement):
        if found[1].isdigit() and int(found[1]) > groups:
            return f"{replacement!r}: the pattern has {groups or 'no'} group{'s' * (groups != 1)}, and no \\{found[1]}"
    return None


def replaced(text: str, replacement: str, said: str) -> str:
    """Put a text in the place of every match of a pattern: `\\1` in it is the first group, `\\0` the whole match and
    `\\\\` a backslash. The library's own reading of such texts takes letters beyond ASCII apart."""
    return str(pattern(text).sub(lambda match: _GROUP.sub(lambda part: _expanded(part, match), replacement), said))


def _expanded(part: re.Match[str], match: Any) -> str:
    return (match.group(int(part[1])) or "") if part[1].isdigit() else "\\"


@lru_cache(maxsize=1000)
def pattern(text: str) -> Any:
    """Give a compiled pattern. Raises: ValueError where it is none."""
    import re2  # here and not above: processes that only read documents get by without it

    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    try:
        return re2.compile(text, options)
    except re2.error as error:
        raise ValueError(f"{text!r} is no pattern (RE2): {_said(error)}{_hint(text)}") from error


def _said(error: Exception) -> str:
    said = error.args[0] if error.args else error
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)


def _hint(text: str) -> str:
    if any(part in text for part in ("(?=", "(?!", "(?<=", "(?<!")):
        return "; look-around is not known, say what must not be there under `not`"
    if any(f"\\{digit}" in text for digit in "123456789"):
        return "; a pattern cannot refer back to its own groups"
    return "; what is meant as a character stands behind a backslash, like \\(, and in '…' TOML leaves it alone"

"""Front matter: the YAML between two lines of `---` that a Jekyll page begins with, read and written.

Shared ground: the export writes it, the import reads it. PyYAML is known here only. Values are read as the text that
stands there: a date stays what somebody wrote, `no` is a word.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import yaml

Value = str | tuple[str, ...]

WRAP = ('<div class="article">\n', "\n</div>")  # stands around an exported text that Markdown would not let alone

_LONGEST = 65_536  # characters
_MARK = re.compile(r"---[ \t]*")
_END = re.compile(r"(?:---|\.\.\.)[ \t]*")
_LINE = re.compile(r"([A-Za-z_][\w-]*):(?:[ \t]+([^\s\[{&*!|>].*)?)?")
_WORD = re.compile(r"[^\W\d_](?:[\w（）() -]*[\w）)])?")
_SHORT = 4_000  # characters; of a longer one the loader in C, twelve times as fast, may be nested until it crashes
_Quick = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


@dataclass(frozen=True, slots=True)
class Page:
    """A page's front matter and the text behind it. `note` says what was broken and could be read all the same."""

    values: Mapping[str, Value]
    body: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a page has no front matter that can be read, and in which line."""

    line: int
    detail: str


def read(text: str) -> Page | Fault:
    """Read a page. Empty lines before the front matter are passed over; values that are tables are left out.

    Where the YAML is broken, and every line is `key: value`, it is read line by line: programs that put a title between
    quotes without looking into it wrote such files.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    begin = next((number for number, line in enumerate(lines) if line.strip()), 0)
    if not _MARK.fullmatch(lines[begin]):
        return Fault(begin + 1, "no front matter; a post begins with a line of three hyphens")
    end = next((number for number in range(begin + 1, len(lines)) if _END.fullmatch(lines[number])), None)
    if end is None:
        return Fault(begin + 1, "the front matter that begins here has no end; a second line of three hyphens ends it")
    values, fault = _values(lines[begin + 1 : end], begin + 2)
    if values is None:
        return fault
    return Page(values, "\n".join(lines[end + 1 :]), f"line {fault.line}: {fault.detail}" if fault.detail else "")


def _values(lines: Sequence[str], first: int) -> tuple[dict[str, Value] | None, Fault]:
    """Give the values and what was wrong with them; None for values that cannot be read."""
    text = "\n".join(lines)
    if len(text) > _LONGEST:
        return None, Fault(first, f"front matter of {len(text):,} characters; {_LONGEST:,} are read")
    try:
        loaded = yaml.load(text, Loader=_Quick if len(text) < _SHORT else yaml.BaseLoader)  # text, lists, dicts only
    except yaml.MarkedYAMLError as error:
        line = first + min(_line_of(error), len(lines) - 1)
        return _as_written(lines), Fault(line, f"front matter is no YAML: {error.problem}")
    except (yaml.YAMLError, RecursionError) as error:
        return None, Fault(first, f"front matter is no YAML: {' '.join(str(error).split())[:200]}")
    if not isinstance(loaded, dict):
        return ({}, Fault(0, "")) if not text.strip() else (None, Fault(first, "front matter is no `key: value` lines"))
    return dict(_plain(loaded)), Fault(0, "")


def _line_of(error: yaml.MarkedYAMLError) -> int:
    """What never ends is named by where it begins."""
    unended = error.context_mark if (error.context or "").startswith("while scanning") else None
    mark = unended or error.problem_mark
    return mark.line if mark else 0


def _plain(loaded: Mapping[object, object]) -> Iterator[tuple[str, Value]]:
    for key, value in loaded.items():
        if isinstance(value, str):
            yield str(key), value
        elif isinstance(value, list):
            yield str(key), tuple(item for item in value if isinstance(item, str))


def _as_written(lines: Sequence[str]) -> dict[str, Value] | None:
    found = [_LINE.fullmatch(line.rstrip()) for line in lines if line.strip()]
    if not all(found):
        return None
    return {match[1]: _unquoted((match[2] or "").strip()) for match in found if match}


def _unquoted(value: str) -> str:
    if value[:1] not in ('"', "'"):
        return value
    quote = value[0]
    return value[1:].removesuffix(quote)


# --- writing ------------------------------------------------------------------------------------------------


class _Quoted(str):
    """A text that is written between double quotes."""


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]  # PyYAML brings no types
    """Writes `_Quoted` texts, and lists in one line."""


def _quoted(dumper: yaml.SafeDumper, value: _Quoted) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", str(value), style='"')


def _listed(dumper: yaml.SafeDumper, values: tuple[str, ...]) -> yaml.SequenceNode:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=True)


_Dumper.add_representer(_Quoted, _quoted)
_Dumper.add_representer(tuple, _listed)


def write(values: Mapping[str, Value], *, quoted: Sequence[str] = ()) -> str:
    """Give the front matter of these values, in their order, with the lines of `---` around it.

    What more than one reader of YAML could take for anything but a text stands between quotes, and so do the values of
    the keys in `quoted`.
    """
    styled = {key: _styled(value, key in quoted) for key, value in values.items()}
    text = yaml.dump(styled, Dumper=_Dumper, allow_unicode=True, width=float("inf"), sort_keys=False)
    return f"---\n{text}---\n"


def _styled(value: Value, quoted: bool) -> object:
    if isinstance(value, tuple):
        return tuple(_styled(item, quoted) for item in value)
    return _Quoted(value) if quoted or not (_WORD.fullmatch(value) or _DATE.fullmatch(value)) else value


_DATE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}")  # plain, as Jekyll's own documents write it

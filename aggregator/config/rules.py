"""What contradicts itself in `[[rules]]`, on the raw data, as in `conflicts`."""

import difflib
from collections.abc import Callable, Iterator
from typing import Any

Problem = tuple[tuple[str | int, ...], str]
Check = Callable[[str, str], str | None]

_FIELDS = ("title", "content", "author", "link", "category", "source")
_KINDS = ("contains", "matches")
_ACTIONS = ("drop", "keep", "add_category", "set", "replace")
_CHANGES = _ACTIONS[2:]


def rule_conflicts(data: dict[str, Any], replacement: Check | None) -> Iterator[Problem]:
    """Give each contradiction with its place; `replacement` judges what is put in the place of a pattern."""
    rules = data.get("rules")
    for number, rule in enumerate(rules if isinstance(rules, list) else ()):
        if isinstance(rule, dict):
            place = ("rules", number)
            yield from _of_actions(place, rule)
            yield from _of_conditions(place, rule)
            yield from _of_sources(place, rule, data)
            yield from _of_replacements(place, rule, replacement)


def _of_actions(place: tuple[str | int, ...], rule: dict[str, Any]) -> Iterator[Problem]:
    said = [action for action in _ACTIONS if rule.get(action)]
    if not said:
        yield place, f"does nothing; say what with {', '.join(_ACTIONS[:-1])} or {_ACTIONS[-1]}"
    if "drop" in said and len(said) > 1:
        yield place, f"has drop and {said[1]}; what is dropped is not changed or kept, so keep one of them"


def _of_conditions(place: tuple[str | int, ...], rule: dict[str, Any]) -> Iterator[Problem]:
    unless = rule.get("not")
    for where, table in ((place, rule), ((*place, "not"), unless if isinstance(unless, dict) else {})):
        for field in _FIELDS:
            condition = table.get(field)
            if isinstance(condition, dict) and not any(condition.get(kind) for kind in _KINDS):
                yield (*where, field), "asks nothing; say what with contains or matches"
    if not any(rule.get(key) for key in (*_FIELDS, "older_than", "not", "sources")):
        yield place, f"holds for every article; say which with {', '.join(_FIELDS)}, older_than, not or sources"
    if isinstance(unless, dict) and not any(unless.get(key) for key in (*_FIELDS, "older_than")):
        yield (*place, "not"), f"leaves nothing out; say what with {', '.join(_FIELDS)} or older_than"


def _of_sources(place: tuple[str | int, ...], rule: dict[str, Any], data: dict[str, Any]) -> Iterator[Problem]:
    tables, said = data.get("sources"), rule.get("sources")
    known = list(tables) if isinstance(tables, dict) else []
    for name in said if isinstance(said, list) else ():
        if isinstance(name, str) and name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else "one that is not fetched any more has enabled = false"
            yield (*place, "sources"), f"there is no source {name!r}; {hint}"


def _of_replacements(place: tuple[str | int, ...], rule: dict[str, Any], check: Check | None) -> Iterator[Problem]:
    said = rule.get("replace")
    for number, table in enumerate(said if isinstance(said, list) else [said]):
        where = (*place, "replace", *((number,) if isinstance(said, list) else ()), "text")
        pattern, text = (table.get("pattern"), table.get("text", "")) if isinstance(table, dict) else (None, None)
        if check and isinstance(pattern, str) and isinstance(text, str) and (fault := check(pattern, text)):
            yield where, fault

"""TOML text → Settings, with every problem at once: its line, its place, and what would be right."""

import difflib
import json
import tomllib
import typing
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from aggregator.config.conflicts import conflicts
from aggregator.config.places import line_of, lines_of
from aggregator.config.rules import rule_conflicts
from aggregator.config.settings import CategoriesSettings, CategorySettings, ConditionsTable, Settings, SourceTable
from aggregator.config.units import spoken
from aggregator.errors import ConfigError
from aggregator.masking import mask

_TELLING = 6  # characters; a shorter value is a word that stands in messages by itself
_PLAIN = frozenset(("kind", "title", "category", "categories", "category_from", "interval", "schedule", "timezone"))
FLOOR = timedelta(minutes=60)  # CITIZENSHIP: what server operators expect between two requests for one feed


Check = Callable[[str], str | None]  # what is wrong with a text, or None


@dataclass(frozen=True, slots=True)
class Checks:
    """What only other rooms can judge: JSONPaths, CSS selectors, crontab lines, whether texts can be found in pages
    (`fulltext`, of which the text asked about is empty), searches, patterns, what stands in their place (pattern and
    text), and the kinds that packages bring."""

    jsonpath: Check | None = None
    selector: Check | None = None
    crontab: Check | None = None
    fulltext: Check | None = None
    search: Check | None = None
    pattern: Check | None = None
    replacement: Callable[[str, str], str | None] | None = None
    kinds: Collection[str] = ()


def load(path: Path, checks: Checks = Checks()) -> Settings:
    """Read the configuration file.

    Raises:
        ConfigError: with every problem that was found.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        remedy = "name one with --config PATH or AGGREGATOR_CONFIG"
        raise ConfigError([f"{path}: there is no such configuration file; {remedy}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path}: byte {error.start} is not UTF-8; a TOML file is UTF-8 text"]) from error
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from error
    return parse(text, str(path), checks)


def parse(text: str, name: str, checks: Checks = Checks()) -> Settings:
    """Read a configuration text; `name` stands before each problem.

    Raises:
        ConfigError: with every problem that was found.
    """
    try:
        data = tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{name}: not TOML: {error}"]) from error
    context = {field.name: getattr(checks, field.name) for field in fields(checks)}
    problems: list[tuple[tuple[Any, ...], str]] = []
    settings = None
    try:
        settings = Settings.model_validate(data, context=context)
    except ValidationError as error:
        problems += _problems(error, data)
    problems += [*conflicts(data), *rule_conflicts(data, checks.replacement)]
    if problems or settings is None:
        lines = lines_of(text)
        problems.sort(key=lambda problem: line_of(lines, problem[0]) or 0)
        raise ConfigError([_located(name, lines, place, _hidden(place, said, data)) for place, said in problems])
    return settings


def schema() -> str:
    """Give the JSON Schema of the configuration, for editors that complete TOML."""
    document = Settings.model_json_schema()
    document["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    document["title"] = "aggregator.toml"
    return json.dumps(document, ensure_ascii=False, indent=2)


def warnings(settings: Settings) -> list[str]:
    """Give what is allowed but worth a second look, each with its place."""
    found = []
    if "url" not in settings.site.model_fields_set:
        found.append('site.url: not set; published links begin with "http://localhost:8080/" until it is')
    if settings.fetch.interval < FLOOR:
        found.append(_short_interval("fetch.interval", settings.fetch.interval))
    for name, source in settings.sources.items():
        if source.interval is not None and source.interval < FLOOR and not source.url.startswith("file:"):
            found.append(_short_interval(f"sources.{name}.interval", source.interval))
    if not settings.sources:
        found.append("sources: there are none; add a [sources.<name>] table with a url")
    if not settings.fetch.contact:
        found.append("fetch.contact: not set; server operators cannot reach you about this fetcher")
    return found + list(_about_tokens(settings))


def _about_tokens(settings: Settings) -> Iterator[str]:
    """Tell what nobody can read, and tokens that are of no use."""
    tokens, protected = settings.server.tokens, settings.server.protected
    opened = {output for token in tokens.values() for output in token.outputs}
    for output in protected:
        if not opened & {output, "*"}:
            yield f"server.protected: no token opens {output!r}, so nobody can read it"
    for name, token in tokens.items():
        for output in token.outputs:
            near_only = output == "status" and settings.server.status == "local"
            if not (near_only or (protected if output == "*" else {output, "*"} & {*protected})):
                yield f"server.tokens.{name}: {output!r} is open to anyone, as server.protected does not name it"


def _short_interval(place: str, interval: timedelta) -> str:
    return f"{place}: {spoken(interval)} is shorter than the hour that feed servers expect; keep it only on purpose"


def _hidden(place: tuple[Any, ...], message: str, data: dict[str, Any]) -> str:
    """Give a message without the values of a private source: each may hold its address or a credential."""
    table = _at(data, place[:2]) if place[:1] == ("sources",) else None
    if not isinstance(table, dict) or not table.get("private"):
        return message
    texts = {text for key, value in table.items() if key not in _PLAIN for text in _texts(value)}
    name = str(place[1])
    for text in sorted(texts, key=len, reverse=True):
        for shown in (repr(text), _shown(text), text):
            message = message.replace(shown, repr(name)) if len(text) >= _TELLING else message
    return mask(name, tuple(text for text in texts if "://" in text)).words(message)


def _texts(value: Any) -> Iterator[str]:
    """Give every text in a value of any shape."""
    match value:
        case str():
            yield value
        case dict():
            for each in value.values():
                yield from _texts(each)
        case list():
            for each in value:
                yield from _texts(each)


def _located(name: str, lines: dict[tuple[str, ...], int], place: tuple[Any, ...], message: str) -> str:
    line = line_of(lines, place)
    return f"{name}{f':{line}' if line else ''}: {_dotted(place)}: {message}"


def _dotted(place: tuple[Any, ...]) -> str:
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f"{'.' if text else ''}{part}"
    return text or "the file"


def _problems(error: ValidationError, data: dict[str, Any]) -> Iterator[tuple[tuple[Any, ...], str]]:
    for fault in error.errors():
        place = _without_tags(fault["loc"], data)
        yield place, _message(fault, place, data)


def _without_tags(loc: tuple[int | str, ...], data: dict[str, Any]) -> tuple[int | str, ...]:
    """Drop the kind that pydantic puts behind a source's name."""
    if len(loc) > 2 and loc[0] == "sources":
        return (*loc[:2], *loc[3:])
    return loc


def _message(fault: Any, place: tuple[Any, ...], data: dict[str, Any]) -> str:
    match fault["type"]:
        case "extra_forbidden":
            return _unknown_key(place, data)
        case "missing":
            return "is missing; it has no default"
        case "value_error":
            return str(fault["ctx"]["error"])
        case "union_tag_invalid":
            return _one_of(fault["ctx"]["tag"], fault["ctx"]["expected_tags"], "kind ")
        case "union_tag_not_found":
            return "is no table of a source; write [sources.<name>] with a url"
        case "literal_error":
            return _one_of(fault["input"], fault["ctx"]["expected"])
        case "model_type" | "dict_type":
            return f"must be a table, not {_shown(fault['input'])}{_as_table(place)}"
        case "list_type" if place == ("rules",):
            return "is a list of tables: write each rule under a line of its own, [[rules]]"
    return f"{_shown(fault['input'])}: {fault['msg'][0].lower()}{fault['msg'][1:]}"


def _as_table(place: tuple[Any, ...]) -> str:
    is_condition = place[:1] == ("rules",) and place[-1] in ConditionsTable.model_fields
    return '; write it like { contains = "…" } or { matches = "…" }' if is_condition else ""


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"


def _one_of(given: object, expected: str, what: str = "") -> str:
    choices = [choice.strip(" '") for choice in expected.replace(" or ", ", ").split(",")]
    listed = ", ".join(f"'{choice}'" for choice in choices)
    return f"{what}{given!r} is none of {listed}{_did_you_mean(str(given), choices)}"


def _did_you_mean(given: str, choices: list[str]) -> str:
    close = difflib.get_close_matches(given.lower(), choices, n=1, cutoff=0.55)
    return f"; did you mean '{close[0]}'?" if close else ""


def _unknown_key(place: tuple[Any, ...], data: dict[str, Any]) -> str:
    keys = sorted(_keys_at(place[:-1], data))
    hint = _did_you_mean(str(place[-1]), keys)
    return f"unknown key{hint or '; there are ' + ', '.join(keys)}"


def _keys_at(place: tuple[Any, ...], data: dict[str, Any]) -> set[str]:
    """Give the keys that the table at `place` may hold, by walking down the models."""
    table: Any = Settings
    for depth, part in enumerate(place):
        if isinstance(part, int):
            continue
        kind = _at(data, (*place[: depth + 1], "kind")) or "feed"
        table = _table_of(_below(table, part), str(kind))
    return {field.alias or name for name, field in table.model_fields.items()} if _is_model(table) else set()


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _below(table: Any, key: Any) -> Any:
    if typing.get_origin(table) is dict:
        return typing.get_args(table)[1]
    if table is CategoriesSettings and key not in table.model_fields:
        return CategorySettings
    by_key = {field.alias or name: field for name, field in table.model_fields.items()} if _is_model(table) else {}
    return by_key[key].annotation if key in by_key else None


def _at(data: Any, place: tuple[Any, ...]) -> Any:
    for part in place:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _table_of(annotation: Any, kind: str) -> Any:
    """Unwrap Annotated, Optional and the union of source kinds down to the one table that is meant."""
    if _is_model(annotation) or typing.get_origin(annotation) is dict:
        return annotation
    inner = [_table_of(argument, kind) for argument in typing.get_args(annotation)]
    tables = [table for table in inner if _is_model(table) or typing.get_origin(table) is dict]
    sources = [table for table in tables if _is_model(table) and issubclass(table, SourceTable)]
    of_kind = [table for table in sources if kind in typing.get_args(table.model_fields["kind"].annotation)]
    of_kind = of_kind or [table for table in sources if table.model_fields["kind"].annotation is str]
    return next(iter(of_kind or tables), None)

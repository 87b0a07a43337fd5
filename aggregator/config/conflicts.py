"""What contradicts itself in a configuration: rules over several keys, on the raw data.

They stand beside the models, because a model's own checks stay silent as long as one of its fields is wrong, and an
operator wants to hear everything at once. Values of a wrong type are passed over: the models speak of those.
"""

import difflib
import re
from collections.abc import Iterator
from typing import Any

from aggregator.urls import fold_name, slug

Problem = tuple[tuple[str, ...], str]

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_SECRETS = ("password_env", "password_file", "token_env", "token_file")
_CRITERIA = ("search", "tags", "sources", "categories")
_ONE_OF = f"{', '.join(_CRITERIA[:-1])} or {_CRITERIA[-1]}"
_NO_SLUG = "is no slug, which is made of a-z, 0-9 and inner hyphens"
_IDENTITIES = ("info_code", "guid", "link", "title")


def conflicts(data: dict[str, Any]) -> Iterator[Problem]:
    """Give each contradiction with the place of its table."""
    for name, table in _tables(data, "sources"):
        place = ("sources", name)
        yield from _of_source(place, table)
        if isinstance(auth := table.get("auth"), dict):
            yield from _of_auth((*place, "auth"), auth)
    server = data.get("server")
    for name, table in _tables(server, "tokens") if isinstance(server, dict) else ():
        if len([key for key in ("env", "file") if key in table]) != 1:
            yield ("server", "tokens", name), 'needs exactly one of env and file, like { env = "READERS_TOKEN" }'
    yield from _of_categories(data)
    yield from _of_channels(data)
    yield from _of_former_slugs(data)


def _tables(data: dict[str, Any], key: str) -> Iterator[tuple[str, dict[str, Any]]]:
    tables = data.get(key)
    for name, table in tables.items() if isinstance(tables, dict) else ():
        if isinstance(table, dict):
            yield name, table


def _of_source(place: tuple[str, ...], table: dict[str, Any]) -> Iterator[Problem]:
    for one, other in (("category", "categories"), ("interval", "schedule")):
        if table.get(one) and table.get(other):
            yield place, f"has both {one} and {other}; keep one of them"
    headers = table.get("headers")
    if isinstance(headers, dict) and {name.lower() for name in headers} & {"authorization", "cookie"}:
        yield place, 'holds a secret in headers; use auth = { token_env = "…" } (cookies are never sent)'
    kind, url = table.get("kind", "feed"), table.get("url")
    if kind == "file" and isinstance(url, str) and not url.startswith("file:"):
        yield place, f'kind "file" reads "file:" addresses; {url!r} is kind "feed"'
    if table.get("article") and table.get("fulltext"):
        yield place, "has both article and fulltext; an article's text comes from one place"
    if kind == "json" and not any(table.get(key) for key in _IDENTITIES):
        yield place, 'says nothing that tells articles apart; add at least info_code = "$.…" or link = "…"'


def _of_auth(place: tuple[str, ...], auth: dict[str, Any]) -> Iterator[Problem]:
    said = [key for key in _SECRETS if key in auth]
    if len(said) != 1:
        yield place, f"needs exactly one of {', '.join(_SECRETS)}"
    elif ("username" in auth) != said[0].startswith("password"):
        yield place, "username and a password belong together; a token goes without a username"


def _of_categories(data: dict[str, Any]) -> Iterator[Problem]:
    owners: dict[str, str] = {}
    for key, table in _tables(data, "categories"):
        if not _SLUG.fullmatch(key):
            yield ("categories", key), _NO_SLUG
        for name in _texts(table, "names"):
            owner = owners.setdefault(fold_name(name), key)
            if owner != key:
                yield ("categories", key, "names"), f"{name!r} belongs to [categories.{owner}] already"


def _texts(table: dict[str, Any], key: str) -> list[str]:
    values = table.get(key, [])
    return [value for value in values if isinstance(value, str)] if isinstance(values, list) else []


def _of_channels(data: dict[str, Any]) -> Iterator[Problem]:
    channels = list(_tables(data, "channels"))
    owners = _slugs_of_categories(data) if channels else {}
    for key, table in channels:
        place = ("channels", key)
        if not _SLUG.fullmatch(key):
            yield place, _NO_SLUG
        if key in owners:
            yield place, f"is the slug of {owners[key]} already; choose another key"
        if not any(table.get(kind) for kind in _CRITERIA):
            yield place, f"takes every article; say which with {_ONE_OF}"
        without = table.get("without")
        if isinstance(without, dict) and not any(without.get(kind) for kind in _CRITERIA):
            yield (*place, "without"), f"leaves nothing out; say what with {_ONE_OF}"
        yield from _of_criteria(data, place, table)
        yield from _of_criteria(data, (*place, "without"), without if isinstance(without, dict) else {})


def _of_criteria(data: dict[str, Any], place: tuple[str, ...], table: dict[str, Any]) -> Iterator[Problem]:
    known = [name for name, _ in _tables(data, "sources")]
    for name in _texts(table, "sources"):
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            yield (*place, "sources"), f"there is no source {name!r}{f'; did you mean {close[0]!r}?' if close else ''}"


def _slugs_of_categories(data: dict[str, Any]) -> dict[str, str]:
    """Give the slugs that categories are sure to have, each with who has it."""
    by_hand = dict(_tables(data, "categories"))
    named = {fold_name(name) for table in by_hand.values() for name in _texts(table, "names")}
    owners: dict[str, str] = {}
    for source, table in _tables(data, "sources"):
        for name in _categories_of(source, table):
            if fold_name(name) not in named:
                owners.setdefault(slug(name), f"the category {name!r} of sources.{source}")
    return owners | {key: f"[categories.{key}]" for key in by_hand}


def _categories_of(source: str, table: dict[str, Any]) -> list[str]:
    """What a source says, or its own name where it says nothing."""
    said = [*_texts({"category": [table.get("category")]}, "category"), *_texts(table, "categories")]
    title = table.get("title")
    own = title if isinstance(title, str) and table.get("kind", "feed") not in ("json", "html") else source
    return said or ([] if table.get("category_from") else [own])


def _of_former_slugs(data: dict[str, Any]) -> Iterator[Problem]:
    """A slug leads to one channel: it is no channel's own, and was one's only."""
    tables = [((kind, key), table) for kind in ("categories", "channels") for key, table in _tables(data, kind)]
    owners = {key: f"[{kind}.{key}]" for (kind, key), _ in tables}
    for place, table in tables:
        for old in _texts(table, "was"):
            owner = owners.setdefault(old, f"[{'.'.join(place)}] before")
            if not _SLUG.fullmatch(old):
                yield (*place, "was"), f"{old!r} {_NO_SLUG}"
            elif owner != f"[{'.'.join(place)}] before":
                yield (*place, "was"), f"{old!r} is the slug of {owner}"

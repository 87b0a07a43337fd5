"""What contradicts itself in a configuration: rules over several keys, on the raw data.

They stand beside the models, because a model's own checks stay silent as long as one of its fields is wrong, and an
operator wants to hear everything at once. Values of a wrong type are passed over: the models speak of those.
"""

import re
from collections.abc import Iterator
from typing import Any

from aggregator.urls import fold_name

Problem = tuple[tuple[str, ...], str]

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_SECRETS = ("password_env", "password_file", "token_env", "token_file")
_IDENTITIES = ("info_code", "guid", "link", "title")


def conflicts(data: dict[str, Any]) -> Iterator[Problem]:
    """Give each contradiction with the place of its table."""
    for name, table in _tables(data, "sources"):
        place = ("sources", name)
        yield from _of_source(place, table)
        if isinstance(auth := table.get("auth"), dict):
            yield from _of_auth((*place, "auth"), auth)
    yield from _of_categories(data)


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
    for slug, table in _tables(data, "categories"):
        if not _SLUG.fullmatch(slug):
            yield ("categories", slug), "is no slug, which is made of a-z, 0-9 and inner hyphens"
        names = table.get("names", [])
        for name in (name for name in names if isinstance(name, str)) if isinstance(names, list) else ():
            owner = owners.setdefault(fold_name(name), slug)
            if owner != slug:
                yield ("categories", slug, "names"), f"{name!r} belongs to [categories.{owner}] already"

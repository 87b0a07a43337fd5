"""Sources are put at the end of a configuration file; every byte that stands in it stays.

tomlkit is known here only. It renders the new tables and not the whole file: that leaves comments alone without having
to trust anyone with them, and five thousand sources take no longer than one.
"""

import fcntl
import os
import secrets
import tomllib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import tomlkit
from tomlkit.items import SingleKey

from aggregator.config.load import Checks, parse
from aggregator.errors import ConfigError
from aggregator.urls import host, slug, slug_suffix

_LONGEST_NAME = 40
_MARK = "\ufeff"  # the byte order mark that some editors write


@dataclass(frozen=True, slots=True)
class NewSource:
    """A feed that becomes a source; what is empty is not written."""

    name: str
    url: str
    title: str = ""
    categories: tuple[str, ...] = ()


def source_name(title: str, url: str, taken: Collection[str]) -> str:
    """Give a name for a feed: of its title, else of its host or file; with a number where it is one of `taken`.

    It is made of `[a-z0-9-]` and about 40 long at most; `taken` are names in lower case.
    """
    wanted = _short(slug(title))
    if wanted in ("", f"c-{slug_suffix(title)}"):  # the title says nothing, or has no letter
        wanted = _short(slug(host(url).removeprefix("www.") or Path(urlsplit(url).path).stem)) or "feed"
    number, name = 1, wanted
    while name in taken:
        number += 1
        name = f"{wanted}-{number}"
    return name


def _short(name: str) -> str:
    """Cut a name at a hyphen, where that leaves most of it."""
    if len(name) <= _LONGEST_NAME:
        return name
    words = name[: _LONGEST_NAME + 1].rpartition("-")[0]
    return words if len(words) > _LONGEST_NAME // 2 else name[:_LONGEST_NAME].rstrip("-")


def with_sources(text: str, sources: Sequence[NewSource]) -> str:
    """Give a configuration's text with the sources at its end: the text, then a table for each.

    Raises:
        ConfigError: TOML does not let a table follow on this text, as where `sources = {…}` stands in one line.
    """
    newline = "\r\n" if "\r\n" in text else "\n"
    head = text if text.endswith("\n") or text in ("", _MARK) else text + newline
    tables = newline.join(_table(source, newline) for source in sources)
    gap = newline if head.removeprefix(_MARK).strip() and not _ends_in_blank(head) else ""
    result = head + gap + tables if sources else text
    _must_say(result, text, tables)
    return result


def _ends_in_blank(text: str) -> bool:
    return text.endswith(("\n\n", "\n\r\n"))


def _table(source: NewSource, newline: str) -> str:
    said: dict[str, Any] = {"url": source.url}
    if source.title:
        said["title"] = source.title
    if len(source.categories) == 1:
        said["category"] = source.categories[0]
    elif source.categories:
        said["categories"] = list(source.categories)
    lines = [f"[sources.{SingleKey(source.name).as_string()}]"]
    lines += [f"{key} = {tomlkit.item(value).as_string()}" for key, value in said.items()]
    return newline.join((*lines, ""))


def _must_say(result: str, before: str, tables: str) -> None:
    """Hold the text to what it is to say: all that was there, and the new sources."""
    try:
        said = _read(result)
    except tomllib.TOMLDecodeError as error:
        remedy = "write each source as a [sources.<name>] table of its own; then others can be put behind them"
        raise ConfigError([f"the sources cannot be put at the end of this file: {error}; {remedy}"]) from error
    was, new = _read(before), _read(tables)
    wanted = {**was, "sources": {**was.get("sources", {}), **new.get("sources", {})}}
    if {"sources": {}, **said} != wanted:
        raise ConfigError(["the sources cannot be put at the end of this file without changing what it says"])


def _read(text: str) -> dict[str, Any]:
    return tomllib.loads(text.removeprefix(_MARK))


def add_sources(path: Path, sources: Sequence[NewSource], checks: Checks) -> None:
    """Put the sources at the end of the configuration file, in one step: it is seen without them or with all.

    Raises:
        ConfigError: it would be no right configuration with them, or cannot be written; then the file stays as it is.
    """
    with _alone(path):
        before = _text_of(path)
        after = with_sources(before, sources)
        parse(after, str(path), checks)
        replace_file(path, after.encode())


def _text_of(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: cannot be read: {error}"]) from error


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep two commands that add sources at the same time from losing what the other one wrote."""
    try:
        folder = os.open(path.resolve().parent, os.O_RDONLY)
    except OSError as error:
        raise ConfigError([f"{path}: cannot be written: {error.strerror}"]) from error
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def replace_file(path: Path, body: bytes) -> None:
    """Write a file by a temporary one beside it and a rename: a crash leaves the old bytes or the new. The mode stays,
    and a symbolic link stays one.

    Raises:
        ConfigError: the disk refuses; then the file stays as it is.
    """
    target = path.resolve()
    part = target.with_name(f".{target.name}.{secrets.token_hex(6)}.part")
    try:
        _write(part, body, target)
        part.replace(target)
    except OSError as error:
        remedy = f"{target.parent} must be writable and have room"
        raise ConfigError([f"{path}: cannot be written: {error.strerror or error}; {remedy}"]) from error
    finally:
        part.unlink(missing_ok=True)


def _write(part: Path, body: bytes, like: Path) -> None:
    """Write and sync a new file with the mode and the owner of another one, where there is one."""
    with part.open("xb") as file:
        if like.exists():
            found = like.stat()
            os.fchmod(file.fileno(), found.st_mode & 0o7777)
            with suppress(PermissionError):  # giving a file away is the administrator's right; the rest is not
                os.fchown(file.fileno(), found.st_uid, found.st_gid)
        file.write(body)
        file.flush()
        os.fsync(file.fileno())

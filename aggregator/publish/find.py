"""In which published files does an article stand? The files themselves say it."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

_SUFFIXES = (".atom", ".rss", ".json", ".html")


def holding(directory: Path, code: str, slugs: Iterable[str]) -> list[str]:
    """Give the published files, by their paths, that hold the article: its page, and documents of its channels."""
    page = directory / "article" / f"{code}.html"
    said = re.compile(rb"(?<![A-Za-z0-9-])" + re.escape(code.encode()) + rb"(?![A-Za-z0-9-])")
    found = [path for path in _documents(directory, slugs) if _holds(path, said)]
    return [str(path.relative_to(directory)) for path in ([page] if page.exists() else []) + found]


def _documents(directory: Path, slugs: Iterable[str]) -> Iterator[Path]:
    for stem in ("feed", "index", *(f"category/{slug}" for slug in slugs)):
        yield from (directory / f"{stem}{suffix}" for suffix in _SUFFIXES)
        yield from sorted((directory / stem).glob("archive-*.atom"), key=lambda path: (len(path.name), path.name))


def _holds(path: Path, said: re.Pattern[bytes]) -> bool:
    try:
        return said.search(path.read_bytes()) is not None
    except FileNotFoundError:
        return False

"""The posts of a Jekyll site, as files: which there are in a folder, in a steady order."""

import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from aggregator.errors import AggregatorError
from aggregator.records import PostFile

_NAME = re.compile(r"(\d{4}-\d\d-\d\d)?-(.+)\.(?:md|markdown|html?)", re.IGNORECASE)
_MAX_BYTES = 10_000_000


def post_paths(folder: Path) -> list[Path]:
    """Give the posts below a site's `_posts`, or below a folder of posts, by their path.

    Raises:
        AggregatorError: when the folder is none, or holds no posts.
    """
    if not folder.is_dir():
        raise AggregatorError(f"{folder} is no folder; give a Jekyll site, or its folder _posts")
    root = root_of(folder)
    found = [Path(where, name) for where, _, names in os.walk(root) for name in names if _NAME.fullmatch(name)]
    if not found:
        raise AggregatorError(f"{root} holds no posts: files like 2021-12-28-NW202112282227696247.md")
    return sorted(found)


def root_of(folder: Path) -> Path:
    """Give the folder that the posts stand in: the site's `_posts`, or the one that was given."""
    return folder / "_posts" if (folder / "_posts").is_dir() else folder


def batches(paths: Sequence[Path], folder: Path, size: int) -> Iterator[tuple[PostFile, ...]]:
    """Read the posts, some at a time. One that cannot be read comes without its bytes."""
    dates: dict[str, set[str]] = defaultdict(set)
    for path in paths:
        date, stem = _parts(path)
        dates[stem].add(date)
    files = (_post(path, folder, twin=len(dates[_parts(path)[1]]) > 1) for path in paths)
    while batch := tuple(islice(files, size)):
        yield batch


def _parts(path: Path) -> tuple[str, str]:
    match = _NAME.fullmatch(path.name)
    assert match is not None
    return match[1] or "", match[2]


def _post(path: Path, folder: Path, *, twin: bool) -> PostFile:
    date, stem = _parts(path)
    name = path.relative_to(folder).as_posix()
    try:
        if path.stat().st_size > _MAX_BYTES:
            return PostFile(name, date, stem, twin, b"", f"larger than {_MAX_BYTES:,} bytes")
        return PostFile(name, date, stem, twin, path.read_bytes())
    except OSError as error:
        return PostFile(name, date, stem, twin, b"", f"cannot be read: {error.strerror or error}")

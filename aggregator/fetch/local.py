"""Reads `file:` sources: regular files only, within the same bound as documents from the network."""

import os
import stat
from collections.abc import Iterator
from pathlib import PurePath
from urllib.parse import unquote_to_bytes

from aggregator.fetch.body import Body
from aggregator.fetch.failures import Failed
from aggregator.records import Failure, Fetched, Validators

_STEP = 64 * 1024
_CONTENT_TYPES = {
    ".atom": "application/atom+xml",
    ".rss": "application/rss+xml",
    ".rdf": "application/rdf+xml",
    ".xml": "application/xml",
    ".json": "application/json",
    ".html": "text/html",
    ".htm": "text/html",
}


def is_file_url(url: str) -> bool:
    """Tell whether a URL names a file of this machine."""
    return url.strip().lower().startswith("file:")


def read_file(url: str, max_bytes: int) -> Fetched:
    """Read the file of a `file:` URL. It blocks, so it belongs into a thread.

    There are no validators: that nothing changed is told by the body. A gzip file is unpacked.

    Raises:
        Failed: missing, unreadable, no regular file, or too large.
    """
    body = Body("", max_bytes)
    path = file_path(url)
    for piece in _regular_file(path):
        for _ in body.take(piece):
            pass
    kind = _CONTENT_TYPES.get(PurePath(path).suffix.lower(), "")
    return Fetched(url, 200, (("content-type", kind),), body.finish(), Validators(url))


def file_path(url: str) -> str:
    """Give the path that a `file:` URL names: `file:relative/path`, `file:/abs`, `file:///abs`, `file://localhost/abs`.

    Percent-encoding is undone (RFC 8089 §2); `?` and `#` are part of the name, since files have no queries.
    """
    rest = url.strip()[len("file:") :]
    if rest.startswith("//"):
        host, slash, tail = rest[2:].partition("/")
        if host.lower() not in ("", "localhost"):
            raise Failed(Failure.FILE, f"'file://{host}/…' is on another machine; write file:{host}/… or file:///…")
        rest = slash + tail
    if not rest:
        raise Failed(Failure.FILE, "the file: URL names no file; write file:relative/path or file:///absolute/path")
    return os.fsdecode(unquote_to_bytes(rest))


def _regular_file(path: str) -> Iterator[bytes]:
    try:
        # without O_NONBLOCK opening a FIFO waits for a writer for ever
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    try:
        kind = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(kind):
            raise Failed(Failure.FILE, f"{os.path.abspath(path)} is {_in_words(kind)}; a regular file would be right")
        while piece := os.read(descriptor, _STEP):
            yield piece
    except OSError as error:
        raise _unreadable(path, error) from error
    finally:
        os.close(descriptor)


def _unreadable(path: str, error: OSError | ValueError) -> Failed:
    if isinstance(error, FileNotFoundError):
        return Failed(Failure.FILE, f"there is no file {os.path.abspath(path)}")
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return Failed(Failure.FILE, f"{os.path.abspath(path)!r} cannot be read: {reason}")


def _in_words(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    return "a pipe" if stat.S_ISFIFO(mode) else "a device"

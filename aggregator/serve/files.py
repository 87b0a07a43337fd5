"""Published files in memory: each read whole, hashed and compressed once per change."""

import asyncio
import errno
import gzip
import hashlib
import os
import re
import stat
import zlib
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

TYPES = {
    ".atom": "application/atom+xml; charset=utf-8",
    ".rss": "application/rss+xml; charset=utf-8",
    ".json": "application/feed+json; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".xml": "text/xml; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".ico": "image/x-icon",
    ".png": "image/png",
}
OPML_TYPE = "text/x-opml; charset=utf-8"
FEED_ENDINGS = (".atom", ".rss", ".json")
NOT_COMPRESSED = (".ico", ".png")

_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.ENAMETOOLONG, errno.ELOOP, errno.ENXIO)


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A file as it is served: `digest` is that of `body` in every process; `gzipped` is empty where of no use."""

    type: str
    body: bytes
    gzipped: bytes
    digest: str
    modified: datetime

    @property
    def last_modified(self) -> str:
        """The time of the file as HTTP writes it (RFC 9110 §5.6.7)."""
        return format_datetime(self.modified, usegmt=True)


@dataclass(frozen=True, slots=True)
class Version:
    """A file in memory, and the inode, time and size by which to tell whether the one on disk is still it."""

    state: tuple[int, int, int]
    file: PublishedFile

    @property
    def weight(self) -> int:
        """The bytes held in memory, with a thousand for the rest of it."""
        return len(self.file.body) + len(self.file.gzipped) + 1_000


class PublishedFiles:
    """Looks files up below a directory and keeps those asked for last, `max_bytes` of them at most.

    A file counts as changed when its inode, time or size did: the writer replaces files, it never writes into one.
    """

    def __init__(self, directory: Path, max_bytes: int = 64_000_000) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self._held = 0
        self._kept: OrderedDict[str, Version] = OrderedDict()

    async def get(self, path: str) -> PublishedFile | None:
        """Give a file by its path below the directory, without leading slash; None for what is not published.

        A changed file is read and, if need be, compressed beside the event loop.
        """
        media_type = type_of(path)
        if media_type is None or not is_safe(path):
            return None
        try:
            return self._unchanged(path) or await self._load(path, media_type)
        except OSError as fault:
            if fault.errno not in _ABSENT:
                raise
            self._drop(path)
            return None

    def _unchanged(self, path: str) -> PublishedFile | None:
        kept = self._kept.get(path)
        if kept is None or kept.state != _state((self._directory / path).stat()):
            return None
        self._kept.move_to_end(path)
        return kept.file

    async def _load(self, path: str, media_type: str) -> PublishedFile | None:
        version = await asyncio.to_thread(_read, self._directory / path, media_type)
        self._drop(path)
        if version is None:
            return None
        self._keep(path, version)
        return version.file

    def _keep(self, path: str, version: Version) -> None:
        self._kept[path] = version
        self._held += version.weight
        while self._held > self._max_bytes:
            self._drop(next(iter(self._kept)))

    def _drop(self, path: str) -> None:
        if path in self._kept:
            self._held -= self._kept.pop(path).weight


def is_safe(path: str) -> bool:
    """Tell whether every part of a path may be looked up: no `..`, no hidden file, no NUL, nothing but plain names."""
    return all(_PART.fullmatch(part) for part in path.split("/"))


def type_of(path: str) -> str | None:
    """Give the media type that a path is served with; None for what is never served."""
    if path == "opml.xml":
        return OPML_TYPE
    return TYPES.get(os.path.splitext(path)[1])


def _state(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_ino, found.st_mtime_ns, found.st_size


def _read(place: Path, media_type: str) -> Version | None:
    """Read a file by one handle, so that bytes, time and tag are of the same version even while it is replaced."""
    handle = os.open(place, os.O_RDONLY | os.O_NONBLOCK)  # else opening a FIFO would wait for its writer
    with open(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            return None
        body = file.read()
    gzipped = b"" if place.suffix in NOT_COMPRESSED else _compressed(place, body)
    digest = hashlib.sha256(body).hexdigest()[:32]
    modified = datetime.fromtimestamp(found.st_mtime_ns // 1_000_000_000, UTC)
    return Version(_state(found), PublishedFile(media_type, body, gzipped, digest, modified))


def _compressed(place: Path, body: bytes) -> bytes:
    """Give the compressed file beside a document, or compress anew where it is missing, broken or of other bytes."""
    try:
        twin = place.with_name(place.name + ".gz").read_bytes()
        undone = zlib.decompressobj(wbits=31).decompress(twin, len(body) + 1)
    except (OSError, zlib.error):
        undone = None
    if undone != body:
        twin = gzip.compress(body, compresslevel=6, mtime=0)
    return twin if len(twin) < len(body) else b""

"""Published files in memory: each read whole, hashed and compressed once per change, with its answers made ready."""

import asyncio
import errno
import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Generic, TypeVar

from aggregator import deltas, variants
from aggregator.serve.memory import Memory

T = TypeVar("T")

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

HIDDEN = ("gone.json",)  # for us and other servers, not for readers

_CHANNELS = re.compile(rb'<meta name="aggregator:channels" content="([a-z0-9 -]*)">')
_NOINDEX = b'<meta name="robots" content="noindex">'
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.ENAMETOOLONG, errno.ELOOP, errno.ENXIO)


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A file as it is served. `packed` are its compressed forms by coding, best first, where they are of use; `digest`
    is that of `body` in every process; `history` is None where its earlier versions are not known. `complete`: there is
    no form that is still worth making."""

    path: str
    type: str
    body: bytes
    packed: dict[str, bytes]
    digest: str
    modified: datetime
    history: deltas.History | None = None
    complete: bool = False

    @property
    def last_modified(self) -> str:
        """The time of the file as HTTP writes it (RFC 9110 §5.6.7)."""
        return format_datetime(self.modified, usegmt=True)

    @property
    def weight(self) -> int:
        """The bytes held in memory, with some thousands for the rest of it."""
        return len(self.body) + sum(map(len, self.packed.values())) + 4_000


@dataclass(frozen=True, slots=True)
class Kept(Generic[T]):
    """What was made of a file, and the inode, time and size by which to tell whether the one on disk is still it."""

    place: str
    state: tuple[int, int, int]
    file: PublishedFile
    ready: T


class PublishedFiles(Generic[T]):
    """Looks files up below a directory, and keeps what `prepare` makes of those asked for last, `max_bytes` at most.

    A file counts as changed when its inode, time or size did: the writer replaces files, it never writes into one.
    """

    def __init__(self, directory: Path, prepare: Callable[[PublishedFile], T], max_bytes: int = 64_000_000) -> None:
        self._directory = directory
        self._prepare = prepare
        self._kept: Memory[str, Kept[T]] = Memory(max_bytes)
        self._one_by_one = asyncio.Semaphore(1)
        self._making: dict[str, asyncio.Task[None]] = {}

    def at_hand(self, path: str) -> T | None:
        """Give what is in memory, if the file has not changed since."""
        kept = self._kept.get(path)
        if kept is None:
            return None
        try:
            found = os.stat(kept.place)
        except OSError:
            return None
        if kept.state != (found.st_ino, found.st_mtime_ns, found.st_size):
            return None
        return kept.ready

    async def get(self, path: str) -> T | None:
        """Give a file by its path below the directory, without leading slash; None for what is not published.

        A changed file is read and, if need be, compressed beside the event loop.
        """
        media_type = type_of(path)
        if media_type is None or not is_safe(path):
            return None
        try:
            return self.at_hand(path) or await self._load(path, media_type)
        except OSError as fault:
            if fault.errno not in _ABSENT:
                raise
            self._kept.drop(path)
            return None

    async def _load(self, path: str, media_type: str) -> T | None:
        found = await asyncio.to_thread(_read, self._directory, path, media_type)
        self._kept.drop(path)
        if found is None:
            return None
        return self._keep(Kept(str(self._directory / path), *found, self._prepare(found[1])))

    def _keep(self, kept: Kept[T]) -> T:
        self._kept.keep(kept.file.path, kept, kept.file.weight)
        return kept.ready

    def complete(self, path: str) -> None:
        """Begin to make what a reader would rather have: the brotli form of a file that is in memory. It is there for
        later requests, as long as the file stays as it is."""
        kept = self._kept.get(path)
        if kept is not None and not kept.file.complete and path not in self._making:
            task = self._making[path] = asyncio.create_task(self._complete(kept))
            task.add_done_callback(lambda _: self._making.pop(path))

    async def _complete(self, kept: Kept[T]) -> None:
        """One at a time, beside the event loop: however many ask, serving goes on."""
        async with self._one_by_one:
            file = await asyncio.to_thread(_completed, kept.file)
        if self._kept.get(file.path) is kept:
            self._keep(replace(kept, file=file, ready=self._prepare(file)))


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What a page says of itself: whether search engines are to leave it out, and the slugs of an article's channels
    (None where it does not say them)."""

    noindex: bool = False
    channels: frozenset[str] | None = None


def page_facts(file: PublishedFile) -> PageFacts:
    """Read them from the head of a page; other files say nothing."""
    if not file.path.endswith(".html"):
        return PageFacts()
    head = file.body.partition(b"</head>")[0]
    said = _CHANNELS.search(head)
    channels = frozenset(said[1].decode("latin-1").split()) if said else None
    return PageFacts(_NOINDEX in head, channels)


def slug_of(path: str) -> str | None:
    """Give the slug of the channel that a document is of."""
    folder, _, rest = path.partition("/")
    return re.split("[./]", rest)[0] if folder == "category" else None


def is_safe(path: str) -> bool:
    """Tell whether every part of a path may be looked up: no `..`, no hidden file, no NUL, nothing but plain names."""
    return all(_PART.fullmatch(part) for part in path.split("/"))


def type_of(path: str) -> str | None:
    """Give the media type that a path is served with; None for what is never served."""
    if path == "opml.xml":
        return OPML_TYPE
    return None if path in HIDDEN else TYPES.get(os.path.splitext(path)[1])


def _read(directory: Path, path: str, media_type: str) -> tuple[tuple[int, int, int], PublishedFile] | None:
    """Read a file by one handle, so that bytes, time and tag are of the same version even while it is replaced."""
    place = directory / path
    handle = os.open(place, os.O_RDONLY | os.O_NONBLOCK)  # else opening a FIFO would wait for its writer
    with open(handle, "rb") as opened:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            return None
        body = opened.read()
    digest = variants.digest(body)
    modified = datetime.fromtimestamp(found.st_mtime_ns // 1_000_000_000, UTC)
    packed = _packed(place, body)
    complete = "br" in packed or not packed  # what gzip makes no smaller is not worth another attempt
    file = PublishedFile(path, media_type, body, packed, digest, modified, _history(place, digest), complete)
    return (found.st_ino, found.st_mtime_ns, found.st_size), file


def _packed(place: Path, body: bytes) -> dict[str, bytes]:
    """Give the compressed files beside a document; gzip anew where it is missing, broken or of other bytes."""
    if place.suffix in NOT_COMPRESSED:
        return {}
    beside = {coding: _beside(place, coding, body) for coding in variants.ENDINGS}
    beside["gzip"] = beside["gzip"] or variants.compressed(body, "gzip")
    return {coding: packed for coding, packed in beside.items() if packed and len(packed) < len(body)}


def _completed(file: PublishedFile) -> PublishedFile:
    packed = variants.compressed(file.body, "br")
    best = min(map(len, (file.body, *file.packed.values())))
    return replace(file, packed={"br": packed, **file.packed} if len(packed) < best else file.packed, complete=True)


def _beside(place: Path, coding: str, body: bytes) -> bytes | None:
    packed = _content(place.with_name(place.name + variants.ENDINGS[coding]))
    return packed if variants.holds(packed, coding, body) else None


def _history(place: Path, digest: str) -> deltas.History | None:
    """Give the history beside a feed; that of another version says nothing of this one."""
    if place.suffix not in deltas.FEEDS:
        return None
    history = deltas.load(_content(place.with_name(f".{place.name}{deltas.ENDING}")))
    return history if history is not None and history.current == digest else None


def _content(place: Path) -> bytes | None:
    try:
        return place.read_bytes()
    except OSError:
        return None

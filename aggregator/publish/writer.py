"""Documents onto disk: whole or not at all, and only when their bytes differ."""

import ctypes
import os
import re
import secrets
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from weakref import WeakKeyDictionary

from aggregator import deltas, variants
from aggregator.errors import PublishError
from aggregator.publish.addresses import checked
from aggregator.records import Document, Piece

COMPRESSED = frozenset({".atom", ".rss", ".json", ".html", ".xml", ".css", ".svg", ".txt"})
_LEFTOVER = re.compile(r"\..+\.(\d+)-[0-9a-f]{12}\.part")
_MANY = "article/"  # most of the files and the least read: compressed once, not twice, and made safe together

StrPath = str | os.PathLike[str]


class Writer:
    """Writes below one directory. One writer at a time; readers may look at any moment.

    Beside each text `path` stand `path.gz` and, with `brotli` and unless it is an article's, `path.br`; beside a feed
    that has changed its history. A file appears by rename from a temporary one in its own folder, so a reader or a
    killed process finds the old bytes or the new, never a part; the document comes last, so that whoever sees it sees
    what belongs to it.

    A power cut is another matter. Feeds and lists are safe on disk before their rename: what subscribers poll is never
    a part. To wait for the disk twice for each article is most of the time that a first pull takes, so their pages are
    made safe together, by `settle`, before anyone forgets that they were to be written. A cut before that may leave
    parts of them, which are still to be written then; and `write` takes no file for the right one before it has read
    it whole, compressed forms included. So none of them stays.
    """

    def __init__(self, directory: Path, *, brotli: bool = False) -> None:
        self._directory = directory
        self._brotli = brotli
        self._is_settled = True
        self._digests: WeakKeyDictionary[Piece, str] = WeakKeyDictionary()

    def settle(self) -> None:
        """Make what was written, found or removed since the last call safe on disk: only then may one forget that it
        was to be. What was found, too: who wrote it may have been killed before that.

        Raises: PublishError when the disk refuses.
        """
        if self._is_settled or not self._directory.exists():
            return
        try:
            sync_disk(self._directory)
        except OSError as fault:
            raise PublishError(f"cannot make {self._directory} safe on disk: {fault.strerror or fault}") from fault
        self._is_settled = True

    def sweep(self) -> None:
        """Remove the temporary files that an interrupted write left behind; those of a process at work stay."""
        sweep_leftovers(self._directory)

    def write(self, document: Document) -> bool:
        """Make the file hold these bytes; True if it did not already.

        Equal bytes: the file keeps its time. A compressed file that is missing or of other bytes is made anew.
        Raises: PublishError for an unsafe path or when the disk refuses; the file published before stays.
        """
        target = os.path.join(self._directory, checked(document.path))
        self._is_settled = False
        try:
            return self._put(target, document)
        except OSError as fault:
            raise PublishError(
                f"cannot write {target}: {fault.strerror or fault}; the directory must be writable and have room"
            ) from fault

    def has(self, path: str) -> bool:
        """Tell whether a document stands there."""
        return (self._directory / checked(path)).exists()

    def remove(self, path: str) -> bool:
        """Remove a document and what belongs to it; True if it was there. Raises: PublishError as `write`."""
        target = os.path.join(self._directory, checked(path))
        self._is_settled = False
        try:
            for place in (*(target + ending for ending in variants.ENDINGS.values()), _history_of(target)):
                _discard(place)
            os.unlink(target)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as fault:
            raise PublishError(f"cannot remove {target}: {fault.strerror or fault}") from fault
        return True

    def _put(self, target: str, document: Document) -> bool:
        before = _read(target)
        changed = before != document.body
        codings = self._codings(document.path)
        files = list(_outdated(target, document, codings, changed=changed))
        for coding in variants.ENDINGS.keys() - set(codings):  # from when it was made: it may be of other bytes now
            _discard(target + variants.ENDINGS[coding])
        if changed:
            files.append((target, document.body))
            self._note_history(target, before, document)
        if files:
            put_in_place(files, safe=not document.path.startswith(_MANY))
        return changed

    def _note_history(self, target: str, before: bytes | None, document: Document) -> None:
        """Remember the version that is replaced, for readers who ask for what is new since. It need not outlive a power
        cut: whoever finds no history, or one of another version, gets the whole feed."""
        if before is None or not target.endswith(deltas.FEEDS):
            return
        place, after = _history_of(target), document.body
        old = deltas.load(_read(place))
        written = int(os.stat(target).st_mtime)
        digests = [self._digest(piece) for piece in document.joined.entries] if document.joined else None
        tag, new_tag = variants.digest(before), variants.digest(after)
        history = deltas.grown(old, before, tag, written, after, new_tag, digests)
        put_in_place([(place, deltas.dump(history))], safe=False)

    def _digest(self, entry: Piece) -> str:
        """Give the digest of an entry that a document was joined of; it stays in many versions of it."""
        found = self._digests.get(entry)
        if found is None:
            found = self._digests[entry] = deltas.digest(entry.body.strip())
        return found

    def _codings(self, path: str) -> tuple[str, ...]:
        if os.path.splitext(path)[1] not in COMPRESSED:
            return ()
        return tuple(variants.ENDINGS) if self._brotli and not path.startswith(_MANY) else ("gzip",)


def _outdated(
    target: str, document: Document, codings: Iterable[str], *, changed: bool
) -> Iterator[tuple[str, bytes]]:
    """Give the compressed files that are to be made: all of a document that changed, else those of other bytes."""
    for coding in codings:
        place = target + variants.ENDINGS[coding]
        if changed or not variants.holds(_read(place), coding, document.body):
            yield place, _compressed(document, coding)


def _compressed(document: Document, coding: str) -> bytes:
    if coding == "gzip" and document.joined:
        return variants.joined((piece.deflated for piece in document.joined.pieces()), document.body)
    return variants.compressed(document.body, coding)


def sweep_leftovers(directory: Path) -> None:
    """Remove the temporary files below a directory that an interrupted `put_in_place` left behind."""
    for folder, _, names in os.walk(directory):
        for name in names:
            if (leftover := _LEFTOVER.fullmatch(name)) and not _is_running(int(leftover[1])):
                Path(folder, name).unlink(missing_ok=True)


def _is_running(process: int) -> bool:
    """Tell whether another process has this number: one that may be writing right now."""
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _history_of(target: str) -> str:
    folder, name = os.path.split(target)
    return os.path.join(folder, f".{name}{deltas.ENDING}")


def _temporary(target: StrPath) -> str:
    folder, name = os.path.split(target)
    return os.path.join(folder, f".{name}.{os.getpid()}-{secrets.token_hex(6)}.part")


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read()
    except FileNotFoundError:
        return None


def _discard(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)


def put_in_place(files: Iterable[tuple[StrPath, bytes]], *, safe: bool = True) -> None:
    """Put all files of one folder in place: first each is written, then they are renamed one after the other. If they
    are to be `safe`, each is on disk before the first is renamed."""
    waiting: deque[tuple[str, StrPath]] = deque()
    try:
        for target, body in files:
            waiting.append((_temporary(target), target))
            _write_through(waiting[-1][0], body, safe=safe)
        while waiting:
            os.replace(*waiting[0])
            waiting.popleft()
    finally:
        for temporary, _ in waiting:
            _discard(temporary)


def _write_through(path: str, body: bytes, *, safe: bool) -> None:
    handle = _created(path)
    try:
        left = memoryview(body)
        while left:
            left = left[os.write(handle, left) :]
        if safe:
            os.fsync(handle)
    finally:
        os.close(handle)


def _created(path: str) -> int:
    """Open a new file, in a folder that is made if it is not there."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o666)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return os.open(path, flags, 0o666)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder safe."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_disk(folder: Path) -> None:
    """Make everything safe that was written to the file system of a folder, renames and removals included: one call for
    any number of files. Where a system cannot do that for one file system, it is done for all (POSIX `sync`)."""
    if sys.platform != "linux":
        os.sync()
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(handle):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(handle)

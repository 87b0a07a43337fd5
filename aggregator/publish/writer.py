"""Documents onto disk: whole or not at all, and only when their bytes differ."""

import os
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from aggregator import deltas, variants
from aggregator.errors import PublishError
from aggregator.publish.addresses import checked
from aggregator.records import Document

COMPRESSED = frozenset({".atom", ".rss", ".json", ".html", ".xml", ".css", ".svg", ".txt"})
_LEFTOVER = re.compile(r"\..+\.(\d+)-[0-9a-f]{12}\.part")
_MANY = "article/"  # most of the files and the least read: compressed once, not twice


class Writer:
    """Writes below one directory. One writer at a time; readers may look at any moment.

    Beside each text `path` stand `path.gz` and, with `brotli` and unless it is an article's, `path.br`; beside a feed
    that has changed its history. A file appears by rename from a temporary one in its own folder, so a reader or a
    crash finds the old bytes or the new, never a part; the document comes last, so that whoever sees it sees what
    belongs to it.
    """

    def __init__(self, directory: Path, *, brotli: bool = False) -> None:
        self._directory = directory
        self._brotli = brotli
        self._touched: set[Path] = set()

    def settle(self) -> None:
        """Make the renames since the last call safe on disk: only then may one forget that they were to be made."""
        while self._touched:
            sync_folder(self._touched.pop())

    def sweep(self) -> None:
        """Remove the temporary files that an interrupted write left behind; those of a process at work stay."""
        sweep_leftovers(self._directory)

    def write(self, document: Document) -> bool:
        """Make the file hold these bytes; True if it did not already.

        Equal bytes: the file keeps its time. A compressed file that is missing or of other bytes is made anew.
        Raises: PublishError for an unsafe path or when the disk refuses; the file published before stays.
        """
        target = self._directory / checked(document.path)
        try:
            return self._settle(target, document)
        except OSError as fault:
            raise PublishError(
                f"cannot write {target}: {fault.strerror or fault}; the directory must be writable and have room"
            ) from fault

    def has(self, path: str) -> bool:
        """Tell whether a document stands there."""
        return (self._directory / checked(path)).exists()

    def remove(self, path: str) -> bool:
        """Remove a document and what belongs to it; True if it was there. Raises: PublishError as `write`."""
        target = self._directory / checked(path)
        try:
            for place in (*(_beside(target, coding) for coding in variants.ENDINGS), _history_of(target)):
                place.unlink(missing_ok=True)
            target.unlink()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as fault:
            raise PublishError(f"cannot remove {target}: {fault.strerror or fault}") from fault
        return True

    def _settle(self, target: Path, document: Document) -> bool:
        before = _read(target)
        changed = before != document.body
        target.parent.mkdir(parents=True, exist_ok=True)
        codings = self._codings(document.path)
        files = list(_outdated(target, document, codings, changed=changed))
        for coding in variants.ENDINGS.keys() - set(codings):  # from when it was made: it may be of other bytes now
            _beside(target, coding).unlink(missing_ok=True)
        if changed:
            files.append((target, document.body))
            _note_history(target, before, document.body)
        if files:
            put_in_place(files)
            self._touched.add(target.parent)
        return changed

    def _codings(self, path: str) -> tuple[str, ...]:
        if os.path.splitext(path)[1] not in COMPRESSED:
            return ()
        return tuple(variants.ENDINGS) if self._brotli and not path.startswith(_MANY) else ("gzip",)


def _outdated(
    target: Path, document: Document, codings: Iterable[str], *, changed: bool
) -> Iterator[tuple[Path, bytes]]:
    """Give the compressed files that are to be made: all of a document that changed, else those of other bytes."""
    for coding in codings:
        place = _beside(target, coding)
        if changed or not variants.seems_to_be(_read(place), coding, document.body):
            yield place, _compressed(document, coding)


def _compressed(document: Document, coding: str) -> bytes:
    if coding == "gzip" and document.deflated:
        return variants.joined(document.deflated, document.body)
    return variants.compressed(document.body, coding)


def _note_history(target: Path, before: bytes | None, after: bytes) -> None:
    """Remember the version that is replaced, for readers who ask for what is new since. It need not outlive a power
    cut: whoever finds no history, or one of another version, gets the whole feed."""
    if before is None or target.suffix not in deltas.FEEDS:
        return
    place = _history_of(target)
    old = deltas.load(_read(place))
    written = int(target.stat().st_mtime)
    history = deltas.grown(old, before, variants.digest(before), written, after, variants.digest(after))
    temporary = _temporary(place)
    try:
        temporary.write_bytes(deltas.dump(history))
        temporary.replace(place)
    finally:
        temporary.unlink(missing_ok=True)


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


def _beside(path: Path, coding: str) -> Path:
    return path.with_name(path.name + variants.ENDINGS[coding])


def _history_of(path: Path) -> Path:
    return path.with_name(f".{path.name}{deltas.ENDING}")


def _temporary(target: Path) -> Path:
    return target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(6)}.part")


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def put_in_place(files: Sequence[tuple[Path, bytes]]) -> None:
    """Put all files of one folder in place: first each is safe on disk, then they are renamed one after the other."""
    waiting: list[tuple[Path, Path]] = []
    try:
        for target, body in files:
            temporary = _temporary(target)
            waiting.append((temporary, target))
            _write_through(temporary, body)
        for temporary, target in waiting:
            temporary.replace(target)
    finally:
        for temporary, _ in waiting:
            temporary.unlink(missing_ok=True)


def _write_through(path: Path, body: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        left = memoryview(body)
        while left:
            left = left[os.write(handle, left) :]
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Make renames in a folder safe."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

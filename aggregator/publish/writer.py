"""Documents onto disk: whole or not at all, and only when their bytes differ."""

import gzip
import os
import re
import secrets
import zlib
from pathlib import Path

from aggregator.errors import PublishError
from aggregator.publish.addresses import checked
from aggregator.records import Document

COMPRESSED = frozenset({".atom", ".rss", ".json", ".html", ".xml", ".css", ".svg", ".txt"})
_LEFTOVER = re.compile(r"\..+\.(\d+)-[0-9a-f]{12}\.part")
_TRAILER = 8  # CRC-32 and length of what was compressed (RFC 1952 §2.3.1)


class Writer:
    """Writes below one directory. One writer at a time; readers may look at any moment.

    Beside each text `path` stands `path.gz`. A file appears by rename from a temporary one in its own folder, so a
    reader or a crash finds the old bytes or the new, never a part.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._touched: set[Path] = set()

    def settle(self) -> None:
        """Make the renames since the last call safe on disk: only then may one forget that they were to be made."""
        while self._touched:
            _sync_folder(self._touched.pop())

    def sweep(self) -> None:
        """Remove the temporary files that an interrupted write left behind; those of a process at work stay."""
        for folder, _, names in os.walk(self._directory):
            for name in names:
                if (leftover := _LEFTOVER.fullmatch(name)) and not _is_running(int(leftover[1])):
                    Path(folder, name).unlink(missing_ok=True)

    def write(self, document: Document) -> bool:
        """Make the file hold these bytes; True if it did not already.

        Equal bytes: the file keeps its time. A compressed file that is missing or of other bytes is made anew.
        Raises: PublishError for an unsafe path or when the disk refuses; the file published before stays.
        """
        target = self._directory / checked(document.path)
        try:
            return self._settle(target, document.body)
        except OSError as fault:
            raise PublishError(
                f"cannot write {target}: {fault.strerror or fault}; the directory must be writable and have room"
            ) from fault

    def remove(self, path: str) -> bool:
        """Remove a document and its compressed file; True if it was there. Raises: PublishError as `write`."""
        target = self._directory / checked(path)
        try:
            _gzip_of(target).unlink(missing_ok=True)
            target.unlink()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as fault:
            raise PublishError(f"cannot remove {target}: {fault.strerror or fault}") from fault
        return True

    def _settle(self, target: Path, body: bytes) -> bool:
        changed = _read(target) != body
        twin = _gzip_of(target)
        stale = target.suffix in COMPRESSED and (changed or not _is_gzip_of(_read(twin), body))
        target.parent.mkdir(parents=True, exist_ok=True)
        files = [(target, body)] if changed else []
        if stale:
            files.append((twin, gzip.compress(body, compresslevel=6, mtime=0)))
        if files:
            _replace(files)
            self._touched.add(target.parent)
        return changed


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


def _gzip_of(path: Path) -> Path:
    return path.with_name(path.name + ".gz")


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _is_gzip_of(compressed: bytes | None, body: bytes) -> bool:
    """Tell by its trailer whether a file is the compressed form of these bytes, without undoing it."""
    trailer = zlib.crc32(body).to_bytes(4, "little") + (len(body) & 0xFFFFFFFF).to_bytes(4, "little")
    return compressed is not None and compressed[-_TRAILER:] == trailer


def _replace(files: list[tuple[Path, bytes]]) -> None:
    """Put all files of one folder in place: first each is safe on disk, then they are renamed one after the other."""
    waiting: list[tuple[Path, Path]] = []
    try:
        for target, body in files:
            temporary = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(6)}.part")
            waiting.append((temporary, target))
            _write_through(temporary, body)
        for temporary, target in waiting:
            temporary.replace(target)
    finally:
        for temporary, _ in waiting:
            temporary.unlink(missing_ok=True)


def _write_through(path: Path, body: bytes) -> None:
    with path.open("xb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Make renames in a folder safe."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

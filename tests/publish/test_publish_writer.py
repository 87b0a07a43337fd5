"""The writer: whole files or none, and nothing touched that holds the right bytes already."""

import ctypes
import gzip
import os
import resource
import stat
import subprocess
import threading
from pathlib import Path

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.errors import PublishError
from aggregator.publish import Writer
from aggregator.publish.addresses import checked
from aggregator.records import Document

HISTORY = "category/.nanchangribao.atom.versions"
FEED = Document("category/nanchangribao.atom", b"<feed>" + b"x" * 1000 + b"</feed>")
PAGE = Document("article/NW1.html", "".join(f"<p>{number} 的正文。</p>\n" for number in range(2000)).encode())


TWINS = {f"{FEED.path}.gz", f"{FEED.path}.br"}


def everything_in(directory: Path) -> set[str]:
    return {str(file.relative_to(directory)) for file in directory.rglob("*") if file.is_file()}


def test_a_document_stands_at_its_path_with_its_compressed_forms_beside_it(tmp_path: Path) -> None:
    assert Writer(tmp_path, brotli=True).write(FEED)
    assert (tmp_path / FEED.path).read_bytes() == FEED.body
    assert gzip.decompress((tmp_path / f"{FEED.path}.gz").read_bytes()) == FEED.body
    assert brotli.decompress((tmp_path / f"{FEED.path}.br").read_bytes()) == FEED.body
    assert everything_in(tmp_path) == {FEED.path, *TWINS}


def test_articles_are_compressed_once_as_there_are_so_many(tmp_path: Path) -> None:
    (tmp_path / "article").mkdir()
    (tmp_path / "article/NW1.html.br").write_bytes(b"of a version of this program that compressed them twice")
    Writer(tmp_path, brotli=True).write(Document("article/NW1.html", b"<p>x" * 100))
    assert everything_in(tmp_path) == {"article/NW1.html", "article/NW1.html.gz"}
    assert gzip.decompress((tmp_path / "article/NW1.html.gz").read_bytes()) == b"<p>x" * 100


def test_equal_bytes_touch_nothing(tmp_path: Path) -> None:
    writer = Writer(tmp_path, brotli=True)
    writer.write(FEED)
    files = [tmp_path / path for path in (FEED.path, *TWINS)]
    before = [(file.stat().st_mtime_ns, file.stat().st_ino) for file in files]
    assert not writer.write(FEED)
    assert not Writer(tmp_path, brotli=True).write(FEED)
    assert [(file.stat().st_mtime_ns, file.stat().st_ino) for file in files] == before


def test_other_bytes_replace_all_files(tmp_path: Path) -> None:
    writer = Writer(tmp_path, brotli=True)
    writer.write(FEED)
    assert writer.write(Document(FEED.path, b"new"))
    assert (tmp_path / FEED.path).read_bytes() == b"new"
    assert gzip.decompress((tmp_path / f"{FEED.path}.gz").read_bytes()) == b"new"
    assert brotli.decompress((tmp_path / f"{FEED.path}.br").read_bytes()) == b"new"


def test_a_compressed_file_is_the_same_bytes_every_time(tmp_path: Path) -> None:
    for name in "a", "b":
        Writer(tmp_path / name, brotli=True).write(FEED)
    compressed = [(tmp_path / name / f"{FEED.path}.gz").read_bytes() for name in "ab"]
    assert compressed[0] == compressed[1]
    assert compressed[0][4:8] == bytes(4)  # no time in it (RFC 1952 §2.3.1)


STALE = [None, b"", b"not compressed at all", gzip.compress(b"of the version before"), brotli.compress(b"before")]


@pytest.mark.parametrize("twin", sorted(TWINS))
@pytest.mark.parametrize("stale", STALE)
def test_a_compressed_file_that_a_crash_left_behind_is_made_anew(
    tmp_path: Path, twin: str, stale: bytes | None
) -> None:
    writer = Writer(tmp_path, brotli=True)
    writer.write(FEED)
    place = tmp_path / twin
    right = place.read_bytes()
    place.unlink()
    if stale is not None:
        place.write_bytes(stale)
    assert not writer.write(FEED)
    assert place.read_bytes() == right


def test_what_is_no_text_is_not_compressed(tmp_path: Path) -> None:
    Writer(tmp_path, brotli=True).write(Document("static/logo.png", b"\x89PNG"))
    assert everything_in(tmp_path) == {"static/logo.png"}


def test_published_files_can_be_read_by_another_user(tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        Writer(tmp_path, brotli=True).write(FEED)
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / FEED.path).stat().st_mode) == 0o644


def test_leftovers_of_an_interrupted_write_are_swept_and_nothing_else(tmp_path: Path) -> None:
    writer = Writer(tmp_path, brotli=True)
    writer.write(FEED)
    (tmp_path / ".htaccess").write_text("the operator's own")
    (tmp_path / ".notes.part").write_text("the operator's own")
    (tmp_path / "category" / f".nanchangribao.atom.{_ended()}-0123456789ab.part").write_bytes(b"half a docu")
    writer.sweep()
    assert everything_in(tmp_path) == {FEED.path, *TWINS, ".htaccess", ".notes.part"}


def _ended() -> int:
    """The number of a process that is no more."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def test_what_a_process_at_work_is_writing_is_not_swept(tmp_path: Path) -> None:
    at_work = tmp_path / f".feed.atom.{os.getppid()}-0123456789ab.part"
    at_work.write_bytes(b"half a docu")
    Writer(tmp_path, brotli=True).sweep()
    assert at_work.exists()


def test_sweeping_a_directory_that_is_not_there_yet_is_nothing(tmp_path: Path) -> None:
    Writer(tmp_path / "none").sweep()


def test_a_process_killed_in_a_write_leaves_whole_files_and_leftovers_that_are_swept(tmp_path: Path) -> None:
    first, second = FEED, Document(FEED.path, b"second" * 100_000)
    Writer(tmp_path, brotli=True).write(first)
    for syscall in range(1, 5):
        child = os.fork()
        if child == 0:
            _die_when_made_safe(syscall)
            dying = Writer(tmp_path, brotli=True)
            dying.write(second)
            dying.settle()
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
        assert (tmp_path / FEED.path).read_bytes() in (first.body, second.body)
        writer = Writer(tmp_path, brotli=True)
        writer.sweep()
        assert everything_in(tmp_path) - {HISTORY} == {FEED.path, *TWINS}
        writer.write(first)
        assert brotli.decompress((tmp_path / f"{FEED.path}.br").read_bytes()) == first.body
        assert gzip.decompress((tmp_path / f"{FEED.path}.gz").read_bytes()) == first.body


def _die_when_made_safe(number: int) -> None:
    """End this process, as by a power cut, at the n-th time that bytes are made safe."""
    calls = iter(range(1, 100))
    real = os.fsync

    def fsync(handle: int) -> None:
        if next(calls) == number:
            os._exit(9)
        real(handle)

    os.fsync = fsync
    ctypes.CDLL = lambda *_, **__: os._exit(9)  # type: ignore[misc,assignment]  # `syncfs` is the last


class Calls:
    """How often bytes are made safe, file by file and all together."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.files = self.all = 0
        self._fsync, self._libc = os.fsync, ctypes.CDLL(None)
        monkeypatch.setattr(os, "fsync", self.fsync)
        monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: self)

    def fsync(self, handle: int) -> None:
        self.files += 1
        self._fsync(handle)

    def syncfs(self, handle: int) -> int:
        self.all += 1
        return int(self._libc.syncfs(handle))


def test_feeds_are_made_safe_before_their_rename_and_articles_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, calls = Writer(tmp_path), Calls(monkeypatch)
    for number in range(30):
        writer.write(Document(f"article/NW{number}.html", b"<p>x" * 100))
    assert (calls.files, calls.all) == (0, 0)
    writer.write(FEED)
    assert (calls.files, calls.all) == (2, 0)
    writer.settle()
    writer.settle()
    assert (calls.files, calls.all) == (2, 1)


def test_what_another_process_wrote_or_is_taken_away_is_made_safe_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Writer(tmp_path).write(PAGE)  # and was killed before it settled
    writer, calls = Writer(tmp_path), Calls(monkeypatch)
    assert not writer.write(PAGE)
    writer.settle()
    assert writer.remove(PAGE.path)
    writer.settle()
    assert calls.all == 2


def torn(body: bytes) -> list[bytes]:
    """What a power cut leaves of a file that was not safe: nothing, a part, or blocks of zeros among the right ones."""
    third = len(body) // 3
    return [b"", body[:-third], bytes(len(body)), body[:third] + bytes(third) + body[2 * third :]]


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("damage", range(4))
def test_what_a_power_cut_tore_is_written_anew(tmp_path: Path, ending: str, damage: int) -> None:
    writer = Writer(tmp_path)
    writer.write(PAGE)
    place = tmp_path / (PAGE.path + ending)
    right = place.read_bytes()
    place.write_bytes(torn(right)[damage])
    assert place.read_bytes() != right
    Writer(tmp_path).write(PAGE)
    assert place.read_bytes() == right


def test_a_reader_sees_the_old_bytes_or_the_new_and_never_a_part(tmp_path: Path) -> None:
    writer = Writer(tmp_path, brotli=True)
    versions = [Document(FEED.path, bytes([number]) * 200_000) for number in range(40)]
    writer.write(versions[0])
    whole = {document.body for document in versions}
    torn: list[int] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            body = (tmp_path / FEED.path).read_bytes()
            torn.extend([len(body)] if body not in whole else [])

    reader = threading.Thread(target=read)
    reader.start()
    for document in versions:
        writer.write(document)
    done.set()
    reader.join()
    assert torn == []


def test_removing_takes_all_files_and_says_whether_there_was_one(tmp_path: Path) -> None:
    writer = Writer(tmp_path, brotli=True)
    writer.write(FEED)
    assert writer.remove(FEED.path)
    assert everything_in(tmp_path) == set()
    assert not writer.remove(FEED.path)
    assert not writer.remove("never/there.html")


UNSAFE = [
    "",
    "/etc/passwd",
    "../x.html",
    "a/../../x",
    "a//b",
    "./a",
    "a/.hidden",
    "a\\b",
    "a\0b",
    "a b",
    "频道.atom",
    "a\n",
]


@pytest.mark.parametrize("path", UNSAFE)
def test_a_path_that_could_lead_outside_is_refused(tmp_path: Path, path: str) -> None:
    writer = Writer(tmp_path / "public")
    with pytest.raises(PublishError, match="cannot be published"):
        writer.write(Document(path, b"x"))
    with pytest.raises(PublishError, match="cannot be published"):
        writer.remove(path)
    assert everything_in(tmp_path) == set()


@given(st.text(st.sampled_from("ab./-_\\\0 ~%"), max_size=12))
def test_a_path_that_passes_stays_below_the_directory(path: str) -> None:
    try:
        checked(path)
    except PublishError:
        return
    top = Path("/srv/public")
    assert Path(os.path.normpath(top / path)).is_relative_to(top)
    assert os.path.normpath(top / path) == str(top / path)


def test_a_disk_that_refuses_is_said_with_the_file_and_leaves_no_litter(tmp_path: Path) -> None:
    (tmp_path / "category").write_text("a file where a folder must be")
    with pytest.raises(PublishError, match=r"cannot write .*nanchangribao\.atom"):
        Writer(tmp_path, brotli=True).write(FEED)
    with pytest.raises(PublishError, match="cannot write"):
        Writer(tmp_path, brotli=True).write(Document("a" * 250 + ".atom", b"x"))
    assert everything_in(tmp_path) == {"category"}


def test_without_brotli_no_old_brotli_form_stays_beside_new_bytes(tmp_path: Path) -> None:
    Writer(tmp_path, brotli=True).write(FEED)
    assert Writer(tmp_path).write(Document(FEED.path, b"new"))
    assert not (tmp_path / f"{FEED.path}.br").exists()
    assert gzip.decompress((tmp_path / f"{FEED.path}.gz").read_bytes()) == b"new"
    assert not Writer(tmp_path, brotli=True).write(Document(FEED.path, b"new"))
    assert brotli.decompress((tmp_path / f"{FEED.path}.br").read_bytes()) == b"new"


@pytest.mark.parametrize("room", [0, 40])
def test_a_disk_without_room_is_left_as_it_was(tmp_path: Path, room: int) -> None:
    writer, document = Writer(tmp_path), Document("feed.atom", b"<feed>first</feed>" * 9)
    writer.write(document)
    before = sorted((path.name, path.read_bytes()) for path in tmp_path.iterdir())
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, usual[1]))  # what a full disk does, without one
    try:
        with pytest.raises(PublishError, match="must be writable and have room"):
            writer.write(Document("feed.atom", b"<feed>second</feed>" * 9))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert sorted((path.name, path.read_bytes()) for path in tmp_path.iterdir()) == before
    assert writer.write(Document("feed.atom", b"<feed>second</feed>" * 9))

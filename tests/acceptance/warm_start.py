"""Commands that start at once: a process that has loaded the package forks one for each, with arguments, folder,
environment and streams of its own.

Half of what a command takes is loading libraries, and the process-level tests start hundreds. What such a child runs is
`python -m aggregator`, from there to its end. What is started as people start it, in other tests and by `start`, shows
that the loading works, too; with AGGREGATOR_TEST_FULL everything is.
"""

import os
import pickle
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO

_LENGTH = struct.Struct(">I")
_STATUS = struct.Struct(">i")
_COMMAND = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); from warm_start import serve; serve()"
_FIXED_AT_THE_START = ("LANG", "LC_", "TZ", "PYTHON", "LD_")


class WarmStart:
    """The process that forks. It is started with the first command, and ended with `close`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._begun_with = _fixed()

    def suits(self) -> bool:
        """Tell whether a fork is the same as a start: some variables are read by Python itself, and only once."""
        return _fixed() == self._begun_with and not os.environ.get("AGGREGATOR_TEST_FULL")

    def run(self, arguments: Sequence[str], folder: Path, timeout: float) -> subprocess.CompletedProcess[str]:
        """Run the command to its end. Raises: subprocess.TimeoutExpired."""
        with self._lock, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            status = self._status_of([*arguments], folder, (out, err), timeout)
            return subprocess.CompletedProcess([*arguments], status, _text(out), _text(err))

    def _status_of(
        self, arguments: list[str], folder: Path, streams: tuple[IO[bytes], IO[bytes]], timeout: float
    ) -> int:
        link = self._link()
        job = pickle.dumps((arguments, str(folder), dict(os.environ)))
        socket.send_fds(link, [_LENGTH.pack(len(job))], [stream.fileno() for stream in streams])
        link.sendall(job)
        (pid,) = _STATUS.unpack(_whole(link, _STATUS.size))
        late = not select.select([link], [], [], timeout)[0]
        if late:
            os.kill(pid, signal.SIGKILL)
        (status,) = _STATUS.unpack(_whole(link, _STATUS.size))
        if late:
            raise subprocess.TimeoutExpired(arguments, timeout)
        return int(status)

    def _link(self) -> socket.socket:
        if self._process is None:
            self._socket, theirs = socket.socketpair()
            with theirs:
                os.set_inheritable(theirs.fileno(), True)
                command = [sys.executable, "-c", _COMMAND, str(theirs.fileno())]
                self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()])
        return self._socket

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._socket.close()
            self._process.wait(timeout=60)


def _fixed() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(_FIXED_AT_THE_START)}


def _text(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode()


def _whole(link: socket.socket, length: int) -> bytes:
    parts = b""
    while len(parts) < length:
        part = link.recv(length - len(parts))
        if not part:
            raise EOFError("the other side has ended")
        parts += part
    return parts


# --- in the process that forks -----------------------------------------------------------------------------------


def serve() -> None:
    """Load what commands load, and start one after the other until nobody is left to ask."""
    _load()
    with socket.socket(fileno=int(sys.argv[1])) as link:
        while True:
            head, streams, _, _ = socket.recv_fds(link, _LENGTH.size, 2)
            if not head:
                return
            (length,) = _LENGTH.unpack(head)
            job = pickle.loads(_whole(link, length))
            pid = os.fork()
            if pid == 0:
                link.close()
                _become(job, streams)
            for stream in streams:
                os.close(stream)
            link.sendall(_STATUS.pack(pid))
            _, status = os.waitpid(pid, 0)
            link.sendall(_STATUS.pack(os.waitstatus_to_exitcode(status)))


def _load() -> None:
    from click import Context

    from aggregator.cli.group import COMMANDS, cli
    from aggregator.fetch import client
    from aggregator.parse import worker
    from aggregator.publish import publisher
    from aggregator.store import sqlite

    for name in COMMANDS:
        cli.get_command(Context(cli), name)
    assert all((client, worker, publisher, sqlite))


def _become(job: tuple[list[str], str, dict[str, str]], streams: Sequence[int]) -> None:
    """Go on as the command; whatever comes of it, this process ends here."""
    arguments, folder, environment = job
    status = 1
    try:
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(folder)
        for number, stream in enumerate(streams, 1):
            os.dup2(stream, number)
            os.close(stream)
        sys.argv = ["aggregator", *arguments]
        runpy.run_module("aggregator", run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)

"""In the worker process: one job after the other is read from its standard input, done, and answered on its standard
output. It loads nothing that a job does not need; every worker starts anew.
"""

import contextlib
import ctypes
import fcntl
import os
import pickle
import resource
import select
import signal
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal

JOB = struct.Struct(">dQ")
"""What stands before a job: the deadline in seconds, the length of the pickle."""
ANSWER = struct.Struct(">Q")
"""What stands before an answer: the length of the pickle."""
TAKEN = b"\x06"
"""What a worker says when it has read a job whole: from here on its death is the job's fault."""
_PIPE_BYTES = 1 << 20  # as much as a user may have without further ado
_GRACE_SECONDS = 5  # an orphan ends itself this much after the deadline, should nobody be left to kill it
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker says of its job: the value, or the exception's name and text."""

    outcome: Literal["done", "raised", "memory"]
    value: object


def serve() -> None:
    """Do jobs until there has been none for a while, or nobody is left to ask for one; `_COMMAND` runs this."""
    memory_bytes, idle_seconds = int(sys.argv[1]), float(sys.argv[2])
    _die_with_parent()
    with contextlib.suppress(ValueError, OSError):  # a limit set from outside may be lower already
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    with contextlib.suppress(BrokenPipeError), _channels() as (jobs, answers):  # whoever asked may be gone
        while select.select([jobs], [], [], idle_seconds)[0]:
            job = _next_job(jobs)
            if job is None:
                return
            answers.write(TAKEN)
            outcome, answer = _performed(job)
            answers.write(ANSWER.pack(len(answer)) + answer)
            signal.setitimer(signal.ITIMER_REAL, 0)
            if outcome == "memory":
                return


@contextlib.contextmanager
def _channels() -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Give the two pipes, moved away from where a stray `print` or `input` could reach them."""
    _widen(0)
    with os.fdopen(os.dup(0), "rb", buffering=0) as jobs, os.fdopen(os.dup(1), "wb", buffering=0) as answers:
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)
        yield jobs, answers


def _widen(pipe: int) -> None:
    """Let a document go through a pipe at once, where it is one and the system has pipes of other sizes (Linux)."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # a socket, or more memory in pipes than the system allows
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _die_with_parent() -> None:
    """Ask the kernel to end this process with its parent, even in the middle of a job (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _next_job(jobs: BinaryIO) -> bytes | None:
    head = _whole(jobs, JOB.size)
    if head is None:
        return None
    deadline_seconds, length = JOB.unpack(head)
    signal.setitimer(signal.ITIMER_REAL, deadline_seconds + _GRACE_SECONDS)
    return _whole(jobs, length)


def _whole(pipe: BinaryIO, length: int) -> bytes | None:
    """Read exactly so much from a pipe; None if it ends before."""
    parts = bytearray()
    while len(parts) < length:
        part = pipe.read(min(length - len(parts), 1 << 20))
        if not part:
            return None
        parts += part
    return bytes(parts)


def _performed(job: bytes) -> tuple[str, bytes]:
    try:
        function, args, kwargs = pickle.loads(job)
        return "done", pickle.dumps(Answer("done", function(*args, **kwargs)))
    except MemoryError:
        return "memory", pickle.dumps(Answer("memory", None))
    except Exception as error:
        return "raised", pickle.dumps(Answer("raised", f"{type(error).__name__}: {error}"))

"""Work that may run wild is done in processes that can be killed: at a deadline, at a memory limit, job by job.

A process pool of the standard library cannot stop one task, and threads cannot be stopped at all. Here a worker is a
Python process that reads jobs from its standard input and writes answers to its standard output, one after the other,
as pickles with their length before them.
"""

import asyncio
import contextlib
import os
import pickle
import signal
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from aggregator.errors import WorkerError
from aggregator.parse.job import ANSWER, JOB, TAKEN, Answer

T = TypeVar("T")

_LAST_BREATH_SECONDS = 2.0
_PIPE_GONE = (ConnectionError, RuntimeError)  # uvloop raises the latter for a pipe that it has seen closed
_START_SECONDS = 60  # for a worker to start and read its job, on a machine that is busy
_LARGE = 1 << 17  # bytes of an answer or a document; to read an answer of this size takes a millisecond or two
_COMMAND = "from aggregator.parse.job import serve; serve()"


class WorkerPool:
    """Up to `size` worker processes, started when there is work and gone when there has been none for a while."""

    def __init__(self, size: int, *, memory_bytes: int = 1 << 30, idle_seconds: float = 60) -> None:
        self._size = size
        self._memory_bytes = memory_bytes
        self._idle_seconds = idle_seconds
        self._turn = asyncio.Semaphore(size)
        self._idle: list[asyncio.subprocess.Process] = []
        self._busy: set[asyncio.subprocess.Process] = set()
        self._closed = False

    async def run(self, function: Callable[..., T], *args: object, deadline: timedelta, **kwargs: object) -> T:
        """Give what the function returns; it must be a module's own, for it travels by its name.

        Jobs wait for a free worker in the order they came. The deadline counts from when the job starts to run.

        Raises:
            WorkerError: it took longer than the deadline, needed more memory than allowed, raised, or its process died.
        """
        name = getattr(function, "__qualname__", repr(function))
        job = await _beside(_size_of(args), _packed, name, function, args, kwargs, deadline)
        async with self._turn:
            worker = await self._begun(name, job)
            try:
                answer = await self._answered(name, worker, deadline)
            except BaseException:
                await self._end(worker)
                raise
            await self._release(worker, answer)
        return self._value(name, answer)  # type: ignore[return-value]  # the type went through a pipe

    async def aclose(self) -> None:
        """End all workers; jobs that run or wait fail with a `WorkerError`."""
        self._closed = True
        for worker in self._busy:
            _kill(worker)
        for _ in range(self._size):
            await self._turn.acquire()
        while self._idle:
            await self._end(self._idle.pop())
        for _ in range(self._size):
            self._turn.release()

    async def _begun(self, name: str, job: bytes) -> asyncio.subprocess.Process:
        """Hand the job to a worker; one that ended while it was idle is replaced."""
        while not self._closed:
            reused = bool(self._idle)
            worker = self._idle.pop() if reused else await self._started()
            self._busy.add(worker)
            try:
                if await _handed_over(worker, job):
                    return worker
            except BaseException:
                await self._end(worker)
                raise
            await self._end(worker)
            if not reused and not self._closed:
                raise WorkerError(f"{name}: the worker process could not be started")
        raise WorkerError(f"{name}: the worker pool is closed")

    async def _started(self) -> asyncio.subprocess.Process:
        paths = [path or os.getcwd() for path in sys.path]
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-c", _COMMAND, str(self._memory_bytes), str(self._idle_seconds)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            start_new_session=True,  # Ctrl-C is for us
            limit=1 << 20,
        )

    async def _answered(self, name: str, worker: asyncio.subprocess.Process, deadline: timedelta) -> Answer:
        try:
            async with asyncio.timeout(deadline.total_seconds()):
                return await _received(worker)
        except TimeoutError:
            raise WorkerError(f"{name}: killed after {deadline.total_seconds():g} s, it was too slow") from None
        except (asyncio.IncompleteReadError, ConnectionError):
            await _ended(worker)
            await self._end(worker)
            died = "the worker pool was closed" if self._closed else _obituary(worker)
            raise WorkerError(f"{name}: {died}") from None

    async def _release(self, worker: asyncio.subprocess.Process, answer: Answer) -> None:
        if self._closed or answer.outcome == "memory":
            await self._end(worker)
        else:
            self._busy.discard(worker)
            self._idle.append(worker)

    async def _end(self, worker: asyncio.subprocess.Process) -> None:
        """Kill a worker and see it off, so that no process and no pipe is left."""
        _kill(worker)
        with contextlib.suppress(*_PIPE_GONE):
            await worker.communicate()
        self._busy.discard(worker)

    def _value(self, name: str, answer: Answer) -> object:
        if answer.outcome == "done":
            return answer.value
        if answer.outcome == "memory":
            raise WorkerError(f"{name}: needs more than {self._memory_bytes >> 20} MiB of memory")
        raise WorkerError(f"{name} raised {answer.value}")


def _packed(
    name: str, function: object, args: tuple[object, ...], kwargs: dict[str, object], deadline: timedelta
) -> bytes:
    try:
        job = pickle.dumps((function, args, kwargs))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise WorkerError(f"{name}: cannot be sent to a worker: {error}") from error
    return JOB.pack(deadline.total_seconds(), len(job)) + job


async def _handed_over(worker: asyncio.subprocess.Process, job: bytes) -> bool:
    """Send a job; False if the worker is gone, or does not take it in time."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    try:
        async with asyncio.timeout(_START_SECONDS):
            worker.stdin.write(job)
            await worker.stdin.drain()
            return await worker.stdout.read(1) == TAKEN
    except (*_PIPE_GONE, TimeoutError):
        return False


async def _received(worker: asyncio.subprocess.Process) -> Answer:
    assert worker.stdout is not None
    (length,) = ANSWER.unpack(await worker.stdout.readexactly(ANSWER.size))
    answer: Answer = await _beside(length, pickle.loads, await worker.stdout.readexactly(length))
    return answer


async def _beside(size: int, function: Callable[..., T], *args: object) -> T:
    """Call what would hold up the event loop beside it; a small piece of work is done before it was handed over."""
    return await asyncio.to_thread(function, *args) if size > _LARGE else function(*args)


def _size_of(args: tuple[object, ...]) -> int:
    """Give about how large a job is: the document that it is to look at comes first."""
    given = getattr(args[0], "body", args[0]) if args else b""
    return len(given) if isinstance(given, bytes) else 0


async def _ended(worker: asyncio.subprocess.Process) -> None:
    """Let a worker that closed its pipe end by itself: killing it at that moment would hide how it ended."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LAST_BREATH_SECONDS):
            await worker.wait()


def _kill(worker: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        worker.kill()


def _obituary(worker: asyncio.subprocess.Process) -> str:
    code = worker.returncode
    if code is None or code >= 0:
        return f"the worker process ended with status {code}"
    return f"the worker process was ended by {signal.Signals(-code).name}"

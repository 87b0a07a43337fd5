"""Several server processes at one address, and the process that keeps them at work.

They share the listening socket, so whichever is free takes the next connection, and none is lost when one of them ends.
What is one for all stays here: the status, the count of readers, and the listener. A process that dies or hangs is
replaced. `hand` is what each of them does.
"""

import asyncio
import logging
import os
import pickle
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from tempfile import TemporaryFile
from typing import Any

from aggregator.errors import WorkerError
from aggregator.serve.answers import Answer
from aggregator.serve.app import ServeOptions
from aggregator.serve.link import Link, link_over
from aggregator.serve.rate import ACCOUNT_BYTES
from aggregator.serve.readers import Seen
from aggregator.serve.server import GRACE_SECONDS, bound
from aggregator.serve.status import Desk

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
PATIENCE_SECONDS = 60.0  # with a process that does not answer
_END_SECONDS = GRACE_SECONDS + 2.0
_LAST_SECONDS = 1.0  # for a process that has finished, to be gone
_LONG_SECONDS = 60.0  # a process that lived so long is replaced at once; one that did not, after a while
_PAUSES = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0)  # before a process is replaced, the more often in a row it was


class Crew:
    """So many processes that run `command`, with the numbers of three files behind it: link, listener, accounts.

    `said` is for the command's own use: what each process needs to make these options whole. `tell` is told of
    processes that were replaced.
    """

    def __init__(
        self, command: Sequence[str], size: int, options: ServeOptions, said: object, tell: Callable[[str], None]
    ) -> None:
        self._command = command
        self._tell = tell
        self._posts = [_Post() for _ in range(size)]
        self._options = options
        self._said = said
        self._order = b""
        self._desk = _desk_of(options)

    async def serve(self, host: str, port: int, *, ready: Callable[[], None], stop: asyncio.Event) -> None:
        """Serve until `stop` is set, then let open requests finish for five seconds at most.

        `ready` is called once, when all processes take connections.

        Raises:
            OSError: the address cannot be had; the message names it.
            WorkerError: a process could not begin.
        """
        with TemporaryFile() as accounts, bound(host, port) as listener:
            accounts.truncate(ACCOUNT_BYTES)
            files = listener.fileno(), accounts.fileno()
            await self._renew_order()
            try:
                await _all(self._begin(post, files) for post in self._posts)
                ready()
                await self._mind_all(files, stop)
            finally:
                listener.close()  # else who comes now would wait for an answer
                await _all(self._end(post) for post in self._posts)

    async def adopt(self, options: ServeOptions, said: object) -> None:
        """Serve by other options, and come back when every process does; one that cannot is replaced."""
        before, self._desk = self._desk, _desk_of(options)
        self._options, self._said = options, said
        before.close()
        await self._renew_order()
        await _all(self._pass_on(post) for post in self._posts)

    def close(self) -> None:
        """Let go of what the status took."""
        self._desk.close()

    async def _renew_order(self) -> None:
        """Pack what each process is told: with very many sources that takes a while."""
        plain = replace(self._options, search=None, reports=None, readers=None)
        self._order = await asyncio.to_thread(pickle.dumps, (plain, self._said))

    async def _begin(self, post: "_Post", files: tuple[int, int]) -> None:
        async with post.lock:
            await post.begin(self._command, files, self._report)
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await self._count(post)
                    await post.call("adopt", self._order)
            except (WorkerError, TimeoutError) as error:
                post.kill()
                why = str(error) or f"it did not answer within {PATIENCE_SECONDS:g} s"
                raise WorkerError(f"a server process could not begin: {why}") from error

    async def _pass_on(self, post: "_Post") -> None:
        async with post.lock:
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await post.call("adopt", self._order)
            except (WorkerError, TimeoutError) as error:
                log.error("configuration not taken up", extra={"server": post.pid, "error": str(error)})
                post.kill()

    async def _mind_all(self, files: tuple[int, int], stop: asyncio.Event) -> None:
        minding = [asyncio.create_task(self._mind(post, files)) for post in self._posts]
        await stop.wait()
        for task in minding:
            task.cancel()
        await asyncio.gather(*minding, return_exceptions=True)

    async def _mind(self, post: "_Post", files: tuple[int, int]) -> None:
        """Keep a process at work, and replace it when it has ended."""
        loop, in_a_row = asyncio.get_running_loop(), 0
        begun = loop.time()
        while True:
            await self._attended(post)
            why = await post.dismissed()
            log.error("server process ended", extra={"server": post.pid, "why": why})
            self._tell(f"server process {post.pid} {why}; another one takes its place")
            in_a_row = 0 if loop.time() - begun > _LONG_SECONDS else in_a_row + 1
            await asyncio.sleep(_PAUSES[min(max(in_a_row - 1, 0), len(_PAUSES) - 1)])
            begun = loop.time()
            try:
                await self._begin(post, files)
            except (WorkerError, OSError) as error:
                log.error("server process not begun", extra={"error": str(error)})

    async def _attended(self, post: "_Post") -> None:
        """Look after a process until it has ended, or does not answer."""
        try:
            while not await post.has_ended(LOOK_SECONDS):
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await self._count(post)
        except WorkerError:  # it is about to end
            await post.has_ended(_END_SECONDS)
        except TimeoutError:
            log.error("server process does not answer", extra={"server": post.pid})

    async def _count(self, post: "_Post") -> None:
        """Take from a process whom it saw, and give it the day's salt."""
        readers = self._options.readers
        self._note(await post.call("count", readers.salted if readers else None))

    def _note(self, seen: tuple[date, Seen] | None) -> None:
        if seen and self._options.readers:
            self._options.readers.add(*seen)

    async def _end(self, post: "_Post") -> None:
        """Let a process finish; when nobody wants to wait any longer, it goes at once."""
        try:
            with suppress(WorkerError, TimeoutError):
                async with asyncio.timeout(_END_SECONDS):
                    self._note(await post.call("finish"))
            await post.dismissed()
        finally:
            post.kill()

    async def _report(self, path: str) -> Answer:
        return await self._desk.answer(path)


class _Post:
    """The place of one process: whichever is there now, and the link to it."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()  # while a process begins, or takes something up
        self._process: Process | None = None
        self._link: Link | None = None
        self._attending: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    async def begin(self, command: Sequence[str], files: tuple[int, int], report: Callable[..., Any]) -> None:
        ours, theirs = socket.socketpair()
        self._link = await link_over(ours)
        self._attending = asyncio.create_task(self._link.attend({"report": report}))
        with theirs:
            self._process = await _started(command, (theirs.fileno(), *files))

    async def call(self, name: str, *args: object) -> Any:
        if self._link is None:
            raise WorkerError(f"{name}: there is no process yet")
        return await self._link.call(name, *args)

    async def has_ended(self, seconds: float) -> bool:
        """Wait so long for its end, at most."""
        assert self._process is not None
        try:
            async with asyncio.timeout(seconds):
                await self._process.wait()
        except TimeoutError:
            return False
        return True

    def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    async def dismissed(self) -> str:
        """See to it that the process is gone, and say how it ended."""
        if self._process is None:
            return "was not there"
        if not await self.has_ended(_LAST_SECONDS):
            self.kill()
            await self._process.wait()
            return "did not answer and was killed"
        return _ending(self._process.returncode or 0)


async def _started(command: Sequence[str], files: tuple[int, ...]) -> Process:
    paths = [path or os.getcwd() for path in sys.path]
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", *command, *map(str, files)),
        stdin=DEVNULL,
        pass_fds=files,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        start_new_session=True,  # Ctrl-C is for us
    )


def _desk_of(options: ServeOptions) -> Desk:
    return Desk(options.reports, options.status)


def _ending(status: int) -> str:
    return f"ended with status {status}" if status >= 0 else f"was ended by {signal.Signals(-status).name}"


async def _all(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do it at once, and raise what was raised first when all is done."""
    for result in await asyncio.gather(*work, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result

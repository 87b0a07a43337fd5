"""Calls between two processes over a pair of sockets: each side calls what the other offers.

What is said are pickles with their length before them, so both ends must be processes of ours.
"""

import asyncio
import logging
import pickle
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from itertools import count
from typing import Any

from aggregator.errors import AggregatorError, WorkerError

log = logging.getLogger(__name__)

Offers = Mapping[str, Callable[..., Awaitable[object]]]

_LENGTH = struct.Struct(">Q")


class Link:
    """One end of it. Calls may be made and answered at the same time, any number of them."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._numbers = count()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self._is_over = False

    async def call(self, name: str, *args: object) -> Any:
        """Give what the other side's function returns.

        Raises:
            WorkerError: the function raised, or the other side is gone.
        """
        if self._is_over:
            raise WorkerError(f"{name}: the other process is gone")
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            self._say((number, name, args))
            return await answer
        finally:
            del self._waiting[number]

    async def attend(self, offers: Offers) -> None:
        """Answer the other side's calls, and take its answers to ours, until it is gone."""
        try:
            while True:
                (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
                self._heed(pickle.loads(await self._reader.readexactly(length)), offers)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._is_over = True
            self._writer.close()
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(WorkerError("the other process is gone"))

    async def settle(self) -> None:
        """Bring the answers that are under way to the other side, and end."""
        await asyncio.gather(*self._answering)
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()

    def _heed(self, said: tuple[int, str, Any], offers: Offers) -> None:
        number, name, value = said
        if name in offers:
            task = asyncio.create_task(self._answer(number, offers[name], value))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
        elif (waiting := self._waiting.get(number)) and not waiting.done():
            if name == "=":
                waiting.set_result(value)
            else:
                waiting.set_exception(WorkerError(value))

    async def _answer(self, number: int, offered: Callable[..., Awaitable[object]], args: tuple[object, ...]) -> None:
        try:
            said = number, "=", await offered(*args)
        except AggregatorError as error:
            said = number, "!", str(error)
        except Exception as error:
            log.exception("call of another process not answered", extra={"call": offered.__name__})
            said = number, "!", f"{type(error).__name__}: {error}"
        self._say(said)

    def _say(self, said: tuple[int, str, object]) -> None:
        packed = pickle.dumps(said, pickle.HIGHEST_PROTOCOL)
        self._writer.write(_LENGTH.pack(len(packed)) + packed)


async def link_over(end: socket.socket) -> Link:
    """Make a link of one end of a pair of sockets."""
    return Link(*await asyncio.open_unix_connection(sock=end, limit=1 << 20))

"""What one of several server processes does: it serves until it is told to stop, or the one that began it is gone."""

import asyncio
import gc
import pickle
import signal
import socket
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from typing import Any

from aggregator.serve.app import ServeOptions, Site, create_app
from aggregator.serve.link import Link, link_over
from aggregator.serve.rate import Accounts
from aggregator.serve.readers import Readers, Seen
from aggregator.serve.server import serve_at

Complete = Callable[[ServeOptions, Any, ExitStack], ServeOptions]


async def lend_a_hand(link: int, listener: int, accounts: int, complete: Complete) -> None:
    """Serve at the listener, as the process at the other end of the link says. All three are numbers of open files.

    `complete` makes options whole that came without what works in one process only; what it opens for them is closed
    with the stack, when others have come or all is over.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    over = await link_over(socket.socket(fileno=link))
    hand = _Hand(over, socket.socket(fileno=listener), Accounts(accounts), complete, stop)
    attending = asyncio.create_task(over.attend({"adopt": hand.adopt, "count": hand.count, "finish": hand.finish}))
    attending.add_done_callback(lambda _: stop.set())
    await stop.wait()
    await hand.close()
    await over.settle()


class _Hand:
    def __init__(
        self, link: Link, listener: socket.socket, accounts: Accounts, complete: Complete, stop: asyncio.Event
    ) -> None:
        self._link = link
        self._listener = listener
        self._accounts = accounts
        self._complete = complete
        self._stop = stop
        self._salted: tuple[date, bytes] = date.min, b""
        self._readers = Readers(lambda: self._salted[0], lambda _: self._salted[1])
        self._site: Site | None = None
        self._serving: asyncio.Task[None] | None = None
        self._opened = ExitStack()

    async def adopt(self, order: bytes) -> None:
        """Serve by these options from now on; come back when it does."""
        opened = ExitStack()
        options = await asyncio.to_thread(self._whole, order, opened)
        before, self._opened = self._opened, opened
        if self._site is None:
            self._site = create_app(options)
            await self._begun(self._site)
            gc.freeze()  # it stays as it is; to look through it again and again would hold up answers
        else:
            self._site.adopt(options)
        await asyncio.to_thread(before.close)

    def _whole(self, order: bytes, opened: ExitStack) -> ServeOptions:
        plain, said = pickle.loads(order)
        options = replace(plain, readers=self._readers, reports=self._report, accounts=self._accounts)
        return self._complete(options, said, opened)

    async def _begun(self, site: Site) -> None:
        ready = asyncio.Event()
        self._serving = asyncio.create_task(serve_at(self._listener, site, ready=ready.set, stop=self._stop))
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait((self._serving, waiting), return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._serving.done():
            self._serving.result()

    async def _report(self, path: str) -> Any:
        return await self._link.call("report", path)

    async def count(self, salted: tuple[date, bytes] | None) -> tuple[date, Seen] | None:
        """Give who was seen since the last time, and count by this day's salt from now on."""
        seen = self._readers.take()
        if salted:
            self._salted = salted
            self._readers.renew()
        return seen

    async def finish(self) -> tuple[date, Seen] | None:
        """Let open requests finish, take no more, and give who was seen."""
        self._stop.set()
        if self._serving is not None:
            await self._serving
        return self._readers.take()

    async def close(self) -> None:
        """Wait until all is served, and let go of everything."""
        if self._serving is not None:
            await self._serving
        if self._site is not None:
            self._site.close()
        await asyncio.to_thread(self._opened.close)

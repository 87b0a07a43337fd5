"""/search: pages of what is found, made in threads of their own, so that no search holds up what else is served.

A few are made at once and some more may wait; whoever comes then is asked to come again. For a reader who went away
nothing more is done.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from starlette.types import Receive

from aggregator.serve.answers import SAFETY, Answer, answer, page

PATH = "search"
AT_ONCE = 2
WAITING = 30
_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "private, max-age=60",
    "X-Robots-Tag": "noindex",
    **SAFETY,
}
_LATER = {"Retry-After": "5", "Cache-Control": "no-store"}

Search = Callable[[str, Callable[[], bool]], bytes]


class Searches:
    """Makes the pages for query strings."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="search")
        self._under_way: set[Future[bytes]] = set()

    def close(self) -> None:
        """Begin no more searches."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def answer(self, search: Callable[[], Search], query_string: str, receive: Receive) -> Answer:
        """Answer with what `search` gives at the time when it is its turn: a function that makes the page for a query
        string, and asks now and then whether it may give up."""
        self._under_way = {job for job in self._under_way if not job.done()}
        if len(self._under_way) >= AT_ONCE + WAITING:
            return page(503, PATH, _LATER)
        is_over = threading.Event()
        job = self._threads.submit(lambda: search()(query_string, is_over.is_set))
        self._under_way.add(job)
        made, gone = asyncio.wrap_future(job), asyncio.ensure_future(_gone(receive))
        try:
            await asyncio.wait((made, gone), return_when=asyncio.FIRST_COMPLETED)
            return answer(200, _HEADERS, made.result()) if made.done() else page(503, PATH, _LATER)
        finally:
            is_over.set()
            gone.cancel()
            made.cancel()


async def _gone(receive: Receive) -> None:
    """Wait until the reader has hung up."""
    while (await receive())["type"] != "http.disconnect":
        pass

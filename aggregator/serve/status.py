"""/status, /metrics, /healthz and /readyz: made when asked for, for those who may see them.

Behind a proxy on the same machine every request comes from the loopback: one that was forwarded counts as local only
where `[server] trusted_proxies` says whose word on that is believed.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal

from aggregator.errors import AggregatorError
from aggregator.serve.answers import SAFETY, Answer, answer, page
from aggregator.serve.metrics import TYPE, metrics
from aggregator.serve.rate import Network, client_of, networks
from aggregator.status import Status, Tally

log = logging.getLogger(__name__)

Who = Literal["local", "public", "off"]
Asked = Callable[[str], Awaitable[Answer]]
PATHS = ("status", "metrics", "healthz", "readyz")
FOLDER = "status/"
_FRESH_SECONDS = 2.0
_FRESH_TIMES = 10  # as long as the look took: over very many sources it is a second or more
_PATIENCE_SECONDS = 5.0
_PLAIN = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Reports:
    """What the answers are made of. `look` gives the status, `missing` what keeps us from being ready, and `ailing`
    what does not, both in words without names; all may wait for the disk. `tally` is of the process, if it fetches."""

    look: Callable[[], Status]
    missing: Callable[[], Sequence[str]]
    ailing: Callable[[], Sequence[str]]
    render: Callable[[Status], bytes]
    tally: Tally | None = None


class Desk:
    """Answers for the paths of the status. One look at a time, and none twice within two seconds. Who waited in vain
    for one that takes long finds it when asking again."""

    def __init__(
        self, reports: Reports | Asked | None, who: Who, visitors: Sequence[str] = (), proxies: Sequence[str] = ()
    ) -> None:
        """`reports` may be another process's desk: a function that has the answer for a path made there."""
        self._reports = reports if isinstance(reports, Reports) else None
        self._elsewhere = None if isinstance(reports, Reports) else reports
        self._who = who
        self._visitors = networks(visitors)
        self._proxies = networks(proxies)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="status")
        self._looking: asyncio.Future[Status] | None = None
        self._seen: tuple[float, Status] | None = None  # and until when it is fresh

    def close(self) -> None:
        """Begin no more looks."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def is_open_to(self, peer: str, forwarded: str | None, *, other_proxy: bool) -> bool:
        """Tell whether a client may see the status without a token."""
        if self._who != "local":
            return self._who == "public"
        if forwarded is None and not other_proxy:
            return self._is_near(peer, self._visitors)
        if not self._is_in(peer, self._proxies):
            return False
        return self._is_near(client_of(peer, forwarded, self._proxies), self._visitors)

    @property
    def is_off(self) -> bool:
        """Tell whether the operator wants no status over HTTP."""
        return self._who == "off"

    def _is_near(self, client: str, among: Sequence[Network]) -> bool:
        try:
            address = ip_address(client.strip().partition("/")[0])
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return address.is_loopback or any(address in network for network in among)

    def _is_in(self, peer: str, among: Sequence[Network]) -> bool:
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        return any((getattr(address, "ipv4_mapped", None) or address) in network for network in among)

    async def answer(self, path: str) -> Answer:
        """Answer for one of `PATHS`."""
        if path == "healthz":
            return _plain(200, "ok\n")
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                if self._elsewhere:
                    return await self._elsewhere(path)
                return await self._ready() if path == "readyz" else await self._show(path)
        except TimeoutError:
            return _plain(503, "the store does not answer: it is busy or its disk hangs\n")
        except AggregatorError as error:
            log.error("status not shown", extra={"error": str(error)})
            return _plain(503, "the store cannot be read; the log says why\n")

    async def _ready(self) -> Answer:
        if self._reports is None:
            return _plain(200, "ok\n")
        loop = asyncio.get_running_loop()
        if missing := await loop.run_in_executor(self._thread, self._reports.missing):
            return _plain(503, _lines(missing))
        return _plain(200, _lines(("ok", *await loop.run_in_executor(self._thread, self._reports.ailing))))

    async def _show(self, path: str) -> Answer:
        if self._reports is None:
            return page(404, path)
        status = await self._look(self._reports)
        if path == "metrics":
            return _made(metrics(status, self._reports.tally).encode(), TYPE)
        return _made(self._reports.render(status), "text/html; charset=utf-8")

    async def _look(self, reports: Reports) -> Status:
        if self._seen and time.monotonic() < self._seen[0]:
            return self._seen[1]
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().run_in_executor(self._thread, self._timed, reports.look)
        return await asyncio.shield(self._looking)

    def _timed(self, look: Callable[[], Status]) -> Status:
        """Look, and keep what was seen: for long where looking took long."""
        begun = time.monotonic()
        found = look()
        ended = time.monotonic()
        self._seen = ended + max(_FRESH_SECONDS, _FRESH_TIMES * (ended - begun)), found
        return found


def _made(body: bytes, media_type: str) -> Answer:
    said = {"Content-Type": media_type, "Cache-Control": "no-store", "X-Robots-Tag": "noindex", **SAFETY}
    return answer(200, said, body)


def _lines(said: Sequence[str]) -> str:
    return "".join(f"{each}\n" for each in said)


def _plain(status: int, text: str) -> Answer:
    said = {"Content-Type": _PLAIN, "Cache-Control": "no-store", **SAFETY}
    return answer(status, said, text.encode())

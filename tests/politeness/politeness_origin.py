"""A scripted origin on loopback that logs every request with the simulated time. Hosts are addresses of 127.0.0.0/8."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

NOTHING = timedelta(0)
Fields = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server sends, and what a polite client makes of it.

    `feed`: the body is a whole feed, with the guids `items`. `cut`: so many bytes of the body do not come. Status 0 is
    a connection that is closed without an answer. `wait` is what the head asks for and `document_wait` what the feed
    asks for, at least; `most`: nothing in it is a reason to wait longer than that. `retry` is the Retry-After.
    """

    status: int = 200
    headers: Fields = ()
    body: bytes = b""
    feed: bool = False
    items: frozenset[str] = frozenset()
    cut: int = 0
    sized: bool = True
    wait: timedelta = NOTHING
    document_wait: timedelta = NOTHING
    most: timedelta | None = None
    retry: timedelta = NOTHING
    skip_hours: frozenset[int] = frozenset()
    skip_days: frozenset[int] = frozenset()

    def header(self, name: str) -> bytes | None:
        """Give the first value of a header."""
        return next((value for key, value in self.headers if key.lower() == name), None)

    @property
    def good(self) -> bool:
        """It brings the feed, whole."""
        return self.feed and self.status in (200, 226) and not self.cut

    def wire(self) -> bytes:
        """Give the bytes that are sent."""
        length = (("Content-Length", str(len(self.body)).encode()),) if self.sized else ()
        fields = (*self.headers, *length, ("Connection", b"close"))
        lines = [b"HTTP/1.1 %d Scripted" % self.status, *(name.encode() + b": " + value for name, value in fields)]
        return b"\r\n".join(lines) + b"\r\n\r\n" + self.body[: len(self.body) - self.cut]


@dataclass(frozen=True, slots=True)
class Asked:
    """One line of the ledger. `host` and `target` are what was asked, `feed` whose it is; `process` counts the restarts
    before it, `beside` the other requests that were under way at the host, `in_all` those at all hosts."""

    at: datetime
    feed: str
    host: str
    target: str
    headers: Fields
    answer: Answer
    method: str = "GET"
    process: int = 0
    beside: int = 0
    in_all: int = 0

    @property
    def url(self) -> str:
        """The address without scheme and port, which are the same for all."""
        return self.host + self.target

    def header(self, name: str) -> bytes | None:
        """Give the value of a header."""
        return next((value for key, value in self.headers if key == name), None)


@dataclass(frozen=True, slots=True)
class Visit:
    """What a script is asked with: `count` requests for this target came before."""

    at: datetime
    host: str
    port: int
    target: str
    count: int
    headers: Fields

    def header(self, name: str) -> bytes | None:
        """Give the value of a header."""
        return next((value for key, value in self.headers if key == name), None)


@dataclass
class Origin:
    """Answers by a script and keeps the ledger. The clock is the daemon's."""

    answer: Callable[[str, Visit], Answer]
    clock: Callable[[], datetime]
    port: int = 0
    process: int = 0
    ledger: list[Asked] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    under_way: Counter[str] = field(default_factory=Counter)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        host = writer.get_extra_info("sockname")[0]
        self.under_way[host] += 1
        try:
            answer = self._note(host, await reader.readuntil(b"\r\n\r\n"))
            if answer.status:
                writer.write(answer.wire())
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client has gone
        finally:
            self.under_way[host] -= 1
            writer.close()

    def _note(self, host: str, head: bytes) -> Answer:
        first, *lines = head.decode("latin-1").split("\r\n")[:-2]
        method, target, _ = first.split(" ")
        pairs = (line.partition(": ") for line in lines)
        headers = tuple((name.lower(), value.encode("latin-1")) for name, _, value in pairs)
        visit = Visit(self.clock(), host, self.port, target, self.counts[host + target], headers)
        self.counts[host + target] += 1
        name = target.split("/")[1]
        answer = self.answer(name, visit)
        beside, in_all = self.under_way[host] - 1, self.under_way.total()
        self.ledger.append(Asked(visit.at, name, host, target, headers, answer, method, self.process, beside, in_all))
        return answer


@asynccontextmanager
async def listening(origin: Origin, hosts: Iterable[str]) -> AsyncIterator[None]:
    """Run the origin at all these addresses, on one port."""
    servers = []
    try:
        for host in sorted(set(hosts)):
            server = await asyncio.start_server(origin.serve, host, origin.port, backlog=200)
            servers.append(server)
            origin.port = server.sockets[0].getsockname()[1]
        yield
    finally:
        for server in servers:
            server.close()
        for server in servers:
            await server.wait_closed()

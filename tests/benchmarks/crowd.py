"""The many hosts of the load benchmark: one server process on all of 127.0.0.0/8, and what each source does there.

In the first phase every source gives its feed. From `/phase/2` on, each does what `manner` says: most did not change.
`/count` tells what was asked meanwhile.
"""

import asyncio
import json
import random
import socket
import struct
import sys
from collections import Counter
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks.documents import feed

ENTRIES = 5
_SHARES = {"unchanged": 0.80, "news": 0.10, "error": 0.05, "hang": 0.05}
_RESET = struct.pack("ii", 1, 0)


@cache
def manners(sources: int) -> list[str]:
    """What each source does in the second phase; which ones do what is random, and the same in each run."""
    names = [name for name, share in _SHARES.items() for _ in range(round(sources * share))]
    names += ["unchanged"] * (sources - len(names))
    random.Random(sources).shuffle(names)
    return names


def address(number: int, hosts: int) -> str:
    """Where a source is: so many addresses of loopback take turns."""
    place = number % hosts
    return f"127.{10 + place // 250}.0.{1 + place % 250}"


class Crowd:
    """What all connections share: the phase, and the counts of it. `gap` is the shortest time between the starts of two
    requests to one address, `at_once` the most requests of one address under way together."""

    def __init__(self, sources: int) -> None:
        self.manners = manners(sources)
        self.phase = 1
        self.asked: Counter[str] = Counter()
        self.gap = float("inf")
        self.at_once = 0
        self._last: dict[str, float] = {}
        self._open: Counter[str] = Counter()

    def begin(self, host: str, now: float) -> None:
        self.gap = min(self.gap, now - self._last.get(host, float("-inf")))
        self._last[host] = now
        self._open[host] += 1
        self.at_once = max(self.at_once, self._open[host])

    def end(self, host: str) -> None:
        self._open[host] -= 1

    def command(self, path: str) -> bytes:
        if path.startswith("/phase/"):
            self.phase = int(path.removeprefix("/phase/"))
            self.asked.clear()
            self.gap, self.at_once = float("inf"), 0
            self._last.clear()
        counts = {**self.asked, "gap": min(self.gap, 1e9), "at_once": self.at_once}
        return json.dumps(counts).encode()


class Connection(asyncio.Protocol):
    """One request, answered in the manner of its source."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._head = b""
        self._host = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._head += data
        if self._head.endswith(b"\r\n\r\n"):
            self._answer(self._head.split(b" ", 2)[1].decode(), self._head.lower())

    def connection_lost(self, error: Exception | None) -> None:
        if self._host:
            self._crowd.end(self._host)

    def _answer(self, path: str, head: bytes) -> None:
        if path[1:].isdecimal():
            self._behave(int(path[1:]), head)
        else:
            self._send("200 OK", self._crowd.command(path))

    def _behave(self, number: int, head: bytes) -> None:
        crowd = self._crowd
        manner = crowd.manners[number] if crowd.phase > 1 else "first"
        self._host = self._transport.get_extra_info("sockname")[0]
        crowd.begin(self._host, asyncio.get_running_loop().time())
        crowd.asked[manner] += 1
        crowd.asked["unconditional"] += b"\r\nif-none-match:" not in head
        match manner:
            case "hang":
                self._hang(number)
            case "error":
                self._fail(number)
            case _:
                self._give(number, head, offset=int(manner == "news"))

    def _give(self, number: int, head: bytes, offset: int) -> None:
        etag = f'"{number}-{offset}"'
        if f"\r\nif-none-match: {etag}\r\n".encode() in head:
            self._send("304 Not Modified", b"", f"ETag: {etag}\r\n")
        else:
            content = feed(number, entries=ENTRIES, offset=offset, characters=300)
            self._send("200 OK", content, f"ETag: {etag}\r\nContent-Type: application/xml\r\n")

    def _hang(self, number: int) -> None:
        """Say nothing at all, or begin and never go on, until the client has had enough."""
        if number % 2:
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n<?xml")

    def _fail(self, number: int) -> None:
        if number % 3 == 0:
            connection: socket.socket = self._transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._transport.abort()
        else:
            self._send("404 Not Found" if number % 3 == 1 else "500 Internal Server Error", b"no")

    def _send(self, status: str, body: bytes, headers: str = "") -> None:
        head = f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        self._transport.write(head.encode() + body)
        self._transport.close()


async def main() -> None:
    crowd = Crowd(int(sys.argv[1]))
    server = await asyncio.get_running_loop().create_server(lambda: Connection(crowd), "0.0.0.0", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())

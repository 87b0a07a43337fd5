"""Servers that flood, drip, lie about lengths or speak no HTTP, among a hundred that are well: the real command stays
small, ends each in time, says what was wrong, and stores what the others have. Each source is a host of its own."""

import asyncio
import gzip
import json
import re
import threading
import time
import zlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import brotli
import psutil
import pytest

HEALTHY = 100
ITEMS = 10  # of each
TIMEOUT = 3  # seconds, of each source
MARGIN = 12  # more than that, on a machine that is busy
MOST_MORE_MEMORY = 64 << 20
BOMB = 192 << 20  # bytes, unpacked

Script = Callable[[asyncio.StreamWriter], Awaitable[None]]


def rss(number: str, items: int = ITEMS) -> bytes:
    entries = "".join(
        f"<item><title>{number}-{n}</title><guid>{number}-{n}</guid><link>https://{number}.example/{n}</link>"
        f"<description>{'正文' * 40}</description></item>"
        for n in range(items)
    )
    return f'<rss version="2.0"><channel><title>{number}</title>{entries}</channel></rss>'.encode()


def answer(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    length = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {length}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def redirect(to: str) -> bytes:
    return answer(b"", f"Location: {to}", status="302 Found")


def gives(data: bytes) -> Script:
    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return script


def again_and_again(head: bytes, unit: bytes, pause: float = 0) -> Script:
    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while not writer.is_closing():
            writer.write(unit)
            await writer.drain()
            await asyncio.sleep(pause)

    return script


def silent(greeting: bytes = b"") -> Script:
    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await asyncio.Event().wait()

    return script


def packed_zeros() -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    parts = [packer.compress(bytes(1 << 20)) for _ in range(BOMB >> 20)]
    return b"".join(parts) + packer.flush()


def brotli_zeros() -> bytes:
    packer = brotli.Compressor(quality=1, lgwin=16)
    parts = [packer.process(bytes(1 << 20)) for _ in range(BOMB >> 20)]
    return b"".join(parts) + packer.finish()


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\n"


def hostile() -> dict[str, Script]:
    """Each by what it does. Bodies that break off are a whole feed's beginning, with articles that must not be kept."""
    whole, zeros = rss("cut"), packed_zeros()
    half = whole[: len(whole) // 2]
    chunk = f"{len(half):x}\r\n".encode() + half + b"\r\n"
    small = b"".join(b"1\r\n" + bytes([byte]) + b"\r\n" for byte in whole[:3000])
    return {
        "gzip-bomb": gives(answer(zeros, "Content-Encoding: gzip")),
        "gzip-bomb-undeclared": gives(answer(zeros)),
        "gzip-in-gzip": gives(answer(gzip.compress(zeros), "Content-Encoding: gzip")),
        "gzip-and-gzip": gives(answer(gzip.compress(zeros), "Content-Encoding: gzip, gzip")),
        "brotli-bomb": gives(answer(brotli_zeros(), "Content-Encoding: br")),
        "gzip-and-brotli": gives(answer(brotli.compress(zeros, quality=1), "Content-Encoding: gzip, br")),
        "endless-body": again_and_again(OK + b"\r\n", bytes(65536)),
        "endless-chunks": again_and_again(CHUNKED, b"10000\r\n" + bytes(65536) + b"\r\n"),
        "drip-of-the-body": again_and_again(OK + b"\r\n", b"a", 1),
        "drip-of-the-head": again_and_again(OK + b"X: ", b"a", 1),
        "drip-of-chunks": again_and_again(CHUNKED, b"1\r\na\r\n", 1),
        "silence": silent(),
        "endless-headers": again_and_again(OK, b"X-Filler: " + b"a" * 1000 + b"\r\n"),
        "one-endless-header": again_and_again(OK + b"X: ", b"a" * 10_000),
        "endless-status": again_and_again(b"HTTP/1.1 200 ", b"O" * 10_000),
        "interim-answers": again_and_again(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 50),
        "continues": again_and_again(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.01),
        "less-than-announced": gives(answer(half, length=len(whole))),
        "all-but-one-byte": gives(answer(whole[:-1], length=len(whole))),
        "more-announced": gives(answer(whole, length=len(whole) + 1)),
        "chunks-without-an-end": gives(CHUNKED + chunk),
        "a-chunk-cut-off": gives(CHUNKED + chunk[:-20]),
        "tiny-chunks-cut-off": gives(CHUNKED + small),
        "gzip-cut-off": gives(answer(gzip.compress(whole)[:-9], "Content-Encoding: gzip")),
        "gzip-without-its-check": gives(answer(gzip.compress(whole)[:-4], "Content-Encoding: gzip")),
        "gzip-with-a-wrong-check": gives(answer(gzip.compress(whole)[:-8] + bytes(8), "Content-Encoding: gzip")),
        "brotli-cut-off": gives(answer(brotli.compress(whole)[:-5], "Content-Encoding: br")),
        "two-lengths": gives(answer(whole, f"Content-Length: {len(half)}")),
        "a-length-below-zero": gives(answer(whole, length=-1)),
        "a-huge-length": gives(answer(whole, length=10**15)),
        "a-part": gives(answer(half, f"Content-Range: bytes 0-{len(half)}/{len(whole)}", status="206 Partial Content")),
        "a-circle": gives(redirect("/")),
        "more-and-more-hops": gives(b""),
        "plain-garbage": gives(bytes(range(256)) * 400),
        "endless-garbage": again_and_again(b"", bytes(range(256)) * 256),
        "another-protocol": gives(b"220 mail.example ESMTP\r\n"),
        "nothing": gives(b""),
    }


TLS = {
    "tls-garbage": gives(bytes(range(256)) * 40),
    "tls-endless-garbage": again_and_again(b"\x16\x03\x03\x40\x00", bytes(65536)),
    "tls-spoken-plainly": gives(answer(rss("cut"))),
    "tls-silence": silent(b"\x16\x03\x03\x00\x7a"),
}


@dataclass
class Visit:
    """One connection: whose, and how long the client kept it, in seconds."""

    name: str
    seconds: float


class Internet:
    """Many hosts, one server in a thread of its own: which script runs is told by the address that was connected to."""

    def __init__(self, scripts: dict[str, Script]) -> None:
        self._scripts = {
            f"127.30.{n // 200}.{n % 200 + 1}": (name, script) for n, (name, script) in enumerate(scripts.items())
        }
        self.hosts = {name: host for host, (name, _) in self._scripts.items()}
        self.visits: list[Visit] = []
        self.port = 0
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,))
        self._thread.start()
        ready.wait()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self, ready: threading.Event) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve(ready))

    async def _serve(self, ready: threading.Event) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._answer, "0.0.0.0", 0, backlog=500)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._stop.wait()
        server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Run the host's script until it is at its end, or the client has gone."""
        began = time.monotonic()
        name, script = self._scripts[writer.get_extra_info("sockname")[0]]
        head = await reader.read(65536)
        if name == "more-and-more-hops":
            script = gives(redirect(head.split(b" ")[1].decode() + "x"))
        tasks = {asyncio.ensure_future(script(writer)), asyncio.ensure_future(reader.read())}
        _, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in others:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.visits.append(Visit(name, time.monotonic() - began))
        writer.close()


@pytest.fixture(scope="module")
def internet() -> Iterator[Internet]:
    well = {f"well-{n}": gives(answer(rss(f"well-{n}"))) for n in range(HEALTHY)}
    running = Internet(well | hostile() | TLS)
    yield running
    running.close()


def config(internet: Internet, names: list[str]) -> str:
    tables = []
    for name in names:
        scheme = "https" if name in TLS else "http"
        tables.append(f'[sources.{name}]\nurl = "{scheme}://{internet.hosts[name]}:{internet.port}/"\n')
    return "".join(tables)


@dataclass
class Run:
    """What a pass came to: the outcome and the problems of each source, and the most memory of process and workers."""

    sources: dict[str, dict[str, Any]]
    memory: int
    visits: list[Visit]


def fetched(workspace: Any, internet: Internet, names: list[str]) -> Run:
    workspace.configure(config(internet, names), publish='formats = ["atom"]', fetch=f'timeout = "{TIMEOUT}s"')
    internet.visits.clear()
    with (workspace.folder / "out.json").open("w") as out:
        process = workspace.start("fetch", "--force", "--json", stdout=out)
        most = 0
        while process.poll() is None:
            most = max(most, memory_of(process.pid))
            time.sleep(0.01)
        error = process.stderr.read()
        process.stderr.close()
    assert error == ""
    report = json.loads((workspace.folder / "out.json").read_text(encoding="utf-8"))
    return Run({source["source"]: source for source in report["sources"]}, most, list(internet.visits))


def memory_of(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def shuffled_in(well: list[str], others: list[str]) -> list[str]:
    """Put the others between those that are well."""
    each = len(well) // len(others) + 1
    places = [[*well[n * each : (n + 1) * each], other] for n, other in enumerate(others)]
    return [name for place in places for name in place]


def test_hostile_servers_cost_little_end_in_time_and_leave_the_others_alone(
    module_workspace: Any, internet: Internet
) -> None:
    well = [name for name in internet.hosts if name.startswith("well-")]
    bad = [name for name in internet.hosts if name not in well]
    alone = fetched(module_workspace, internet, well)
    assert {source["outcome"] for source in alone.sources.values()} == {"ok"}
    (module_workspace.folder / "aggregator.db").unlink()

    mixed = fetched(module_workspace, internet, shuffled_in(well, bad))
    assert {name for name, source in mixed.sources.items() if source["outcome"] == "ok"} == set(well)
    assert {mixed.sources[name]["outcome"] for name in bad} == {"failed"}
    print(f"{alone.memory >> 20} MiB alone, {mixed.memory >> 20} MiB with {len(bad)} hostile ones")
    assert mixed.memory - alone.memory <= MOST_MORE_MEMORY

    assert {visit.name for visit in mixed.visits} == set(internet.hosts)
    assert [visit for visit in mixed.visits if visit.seconds > TIMEOUT + MARGIN] == []
    stored = module_workspace.rows("SELECT source, count(*) AS n FROM entries GROUP BY source")
    assert {row["source"]: row["n"] for row in stored} == dict.fromkeys(well, ITEMS)
    for name in bad:
        (problem,) = mixed.sources[name]["problems"]
        assert re.fullmatch(r"[^\n]{10,300}", problem), (name, problem)
        assert not re.search(r"Traceback|Exception|\w+Error\b|<class|object at|httpc", problem), (name, problem)

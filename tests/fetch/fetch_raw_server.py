"""Servers on loopback that answer with scripted bytes, so that a test can be as hostile as it likes."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

AGENT = "aggregator/0.1.0 (+https://example.org/contact)"

Script = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class RawServer:
    """Gives the scripts of a path one after the other (the last one again and again), and keeps what it was sent."""

    port: int = 0
    scripts: dict[str, list[Script]] = field(default_factory=dict)
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    greeting: bytes | None = None  # sent at once, instead of waiting for a request
    keep_open: bool = False  # leave it to the client to close
    gone: asyncio.Event = field(default_factory=asyncio.Event)  # set when a client has closed a connection kept open

    def url(self, path: str = "/feed") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def answers(self, *scripts: Script, path: str = "/feed") -> str:
        """Set what is answered on a path, and give its URL."""
        self.scripts[path] = list(scripts)
        return self.url(path)

    def sent_headers(self, number: int = -1) -> dict[bytes, bytes]:
        """Give the headers of a request as bytes, by lower-case name."""
        lines = self.requests[number].split(b"\r\n")[1:-2]
        return {name.lower(): value for name, _, value in (line.partition(b": ") for line in lines)}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            if self.greeting is not None:
                writer.write(self.greeting)
                return
            request = await reader.readuntil(b"\r\n\r\n")
            self.requests.append(request)
            scripts = self.scripts.get(request.split(b" ")[1].decode()) or [b"HTTP/1.1 404 Not Found\r\n\r\n"]
            script = scripts.pop(0) if len(scripts) > 1 else scripts[0]
            if isinstance(script, bytes):
                writer.write(script)
                await writer.drain()
            else:
                await script(writer)
            if self.keep_open:
                await reader.read()
                self.gone.set()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass  # the client has gone, or the test is over while a script still waits
        finally:
            writer.close()


@asynccontextmanager
async def raw_server(
    host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[RawServer]:
    """Run a server, on a free port unless one is given."""
    script = RawServer()
    server = await asyncio.start_server(script.serve, host, port, ssl=tls)
    script.port = server.sockets[0].getsockname()[1]
    try:
        yield script
    finally:
        server.close()
        await server.wait_closed()


def answer(body: bytes = b"", status: str = "200 OK", **headers: str | bytes) -> bytes:
    """Give an answer with its Content-Length; `_` in a header's name stands for `-`."""
    lines = [b"HTTP/1.1 " + status.encode()]
    fields: dict[str, str | bytes] = {"content_length": str(len(body)), **headers}
    for name, value in fields.items():
        raw = value if isinstance(value, bytes) else value.encode()
        lines.append(name.replace("_", "-").encode() + b": " + raw)
    return b"\r\n".join(lines) + b"\r\n\r\n" + body

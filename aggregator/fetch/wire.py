"""One request over one connection: asyncio's sockets below, h11 above, and httpx's requests and answers around them.

httpx's own transport keeps a pool and runs on anyio, which together take most of what a "not modified" costs; a fetcher
asks a server once and hangs up. The guard makes the connections of both.
"""

# ruff: noqa: ASYNC109 (the signatures are httpcore's)

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import h11
import httpcore
import httpx

_AT_ONCE = 64 * 1024
_LONGEST_HEAD = 100 * 1024  # of one message, as httpcore has it
_ERRORS: tuple[tuple[type[Exception], type[httpx.TransportError]], ...] = (  # of the layers below, as httpx names them
    (httpcore.ConnectTimeout, httpx.ConnectTimeout),
    (httpcore.ConnectError, httpx.ConnectError),
    (httpcore.ReadError, httpx.ReadError),
    (httpcore.WriteError, httpx.WriteError),
    (h11.RemoteProtocolError, httpx.RemoteProtocolError),
    (h11.LocalProtocolError, httpx.LocalProtocolError),
)

Note = Callable[[str, Mapping[str, Any]], Awaitable[None]]
SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]


class Wire(httpx.AsyncBaseTransport):
    """Sends each request over a connection of its own, which `network` makes; `context` is the TLS context.

    A request's extension `trace` is told what is being done, by httpcore's names; `timeout` counts for connecting only.
    """

    def __init__(self, context: ssl.SSLContext, network: httpcore.AsyncNetworkBackend) -> None:
        self._context = context
        self._network = network

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and give the answer, its body unread. Raises: httpx.TransportError, and as `network` does."""
        note: Note = request.extensions["trace"]
        with _as_httpx_says():
            stream = await self._connected(request, note)
            exchange = _Exchange(stream, note)
            try:
                return await exchange.answer(request)
            except BaseException:
                await stream.aclose()
                raise

    async def _connected(self, request: httpx.Request, note: Note) -> httpcore.AsyncNetworkStream:
        url, timeout = request.url, request.extensions["timeout"]["connect"]
        host, is_secret = url.raw_host.decode("ascii"), url.scheme == "https"
        await note("connection.connect_tcp.started", {})
        stream = await self._network.connect_tcp(host, url.port or (443 if is_secret else 80), timeout)
        if not is_secret:
            return stream
        await note("connection.start_tls.started", {})
        return await stream.start_tls(self._context, host, timeout)


class _Exchange:
    """A request and its answer on a connection."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, note: Note) -> None:
        self._stream = stream
        self._note = note
        self._state = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LONGEST_HEAD)

    async def answer(self, request: httpx.Request) -> httpx.Response:
        await self._note("http11.send_request_headers.started", {})
        await self._send(request)
        await self._note("http11.receive_response_headers.started", {})
        head = await self._next()
        while isinstance(head, h11.InformationalResponse) and head.status_code != 101:
            head = await self._next()
        assert isinstance(head, h11.Response | h11.InformationalResponse)
        told = {"http_version": b"HTTP/" + head.http_version, "reason_phrase": head.reason}
        return httpx.Response(
            head.status_code,
            headers=head.headers.raw_items(),
            stream=_Body(self.body, self._stream.aclose),
            extensions={**told, "network_stream": self._stream},
        )

    async def _send(self, request: httpx.Request) -> None:
        """A server may hang up before it has read a request, and answer nevertheless."""
        head = h11.Request(method=request.method, target=request.url.raw_path, headers=request.headers.raw)
        message = (self._state.send(head) or b"") + (self._state.send(h11.EndOfMessage()) or b"")
        try:
            await self._stream.write(message)
        except httpcore.WriteError:
            return

    async def body(self) -> AsyncIterator[bytes]:
        await self._note("http11.receive_response_body.started", {})
        with _as_httpx_says():
            while isinstance(event := await self._next(), h11.Data):
                yield bytes(event.data)

    async def _next(self) -> object:
        while (event := self._state.next_event()) is h11.NEED_DATA:
            data = await self._stream.read(_AT_ONCE)
            if not data and self._state.their_state is h11.SEND_RESPONSE:
                raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
            self._state.receive_data(data)
        return event


class _Body(httpx.AsyncByteStream):
    """A body that is read as it comes; closing it hangs up."""

    def __init__(self, chunks: Callable[[], AsyncIterator[bytes]], close: Callable[[], Awaitable[None]]) -> None:
        self._chunks = chunks
        self._close = close

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._chunks()

    async def aclose(self) -> None:
        await self._close()


@contextmanager
def _as_httpx_says() -> Iterator[None]:
    try:
        yield
    except (httpcore.NetworkError, httpcore.TimeoutException, h11.ProtocolError) as error:
        said = next(ours for theirs, ours in _ERRORS if isinstance(error, theirs))
        raise said(str(error)) from error


# --- sockets --------------------------------------------------------------------------------------------------


class Sockets(httpcore.AsyncNetworkBackend):
    """Connections by asyncio's own means, to hosts that are written as addresses."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect. Raises: httpcore.ConnectError, httpcore.ConnectTimeout."""
        made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        try:
            made.setblocking(False)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.timeout(timeout):
                await asyncio.get_running_loop().sock_connect(made, (host, port))
        except BaseException as error:
            made.close()
            raise _unconnected(error) from error
        return _Plain(made)

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[SocketOption] | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Not for fetching."""
        raise httpcore.ConnectError("no unix socket is connected to")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


def _unconnected(error: BaseException) -> BaseException:
    if isinstance(error, TimeoutError) and not error.errno:
        return httpcore.ConnectTimeout(str(error))
    return httpcore.ConnectError(str(error)) if isinstance(error, OSError) else error


class _Plain(httpcore.AsyncNetworkStream):
    """A connection without TLS: a socket, and nothing beneath."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            async with asyncio.timeout(timeout):
                return await asyncio.get_running_loop().sock_recv(self._socket, max_bytes)
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        try:
            async with asyncio.timeout(timeout):
                await asyncio.get_running_loop().sock_sendall(self._socket, buffer)
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    async def aclose(self) -> None:
        self._socket.close()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Raises: httpcore.ConnectError, httpcore.ConnectTimeout; the connection is closed then."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=_AT_ONCE, loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        try:
            async with asyncio.timeout(timeout):
                transport, _ = await loop.create_connection(
                    lambda: protocol, sock=self._socket, ssl=ssl_context, server_hostname=server_hostname
                )
        except BaseException as error:
            self._socket.close()
            raise _unconnected(error) from error
        return _Secret(reader, asyncio.StreamWriter(transport, protocol, reader, loop))

    def get_extra_info(self, info: str) -> Any:
        return self._socket if info == "socket" else None


class _Secret(httpcore.AsyncNetworkStream):
    """A connection with TLS."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            async with asyncio.timeout(timeout):
                return await self._reader.read(max_bytes)
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        try:
            async with asyncio.timeout(timeout):
                self._writer.write(buffer)
                await self._writer.drain()
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    async def aclose(self) -> None:
        """Hang up without waiting for the other side's farewell; what it said was whole, or that is known by now."""
        self._writer.transport.abort()
        await asyncio.sleep(0)  # then it is closed

    def get_extra_info(self, info: str) -> Any:
        return self._writer.get_extra_info(info)

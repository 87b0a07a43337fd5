"""Run an ASGI application inside our own event loop, until told to stop."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from aggregator.serve.app import ServeOptions, Site, create_app

GRACE_SECONDS = 5
BACKLOG = 2048


async def serve(
    app: ASGIApp,
    host: str,
    port: int,
    *,
    ready: Callable[[], None] | None = None,
    stop: asyncio.Event,
) -> None:
    """Serve at an address, as `serve_at` does.

    Raises: OSError at once when the address cannot be had; its message names it.
    """
    await serve_at(bound(host, port), app, ready=ready, stop=stop)


async def serve_at(
    listener: socket.socket, app: ASGIApp, *, ready: Callable[[], None] | None = None, stop: asyncio.Event
) -> None:
    """Serve until `stop` is set, then let open requests finish for five seconds at most.

    `ready` is called once, when connections are taken. No signal handler is installed: signals are the caller's.
    """
    config = uvicorn.Config(
        app,
        http=_Protocol if isinstance(app, Site) else "auto",
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        backlog=BACKLOG,
    )
    server = _Server(config, ready)
    watch = asyncio.create_task(_exit_when(stop, server))
    try:
        await server.serve(sockets=[listener])
    finally:
        watch.cancel()
        listener.close()


class Alone:
    """One process that answers requests: this one. It does for one what `Crew` does for several."""

    def __init__(self, options: ServeOptions) -> None:
        self._site = create_app(options)

    async def serve(self, host: str, port: int, *, ready: Callable[[], None], stop: asyncio.Event) -> None:
        """Serve at an address until `stop` is set. Raises: OSError when it cannot be had."""
        await serve(self._site, host, port, ready=ready, stop=stop)

    async def adopt(self, options: ServeOptions, said: object) -> None:
        """Serve by other options from the next request on; there is nobody to tell what is said."""
        self._site.adopt(options)

    def close(self) -> None:
        """Let go of what the status and searches took."""
        self._site.close()


def fast_loop() -> Callable[[], asyncio.AbstractEventLoop]:
    """Give what makes the fastest event loop there is on this system: uvloop's where it is installed."""
    return uvicorn.Config("", log_config=None).get_loop_factory() or asyncio.new_event_loop


class _Protocol(HttpToolsProtocol):
    """uvicorn's protocol with a short cut: what stands ready is written as it is, without a task and its messages.

    That is two thirds of the time of a request. Whatever else comes, as a client that does not read what it is sent,
    goes the usual way; all of it would if uvicorn no longer called this method.
    """

    def data_received(self, data: bytes) -> None:
        """Take what a client sends. Letters that should be percent-encoded in an address (RFC 3986, 2.5) and come as
        they are, as curl sends them, are taken for what is meant."""
        super().data_received(data if data.isascii() else _with_ascii_target(data))

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        reply = self.app.at_once(cycle.scope) if self._is_ready(cycle) else None
        if reply is None:
            super()._start_asgi_task(cycle, app)
            return
        added = b"".join([name + b": " + value + b"\r\n" for name, value in self.server_state.default_headers])
        self.transport.writelines((reply.head + added + b"\r\n", reply.body["body"]))
        cycle.response_started = cycle.response_complete = True
        cycle.on_response()

    def _is_ready(self, cycle: Any) -> bool:
        return cycle.keep_alive and not self.flow.write_paused and not self.transport.is_closing()


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signals alone and says when it is ready."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None] | None) -> None:
        super().__init__(config)
        self._ready = ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and self._ready is not None:
            self._ready()


def _with_ascii_target(data: bytes) -> bytes:
    line, end, rest = data.partition(b"\r\n")
    return b"".join(bytes((byte,)) if byte < 0x80 else b"%%%02X" % byte for byte in line) + end + rest


def bound(host: str, port: int) -> socket.socket:
    """Bind before anything is started, so that a used port is the caller's OSError and not an exit of uvicorn's. Who
    serves with it listens.

    Raises: OSError when the address cannot be had; its message names it.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((host, port))
    except OSError as fault:
        listener.close()
        reason = fault.strerror or str(fault)
        raise OSError(fault.errno, f"cannot listen on {host} port {port}: {reason}") from fault
    return listener


async def _exit_when(stop: asyncio.Event, server: uvicorn.Server) -> None:
    await stop.wait()
    server.should_exit = True

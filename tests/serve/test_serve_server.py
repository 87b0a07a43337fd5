"""The server itself, over real sockets."""

import asyncio
import gzip
import signal
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from aggregator.serve import ServeOptions, create_app, serve

BODY = b"<feed>" + b"x" * 300_000 + b"</feed>"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@asynccontextmanager
async def running(app: ASGIApp) -> AsyncIterator[tuple[str, asyncio.Event]]:
    port, stop, ready = free_port(), asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(serve(app, "127.0.0.1", port, ready=ready.set, stop=stop))
    await asyncio.wait_for(ready.wait(), 5)
    try:
        yield f"http://127.0.0.1:{port}", stop
    finally:
        stop.set()
        await asyncio.wait_for(task, 10)


def test_files_are_served_over_a_socket_with_their_validators(tmp_path: Path) -> None:
    (tmp_path / "feed.atom").write_bytes(BODY)

    async def ask() -> None:
        async with (
            running(create_app(ServeOptions(tmp_path))) as (url, _),
            httpx.AsyncClient(base_url=url, trust_env=False) as client,
        ):
            plain = await client.get("/feed.atom", headers={"Accept-Encoding": "identity"})
            assert plain.content == BODY
            assert plain.headers["content-length"] == str(len(BODY))
            assert "server" not in plain.headers
            async with client.stream("GET", "/feed.atom", headers={"Accept-Encoding": "gzip"}) as packed:
                assert gzip.decompress(b"".join([chunk async for chunk in packed.aiter_raw()])) == BODY
            head = await client.head("/feed.atom", headers={"Accept-Encoding": "identity"})
            assert head.headers["content-length"] == str(len(BODY))
            again = await client.get("/feed.atom", headers={"If-None-Match": plain.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")
            assert (await client.get("/%00")).status_code == 404
            assert (await client.get("/%2e%2e/%2e%2e/etc/passwd")).status_code == 404
            assert (await client.post("/feed.atom", content=b"x" * 1000)).status_code == 405

    asyncio.run(ask())


def test_a_port_in_use_is_an_error_that_names_it() -> None:
    async def collide() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1 port {port}: "):
                await serve(create_app(ServeOptions(Path())), "127.0.0.1", port, stop=asyncio.Event())

    asyncio.run(collide())


def test_signal_handlers_stay_the_callers_own(tmp_path: Path) -> None:
    def ours(number: int, frame: object) -> None:
        """Stand for the handler of whoever runs the server."""

    async def look() -> None:
        async with running(create_app(ServeOptions(tmp_path))):
            assert signal.getsignal(signal.SIGTERM) is ours

    before = signal.signal(signal.SIGTERM, ours)
    try:
        asyncio.run(look())
    finally:
        signal.signal(signal.SIGTERM, before)


def test_an_open_request_may_finish_when_the_server_stops() -> None:
    async def stop_within() -> None:
        begun, finish = asyncio.Event(), asyncio.Event()

        async def slow(scope: Scope, receive: Receive, send: Send) -> None:
            begun.set()
            await finish.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"whole"})

        async with running(slow) as (url, stop), httpx.AsyncClient(trust_env=False) as client:
            answer = asyncio.create_task(client.get(url))
            await begun.wait()
            stop.set()
            await asyncio.sleep(0)
            finish.set()
            assert (await answer).content == b"whole"

    asyncio.run(stop_within())


def test_an_idle_connection_does_not_hold_the_server_up(tmp_path: Path) -> None:
    async def stop_soon() -> float:
        async with httpx.AsyncClient(trust_env=False) as client:
            async with running(create_app(ServeOptions(tmp_path))) as (url, stop):
                await client.get(url)
                began = time.monotonic()
                stop.set()
            return time.monotonic() - began

    assert asyncio.run(stop_soon()) < 2


def test_the_server_serves_over_ipv6_where_there_is_one(tmp_path: Path) -> None:
    async def ask(port: int) -> int:
        stop, ready = asyncio.Event(), asyncio.Event()
        app = create_app(ServeOptions(tmp_path))
        task = asyncio.create_task(serve(app, "::1", port, ready=ready.set, stop=stop))
        await asyncio.wait_for(ready.wait(), 5)
        async with httpx.AsyncClient(trust_env=False) as client:
            status = (await client.get(f"http://[::1]:{port}/none.html")).status_code
        stop.set()
        await task
        return status

    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6) as probe:
            port = int(probe.getsockname()[1])
    except OSError:
        pytest.skip("no IPv6 on this machine")
    assert asyncio.run(ask(port)) == 404

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
from free_port import free_port
from starlette.types import ASGIApp, Receive, Scope, Send

from aggregator import variants
from aggregator.publish import Writer
from aggregator.records import Document
from aggregator.serve import ServeOptions, create_app, serve
from aggregator.serve.answers import Answer
from aggregator.serve.app import Site
from aggregator.serve.server import GRACE_SECONDS

BODY = b"<feed>" + b"x" * 300_000 + b"</feed>"


@asynccontextmanager
async def running(app: ASGIApp) -> AsyncIterator[tuple[str, asyncio.Event]]:
    port, stop, ready = free_port(), asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(serve(app, "127.0.0.1", port, ready=ready.set, stop=stop))
    await asyncio.wait_for(ready.wait(), 60)
    try:
        yield f"http://127.0.0.1:{port}", stop
    finally:
        stop.set()
        await asyncio.wait_for(task, 60)


def test_an_address_that_a_client_did_not_encode_is_understood(tmp_path: Path) -> None:
    (tmp_path / "feed.atom").write_bytes(BODY)

    async def ask() -> None:
        async with running(create_app(ServeOptions(tmp_path))) as (url, _):
            host, port = url.removeprefix("http://").split(":")
            answers = []
            for path in ("/feed.atom?q=南昌", "/feed.atom?q=%E5%8D%97%E6%98%8C"):
                reader, writer = await asyncio.open_connection(host, int(port))
                writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Name: 南昌\r\nConnection: close\r\n\r\n".encode())
                answers.append((await reader.read()).partition(b"\r\n\r\n"))
                writer.close()
                await writer.wait_closed()
            assert {body for _, _, body in answers} == {BODY}
            assert all(head.startswith(b"HTTP/1.1 200 ") for head, _, _ in answers)

    asyncio.run(ask())


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


async def exchanged(url: str, *requests: bytes) -> list[bytes]:
    """Send requests over one connection, one after the other, and give the answers as they came."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    answers = []
    for request in requests:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = [int(line[15:]) for line in head.lower().splitlines() if line.startswith(b"content-length:")]
        bodiless = request.startswith(b"HEAD") or not length
        answers.append(head + (b"" if bodiless else await reader.readexactly(length[0])))
    writer.close()
    return answers


def lines(answer: bytes) -> list[bytes]:
    return sorted(line for line in answer.splitlines() if not line.startswith(b"date:"))


def test_what_is_answered_from_memory_is_what_was_answered_from_disk(tmp_path: Path) -> None:
    writer = Writer(tmp_path, brotli=True)
    writer.write(Document("feed.atom", BODY))
    writer.write(Document("feed.atom", BODY + b" "))
    known = [variants.digest(BODY + b" ").encode(), variants.digest(BODY).encode()]
    more = [b"", b"Accept-Encoding: gzip\r\n", b"Accept-Encoding: br\r\n", b'If-None-Match: "%b"\r\n' % known[0]]
    more.append(b'A-IM: feed\r\nIf-None-Match: "%b"\r\n' % known[1])
    head = b" /feed.atom HTTP/1.1\r\nHost: x\r\n"
    requests = [method + head + line + b"\r\n" for method in (b"GET", b"HEAD") for line in more]

    async def ask() -> tuple[list[bytes], list[bytes]]:
        async with running(create_app(ServeOptions(tmp_path))) as (url, _):
            warm = [await exchanged(url, request, request) for request in requests]
        cold = []
        for request in requests:
            async with running(_Slow(create_app(ServeOptions(tmp_path)))) as (url, _):
                cold += await exchanged(url, request)
        return [answers[1] for answers in warm], cold

    warm, cold = asyncio.run(ask())
    assert [lines(answer) for answer in warm] == [lines(answer) for answer in cold]
    assert {answer[9:12] for answer in warm} == {b"200", b"304", b"226"}
    assert all(b"\r\ndate: " in answer for answer in warm)


class _Slow:
    """An application without the short cut of ours."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


def test_what_stands_ready_is_sent_without_a_task_for_it(tmp_path: Path) -> None:
    (tmp_path / "feed.atom").write_bytes(BODY)
    request = b"GET /feed.atom HTTP/1.1\r\nHost: x\r\n\r\n"

    async def ask() -> list[int]:
        app = create_app(ServeOptions(tmp_path))
        whole: list[int] = []

        class Counting(Site):
            async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
                whole.append(1)
                await app(scope, receive, send)

            def at_once(self, scope: Scope) -> Answer | None:
                return app.at_once(scope)

        async with running(Counting(ServeOptions(tmp_path))) as (url, _):
            await exchanged(url, *[request] * 5)
        return whole

    assert asyncio.run(ask()) == [1]  # the first, which reads the file


def test_requests_sent_all_at_once_are_answered_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "feed.atom").write_bytes(BODY)
    (tmp_path / "small.txt").write_bytes(b"small")
    names = [b"feed.atom", b"small.txt", b"none.txt"] * 20

    async def ask() -> bytes:
        async with running(create_app(ServeOptions(tmp_path))) as (url, _):
            host, port = url.removeprefix("http://").split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(b"".join(b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n" % name for name in names[:-1]))
            writer.write(b"GET /%b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % names[-1])
            await asyncio.sleep(0.2)  # the server may not send more than a client reads
            answers = await reader.read()
            writer.close()
            return answers

    answers = asyncio.run(ask()).split(b"HTTP/1.1 ")[1:]
    assert [answer[:3] for answer in answers] == [b"200", b"200", b"404"] * 20
    assert [b"<feed>" in answer for answer in answers] == [True, False, False] * 20


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

    assert asyncio.run(stop_soon()) < GRACE_SECONDS


def test_the_server_serves_over_ipv6_where_there_is_one(tmp_path: Path) -> None:
    async def ask(port: int) -> int:
        stop, ready = asyncio.Event(), asyncio.Event()
        app = create_app(ServeOptions(tmp_path))
        task = asyncio.create_task(serve(app, "::1", port, ready=ready.set, stop=stop))
        await asyncio.wait_for(ready.wait(), 60)
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

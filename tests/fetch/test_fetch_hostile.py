"""Servers that break off, drip, flood, send in circles or do not speak HTTP: each is a value, in good time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from fetch_raw_server import RawServer, Script, answer, raw_server

from aggregator.fetch.client import Client, ClientOptions
from aggregator.records import Failure, Fetched, FetchFailed, FetchResult, Redirect

pytestmark = pytest.mark.anyio

SOON = timedelta(seconds=1)


def failed(result: FetchResult) -> FetchFailed:
    assert isinstance(result, FetchFailed), result
    return result


def flood(head: bytes, unit: bytes, pause: float = 0) -> Callable[[asyncio.StreamWriter], Awaitable[None]]:
    """Give a script that sends `unit` again and again until the client goes."""

    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while not writer.is_closing():
            writer.write(unit)
            await writer.drain()
            await asyncio.sleep(pause)

    return script


BROKEN: dict[str, tuple[Failure, Script]] = {
    "less than announced": (Failure.TRUNCATED, b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"),
    "chunks without the last": (
        Failure.TRUNCATED,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ),
    "a chunk cut off": (Failure.TRUNCATED, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc"),
    "a chunk size that is none": (Failure.PROTOCOL, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc"),
    "nothing": (Failure.PROTOCOL, b""),
    "half a head": (Failure.PROTOCOL, b"HTTP/1.1 200 OK\r\nContent-"),
    "another protocol": (Failure.PROTOCOL, b"SSH-2.0-OpenSSH_9.7\r\n\r\n"),
    "http 0.9": (Failure.PROTOCOL, b"<html>hello</html>\r\n\r\n"),
    "two lengths": (Failure.PROTOCOL, b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
    "a length that is none": (Failure.PROTOCOL, b"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nabc"),
    "a length of 5,000 digits": (Failure.PROTOCOL, b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\nx"),
    "a NUL in a header": (Failure.PROTOCOL, b"HTTP/1.1 200 OK\r\nETag: a\0b\r\n\r\n"),
    "endless headers": (Failure.PROTOCOL, flood(b"HTTP/1.1 200 OK\r\n", b"X-Filler: " + b"a" * 1000 + b"\r\n")),
    "one endless header": (Failure.PROTOCOL, flood(b"HTTP/1.1 200 OK\r\nX: ", b"a" * 10_000)),
    "interim answers only": (Failure.PROTOCOL, flood(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 50)),
    "switching protocols": (Failure.PROTOCOL, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"),
    "no content": (Failure.STATUS, b"HTTP/1.1 204 No Content\r\n\r\n"),
    "a part": (Failure.STATUS, answer(b"part", "206 Partial Content", content_range="bytes 0-3/99")),
    "gone": (Failure.GONE, answer(status="410 Gone")),
    "not found": (Failure.STATUS, answer(status="404 Not Found")),
    "a status of 999": (Failure.STATUS, answer(status="999 Request denied")),
    "multiple choices": (Failure.STATUS, answer(status="300 Multiple Choices", location="/feed")),
    "a redirect to nowhere": (Failure.REDIRECT, answer(status="302 Found")),
    "a redirect to no URL": (Failure.REDIRECT, answer(status="302 Found", location="http://[::1")),
    "a redirect to an impossible port": (Failure.REDIRECT, answer(status="302 Found", location="http://a:99999/")),
    "a redirect to no host": (Failure.REDIRECT, answer(status="302 Found", location="http://a..b/")),
    "a redirect to itself": (Failure.REDIRECT, answer(status="302 Found", location="#x")),
    "a redirect to a file": (Failure.REFUSED, answer(status="302 Found", location="file:///etc/passwd")),
    "a redirect to data": (Failure.REFUSED, answer(status="302 Found", location="data:text/xml,<rss/>")),
    "a redirect to ftp": (Failure.REFUSED, answer(status="302 Found", location="ftp://example.org/")),
    "a redirect to a private host": (Failure.REFUSED, answer(status="302 Found", location="http://10.0.0.1/")),
    "a redirect to metadata": (Failure.REFUSED, answer(status="302 Found", location="//169.254.169.254/latest/")),
}


@pytest.mark.parametrize("way", BROKEN)
async def test_a_broken_answer_is_a_failure_of_its_kind(server: RawServer, client: Client, way: str) -> None:
    kind, script = BROKEN[way]
    result = failed(await client.get(server.answers(script), timeout=timedelta(seconds=10)))
    assert result.kind is kind, result
    assert result.detail


async def test_an_error_keeps_its_status_headers_and_reason(server: RawServer, client: Client) -> None:
    url = server.answers(answer(b"<html>", "503 Back Soon", retry_after="120"))
    result = failed(await client.get(url))
    assert (result.status, result.detail) == (503, "the server answers 503 Back Soon")
    assert ("retry-after", "120") in result.headers


async def test_an_error_without_reason_gets_the_usual_one(server: RawServer, client: Client) -> None:
    result = failed(await client.get(server.answers(b"HTTP/1.1 429\r\n\r\n")))
    assert result.detail == "the server answers 429 Too Many Requests"


async def test_the_body_of_an_error_is_not_read(server: RawServer, client: Client) -> None:
    url = server.answers(flood(b"HTTP/1.1 500 Oops\r\nContent-Length: 999999999999\r\n\r\n", bytes(65536)))
    assert failed(await client.get(url)).kind is Failure.STATUS


@pytest.mark.parametrize("status", ["200 OK", "203 Non-Authoritative Information", "226 IM Used"])
async def test_answers_with_a_document_are_fetched(server: RawServer, client: Client, status: str) -> None:
    result = await client.get(server.answers(answer(b"x", status)))
    assert isinstance(result, Fetched)
    assert (result.status, result.body) == (int(status[:3]), b"x")


async def test_interim_answers_before_the_real_one_are_passed_over(server: RawServer, client: Client) -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    assert isinstance(await client.get(server.answers(hints * 3 + answer(b"x"))), Fetched)


async def test_a_large_body_is_no_long_head(server: RawServer, client: Client) -> None:
    result = await client.get(server.answers(answer(bytes(2_000_000))))
    assert isinstance(result, Fetched)
    assert len(result.body) == 2_000_000


@pytest.mark.parametrize(
    ("head", "unit", "doing"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b"a", "reading the body"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"a", "waiting for the answer"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n", "waiting for the answer"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n", "reading the body"),
    ],
)
async def test_a_drip_meets_the_deadline(
    server: RawServer, client: Client, head: bytes, unit: bytes, doing: str
) -> None:
    began = time.monotonic()
    result = failed(await client.get(server.answers(flood(head, unit, pause=0.1)), timeout=SOON))
    assert result.kind is Failure.TIMEOUT
    assert result.detail == f"no whole answer within 1 second: it was still {doing}"
    assert time.monotonic() - began < 20  # and not for ever


async def test_a_flood_of_tiny_chunks_meets_the_deadline(server: RawServer, client: Client) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    result = failed(await client.get(server.answers(flood(head, b"1\r\na\r\n" * 5000)), timeout=SOON))
    assert result.kind is Failure.TIMEOUT


async def test_the_deadline_spans_all_hops(server: RawServer, client: Client) -> None:
    async def slow(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.4)
        writer.write(answer(status="302 Found", location=f"/{len(server.requests)}"))

    for number in range(6):
        server.answers(slow, path=f"/{number}")
    result = failed(await client.get(server.url("/0"), timeout=SOON))
    assert result.kind is Failure.TIMEOUT
    assert len(result.redirects) <= 2


async def test_a_resolver_that_hangs_meets_the_deadline() -> None:
    async def hanging(host: str, port: int) -> tuple[str, ...]:
        await asyncio.sleep(60)
        return ()

    async with Client(ClientOptions("x", connect_timeout=timedelta(seconds=0.1)), hanging) as client:
        result = failed(await client.get("http://feeds.example/", timeout=SOON))
        assert (result.kind, result.detail) == (
            Failure.TIMEOUT,
            "the name feeds.example was not resolved within 0.1 seconds",
        )


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_redirects_are_followed_and_recorded(server: RawServer, client: Client, status: str) -> None:
    target = server.answers(answer(b"x"), path="/b/new?x=1")
    url = server.answers(answer(status=status, location="new?x=1#part"), path="/b/old")
    result = await client.get(url)
    assert isinstance(result, Fetched)
    assert (result.url, result.redirects) == (target, (Redirect(int(status[:3]), target),))
    assert all(request.startswith(b"GET ") for request in server.requests)


async def test_a_location_in_raw_utf8_is_followed(server: RawServer, client: Client) -> None:
    server.answers(answer(b"x"), path="/%E6%96%B0")
    url = server.answers(answer(status="302 Found", location="/新".encode()))
    assert isinstance(await client.get(url), Fetched)


@pytest.mark.parametrize(("hops", "follows"), [(5, True), (6, False)])
async def test_five_redirects_are_followed_and_a_sixth_is_not(
    server: RawServer, client: Client, hops: int, follows: bool
) -> None:
    for number in range(hops):
        server.answers(answer(status="302 Found", location=f"/{number + 1}"), path=f"/{number}")
    server.answers(answer(b"x"), path=f"/{hops}")
    result = await client.get(server.url("/0"))
    assert isinstance(result, Fetched) is follows
    assert len(server.requests) == 6
    if not follows:
        assert failed(result).detail == "there are more than 5 redirects in a row"


async def test_a_circle_of_redirects_is_seen(server: RawServer, client: Client) -> None:
    server.answers(answer(status="302 Found", location="/a"), path="/b")
    url = server.answers(answer(status="302 Found", location="/b"), path="/a")
    result = failed(await client.get(url))
    assert (result.kind, len(server.requests), len(result.redirects)) == (Failure.REDIRECT, 2, 2)
    assert "circle" in result.detail


async def test_a_port_that_nobody_listens_on_is_said(client: Client) -> None:
    async with raw_server() as closed:
        url = closed.url()
    result = failed(await client.get(url))
    assert result.kind is Failure.CONNECT
    assert "Connection refused" in result.detail


async def test_a_connection_that_is_reset_is_a_failure(server: RawServer, client: Client) -> None:
    async def reset(writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async def reset_in_body(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        await writer.drain()
        writer.transport.abort()

    assert failed(await client.get(server.answers(reset))).kind in (Failure.CONNECT, Failure.PROTOCOL)
    assert failed(await client.get(server.answers(reset_in_body))).kind is Failure.TRUNCATED


async def test_giving_up_while_a_fetch_is_under_way_closes_its_connection(server: RawServer, client: Client) -> None:
    asked = asyncio.Event()

    async def silent(writer: asyncio.StreamWriter) -> None:
        asked.set()

    server.keep_open = True
    fetch = asyncio.create_task(client.get(server.answers(silent)))
    await asked.wait()
    fetch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetch
    await asyncio.wait_for(server.gone.wait(), 60)

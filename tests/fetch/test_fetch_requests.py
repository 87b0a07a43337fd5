"""What a request carries, and what it never does."""

import asyncio
import gzip
from base64 import b64encode
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from fetch_raw_server import AGENT, RawServer, answer, raw_server

from aggregator.fetch.client import FEED_ACCEPT, Client, ClientOptions
from aggregator.records import Failure, Fetched, FetchFailed

pytestmark = pytest.mark.anyio


async def test_a_request_carries_exactly_five_headers(server: RawServer, client: Client) -> None:
    await client.get(server.answers(answer(b"x")))
    assert server.requests[0].startswith(b"GET /feed HTTP/1.1\r\n")
    assert list(server.sent_headers().items()) == [
        (b"host", f"127.0.0.1:{server.port}".encode()),
        (b"user-agent", AGENT.encode()),
        (b"accept", FEED_ACCEPT.encode()),
        (b"accept-encoding", b"gzip, deflate, br"),
        (b"connection", b"close"),
    ]
    assert FEED_ACCEPT.endswith("*/*;q=0.1")


@pytest.mark.parametrize(
    "script",
    [
        answer(b"<rss/>", etag='"1"'),
        answer(gzip.compress(b"<rss/>", mtime=0), content_encoding="gzip"),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        answer(status="503 Later", retry_after="9"),
        answer(status="304 Not Modified"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        b"SSH-2.0-server\r\n",
        b"",
    ],
    ids=["whole", "gzip", "chunked", "later", "304", "cut short", "no HTTP", "nothing"],
)
async def test_what_comes_over_our_sockets_is_what_httpx_gives(server: RawServer, script: bytes) -> None:
    url, found = server.answers(script), []
    for direct in (True, False):
        async with Client(ClientOptions(AGENT, ("127.0.0.0/8",), direct=direct)) as client:
            found.append(replace(await client.get(url), waited=timedelta(0)))
    assert found[0] == found[1]
    assert server.requests[0] == server.requests[1]


async def test_cookies_are_never_sent_back(server: RawServer, client: Client) -> None:
    server.answers(answer(b"x", set_cookie="sid=2"), path="/new")
    url = server.answers(answer(status="302 Found", location="/new", set_cookie="sid=1; Path=/"))
    for _ in range(2):
        assert isinstance(await client.get(url), Fetched)
    assert len(server.requests) == 4
    assert all(b"cookie" not in request.lower() for request in server.requests)


async def test_proxies_and_netrc_of_the_environment_are_not_used(
    server: RawServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login l password p\n")
    monkeypatch.setenv("NETRC", str(netrc))
    async with raw_server() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url(""))
        async with Client(ClientOptions(AGENT, ("127.0.0.0/8",))) as client:
            assert isinstance(await client.get(server.answers(answer(b"x"))), Fetched)
        assert proxy.connections == 0
    assert b"authorization" not in server.sent_headers()


async def test_credentials_go_to_their_origin_and_are_not_shown(server: RawServer, client: Client) -> None:
    server.answers(answer(b"x"), path="/new")
    url = server.answers(answer(status="302 Found", location="/new"))
    result = await client.get(url.replace("http://", "http://us%40er:s%3Acret@"))
    assert isinstance(result, Fetched)
    expected = b"Basic " + b64encode(b"us@er:s:cret")
    assert [server.sent_headers(n)[b"authorization"] for n in (0, 1)] == [expected, expected]
    assert "cret" not in repr(result)


async def test_credentials_and_own_headers_do_not_follow_to_another_origin(server: RawServer, client: Client) -> None:
    async with raw_server() as other:
        target = other.answers(answer(b"x"))
        url = server.answers(answer(status="307 Temporary Redirect", location=target))
        result = await client.get(url.replace("http://", "http://u:p@"), headers={"x-key": "k"})
        assert isinstance(result, Fetched)
        assert server.sent_headers()[b"x-key"] == b"k"
        assert not {b"authorization", b"x-key"} & other.sent_headers().keys()


async def test_credentials_in_a_redirect_are_not_used(server: RawServer, client: Client) -> None:
    target = server.answers(answer(b"x"), path="/new")
    url = server.answers(answer(status="302 Found", location=target.replace("http://", "http://u:p@")))
    result = await client.get(url)
    assert isinstance(result, Fetched)
    assert result.redirects[0].url == target
    assert b"authorization" not in server.sent_headers()


async def test_own_headers_replace_ours_but_for_cookies_and_what_frames_a_request(
    server: RawServer, client: Client
) -> None:
    framing = {"ACCEPT-ENCODING": "zstd", "host": "other", "content-length": "5", "cookie": "a=b", "connection": "x"}
    own = {"accept": "text/html", "X-Key": "k", **framing}
    await client.get(server.answers(answer(b"x")), headers=own)
    assert server.requests[0].lower().count(b"accept: ") == 1
    assert server.sent_headers()[b"accept"] == b"text/html"
    assert server.sent_headers()[b"accept-encoding"] == b"gzip, deflate, br"
    assert server.sent_headers()[b"host"] == f"127.0.0.1:{server.port}".encode()
    assert server.sent_headers()[b"connection"] == b"close"
    assert not {b"cookie", b"content-length"} & server.sent_headers().keys()


async def test_a_header_that_cannot_be_sent_is_a_value(server: RawServer, client: Client) -> None:
    result = await client.get(server.answers(answer(b"x")), headers={"x": "a\r\nb: c"})
    assert isinstance(result, FetchFailed)
    assert result.kind is Failure.PROTOCOL
    assert server.requests == []


async def test_no_more_requests_are_under_way_than_allowed(server: RawServer) -> None:
    under_way = most = 0

    async def slow(writer: asyncio.StreamWriter) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.02)
        under_way -= 1
        writer.write(answer(b"x"))

    url = server.answers(slow)
    async with Client(ClientOptions(AGENT, ("127.0.0.0/8",), concurrency=2, per_host=8)) as client:
        results = await asyncio.gather(*(client.get(url, timeout=timedelta(seconds=10)) for _ in range(8)))
    assert all(isinstance(result, Fetched) for result in results)
    assert most == 2


async def test_waiting_for_a_free_slot_does_not_use_up_the_deadline(server: RawServer) -> None:
    async def slow(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.6)
        writer.write(answer(b"x"))

    url = server.answers(slow)
    async with Client(ClientOptions(AGENT, ("127.0.0.0/8",), concurrency=1)) as client:
        results = await asyncio.gather(*(client.get(url, timeout=timedelta(seconds=2)) for _ in range(4)))
    assert all(isinstance(result, Fetched) for result in results)


async def test_a_connection_is_closed_after_its_answer_even_if_the_server_would_keep_it(
    server: RawServer, client: Client
) -> None:
    server.keep_open = True
    await client.get(server.answers(answer(b"x")))
    await asyncio.wait_for(server.gone.wait(), 60)

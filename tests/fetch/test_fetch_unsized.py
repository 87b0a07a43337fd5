"""A body whose end nothing tells is whole only if its document is."""

import pytest
from fetch_raw_server import RawServer

from aggregator.fetch.client import Client
from aggregator.records import Failure, Fetched, FetchFailed

RSS = b'<?xml version="1.0"?><!-- a --><rss version="2.0"><channel><title>t</title></channel></rss>\n<!-- end -->'
ATOM = b'<feed xmlns="http://www.w3.org/2005/Atom"><title>t</title></feed>'
RDF = b'<rdf:RDF xmlns:rdf="r"><channel/></rdf:RDF>'


def unsized(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body


@pytest.mark.anyio
@pytest.mark.parametrize("body", [RSS, ATOM, RDF, b"", b"{}", b"<html><body>no end", b"<p>feed"])
async def test_a_whole_body_needs_no_length(server: RawServer, client: Client, body: bytes) -> None:
    result = await client.get(server.answers(unsized(body)))
    assert isinstance(result, Fetched)
    assert result.body == body


@pytest.mark.anyio
@pytest.mark.parametrize(("body", "end"), [(RSS, "</rss>"), (ATOM, "</feed>"), (RDF, "</rdf:RDF>")])
async def test_a_feed_without_its_end_and_without_a_length_broke_off(
    server: RawServer, client: Client, body: bytes, end: str
) -> None:
    cut = body[: body.index(end.encode())]
    result = await client.get(server.answers(unsized(cut)))
    assert isinstance(result, FetchFailed)
    assert (result.kind, end in result.detail) == (Failure.TRUNCATED, True)
    sized = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(cut) + cut
    assert isinstance(await client.get(server.answers(sized)), Fetched)

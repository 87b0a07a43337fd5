"""A body that comes again as it came is known before it is decoded; anything else is decoded, and judged, as ever."""

import gzip
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import brotli
import pytest
from fetch_raw_server import AGENT, RawServer, answer
from hypothesis import given
from hypothesis import strategies as st

from aggregator.fetch.body import Body
from aggregator.fetch.client import Client, ClientOptions
from aggregator.fetch.failures import Failed
from aggregator.records import Failure, Fetched, FetchFailed

DOCUMENT = b"<rss>" + bytes(range(256)) * 400 + b"</rss>"
PACKERS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "br": brotli.compress}
SHORTER = [1, 4, 8, 9, 100]  # bytes: of the end mark, of the text


def taken(raw: bytes, encoding: str, before: str = "", kind: str = "text/xml", step: int = 1000) -> Body:
    """Take a body that comes in pieces of `step` bytes, to its last one."""
    body = Body(encoding, 10**6, kind, before)
    for start in range(0, len(raw), step):
        for _ in body.take(raw[start : start + step]):
            pass
    return body


def wire_of(raw: bytes, encoding: str) -> str:
    body = taken(raw, encoding)
    body.finish()
    return body.wire


def outcome(body: Body) -> bytes | Failure:
    try:
        return body.finish()
    except Failed as failed:
        return failed.kind


@pytest.mark.parametrize("way", PACKERS)
@pytest.mark.parametrize("step", [1, 1000, 65536])
def test_the_same_bytes_are_known_again_however_they_are_cut(way: str, step: int) -> None:
    raw = PACKERS[way](DOCUMENT)
    assert taken(raw, way, wire_of(raw, way), step=step).is_as_before()


def test_what_came_as_it_is_needs_no_decoding_and_is_not_remembered() -> None:
    assert wire_of(DOCUMENT, "") == ""
    assert not taken(b"", "").is_as_before()


@pytest.mark.parametrize("way", PACKERS)
@pytest.mark.parametrize("missing", SHORTER)
def test_a_body_that_breaks_off_is_never_the_one_before(way: str, missing: int) -> None:
    raw = PACKERS[way](DOCUMENT)
    body = taken(raw[:-missing], way, wire_of(raw, way))
    assert not body.is_as_before()
    assert outcome(body) is Failure.TRUNCATED


def test_the_same_bytes_of_another_type_or_encoding_are_decoded() -> None:
    raw = gzip.compress(DOCUMENT)
    before = wire_of(raw, "gzip")
    for body in (taken(raw, "gzip", before, kind="text/xml;charset=gbk"), taken(raw, "", before)):
        assert not body.is_as_before()
        assert body.finish() == DOCUMENT


@st.composite
def followers(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A packed body, and what may come after it: the same, cut, longer, or with bytes of its own."""
    raw = draw(st.sampled_from((partial(gzip.compress, mtime=0), brotli.compress)))(draw(st.binary(max_size=400)))
    kept, more = draw(st.integers(0, len(raw))), draw(st.binary(max_size=20))
    return raw, draw(st.sampled_from((raw, raw[:kept], raw + more, raw[:kept] + more, raw[:kept] + more + raw[kept:])))


@given(followers(), st.sampled_from(["gzip", "br", "deflate", ""]), st.integers(1, 500))
def test_what_is_known_of_the_body_before_changes_nothing(pair: tuple[bytes, bytes], encoding: str, step: int) -> None:
    first, then = pair
    whole = taken_or_failed(first, encoding, "", step)
    decoded = outcome_of(whole)
    before = whole.wire if isinstance(whole, Body) and isinstance(decoded, bytes) else ""
    body, plain = taken_or_failed(then, encoding, before, step), taken_or_failed(then, encoding, "", step)
    if isinstance(body, Body) and body.is_as_before():
        assert (then, outcome_of(plain)) == (first, decoded)
    else:
        assert outcome_of(body) == outcome_of(plain)


def taken_or_failed(raw: bytes, encoding: str, before: str, step: int) -> Body | Failure:
    try:
        return taken(raw, encoding, before, step=step)
    except Failed as failed:
        return failed.kind


def outcome_of(body: Body | Failure) -> bytes | Failure:
    return outcome(body) if isinstance(body, Body) else body


def test_only_what_came_as_one_gzip_member_is_kept_as_it_came() -> None:
    raw = gzip.compress(DOCUMENT)
    kept = {name: taken(body, "gzip") for name, body in (("one", raw), ("two", raw + raw), ("more", raw + b"x"))}
    for body in kept.values():
        body.finish()
    assert {name: body.gzip for name, body in kept.items()} == {"one": raw, "two": b"", "more": b""}
    other = taken(brotli.compress(DOCUMENT), "br")
    assert (other.finish(), other.gzip) == (DOCUMENT, b"")


@pytest.mark.anyio
async def test_the_client_leaves_out_a_body_that_it_was_asked_about(server: RawServer, client: Client) -> None:
    packed = gzip.compress(DOCUMENT)
    url = server.answers(answer(packed, content_encoding="gzip"))
    first = await client.get(url)
    assert isinstance(first, Fetched)
    assert (first.body, first.gzip, first.same) == (DOCUMENT, packed, False)
    again = await client.get(url, wire=first.wire)
    assert again == replace(first, body=b"", gzip=b"", same=True, waited=again.waited)
    server.answers(answer(gzip.compress(DOCUMENT + b" "), content_encoding="gzip"))
    other = await client.get(url, wire=first.wire)
    assert isinstance(other, Fetched)
    assert (other.body, other.same) == (DOCUMENT + b" ", False)


@pytest.mark.anyio
@pytest.mark.parametrize("missing", SHORTER)
async def test_a_known_body_that_breaks_off_on_the_wire_is_truncated(
    server: RawServer, client: Client, missing: int
) -> None:
    packed = gzip.compress(DOCUMENT)
    url = server.answers(answer(packed, content_encoding="gzip"))
    first = await client.get(url)
    assert isinstance(first, Fetched)
    unsized = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n"
    for cut in (answer(packed, content_encoding="gzip")[:-missing], unsized + packed[:-missing]):
        server.answers(cut)
        result = await client.get(url, wire=first.wire)
        assert isinstance(result, FetchFailed)
        assert result.kind is Failure.TRUNCATED


@pytest.mark.anyio
async def test_without_the_short_cut_a_known_body_is_decoded_again(server: RawServer) -> None:
    url = server.answers(answer(gzip.compress(DOCUMENT), content_encoding="gzip"))
    options = ClientOptions(AGENT, allow_networks=("127.0.0.0/8",))
    async with Client(options) as quick, Client(replace(options, wire=False)) as thorough:
        first = await quick.get(url)
        assert isinstance(first, Fetched)
        again = await thorough.get(url, wire=first.wire)
    assert isinstance(again, Fetched)
    assert (again.body, again.wire, again.same) == (DOCUMENT, "", False)

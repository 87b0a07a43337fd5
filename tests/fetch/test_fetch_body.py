"""Bodies: every encoding we offer, and what hostile or broken ones come to."""

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import brotli
import pytest
from fetch_raw_server import RawServer, answer
from hypothesis import given
from hypothesis import strategies as st

from aggregator.fetch.body import Body
from aggregator.fetch.client import Client
from aggregator.fetch.failures import Failed
from aggregator.records import Failure, Fetched, FetchFailed

DOCUMENT = b"<rss>" + bytes(range(256)) * 400 + b"</rss>"


def bare_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACKERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "identity": ("identity", bytes),
    "none": ("", bytes),
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-GZIP", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "bare deflate": ("deflate", bare_deflate),
    "br": ("br", brotli.compress),
    "gzip members": ("gzip", lambda data: gzip.compress(data[:7]) + gzip.compress(b"") + gzip.compress(data[7:])),
    "gzip with padding": ("gzip", lambda data: gzip.compress(data[:9]) + bytes(5) + gzip.compress(data[9:]) + bytes(9)),
    "gzip with rubbish behind": ("gzip", lambda data: gzip.compress(data) + b"\x1frubbish"),
    "gzip undeclared": ("", gzip.compress),
    "gzip declared only": ("gzip", bytes),
}


def decoded(raw: bytes, encoding: str = "", max_bytes: int = 10**6, step: int = 65536) -> bytes:
    """Decode a body that comes in pieces of `step` bytes."""
    body = Body(encoding, max_bytes)
    for start in range(0, len(raw), step):
        for _ in body.take(raw[start : start + step]):
            pass
    return body.finish()


def failure(raw: bytes, encoding: str, max_bytes: int = 10**6) -> Failed:
    with pytest.raises(Failed) as caught:
        decoded(raw, encoding, max_bytes)
    return caught.value


@pytest.mark.parametrize("way", PACKERS)
@pytest.mark.parametrize("step", [1, 2, 1000, 65536])
def test_every_encoding_is_undone_however_it_is_cut(way: str, step: int) -> None:
    encoding, pack = PACKERS[way]
    document = DOCUMENT if step > 2 else DOCUMENT[:3000]
    assert decoded(pack(document), encoding, step=step) == document


@given(
    data=st.binary(max_size=300).filter(lambda data: not data.startswith(b"\x1f\x8b")),
    way=st.sampled_from(sorted(PACKERS)),
    step=st.integers(1, 50),
)
def test_what_was_packed_comes_back(data: bytes, way: str, step: int) -> None:
    encoding, pack = PACKERS[way]
    assert decoded(pack(data), encoding, step=step) == data


@given(raw=st.binary(max_size=200), encoding=st.sampled_from(["", "gzip", "deflate", "br"]), step=st.integers(1, 50))
def test_any_bytes_give_a_body_or_a_named_failure(raw: bytes, encoding: str, step: int) -> None:
    body, kind = b"", None
    try:
        body = decoded(raw, encoding, max_bytes=1000, step=step)
    except Failed as failed:
        kind = failed.kind
    assert len(body) <= 1000
    assert kind in (None, Failure.ENCODING, Failure.TRUNCATED, Failure.TOO_LARGE)


@pytest.mark.parametrize("encoding", ["", "gzip", "deflate", "br"])
def test_an_empty_body_is_empty_whatever_was_declared(encoding: str) -> None:
    assert decoded(b"", encoding) == b""


@pytest.mark.parametrize("way", ["gzip", "deflate", "bare deflate", "br", "gzip members", "gzip undeclared"])
@pytest.mark.parametrize("missing", [1, 4, 40])
def test_a_body_cut_off_before_its_end_mark_is_truncated(way: str, missing: int) -> None:
    encoding, pack = PACKERS[way]
    failed = failure(pack(DOCUMENT)[:-missing], encoding)
    assert failed.kind is Failure.TRUNCATED
    assert "breaks off" in failed.detail


@pytest.mark.parametrize("encoding", ["gzip, gzip, gzip", "gzip,br", "deflate, gzip", "zstd", "compress", "utf-8"])
def test_stacked_and_unknown_encodings_are_refused(encoding: str) -> None:
    assert failure(b"x", encoding).kind is Failure.ENCODING


@pytest.mark.parametrize("way", ["gzip", "deflate", "br"])
def test_broken_compression_is_said(way: str) -> None:
    encoding, pack = PACKERS[way]
    packed = bytearray(pack(DOCUMENT))
    packed[20:60] = bytes(40)
    assert failure(bytes(packed), encoding).kind in (Failure.ENCODING, Failure.TRUNCATED)


def test_a_gzip_checksum_that_does_not_fit_is_broken() -> None:
    packed = bytearray(gzip.compress(DOCUMENT))
    packed[-6] ^= 1
    assert failure(bytes(packed), "gzip").kind is Failure.ENCODING


@pytest.mark.parametrize("way", [way for way in PACKERS if way != "gzip declared only"])
def test_a_body_may_have_its_bound_to_the_byte_and_not_one_more(way: str) -> None:
    encoding, pack = PACKERS[way]
    data = bytes(70_000) + b"end"
    assert decoded(pack(data), encoding, max_bytes=70_003) == data
    failed = failure(pack(data), encoding, max_bytes=70_002)
    assert failed.kind is Failure.TOO_LARGE


def bomb(way: str) -> tuple[str, bytes]:
    """Make a small body that unpacks to 128 MiB or more."""
    if way == "br":
        packer = brotli.Compressor(quality=1)
        return "br", b"".join([*(packer.process(bytes(2**24)) for _ in range(16)), packer.finish()])
    packer = zlib.compressobj(1, wbits=31 if way == "gzip" else 15)
    return way, b"".join([*(packer.compress(bytes(2**24)) for _ in range(8)), packer.flush()])


@pytest.mark.parametrize("way", ["br", "gzip", "deflate"])
@pytest.mark.anyio
async def test_a_bomb_is_too_large_within_bounded_memory(server: RawServer, client: Client, way: str) -> None:
    encoding, packed = bomb(way)
    url = server.answers(answer(packed, content_encoding=encoding))
    tracemalloc.start()
    try:
        result = await client.get(url, max_bytes=1_000_000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(result, FetchFailed)
    assert (result.kind, result.detail) == (
        Failure.TOO_LARGE,
        "the document is larger than the 1 MB allowed (max_bytes)",
    )
    assert peak < 3_000_000


@pytest.mark.anyio
async def test_three_layers_of_gzip_are_refused_without_unpacking(server: RawServer, client: Client) -> None:
    packed = gzip.compress(gzip.compress(gzip.compress(bytes(10**6))))
    result = await client.get(server.answers(answer(packed, content_encoding="gzip, gzip, gzip")))
    assert isinstance(result, FetchFailed)
    assert result.kind is Failure.ENCODING


@pytest.mark.anyio
@pytest.mark.parametrize("way", PACKERS)
async def test_every_encoding_arrives_decoded(server: RawServer, client: Client, way: str) -> None:
    encoding, pack = PACKERS[way]
    result = await client.get(server.answers(answer(pack(DOCUMENT), content_encoding=encoding)))
    assert isinstance(result, Fetched)
    assert result.body == DOCUMENT


@pytest.mark.anyio
async def test_an_announced_size_over_the_bound_is_refused_unread(server: RawServer, client: Client) -> None:
    url = server.answers(answer(b"x", content_length="2100000000"))
    result = await client.get(url, max_bytes=10_000_000)
    assert isinstance(result, FetchFailed)
    assert (result.kind, result.status) == (Failure.TOO_LARGE, 200)
    assert result.detail == "the document has 2.1 GB, more than the 10 MB allowed (max_bytes)"


@pytest.mark.anyio
async def test_an_endless_body_is_cut_at_its_bound(server: RawServer, client: Client) -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while True:
            writer.write(bytes(65536))
            await writer.drain()

    result = await client.get(server.answers(endless), max_bytes=300_000)
    assert isinstance(result, FetchFailed)
    assert result.kind is Failure.TOO_LARGE


@pytest.mark.anyio
async def test_others_run_while_a_large_body_is_unpacked(server: RawServer, client: Client) -> None:
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    url = server.answers(answer(gzip.compress(bytes(8_000_000)), content_encoding="gzip"))
    counting = asyncio.create_task(count_turns())
    assert isinstance(await client.get(url), Fetched)
    counting.cancel()
    assert turns > 8_000_000 / 65536

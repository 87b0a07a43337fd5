"""The forms in which a document's bytes are handed out: compressed ones, kept in files beside it, and their entity tag.

The writer makes them and the server looks whether they are what they say, so both read here how they are named. brotli
is known here and in `fetch`, isal here only: it compresses in a third of zlib's time, Chinese prose to a hundredth more
bytes and pages of much markup to a fourteenth more. It is made for the processors of servers; on others zlib does it.
"""

import hashlib
import zlib
from collections.abc import Iterable

import brotli

try:
    from isal import isal_zlib as _zlib
except ImportError:
    import zlib as _zlib  # type: ignore[no-redef]  # it has the same functions

ENDINGS = {"br": ".br", "gzip": ".gz"}  # by coding (RFC 9110 §8.4.1, RFC 7932), best first
_GZIP_LEVEL = 6 if _zlib is zlib else 3  # isal's highest
_BROTLI_QUALITY = 5  # a third of gzip's time and smaller; 11 takes fifty times as long
_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"  # deflate, no name, no time, no system (RFC 1952 §2.3)
_LAST_BLOCK = b"\x03\0"  # one that is empty and says that it is the last (RFC 1951 §3.2.3)


def digest(body: bytes) -> str:
    """Give what a document's entity tag is made of: the same for the same bytes, in every process."""
    return hashlib.sha256(body).hexdigest()[:32]


def compressed(body: bytes, coding: str) -> bytes:
    """Compress a document; the same bytes give the same bytes, whenever that is done."""
    if coding == "br":
        return bytes(brotli.compress(body, quality=_BROTLI_QUALITY))
    return joined((deflated(body),), body)


def deflated(part: bytes) -> bytes:
    """Compress a part of a document so that it can be joined to others (RFC 1951): nothing in it points outside, and it
    ends on a whole byte."""
    compress = _zlib.compressobj(_GZIP_LEVEL, wbits=-zlib.MAX_WBITS)
    return compress.compress(part) + compress.flush(zlib.Z_FULL_FLUSH)


def joined(parts: Iterable[bytes], body: bytes) -> bytes:
    """Give the gzip form of a document whose parts were `deflated`: one member, for some readers drop any further."""
    return b"".join((_HEADER, *parts, _LAST_BLOCK, _trailer(body)))


def undone(packed: bytes, coding: str, most: int) -> bytes | None:
    """Undo the compression; None for what is no whole compressed document, or one of more than `most` bytes."""
    try:
        return _undone(packed, coding, most + 1)
    except (zlib.error, brotli.error):
        return None


def holds(packed: bytes | None, coding: str, body: bytes) -> bool:
    """Tell whether these are a compressed form of a document; they are undone for that, for a part of them may be what
    a power cut left."""
    return packed is not None and undone(packed, coding, len(body)) == body


def _trailer(body: bytes) -> bytes:
    """Give CRC-32 and length of what was compressed (RFC 1952 §2.3.1)."""
    return _zlib.crc32(body).to_bytes(4, "little") + (len(body) & 0xFFFFFFFF).to_bytes(4, "little")


def _undone(packed: bytes, coding: str, limit: int) -> bytes | None:
    if coding == "br":
        unpack = brotli.Decompressor()
        body = bytes(unpack.process(packed, output_buffer_limit=limit))
        return body if unpack.is_finished() else None
    undo = zlib.decompressobj(wbits=31)
    body = undo.decompress(packed, limit)
    return body if undo.eof else None

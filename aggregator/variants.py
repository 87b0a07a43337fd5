"""The forms in which a document's bytes are handed out: compressed ones, kept in files beside it, and their entity tag.

The writer makes them and the server looks whether they are what they say, so both read here how they are named. brotli
is known here and in `fetch`.
"""

import gzip
import hashlib
import zlib

import brotli

ENDINGS = {"br": ".br", "gzip": ".gz"}  # by coding (RFC 9110 §8.4.1, RFC 7932), best first
_GZIP_LEVEL = 6
_BROTLI_QUALITY = 5  # a third of gzip's time and smaller; 11 takes fifty times as long
_TRAILER = 8  # CRC-32 and length of what was compressed (RFC 1952 §2.3.1)


def digest(body: bytes) -> str:
    """Give what a document's entity tag is made of: the same for the same bytes, in every process."""
    return hashlib.sha256(body).hexdigest()[:32]


def compressed(body: bytes, coding: str) -> bytes:
    """Compress a document; the same bytes give the same bytes, whenever that is done."""
    if coding == "br":
        return bytes(brotli.compress(body, quality=_BROTLI_QUALITY))
    return gzip.compress(body, compresslevel=_GZIP_LEVEL, mtime=0)


def undone(packed: bytes, coding: str, most: int) -> bytes | None:
    """Undo the compression; None for what is no whole compressed document, or one of more than `most` bytes."""
    try:
        return _undone(packed, coding, most + 1)
    except (zlib.error, brotli.error):
        return None


def seems_to_be(packed: bytes | None, coding: str, body: bytes) -> bool:
    """Tell whether these are the compressed form of a document: gzip by its trailer, without undoing it."""
    if packed is None:
        return False
    if coding == "br":
        return undone(packed, coding, len(body)) == body
    return packed[-_TRAILER:] == zlib.crc32(body).to_bytes(4, "little") + (len(body) & 0xFFFFFFFF).to_bytes(4, "little")


def _undone(packed: bytes, coding: str, limit: int) -> bytes | None:
    if coding == "br":
        unpack = brotli.Decompressor()
        body = bytes(unpack.process(packed, output_buffer_limit=limit))
        return body if unpack.is_finished() else None
    undo = zlib.decompressobj(wbits=31)
    body = undo.decompress(packed, limit)
    return body if undo.eof else None

"""Undoes a body's content encoding piece by piece, so that no body, however it is packed, takes more than its bound.

httpx hands out 2 GiB in one chunk for 1,617 bytes of brotli, takes a body cut off in the middle of its gzip for a whole
one, and drops every gzip member but the first. So the client reads the raw bytes and this module decodes them.
"""

import io
import re
import zlib
from collections.abc import Iterator
from hashlib import sha256
from typing import Protocol

import brotli

from aggregator.fetch.failures import Failed, quoted, too_large
from aggregator.records import Failure

OFFERED = "gzip, deflate, br"

_STEP = 64 * 1024
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WBITS = 16 + zlib.MAX_WBITS
_FEED = re.compile(rb"<(rss|feed|rdf:RDF)[\s>]")
_REACH = 4096  # bytes at both ends of a feed in which its root stands


class Body:
    """Collects one body, decoded, up to `max_bytes`; the bytes on the wire are held to the same bound.

    What is visibly gzip is decoded as gzip even where no encoding was declared, and what was declared gzip and visibly
    is not is taken as it stands: both are common on real servers.

    `before` is what `wire` gave for a body that was whole. As long as it may be coming again nothing is decoded.

    Raises:
        Failed: at once when `content_encoding` is one that we did not offer, or more than one.
    """

    def __init__(self, content_encoding: str, max_bytes: int, content_type: str = "", before: str = "") -> None:
        self._encoding = _declared(content_encoding)
        self._name = self._encoding or "gzip"  # undeclared, only gzip can be broken
        self._max_bytes = max_bytes
        self._before = before
        self._begins_at = max(len(_GZIP_MAGIC), _length_of(before) + 1)  # bytes; with fewer, nothing is decoded
        self._hash = sha256(f"{self._encoding}\n{content_type}\n".encode("utf-8", "surrogatepass"))
        self._raw = io.BytesIO()  # a getvalue() shares the buffer: joining a list would hold the body twice
        self._waiting = bytearray()
        self._decoder: _Decoder | None = None
        self._decoded = io.BytesIO()
        self._received = 0

    def take(self, raw: bytes) -> Iterator[None]:
        """Decode the next bytes of the wire. Yields after each piece of about 64 KB, so that others can be let run.

        Raises:
            Failed: too large, or not decodable.
        """
        self._received += len(raw)
        if self._received > self._max_bytes:
            raise too_large(self._max_bytes)
        self._waiting += raw
        if self._received >= self._begins_at:
            yield from self.catch_up()

    def is_as_before(self) -> bool:
        """Tell, after the last bytes, whether they are all those of the body before, in the same encoding and type: it
        was whole, so this one is, too."""
        return bool(self._before) and self._decoder is None and self._before == self._digest(self._waiting)

    def catch_up(self) -> Iterator[None]:
        """Decode what `take` left undecoded, in the same way."""
        data = bytes(self._waiting)
        self._waiting.clear()
        if self._decoder is None and data:
            self._decoder = _decoder(self._encoding, data)
        if not isinstance(self._decoder, _Plain):
            self._raw.write(data)
        yield from self._decode(data)

    def finish(self) -> bytes:
        """Give the whole decoded body.

        Raises:
            Failed: the compressed data ended before its end mark.
        """
        for _ in self.catch_up():
            pass
        if self._decoder is not None and not self._decoder.whole:
            after = f"after {self._received} bytes"
            raise Failed(Failure.TRUNCATED, f"the {self._name} body breaks off before its end, {after}")
        return self._decoded.getvalue()

    @property
    def wire(self) -> str:
        """What a decoded body is known again by before it is decoded; nothing for one that came as it is."""
        return self._digest(self._raw.getbuffer()) if self._raw.tell() else ""

    @property
    def gzip(self) -> bytes:
        """The body as it came, if that was as one gzip member and nothing else."""
        return self._raw.getvalue() if isinstance(self._decoder, _Gzip) and self._decoder.is_alone else b""

    def _digest(self, raw: bytes | bytearray | memoryview) -> str:
        named = self._hash.copy()
        named.update(raw)
        return f"{len(raw)}-{named.hexdigest()}"

    def _decode(self, data: bytes) -> Iterator[None]:
        if not data or self._decoder is None:
            return
        try:
            for piece in self._decoder.pieces(data):
                self._keep(piece)
                yield
        except (zlib.error, brotli.error) as error:
            raise Failed(Failure.ENCODING, f"the {self._name} body is broken: {quoted(str(error))}") from error

    def _keep(self, piece: bytes) -> None:
        if self._decoded.tell() + len(piece) > self._max_bytes:
            raise too_large(self._max_bytes)
        self._decoded.write(piece)


class _Decoder(Protocol):
    """Undoes one encoding: `pieces` are bounded in size, `whole` says whether the end mark has been seen."""

    @property
    def whole(self) -> bool: ...

    def pieces(self, data: bytes) -> Iterator[bytes]: ...


class _Plain:
    whole = True

    def pieces(self, data: bytes) -> Iterator[bytes]:
        yield data


class _Deflate:
    """Deflate, in zlib's wrapping as RFC 9110 §8.4.1.2 has it, or bare as many servers send it."""

    def __init__(self, head: bytes) -> None:
        self._stream = zlib.decompressobj(zlib.MAX_WBITS if _has_zlib_header(head) else -zlib.MAX_WBITS)

    @property
    def whole(self) -> bool:
        return self._stream.eof

    def pieces(self, data: bytes) -> Iterator[bytes]:
        if not self._stream.eof:
            yield from _inflate(self._stream, data)


class _Gzip:
    """Gzip with all its members (RFC 1952 §2.2). Padding between them and what follows the last one are passed over."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP_WBITS)
        self._between = b""
        self._ended = False
        self.is_alone = True  # no other member or byte came after the first

    @property
    def whole(self) -> bool:
        return self._member.eof

    def pieces(self, data: bytes) -> Iterator[bytes]:
        while data and not self._ended:
            if self._member.eof:
                data = self._open_next(data)
            else:
                yield from _inflate(self._member, data)
                data = self._member.unused_data

    def _open_next(self, data: bytes) -> bytes:
        """Open the next member where one begins, and give its bytes; give none where there is none (yet)."""
        self.is_alone = False
        rest = (self._between + data).lstrip(b"\0")
        if rest.startswith(_GZIP_MAGIC):
            self._member, self._between = zlib.decompressobj(_GZIP_WBITS), b""
            return rest
        self._between = rest if rest == _GZIP_MAGIC[:1] else b""
        self._ended = len(rest) > len(self._between)
        return b""


class _Brotli:
    """Brotli (RFC 7932). The limit is a soft one: a piece has up to about 100 KB."""

    def __init__(self) -> None:
        self._stream = brotli.Decompressor()

    @property
    def whole(self) -> bool:
        return bool(self._stream.is_finished())

    def pieces(self, data: bytes) -> Iterator[bytes]:
        while True:
            piece: bytes = self._stream.process(data, output_buffer_limit=_STEP)
            yield piece
            data = b""
            # can_accept_more_data() is True although there is more to come: only an empty piece ends it
            if self._stream.is_finished() or (not piece and self._stream.can_accept_more_data()):
                return


def _inflate(stream: "zlib._Decompress", data: bytes) -> Iterator[bytes]:
    while True:
        piece = stream.decompress(data, _STEP)
        yield piece
        data = stream.unconsumed_tail
        # a full piece may have more behind it inside zlib although no input is left over
        if stream.eof or (not data and len(piece) < _STEP):
            return


def _decoder(encoding: str, head: bytes) -> _Decoder:
    if encoding == "br":
        return _Brotli()
    if encoding == "deflate":
        return _Deflate(head)
    return _Gzip() if head.startswith(_GZIP_MAGIC) else _Plain()


def _declared(content_encoding: str) -> str:
    """Give the one encoding that is declared, or the empty text for none.

    Several at once are refused: nobody needs them, and three layers of gzip are a bomb of 275 bytes.
    """
    named = [name for part in content_encoding.split(",") if (name := part.strip().lower()) not in ("", "identity")]
    if len(named) > 1:
        layers = quoted(", ".join(named))
        raise Failed(Failure.ENCODING, f"the body is encoded {len(named)} times over ({layers}); we take one layer")
    encoding = {"x-gzip": "gzip"}.get(named[0], named[0]) if named else ""
    if encoding not in ("", "gzip", "deflate", "br"):
        raise Failed(Failure.ENCODING, f"the body is encoded as '{quoted(encoding)}'; we offer only {OFFERED}")
    return encoding


def _length_of(wire: str) -> int:
    length = wire.partition("-")[0]
    return int(length) if length.isdecimal() else 0


def _has_zlib_header(head: bytes) -> bool:
    """Tell zlib's two header bytes (RFC 1950 §2.2) from the beginning of bare deflate data."""
    return len(head) >= 2 and head[0] & 0x0F == 8 and int.from_bytes(head[:2], "big") % 31 == 0


def missing_end(body: bytes) -> str | None:
    """Give the closing tag that a feed lacks; None for a feed that has it, and for what is visibly none."""
    root = _FEED.search(body, 0, _REACH)
    if root is None or b"</" + root[1] in body[-_REACH:]:
        return None
    return f"</{root[1].decode()}>"

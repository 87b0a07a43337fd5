"""Who may read what: outputs that need a token, and the tokens that open them. No token is ever logged or shown."""

import base64
import binascii
import hmac
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from urllib.parse import parse_qs

ALL = "*"
_MOST_PRESENTED = 4
_SINGLE = {"index.html": "index", "opml.xml": "opml", "metrics": "status"}
_OUTPUT = re.compile(r"(category/[^/.]+|feed|status)(?:[./].*)?")


@dataclass(frozen=True, slots=True)
class Token:
    """A secret with the name that the operator knows it by, and the outputs that it opens ("*" for all)."""

    name: str
    secret: str = field(repr=False)
    outputs: frozenset[str]


class Access:
    """Says of each path which outputs' tokens open it.

    An output is "feed", "index", "opml", "status", "category/<slug>" (feeds, page and archives) or "*". An article is
    open as long as one of its channels is; one without a channel stands in "feed".
    """

    def __init__(self, protected: Collection[str] = (), tokens: Iterable[Token] = ()) -> None:
        self._protected = frozenset(protected)
        self._tokens = [(_digest(token.secret), token.outputs) for token in tokens]

    def needed(self, path: str, channels: Collection[str] | None = None) -> frozenset[str]:
        """Give the outputs of which a token must open one; nothing where anyone may read.

        `channels` are those of an article; None where they are not known, so that only "*" opens it.
        """
        if not self._protected or path.startswith("static/"):
            return frozenset()
        if path.startswith("article/"):
            outputs = frozenset({ALL}) if channels is None else _outputs_of(channels)
            return outputs if ALL in self._protected or outputs <= self._protected | {ALL} else frozenset()
        output = _output(path)
        return frozenset({output}) if self._protected & {ALL, output} else frozenset()

    def opens(self, needed: frozenset[str], presented: Iterable[str]) -> bool:
        """Tell whether one of the presented secrets opens one of these outputs, in a time that tells nothing."""
        given = [_digest(secret) for secret in presented]
        fits = [
            hmac.compare_digest(secret, known) and bool(outputs & (needed | {ALL}))
            for known, outputs in self._tokens
            for secret in given
        ]
        return any(fits)


def presented(query: bytes, authorization: str | None) -> list[str]:
    """Give the secrets that a request brings: `?token=`, a bearer token (RFC 6750), or a Basic password (RFC 7617),
    which some readers can only send as the user name."""
    said = parse_qs(query.decode("latin-1"), errors="replace") if len(query) <= 4096 else {}
    return [*said.get("token", ()), *_from_header(authorization or "")][:_MOST_PRESENTED]


def _from_header(header: str) -> list[str]:
    scheme, _, value = header.partition(" ")
    match scheme.lower():
        case "bearer":
            return [value.strip()]
        case "basic":
            user, _, password = _decoded(value.strip()).partition(":")
            return [password or user]
    return []


def _decoded(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""


def _output(path: str) -> str:
    found = _OUTPUT.fullmatch(path)
    return found[1] if found else _SINGLE.get(path, ALL)


def _outputs_of(channels: Collection[str]) -> frozenset[str]:
    return frozenset(f"category/{slug}" for slug in channels) or frozenset({"feed"})


def _digest(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()

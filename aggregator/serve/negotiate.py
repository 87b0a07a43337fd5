"""What a request asks for by its headers: is its copy still good, in which coding, or only what is new? Pure."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

_TAG = re.compile(r'(?:W/)?"([^"]*)"|([^\s,"]+)')
_CODING = re.compile(r"(-|;|--)(gzip|br|deflate|zstd)\Z")
_WEIGHT = re.compile(r"\s*(0(\.\d*)?|1(\.0*)?)\s*")
_OTHER_NAMES = {"gzip": "x-gzip"}  # RFC 9110 §8.4.1.3


def not_modified(digest: str, modified: datetime, if_none_match: str | None, if_modified_since: str | None) -> bool:
    """Tell whether the copy that a client holds is still good (RFC 9110 §13.2.2).

    `digest` is the entity tag without quotes and variant. If-None-Match, compared weakly, goes before the date.
    """
    if if_none_match is not None:
        return any(tag in ("*", digest) for tag in entity_tags(if_none_match))
    if if_modified_since is not None:
        return _unchanged_since(modified, if_modified_since)
    return False


def entity_tags(header: str) -> Iterable[str]:
    """Give the tags of an If-None-Match header, without weakness, quotes and the coding that we and proxies append
    (`-gzip`, `;gzip`, `-br`).

    A tag whose quotes some client lost counts as well.
    """
    for quoted, bare in _TAG.findall(header):
        yield _CODING.sub("", quoted or bare)


def best_coding(header: str, offers: Sequence[str]) -> str:
    """Give the coding to send: the most welcome of `offers`, which stand in our order of preference; "identity" where
    none is at least as welcome as that (RFC 9110 §12.5.3)."""
    return _best(header, tuple(offers)) if len(header) <= 200 else _best.__wrapped__(header, tuple(offers))


@lru_cache(maxsize=1024)  # there are few such headers, and each is sent a million times
def _best(header: str, offers: tuple[str, ...]) -> str:
    weights = _weights(header)
    best, most = "identity", weights.get("identity", 0.0)
    for coding in reversed(offers):
        weight = weights.get(coding, weights.get(_OTHER_NAMES.get(coding, ""), weights.get("*", 0.0)))
        if weight > 0 and weight >= most:
            best, most = coding, weight
    return best


def wants_news_only(a_im: str | None) -> bool:
    """Tell whether a client takes a feed without the entries that it has (`A-IM: feed`, RFC 3229 §10.5.3)."""
    return a_im is not None and _weights(a_im).get("feed", 0.0) > 0


def _weights(header: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for part in header.lower().split(","):
        coding, *parameters = (piece.strip() for piece in part.split(";"))
        if coding:
            weights[coding] = _weight(parameters)
    return weights


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            return float(value) if _WEIGHT.fullmatch(value) else 0.0
    return 1.0


def _unchanged_since(modified: datetime, header: str) -> bool:
    """Compare to the second; a date that cannot be read counts as not sent (RFC 9110 §13.1.3)."""
    try:
        since = parsedate_to_datetime(header)
    except (ValueError, IndexError, OverflowError):
        return False
    return modified.replace(microsecond=0) <= (since if since.tzinfo else since.replace(tzinfo=UTC))

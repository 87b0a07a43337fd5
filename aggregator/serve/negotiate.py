"""What a request asks for by its headers: is its copy still good, and may the answer be compressed? Pure."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_TAG = re.compile(r'(?:W/)?"([^"]*)"|([^\s,"]+)')


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
    """Give the tags of an If-None-Match header, without weakness, quotes and the `-gzip` that we and proxies append.

    A tag whose quotes some client lost counts as well.
    """
    for quoted, bare in _TAG.findall(header):
        yield (quoted or bare).removesuffix("-gzip")


def accepts_gzip(header: str | None) -> bool:
    """Tell whether gzip is at least as welcome as no encoding at all (RFC 9110 §12.5.3)."""
    weights = _weights(header or "")
    everything = weights.get("*", 0.0)
    gzip = weights.get("gzip", weights.get("x-gzip", everything))
    return gzip > 0 and gzip >= weights.get("identity", 0.0)


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
            return float(value) if re.fullmatch(r"\s*(0(\.\d*)?|1(\.0*)?)\s*", value) else 0.0
    return 1.0


def _unchanged_since(modified: datetime, header: str) -> bool:
    """Compare to the second; a date that cannot be read counts as not sent (RFC 9110 §13.1.3)."""
    try:
        since = parsedate_to_datetime(header)
    except (ValueError, IndexError, OverflowError):
        return False
    return modified.replace(microsecond=0) <= (since if since.tzinfo else since.replace(tzinfo=UTC))

"""Reading only what is new of a feed: the document is cut into its entries, and those that a document before held in
the same words, in the same surroundings, are not given to feedparser again.

Why that is exact: every character of the document is either in what the strict parser reads, or in a piece that was
read before, out of a well-formed document, where the same namespaces, languages and bases were in force. The guards
keep that so; where one does not hold, the whole document is read. Each was violated by some document before it was
added: pieces count only when a well-formed document gave one entry for each; the tags of the head (with all that
entries inherit) are part of a piece's digest; between pieces stand only white space and whole comments, and before the
first none is open; a document type, nested or self-closing entries, and roots that are no feed's are left alone.
"""

import re
from collections.abc import Callable, Container
from dataclasses import dataclass, replace
from hashlib import sha256

from aggregator.records import ParsedFeed, RawEntry, Unreadable

_HEAD = 8_192  # characters before the root element at most
_ROOT = re.compile(r"\s*(?:<\?[^>]*\?>\s*|<!--(?:(?!-->).)*-->\s*)*<(rss|feed|rdf:RDF)[\s>]", re.S)
_NAMES = {"rss": "item", "rdf:RDF": "item", "feed": "entry"}
_APART = re.compile(r"\s*(?:<!--(?:(?!-->|</?(?:item|entry)\b).)*-->\s*)*", re.S)
_TAG = re.compile(r"<[^<>]*>")
_INERT = re.compile(r"<(?:link|atom:link|atom10:link|rdf:li|image|guid|generator|cloud)\b(?![^<>]*\bxml)[^<>]*>", re.I)
_LANGUAGE = re.compile(r"<(?:\w+:)?language\b[^<>]*>[^<>]*<")
_OPEN = (("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>"))  # what may hold the first entries without being read
_WHOLE = (  # what reaches beyond the element that it stands in; each begins with what is quickly looked for
    re.compile(r"<!(?i:DOCTYPE|ENTITY)"),
    re.compile(r"-(?<=(?i:deleted-))(?i:entry)\b"),
)

Parser = Callable[[str, str], ParsedFeed | Unreadable]


@dataclass(frozen=True, slots=True)
class Pieces:
    """A document cut at its entries. `digests` tells the pieces apart, surroundings included."""

    head: str
    entries: tuple[str, ...]
    tail: str
    digests: tuple[str, ...]


def read(text: str, url: str, parse: Parser, seen: Container[str]) -> ParsedFeed | Unreadable:
    """Parse a document but for the entries whose digests are `seen`: those come back as empty entries, `repeated`.

    Where that would not be safe the whole document is parsed, and its entries carry digests only if it is.
    """
    pieces = cut(text, url)
    if pieces is None:
        return parse(text, url)
    known = [digest in seen for digest in pieces.digests]
    if any(known):
        reduced = parse(_without(pieces, known), url)
        if (joined := _joined(reduced, pieces, known)) is not None:
            return joined
    whole = parse(text, url)
    return _joined(whole, pieces, [False] * len(known)) or whole


def cut(text: str, url: str) -> Pieces | None:
    """Cut a document at its entries; None where that cannot be done safely."""
    root = _ROOT.match(text, 0, _HEAD)
    if root is None or any(each.search(text) for each in _WHOLE):
        return None
    spans = _spans(text, _NAMES[root[1]])
    if not spans:
        return None
    head, tail = text[: spans[0][0]], text[spans[-1][1] :]
    if any(head.rfind(begin) > head.rfind(end) for begin, end in _OPEN):
        return None
    salt = _surroundings(head, tail, url)
    entries = tuple(text[begin:end] for begin, end in spans)
    return Pieces(head, entries, tail, tuple(_digest(salt, entry) for entry in entries))


def _spans(text: str, name: str) -> list[tuple[int, int]]:
    """Give where each entry begins and ends; none where one is nested or self-closing, or something stands between."""
    opening, closing = f"<{name}", f"</{name}>"
    found: list[tuple[int, int]] = []
    begin = _next(text, opening, 0)
    while begin >= 0:
        end = text.find(closing, begin) + len(closing)
        follower = _next(text, opening, begin + 1)
        if end < len(closing) or 0 <= follower < end or text[text.find(">", begin) - 1] == "/":
            return []
        if follower >= 0 and not _APART.fullmatch(text, end, follower):
            return []
        found.append((begin, end))
        begin = follower
    return found if len({*(text[begin:end] for begin, end in found)}) == len(found) else []


def _next(text: str, opening: str, start: int) -> int:
    """Find the next tag of this name: `<item>` and `<item rdf:about=…>`, but not `<items>`."""
    at = text.find(opening, start)
    while at >= 0 and text[at + len(opening) : at + len(opening) + 1] not in {">", " ", "\n", "\t", "\r", "/"}:
        at = text.find(opening, at + 1)
    return at


def _surroundings(head: str, tail: str, url: str) -> bytes:
    """Give what entries inherit: every tag around them, and the language that the feed names."""
    tags = (tag for part in (head, "\x00", tail) for tag in _TAG.findall(part) if not _INERT.match(tag))
    said = "\n".join((url, *_LANGUAGE.findall(head), "", *tags))
    return sha256(said.encode("utf-8", "surrogatepass")).digest()


def _digest(salt: bytes, entry: str) -> str:
    return sha256(salt + entry.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _without(pieces: Pieces, known: list[bool]) -> str:
    unseen = (entry for entry, is_known in zip(pieces.entries, known, strict=True) if not is_known)
    return pieces.head + "\n".join(unseen) + pieces.tail


def _joined(feed: ParsedFeed | Unreadable, pieces: Pieces, known: list[bool]) -> ParsedFeed | None:
    """Give the feed with its entries' digests and the repeated ones in their places; None where they do not fit."""
    if isinstance(feed, Unreadable) or feed.warnings or len(feed.entries) != known.count(False):
        return None
    parsed = iter(feed.entries)
    entries = (
        RawEntry(digest=digest, repeated=True) if is_known else replace(next(parsed), digest=digest)
        for digest, is_known in zip(pieces.digests, known, strict=True)
    )
    return replace(feed, entries=tuple(entries))

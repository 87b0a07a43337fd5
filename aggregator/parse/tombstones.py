"""What an Atom feed says of entries that it took back (RFC 6721), read by a parser of our own: feedparser keeps one."""

import xml.parsers.expat
from contextlib import suppress
from dataclasses import dataclass, field

from aggregator.records import Deletion

NAMESPACE = "http://purl.org/atompub/tombstones/1.0"
_MOST = 5_000
_LONGEST = 2_000  # characters of a comment
_FEED = "http://www.w3.org/2005/Atom feed"
_DELETED = f"{NAMESPACE} deleted-entry"
_COMMENT = f"{NAMESPACE} comment"


def read(text: str) -> tuple[Deletion, ...]:
    """Give the deletions that stand in an Atom feed beside its entries, in their order.

    One inside an entry or its content is quoted there and deletes nothing. Where the document ceases to be
    well-formed, reading ends: what stood before it counts.
    """
    if NAMESPACE not in text:
        return ()
    reader = _Reader()
    parser = xml.parsers.expat.ParserCreate("utf-8", " ")
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.data
    with suppress(xml.parsers.expat.ExpatError):
        parser.Parse(text.encode("utf-8", "replace"), True)
    return tuple(reader.found[:_MOST])


@dataclass(slots=True)
class _Reader:
    """Holds the elements that are open, and the deletions found so far."""

    found: list[Deletion] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)
    _said: dict[str, str] = field(default_factory=dict)
    _comment: str = ""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._open.append(name)
        if self._open == [_FEED, _DELETED]:
            self._said, self._comment = attributes, ""

    def data(self, text: str) -> None:
        if self._open == [_FEED, _DELETED, _COMMENT] and len(self._comment) < _LONGEST:
            self._comment += text[: _LONGEST - len(self._comment)]

    def end(self, _: str) -> None:
        if self._open == [_FEED, _DELETED] and self._said.get("ref"):
            self.found.append(Deletion(self._said["ref"], self._said.get("when", ""), self._comment))
        self._open.pop()

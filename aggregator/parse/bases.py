"""The base address (`xml:base`) in force at each entry, read by a parser of our own because feedparser's leaks."""

import xml.parsers.expat
from dataclasses import dataclass, field
from urllib.parse import urljoin

_XML_BASE = "http://www.w3.org/XML/1998/namespace base"
_ENTRIES = ("entry", "item")
_BODIES = ("content", "encoded", "body")
_SUMMARIES = ("summary", "description")


@dataclass(slots=True)
class EntryBases:
    """The bases of an entry, of its (first) content, summary and links; the links' in document order."""

    entry: str
    content: str = ""
    summary: str = ""
    links: list[str] = field(default_factory=list)


@dataclass(slots=True)
class DocumentBases:
    """The base at the document's root, empty where none is said, and those of its entries in document order."""

    root: str = ""
    entries: list[EntryBases] = field(default_factory=list)


def read(text: str, url: str) -> DocumentBases:
    """Read the bases of a document without XML declaration; relative ones are resolved against `url`.

    Where the document ceases to be well-formed, reading ends: the entries behind have the root's base.
    """
    bases = DocumentBases()
    if "xml:base" not in text:
        return bases
    reader = _Reader(bases, url)
    parser = xml.parsers.expat.ParserCreate("utf-8", " ")
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    try:
        parser.Parse(text.encode("utf-8", "replace"), True)
    except xml.parsers.expat.ExpatError:
        return bases
    return bases


class _Reader:
    """Holds the stack of bases, and the entries that are open."""

    def __init__(self, bases: DocumentBases, url: str) -> None:
        self._bases = bases
        self._url = url
        self._stack: list[str] = []
        self._open: list[tuple[int, EntryBases]] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        base = self._stack[-1] if self._stack else ""
        if _XML_BASE in attributes:
            base = _joined(base or self._url, attributes[_XML_BASE])
        if not self._stack:
            self._bases.root = base
        self._stack.append(base)
        local = name.rpartition(" ")[2].lower()
        if local in _ENTRIES:
            entry = EntryBases(entry=base)
            self._bases.entries.append(entry)
            self._open.append((len(self._stack), entry))
        elif self._open and len(self._stack) == self._open[-1][0] + 1:
            self._child(self._open[-1][1], local, base)

    def _child(self, entry: EntryBases, local: str, base: str) -> None:
        if local in _BODIES:
            entry.content = entry.content or base
        elif local in _SUMMARIES:
            entry.summary = entry.summary or base
        elif local == "link":
            entry.links.append(base)

    def end(self, name: str) -> None:
        if self._open and self._open[-1][0] == len(self._stack):
            self._open.pop()
        self._stack.pop()


def _joined(base: str, reference: str) -> str:
    try:
        return urljoin(base, reference.strip())
    except ValueError:
        return base

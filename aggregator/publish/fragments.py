"""Each article rendered once per format: its part of a document is kept, compressed too, and documents are joined.

A renderer is given only the articles that are not kept yet; what it makes of them is a whole document, which is cut at
its entries. So a fragment is what the renderer wrote, byte for byte, and what stands around the entries is always new.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from aggregator.publish.view import View
from aggregator.records import Document, Site, StoredEntry
from aggregator.variants import deflated

Renderer = Callable[[Site, View], bytes]

_ITEMS = b'"items": [\n'
_XML = {  # how an entry begins, how it ends, and what follows the last; no text holds that, for it would be escaped
    "atom": (b"\n  <entry", b"</entry>", b"\n</feed>\n"),
    "rss": (b"\n    <item>", b"</item>", b"\n  </channel>\n</rss>\n"),
}
_AROUND = 1_000  # bytes that keeping a fragment takes besides its own


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a document, as it stands there and deflated."""

    body: bytes
    deflated: bytes


@dataclass(slots=True)
class _Kept:
    """The fragments of one entry by format, and about how many bytes they and their entry take."""

    weight: int
    by_format: dict[str, Piece] = field(default_factory=dict)


_SEAM = Piece(b",\n", deflated(b",\n"))  # between two items of a JSON Feed


class Fragments:
    """The fragments of one site's articles: those used last, in about `max_bytes` of memory."""

    def __init__(self, site: Site, max_bytes: int = 32_000_000) -> None:
        self._site = site
        self._room = max_bytes
        self._kept: OrderedDict[StoredEntry, _Kept] = OrderedDict()

    def documents(self, view: View, renderers: dict[str, Renderer]) -> tuple[Document, ...]:
        """Render a view in each format. Raises: what the renderers raise."""
        kept = [self._of(entry) for entry in view.entries]
        made = tuple(self._document(extension, render, view, kept) for extension, render in renderers.items())
        self._forget()
        return made

    def _document(self, extension: str, render: Renderer, view: View, kept: Sequence[_Kept]) -> Document:
        path = f"{view.file}.{extension}"
        missing = [place for place, one in enumerate(kept) if extension not in one.by_format]
        only_new = replace(view, entries=tuple(view.entries[place] for place in missing))
        parts = cut(extension, render(self._site, only_new)) if extension in CUT else None
        if parts is None or len(parts[1]) != len(missing):
            return Document(path, render(self._site, view))
        head, found, tail = parts
        for place, fragment in zip(missing, found, strict=True):
            self._keep(kept[place], extension, fragment)
        pieces = [_piece(head), *_between(extension, [one.by_format[extension] for one in kept]), _piece(tail)]
        return Document(path, b"".join(one.body for one in pieces), tuple(one.deflated for one in pieces))

    def _of(self, entry: StoredEntry) -> _Kept:
        kept = self._kept.get(entry)
        if kept is None:
            kept = self._kept[entry] = _Kept(len(entry.content) * 2 + len(entry.summary) * 2 + _AROUND)
            self._room -= kept.weight
        self._kept.move_to_end(entry)
        return kept

    def _keep(self, kept: _Kept, extension: str, fragment: bytes) -> None:
        piece = _piece(fragment)
        kept.by_format[extension] = piece
        more = len(piece.body) + len(piece.deflated) + _AROUND
        kept.weight += more
        self._room -= more

    def _forget(self) -> None:
        while self._room < 0 and self._kept:
            self._room += self._kept.popitem(last=False)[1].weight


def cut(extension: str, document: bytes) -> tuple[bytes, list[bytes], bytes] | None:
    """Give what stands before the entries of a document, each entry, and what follows; None for an unknown shape."""
    return _cut_json(document) if extension == "json" else _cut_xml(document, *_XML[extension])


CUT = frozenset({"json", *_XML})
"""The formats whose documents can be cut."""


def _cut_xml(document: bytes, begin: bytes, end: bytes, last: bytes) -> tuple[bytes, list[bytes], bytes] | None:
    if not document.endswith(last):
        return None
    head, *entries = document.removesuffix(last).split(begin)
    whole = all(entry.endswith(end) for entry in entries)
    return (head, [begin + entry for entry in entries], last) if whole else None


def _cut_json(document: bytes) -> tuple[bytes, list[bytes], bytes] | None:
    """Every item stands on a line of its own."""
    head, items, rest = document.partition(_ITEMS)
    lines = rest.split(b"\n")
    if not items or lines[-2:] != [b"]}", b""]:
        return None
    return head + items, [line.removesuffix(b",") for line in lines[:-2] if line], b"\n]}\n"


def _between(extension: str, fragments: Sequence[Piece]) -> list[Piece]:
    if extension != "json":
        return list(fragments)
    return [piece for fragment in fragments for piece in (_SEAM, fragment)][1:]


def _piece(body: bytes) -> Piece:
    return Piece(body, deflated(body))

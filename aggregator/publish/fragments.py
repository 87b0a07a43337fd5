"""Each article rendered once per format: its part of a document is kept, compressed too, and documents are joined.

A renderer is given only the articles that are not kept yet; what it makes of them is a whole document, which is cut at
its entries. So a fragment is what the renderer wrote, byte for byte, and what stands around the entries is always new.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from aggregator.publish.view import View
from aggregator.records import Document, Joined, Piece, Site, StoredEntry
from aggregator.variants import deflated

Renderer = Callable[[Site, View], bytes]

_ITEMS = b'"items": [\n'
_STORY, _STORY_END = b'<article class="story"', b"</article>\n"
_XML = {  # how an entry begins, how it ends, and what follows the last; no text holds that, for it would be escaped
    "atom": (b"\n  <entry", b"</entry>", b"\n</feed>\n"),
    "rss": (b"\n    <item>", b"</item>", b"\n  </channel>\n</rss>\n"),
}
_FRAMES = 32  # documents; there are eight between two renderings of a channel, if its archives change
_AROUND = 1_000  # bytes that keeping a fragment takes besides its own


@dataclass(slots=True)
class _Kept:
    """The fragments of one entry by format, and about how many bytes they and their entry take."""

    weight: int
    by_format: dict[str, Piece] = field(default_factory=dict)  # and depth, of a page


_SEAM = Piece(b",\n", deflated(b",\n"))  # between two items of a JSON Feed


class Fragments:
    """The fragments of one site's articles: those used last, in about `max_bytes` of memory."""

    def __init__(self, site: Site, max_bytes: int = 48_000_000) -> None:
        self._site = site
        self._room = max_bytes
        self._kept: OrderedDict[StoredEntry, _Kept] = OrderedDict()
        self._frames: OrderedDict[tuple[str, bool, View], tuple[Piece, Piece]] = OrderedDict()

    def documents(self, view: View, renderers: dict[str, Renderer]) -> tuple[Document, ...]:
        """Render a view in each format. Raises: what the renderers raise."""
        kept = [self._of(entry) for entry in view.entries]
        made = tuple(self._document(extension, render, view, kept) for extension, render in renderers.items())
        self._forget()
        return made

    def size_of(self, entry: StoredEntry, view: View, extensions: Iterable[str]) -> int | None:
        """Give the bytes that an entry takes at most in a document of a view; None where that is not known yet."""
        kept = self._kept.get(entry)
        if kept is None:
            return None
        pieces = [kept.by_format.get(_form(view, extension)) for extension in extensions]
        return max((len(one.body) for one in pieces if one), default=0) if all(pieces) else None

    def _document(self, extension: str, render: Renderer, view: View, kept: Sequence[_Kept]) -> Document:
        path, form = f"{view.file}.{extension}", _form(view, extension)
        frame = self._frame(extension, render, view, kept)
        if frame is None:
            return Document(path, render(self._site, view))
        entries = tuple(one.by_format[form] for one in kept)
        joined = Joined(frame[0], entries, frame[1], _SEAM if extension == "json" else None)
        return Document(path, b"".join(one.body for one in joined.pieces()), joined)

    def _frame(
        self, extension: str, render: Renderer, view: View, kept: Sequence[_Kept]
    ) -> tuple[Piece, Piece] | None:
        """Give what stands around the entries, and keep those of them that are not kept yet; None for a document that
        cannot be cut. The frames of the last documents are kept: to see what has room in one, it is rendered before."""
        missing = [place for place, one in enumerate(kept) if _form(view, extension) not in one.by_format]
        around = extension, bool(kept), replace(view, entries=())  # a page without entries says that it has none
        if missing or around not in self._frames:
            frame = self._rendered(extension, render, view, kept, missing)
            if frame is None:
                return None
            self._frames[around] = _piece(frame[0]), _piece(frame[1])
            if len(self._frames) > _FRAMES:
                self._frames.popitem(last=False)
        return self._frames[around]

    def _rendered(
        self, extension: str, render: Renderer, view: View, kept: Sequence[_Kept], missing: Sequence[int]
    ) -> tuple[bytes, bytes] | None:
        shown = missing or list(range(len(kept)))[: extension == "html"]
        only_new = replace(view, entries=tuple(view.entries[place] for place in shown))
        parts = cut(extension, render(self._site, only_new)) if self._can_cut(extension) else None
        if parts is None or len(parts[1]) != len(shown):
            return None
        for place, fragment in zip(missing, parts[1], strict=False):
            self._keep(kept[place], _form(view, extension), fragment)
        return parts[0], parts[2]

    def _can_cut(self, extension: str) -> bool:
        """A theme may show the first of a page's articles in another way than the others."""
        return extension in CUT and not (extension == "html" and self._site.theme)

    def _of(self, entry: StoredEntry) -> _Kept:
        kept = self._kept.get(entry)
        if kept is None:
            kept = self._kept[entry] = _Kept(len(entry.content) * 2 + len(entry.summary) * 2 + _AROUND)
            self._room -= kept.weight
        self._kept.move_to_end(entry)
        return kept

    def _keep(self, kept: _Kept, form: str, fragment: bytes) -> None:
        piece = _piece(fragment)
        kept.by_format[form] = piece
        more = len(piece.body) + len(piece.deflated) + _AROUND
        kept.weight += more
        self._room -= more

    def _forget(self) -> None:
        while self._room < 0 and self._kept:
            self._room += self._kept.popitem(last=False)[1].weight


def cut(extension: str, document: bytes) -> tuple[bytes, list[bytes], bytes] | None:
    """Give what stands before the entries of a document, each entry, and what follows; None for an unknown shape."""
    match extension:
        case "json":
            return _cut_json(document)
        case "html":
            return _cut_page(document)
        case _:
            return _cut_xml(document, *_XML[extension])


CUT = frozenset({"json", "html", *_XML})
"""The formats whose documents can be cut."""


def _form(view: View, extension: str) -> str:
    """Give what an entry looks like the same in: a page links to its articles by way of the root."""
    return f"{extension} {view.file.count('/')}" if extension == "html" else extension


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


def _cut_page(document: bytes) -> tuple[bytes, list[bytes], bytes] | None:
    head, *entries = document.split(_STORY)
    if not entries:
        return document, [], b""
    last, end, tail = entries.pop().partition(_STORY_END)
    whole = end and all(entry.endswith(_STORY_END) for entry in entries)
    return (head, [_STORY + entry for entry in (*entries, last + end)], tail) if whole else None


def _piece(body: bytes) -> Piece:
    return Piece(body, deflated(body))

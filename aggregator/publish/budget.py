"""How many entries fit into a current document. What does not is older, and stands in the archives."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import replace
from html import escape
from itertools import accumulate

from aggregator.errors import PublishError
from aggregator.publish.documents import extensions_of, feed_documents
from aggregator.publish.fragments import Fragments
from aggregator.publish.view import View
from aggregator.records import Document, Site, StoredEntry

_HEAD = 8_000  # bytes: more than what stands around the entries
_AROUND = 2_000  # more than the names of the elements of one entry, and its times
_SEAM = 64  # what may differ where a document ends after another entry
_ENTRIES = {  # how an entry begins and ends in a document; no text can hold that, for it would be escaped
    "atom": (b"<entry", b"</entry>"),
    "rss": (b"<item>", b"</item>"),
    "json": (b"\n{", b"}\n]"),
    "html": (b'<article class="story"', b"</article>"),
}
_DIGITS = 10  # of the number of the archive before, which may be another one when the document is rendered
_ESCAPED = 6  # bytes that one byte of text becomes at most, as in &quot;


def fitting(site: Site, view: View, max_bytes: int | None, fragments: Fragments | None = None) -> int:
    """Give how many of a view's newest entries fit into each of its documents: one at least, where there is one.

    Documents are rendered to find that out only where their entries may come to more than `max_bytes`.
    """
    if max_bytes is None:
        return len(view.entries)
    sizes = _sizes(site, view, fragments)
    bounds = accumulate(sizes, initial=_HEAD + _tombstones(view))
    sure = max(bisect_right(list(bounds), max_bytes) - 1, 0)
    return sure if sure == len(view.entries) else _measured(site, view, max_bytes, fragments)


def _sizes(site: Site, view: View, fragments: Fragments | None) -> Iterator[int]:
    """Give the bytes that each entry takes at most: what it did take, where that is known."""
    extensions = extensions_of(site, view)
    for entry in view.entries:
        known = fragments.size_of(entry, view, extensions) if fragments else None
        yield at_most(entry) if known is None else known + _SEAM


def _measured(site: Site, view: View, max_bytes: int, fragments: Fragments | None) -> int:
    """Render all entries once and see where each begins; where some are left out as sick, try with fewer instead."""
    rendered = feed_documents(site, view, fragments)
    if rendered.problems:
        counts = range(1, len(view.entries) + 1)
        return max(1, bisect_right(counts, max_bytes, key=lambda count: _largest(site, view, count)))
    fit = (_fitting_into(document, max_bytes - _growth(view, document.body)) for document in rendered.documents)
    return max(1, min(fit, default=len(view.entries)))


def _fitting_into(document: Document, max_bytes: int) -> int:
    """Give how many of a document's entries would fit into it."""
    begins, ends = _ENTRIES[document.path.rpartition(".")[2]]
    if len(document.body) <= max_bytes:
        return document.body.count(begins)
    starts = [found.start() for found in re.finditer(re.escape(begins), document.body)]
    tail = len(document.body) - document.body.rindex(ends)
    return bisect_right(starts[1:], max_bytes - tail - _SEAM)


def _growth(view: View, body: bytes) -> int:
    """Give the bytes by which a document grows when the archive before it gets the longest number."""
    number = str(view.chain.before)
    return body.count(f"archive-{number}.".encode()) * (_DIGITS - len(number)) if view.chain.before else 0


def at_most(entry: StoredEntry) -> int:
    """Give a number of bytes that an entry does not exceed in any format."""
    short = [entry.title, entry.link, entry.author, entry.outlet, entry.source, *_of_source(entry), *entry.tags]
    short += [text for channel in entry.channels for text in (channel.title, channel.slug, " " * 200)]
    short += [text for one in entry.enclosures for text in (one.url, one.type, one.title, " " * 100)]
    return _AROUND + _ESCAPED * sum(map(_size, short)) + _escaped(entry.content) + 2 * _escaped(entry.summary)


def _of_source(entry: StoredEntry) -> tuple[str, ...]:
    said_twice = (entry.source_link, entry.source_rights)
    return (entry.source_title, *said_twice, *said_twice, entry.source_id, entry.source_icon)


def _size(text: str) -> int:
    return len(text.encode(errors="replace"))


def _escaped(html: str) -> int:
    """Give the size of HTML as text of an XML document or a JSON one, whichever is larger."""
    return _size(escape(html, quote=False)) + sum(map(html.count, '"\\\n\t\r'))


def _tombstones(view: View) -> int:
    return sum(300 + _ESCAPED * len(retraction.info_code) for retraction in view.retracted)


def _largest(site: Site, view: View, count: int) -> int:
    try:
        rendered = feed_documents(site, replace(view, entries=view.entries[:count]))
    except PublishError:  # none of these can be rendered, so they take no room
        return 0
    return max((len(document.body) + _growth(view, document.body) for document in rendered.documents), default=0)

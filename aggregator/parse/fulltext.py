"""The text of an article out of its page: by a CSS selector, or where an extraction library finds it.

trafilatura tells an article from what stands around it better than the rest, but gives it back without figures, lists
and headings. So it is only asked which words are the article's; what is handed on is the element that holds them, with
its markup, less what is plainly no part of it. Where no single element does, what the library made of it must do.
"""

import importlib.util
import logging
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from types import ModuleType

from selectolax.lexbor import LexborHTMLParser, LexborNode

from aggregator.parse import document, page
from aggregator.records import RawEntry, Unreadable

NEEDS_EXTRA = (
    "true needs a library that finds texts: pip install 'aggregator[fulltext]'; without it, give the CSS selector of "
    'the text, like "div.article"'
)
_NOT_TOLD = ("nav", "aside", "footer", "form", "button", "script", "style", "noscript", "template")
_BOXES = ("div", "section", "ul", "ol", "table")
_SAME = 8  # characters of a piece of text that make it the article's when they stand in it; fewer are chance
_HELD = 0.85  # of the article's characters, by the element that is taken for it
_MOST_STRANGE = 1.0  # characters beside each of the article's, in that element


def extractor_fault(_: str = "") -> str | None:
    """Give why texts cannot be found without a selector, or None where they can."""
    found = all(importlib.util.find_spec(name) for name in ("trafilatura", "lxml_html_clean"))
    return None if found else NEEDS_EXTRA


def read(text: str, url: str, selector: bool | str, title: str) -> RawEntry | Unreadable:
    """Read the text of the page's article; what is no page, or has no such text, is `Unreadable`."""
    opened = page.opened(text)
    if isinstance(opened, Unreadable):
        return opened
    base = page.base_of(opened, url)
    content = _selected(opened, selector, title) if isinstance(selector, str) else _found(opened, text, title)
    if isinstance(content, Unreadable):
        return content
    return RawEntry(content=document.legal(content).strip(), base=base)


# --- by a selector ---------------------------------------------------------------------------------------------------


def _selected(opened: LexborHTMLParser, selector: str, title: str) -> str | Unreadable:
    if fault := page.selector_fault(selector):
        return Unreadable(f"fulltext: {fault}")
    nodes = _outermost(opened.css(selector))
    if not nodes:
        return Unreadable(f"fulltext: {selector} matches nothing on the article's page")
    for node in nodes:
        _without_heading(node, title)
    return "\n".join(node.inner_html or "" for node in nodes)


def _outermost(nodes: list[LexborNode]) -> list[LexborNode]:
    """Drop repetitions and what stands inside of another match."""
    found = {node.mem_id: node for node in nodes}
    return [node for node in found.values() if not any(outer.mem_id in found for outer in _ancestors(node))]


def _ancestors(node: LexborNode) -> Iterator[LexborNode]:
    while (node := node.parent) is not None:  # type: ignore[assignment]  # the loop ends with None
        yield node


def _without_heading(node: LexborNode, title: str) -> None:
    _remove([heading for heading in node.css("h1, h2") if _folded(page.plain(heading)) == _folded(title)])


def _remove(nodes: list[LexborNode]) -> None:
    """Take elements out of the page; what stands inside of one goes with it, and must not be touched after that."""
    for node in _outermost(nodes):
        node.decompose()


# --- without one -----------------------------------------------------------------------------------------------------


_NONE_FOUND = "no article's text is found on its page"


def _found(opened: LexborHTMLParser, text: str, title: str) -> str | Unreadable:
    told = _library().extract(text, include_comments=False, include_tables=True, favor_recall=True)
    if not told:
        return Unreadable(_NONE_FOUND)
    place = _Place(opened, _folded(told))
    if place.node is None:
        html: str | None = _library().extract(text, output_format="html", include_comments=False, include_images=True)
        return html or Unreadable(_NONE_FOUND)  # of a text like "<" it may find one as text and none as HTML
    place.clear()
    _without_heading(place.node, title)
    return place.node.inner_html or ""


def _library() -> ModuleType:
    import trafilatura

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # a page without an article is no event of ours
    module: ModuleType = trafilatura
    return module


class _Place:
    """Where an article stands on its page: `node` is the smallest element that holds nearly all of its text."""

    def __init__(self, opened: LexborHTMLParser, told: str) -> None:
        self._told: dict[int, int] = defaultdict(int)  # characters of the article in an element
        self._all: dict[int, int] = defaultdict(int)
        self.node: LexborNode | None = None
        if opened.body is not None:
            self._count(opened.body, told)
            self.node = self._smallest(opened.body)

    def _count(self, body: LexborNode, told: str) -> None:
        for part in body.traverse(include_text=True):
            if not part.is_text_node or (part.parent is not None and part.parent.tag in _NOT_TOLD):
                continue
            words = _folded(part.text(deep=False))
            length = len(words) if len(words) >= _SAME and words in told else 0
            for outer in _ancestors(part):
                self._told[outer.mem_id] += length
                self._all[outer.mem_id] += len(words)

    def _smallest(self, body: LexborNode) -> LexborNode | None:
        node, enough = body, self._told[body.mem_id] * _HELD
        while inner := next((each for each in node.iter() if enough and self._told[each.mem_id] >= enough), None):
            node = inner
        strange = self._all[node.mem_id] - self._told[node.mem_id]
        return node if enough and strange <= _MOST_STRANGE * self._told[node.mem_id] else None

    def clear(self) -> None:
        """Take out of the article what is not of it: menus, forms, and boxes of links without a word of it."""
        assert self.node is not None
        inner = [node for node in self.node.css(", ".join((*_NOT_TOLD, *_BOXES))) if node.mem_id != self.node.mem_id]
        _remove([node for node in inner if node.tag in _NOT_TOLD or self._is_strange(node)])

    def _is_strange(self, box: LexborNode) -> bool:
        words = self._all[box.mem_id]
        linked = sum(len(_folded(link.text())) for link in box.css("a"))
        return not self._told[box.mem_id] and words > 0 and linked * 2 > words


def _folded(text: str) -> str:
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text)).casefold()

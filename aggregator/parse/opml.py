"""Subscription lists (OPML 1.0, 1.1, 2.0) as other readers write them, whether or not they are well-formed XML."""

import re
from collections.abc import Iterator

from lxml import etree

from aggregator.parse import document, repair
from aggregator.records import Outline, Unreadable
from aggregator.urls import resolve

_MAX_OUTLINES = 10_000
_START = re.compile(r"<(?:\w+:)?(?:opml|outline)\b", re.I)
_ROOT = "subscriptions"


def outlines(body: bytes, content_type: str = "") -> tuple[Outline, ...] | Unreadable:
    """Give the feeds of a list in their order, each address once, 10,000 at most.

    A feed's categories are the folders that it stands in, the innermost of each path, and what its own `category` says;
    a feed that is listed several times has those of all places. What has no http address is passed over.
    """
    plain = document.unpacked(body)
    if plain is None:
        return Unreadable(f"a gzip file that unpacks to more than {document.MAX_UNPACKED_BYTES:,} bytes")
    text, _ = document.decode(plain, content_type)
    start = _START.search(text)
    if start is None:
        return Unreadable(f"no OPML subscription list, but {_looks(text)}")
    found: dict[str, Outline] = {}
    for each in _walked(_tree(text[start.start() :])):
        if each.url in found:
            found[each.url] = _merged(found[each.url], each)
        elif len(found) < _MAX_OUTLINES:
            found[each.url] = each
    return tuple(found.values())


def _looks(text: str) -> str:
    return document.description(text).removesuffix(", not a feed")


def _tree(text: str) -> etree._Element:
    """Parse what can be; a root of our own lets several lists follow one another. There is no DTD, so no entities."""
    parser = etree.XMLParser(
        recover=True, resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
    )
    mended, _ = repair.ampersands(repair.references(text)[0])
    root = etree.fromstring(f"<{_ROOT}>{mended}</{_ROOT}>".encode("utf-8", "replace"), parser)
    return etree.Element(_ROOT) if root is None else root


def _walked(root: etree._Element) -> Iterator[Outline]:
    """Walk the outlines without recursion. What has an address is a feed and no folder, even where it is not closed."""
    folders: list[str] = []
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if not isinstance(element.tag, str) or _local(element.tag) != "outline":
            continue
        said = {_local(str(name)): " ".join(str(value).split()) for name, value in element.attrib.items()}
        is_feed = bool(said.get("xmlurl"))
        title = said.get("title") or said.get("text") or ""
        if is_feed and event == "start" and (url := _web(said["xmlurl"])):
            yield Outline(url, title, _categories(folders, said))
        elif not is_feed and event == "start":
            folders.append(title)
        elif not is_feed:
            folders.pop()


def _local(name: str) -> str:
    return name.rpartition("}")[2].rpartition(":")[2].lower()


def _web(url: str) -> str:
    """Give an absolute http address, else nothing: a list has no address that others could be relative to."""
    return resolve("", url) if url.lower().startswith(("http://", "https://")) else ""


def _categories(folders: list[str], said: dict[str, str]) -> tuple[str, ...]:
    """Give the innermost folder with a name, and the last step of each path in `category` ("/Boston/Weather,/News")."""
    folder = next(filter(None, reversed(folders)), "")
    paths = (path.strip().rstrip("/").rpartition("/")[2].strip() for path in said.get("category", "").split(","))
    return tuple(dict.fromkeys(filter(None, (folder, *paths))))


def _merged(first: Outline, again: Outline) -> Outline:
    categories = tuple(dict.fromkeys((*first.categories, *again.categories)))
    return Outline(first.url, first.title or again.title, categories)

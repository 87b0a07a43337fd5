"""The gate: a document is read again before it replaces the one that is published, and stays out if it is faulty.

It trusts nothing of how a document was made, so that a fault of ours, or of a library, reaches no subscriber.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from lxml import etree

from aggregator.publish.addresses import GONE
from aggregator.records import Document, Joined, Piece

_ATOM = "{http://www.w3.org/2005/Atom}"
_WEB = ("http://", "https://")
_UNREADABLE = (etree.XMLSyntaxError, ValueError, TypeError, LookupError, AttributeError)

Check = Callable[[bytes, str], Iterator[str]]


class Gate:
    """The gate of one site. Whatever it remembers, it lets through what it would let through without.

    A document that was joined of kept pieces is not read whole again for each new entry. What stands around the
    entries is; an entry is read by itself, under the same root element, when it comes for the first time; and that no
    two have the same id is looked at each time. If anything is wrong there, or `remembering` is off, the document is
    read whole, and that decides.
    """

    def __init__(self, site_url: str, *, remembering: bool = True) -> None:
        self._site_url = site_url
        self._remembering = remembering
        self._passed: WeakKeyDictionary[Piece, tuple[str, str]] = WeakKeyDictionary()  # under which root, and its id

    def fault(self, document: Document, max_bytes: int | None = None) -> str:
        """Give the first thing that is wrong with a document, in words; nothing for a sound one.

        A document of more than one entry must not be larger than `max_bytes`, where that is given.
        """
        if self._remembering and document.joined and self._is_sound(document, document.joined):
            return _too_large(document, max_bytes)
        return fault(document, self._site_url, max_bytes)

    def _is_sound(self, document: Document, joined: Joined) -> bool:
        """Tell whether all pieces of a feed are sound, and belong together; other documents are not looked at."""
        form = _FORMS.get(document.path.rpartition(".")[2])
        if form is None or len(document.body) != sum(len(piece.body) for piece in joined.pieces()):
            return False
        try:
            seam = joined.seam.body if joined.seam else b""
            frame = form.read(joined.head.body + form.place + seam + form.place + joined.tail.body)
            if len(form.entries(frame)) != 2 or any(form.frame_faults(frame, self._site_url + document.path)):
                return False
            root = form.root(joined.head.body)
            return not any(_id_faults([self._name(form, piece, root) for piece in joined.entries]))
        except _UNREADABLE:
            return False

    def _name(self, form: "_Form", piece: Piece, root: str) -> str | None:
        """Give the id of an entry; None for a faulty one. Raises: what reading it raises."""
        known = self._passed.get(piece)
        if known is not None and known[0] == root:
            return known[1]
        entry = form.read_alone(root, piece.body)
        name = form.name(entry)
        if not name or any(form.entry_faults(entry)):
            return None
        self._passed[piece] = root, name
        return name


def fault(document: Document, site_url: str, max_bytes: int | None = None) -> str:
    """Give the first thing that is wrong with a document that is read whole; as `Gate.fault`."""
    check = _CHECKS.get(document.path) or _CHECKS.get(document.path.rpartition(".")[2])
    if check is None:
        return "" if document.body else "it is empty"
    try:
        return next(check(document.body, site_url + document.path), "") or _too_large(document, max_bytes)
    except _UNREADABLE as error:
        return f"it cannot be read again: {error}"[:300]


def _too_large(document: Document, max_bytes: int | None) -> str:
    if max_bytes is None or len(document.body) <= max_bytes or _entries(document.body) < 2:
        return ""
    return f"it takes {len(document.body)} bytes, more than the {max_bytes} of [publish] max_bytes"


def _entries(body: bytes) -> int:
    return max(map(body.count, (b"<entry", b"<item>", b'"date_modified": ', b'<article class="story"')))


# --- what holds of feeds ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Form:
    """How a format of feeds is read, and what is wrong with one. `place` stands for an entry, where only what is
    around and between entries is looked at."""

    read: Callable[[bytes], Any]
    entries: Callable[[Any], list[Any]]
    name: Callable[[Any], str | None]
    frame_faults: Callable[[Any, str], Iterator[str]]
    entry_faults: Callable[[Any], Iterator[str]]
    place: bytes
    root: Callable[[bytes], str]
    read_alone: Callable[[str, bytes], Any]


def _feed(form: _Form, body: bytes, address: str) -> Iterator[str]:
    feed = form.read(body)
    entries = form.entries(feed)
    yield from form.frame_faults(feed, address)
    yield from _id_faults(map(form.name, entries))
    for entry in entries:
        yield from form.entry_faults(entry)


def _atom_frame(feed: Any, address: str) -> Iterator[str]:
    if feed.tag != f"{_ATOM}feed":
        yield f"its root is {feed.tag}, not an Atom feed"
    yield from _self_faults((link.attrib for link in feed.iterfind(f"{_ATOM}link")), address)
    yield from _atom_thing(feed)


def _atom_thing(thing: Any) -> Iterator[str]:
    name = thing.findtext(f"{_ATOM}id")
    if not name or not thing.findtext(f"{_ATOM}title"):
        yield f"{name or 'an entry'} lacks an id or a title"
    yield from _date_faults(name, thing.findtext(f"{_ATOM}updated"), datetime.fromisoformat)
    yield from _date_faults(name, thing.findtext(f"{_ATOM}published", "") or None, datetime.fromisoformat)
    yield from _link_faults(name, (link.get("href") for link in thing.iterfind(f"{_ATOM}link")))


def _rss_frame(rss: Any, address: str) -> Iterator[str]:
    channel = rss.find("channel")
    if not all(channel.findtext(name) for name in ("title", "link", "description")):
        yield "its channel lacks a title, a link or a description"
    yield from _self_faults((link.attrib for link in channel.iterfind(f"{_ATOM}link")), address)
    yield from _date_faults("the channel", channel.findtext("lastBuildDate"), parsedate_to_datetime)


def _rss_item(item: Any) -> Iterator[str]:
    name = item.findtext("guid")
    yield from _date_faults(name, item.findtext("pubDate"), parsedate_to_datetime)
    yield from _link_faults(name, (link.text for link in item.iterfind("link")))
    yield from _link_faults(name, (file.get("url") for file in item.iterfind("enclosure")))


def _json_frame(feed: Any, address: str) -> Iterator[str]:
    if not feed["version"].startswith("https://jsonfeed.org/version/1") or not feed["title"]:
        yield "it lacks its version or a title"
    yield from _self_faults([{"rel": "self", "href": feed["feed_url"]}], address)


def _json_item(item: Any) -> Iterator[str]:
    yield from _date_faults(item["id"], item["date_modified"], datetime.fromisoformat)
    yield from _date_faults(item["id"], item.get("date_published"), datetime.fromisoformat)
    links = [item.get("url"), *(one["url"] for one in item.get("attachments", ()))]
    yield from _link_faults(item["id"], (link for link in links if link is not None))


# --- what holds of other documents -----------------------------------------------------------------------------


def _no_feed(body: bytes, _: str) -> Iterator[str]:
    if not isinstance(json.loads(body), dict):
        yield "it is no JSON object"


def _page(body: bytes, _: str) -> Iterator[str]:
    """A page is made by one template that escapes; reading it as HTML again would find nothing and cost as much."""
    body.decode()
    if not body.startswith(b"<!doctype html>") or not body.endswith(b"</html>\n"):
        yield "the page is not whole"


def _list(body: bytes, _: str) -> Iterator[str]:
    if etree.QName(_xml(body)).localname not in ("opml", "urlset", "sitemapindex"):
        yield "it is no OPML, and no site map either"


def _xml(body: bytes) -> Any:
    """Read XML as strictly as a reader would; texts of any size are ours."""
    return etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True))


_ROOT = re.compile(rb"<((?:feed|rss)\b[^>]*)>")


def _root(head: bytes) -> str:
    """Give the start tag of a feed, on which it depends what the names in it mean."""
    found = _ROOT.search(head)
    return sys.intern(found[1].decode()) if found else ""


def _xml_alone(entry: str, root: str, body: bytes) -> Any:
    """Read an entry under a root element. Raises: ValueError, of which XMLSyntaxError is none, for anything else."""
    end = root.partition(" ")[0]
    (found,) = _xml(b"<%b>%b</%b>" % (root.encode(), body, end.encode()))
    if found.tag != entry:
        raise ValueError(f"{found.tag} stands where {entry} must")
    return found


def _self_faults(links: Iterable[Any], address: str) -> Iterator[str]:
    said = [link.get("href") for link in links if link.get("rel") == "self"]
    if said != [address]:
        yield f"its self link is {', '.join(map(str, said)) or 'missing'}, not {address}"


def _id_faults(ids: Iterable[str | None]) -> Iterator[str]:
    seen: set[str] = set()
    for name in ids:
        if not name:
            yield "an entry has no id"
        elif name in seen:
            yield f"the id {name} is there twice"
        else:
            seen.add(name)


def _date_faults(name: str | None, text: str | None, read: Callable[[str], datetime]) -> Iterator[str]:
    if text is None:
        return
    try:
        moment = read(text)
    except ValueError:
        yield f"{name}: {text!r} is no date"
    else:
        if moment.tzinfo is None:
            yield f"{name}: the date {text!r} has no zone"


def _link_faults(name: str | None, links: Iterable[str | None]) -> Iterator[str]:
    yield from (f"{name}: {link!r} is no absolute web address" for link in links if not (link or "").startswith(_WEB))


_FORMS = {
    "atom": _Form(
        read=_xml,
        entries=lambda feed: feed.findall(f"{_ATOM}entry"),
        name=lambda entry: entry.findtext(f"{_ATOM}id"),
        frame_faults=_atom_frame,
        entry_faults=_atom_thing,
        place=b"<entry/>",
        root=_root,
        read_alone=partial(_xml_alone, f"{_ATOM}entry"),
    ),
    "rss": _Form(
        read=_xml,
        entries=lambda rss: rss.find("channel").findall("item"),
        name=lambda item: item.findtext("guid"),
        frame_faults=_rss_frame,
        entry_faults=_rss_item,
        place=b"<item/>",
        root=_root,
        read_alone=partial(_xml_alone, "item"),
    ),
    "json": _Form(
        read=json.loads,
        entries=lambda feed: feed["items"],
        name=lambda item: item["id"],
        frame_faults=_json_frame,
        entry_faults=_json_item,
        place=b"{}",
        root=lambda head: "",
        read_alone=lambda root, body: json.loads(body),
    ),
}

_CHECKS: dict[str, Check] = {  # by path, else by ending
    GONE: _no_feed,
    **{ending: partial(_feed, form) for ending, form in _FORMS.items()},
    "html": _page,
    "xml": _list,
}

"""The gate: a document is read again before it replaces the one that is published, and stays out if it is faulty.

Pure functions over bytes. They trust nothing of how the document was made, so that a fault of ours, or of a library,
reaches no subscriber.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from lxml import etree

from aggregator.publish.addresses import GONE
from aggregator.records import Document

_ATOM = "{http://www.w3.org/2005/Atom}"
_WEB = ("http://", "https://")

Check = Callable[[bytes, str], Iterator[str]]


def fault(document: Document, site_url: str, max_bytes: int | None = None) -> str:
    """Give the first thing that is wrong with a document, in words; nothing for a sound one.

    A document of more than one entry must not be larger than `max_bytes`, where that is given.
    """
    check = _CHECKS.get(document.path) or _CHECKS.get(document.path.rpartition(".")[2])
    if check is None:
        return "" if document.body else "it is empty"
    try:
        return next(check(document.body, site_url + document.path), "") or _too_large(document, max_bytes)
    except (etree.XMLSyntaxError, ValueError, TypeError, LookupError, AttributeError) as error:
        return f"it cannot be read again: {error}"[:300]


def _too_large(document: Document, max_bytes: int | None) -> str:
    if max_bytes is None or len(document.body) <= max_bytes or _entries(document.body) < 2:
        return ""
    return f"it takes {len(document.body)} bytes, more than the {max_bytes} of [publish] max_bytes"


def _entries(body: bytes) -> int:
    return max(map(body.count, (b"<entry", b"<item>", b'"date_modified": ', b'<article class="story"')))


def _atom(body: bytes, address: str) -> Iterator[str]:
    feed = _xml(body)
    entries = feed.findall(f"{_ATOM}entry")
    if feed.tag != f"{_ATOM}feed":
        yield f"its root is {feed.tag}, not an Atom feed"
    yield from _self_faults((link.attrib for link in feed.iterfind(f"{_ATOM}link")), address)
    yield from _id_faults(entry.findtext(f"{_ATOM}id") for entry in entries)
    for thing in (feed, *entries):
        name = thing.findtext(f"{_ATOM}id")
        if not name or not thing.findtext(f"{_ATOM}title"):
            yield f"{name or 'an entry'} lacks an id or a title"
        yield from _date_faults(name, thing.findtext(f"{_ATOM}updated"), datetime.fromisoformat)
        yield from _date_faults(name, thing.findtext(f"{_ATOM}published", "") or None, datetime.fromisoformat)
        yield from _link_faults(name, (link.get("href") for link in thing.iterfind(f"{_ATOM}link")))


def _rss(body: bytes, address: str) -> Iterator[str]:
    channel = _xml(body).find("channel")
    items = channel.findall("item")
    if not all(channel.findtext(name) for name in ("title", "link", "description")):
        yield "its channel lacks a title, a link or a description"
    yield from _self_faults((link.attrib for link in channel.iterfind(f"{_ATOM}link")), address)
    yield from _id_faults(item.findtext("guid") for item in items)
    yield from _date_faults("the channel", channel.findtext("lastBuildDate"), parsedate_to_datetime)
    for item in items:
        name = item.findtext("guid")
        yield from _date_faults(name, item.findtext("pubDate"), parsedate_to_datetime)
        yield from _link_faults(name, (link.text for link in item.iterfind("link")))
        yield from _link_faults(name, (file.get("url") for file in item.iterfind("enclosure")))


def _json_feed(body: bytes, address: str) -> Iterator[str]:
    feed: dict[str, Any] = json.loads(body)
    if not feed["version"].startswith("https://jsonfeed.org/version/1") or not feed["title"]:
        yield "it lacks its version or a title"
    yield from _self_faults([{"rel": "self", "href": feed["feed_url"]}], address)
    yield from _id_faults(item["id"] for item in feed["items"])
    for item in feed["items"]:
        yield from _date_faults(item["id"], item["date_modified"], datetime.fromisoformat)
        yield from _date_faults(item["id"], item.get("date_published"), datetime.fromisoformat)
        links = [item.get("url"), *(one["url"] for one in item.get("attachments", ()))]
        yield from _link_faults(item["id"], (link for link in links if link is not None))


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


_CHECKS: dict[str, Check] = {  # by path, else by ending
    GONE: _no_feed,
    "atom": _atom,
    "rss": _rss,
    "json": _json_feed,
    "html": _page,
    "xml": _list,
}

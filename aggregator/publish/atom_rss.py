"""Atom (RFC 4287) and RSS 2.0, by feedgen behind a wall.

feedgen 1.0 writes an entry's links with nothing but their address, fills every time it was not given with "now",
formats RFC 822 dates through the process-wide locale, and cannot say `atom:source`, `xml:lang` of an entry,
`dc:creator`, a history (RFC 5005), a tombstone (RFC 6721) or, in RSS, any link but the one to itself. The two
extensions below add what it cannot say, and it is never given what it says wrongly.
"""

from datetime import UTC, datetime
from email.utils import format_datetime
from html import escape
from typing import Any

from feedgen.entry import FeedEntry
from feedgen.ext.base import BaseEntryExtension, BaseExtension
from feedgen.feed import FeedGenerator
from lxml import etree

from aggregator import markup
from aggregator.publish import podcast
from aggregator.publish.addresses import FEED_TYPES, home_page, self_address, to_root
from aggregator.publish.archive import chain_links
from aggregator.publish.item import Item, Origin, item_of, language, line, local
from aggregator.publish.view import CHANNEL_FOLDER, View, entry_id
from aggregator.records import Enclosure, Site

GENERATOR = "aggregator"  # without version: an upgrade is no change of content
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_ATOM = "http://www.w3.org/2005/Atom"
_DC = "http://purl.org/dc/elements/1.1/"
_HISTORY = "http://purl.org/syndication/history/1.0"
_MEDIA = "http://search.yahoo.com/mrss/"
_TOMBSTONES = "http://purl.org/atompub/tombstones/1.0"
_WALL = "wall"
_EXCERPT = 280  # characters of an article that RSS shows of it where its source gave no summary


def atom(site: Site, view: View) -> bytes:
    """Render a view as Atom. Raises: ValueError and its like for an entry that cannot be said."""
    feed = _feed(site, view, "atom")
    feed.id(view.feed_id)
    feed.updated(local(site, view.updated))
    feed.author(name=line(site.author) or line(site.title) or GENERATOR)
    if site.icon:
        feed.icon(site.icon)
    if site.logo:
        feed.logo(site.logo)
    for rel, address in _around(site, view).items():
        feed.link(href=address, rel=rel, **_type_of(rel))
    feed.wall.says_atom(archive=bool(view.chain.number), gone=_gone(site, view))
    for entry in view.entries:
        _atom_entry(site, feed, item_of(site, entry))
    return _styled(site, view, _text(feed.atom_str(pretty=True)))


def rss(site: Site, view: View) -> bytes:
    """Render a view as RSS 2.0, with the same ids, dates and order as its Atom. Raises as `atom` does."""
    feed = _feed(site, view, "rss")
    feed.description(line(f"{view.title} · {site.title}") if view.title != site.title else _title(site, view))
    feed.lastBuildDate(_Unsaid(1970, 1, 1, tzinfo=UTC))
    feed.wall.says_rss(local(site, view.updated), _around(site, view) if "atom" in site.formats else _hub(site, view))
    if site.logo or site.icon:
        feed.image(url=site.logo or site.icon, title=_title(site, view), link=home_page(site, view))
    for entry in view.entries:
        _rss_item(site, feed, item_of(site, entry))
    return _styled(site, view, _text(feed.rss_str(pretty=True)))


class _Unsaid(datetime):
    """A time that feedgen leaves out: it asks for truth before it formats through `locale.setlocale`, which is
    process-wide and not safe beside other threads. The wall writes the date instead."""

    def __bool__(self) -> bool:
        return False


class _FeedWall(BaseExtension):  # type: ignore[misc]  # feedgen has no types
    """What a feed says besides feedgen's words."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._updated: datetime | None = None
        self._links: dict[str, str] = {}
        self._archive = False
        self._gone: list[dict[str, str]] = []

    def says_atom(self, *, archive: bool, gone: list[dict[str, str]]) -> None:
        """Say that the document is an archive, and which entries were retracted."""
        self._archive, self._gone = archive, gone
        self._names = ({"fh": _HISTORY} if archive else {}) | ({"at": _TOMBSTONES} if gone else {})

    def says_rss(self, updated: datetime, links: dict[str, str]) -> None:
        """Say when the channel changed, and what it leads to, by link relation."""
        self._updated, self._links = updated, links
        self._names = {"dc": _DC, "media": _MEDIA}

    def extend_ns(self) -> dict[str, str]:
        return self._names

    def extend_atom(self, feed: Any) -> Any:
        if self._archive:
            etree.SubElement(feed, f"{{{_HISTORY}}}archive")
        for attributes in self._gone:
            etree.SubElement(feed, f"{{{_TOMBSTONES}}}deleted-entry", attributes)
        return feed

    def extend_rss(self, feed: Any) -> Any:
        for rel, address in self._links.items():
            etree.SubElement(feed[0], f"{{{_ATOM}}}link", {"rel": rel, "href": address} | _type_of(rel))
        if self._updated:
            _add(feed[0], "lastBuildDate", format_datetime(self._updated))
        return feed


class _EntryWall(BaseEntryExtension):  # type: ignore[misc]  # feedgen has no types
    """What an entry says besides feedgen's words; silent until it is given its item."""

    def __init__(self) -> None:
        self.item: Item | None = None

    def extend_atom(self, entry: Any) -> Any:
        if self.item is not None:
            _extend_atom(entry, self.item)
        return entry

    def extend_rss(self, entry: Any) -> Any:
        if self.item is not None:
            _extend_rss(entry, self.item)
        return entry


def _feed(site: Site, view: View, extension: str) -> FeedGenerator:
    """Begin a feed. The link set last becomes RSS's `<link>`, so the page comes after the self link."""
    feed = FeedGenerator()
    feed.register_extension(_WALL, _FeedWall, _EntryWall)
    feed.title(_title(site, view))
    feed.generator(GENERATOR)
    if tag := language(site.language):
        feed.language(tag)
    if rights := line(site.rights):
        feed.rights(rights)
    feed.link(href=self_address(site, view, extension), rel="self", type=FEED_TYPES[extension])
    feed.link(href=home_page(site, view), rel="alternate", type="text/html")
    return feed


def _around(site: Site, view: View) -> dict[str, str]:
    """Give what a feed leads to besides itself and its page, by link relation."""
    return _hub(site, view) | chain_links(site, view)


def _hub(site: Site, view: View) -> dict[str, str]:
    """Give the WebSub hub; nobody subscribes to an archive."""
    return {"hub": site.hub} if site.hub and not view.chain.number else {}


def _type_of(rel: str) -> dict[str, str]:
    return {} if rel == "hub" else {"type": FEED_TYPES["atom"]}


def _gone(site: Site, view: View) -> list[dict[str, str]]:
    """Give the attributes of the tombstones (RFC 6721 §3) of a view."""
    return [
        {"ref": entry_id(site, retraction.info_code), "when": local(site, retraction.at).isoformat()}
        for retraction in view.retracted
    ]


def _title(site: Site, view: View) -> str:
    return line(view.title) or line(site.title) or view.feed_id


def _atom_entry(site: Site, feed: FeedGenerator, item: Item) -> None:
    entry = feed.add_entry(order="append")
    entry.wall.item = item
    entry.id(item.id)
    entry.title(item.title)
    entry.updated(item.updated)
    entry.published(item.published)
    entry.author(name=item.author)
    if item.alternate:
        entry.link(href=item.alternate, rel="alternate")
    if item.origin.rights:
        entry.rights(item.origin.rights)
    _say_atom_content(entry, item)
    _categorise(site, entry, item)


def _say_atom_content(entry: FeedEntry, item: Item) -> None:
    """Give content and summary. An entry without a link must have a content (RFC 4287 §4.1.2): its title then."""
    if item.content:
        entry.content(item.content, type="html")
    elif not item.alternate:
        entry.content(item.title, type="text")
    if item.summary:
        entry.summary(item.summary, type="text")


def _rss_item(site: Site, feed: FeedGenerator, item: Item) -> None:
    entry = feed.add_entry(order="append")
    entry.wall.item = item
    entry.guid(item.id, permalink=False)
    entry.title(item.title)
    if item.alternate:
        entry.link(href=item.alternate)
    if item.content:
        entry.content(item.content, type="html")
        entry.description(escape(item.summary or markup.excerpt(item.content, _EXCERPT), quote=False), isSummary=True)
    _categorise(site, entry, item)
    for enclosure in item.enclosures[:1]:  # RSS has one; the others are said as media
        entry.enclosure(enclosure.url, str(enclosure.length), enclosure.type)
    if item.origin.link:
        entry.source(item.origin.link, item.origin.title)


def _categorise(site: Site, entry: FeedEntry, item: Item) -> None:
    scheme = site.url + CHANNEL_FOLDER
    for channel in item.channels:
        entry.category(term=channel.slug, scheme=scheme, label=line(channel.title) or channel.slug)
    for tag in item.tags:
        entry.category(term=tag)


def _extend_atom(entry: Any, item: Item) -> None:
    if item.language:
        entry.set(_LANG, item.language)
    for link in entry.iterfind("link"):
        link.set("rel", "alternate")
    if item.link and item.page:
        _link(entry, rel="related", href=item.page, type="text/html")
    for told in item.related:
        if told.link:
            _link(entry, rel="related", href=told.link, title=f"{told.source}: {told.title}")
    for enclosure in item.enclosures:
        length = {"length": str(enclosure.length)} if enclosure.length else {}
        title = {"title": enclosure.title} if enclosure.title else {}
        _link(entry, rel="enclosure", href=enclosure.url, type=enclosure.type, **length, **title)
    podcast.extend(entry, item)
    _add_source(entry, item.origin)


def _add_source(entry: Any, origin: Origin) -> None:
    source = etree.SubElement(entry, "source")
    _add(source, "id", origin.id)
    _add(source, "title", origin.title)
    _add(source, "updated", origin.updated.isoformat())
    if origin.link:
        _link(source, rel="alternate", href=origin.link)
    if origin.rights:
        _add(source, "rights", origin.rights)
    if origin.icon:
        _add(source, "icon", origin.icon)


def _extend_rss(entry: Any, item: Item) -> None:
    _add(entry, f"{{{_DC}}}creator", item.author)
    if item.origin.rights:
        _add(entry, f"{{{_DC}}}rights", item.origin.rights)
    if item.language:
        _add(entry, f"{{{_DC}}}language", item.language)
    _add(entry, "pubDate", format_datetime(item.shown))
    for enclosure in item.enclosures[1:]:
        etree.SubElement(entry, f"{{{_MEDIA}}}content", _media(enclosure))
    podcast.extend(entry, item)


def _media(enclosure: Enclosure) -> dict[str, str]:
    """Give the attributes of a Media RSS content."""
    kind = enclosure.type.partition("/")[0]
    medium = {"medium": kind} if kind in ("audio", "image", "video") else {}
    size = {"fileSize": str(enclosure.length)} if enclosure.length else {}
    return {"url": enclosure.url, "type": enclosure.type, **medium, **size}


def _add(parent: Any, name: str, text: str) -> None:
    etree.SubElement(parent, name).text = text


def _link(parent: Any, **attributes: str) -> None:
    etree.SubElement(parent, "link", attributes)


def _styled(site: Site, view: View, document: bytes) -> bytes:
    """Let a browser show the feed as a page that says what it is (W3C xml-stylesheet); readers do not mind."""
    if "html" not in site.formats:
        return document
    declaration, _, rest = document.partition(b"\n")
    style = f'<?xml-stylesheet type="text/css" href="{to_root(view.file)}static/feed.css"?>\n'
    return declaration + b"\n" + style.encode() + rest


def _text(document: bytes) -> bytes:
    return document if document.endswith(b"\n") else document + b"\n"

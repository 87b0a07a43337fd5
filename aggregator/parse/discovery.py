"""Where is the feed of this page? What the page names, what it links to, and where feeds usually stand."""

import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

from aggregator.parse import document, json_text, page
from aggregator.records import FeedLink, Unreadable
from aggregator.urls import resolve

_MAX_LINKS = 20
_MAX_TITLE = 300

_FEEDS = ("application/rss+xml", "application/atom+xml", "application/feed+json", "application/rdf+xml")
_PERHAPS = ("application/json", "application/xml", "text/xml")
_ROOTS = ("rss", "feed", "rdf", "channel", "opml")
_PATH = re.compile(r"(?:/(?:feed|rss|atom)/?|/(?:feed|rss2?|atom|index)\.(?:xml|rdf|json)|\.(?:rss|atom|rdf))\Z", re.I)
_QUERY = re.compile(r"(?:^|&)feed=(?:rss2?|atom|rdf|json)(?:&|$)", re.I)
_COMMENTS = re.compile(r"\bcomments\b|评论|評論", re.I)
_PLACES = ("feed", "rss.xml", "atom.xml", "index.xml", "feed.xml", "rss", "feed.json")

_DECLARED, _DECLARED_PERHAPS, _LINKED, _OF_COMMENTS = range(4)


def feed_links(body: bytes, url: str, content_type: str = "") -> tuple[FeedLink, ...]:
    """Give the feeds that a page from `url` names, the likeliest first, 20 at most; none where it is a feed itself.

    First come those it declares (`<link rel="alternate">`, HTML §4.6.7.1), then links whose address looks like a
    feed's, and last the feeds of comments. All are absolute http addresses.
    """
    plain = document.unpacked(body)
    text = document.decode(plain, content_type)[0] if plain else ""
    opened = page.opened("" if json_text.is_json(text) else text)
    if isinstance(opened, Unreadable) or _is_feed(opened):
        return ()
    base = page.base_of(opened, url)
    judged = sorted((_judged(node, base) for node in opened.css("link[href], a[href]")), key=lambda pair: pair[0])
    found: dict[str, FeedLink] = {}
    for rank, link in judged:
        if rank <= _OF_COMMENTS:
            found.setdefault(link.url, link)
    return tuple(found.values())[:_MAX_LINKS]


def usual_places(url: str) -> tuple[str, ...]:
    """Give the addresses where a site's feed usually stands: below the page itself, then at the top of its host."""
    if not _is_web(url):
        return ()
    path = resolve(url, url).partition("?")[0].partition("#")[0].rstrip("/")
    bases = (f"{path}/", resolve(url, "/"))
    return tuple(dict.fromkeys(resolve(base, place) for base in bases for place in _PLACES))


def _is_feed(opened: LexborHTMLParser) -> bool:
    """Tell a feed by its root element, which an HTML parser puts first into the body."""
    first = next(opened.body.iter(), None) if opened.body is not None else None
    return first is not None and str(first.tag).rpartition(":")[2] in _ROOTS


def _judged(node: LexborNode, base: str) -> tuple[int, FeedLink]:
    """Give what an element leads to with its rank, the smaller the likelier a feed; beyond the last rank is none."""
    url = resolve(base, page.attribute(node, "href"))
    kind = page.attribute(node, "type").partition(";")[0].strip().lower()
    title = page.attribute(node, "title") or (page.plain(node) if node.tag == "a" else "")
    link = FeedLink(url, " ".join(title.split())[:_MAX_TITLE], kind if node.tag == "link" else "")
    rank = _declared(page.attribute(node, "rel"), kind) if node.tag == "link" else _linked(url)
    if rank is None or not _is_web(url):
        return _OF_COMMENTS + 1, link
    return _OF_COMMENTS if _COMMENTS.search(f"{title} {url}") else rank, link


def _declared(relation: str, kind: str) -> int | None:
    """Rank a `<link>` by its relation and media type; None where it is none to a feed."""
    relations = relation.lower().split()
    if "alternate" in relations and kind in _FEEDS:
        return _DECLARED
    is_perhaps = "alternate" in relations and "stylesheet" not in relations and kind in _PERHAPS
    return _DECLARED_PERHAPS if is_perhaps else None


def _linked(url: str) -> int | None:
    address, _, query = url.partition("#")[0].partition("?")
    return _LINKED if _PATH.search(address) or _QUERY.search(query) else None


def _is_web(url: str) -> bool:
    return url.startswith(("http://", "https://")) and bool(resolve("", url))

"""For search engines: which pages there are (sitemaps.org 0.9), and that the page of results is not among them.

Articles are listed in blocks of their numbers in the store, so that a new one changes one file of a thousand addresses.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from xml.sax.saxutils import escape

from aggregator.publish.addresses import ROBOTS, SEARCH, SITEMAP, SOURCES, article_path, channel_path
from aggregator.records import Channel, Document, Listing, Site

_NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"
_PAGES = "sitemap-pages.xml"


def robots_document(site: Site) -> Document:
    """Say where search engines find what there is, and where they need not look."""
    lines = ("User-agent: *", f"Disallow: /{SEARCH}", "Disallow: /status", f"Sitemap: {site.url}{SITEMAP}")
    return Document(ROBOTS, "".join(f"{line}\n" for line in lines).encode())


def sitemap_documents(site: Site, last_block: int) -> Document:
    """List the files of addresses, those of articles up to the last block."""
    names = (_PAGES, *(_block(number) for number in range(last_block + 1)))
    places = "".join(f"<sitemap><loc>{escape(site.url + name)}</loc></sitemap>\n" for name in names)
    return _document(SITEMAP, "sitemapindex", places)


def sitemap_paths(block: int) -> tuple[str, ...]:
    """Give the files that there are for search engines, with one block of articles."""
    return ROBOTS, SITEMAP, _PAGES, _block(block)


def pages_document(site: Site, channels: Iterable[Channel]) -> Document:
    """List the pages besides articles: the home page, the sources, the channels."""
    paths = ("", SOURCES, *(channel_path(channel.slug) for channel in channels))
    return _document(_PAGES, "urlset", "".join(_url(site, path) for path in paths))


def block_document(site: Site, number: int, articles: Sequence[Listing]) -> Document:
    """List a block of articles with their last changes."""
    entries = (_url(site, article_path(one.info_code), one.updated) for one in articles)
    return _document(_block(number), "urlset", "".join(entries))


def _block(number: int) -> str:
    return f"sitemap-{number}.xml"


def _url(site: Site, path: str, changed: datetime | None = None) -> str:
    when = f"<lastmod>{changed:%Y-%m-%dT%H:%M:%SZ}</lastmod>" if changed else ""
    return f"<url><loc>{escape(site.url + path)}</loc>{when}</url>\n"


def _document(path: str, root: str, inside: str) -> Document:
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{_NAMESPACE}">\n{inside}</{root}>\n'
    return Document(path, text.encode())

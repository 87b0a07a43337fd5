"""Where published files stand: below the publish directory, and on the web below `site.url`."""

import re
from functools import lru_cache

from aggregator.errors import PublishError
from aggregator.publish.view import CHANNEL_FOLDER, View
from aggregator.records import Site

INDEX = "index.html"
OPML = "opml.xml"
GONE = "gone.json"
SOURCES = "sources.html"
SEARCH = "search"
SITEMAP = "sitemap.xml"
ROBOTS = "robots.txt"
FEED_TYPES = {
    "atom": "application/atom+xml",
    "rss": "application/rss+xml",
    "json": "application/feed+json",
}
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NO_IRI = re.compile('[\x00-\x20\x7f-\xa0<>"{}|\\\\^`\u2028\u2029]')


def checked(path: str) -> str:
    """Give a path back if every part of it is safe below the publish directory and in a URL.

    Raises: PublishError for an absolute path, `..`, a hidden file, or a character outside `A-Za-z0-9._-`.
    """
    if not all(_PART.fullmatch(part) for part in path.split("/")):
        raise PublishError(
            f"path {path!r} cannot be published: each part must start with a letter or digit"
            " and hold only A-Z, a-z, 0-9, '.', '_' and '-'"
        )
    return path


@lru_cache(maxsize=8_192)  # a block for search engines lists a thousand of them, whenever one is new
def article_path(info_code: str) -> str:
    """Give the path of an article's page. Raises: PublishError when the code cannot stand in a path."""
    return checked(f"article/{info_code}.html")


def channel_path(slug: str) -> str:
    """Give the path of a channel's page. Raises: PublishError when the slug cannot stand in a path."""
    return checked(f"{CHANNEL_FOLDER}{slug}.html")


def view_page(view: View) -> str:
    """Give the address of a view's HTML page relative to the site: for what is no channel it is the site itself."""
    return checked(f"{view.path}.html") if view.path.startswith(CHANNEL_FOLDER) else ""


def home_page(site: Site, view: View) -> str:
    """Give the absolute address of the page that says the same as a feed, the site's where pages are not published."""
    return site.url + view_page(view) if "html" in site.formats else site.url


def feed_formats(site: Site) -> tuple[str, ...]:
    """Give the formats that are subscribed to, in the configured order: all but the pages."""
    return tuple(name for name in site.formats if name in FEED_TYPES)


def self_address(site: Site, view: View, extension: str) -> str:
    """Give the absolute address of a feed document."""
    return f"{site.url}{view.file}.{extension}"


def sources_path(page: int) -> str:
    """Give the path of a page of the list of sources."""
    return f"sources-{page}.html" if page > 1 else SOURCES


def to_root(path: str) -> str:
    """Give the relative way from a page to the top, so that the folder works under any prefix."""
    return "../" * path.count("/")


def web_address(url: str) -> str:
    """Give an http(s) address with what no IRI may hold escaped (RFC 3987 §2.2), or nothing for any other scheme."""
    url = url.strip()
    if not url.lower().startswith(("http://", "https://")):
        return ""
    return _NO_IRI.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), url)

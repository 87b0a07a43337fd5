"""Bytes become entries: what is this document, and what does it say?

`read`, `article`, `article_page`, `outlines` and `feed_links` are pure; they are meant to run in a `WorkerPool`,
because a hostile document can take minutes or gigabytes.
"""

import dataclasses
from collections.abc import Container

from aggregator.parse import delta, document, fulltext, json_feed, json_text, mapped, page, with_feedparser
from aggregator.parse.discovery import feed_links, usual_places
from aggregator.parse.document import decode
from aggregator.parse.jekyll import read_post
from aggregator.parse.opml import outlines
from aggregator.parse.worker import WorkerPool
from aggregator.records import ArticleRule, ListRules, PageRules, ParsedFeed, RawEntry, Unreadable

__all__ = [
    "WorkerPool",
    "article",
    "article_page",
    "decode",
    "feed_links",
    "outlines",
    "read",
    "read_post",
    "usual_places",
]


def read(
    body: bytes,
    *,
    url: str,
    content_type: str = "",
    rules: ListRules | PageRules | None = None,
    seen: Container[str] = frozenset(),
) -> ParsedFeed | Unreadable:
    """Read a document that came from `url`: with rules as a JSON list or an HTML page, without as a feed
    (JSON Feed, RSS, Atom).

    Whatever the bytes are, the answer is a feed or the reason why it is none. `seen` are the digests of entries that
    need not be read again (`delta.read`).
    """
    opened = _opened(body, content_type)
    if isinstance(opened, Unreadable):
        return opened
    text, warnings = opened
    if isinstance(rules, PageRules):
        result = page.read(text, rules, url)
    elif rules is not None:
        result = mapped.read(text, rules)
    elif json_text.is_json(text):
        result = json_feed.read(text, url)
    else:
        result = delta.read(text, url, with_feedparser.read, seen)
    if isinstance(result, Unreadable) or not warnings:
        return result
    return dataclasses.replace(result, warnings=(*warnings, *result.warnings))


def article(body: bytes, *, content_type: str, rule: ArticleRule) -> RawEntry | Unreadable:
    """Read the text of one article from the JSON that the second request gave."""
    opened = _opened(body, content_type)
    return opened if isinstance(opened, Unreadable) else mapped.article(opened[0], rule)


def article_page(
    body: bytes, *, url: str, content_type: str = "", selector: bool | str, title: str = ""
) -> RawEntry | Unreadable:
    """Read the text of one article from its page, which came from `url`: what a CSS selector says, or (True) where
    most of the text stands. A heading that repeats the article's `title` is left out."""
    opened = _opened(body, content_type)
    return opened if isinstance(opened, Unreadable) else fulltext.read(opened[0], url, selector, title)


def _opened(body: bytes, content_type: str) -> tuple[str, tuple[str, ...]] | Unreadable:
    """Give the document's text, or why it has none."""
    plain = document.unpacked(body)
    if plain is None:
        return Unreadable(f"a gzip file that unpacks to more than {document.MAX_UNPACKED_BYTES:,} bytes")
    if document.is_binary(plain):
        return Unreadable(f"not text: {len(plain):,} bytes that begin with {plain[:8].hex(' ')}")
    text, warnings = decode(plain, content_type)
    return (text, warnings) if text.strip() else Unreadable(document.description(text))

"""Bytes become entries: what is this document, and what does it say?

`read`, `article`, `article_page`, `outlines` and `feed_links` are pure; they are meant to run in a `WorkerPool`,
because a hostile document can take minutes or gigabytes.
"""

import dataclasses
from collections.abc import Container
from functools import partial
from typing import TYPE_CHECKING

from aggregator.lazy import parts_of
from aggregator.parse import document, json_text
from aggregator.parse.document import decode
from aggregator.records import ArticleRule, ListRules, PageRules, ParsedFeed, RawEntry, Unreadable

if TYPE_CHECKING:
    from aggregator.parse.discovery import feed_links, usual_places
    from aggregator.parse.jekyll import read_post
    from aggregator.parse.opml import outlines
    from aggregator.parse.worker import WorkerPool

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
    plainly: bool = True,
) -> ParsedFeed | Unreadable:
    """Read a document that came from `url`: with rules as a JSON list or an HTML page, without as a feed
    (JSON Feed, RSS, Atom).

    Whatever the bytes are, the answer is a feed or the reason why it is none. `seen` are the digests of entries that
    need not be read again (`delta.read`); `plainly`: feedparser is asked only where it knows better.
    """
    opened = _opened(body, content_type)
    if isinstance(opened, Unreadable):
        return opened
    text, warnings = opened
    result = _read(text, url, rules, seen, plainly)
    if isinstance(result, Unreadable) or not warnings:
        return result
    return dataclasses.replace(result, warnings=(*warnings, *result.warnings))


def _read(
    text: str, url: str, rules: ListRules | PageRules | None, seen: Container[str], plainly: bool
) -> ParsedFeed | Unreadable:
    """Each reader is loaded when it is first needed: feedparser alone takes a tenth of a second."""
    if isinstance(rules, PageRules):
        from aggregator.parse import page

        return page.read(text, rules, url)
    if rules is not None:
        from aggregator.parse import mapped

        return mapped.read(text, rules)
    if json_text.is_json(text):
        from aggregator.parse import json_feed

        return json_feed.read(text, url)
    from aggregator.parse import delta, with_feedparser

    return delta.read(text, url, partial(with_feedparser.read, plainly=plainly), seen)


def article(body: bytes, *, content_type: str, rule: ArticleRule) -> RawEntry | Unreadable:
    """Read the text of one article from the JSON that the second request gave."""
    from aggregator.parse import mapped

    opened = _opened(body, content_type)
    return opened if isinstance(opened, Unreadable) else mapped.article(opened[0], rule)


def article_page(
    body: bytes, *, url: str, content_type: str = "", selector: bool | str, title: str = ""
) -> RawEntry | Unreadable:
    """Read the text of one article from its page, which came from `url`: what a CSS selector says, or (True) where
    most of the text stands. A heading that repeats the article's `title` is left out."""
    from aggregator.parse import fulltext

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


_PLACES = {
    "WorkerPool": "worker",
    "feed_links": "discovery",
    "outlines": "opml",
    "read_post": "jekyll",
    "usual_places": "discovery",
}


if not TYPE_CHECKING:  # the main process reads no documents, and most workers only feeds
    __getattr__ = parts_of(__name__, _PLACES)

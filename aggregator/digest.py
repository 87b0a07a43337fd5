"""What happens to a document in the worker process: parse, then normalise. Pure, and picklable by name.

It stands beside the spine and not in it, so that a worker loads only what it needs.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from aggregator import categorise
from aggregator import parse as parsing
from aggregator.identify import recognised
from aggregator.identify.duplicates import fingerprint
from aggregator.markup import text_of
from aggregator.normalise import facts as facts_of
from aggregator.normalise import normalise, withdrawals
from aggregator.records import (
    Entry,
    FeedLink,
    Fetched,
    Fingerprint,
    Intake,
    ListRules,
    Outline,
    ParsedFeed,
    Post,
    PostFile,
    RawEntry,
    Source,
    Unreadable,
)

if TYPE_CHECKING:
    from aggregator.categorise import PostNaming


def digest(
    fetched: Fetched, source: Source, now: datetime, seen: frozenset[str] = frozenset(), plainly: bool = True
) -> Intake | Unreadable:
    """Parse and normalise a document. An entry that cannot be read is a problem, and does not harm the others.

    Entries whose digests are `seen` come back with nothing but their digest, `repeated`, where that is safe.
    Plain feeds are read without feedparser (`plainly`).
    """
    read = partial(parsing.read, content_type=fetched.header("content-type") or "", rules=source.rules, seen=seen)
    feed = read(fetched.body, url=fetched.url, plainly=plainly)
    if isinstance(feed, Unreadable):
        return feed
    problems = list(feed.warnings)
    entries: list[Entry] = []
    prints: dict[str, Fingerprint | None] = {}
    for number, raw in enumerate(feed.entries, 1):
        if raw.repeated:
            entries.append(Entry(source.name, digest=raw.digest, repeated=True))
            continue
        try:
            entry = normalise(raw, source=source, feed=feed, url=fetched.url, now=now)
        except Exception as error:  # an edge: whatever is wrong with one entry stays with it
            problems.append(f"entry {number} ({raw.title[:60]!r}) cannot be read: {type(error).__name__}: {error}")
            continue
        if entry is not None:
            entries.append(replace(entry, digest=raw.digest))
            prints |= _print(entries[-1])
    facts = facts_of(feed, fetched.url, source=source, now=now)
    withdrawn = withdrawals(feed, entries, source, now)
    gone = {withdrawal.guid for withdrawal in withdrawn}
    entries = [entry for entry in entries if entry.guid not in gone]
    facts = replace(facts, title=source.title or facts.title)
    return Intake(facts, tuple(entries), tuple(problems), withdrawn, prints)


def _print(entry: Entry) -> dict[str, Fingerprint | None]:
    """Make the fingerprint of what is most likely new: what the document before did not hold in these words, and will
    not get another text."""
    if not entry.digest or entry.article_url:
        return {}
    try:
        return {entry.fingerprint: fingerprint(entry.title, entry.content or entry.summary)}
    except Exception:  # an edge: an article without a fingerprint is better than a document without the article
        return {}


def digest_article(fetched: Fetched, entry: Entry, source: Source, now: datetime) -> Entry | Unreadable:
    """Give the entry with the text that its second request brought."""
    if source.fulltext:
        return _digest_page(fetched, entry, source, now)
    assert isinstance(source.rules, ListRules)
    assert source.rules.article is not None
    content_type = fetched.header("content-type") or ""
    raw = parsing.article(fetched.body, content_type=content_type, rule=source.rules.article)
    if isinstance(raw, Unreadable):
        return raw
    if not raw.content.strip():
        return Unreadable("the article's text is empty")
    joined, feed = _joined(entry, raw), ParsedFeed("list")
    whole = normalise(joined, source=source, feed=feed, url=entry.link or fetched.url, now=now)
    return _with_row(whole, entry) if whole else Unreadable("empty")


def _digest_page(fetched: Fetched, entry: Entry, source: Source, now: datetime) -> Entry | Unreadable:
    """Give the entry with the text of its page; or with its own, where the page's is shorter."""
    content_type = fetched.header("content-type") or ""
    raw = parsing.article_page(
        fetched.body, url=fetched.url, content_type=content_type, selector=source.fulltext, title=entry.title
    )
    if isinstance(raw, Unreadable):
        return raw
    joined = replace(_joined(entry, raw), base=raw.base)
    whole = normalise(joined, source=source, feed=ParsedFeed("page"), url=fetched.url, now=now)
    is_more = whole is not None and len(text_of(whole.content)) > len(text_of(entry.content or entry.summary))
    return _with_row(whole if whole and is_more else entry, entry)


def _with_row(whole: Entry, entry: Entry) -> Entry:
    return replace(whole, row_fingerprint=entry.row_fingerprint or entry.fingerprint)


def _joined(entry: Entry, article: RawEntry) -> RawEntry:
    """What the list said, with what the article says put over it."""
    return RawEntry(
        guid=entry.guid,
        link=entry.link,
        title=article.title or entry.title,
        title_type=article.title_type if article.title else "text",
        summary=entry.summary,
        content=article.content,
        content_type=article.content_type,
        author=article.author or entry.author,
        outlet=article.outlet or entry.outlet,
        published=article.published or entry.published_text,
        updated=entry.updated.isoformat() if entry.updated else "",
        language=entry.language,
        tags=entry.tags,
        enclosures=entry.enclosures,
        info_code=entry.info_code,
        article_url=entry.article_url,
    )


def digest_posts(
    files: Sequence[PostFile], source: Source, site_url: str, naming: "PostNaming", now: datetime
) -> tuple[tuple[Post, ...], tuple[str, ...]]:
    """Parse and normalise posts of a Jekyll site; give those to take in, and what is wrong with the others."""
    posts, problems = [], []
    for file in files:
        try:
            found = _post(file, source, site_url, naming, now)
        except Exception as error:  # an edge: whatever is wrong with one post stays with it
            found = Unreadable(f"cannot be read: {type(error).__name__}: {error}")
        if isinstance(found, Unreadable):
            problems.append(f"{file.path}: {found.detail}")
        else:
            posts.append(found)
    return tuple(posts), tuple(problems)


def _post(file: PostFile, source: Source, site_url: str, naming: "PostNaming", now: datetime) -> Post | Unreadable:
    raw = parsing.read_post(file)
    if isinstance(raw, Unreadable):
        return raw
    names = categorise.names_of_post(raw, naming)
    code = recognised(file.stem) or (f"{file.day}-{file.stem}" if file.twin else file.stem)
    said = replace(raw.entry, tags=tuple(names), info_code=code)
    entry = normalise(said, source=source, feed=ParsedFeed("post"), url=site_url, now=now)
    if entry is None or not (raw.entry.title or entry.content or entry.link):
        return Unreadable("it says nothing: neither title nor text")
    if entry.published is None:
        return Unreadable(f"it has no date ({entry.published_text!r} is none), nor has its file's name or code")
    return Post(file.path, entry, names, raw.note)


def fingerprints(texts: Sequence[tuple[str, str]]) -> tuple[Fingerprint | None, ...]:
    """Give the fingerprints of articles, from title and HTML."""
    return tuple(fingerprint(title, html) for title, html in texts)


def found_feeds(fetched: Fetched) -> tuple[FeedLink, ...]:
    """Give the feeds that a page names, those of comments last."""
    return parsing.feed_links(fetched.body, fetched.url, fetched.header("content-type") or "")


def subscriptions(fetched: Fetched) -> tuple[Outline, ...] | Unreadable:
    """Give the subscriptions of an OPML document."""
    return parsing.outlines(fetched.body, fetched.header("content-type") or "")

"""The pages that people read: the home page, a page per channel, a page per article, and their style sheet.

Pages hold no script and nothing inline, so a strict Content-Security-Policy fits them, and link to each other
relatively, so that the folder works under any prefix and from any static host.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from html import escape
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from aggregator import markup
from aggregator.publish.addresses import (
    FEED_TYPES,
    INDEX,
    OPML,
    article_path,
    channel_path,
    feed_formats,
    to_root,
)
from aggregator.publish.item import Item, item_of, language, line, local
from aggregator.publish.view import SITE_PATH, View
from aggregator.publish.words import Words, words_in
from aggregator.records import Channel, ChannelSummary, Document, Site

EXCERPT_LIMIT = 140
LEAD_LIMIT = 280
LATEST = 5
PER_CHANNEL = 5
FORMAT_NAMES = {"atom": "Atom", "rss": "RSS", "json": "JSON Feed"}


@dataclass(frozen=True, slots=True)
class Card:
    """An article as a list shows it; `href` is relative to the list's page."""

    href: str
    title: str
    outlet: str
    time: datetime
    excerpt: str
    language: str


@dataclass(frozen=True, slots=True)
class Column:
    """A channel as the home page shows it."""

    href: str
    title: str
    count: int
    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class FeedLink:
    """A feed to subscribe to: its place relative to the page, and the address to copy."""

    href: str
    address: str
    type: str
    name: str
    title: str


def index_page(site: Site, channels: Sequence[ChannelSummary]) -> bytes:
    """Render the home page. Raises as `item_of` does."""
    changes = [summary.updated for summary in channels if summary.updated]
    return _render(
        "index.html",
        site,
        INDEX,
        title=line(site.title),
        feeds=_feeds(site, SITE_PATH, INDEX, site.title),
        opml=OPML,
        latest=_latest(site, channels),
        columns=[_column(site, summary) for summary in channels],
        updated=local(site, max(changes)) if changes else None,
        noindex=False,
    )


def channel_page(site: Site, view: View, channel: Channel) -> bytes:
    """Render a channel's page. Raises as `item_of` does."""
    path = channel_path(channel.slug)
    return _render(
        "channel.html",
        site,
        path,
        title=line(channel.title) or channel.slug,
        feeds=_feeds(site, view.path, path, channel.title),
        cards=[_card(item_of(site, entry), path) for entry in view.entries],
        updated=local(site, view.updated) if view.entries else None,
        noindex=view.noindex,
    )


def article_page(site: Site, item: Item, *, noindex: bool = False) -> bytes:
    """Render an article's page."""
    path = article_path(item.code)
    channels = [(channel_path(channel.slug), line(channel.title) or channel.slug) for channel in item.channels]
    return _render(
        "article.html",
        site,
        path,
        title=item.title,
        feeds=_feeds(site, SITE_PATH, path, site.title),
        item=item,
        content=Markup(item.content),  # sanitised by normalise, the last step before the store
        description=_excerpt(item, EXCERPT_LIMIT),
        channels=channels,
        slugs=" ".join(channel.slug for channel in item.channels),
        noindex=noindex,
    )


def static_documents() -> list[Document]:
    """Give the files that pages need beside them, published below `static/`: the folder is complete by itself."""
    folder = resources.files("aggregator") / "static"
    names = sorted(file.name for file in folder.iterdir() if file.name.endswith((".css", ".svg")))
    return [Document(f"static/{name}", (folder / name).read_bytes()) for name in names]


def _render(template: str, site: Site, path: str, **facts: object) -> bytes:
    words = words_in(site.language)
    page = _environment().get_template(template)
    said = replace(site, title=line(site.title), author=line(site.author))
    facts |= {"site": said, "words": words, "root": to_root(path), "home": to_root(path) + INDEX}
    tag = language(site.language) or ("zh" if words.chinese else "en")
    return page.render(facts, language=tag).encode()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("aggregator"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    environment.filters["moment"] = _moment
    environment.filters["day"] = _day
    return environment


def _moment(time: datetime, words: Words) -> Markup:
    return Markup('<time datetime="{}">{}</time>').format(time.isoformat(), words.moment(time))


def _day(time: datetime, words: Words) -> Markup:
    return Markup('<time datetime="{}">{}</time>').format(time.isoformat(), words.day(time))


def _feeds(site: Site, feed_path: str, page_path: str, title: str) -> list[FeedLink]:
    return [
        FeedLink(
            href=f"{to_root(page_path)}{feed_path}.{extension}",
            address=f"{site.url}{feed_path}.{extension}",
            type=FEED_TYPES[extension],
            name=FORMAT_NAMES[extension],
            title=f"{line(title)} ({FORMAT_NAMES[extension]})",
        )
        for extension in feed_formats(site)
    ]


def _card(item: Item, page_path: str, limit: int = EXCERPT_LIMIT) -> Card:
    return Card(
        href=to_root(page_path) + article_path(item.code),
        title=item.title,
        outlet=item.outlet,
        time=item.shown,
        excerpt=_excerpt(item, limit),
        language=item.language,
    )


def _column(site: Site, summary: ChannelSummary) -> Column:
    channel = summary.channel
    cards = (_card(item_of(site, entry), INDEX) for entry in summary.newest[:PER_CHANNEL])
    return Column(channel_path(channel.slug), line(channel.title) or channel.slug, summary.count, tuple(cards))


def _excerpt(item: Item, limit: int) -> str:
    """Give the beginning of the summary, else of the text; a summary is plain already and must not be read as HTML."""
    return markup.excerpt(escape(item.summary) if item.summary else item.content, limit)


def _latest(site: Site, channels: Iterable[ChannelSummary]) -> list[Card]:
    """Give the newest articles of all channels, each once; the store's number breaks ties."""
    entries = {entry.info_code: entry for summary in channels for entry in summary.newest}
    newest = sorted(entries.values(), key=lambda entry: (entry.sort_date, entry.seq), reverse=True)
    limits = (LEAD_LIMIT, *[EXCERPT_LIMIT] * (LATEST - 1))
    return [_card(item_of(site, entry), INDEX, limit) for entry, limit in zip(newest, limits, strict=False)]

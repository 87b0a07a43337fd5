"""The pages that people read: the home page, a page per channel, a page per article, and their style sheet.

Pages hold no script and nothing inline, so a strict Content-Security-Policy fits them, and link to each other
relatively, so that the folder works under any prefix and from any static host.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, lru_cache
from html import escape, unescape
from importlib import resources
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader, StrictUndefined
from markupsafe import Markup

from aggregator import markup
from aggregator.publish.addresses import (
    FEED_TYPES,
    INDEX,
    OPML,
    SEARCH,
    article_path,
    channel_path,
    checked,
    feed_formats,
    sources_path,
    to_root,
)
from aggregator.publish.item import Item, item_of, language, line, local
from aggregator.publish.view import SITE_PATH, View, archive_file
from aggregator.publish.words import Words, words_in
from aggregator.records import Channel, ChannelSummary, Document, Remark, Site, SourceNote, StoredEntry

EXCERPT_LIMIT = 140
LEAD_LIMIT = 280
LATEST = 5
LATEST_OF_ONE = 2  # source, as long as others have something
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
    direction: str


@dataclass(frozen=True, slots=True)
class Column:
    """A channel as the home page shows it."""

    href: str
    title: str
    count: int
    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """An article that was found. `snippet` is cut into parts, each with whether it is what was asked for."""

    card: Card
    snippet: tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """What there is to say of a search besides what it found: `page` of it is shown, from 1 on, and `more` can be had.
    `count` is how many articles there are, about, unless that is `exact`."""

    query: str = ""
    page: int = 1
    more: bool = False
    count: int = 0
    exact: bool = True
    remarks: tuple[Remark, ...] = ()


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
        feeds=_feeds(site, SITE_PATH, to_root(INDEX), site.title),
        opml=OPML,
        latest=_latest(site, channels),
        columns=[_column(site, summary) for summary in channels],
        updated=local(site, max(changes)) if changes else None,
        noindex=False,
    )


def channel_page(site: Site, view: View, channel: Channel) -> bytes:
    """Render a channel's page: its newest articles, or one part of its history. Raises as `item_of` does."""
    path = checked(f"{view.file}.html")
    chain = view.chain
    newer = archive_file(view.path, chain.after) if chain.after else view.path
    return _render(
        "channel.html",
        site,
        path,
        title=line(channel.title) or channel.slug,
        feeds=_feeds(site, view.path, to_root(path), channel.title),
        cards=[_card(item_of(site, entry), path) for entry in view.entries],
        updated=local(site, view.updated) if view.entries and not chain.number else None,
        noindex=view.noindex,
        number=chain.number,
        older=to_root(path) + archive_file(view.path, chain.before) + ".html" if chain.before else "",
        newer=f"{to_root(path)}{newer}.html" if chain.number else "",
    )


def sources_page(site: Site, sources: Sequence[SourceNote], page: int = 1, last: int = 1) -> bytes:
    """Render a page of the list of all sources."""
    return _render(
        "sources.html",
        site,
        sources_path(page),
        title=words_in(site.language).sources,
        sources=sources,
        page=page,
        last=last,
        before=sources_path(page - 1) if page > 1 else "",
        after=sources_path(page + 1) if page < last else "",
    )


def search_page(site: Site, facts: Facts, hits: Sequence[Result]) -> bytes:
    """Render the page of what was found; without a query, the form and what can be typed into it."""
    title = words_in(site.language).search
    return _render("search.html", site, SEARCH, title=title, results=facts, hits=hits, noindex=True)


def result_of(site: Site, entry: StoredEntry, snippet: str, marks: Sequence[tuple[int, int]]) -> Result:
    """Make an article that was found ready for the page of results. Raises as `item_of` does."""
    return Result(_card(item_of(site, entry), SEARCH), tuple(_parts(markup.legal(snippet), marks)))


def _parts(snippet: str, marks: Sequence[tuple[int, int]]) -> Iterator[tuple[str, bool]]:
    """Cut a snippet where its marks begin and end: each part, and whether it is marked."""
    at = 0
    for begin, end in marks:
        yield snippet[at:begin], False
        yield snippet[begin:end], True
        at = end
    yield snippet[at:], False


def article_page(site: Site, item: Item, *, noindex: bool = False) -> bytes:
    """Render an article's page."""
    path = article_path(item.code)
    channels = [(channel_path(channel.slug), line(channel.title) or channel.slug) for channel in item.channels]
    return _render(
        "article.html",
        site,
        path,
        title=item.title,
        feeds=_feeds(site, SITE_PATH, to_root(path), site.title),
        item=item,
        direction=direction(item.language),
        image=_image(item),
        content=Markup(item.content),  # sanitised by normalise, the last step before the store
        description=_excerpt(item, EXCERPT_LIMIT),
        channels=channels,
        slugs=" ".join(channel.slug for channel in item.channels),
        noindex=noindex,
    )


def static_documents(site: Site) -> list[Document]:
    """Give the files that pages need beside them, published below `static/`: the folder is complete by itself. Those of
    a theme stand before ours."""
    folder = resources.files("aggregator") / "static"
    files = {file.name: file.read_bytes() for file in folder.iterdir() if file.name.endswith((".css", ".svg"))}
    theme = Path(site.theme) / "static"
    if site.theme and theme.is_dir():
        files |= {file.name: file.read_bytes() for file in theme.iterdir() if file.is_file()}
    return [Document(checked(f"static/{name}"), body) for name, body in sorted(files.items())]


def _render(template: str, site: Site, path: str, **facts: object) -> bytes:
    words = words_in(site.language)
    page = environment(site.theme).get_template(template)
    usual = {"feeds": [], "noindex": False, "address": site.url + ("" if path == INDEX else path)}
    facts = usual | facts | {"site": _said(site), "words": words, "root": to_root(path), "home": to_root(path) + INDEX}
    tag = language(site.language) or ("zh" if words.chinese else "en")
    return page.render(facts, language=tag).encode()


@lru_cache(maxsize=4)
def _said(site: Site) -> Site:
    return replace(site, title=line(site.title), author=line(site.author))


@cache
def environment(theme: str) -> Environment:
    """Give what makes pages of templates; those of a theme come before ours, and are taken up as they are edited."""
    ours = PackageLoader("aggregator")
    found = Environment(
        loader=ChoiceLoader([FileSystemLoader(Path(theme) / "templates"), ours]) if theme else ours,
        autoescape=True,
        auto_reload=bool(theme),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    found.filters["moment"] = _moment
    found.filters["day"] = _day
    return found


def _moment(time: datetime, words: Words) -> Markup:
    return _time(time, words.moment(time))


def _day(time: datetime, words: Words, year: int) -> Markup:
    return _time(time, words.day(time, year))


def _time(time: datetime, said: str) -> Markup:
    return Markup('<time datetime="%s">%s</time>') % (time.isoformat(), said)


@lru_cache(maxsize=64)  # the pages of articles name the same
def _feeds(site: Site, feed_path: str, root: str, title: str) -> tuple[FeedLink, ...]:
    return tuple(
        FeedLink(
            href=f"{root}{feed_path}.{extension}",
            address=f"{site.url}{feed_path}.{extension}",
            type=FEED_TYPES[extension],
            name=FORMAT_NAMES[extension],
            title=f"{line(title)} ({FORMAT_NAMES[extension]})",
        )
        for extension in feed_formats(site)
    )


def _card(item: Item, page_path: str, limit: int = EXCERPT_LIMIT) -> Card:
    return Card(
        href=to_root(page_path) + article_path(item.code),
        title=item.title,
        direction=direction(item.language),
        outlet=item.outlet,
        time=item.shown,
        excerpt=_excerpt(item, limit),
        language=item.language,
    )


def _column(site: Site, summary: ChannelSummary) -> Column:
    channel = summary.channel
    cards = (_card(item_of(site, entry), INDEX) for entry in summary.newest[:PER_CHANNEL])
    return Column(channel_path(channel.slug), line(channel.title) or channel.slug, summary.count, tuple(cards))


def direction(language: str) -> str:
    """Give the direction of a language's script where it is not the usual one."""
    primary, _, others = language.lower().partition("-")
    return "rtl" if primary in _RIGHT_TO_LEFT or others.startswith(("arab", "hebr")) else ""


_RIGHT_TO_LEFT = frozenset({"ar", "arc", "ckb", "dv", "fa", "he", "iw", "ku", "ps", "sd", "syr", "ug", "ur", "yi"})


def _image(item: Item) -> str:
    """Give an image to show where an article is linked: one that belongs to it, else the first in its text."""
    owned = next((one.url for one in item.enclosures if one.type.startswith("image/")), "")
    found = _FIRST_IMAGE.search(item.content)
    return owned or (unescape(found[1]) if found else "")


_FIRST_IMAGE = re.compile(r'<img\b[^>]*?\ssrc="(https?://[^"]+)"')


def _excerpt(item: Item, limit: int) -> str:
    """Give the beginning of the summary, else of the text; a summary is plain already and must not be read as HTML."""
    return _beginning(escape(item.summary) if item.summary else item.content, limit)


@lru_cache(maxsize=2_000)  # an article stands in the lists of its channels for many publish runs
def _beginning(html: str, limit: int) -> str:
    return markup.excerpt(html, limit)


def _latest(site: Site, channels: Iterable[ChannelSummary]) -> list[Card]:
    """Give the newest articles of all channels, each once; the store's number breaks ties. One source that has just
    brought many does not fill the page while others have something, too."""
    entries = {entry.info_code: entry for summary in channels for entry in summary.newest}
    newest = sorted(entries.values(), key=_newness, reverse=True)
    limits = (LEAD_LIMIT, *[EXCERPT_LIMIT] * (LATEST - 1))
    shown = sorted([*_in_turn(newest)][:LATEST], key=_newness, reverse=True)
    return [_card(item_of(site, entry), INDEX, limit) for entry, limit in zip(shown, limits, strict=False)]


def _newness(entry: StoredEntry) -> tuple[datetime, int]:
    return entry.sort_date, entry.seq


def _in_turn(newest: Sequence[StoredEntry]) -> Iterator[StoredEntry]:
    """Give the newest of each source first, then all the others."""
    met: Counter[str] = Counter()
    others = []
    for entry in newest:
        met[entry.source] += 1
        if met[entry.source] <= LATEST_OF_ONE:
            yield entry
        else:
            others.append(entry)
    yield from others

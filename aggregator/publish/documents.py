"""The published documents of a view, a channel, an article and the home page; and what happens to a sick entry."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from jinja2 import TemplateError

from aggregator.errors import PublishError
from aggregator.publish import pages
from aggregator.publish.addresses import GONE, INDEX, article_path, channel_path, checked, sources_path
from aggregator.publish.archive import FORMATS as ARCHIVED
from aggregator.publish.atom_rss import atom, rss
from aggregator.publish.fragments import Fragments, Renderer
from aggregator.publish.item import item_of
from aggregator.publish.json_feed import json_feed
from aggregator.publish.view import CHANNEL_FOLDER, View, newest_change
from aggregator.records import Channel, ChannelSummary, Document, Site, SourceNote, StoredEntry

# What rendering one entry raises when it cannot be said: a naive time, a wrong type, a code that no path can hold.
SICKNESS = (PublishError, ValueError, TypeError, ArithmeticError, LookupError, AttributeError, TemplateError)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A view's documents; `problems` says which entries were left out of them, and why."""

    documents: tuple[Document, ...]
    problems: tuple[str, ...] = ()


def feed_documents(site: Site, view: View, fragments: Fragments | None = None) -> Rendered:
    """Render a view in every format of the site, the page of a channel included (the home page is `index_document`).

    The bytes are the same with the site's `fragments` and without, which spare what was rendered before.

    An entry that cannot be rendered in one format is left out of all and reported; the others are published. Nothing is
    tried twice as long as every entry is sound.
    Raises: PublishError when no entry can be rendered: better the documents published before than empty ones.
    """
    renderers = _renderers(site, view)
    try:
        return Rendered(_documents(site, view, renderers, fragments))
    except SICKNESS:
        sound, problems = _without_sick(site, view, renderers)
    if view.entries and not sound.entries:
        raise PublishError(f"{view.file}: none of its entries can be rendered: {problems[0]}")
    try:
        return Rendered(_documents(site, sound, renderers), problems)
    except SICKNESS as fault:
        raise PublishError(f"{view.file}: cannot be rendered: {_said(fault)}") from fault


def channel_document(site: Site, view: View, channel: Channel) -> Document:
    """Render a channel's page. Raises: PublishError when it cannot be rendered."""
    path = channel_path(channel.slug)
    return Document(path, _or_error(path, lambda: pages.channel_page(site, view, channel)))


def article_document(site: Site, entry: StoredEntry, *, noindex: bool = False) -> Document:
    """Render an article's page. Raises: PublishError when it cannot be rendered."""
    path = article_path(entry.info_code)
    return Document(path, _or_error(path, lambda: pages.article_page(site, item_of(site, entry), noindex=noindex)))


def index_document(site: Site, channels: Sequence[ChannelSummary]) -> Document:
    """Render the home page: the newest articles, then every channel in the order given with its newest titles.

    Sick entries are passed over in silence, as their channels' `feed_documents` have reported them.
    Raises: PublishError when it cannot be rendered.
    """
    sound = [replace(summary, newest=_sound(site, summary.newest)) for summary in channels]
    return Document(INDEX, _or_error(INDEX, lambda: pages.index_page(site, sound)))


def sources_document(site: Site, sources: Sequence[SourceNote], page: int = 1, last: int = 1) -> Document:
    """Render a page of the list of sources. Raises: PublishError when it cannot be rendered."""
    path = sources_path(page)
    return Document(path, _or_error(path, lambda: pages.sources_page(site, sources, page, last)))


def gone_document(channels: Mapping[str, str]) -> Document:
    """List the channels that are no more (slug → new slug, or ""), so that a web server answers 410 or 301 for them."""
    gone = [CHANNEL_FOLDER + slug for slug, target in sorted(channels.items()) if not target]
    moved = {CHANNEL_FOLDER + slug: CHANNEL_FOLDER + target for slug, target in sorted(channels.items()) if target}
    return Document(GONE, json.dumps({"gone": gone, "moved": moved}, indent=1).encode() + b"\n")


def extensions_of(site: Site, view: View) -> tuple[str, ...]:
    """Give the formats of a view's documents, by their extensions."""
    return tuple(_renderers(site, view))


def _renderers(site: Site, view: View) -> dict[str, Renderer]:
    """Give the renderers of the site's formats by extension, in the configured order."""
    known: dict[str, Renderer] = {"atom": atom, "rss": rss, "json": json_feed}
    if view.path.startswith(CHANNEL_FOLDER):
        known["html"] = _channel_page
    if view.chain.number:
        return {extension: known[extension] for extension in ARCHIVED if extension in site.formats}
    return {extension: known[extension] for extension in site.formats if extension in known}


def _channel_page(site: Site, view: View) -> bytes:
    channel = Channel(view.path.removeprefix(CHANNEL_FOLDER), view.title)
    return pages.channel_page(site, view, channel)


def _documents(
    site: Site, view: View, renderers: dict[str, Renderer], fragments: Fragments | None = None
) -> tuple[Document, ...]:
    checked(view.file)
    if fragments is not None:
        return fragments.documents(view, renderers)
    return tuple(
        Document(f"{view.file}.{extension}", render(site, view)) for extension, render in renderers.items()
    )


def _without_sick(site: Site, view: View, renderers: dict[str, Renderer]) -> tuple[View, tuple[str, ...]]:
    """Render each entry by itself to find those that cannot be, and give the view without them."""
    sound: list[StoredEntry] = []
    problems: list[str] = []
    for entry in view.entries:
        alone = replace(view, entries=(entry,))
        try:
            _documents(site, alone, renderers)
        except SICKNESS as fault:
            problems.append(f"{view.file}: entry {entry.info_code!r} of {entry.source!r} left out: {_said(fault)}")
        else:
            sound.append(entry)
    updated = newest_change(sound, view.updated, view.retracted) if problems else view.updated
    return replace(view, entries=tuple(sound), updated=updated), tuple(problems)


def _sound(site: Site, entries: Sequence[StoredEntry]) -> tuple[StoredEntry, ...]:
    return tuple(entry for entry in entries if _is_sound(site, entry))


def _is_sound(site: Site, entry: StoredEntry) -> bool:
    try:
        item_of(site, entry)
    except SICKNESS:
        return False
    return True


def _or_error(path: str, render: Callable[[], bytes]) -> bytes:
    try:
        return render()
    except SICKNESS as fault:
        raise PublishError(f"{path}: cannot be rendered: {_said(fault)}") from fault


def _said(fault: Exception) -> str:
    """Say a fault in one short line; the `repr` of an encoding error would hold the whole document."""
    return f"{type(fault).__name__}: {fault}"[:300]

"""Settings → live objects. Here, and nowhere else, the rooms are put together and the clock comes in."""

import hashlib
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from aggregator import __version__, config
from aggregator.categorise import Naming
from aggregator.config import JsonSource, Settings
from aggregator.config.settings import ArticleTable, SourceTable
from aggregator.errors import ConfigError
from aggregator.pipeline import Pipeline, Rooms, utc_now
from aggregator.records import ArticleRule, ListRules, Site, Source
from aggregator.store import Store
from aggregator.urls import fold_name

REPOSITORY = "https://github.com/aggregator/aggregator"
_RULES = ("items", "info_code", "guid", "title", "link", "published", "updated", "outlet", "author", "summary")
_MORE_RULES = ("content", "tags", "image")
_MOST_WORKERS = 4


@dataclass(frozen=True, slots=True)
class App:
    """What the commands work with. `sources` are the enabled ones, by name."""

    settings: Settings
    store: Store
    pipeline: Pipeline
    sources: dict[str, Source]


def load_settings(path: Path) -> Settings:
    """Read the configuration. Raises: ConfigError."""
    from aggregator.parse.paths import jsonpath_fault
    from aggregator.schedule.cron import crontab_fault

    return config.load(path, config.Checks(jsonpath=jsonpath_fault, crontab=crontab_fault, kinds=kinds_brought()))


def kinds_brought() -> dict[str, EntryPoint]:
    """Give the kinds of sources that other packages bring, by name.

    Raises:
        ConfigError: when two packages bring the same name, or one of ours.
    """
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group="aggregator.sources"):
        if point.name in config.BUILT_IN or point.name in found:
            taken = ", ".join([*config.BUILT_IN, *found])
            raise ConfigError([f"kind {point.name!r} of {point.value} clashes with another; taken are {taken}"])
        found[point.name] = point
    return found


@asynccontextmanager
async def assembled(settings: Settings, clock: Callable[[], datetime] = utc_now) -> AsyncIterator[App]:
    """Put everything together over an open store; take it apart at the end.

    Raises:
        StoreError: when the store cannot be opened.
    """
    from aggregator.fetch.client import Client, ClientOptions
    from aggregator.parse import WorkerPool
    from aggregator.publish import Writer
    from aggregator.publish.publisher import Publisher
    from aggregator.sources import KINDS

    sources = sources_of(settings)
    with open_store(settings, sources, clock) as store:
        site = site_of(settings, store)
        publisher = Publisher(site, Writer(settings.publish.directory))
        workers = WorkerPool(min(os.cpu_count() or 1, _MOST_WORKERS))
        options = ClientOptions(
            user_agent=user_agent(settings),
            allow_networks=tuple(settings.fetch.allow_networks),
            concurrency=settings.fetch.concurrency,
        )
        async with Client(options) as client:
            rooms = Rooms(store, client, workers, publisher, KINDS, clock)
            pipeline = Pipeline(rooms, sources=sources, naming=naming_of(settings), entries=settings.publish.entries)
            try:
                pipeline.open_channels()
                _mark_if_the_look_changed(settings, site, store)
                publisher.prepare()
                yield App(settings, store, pipeline, sources)
            finally:
                await pipeline.settle()
                await workers.aclose()


def open_store(settings: Settings, sources: dict[str, Source], clock: Callable[[], datetime] = utc_now) -> Store:
    """Open the store and tell it which sources are configured. Raises: StoreError."""
    store = Store(settings.store.path)
    store.sync_sources([(source, _reading_digest(source)) for source in sources.values()], clock())
    return store


def user_agent(settings: Settings) -> str:
    """Name this fetcher and where to ask about it (CITIZENSHIP 33)."""
    contact = settings.fetch.contact or settings.site.url
    return f"aggregator/{__version__} (+{contact})"


def site_of(settings: Settings, store: Store) -> Site:
    """Give the site; its ids keep the authority that the store was begun with."""
    site = settings.site
    return Site(
        title=site.title,
        url=site.url,
        id_authority=store.keep("id_authority", site.authority()),
        language=site.language,
        timezone=site.timezone,
        author=site.author,
        formats=tuple(settings.publish.formats),
    )


def naming_of(settings: Settings) -> Naming:
    """Give how channels are named, and which are named by hand."""
    by_hand = settings.categories.channels()
    return Naming(
        title_format=settings.categories.title_format,
        titles={slug: channel.title for slug, channel in by_hand.items() if channel.title},
        slugs={fold_name(name): slug for slug, channel in by_hand.items() for name in channel.names},
    )


def sources_of(settings: Settings) -> dict[str, Source]:
    """Give the enabled sources with the site's defaults filled in, in the order of the configuration."""
    enabled = ((name, table) for name, table in settings.sources.items() if table.enabled)
    return {name: _source(name, table, place, settings) for place, (name, table) in enumerate(enabled)}


def _source(name: str, table: SourceTable, position: int, settings: Settings) -> Source:
    fetch = settings.fetch
    interval = table.interval or fetch.interval
    return Source(
        name=name,
        url=table.url,
        kind=table.kind if isinstance(table, JsonSource) else "feed",
        position=position,
        title=None if isinstance(table, JsonSource) else table.title,  # there, `title` says where an item's title is
        categories=table.fixed_categories(),
        category_from=table.category_from,
        interval=interval,
        max_interval=max(interval, fetch.max_interval),
        timeout=table.timeout or fetch.timeout,
        max_bytes=table.max_bytes or fetch.max_bytes,
        backfill=fetch.backfill if table.backfill is None else table.backfill,
        timezone=table.timezone or settings.site.timezone,
        language=table.language,
        rules=_list_rules(table) if isinstance(table, JsonSource) else None,
    )


def _list_rules(table: JsonSource) -> ListRules:
    rules = {name: getattr(table, name) for name in (*_RULES, *_MORE_RULES)}
    return ListRules(**rules, article=_article_rule(table.article) if table.article else None)


def _article_rule(table: ArticleTable) -> ArticleRule:
    return ArticleRule(table.url, table.content, table.title, table.published, table.outlet, table.author)


def _reading_digest(source: Source) -> str:
    """A digest of what a document of the source is read by: when it changes, an unchanged document is read again."""
    kept = {name: value for name, value in asdict(source).items() if name not in _NOT_FOR_READING}
    return hashlib.sha256(repr(sorted(kept.items())).encode()).hexdigest()[:32]


_NOT_FOR_READING = ("position", "interval", "max_interval", "timeout", "max_bytes", "backfill")


def _mark_if_the_look_changed(settings: Settings, site: Site, store: Store) -> None:
    """Documents depend on the site's settings and on this version too; when those change, all are rendered again."""
    look = repr((site, settings.publish.entries, str(settings.publish.directory.resolve()), __version__))
    if store.replace("look", hashlib.sha256(look.encode()).hexdigest()):
        store.mark_all()

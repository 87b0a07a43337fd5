"""Settings → live objects. Here, and nowhere else, the rooms are put together and the clock comes in."""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial, reduce
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

from aggregator import __version__, config
from aggregator.config import AuthTable, FeedSource, HtmlSource, JsonSource, OtherSource, Settings
from aggregator.config.settings import (
    ArticleTable,
    ChannelTable,
    ConditionsTable,
    ConditionTable,
    CriteriaTable,
    PolicyTable,
    RuleTable,
    SetTable,
    SourceTable,
    TokenTable,
)
from aggregator.errors import ConfigError, StoreError, WorkerError
from aggregator.masking import credentials_in, mask
from aggregator.records import (
    ArticleRule,
    Kept,
    ListRules,
    Outline,
    PageRules,
    Policies,
    Policy,
    RawLimits,
    Retention,
    Site,
    Source,
    SourceReport,
    Unreadable,
)
from aggregator.urls import fold_name, without_login

if TYPE_CHECKING:  # each room is loaded where it is first put to work: most commands need few of them
    from aggregator.categorise import Conditions, Criteria, Field, Naming, Rule, Rulebook, Ruling
    from aggregator.channels import Wanted
    from aggregator.fetch.client import Client
    from aggregator.pipeline import Pipeline
    from aggregator.plan import Plan
    from aggregator.publish.publisher import Publisher
    from aggregator.serve import Readers, Reports, Search, ServeOptions
    from aggregator.status import Status, Tally
    from aggregator.store import Glance, SearchIndex, Store
    from aggregator.watch import Places, Watch

_RULES = ("items", "info_code", "guid", "title", "link", "published", "updated", "outlet", "author", "summary")
_MORE_RULES = ("content", "tags", "image")
_PAGE_RULES = ("items", "title", "link", "published", "author", "outlet", "summary", "content", "tags", "image")
_MOST_WORKERS = 8  # one process stores and publishes what they read; more of them would wait for it
_CHANNEL = "category/"
_SHORTEST_TOKEN = 12
_SECRET_HEADER = re.compile(r"auth|cookie|key|token|secret|password", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class App:
    """What the commands work with. `sources` are the enabled ones, by name."""

    settings: Settings
    store: Store
    pipeline: Pipeline
    sources: dict[str, Source]
    watch: Watch
    client: Client


def utc_now() -> datetime:
    """The clock: the one place where the time of day is asked for."""
    return datetime.now(UTC)


def load_settings(path: Path) -> Settings:
    """Read the configuration. Raises: ConfigError."""
    return config.load(path, checks())


def checks() -> config.Checks:
    """Give what a configuration is held to that only other rooms can judge. Raises: ConfigError."""
    kinds = kinds_brought()
    return config.Checks(
        _later("aggregator.parse.paths", "jsonpath_fault"),
        _later("aggregator.parse.page", "selector_fault"),
        _later("aggregator.schedule.cron", "crontab_fault"),
        _later("aggregator.parse.fulltext", "extractor_fault"),
        _later("aggregator.categorise.query", "query_fault"),
        _later("aggregator.categorise.patterns", "pattern_fault"),
        _later("aggregator.categorise.patterns", "replacement_fault"),
        kinds,
    )


def _later(module: str, name: str) -> Callable[..., str | None]:
    """Give a room's check, loaded when something is first to be checked by it: each brings a library."""

    def check(*texts: str) -> str | None:
        found: str | None = getattr(import_module(module), name)(*texts)
        return found

    return check


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
async def assembled(
    settings: Settings, clock: Callable[[], datetime] = utc_now, before: App | None = None
) -> AsyncIterator[App]:
    """Put everything together over an open store; take it apart at the end. It goes on in the rhythm of the one
    `before`, which fetches nothing any more.

    Raises:
        StoreError: when the store cannot be opened.
    """
    import asyncio

    sources = await asyncio.to_thread(sources_of, settings)
    with await asyncio.to_thread(open_store, settings, sources, clock) as store:
        site = site_of(settings, store)
        async with _at_work(settings, store, site, sources, clock) as (app, publisher):
            if before:
                app.client.keep_rhythm_of(before.client)
            for step in (app.pipeline.open_channels, publisher.prepare):  # requests are answered meanwhile
                await asyncio.to_thread(step)
            await asyncio.to_thread(_mark_if_the_look_changed, settings, site, store)
            yield app


def must_be_workable(settings: Settings) -> None:
    """Refuse a configuration that is well said and cannot be put to work: a secret that is not there, a channel whose
    slug has another meaning in the store.

    Raises:
        ConfigError: with what would be right.
        StoreError: when the store cannot be opened.
    """
    from aggregator.plan import Layout

    sources_of(settings)
    secrets_of(settings)
    with glance(settings) as store:
        Layout(store, channels_of(settings))


def reinstate(app: App) -> None:
    """Let the store have an app's sources again, after another configuration could not be put to work."""
    from aggregator.sources import reading_digest

    sources = sources_of(app.settings).values()
    app.store.sync_sources([(source, reading_digest(source)) for source in sources], utc_now())
    app.pipeline.open_channels()


def planned(settings: Settings) -> Plan:
    """Work out what the configuration will change in what is stored.

    Raises:
        StoreError: when the store cannot be opened, or is of an older version.
        ConfigError: where the configuration cannot be applied to this store.
    """
    from aggregator.plan import plan

    sources = sources_of(settings)
    with glance(settings) as store:
        _join(sources, store)
        return plan(store, channels_of(settings), sources)


@asynccontextmanager
async def looking(settings: Settings, clock: Callable[[], datetime] = utc_now) -> AsyncIterator[App]:
    """Put together what only looks: sources can be fetched and read, while the store and the files stay as they are.

    Raises:
        StoreError: when the store cannot be opened, or is of an older version.
    """
    sources = sources_of(settings)
    with glance(settings) as store:
        _join(sources, store)
        site = site_as_configured(settings)
        async with _at_work(settings, store, site, sources, clock) as (app, _):
            yield app


def workers_of(settings: Settings) -> int:
    """Give how many processes read documents: by the cores that we may use, unless the operator said a number."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return settings.parse.workers or min(cores, _MOST_WORKERS)


@asynccontextmanager
async def _at_work(
    settings: Settings, store: Store, site: Site, sources: dict[str, Source], clock: Callable[[], datetime]
) -> AsyncIterator[tuple[App, Publisher]]:
    from aggregator.fetch.client import Client, ClientOptions
    from aggregator.parse import WorkerPool
    from aggregator.pipeline import Limits, Pipeline, Rooms, ShortCuts
    from aggregator.publish import Writer
    from aggregator.publish.publisher import Publisher
    from aggregator.schedule.cron import next_time
    from aggregator.sources import KINDS
    from aggregator.watch import Watch

    kinds = {**KINDS, **{name: point.load() for name, point in kinds_brought().items()}}
    policies = policies_of(settings)
    writer = Writer(settings.publish.directory, brotli=settings.publish.brotli)
    debug = settings.debug
    publisher = Publisher(site, writer, policies, remembering=debug.fragments, passing=debug.gate)
    workers = WorkerPool(workers_of(settings))
    options = ClientOptions(
        user_agent=user_agent(settings),
        allow_networks=tuple(settings.fetch.allow_networks),
        concurrency=settings.fetch.concurrency,
        per_host=settings.fetch.per_host,
        spacing=settings.fetch.spacing,
        direct=debug.direct,
        wire=debug.wire,
    )
    async with Client(options) as client:
        watch = Watch(store, places_of(settings), sources, clock)
        rooms = Rooms(store, client, workers, publisher, kinds, clock, next_time, watch)
        fetch = settings.fetch
        raw = RawLimits(settings.store.raw_documents, settings.store.raw_bytes)
        cuts = ShortCuts(
            delta=debug.delta, familiar=debug.familiar, plain=debug.plain, prints=debug.prints, commits=debug.commits
        )
        limits = Limits(fetch.concurrency, fetch.interval, fetch.per_host, policies, raw, cuts, _retention(settings))
        pipeline = Pipeline(rooms, sources=sources, channels=channels_of(settings), limits=limits)
        try:
            yield App(settings, store, pipeline, sources, watch, client), publisher
        finally:
            await pipeline.settle()
            await workers.aclose()


async def outlines_of(body: bytes) -> tuple[Outline, ...] | Unreadable:
    """Read a subscription list, in a process that can be killed."""
    from aggregator.parse import WorkerPool, outlines
    from aggregator.tools import DEADLINE

    workers = WorkerPool(1)
    try:
        return await workers.run(outlines, body, deadline=DEADLINE)
    except WorkerError as error:
        return Unreadable(str(error))
    finally:
        await workers.aclose()


def places_of(settings: Settings) -> Places:
    """Give where the store and the published files are, and how much room their disks need."""
    from aggregator.watch import Places

    store, zone = settings.store, ZoneInfo(settings.site.timezone)
    return Places(store.path, settings.publish.directory, store.min_free, zone)


def status_of(settings: Settings, clock: Callable[[], datetime] = utc_now) -> Status:
    """Give how the whole installation stands. Whoever writes meanwhile is not waited for.

    Raises:
        StoreError: when the store cannot be opened, or is of an older version.
    """
    from aggregator.watch import look

    with glance(settings) as store:
        return look(store, places_of(settings), clock())


def source_reports(settings: Settings, clock: Callable[[], datetime] = utc_now) -> list[SourceReport]:
    """Give how every configured source stands. The store is only looked at.

    Raises:
        StoreError: when the store cannot be opened, or is of an older version.
    """
    from aggregator.sources import reading_digest

    sources = sources_of(settings).values()
    with glance(settings) as store:
        store.as_configured([(source, reading_digest(source)) for source in sources], clock())
        return store.source_reports(clock())


def glance(settings: Settings) -> Glance:
    """Open the store to look into it only; what is configured since it was last in use is not in it.

    Raises:
        StoreError: when the store cannot be opened, or is of an older version.
    """
    from aggregator.store import Glance

    return Glance(settings.store.path, private=_private(settings))


@asynccontextmanager
async def index_of(app: App) -> AsyncIterator[SearchIndex]:
    """Open the search index of the app's store."""
    from aggregator.store import SearchIndex

    with SearchIndex(app.store) as index:
        yield index


@contextmanager
def searching(settings: Settings) -> Iterator[SearchIndex]:
    """Open the store's search index.

    Raises:
        StoreError: when the store or the index cannot be opened.
    """
    from aggregator.store import SearchIndex, Store

    with Store(settings.store.path, private=_private(settings)) as store, SearchIndex(store) as index:
        if settings.rules:
            _reword(settings, store)
        yield index


def _reword(settings: Settings, store: Store) -> None:
    """Let a store show articles in the words that the operator's rules give them."""
    from aggregator.channels import Channels

    sources = sources_of(settings)
    _join(sources, store)
    Channels(store, channels_of(settings), sources, utc_now)


def open_store(settings: Settings, sources: dict[str, Source], clock: Callable[[], datetime] = utc_now) -> Store:
    """Open the store and tell it which sources are configured; those of subscription lists join `sources`.

    Raises:
        StoreError: when the store cannot be opened.
    """
    from aggregator.sources import reading_digest
    from aggregator.store import Store

    store = Store(settings.store.path, private=_private(settings))
    store.sync_sources([(source, reading_digest(source)) for source in sources.values()], clock())
    _join(sources, store)
    return store


def _private(settings: Settings) -> frozenset[str]:
    """Give the names of the private sources, of those too that are not fetched."""
    return frozenset(name for name, table in settings.sources.items() if table.private)


def discreet(settings: Settings) -> Callable[[str], str]:
    """Give a function that shows an address, or the name of the private source whose address it is."""
    masks = [mask(name, (table.url,)) for name, table in settings.sources.items() if table.private]

    def shown(text: str) -> str:
        return reduce(lambda left, each: each.line(left), masks, without_login(text))

    return shown


def secrets_of(settings: Settings) -> frozenset[str]:
    """Give every password and token that is configured. Raises: ConfigError when one is not where it is said to be."""
    auths = [(name, table.auth) for name, table in settings.sources.items() if table.auth]
    authorizations = {name: _authorization(f"sources.{name}.auth", auth) for name, auth in auths}
    told = [{"Authorization": value} for value in authorizations.values()]
    told += [{name: value} for table in settings.sources.values() for name, value in table.headers.items()
             if _SECRET_HEADER.search(name)]  # fmt: skip
    tokens = [_token(name, table) for name, table in settings.server.tokens.items()]
    return frozenset(tokens).union(*(credentials_in(headers) for headers in told))


def _join(sources: dict[str, Source], store: Store) -> None:
    from aggregator.sources import child

    for name, parent, outline in store.children():
        if parent in sources:
            sources[name] = child(sources[parent], outline, name)


def serve_options(
    settings: Settings, tally: Tally | None = None, readers: Readers | None = None
) -> ServeOptions:
    """Give what is served, to whom and how often. Raises: ConfigError when a token is not where it is said to be."""
    from aggregator.serve import Rate, ServeOptions, Token

    server = settings.server
    tokens = {name: (_token(name, table), frozenset(table.outputs)) for name, table in server.tokens.items()}
    return ServeOptions(
        settings.publish.directory,
        noindex=frozenset(slug for slug, policy in policies_of(settings).by_slug.items() if policy.noindex),
        protected=frozenset(server.protected),
        tokens=tuple(Token(name, secret, outputs) for name, (secret, outputs) in tokens.items()),
        rate=Rate(server.rate[0], server.rate[1].total_seconds()) if server.rate else None,
        trusted_proxies=tuple(server.trusted_proxies),
        status=server.status,
        status_networks=tuple(server.status_networks),
        reports=_reports(settings, tally),
        readers=readers,
    )


def with_search(options: ServeOptions, settings: Settings, index: SearchIndex) -> ServeOptions:
    """Let what is served answer searches, too, where pages have a field for them."""
    wished = settings.publish.search and "html" in settings.publish.formats
    return replace(options, search=_search(settings, index)) if wished else options


def with_search_of_its_own(options: ServeOptions, settings: Settings, opened: ExitStack) -> ServeOptions:
    """Let a process that only serves answer searches; the index is closed with `opened`. Without a store there is
    nothing to find.

    Raises:
        StoreError: when the store or the index cannot be opened.
    """
    if not settings.store.path.exists():
        return options
    return with_search(options, settings, opened.enter_context(searching(settings)))


def _search(settings: Settings, index: SearchIndex) -> Search:
    """Give what renders the page of results for a query string."""
    from aggregator.publish.found import FoundEntry, found_page
    from aggregator.publish.pages import Facts
    from aggregator.store.finding import MOST
    from aggregator.store.words import LONGEST_QUERY

    site, policies = site_as_configured(settings), policies_of(settings)
    closed = _closed(settings, policies)

    def page(query_string: str, is_given_up: Callable[[], bool]) -> bytes:
        said = parse_qs(query_string, errors="replace")
        asked, number = said.get("q", [""])[0].strip(), _page_number(said.get("page", ["1"])[0], MOST // _HITS)
        begin = (number - 1) * _HITS
        found = index.find(asked, now=utc_now(), limit=_HITS, offset=begin, closed=closed, is_given_up=is_given_up)
        hits = [FoundEntry(hit.entry, hit.snippet, hit.marks) for hit in found.hits]
        facts = Facts(asked[:LONGEST_QUERY], number, found.more, found.count, found.exact, found.remarks)
        return found_page(site, policies, hits, facts)

    return page


_HITS = 20


def _closed(settings: Settings, policies: Policies) -> list[str]:
    """Give the channels that not everyone may read who may search at all; "" is the feed of what is in none."""
    outputs = settings.server.protected
    return [*policies.protected, *[""] * ("feed" in outputs and "*" not in outputs)]


def _page_number(text: str, most: int) -> int:
    return min(max(int(text), 1), most) if re.fullmatch("[0-9]{1,4}", text) else 1


def _reports(settings: Settings, tally: Tally | None) -> Reports:
    from aggregator.publish.status_page import status_page
    from aggregator.serve import Reports

    site = site_as_configured(settings)
    missing, ailing = partial(_missing, settings), partial(_ailing, settings)
    return Reports(lambda: status_of(settings), missing, ailing, lambda seen: status_page(site, seen), tally)


def _missing(settings: Settings) -> list[str]:
    """Say what keeps us from being ready, without names: anyone may ask."""
    missing = [] if is_published(settings) else ["nothing is published yet"]
    try:
        if not settings.store.path.exists():
            raise StoreError("there is no store yet")
        with glance(settings) as store:
            store.waiting_documents()
    except StoreError:
        missing.append("the store cannot be read")
    return missing


def _ailing(settings: Settings) -> list[str]:
    """Say what is not as it should be while readers get what is published, without names: anyone may ask."""
    from aggregator.watch import low_on

    return ["nothing is fetched: a disk is nearly full"] if low_on(places_of(settings)) else []


def is_published(settings: Settings) -> bool:
    """Tell whether there is something to serve."""
    directory = settings.publish.directory
    return (directory / "index.html").exists() or (directory / "feed.atom").exists()


def readers_of(settings: Settings, store: Store, clock: Callable[[], datetime] = utc_now) -> Readers:
    """Give what counts readers by the site's days."""
    from aggregator.serve import Readers

    zone = ZoneInfo(settings.site.timezone)
    return Readers(lambda: clock().astimezone(zone).date(), store.salt_of)


def keep_readers(readers: Readers, store: Store) -> None:
    """Keep who was seen since the last time; what is of a day that is over is not told apart any more."""
    readers.renew()
    if seen := readers.take():
        store.note_readers(*seen)


def protected_in_vain(settings: Settings, store: Store) -> list[str]:
    """Give the slugs under `[server] protected` that no channel has: one that was misspelt leaves its channel open."""
    known = {channel.slug for channel in store.channels()}
    return [slug for slug in _protected_channels(settings) if slug not in known]


def _token(name: str, table: TokenTable) -> str:
    secret = _secret(f"server.tokens.{name}", "", table.env, table.file)
    if len(secret) < _SHORTEST_TOKEN:
        problem = f"has {len(secret)} characters, and needs {_SHORTEST_TOKEN}; `openssl rand -hex 16` makes a good one"
        raise ConfigError([f"server.tokens.{name}: the token {problem}"])
    return secret


def user_agent(settings: Settings) -> str:
    """Name this fetcher and where to ask about it (CITIZENSHIP 33)."""
    contact = settings.fetch.contact or settings.site.url
    return f"aggregator/{__version__} (+{contact})"


def site_of(settings: Settings, store: Store) -> Site:
    """Give the site; its ids keep the authority that the store was begun with."""
    return _site(settings, store.keep("id_authority", settings.site.authority()))


def site_as_configured(settings: Settings) -> Site:
    """Give the site without asking the store: for what shows no ids."""
    return _site(settings, settings.site.authority())


def _site(settings: Settings, id_authority: str) -> Site:
    site = settings.site
    return Site(
        title=site.title,
        url=site.url,
        id_authority=id_authority,
        language=site.language,
        timezone=site.timezone,
        author=site.author,
        formats=tuple(settings.publish.formats),
        rights=site.rights,
        icon=site.icon,
        logo=site.logo,
        hub=settings.publish.hub,
        theme=str(settings.publish.theme or ""),
        search=settings.publish.search,
    )


def naming_of(settings: Settings) -> Naming:
    """Give how channels are named, and which are named by hand."""
    from aggregator.categorise import Naming

    by_hand = settings.categories.channels()
    return Naming(
        title_format=settings.categories.title_format,
        titles={slug: channel.title for slug, channel in by_hand.items() if channel.title}
        | {slug: channel.title or slug for slug, channel in settings.channels.items()},
        slugs={fold_name(name): slug for slug, channel in by_hand.items() for name in channel.names},
    )


def channels_of(settings: Settings) -> Wanted:
    """Give how channels are named, the rules of those that are filled by one, and the slugs that they had before."""
    from aggregator.channels import Wanted

    rules = [_rule(slug, table) for slug, table in settings.channels.items()]
    tables = {**settings.categories.channels(), **settings.channels}
    was = {slug: table.was for slug, table in tables.items() if table.was}
    return Wanted(naming_of(settings), tuple(rules), was, rulebook_of(settings))


def rulebook_of(settings: Settings) -> Rulebook:
    """Give the operator's rules for articles, in their order."""
    from aggregator.categorise import Rulebook

    return Rulebook(tuple(_ruling(number, table) for number, table in enumerate(settings.rules, 1)))


def _ruling(number: int, table: RuleTable) -> Ruling:
    from aggregator.categorise import Conditions, Replacement, Ruling

    wording = table.wording or SetTable()
    return Ruling(
        number=number,
        name=table.name or "",
        when=_conditions(table),
        unless=_conditions(table.unless) if table.unless else Conditions(),
        sources=tuple(table.sources),
        drop=table.drop,
        keep=table.keep,
        added=tuple(table.add_category or ()),
        categories=tuple(wording.category or ()),
        title=wording.title,
        author=wording.author,
        replacements=tuple(Replacement(each.field, each.pattern, each.text) for each in table.replace or ()),
    )


def _conditions(table: ConditionsTable) -> Conditions:
    from aggregator.categorise import Condition, Conditions, folded

    asked: dict[Field, ConditionTable | None] = {
        "title": table.title,
        "content": table.content,
        "author": table.author,
        "link": table.link,
        "category": table.category,
        "source": table.source,
    }
    return Conditions(
        tuple(
            Condition(name, tuple(map(folded, each.contains or ())), tuple(each.matches or ()))
            for name, each in asked.items()
            if each
        ),
        table.older_than,
    )


def _rule(slug: str, table: ChannelTable) -> Rule:
    from aggregator.categorise import Criteria, rule_of

    unwanted = _criteria(table.without) if table.without else Criteria()
    return rule_of(slug, table.title or slug, _criteria(table), unwanted)


def _criteria(table: CriteriaTable) -> Criteria:
    from aggregator.categorise import Criteria

    return Criteria(table.search or "", tuple(table.tags), tuple(table.sources), tuple(table.categories))


def policies_of(settings: Settings) -> Policies:
    """Give what each channel publishes of its articles, with the site's defaults filled in."""
    usual = Policy(settings.publish.entries, settings.publish.max_bytes)
    tables: dict[str, PolicyTable] = {**settings.categories.channels(), **settings.channels}
    policies = {slug: _policy(table, usual) for slug, table in tables.items()}
    for slug in _protected_channels(settings):
        policies[slug] = replace(policies.get(slug, usual), protected=True)
    return Policies(usual, policies)


def _protected_channels(settings: Settings) -> list[str]:
    """Give the slugs of channels that fewer may read than the rest; none where everything needs a token."""
    outputs = settings.server.protected
    return [] if "*" in outputs else [name.removeprefix(_CHANNEL) for name in outputs if name.startswith(_CHANNEL)]


def _policy(table: PolicyTable, usual: Policy) -> Policy:
    entries = usual.entries if table.entries is None else table.entries
    max_bytes = usual.max_bytes if table.max_bytes is None else table.max_bytes
    return Policy(entries, max_bytes, table.per_source, table.text, table.noindex)


def _retention(settings: Settings) -> Retention:
    tables = settings.sources.items()
    own = {name: Kept(table.keep_days, table.keep_entries) for name, table in tables}
    of_source = {name: kept for name, kept in own.items() if kept != Kept()}
    return Retention(Kept(settings.store.keep_days, settings.store.keep_entries), of_source, settings.publish.entries)


def sources_of(settings: Settings) -> dict[str, Source]:
    """Give the enabled sources with the site's defaults filled in, in the order of the configuration."""
    enabled = ((name, table) for name, table in settings.sources.items() if table.enabled)
    return {name: _source(name, table, place, settings) for place, (name, table) in enumerate(enabled)}


def trial_source(settings: Settings, url: str) -> Source:
    """Give the source that a feed's address would be, with the site's defaults; its past is not read."""
    return replace(_source("new", FeedSource(url=url), len(settings.sources), settings), backfill=0)


def past_source(settings: Settings, name: str, folder: Path) -> Source:
    """Give the source under which a Jekyll site's posts come in: the site's own past.

    Raises:
        ConfigError: when a source of the configuration has that name.
    """
    if name in settings.sources:
        raise ConfigError([f"the configuration has a source {name!r}; give the posts another name with --source"])
    site = settings.site
    return Source(
        name=name,
        url=folder.resolve().as_uri(),
        kind="jekyll",
        position=len(settings.sources),
        title=site.title,
        category_from="tags",
        timezone=site.timezone,
        language=site.language,
    )


def _source(name: str, table: SourceTable, position: int, settings: Settings) -> Source:
    fetch = settings.fetch
    interval = table.interval or fetch.interval
    return Source(
        name=name,
        url=table.url,
        kind=getattr(table, "kind", "feed"),
        position=position,
        title=None if isinstance(table, (JsonSource, HtmlSource)) else table.title,  # there it is where a title is
        categories=table.fixed_categories(),
        category_from=table.category_from,
        interval=interval,
        max_interval=max(interval, fetch.max_interval),
        timeout=table.timeout or fetch.timeout,
        max_bytes=table.max_bytes or fetch.max_bytes,
        backfill=fetch.backfill if table.backfill is None else table.backfill,
        timezone=table.timezone or settings.site.timezone,
        language=table.language,
        rules=_rules(table),
        on_purpose=table.interval is not None or interval < config.FLOOR,
        schedule=table.schedule,
        headers=_headers(name, table),
        proxy=table.proxy,
        options=table.options if isinstance(table, OtherSource) else {},
        text=table.text,
        private=table.private,
        fulltext=table.fulltext,
    )


def _headers(name: str, table: SourceTable) -> dict[str, str]:
    """Give the headers of a source's requests, its credentials among them."""
    headers = dict(table.headers)
    if table.user_agent:
        headers["User-Agent"] = table.user_agent
    if table.auth:
        headers["Authorization"] = _authorization(f"sources.{name}.auth", table.auth)
    return headers


def _authorization(place: str, auth: AuthTable) -> str:
    """RFC 7617 and RFC 6750. Raises: ConfigError when the secret is not where the configuration says."""
    if auth.username is None:
        return f"Bearer {_secret(place, 'token', auth.token_env, auth.token_file)}"
    password = _secret(place, "password", auth.password_env, auth.password_file)
    return f"Basic {base64.b64encode(f'{auth.username}:{password}'.encode()).decode('ascii')}"


def _secret(place: str, what: str, variable: str | None, file: Path | None) -> str:
    key = f"{place}.{what}_" if what else f"{place}."
    if variable is not None:
        if variable not in os.environ:
            raise ConfigError([f"{key}env: the environment has no variable {variable}"])
        return os.environ[variable]
    try:
        return file.read_text(encoding="utf-8").strip() if file else ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{key}file: {file} cannot be read: {error}"]) from error


def _rules(table: SourceTable) -> ListRules | PageRules | None:
    match table:
        case JsonSource():
            return _list_rules(table)
        case HtmlSource():
            return PageRules(**{name: getattr(table, name) for name in _PAGE_RULES})
    return None


def _list_rules(table: JsonSource) -> ListRules:
    rules = {name: getattr(table, name) for name in (*_RULES, *_MORE_RULES)}
    return ListRules(**rules, article=_article_rule(table.article) if table.article else None)


def _article_rule(table: ArticleTable) -> ArticleRule:
    return ArticleRule(table.url, table.content, table.title, table.published, table.outlet, table.author)


def _mark_if_the_look_changed(settings: Settings, site: Site, store: Store) -> None:
    """Documents depend on the site's settings and on this version too; when those change, all are rendered again."""
    allowed = [(source.name, source.text, source.private) for source in sources_of(settings).values()]
    look = repr((site, policies_of(settings), allowed, str(settings.publish.directory.resolve()), __version__))
    if store.replace("look", hashlib.sha256(look.encode()).hexdigest()):
        store.mark_all()
    listed = repr([(note.name, note.channels) for note in store.source_notes()])
    if store.replace("sources", hashlib.sha256(listed.encode()).hexdigest()):
        store.mark_pages()

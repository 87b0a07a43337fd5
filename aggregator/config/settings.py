"""One model per TOML table: what an operator may write, with its default, its limits and its meaning."""

import difflib
import ipaddress
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from aggregator.config.units import duration, rate, size

Format = Literal["atom", "rss", "json", "html"]
Text = Literal["full", "excerpt", "title"]
_AUTHORITY = re.compile(r"[A-Za-z0-9.\-_@]+,\d{4}(-\d\d(-\d\d)?)?")
_OUTPUT = re.compile(r"\*|feed|index|opml|status|category/[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_FIELD = re.compile(r"\{([^{}]*)\}")
_TEMPLATE_FIELDS = ("info_code", "guid", "title", "published", "updated", "outlet", "author", "summary", "image")


def _timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:
        raise ValueError(f'{name!r} is no time zone; write an IANA name such as "Asia/Shanghai" or "UTC"') from error
    return name


def _web_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f'{url!r} is no web address; write it in full, like "https://news.example.org/"')
    return url if url.endswith("/") else url + "/"


def _link(url: str) -> str:
    parts = urlsplit(url)
    if url and (parts.scheme not in ("http", "https") or not parts.hostname or not url.isprintable() or " " in url):
        raise ValueError(f'{url!r} is no web address; write it in full, like "https://news.example.org/x"')
    return url


def _source_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme == "file" and (parts.path or parts.netloc):
        return url
    if parts.scheme in ("http", "https") and parts.hostname:
        return url
    raise ValueError(f'{url!r} cannot be fetched; write an address that starts with "https://", "http://" or "file:"')


def _network(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(f'{text!r} is no network; write it like "127.0.0.0/8" or "fd00::/8"') from error
    return text


def _output(name: str) -> str:
    if not _OUTPUT.fullmatch(name):
        choices = '"category/<slug>", "feed", "index", "opml", "status" or "*"'
        raise ValueError(f"{name!r} is no output; write {choices}")
    return name


def _value(text: str, info: ValidationInfo) -> str:
    """A JSONPath (starts with $) or a template over the fields of an entry."""
    if not text.startswith("$") and not _FIELD.search(text):
        raise ValueError(f'{text!r} is neither a JSONPath (it would start with "$") nor a template with a {{field}}')
    return _value_or_constant(text, info)


def _value_or_constant(text: str, info: ValidationInfo) -> str:
    """The same, or a text that holds for every entry."""
    if text.startswith("$"):
        return _jsonpath(text, info)
    unknown = [name for name in _FIELD.findall(text) if name not in _TEMPLATE_FIELDS]
    if unknown:
        raise ValueError(f"no field {{{unknown[0]}}}; there are {', '.join(f'{{{n}}}' for n in _TEMPLATE_FIELDS)}")
    return text


def _jsonpath(text: str, info: ValidationInfo) -> str:
    """The check itself is the caller's: a JSONPath library is known to another room."""
    check: Callable[[str], str | None] | None = (info.context or {}).get("jsonpath")
    if not text.startswith("$"):
        raise ValueError(f'{text!r} is no JSONPath; it starts with "$", like "$.title" (RFC 9535)')
    if check and (fault := check(text)):
        raise ValueError(f"{text!r} is no JSONPath (RFC 9535): {fault}")
    return text


def _selector(text: str, info: ValidationInfo) -> str:
    check: Callable[[str], str | None] | None = (info.context or {}).get("selector")
    if check and (fault := check(text)):
        raise ValueError(fault)
    return text


def _fulltext(wish: Any, info: ValidationInfo) -> bool | str:
    if isinstance(wish, str) and wish.strip():
        return _selector(wish, info)
    if not isinstance(wish, bool):
        raise ValueError(f'{wish!r} is neither true nor a CSS selector, like "div.article"')
    check: Callable[[str], str | None] | None = (info.context or {}).get("fulltext")
    if wish and check and (fault := check("")):
        raise ValueError(fault)
    return wish


def _crontab(text: str, info: ValidationInfo) -> str:
    check: Callable[[str], str | None] | None = (info.context or {}).get("crontab")
    if check and (fault := check(text)):
        raise ValueError(f'{text!r} is no schedule: {fault}; write it like a crontab line, "*/5 7-22 * * *"')
    return text


def _search(text: str, info: ValidationInfo) -> str:
    check: Callable[[str], str | None] | None = (info.context or {}).get("search")
    if check and (fault := check(text)):
        raise ValueError(fault)
    return text


def _pattern(text: str, info: ValidationInfo) -> str:
    check: Callable[[str], str | None] | None = (info.context or {}).get("pattern")
    if check and (fault := check(text)):
        raise ValueError(fault)
    return text


def _one_or_more(value: Any) -> Any:
    return [value] if isinstance(value, str | dict) else value


def _not_nothing(span: timedelta) -> timedelta:
    if span < timedelta(seconds=1):
        raise ValueError('must be one second at least; write it like "30s", "15m" or "1h"')
    return span


def _header_text(text: str) -> str:
    if not text.isprintable() or not text.isascii():
        raise ValueError(f"{text!r} goes into a header: write it in printable ASCII")
    return text


def _proxy(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError('is no proxy address; write it like "http://proxy.example.org:3128"')
    return url


Duration = Annotated[
    timedelta,
    BeforeValidator(duration),
    WithJsonSchema({"type": "string", "pattern": r"^(\d+(\.\d+)?[smhdw])+$", "examples": ["30s", "15m", "1h"]}),
]
Time = Annotated[Duration, AfterValidator(_not_nothing)]
Size = Annotated[
    int,
    BeforeValidator(size),
    WithJsonSchema({"type": ["string", "integer"], "examples": ["500KB", "10MB"]}),
]
Rate = Annotated[
    tuple[int, timedelta],
    BeforeValidator(rate),
    WithJsonSchema({"type": "string", "examples": ["60/min", "5/s", "100/15m"]}),
]
Timezone = Annotated[str, AfterValidator(_timezone)]
WebUrl = Annotated[str, AfterValidator(_web_url)]
Link = Annotated[str, AfterValidator(_link)]
SourceUrl = Annotated[str, AfterValidator(_source_url)]
Network = Annotated[str, AfterValidator(_network)]
JsonPath = Annotated[str, AfterValidator(_jsonpath)]
Selector = Annotated[str, AfterValidator(_selector)]
Fulltext = Annotated[bool | str, BeforeValidator(_fulltext)]
Crontab = Annotated[str, AfterValidator(_crontab)]
Search = Annotated[str, AfterValidator(_search)]
Pattern = Annotated[str, Field(min_length=1), AfterValidator(_pattern)]
HeaderText = Annotated[str, AfterValidator(_header_text)]
Proxy = Annotated[str, AfterValidator(_proxy)]
Value = Annotated[str, AfterValidator(_value)]
ValueOrConstant = Annotated[str, AfterValidator(_value_or_constant)]
Output = Annotated[str, AfterValidator(_output)]
Name = Annotated[str, Field(min_length=1, max_length=300)]
Names = Annotated[list[Name], BeforeValidator(_one_or_more), Field(min_length=1)]


class Table(BaseModel):
    """A TOML table: unknown keys are errors, and nothing is coerced silently."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class SiteSettings(Table):
    """`[site]`: what every published document says of its site."""

    title: Name = "Aggregator"
    url: WebUrl = Field("http://localhost:8080/", description="Base of every published link.")
    language: str = Field("en", pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$")
    timezone: Timezone = Field("UTC", description="For sources that give times without a zone, and for pages.")
    author: str = ""
    rights: str = Field("", description="What every feed says of its rights; each article keeps those of its source.")
    icon: Link = Field("", description="Address of a small square image that feeds are shown with.")
    logo: Link = Field("", description="Address of a larger image for feeds, twice as wide as high.")
    id_authority: str | None = Field(
        None, description="RFC 4151 authority and date of all ids; kept in the store from the first start on."
    )

    @field_validator("id_authority")
    @classmethod
    def _authority(cls, value: str | None) -> str | None:
        if value is not None and not _AUTHORITY.fullmatch(value):
            raise ValueError(f'{value!r} is no tag authority; write it like "news.example.org,2026" (RFC 4151)')
        return value

    def authority(self) -> str:
        """Give the authority of all ids: the configured one, or `<host of url>,2026`."""
        return self.id_authority or f"{urlsplit(self.url).hostname},2026"


class StoreSettings(Table):
    """`[store]`: where the articles are kept."""

    path: Path = Field(Path("data/aggregator.db"), strict=False)
    raw_documents: int = Field(
        2, ge=0, le=100, description="Last documents of each source that are kept for `reparse`; 0 keeps none."
    )
    raw_bytes: Size = Field(512_000, description="What they may take of each source, compressed.")
    min_free: Size = Field(
        200_000_000, description="With less room on the disks of store and published files, nothing is fetched."
    )
    keep_days: int = Field(0, ge=0, description="Articles older than this are dropped; 0 keeps them for ever.")
    keep_entries: int = Field(0, ge=0, description="Older articles beyond this number are dropped; 0 keeps all.")


class PublishSettings(Table):
    """`[publish]`: where the documents go, and which."""

    directory: Path = Field(Path("data/public"), strict=False)
    formats: list[Format] = Field(["atom", "rss", "json", "html"], min_length=1)
    theme: Path | None = Field(
        None, strict=False, description="A folder whose templates/ and static/ stand before the ones that come along."
    )
    search: bool = Field(True, description="Pages have a search field; the daemon answers it at /search.")
    entries: int = Field(50, ge=1, le=1000, description="In the current document of a channel, and in each archive.")
    max_bytes: Size = Field(
        250_000, ge=1000, description="Of a current document; entries that do not fit into it are in the archives."
    )
    brotli: bool = Field(
        False,
        description="Write brotli forms beside the gzip ones, for another web server: a third smaller, for as much CPU "
        "time as the rest of publishing. Our own server makes them when a reader asks.",
    )
    hub: Link = Field("", description="Address of a WebSub hub that readers are told to subscribe at.")


class TokenTable(Table):
    """`[server.tokens.<name>]`: a token, which comes from the environment or a file, and what it opens."""

    env: Name | None = None
    file: Path | None = Field(None, strict=False)
    outputs: list[Output] = Field(min_length=1, description='"*" for all of them.')


class ServerSettings(Table):
    """`[server]`: where the documents are served."""

    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)
    workers: int = Field(1, ge=1, le=64, description="Processes that answer requests; 1: the daemon does it itself.")
    rate: Rate | None = Field(None, description="Answers that one client may have; 304s are not counted.")
    trusted_proxies: list[Network] = Field([], description="Whose X-Forwarded-For says who the client is.")
    protected: list[Output] = Field([], description="Outputs that need a token; all others are open to anyone.")
    status: Literal["local", "public", "off"] = Field(
        "local", description="Who sees /status, /metrics and status/sources.atom without a token for them."
    )
    status_networks: list[Network] = Field([], description="Whose clients count as local, besides this machine.")
    tokens: dict[Name, TokenTable] = Field({}, description="Take one out, and it opens nothing any more.")


class FetchSettings(Table):
    """`[fetch]`: how sources are polled; a source may say its own."""

    interval: Time = timedelta(hours=1)
    backfill: int = Field(50, ge=0, description="Entries that a new source brings in at most.")
    max_interval: Time = timedelta(hours=24)
    contact: str = Field("", description="A page or address about this fetcher; goes into User-Agent.")
    concurrency: int = Field(64, ge=1, le=1000)
    per_host: int = Field(1, ge=1, le=16)
    spacing: Duration = timedelta(seconds=1)
    timeout: Time = timedelta(seconds=30)
    max_bytes: Size = Field(10_000_000, ge=1)
    allow_networks: list[Network] = []

    @field_validator("contact")
    @classmethod
    def _contact(cls, value: str) -> str:
        if not value.isprintable() or not value.isascii() or "(" in value or ")" in value:
            raise ValueError("goes into a header: write it in printable ASCII, without brackets")
        return value


class PolicyTable(Table):
    """What every channel may say; what it leaves out of its documents is as `[publish]` says."""

    text: Text = Field("full", description="How much of each text is republished; a source's stricter word counts.")
    entries: int | None = Field(None, ge=1, le=1000, description="In the current document; older ones are archived.")
    max_bytes: Size | None = Field(None, ge=1000, description="Of the current document; older articles are archived.")
    per_source: int | None = Field(None, ge=1, description="Articles of one source in the current document at most.")
    noindex: bool = Field(False, description="Search engines are asked to leave the channel's pages out.")
    was: list[str] = Field([], description="Slugs that this channel had before; their readers are sent here.")


class CriteriaTable(Table):
    """What articles have to meet: of each kind that is said, one."""

    search: Search | None = Field(None, description='Words, "phrases", -not, OR; title: author: source: category:.')
    tags: list[Name] = Field([], description="Tags that the source gave the article.")
    sources: list[str] = Field([], description="Names of sources; a subscription list stands for all of its feeds.")
    categories: list[Name] = Field([], description="Categories, by name or slug.")


class ChannelTable(PolicyTable, CriteriaTable):
    """`[channels.<slug>]`: one channel that is filled by a rule."""

    title: Name | None = None
    without: CriteriaTable | None = Field(None, description="What meets one of these is left out.")


class ConditionTable(Table):
    """`title = {…}` of a rule: what a field has to say; of each list, one is enough."""

    contains: Names | None = Field(None, description="Texts; case, width and compatibility forms make no difference.")
    matches: Annotated[list[Pattern], BeforeValidator(_one_or_more), Field(min_length=1)] | None = Field(
        None, description='Regular expressions (RE2), found anywhere: "^" and "$" are the ends, "(?i)" leaves case out.'
    )


class ConditionsTable(Table):
    """What an article has to meet, as its source said it: all of it."""

    title: ConditionTable | None = None
    content: ConditionTable | None = Field(None, description="The text that a reader sees, without markup.")
    author: ConditionTable | None = None
    link: ConditionTable | None = None
    category: ConditionTable | None = Field(None, description="Categories from the source's settings, and its tags.")
    source: ConditionTable | None = Field(None, description="Its name in this file, or its title.")
    older_than: Time | None = Field(None, description="Its age when it was first seen; nothing changes later.")


class SetTable(Table):
    """`set = {…}` of a rule: what the article says instead."""

    title: Name | None = None
    author: Name | None = None
    category: Names | None = Field(None, description="In place of all of its categories.")


class ReplaceTable(Table):
    """`replace = {…}` of a rule: a text for every match of a pattern."""

    field: Literal["title", "content"] = Field("title", description="In the content, markup is matched too.")
    pattern: Pattern
    text: str = Field("", description="\\1 is the first group of the pattern.")


class RuleTable(ConditionsTable):
    """`[[rules]]`: what becomes of articles that meet all of its conditions. Rules are asked in their order."""

    name: Name | None = Field(None, description="For messages; without one, a rule goes by its number.")
    sources: list[str] = Field([], description="Only articles of these; a subscription list stands for all its feeds.")
    unless: ConditionsTable | None = Field(None, alias="not", description="None of these conditions may hold.")
    drop: bool = Field(False, description="In no channel, no feed, on no page; stored all the same.")
    keep: bool = Field(False, description="No later rule drops it.")
    add_category: Names | None = None
    wording: SetTable | None = Field(None, alias="set")
    replace: Annotated[list[ReplaceTable], BeforeValidator(_one_or_more), Field(min_length=1)] | None = None


class CategorySettings(PolicyTable):
    """`[categories.<slug>]`: one channel named by hand."""

    title: Name | None = None
    names: list[Name] = Field([], description="Category names that belong to this channel.")


class CategoriesSettings(BaseModel):
    """`[categories]`: how channels made from a name are titled, and those named by hand."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
    __pydantic_extra__: dict[str, CategorySettings] = Field(init=False)

    title_format: str = "{name}"

    @field_validator("title_format")
    @classmethod
    def _format(cls, value: str) -> str:
        if _FIELD.findall(value) != ["name"]:
            raise ValueError(f'{value!r} must hold {{name}} once and no other field, like "{{name}}新闻"')
        return value

    def channels(self) -> dict[str, CategorySettings]:
        """Give the channels that are named by hand, by slug."""
        return self.__pydantic_extra__ or {}


class AuthTable(Table):
    """`auth = {…}`: a user name with a password, or a bearer token; the secret comes from the environment or a file."""

    username: HeaderText | None = None
    password_env: Name | None = None
    password_file: Path | None = Field(None, strict=False)
    token_env: Name | None = None
    token_file: Path | None = Field(None, strict=False)


class SourceTable(Table):
    """What every kind of source can say."""

    url: SourceUrl
    title: Name | None = None
    category: Name | None = None
    categories: list[Name] = []
    category_from: Literal["outlet", "tags", "author"] | None = None
    enabled: bool = True
    interval: Time | None = None
    schedule: Crontab | None = Field(None, description="A crontab line in the site's time zone, instead of interval.")
    headers: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")], HeaderText] = {}
    auth: AuthTable | None = None
    user_agent: HeaderText | None = None
    proxy: Proxy | None = Field(None, description="Used for this source only; the environment's proxies never are.")
    timeout: Time | None = None
    max_bytes: Size | None = Field(None, ge=1)
    backfill: int | None = Field(None, ge=0)
    timezone: Timezone | None = None
    language: str | None = None
    text: Text = Field("full", description="How much of each text is republished; a channel's stricter word counts.")
    private: bool = Field(False, description="The address and its credentials appear nowhere; the name does instead.")
    keep_days: int | None = Field(None, ge=0, description="As in [store], for this source; 0 keeps them for ever.")
    keep_entries: int | None = Field(None, ge=0, description="How many articles of this source are kept; 0: all.")
    fulltext: Fulltext = Field(
        False, description="Take each new article's text from its page: true, or the CSS selector of the text."
    )

    def fixed_categories(self) -> tuple[str, ...]:
        """Give the categories that hold for every entry."""
        return (self.category,) if self.category is not None else tuple(self.categories)


class FeedSource(SourceTable):
    """`kind = "feed"`: RSS, Atom, RDF or JSON Feed."""

    kind: Literal["feed"] = "feed"


class ArticleTable(Table):
    """`article = {…}`: the second request that brings an article's text."""

    url: Value = Field(description="A template over the entry's fields.")
    content: JsonPath
    title: JsonPath | None = None
    published: JsonPath | None = None
    outlet: JsonPath | None = None
    author: JsonPath | None = None


class JsonSource(SourceTable):
    """`kind = "json"`: a list of articles in a JSON document of any shape."""

    kind: Literal["json"]
    items: JsonPath
    info_code: Value | None = None
    guid: Value | None = None
    title: Value | None = None
    link: Value | None = None
    published: Value | None = None
    updated: Value | None = None
    outlet: ValueOrConstant | None = None
    author: ValueOrConstant | None = None
    summary: Value | None = None
    content: Value | None = None
    tags: JsonPath | None = None
    image: Value | None = None
    article: ArticleTable | None = None


class FileSource(SourceTable):
    """`kind = "file"`: a feed in a file that something else writes."""

    kind: Literal["file"]


class HtmlSource(SourceTable):
    """`kind = "html"`: a page, whose articles are found by CSS selectors; `selector@name` means an attribute."""

    kind: Literal["html"]
    items: Selector = Field(description="What encloses each article of the list.")
    title: Selector | None = None
    link: Selector | None = None
    published: Selector | None = None
    author: Selector | None = None
    outlet: Selector | None = None
    summary: Selector | None = None
    content: Selector | None = None
    tags: Selector | None = None
    image: Selector | None = None


class OpmlSource(SourceTable):
    """`kind = "opml"`: a live subscription list; its feeds come and go with it, in the categories of their folders."""

    kind: Literal["opml"]


class OtherSource(SourceTable):
    """A kind that another package brings by the entry point `aggregator.sources`; its settings are `options`."""

    kind: str
    options: dict[str, Any] = {}

    @field_validator("kind")
    @classmethod
    def _known(cls, kind: str, info: ValidationInfo) -> str:
        brought = sorted((info.context or {}).get("kinds", ()))
        if kind not in brought:
            choices = [*BUILT_IN, *brought]
            close = difflib.get_close_matches(kind, choices, n=1)
            hint = f"; did you mean '{close[0]}'?" if close else ""
            raise ValueError(f"{kind!r} is none of {', '.join(repr(choice) for choice in choices)}{hint}")
        return kind


BUILT_IN = ("feed", "json", "html", "file", "opml")


def _kind(value: Any) -> str | None:
    kind = value.get("kind", "feed") if isinstance(value, dict) else getattr(value, "kind", None)
    if not isinstance(kind, str):
        return None
    return kind if kind in BUILT_IN else "other"


SourceSettings = Annotated[
    Annotated[FeedSource, Tag("feed")]
    | Annotated[JsonSource, Tag("json")]
    | Annotated[HtmlSource, Tag("html")]
    | Annotated[FileSource, Tag("file")]
    | Annotated[OpmlSource, Tag("opml")]
    | Annotated[OtherSource, Tag("other")],
    Discriminator(_kind),
]


class LogSettings(Table):
    """`[log]`: what stands on stderr besides the lines for people."""

    format: Literal["text", "json"] = Field("text", description="One event a line; json takes their place on stdout.")
    level: Literal["debug", "info", "warning", "error"] | None = Field(
        None, description='Left out: "info" in JSON, and in text only what --verbose asks for.'
    )


class ParseSettings(Table):
    """`[parse]`: the processes in which documents are read."""

    workers: int = Field(
        0,
        ge=0,
        le=256,
        description="Processes that read documents side by side; 0: as many as there are cores, eight at most.",
    )


class DebugSettings(Table):
    """`[debug]`: short cuts that can be left out, to see that the long way gives the same."""

    delta: bool = Field(True, description="Entries that a document repeats word for word are not read again.")
    plain: bool = Field(True, description="RSS and Atom without anything odd are read without feedparser.")
    fragments: bool = Field(True, description="What was rendered of an article is kept for its other documents.")
    gate: bool = Field(True, description="What was read again of an article before it was published is not read twice.")
    direct: bool = Field(True, description="Requests go over plain sockets, not through the pool of the HTTP library.")
    familiar: bool = Field(True, description="Repeated entries that nothing was to be done about are not looked up.")
    prints: bool = Field(True, description="Fingerprints of new texts are made where their document is read.")
    commits: bool = Field(True, description="Small steps in the store that wait at the same time share a commit.")
    wire: bool = Field(True, description="A body that comes as it came before is not decoded, and kept as it came.")


class Settings(Table):
    """The whole configuration."""

    site: SiteSettings = SiteSettings()
    store: StoreSettings = StoreSettings()
    publish: PublishSettings = PublishSettings()
    server: ServerSettings = ServerSettings()
    fetch: FetchSettings = FetchSettings()
    parse: ParseSettings = ParseSettings()
    log: LogSettings = LogSettings()
    debug: DebugSettings = DebugSettings()
    categories: CategoriesSettings = CategoriesSettings()
    channels: dict[str, ChannelTable] = Field({}, description="Channels that are filled by a rule, by slug.")
    rules: list[RuleTable] = Field([], description="What becomes of articles; the first rule that drops or keeps wins.")
    sources: dict[Annotated[str, Field(min_length=1, max_length=100)], SourceSettings] = {}

    @field_validator("sources")
    @classmethod
    def _names(cls, sources: dict[str, Any]) -> dict[str, Any]:
        for name in sources:
            if not name.isprintable() or name != name.strip():
                raise ValueError(f"{name!r} is no source name; use letters, digits and hyphens")
        return sources

"""What passes between the rooms: frozen records, named for their state.

A document travels as `Fetched` → `ParsedFeed` (of `RawEntry`) → `Entry` → `Changes` → `StoredEntry` → `Document`.
Times are aware and in UTC from `Entry` on; before that they are the text that the source gave.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from enum import StrEnum
from operator import attrgetter
from typing import Literal, NamedTuple

# --- sources ----------------------------------------------------------------

CategoryFrom = Literal["outlet", "tags", "author"]
TextPolicy = Literal["full", "excerpt", "title"]  # how much of a text is republished; the later, the stricter


@dataclass(frozen=True, slots=True)
class ArticleRule:
    """Where an article's text stands: `url` is a template over the entry's fields, the others are JSONPaths."""

    url: str
    content: str
    title: str | None = None
    published: str | None = None
    outlet: str | None = None
    author: str | None = None


@dataclass(frozen=True, slots=True)
class ListRules:
    """How entries are read out of a JSON list.

    A value that starts with `$` is a JSONPath into the item, any other is a template over the fields already read,
    such as `https://example.org/{info_code}.html`.
    """

    items: str
    info_code: str | None = None
    guid: str | None = None
    title: str | None = None
    link: str | None = None
    published: str | None = None
    updated: str | None = None
    outlet: str | None = None
    author: str | None = None
    summary: str | None = None
    content: str | None = None
    tags: str | None = None
    image: str | None = None
    article: ArticleRule | None = None


@dataclass(frozen=True, slots=True)
class PageRules:
    """How entries are read out of an HTML page, by CSS selectors inside each item.

    `selector` gives the text of the first match (its inner HTML for `content` and `summary`), `selector@name` an
    attribute of it. `link` defaults to the first link of the item, `title` to that link's text.
    """

    items: str
    title: str | None = None
    link: str | None = None
    published: str | None = None
    author: str | None = None
    outlet: str | None = None
    summary: str | None = None
    content: str | None = None
    tags: str | None = None
    image: str | None = None


@dataclass(frozen=True, slots=True)
class Outline:
    """A subscription in an OPML list: the feed's address, its title, and the categories that it stands under."""

    url: str
    title: str = ""
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FeedLink:
    """A feed that a page names (`<link rel="alternate">`), or that stands where feeds usually do."""

    url: str
    title: str = ""
    type: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """One configured source, with the site's defaults filled in. `position` is its place in the configuration."""

    name: str
    url: str
    kind: str = "feed"
    position: int = 0
    title: str | None = None
    categories: tuple[str, ...] = ()
    category_from: CategoryFrom | None = None
    interval: timedelta = timedelta(hours=1)
    max_interval: timedelta = timedelta(hours=24)
    timeout: timedelta = timedelta(seconds=30)
    max_bytes: int = 10_000_000
    backfill: int = 50
    timezone: str = "UTC"
    language: str | None = None
    rules: ListRules | PageRules | None = None
    on_purpose: bool = False  # the operator gave this source an interval of its own
    schedule: str | None = None  # a crontab line instead of an interval
    user_agent: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # may hold credentials
    proxy: str | None = field(default=None, repr=False)
    options: Mapping[str, object] = field(default_factory=dict)  # of kinds that others bring
    fulltext: bool | str = False  # each article's text from its page: by a CSS selector, or (True) wherever it stands
    parent: str | None = None  # the subscription list that it came with
    text: TextPolicy = "full"
    private: bool = False  # its address is nobody's business: it is in no output


# --- fetch ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Validators:
    """What the server gave to ask "has it changed?" with (RFC 9110 §8.8), and the URL that gave it.

    The values are the header's bytes decoded as latin-1, so that encoding them as latin-1 gives the same bytes back.
    """

    url: str = ""
    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, slots=True)
class Redirect:
    """One hop: the status that sent us on, and the address it named (absolute, without fragment)."""

    status: int
    url: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """A whole document: `body` has its content encoding undone. Header names are lower-case, values latin-1 text.

    `wire` is what a body that came encoded is known again by, as it came: `same` says that this is the one that was
    asked about, and `body` is empty then. `gzip` is the body as one gzip member, where it came as such.
    """

    url: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    validators: Validators
    redirects: tuple[Redirect, ...] = ()
    waited: timedelta = timedelta(0)  # for its turn, before the first request was made
    wire: str = ""
    same: bool = False
    gzip: bytes = field(default=b"", repr=False)

    def header(self, name: str) -> str | None:
        """Give the first value of a header, by its lower-case name."""
        return next((value for key, value in self.headers if key == name), None)


@dataclass(frozen=True, slots=True)
class NotModified:
    """The server says that nothing changed (304). `validators` are the ones to keep: those of the 304 where it carries
    some, the ones that were sent where not (RFC 9110 §15.4.5)."""

    url: str
    headers: tuple[tuple[str, str], ...]
    validators: Validators
    redirects: tuple[Redirect, ...] = ()
    waited: timedelta = timedelta(0)


class Failure(StrEnum):
    """Why a fetch gave no document."""

    ADDRESS = "address"  # the URL itself is unusable
    REFUSED = "refused"  # by our own guard: a private network, or a scheme we do not speak
    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    PROTOCOL = "protocol"  # not HTTP, or broken HTTP
    REDIRECT = "redirect"  # a loop, too many hops, or a redirect to nowhere
    STATUS = "status"  # an HTTP error status; `status` says which
    GONE = "gone"  # 410
    ENCODING = "encoding"  # a content encoding that we did not offer, or broken compression
    TRUNCATED = "truncated"
    TOO_LARGE = "too-large"
    FILE = "file"  # a file: source that is missing, unreadable or no regular file


@dataclass(frozen=True, slots=True)
class FetchFailed:
    """No document; `detail` says why in plain words, with the figures that matter."""

    kind: Failure
    detail: str
    url: str
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    redirects: tuple[Redirect, ...] = ()
    waited: timedelta = timedelta(0)


FetchResult = Fetched | NotModified | FetchFailed

# --- parse ----------------------------------------------------------------

TextType = Literal["text", "html"]
EnclosureRel = Literal["enclosure", "image", "transcript", "chapters"]


@dataclass(frozen=True, slots=True)
class Enclosure:
    """A file that belongs to an entry: audio, video, image. `length` in bytes, 0 where unknown.

    `rel` tells the file itself from what goes with it: a podcast's cover, transcript and chapters. The numbers of
    season and episode are its own, 0 where it has none.
    """

    url: str
    type: str = ""
    length: int = 0
    title: str = ""
    rel: EnclosureRel = "enclosure"
    duration_seconds: int = 0
    season: int = 0
    episode: int = 0


@dataclass(frozen=True, slots=True)
class RawEntry:
    """An entry as its document says it: nothing cleaned, resolved or guessed. Empty text means not said."""

    guid: str = ""
    link: str = ""
    title: str = ""
    title_type: TextType = "html"
    summary: str = ""
    summary_type: TextType = "html"
    content: str = ""
    content_type: TextType = "html"
    author: str = ""
    outlet: str = ""
    published: str = ""
    updated: str = ""
    language: str = ""
    base: str = ""  # xml:base in force, absolute or empty
    tags: tuple[str, ...] = ()
    enclosures: tuple[Enclosure, ...] = ()
    info_code: str = ""  # by the source's own rule
    article_url: str = ""  # where the text is to be had by a second request
    digest: str = ""  # of the words that it stands in, where the document could be cut at its entries
    repeated: bool = False  # the document before held it in the same words: all else is left out


@dataclass(frozen=True, slots=True)
class Deletion:
    """That a feed took an entry back (RFC 6721): its guid, when (as the feed says it), and a remark for readers."""

    guid: str
    when: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class ParsedFeed:
    """What a document is and holds. `format` is feedparser's name of it (rss20, atom10 …), json11, json10 or list."""

    format: str
    title: str = ""
    link: str = ""
    id: str = ""
    subtitle: str = ""
    author: str = ""
    rights: str = ""
    language: str = ""
    icon: str = ""
    updated: str = ""
    ttl_minutes: int | None = None
    update_minutes: int | None = None  # sy:updatePeriod / sy:updateFrequency
    skip_hours: tuple[int, ...] = ()  # GMT, 0 to 23
    skip_days: tuple[int, ...] = ()  # 0 is Monday
    next_page: str = ""  # RFC 5005: an older page of a paged feed
    prev_archive: str = ""  # RFC 5005: the archive before this document
    entries: tuple[RawEntry, ...] = ()
    deletions: tuple[Deletion, ...] = ()
    warnings: tuple[str, ...] = ()  # what was repaired or passed over, in plain words


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Not a feed, or not one that can be read; `detail` says what it looks like instead."""

    detail: str


# --- entries ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """A normalised entry: plain title, sanitised absolute HTML in `summary` and `content`, XML-legal throughout."""

    source: str
    guid: str = ""
    link: str = ""
    title: str = ""
    summary: str = ""
    content: str = ""
    author: str = ""
    outlet: str = ""
    language: str = ""
    published: datetime | None = None
    updated: datetime | None = None
    published_text: str = ""  # as given, also when it could not be read
    tags: tuple[str, ...] = ()
    enclosures: tuple[Enclosure, ...] = ()
    info_code: str = ""  # by the source's own rule, if any
    article_url: str = ""
    fingerprint: str = ""  # of the normalised text; equal fingerprints: nothing to revise
    row_fingerprint: str = ""  # of what the list said, where the text came by a second request
    digest: str = ""  # of the words of its document, as `RawEntry.digest`
    repeated: bool = False  # the document before held it in the same words; its text and enclosures are left out
    text_size: int = 0  # characters of the text that was left out

    def __reduce__(self) -> tuple[type["Entry"], tuple[object, ...]]:
        """Travel between processes as plain values: a document has dozens of entries, and dataclasses travel slowly."""
        return Entry, _VALUES_OF_ENTRY(self)


_VALUES_OF_ENTRY = attrgetter(*(each.name for each in fields(Entry)))


@dataclass(frozen=True, slots=True)
class FeedFacts:
    """What a source says of itself, kept for `atom:source` and the pages."""

    title: str = ""
    link: str = ""
    id: str = ""
    rights: str = ""
    language: str = ""
    icon: str = ""
    updated: str = ""
    format: str = ""
    ttl_minutes: int | None = None
    update_minutes: int | None = None
    skip_hours: tuple[int, ...] = ()
    skip_days: tuple[int, ...] = ()
    next_page: str = ""
    prev_archive: str = ""


@dataclass(frozen=True, slots=True)
class Intake:
    """A document read and normalised: what the worker process hands back. `withdrawn` is what it takes back; `prints`
    are the fingerprints of its texts by `Entry.fingerprint`, as far as they were made at once (None: it has none).
    `familiar` are entries that it holds besides, by the codes of their articles: they need no second look."""

    facts: FeedFacts
    entries: tuple[Entry, ...]
    problems: tuple[str, ...] = ()
    withdrawn: tuple["Withdrawal", ...] = ()
    prints: Mapping[str, "Fingerprint | None"] = field(default_factory=dict)
    familiar: Mapping[str, "Familiar"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LastDocument:
    """What is remembered of a source's last document: the entries that it held, `repeated`, by their digests; and in
    their place those that need no second look, by the codes of their articles."""

    entries: Mapping[str, Entry] = field(default_factory=dict)
    familiar: Mapping[str, "Familiar"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """That a source took an entry back, under its guid: when, as far as it says, and its remark."""

    guid: str
    at: datetime | None = None
    comment: str = ""


# --- identify and store ----------------------------------------------------------------


class Alias(NamedTuple):
    """Another name of an article: `kind` is code, guid, url, or text for a digest of what its source says in it.

    A tuple, for a document holds hundreds of them and each is looked up several times.
    """

    kind: Literal["code", "guid", "url", "text"]
    value: str


Familiar = Sequence[str]
"""An entry that nothing was to be done about when it was met last: the digest of its words, then all its names, each as
kind and value with a space between them. A document holds dozens, and most polls only look whether they are there."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What is kept of a text to find it again: about 1 KB for an article, whatever its length.

    Two texts can be the same story only if they share one of `bands`. `sketch` holds the rate of the sample and the
    sampled hashes in the order of the text; `figures` the number of those in the title, then hash and place of each.
    `length` counts the text's characters without spaces, punctuation and what outlets put around it.
    """

    bands: tuple[str, ...]
    sketch: bytes
    length: int
    figures: bytes


@dataclass(frozen=True, slots=True)
class Alike:
    """A stored article that may tell the same story as a new one."""

    info_code: str
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class Named:
    """An entry with the code it would get if it is new, and all names that it goes by in its document."""

    entry: Entry
    info_code: str
    names: tuple[Alias, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """What a decision needs to know of a stored article. `text_size` counts the characters of its text.

    `row_fingerprint` is what the asking source's list said of it when its text was fetched; `seen_here` tells whether
    that source has brought it before, `asked` whether its text was to come by a second request, `evident` whether names
    of the kind `text` are stored for it.
    `held`: it is not published yet; with `for_review`, until the operator says so.
    """

    info_code: str
    source: str
    guid: str
    title: str
    fingerprint: str
    row_fingerprint: str
    seen_here: bool
    text_size: int
    published: datetime | None
    updated: datetime
    asked: bool = False
    link: str = ""
    evident: bool = True
    held: bool = False
    for_review: bool = False


@dataclass(frozen=True, slots=True)
class Arrival:
    """A new article. `pending`: its text is still owed, and it joins its channels when that has come."""

    info_code: str
    entry: Entry
    names: tuple[Alias, ...]
    sort_date: datetime
    updated: datetime
    pending: bool = False


@dataclass(frozen=True, slots=True)
class Revision:
    """A stored article whose text changed, or whose better text another source brings (then `entry.source` differs)."""

    info_code: str
    entry: Entry
    names: tuple[Alias, ...]
    updated: datetime


@dataclass(frozen=True, slots=True)
class Retouch:
    """A stored article whose markup changed, or what changes by itself, and not what it says: no reader is told."""

    info_code: str
    entry: Entry
    names: tuple[Alias, ...]


@dataclass(frozen=True, slots=True)
class Wording:
    """What a stored article says, and whose words these are. `retouched`: how often its markup was taken over."""

    source: str
    title: str
    summary: str
    content: str
    retouched: int = 0


@dataclass(frozen=True, slots=True)
class Sighting:
    """A stored article met again with nothing new in its text. `names` are those that are not known yet; `learns`: it
    tells something that is to be remembered."""

    info_code: str
    entry: Entry
    names: tuple[Alias, ...]
    learns: bool


@dataclass(frozen=True, slots=True)
class Merge:
    """A new article that tells the story of a stored one, `info_code`, and gets no entry of its own. `revision`: it is
    the better telling, and its text is shown from now on."""

    info_code: str
    arrival: Arrival
    fingerprint: Fingerprint
    why: str
    revision: Revision | None = None

    @property
    def entry(self) -> Entry:
        """What its source tells."""
        return self.arrival.entry


@dataclass(frozen=True, slots=True)
class Changes:
    """What one document does to the store. `passed` are older entries of a new source, beyond its backfill: only their
    names are kept, so that they never come in later as news. `merged` are new articles that joined stored ones. `held`
    are stored and not published yet, for the reason that `hold` gives; `confirmed` are the codes of held articles that
    are published now."""

    arrivals: tuple[Arrival, ...] = ()
    revisions: tuple[Revision, ...] = ()
    sightings: tuple[Sighting, ...] = ()
    passed: tuple[Named, ...] = ()
    retouches: tuple[Retouch, ...] = ()
    withdrawn: Mapping[str, "Withdrawal"] = field(default_factory=dict)  # by code
    held: tuple[Arrival, ...] = ()
    hold: "Hold | None" = None
    confirmed: tuple[str, ...] = ()
    merged: tuple[Merge, ...] = ()
    dropped: tuple[str, ...] = ()  # codes of new articles that rules of the operator drop


@dataclass(frozen=True, slots=True)
class Version:
    """One wording of an article: as it stood from `since` (when we took it over) until the next one came.

    `updated` is the date that it was published with.
    """

    revision: int
    source: str
    title: str
    summary: str
    content: str
    author: str
    link: str
    since: datetime
    updated: datetime


@dataclass(frozen=True, slots=True)
class Hold:
    """Why articles are not published yet: until a later fetch shows them again, or `for_review` until the operator has
    looked at their source."""

    reason: str
    for_review: bool = False


@dataclass(frozen=True, slots=True)
class PastArticle:
    """What is looked at of an article that a source brought earlier. `said` is when it came out, None where the source
    did not say."""

    said: datetime | None
    first_seen: datetime
    link: str


@dataclass(frozen=True, slots=True)
class Past:
    """The recent articles of a source, the last stored first and none that is held, and when it brought its first."""

    articles: tuple[PastArticle, ...] = ()
    begun: datetime | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """Where a source's URL was permanently redirected to, since when, and on how many polls in a row."""

    target: str
    since: datetime
    polls: int = 1


@dataclass(frozen=True, slots=True)
class SourceMemory:
    """What is remembered of a source between two fetches."""

    validators: Validators = Validators()
    body_hash: str = ""
    wire: str = ""  # of the same body, as `Fetched.wire`
    failures: int = 0
    fresh: bool = True  # it never brought a document
    url: str = ""  # that it is fetched from instead of the configured one: found by discovery, or moved to
    home: str = ""  # the page that the feed belongs to
    hints: "FeedFacts | None" = None  # what the last document said of its rhythm
    unmodified_since: datetime | None = None  # the first of an unbroken row of 304s
    move: Move | None = None
    move_refused: str = ""  # a target that the operator does not want
    rhythm: timedelta | None = None  # the usual time between its newest articles
    newest: datetime | None = None  # when its newest article came out
    heedless: int = 0  # whole answers in a row to the question for changes, with nothing changed
    usual: timedelta = timedelta(0)  # the wait after the last success
    title: str = ""  # of the feed, or as configured
    read_at: datetime | None = None  # the last success
    failing_since: datetime | None = None
    review: Hold | None = None  # it waits for the operator's word


@dataclass(frozen=True, slots=True)
class ReadNote:
    """What is to be remembered of a fetch that worked. `facts` is None where the document is the same as before."""

    facts: FeedFacts | None
    validators: Validators
    body_hash: str
    next_fetch_at: datetime
    next_reason: str
    outcome: str
    usual: timedelta = timedelta(0)
    news: bool = False
    unmodified_since: datetime | None = None
    heedless: int = 0
    move: Move | None = None
    wire: str = ""


@dataclass(frozen=True, slots=True)
class FailureNote:
    """What is to be remembered of a fetch that brought nothing. `kind` is a `Failure`, or "unreadable"."""

    error: str
    kind: str
    outcome: str
    next_fetch_at: datetime
    next_reason: str
    quiet_until: datetime | None = None  # the server's Retry-After: no later failure brings the next try before it


@dataclass(frozen=True, slots=True)
class Read:
    """A source's document, fetched, parsed and normalised."""

    fetched: Fetched
    intake: Intake
    body_hash: str


@dataclass(frozen=True, slots=True)
class SameBody:
    """A whole answer whose body equals the one before: nothing to parse."""

    fetched: Fetched


@dataclass(frozen=True, slots=True)
class NotAFeed:
    """A whole answer that cannot be read as what the source should be; the validators are not to be kept."""

    fetched: Fetched
    detail: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A subscription list, fetched and read."""

    fetched: Fetched
    outlines: tuple[Outline, ...]
    body_hash: str


Reading = Read | Listed | SameBody | NotModified | NotAFeed | FetchFailed


@dataclass(frozen=True, slots=True)
class Outcome:
    """What refreshing one source came to, for the operator: counts of articles and problems in plain words."""

    source: str
    outcome: Literal["ok", "not-modified", "failed", "gone", "not-due"]
    new: int = 0
    revised: int = 0
    unchanged: int = 0
    skipped: int = 0
    merged: int = 0  # new articles that joined stored ones
    retracted: int = 0  # that their source took back
    problems: tuple[str, ...] = ()
    held: int = 0
    dropped: int = 0  # new articles that the operator's rules drop
    seconds: float | None = field(default=None, compare=False)  # from the request to what was read of the answer


@dataclass(frozen=True, slots=True)
class RawDocument:
    """A document as it came, kept to be read again. `number` is 0 until it is stored."""

    url: str
    content_type: str
    fetched_at: datetime
    body: bytes
    number: int = 0
    gzip: bytes = field(default=b"", repr=False)  # the body packed already, where it came so


@dataclass(frozen=True, slots=True)
class RawLimits:
    """How many documents of a source are kept, and how many bytes of them in all, compressed."""

    documents: int = 2
    max_bytes: int = 512_000


@dataclass(frozen=True, slots=True)
class Reparsed:
    """What reading a source's kept documents again came to: how many articles were looked at, and repaired."""

    source: str
    documents: int = 0
    looked_at: int = 0
    repaired: int = 0
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Brought:
    """That a source brought an article, when first, and under which guid and link; `why` it was taken for this article
    where none of its names said so."""

    source: str
    first_seen: str
    guid: str
    link: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Telling:
    """A source's own version of an article that several sources tell, with the code that it would have by itself.
    `shown`: it is the one that documents show."""

    code: str
    source: str
    title: str
    link: str
    shown: bool


@dataclass(frozen=True, slots=True)
class ReadingFacts:
    """How a document was fetched and read, as far as it is kept: `redirects` as "301 https://…", `notes` is what was
    repaired or passed over in it."""

    at: datetime
    url: str
    status: int
    redirects: tuple[str, ...]
    content_type: str
    format: str
    entries: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """How a source's telling of an article came, or how the words changed that it has: the reading of a document, and
    the name that it was recognised by ("guid …"; nothing for one that was new). Times are text, as in `Trace`."""

    what: Literal["came", "changed"]
    source: str
    matched: str
    at: str
    url: str
    status: int
    redirects: tuple[str, ...]
    content_type: str
    format: str
    entries: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Placed:
    """A channel that an article stands in, the source that named it, and by which rule: category (a fixed one), outlet,
    tags, author, or name (its own, for want of any); nothing where a rule of the channel chose the article."""

    slug: str
    title: str
    source: str
    rule: str


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """That a source took an article back: when we saw it, when it says that it did ("": not said), and its remark."""

    source: str
    noted_at: str
    said_at: str
    comment: str


@dataclass(frozen=True, slots=True)
class Trace:
    """An article's story, as the store knows it; times are as they stand there (ISO 8601, UTC). Where the article is
    not stored, only its names are known."""

    info_code: str
    title: str = ""
    link: str = ""
    state: str = ""
    source: str = ""
    published: str = ""
    published_text: str = ""
    first_seen: str = ""
    updated: str = ""
    revision: int = 0
    retouched: int = 0  # how often its markup or its counters changed, and not what it says
    names: tuple[Alias, ...] = ()
    provenance: tuple[Brought, ...] = ()
    tellings: tuple[Telling, ...] = ()
    apart: tuple[str, ...] = ()  # codes of articles that it is never merged with
    channels: tuple["Channel", ...] = ()
    held_since: str = ""  # also of an article that is published by now
    held_reason: str = ""
    missing_since: str = ""  # while it was held, a document came without it
    origins: tuple[Origin, ...] = ()
    placed: tuple[Placed, ...] = ()
    withdrawn: tuple[Withdrawn, ...] = ()


@dataclass(frozen=True, slots=True)
class PreviewItem:
    """An article that a refresh would store: `what` becomes of it, and the category names that it would have."""

    what: Literal["new", "revised", "merged", "unchanged", "passed over", "held", "dropped"]
    info_code: str
    entry: Entry
    categories: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """What refreshing a source would do, without doing it. `facts` is None where its document could not be read.

    `links` are the feeds that the document names where there is one and it is none itself; else None.
    """

    source: str
    url: str
    facts: FeedFacts | None = None
    items: tuple[PreviewItem, ...] = ()
    problems: tuple[str, ...] = ()
    links: tuple[FeedLink, ...] | None = None


@dataclass(frozen=True, slots=True)
class SourceReport:
    """How a source stands, for the table of sources."""

    name: str
    url: str
    kind: str
    title: str
    state: str
    entries: int
    last_fetch_at: datetime | None
    last_success_at: datetime | None
    next_fetch_at: datetime | None
    next_reason: str
    last_new_at: datetime | None
    failures: int
    failing_since: datetime | None
    last_error: str
    entries_per_week: float
    proposed_url: str = ""
    fetched_from: str = ""  # the URL in use, where it is not the configured one
    parent: str | None = None
    private: bool = False
    held: int = 0  # articles that are not published yet
    held_since: datetime | None = None
    held_reason: str = ""
    failure: str = ""  # why the last fetch failed, if it did: a `Failure` or "unreadable"
    under_review: bool = False  # what it brings is held until the operator releases it


@dataclass(frozen=True, slots=True)
class Related:
    """Another source's telling of an article: the source's title, the telling's own title and link (may be empty), and
    the source's name in the configuration."""

    source: str
    title: str
    link: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An article as it stands in the store, with what its documents need of its source and channels."""

    seq: int
    info_code: str
    source: str
    guid: str
    link: str
    title: str
    summary: str
    content: str
    author: str
    outlet: str
    language: str
    published: datetime | None
    updated: datetime
    first_seen: datetime
    sort_date: datetime
    revision: int
    fingerprint: str
    tags: tuple[str, ...] = ()
    enclosures: tuple[Enclosure, ...] = ()
    source_title: str = ""
    source_link: str = ""
    source_id: str = ""
    source_rights: str = ""
    source_icon: str = ""
    source_updated: datetime | None = None
    channels: tuple["Channel", ...] = ()
    text: TextPolicy = "full"  # what its source allows
    related: tuple[Related, ...] = ()

    def __hash__(self) -> int:
        """Look at as much as tells articles apart, not at each of thirty fields: they are looked up often."""
        return hash((self.info_code, self.revision))


@dataclass(frozen=True, slots=True)
class Channel:
    """One published feed, of a category or by a rule. `opened_as` is its first slug, where it was renamed."""

    slug: str
    title: str
    name: str = ""
    opened_as: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an article stands in a channel: the source that named it ("": the channel's own rule), why (as in `Placed`,
    or the operator's rule), and whether that is in an archive."""

    source: str
    why: str = ""
    archived: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """A stored article as its source said it, and what became of it: `places` by slug, the operator's rule that drops
    it ("": none), and a digest of the words that rules give it ("": its own).

    `brought` are the sources that brought it, the first one first; `told` is what those told whose telling is kept.
    """

    entry: StoredEntry
    dropped_by: str = ""
    edition: str = ""
    places: Mapping[str, Place] = field(default_factory=dict)
    brought: tuple[str, ...] = ()
    told: Mapping[str, Entry] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Policy:
    """What a channel publishes. `entries`, `max_bytes` and `per_source` bound its current document, each in its way;
    what is beyond goes on to the archive. None is no bound of its own."""

    entries: int = 50
    max_bytes: int | None = None
    per_source: int | None = None
    text: TextPolicy = "full"
    noindex: bool = False
    protected: bool = False  # only for readers with a token: nothing of it stands where others read


@dataclass(frozen=True, slots=True)
class Policies:
    """The policy of every channel: those that say something by slug, and what holds for all others and for the site."""

    usual: Policy = Policy()
    by_slug: Mapping[str, Policy] = field(default_factory=dict)

    def of(self, slug: str) -> Policy:
        """Give the policy of a channel."""
        return self.by_slug.get(slug, self.usual)

    @property
    def protected(self) -> tuple[str, ...]:
        """Give the slugs of the channels that only some may read."""
        return tuple(sorted(slug for slug, policy in self.by_slug.items() if policy.protected))


class SearchNote(StrEnum):
    """What there is to say of a search to the person who asked."""

    NO_WORD = "no-word"
    ONLY_WITHOUT = "only-without"
    CUT = "cut"  # the number: of words that were looked for
    LATE = "late"  # the number: of articles that were looked through
    DEEP = "deep"  # the number: of articles that can be seen


@dataclass(frozen=True, slots=True)
class Remark:
    """A note on a search, with its number."""

    note: SearchNote
    number: int = 0


@dataclass(frozen=True, slots=True)
class ChannelSummary:
    """A channel as the home page and the subscription list show it."""

    channel: Channel
    count: int
    updated: datetime | None
    newest: tuple[StoredEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class Archive:
    """One document of a channel's history (RFC 5005), counted from 1, the oldest; its articles come newest first.

    `full`: nothing joins it any more, and the next one is open.
    """

    number: int
    entries: tuple[StoredEntry, ...]
    full: bool


@dataclass(frozen=True, slots=True)
class Retraction:
    """That an article was taken out of everything, and when."""

    info_code: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Kept:
    """How long and how many articles are kept; 0 is no limit. None, of a source: what is said of all holds."""

    days: int | None = None
    entries: int | None = None


@dataclass(frozen=True, slots=True)
class Retention:
    """What is kept of all articles together and of single sources' articles. `shown` are the newest ones that the feed
    of everything may show."""

    of_all: Kept = Kept()
    of_source: Mapping[str, Kept] = field(default_factory=dict)
    shown: int = 50


# --- posts of a Jekyll site -------------------------------------------------


@dataclass(frozen=True, slots=True)
class PostFile:
    """A post as it lies on disk: its path for people, and its file name's day (or "") and rest.

    `twin`: another day has a post of the same name. `fault` says why there are no bytes.
    """

    path: str
    day: str
    stem: str
    twin: bool
    body: bytes = field(repr=False)
    fault: str = ""


@dataclass(frozen=True, slots=True)
class RawPost:
    """A post as it says it. `entry.tags` are titles of channels, `categories` what their addresses were made of."""

    entry: RawEntry
    categories: tuple[str, ...] = ()
    note: str = ""  # what was broken and could be read all the same


@dataclass(frozen=True, slots=True)
class Post:
    """A post that can be taken in. `categories` maps its category names to what it said their addresses are made of.

    `note` says what was broken in it and could be read all the same.
    """

    path: str
    entry: Entry
    categories: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True)
class Imported:
    """What taking in some posts did. `repeated` told an article that a post before them told; `gone` are articles that
    were removed here before, and stay so.

    `categories` maps their category names to what the posts said of the addresses.
    """

    new: int = 0
    revised: int = 0
    unchanged: int = 0
    repeated: int = 0
    gone: int = 0
    skipped: int = 0
    problems: tuple[str, ...] = ()
    categories: Mapping[str, str] = field(default_factory=dict)

    def count(self) -> int:
        """Give how many posts these are."""
        return self.new + self.revised + self.unchanged + self.repeated + self.gone + self.skipped

    def joined(self, other: "Imported") -> "Imported":
        """Give both together."""
        return Imported(
            self.new + other.new,
            self.revised + other.revised,
            self.unchanged + other.unchanged,
            self.repeated + other.repeated,
            self.gone + other.gone,
            self.skipped + other.skipped,
            self.problems + other.problems,
            {**other.categories, **self.categories},
        )


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What an export did with its files; `left` are those that somebody else wrote or changed."""

    written: int
    unchanged: int
    removed: int
    left: tuple[str, ...] = ()


# --- publish ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Site:
    """What every published document says of its site. `url` ends in a slash; `hub` is a WebSub hub's address."""

    title: str
    url: str
    id_authority: str
    language: str = ""
    timezone: str = "UTC"
    author: str = ""
    formats: tuple[str, ...] = ("atom", "rss", "json", "html")
    rights: str = ""
    icon: str = ""
    logo: str = ""
    hub: str = ""
    theme: str = ""  # a folder whose templates and static files stand before ours
    search: bool = True  # pages have a field that leads to /search


@dataclass(frozen=True, slots=True)
class SourceNote:
    """A source as the page of sources shows it. `link` is its site, empty where not to be shown; `channels` are those
    that all its articles stand in. The address that it is fetched from is not among this: it may hold a key."""

    name: str
    title: str
    link: str = ""
    channels: tuple[Channel, ...] = ()


@dataclass(frozen=True, slots=True)
class Listing:
    """An article as a list for search engines has it, with the slugs of its channels."""

    info_code: str
    updated: datetime
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Piece:
    """A part of a document, as it stands there and compressed by itself."""

    body: bytes
    deflated: bytes


@dataclass(frozen=True, slots=True)
class Joined:
    """What a document was joined of: what stands before its entries, each of them, and what follows; with `seam`, what
    stands between two of them."""

    head: Piece
    entries: tuple[Piece, ...]
    tail: Piece
    seam: Piece | None = None

    def pieces(self) -> tuple[Piece, ...]:
        """Give all parts in their order."""
        seam = self.seam
        between = self.entries if seam is None else [each for one in self.entries for each in (seam, one)][1:]
        return (self.head, *between, self.tail)


@dataclass(frozen=True, slots=True)
class Document:
    """A published file: its path below the publish directory (`category/x.atom`) and its bytes.

    `joined` are its parts, where it was put together of some that were at hand.
    """

    path: str
    body: bytes
    joined: Joined | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class PublishReport:
    """What a publish run did: paths written, left alone because equal, and removed; failures as text.

    `refused` are the paths whose new bytes did not pass the gate: the old file stays, and they are tried again.
    """

    written: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    problems: tuple[str, ...] = field(default=())
    refused: tuple[str, ...] = ()
    replaced: int = 0  # articles that are placed or worded anew, because the configuration changed

    def joined(self, other: "PublishReport") -> "PublishReport":
        """Give both together."""
        return PublishReport(
            self.written + other.written,
            self.unchanged + other.unchanged,
            self.removed + other.removed,
            self.problems + other.problems,
            self.refused + other.refused,
            self.replaced + other.replaced,
        )

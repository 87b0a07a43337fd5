"""An entry as every format says it: legal text, nothing required left empty, times in the site's zone.

The renderers read Items, so what a document may hold is decided here once.
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

from aggregator import markup
from aggregator.publish.addresses import article_path, web_address
from aggregator.publish.view import TITLE_LIMIT, entry_id
from aggregator.records import Channel, Enclosure, Related, Site, StoredEntry

_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")  # atomLanguageTag of RFC 4287
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9][\w.+-]*/[A-Za-z0-9][\w.+-]*", re.ASCII)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")
_TYPE_BY_ENDING = {
    "mp3": "audio/mpeg",
    "m4a": "audio/mp4",
    "ogg": "audio/ogg",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "webp": "image/webp",
    "pdf": "application/pdf",
}


@dataclass(frozen=True, slots=True)
class Origin:
    """The source an entry came from; `id` and `title` are never empty, `link`, `rights` and `icon` may be.

    The address that it is fetched from is not among them: it may hold a key.
    """

    id: str
    title: str
    link: str
    rights: str
    icon: str
    updated: datetime


@dataclass(frozen=True, slots=True)
class Item:
    """An entry, ready to be written. `content` is HTML, `summary` plain text and only there beside a content.

    `link` is the original article and `page` our own absolute address of it; either may be empty. `extras` go with the
    enclosures: a cover, a transcript, chapters.
    """

    id: str
    code: str
    title: str
    link: str
    page: str
    content: str
    summary: str
    author: str
    outlet: str
    language: str
    published: datetime | None
    updated: datetime
    shown: datetime
    tags: tuple[str, ...]
    channels: tuple[Channel, ...]
    enclosures: tuple[Enclosure, ...]
    extras: tuple[Enclosure, ...]
    origin: Origin
    related: tuple[Related, ...] = ()

    @property
    def alternate(self) -> str:
        """The address a reader opens: the original, ours where the source gave none, or empty."""
        return self.link or self.page


@lru_cache(maxsize=256)  # four formats, the site's feed and a channel's say the same entry in one publish run
def item_of(site: Site, entry: StoredEntry) -> Item:
    """Make an entry ready for every format. Pure, and remembered.

    Raises: PublishError for a code that no path can hold, ValueError for a time without a zone, OverflowError for one
    that the site's zone moves out of the calendar.
    """
    path = article_path(entry.info_code)
    content, summary = markup.legal(entry.content), markup.legal(entry.summary)
    published = local(site, entry.published) if entry.published else None
    origin = _origin(site, entry)
    outlet = line(entry.outlet) or origin.title
    return Item(
        id=entry_id(site, entry.info_code),
        code=entry.info_code,
        title=_title(entry, content or summary, outlet),
        link=web_address(markup.legal(entry.link)),
        page=site.url + path if "html" in site.formats else "",
        content=content or summary,
        summary=markup.text_of(summary).strip() if content and summary else "",
        author=line(entry.author) or outlet,
        outlet=outlet,
        language=language(entry.language),
        published=published,
        updated=local(site, entry.updated),
        shown=published or local(site, entry.sort_date),
        tags=_tags(entry),
        channels=entry.channels,
        enclosures=_enclosures(entry, is_file=True),
        extras=_enclosures(entry, is_file=False),
        origin=origin,
        related=tuple(_related(one) for one in entry.related),
    )


def _related(told: Related) -> Related:
    link = web_address(markup.legal(told.link))
    return Related(line(told.source) or "?", line(told.title) or link, link)


def line(text: str) -> str:
    """Give a text as one legal line: runs of white space become one space."""
    return " ".join(markup.legal(text).split())


def language(tag: str) -> str:
    """Give a language tag that stands in an `xml:lang`, or nothing where it is none."""
    tag = tag.strip().replace("_", "-")
    return tag if _LANGUAGE.fullmatch(tag) else ""


def local(site: Site, moment: datetime) -> datetime:
    """Give a time in the site's zone, to the second.

    An offset with seconds (local mean time before zones) cannot be written in RFC 3339: such times stay in UTC.
    Raises: ValueError for a time without a zone, which would be read in the zone of the machine.
    """
    if moment.tzinfo is None:
        raise ValueError(f"time {moment.isoformat()} has no zone; times are aware and in UTC")
    there = moment.astimezone(_zone(site.timezone)).replace(microsecond=0)
    offset = there.utcoffset() or timedelta()
    return there if not offset % timedelta(minutes=1) else there.astimezone(UTC)


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _title(entry: StoredEntry, html: str, outlet: str) -> str:
    return line(entry.title) or line(markup.excerpt(html, TITLE_LIMIT)) or outlet or entry.info_code


def _tags(entry: StoredEntry) -> tuple[str, ...]:
    """Give the source's tags in order, each once, without those that say what a channel says."""
    channels = {line(channel.title) for channel in entry.channels}
    tags = dict.fromkeys(line(tag) for tag in entry.tags)
    return tuple(tag for tag in tags if tag and tag not in channels)


def _origin(site: Site, entry: StoredEntry) -> Origin:
    link = web_address(markup.legal(entry.source_link))
    given = markup.legal(entry.source_id).strip()
    name = line(entry.source)
    fallback = link or entry_id(site, f"source/{name}")
    return Origin(
        id=given if _URI.fullmatch(given) else fallback,
        title=line(entry.source_title) or name or "?",
        link=link,
        rights=line(entry.source_rights),
        icon=web_address(markup.legal(entry.source_icon)),
        updated=local(site, entry.source_updated or entry.updated),
    )


def _enclosures(entry: StoredEntry, *, is_file: bool) -> tuple[Enclosure, ...]:
    wanted = (one for one in entry.enclosures if (one.rel == "enclosure") == is_file and web_address(one.url))
    return tuple(map(_enclosure, wanted))


def _enclosure(given: Enclosure) -> Enclosure:
    url = web_address(markup.legal(given.url))
    ending = url.partition("?")[0].rpartition(".")[2].lower()
    known = _TYPE_BY_ENDING.get(ending, "application/octet-stream")
    said = given.type.strip().lower()
    kind = said if _MEDIA_TYPE.fullmatch(said) else known
    return replace(given, url=url, type=kind, length=max(given.length, 0), title=line(given.title))

"""An entry made fit to store and publish."""

import html
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, tzinfo
from hashlib import sha256
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from aggregator.markup import excerpt, legal, outlet_of, paragraphs, plain, sanitise, text_of, title_text
from aggregator.normalise.dates import plausible, read_date
from aggregator.normalise.language import language_of
from aggregator.records import Enclosure, Entry, FeedFacts, ParsedFeed, RawEntry, Source, TextType, Withdrawal
from aggregator.urls import canonical, fold_name, host, resolve, safe_link

_MAX_TITLE = 1_000
_MAX_MADE_TITLE = 80
_MAX_NAME = 300
_MAX_DATE = 200
_MAX_ID = 2_000
_MAX_BODY = 2_000_000
_MAX_TAGS = 50
_MAX_ENCLOSURES = 50
_READ_FOR_LANGUAGE = 6_000  # characters of markup
_LONGEST_RAW = 20_000  # of a title or a name with its markup

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,6}")
_MAIL_NAME = re.compile(r"\S+@\S+\s+\(([^()]+)\)|([^<>]*[^<>\s])\s*<\S+@[^<>\s]+>")
_MIME = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,60}/[A-Za-z0-9!#$&^_.+-]{1,120}")
_SENTENCE = re.compile(rf"(.{{4,{_MAX_MADE_TITLE - 1}}}?(?:[！？!?]|(?=。|\.\s)))")
_SEEN = re.compile(r"<(?:img|video|audio|iframe)\b|(?:\A|>)[^<]*?[^<\s\u200b\u2060\ufeff]")
_ADDRESS = re.compile(r'(?<==")https?://[^"]*[?#][^"]*(?=")')


def normalise(raw: RawEntry, *, source: Source, feed: ParsedFeed, url: str, now: datetime) -> Entry | None:
    """Give the entry that a raw one stands for, or None where it says nothing: no title, text, link, guid or file.

    `url` is where the document was found in the end; what a local file says is relative to the site that it names.
    Zone-less dates are in the source's time zone.
    """
    home = safe_link(feed.link) if url.startswith("file:") else ""
    base = resolve(home or url, raw.base) or home or url
    content, summary = _bodies(raw, base)
    link = _link(raw.link, base, feed)
    published, updated = _dates(raw, _zone(source.timezone), now)
    entry = Entry(
        source=source.name,
        guid=_identifier(raw.guid),
        link=link,
        title=_cut(title_text(raw.title[:_LONGEST_RAW], raw.title_type), _MAX_TITLE),
        summary=summary,
        content=content,
        author=_author(raw.author),
        outlet=_name(raw.outlet) or _cut(outlet_of(raw.content or raw.summary), _MAX_NAME),
        language=_language(raw.language) or _language(feed.language) or _language(source.language or ""),
        published=published,
        updated=updated,
        published_text=legal(raw.published.strip())[:_MAX_DATE],
        tags=_tags(raw.tags),
        enclosures=_enclosures(raw.enclosures, base),
        info_code=legal(raw.info_code).strip()[:_MAX_NAME],
        article_url=_web(base, raw.article_url or (link if source.fulltext else "")),
    )
    if not _says_something(entry):
        return None
    entry = replace(entry, title=entry.title or _made_title(entry), language=entry.language or _told_by_text(entry))
    return replace(entry, fingerprint=fingerprint(entry))


def facts(feed: ParsedFeed, url: str, *, source: Source, now: datetime) -> FeedFacts:
    """Give what a document says of its source, with a plain title, absolute links and `updated` as ISO 8601 or ""."""
    updated = read_date(feed.updated, _zone(source.timezone), now)
    return FeedFacts(
        title=_name(feed.title),
        link=_web(url, feed.link),
        id=_identifier(feed.id),
        rights=_cut(title_text(feed.rights[:_LONGEST_RAW], "html"), _MAX_TITLE),
        language=_language(feed.language) or _language(source.language or ""),
        icon=_web(url, feed.icon),
        updated=updated.isoformat() if updated and plausible(updated, now) else "",
        format=feed.format,
        ttl_minutes=feed.ttl_minutes,
        update_minutes=feed.update_minutes,
        skip_hours=feed.skip_hours,
        skip_days=feed.skip_days,
        next_page=_web(url, feed.next_page),
        prev_archive=_web(url, feed.prev_archive),
    )


def withdrawals(feed: ParsedFeed, entries: Iterable[Entry], source: Source, now: datetime) -> tuple[Withdrawal, ...]:
    """Give what a feed takes back. What it brings again with a later date than it took it back is not among it."""
    brought = {entry.guid: entry.updated for entry in entries if entry.guid and entry.updated}
    found: dict[str, Withdrawal] = {}
    for deletion in feed.deletions:
        guid, at = _identifier(deletion.guid), read_date(deletion.when, _zone(source.timezone), now)
        again = brought.get(guid)
        if guid and not (at and again and again > at):
            found[guid] = Withdrawal(guid, at, _cut(plain(deletion.comment, is_html=False), _MAX_TITLE))
    return tuple(found.values())


def fingerprint(entry: Entry) -> str:
    """Give a digest of what a reader sees, so that a changed digest means a revised article.

    It covers the title, the canonical link, summary and content with their markup, author, outlet, tags (in any order)
    and enclosures' addresses. It does not cover dates, guid, language, what goes with a podcast's file (cover,
    transcript, length), white space between words, nor what `canonical` ignores in any address: http or https,
    tracking parameters, fragments.
    """
    parts = [
        entry.title,
        canonical(entry.link) or entry.link,
        _ADDRESS.sub(_compared, entry.summary),
        _ADDRESS.sub(_compared, entry.content),
        entry.author,
        entry.outlet,
        *sorted(fold_name(tag) for tag in entry.tags),
        "",
        *(canonical(enclosure.url) or enclosure.url for enclosure in _files(entry)),
    ]
    text = "\x1f".join(" ".join(part.split()) for part in parts)  # a separator that no legal text holds
    return sha256(text.encode("utf-8", "replace")).hexdigest()[:32]


def _compared(match: re.Match[str]) -> str:
    return html.escape(canonical(html.unescape(match[0]))) or match[0]


def _says_something(entry: Entry) -> bool:
    return any((entry.title, entry.summary, entry.content, entry.link, entry.guid, entry.info_code, _files(entry)))


def _files(entry: Entry) -> list[Enclosure]:
    return [enclosure for enclosure in entry.enclosures if enclosure.rel == "enclosure"]


# --- text -----------------------------------------------------------------------------------------------


def _bodies(raw: RawEntry, base: str) -> tuple[str, str]:
    """Give content and summary; a summary that says the same as the content is none."""
    content = _body(raw.content, raw.content_type, base)
    summary = _body(raw.summary, raw.summary_type, base)
    return content, "" if _is_repeated(summary, content) else summary


def _is_repeated(summary: str, content: str) -> bool:
    if not summary or not content or len(content) > 4 * len(summary):
        return False  # no markup is as much as that: spare reading all of it
    return summary == content or text_of(summary) == text_of(content)


def _body(value: str, text_type: TextType, base: str) -> str:
    if not value or value.isspace():
        return ""
    value = value[:_MAX_BODY]
    clean = sanitise(value if text_type == "html" else paragraphs(value), base).strip()
    return clean if _SEEN.search(clean) else ""


def _made_title(entry: Entry) -> str:
    """Give a title to an entry that has none: how its text begins, or what its address ends in."""
    from_text = _first_sentence(entry.summary) or _first_sentence(entry.content)
    addresses = (entry.link, *(enclosure.url for enclosure in _files(entry)))
    from_address = next(filter(None, (_last_part(address) for address in addresses)), "")
    found = from_text or from_address or entry.guid or entry.info_code or entry.source
    return _cut(plain(found, is_html=False), _MAX_MADE_TITLE)


def _first_sentence(body: str) -> str:
    line = text_of(body).partition("\n")[0]
    match = _SENTENCE.match(line)
    return match[1] if match else excerpt(paragraphs(line), _MAX_MADE_TITLE)


def _last_part(address: str) -> str:
    path = re.split("[?#]", address, maxsplit=1)[0].rstrip("/")
    part = path.rpartition("/")[2] if path.count("/") > 2 else host(address)
    return plain(unquote(part), is_html=False)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _name(value: str) -> str:
    return _cut(title_text(value[:_LONGEST_RAW], "html"), _MAX_NAME)


def _author(value: str) -> str:
    """Give an author's name without the mail address that RSS puts beside it (`a@b.org (Name)`)."""
    match = _MAIL_NAME.fullmatch(value.strip()[:_MAX_NAME])
    return _name((match[1] or match[2]) if match else value)


def _tags(values: Iterable[str]) -> tuple[str, ...]:
    found: dict[str, str] = {}
    for value in values:
        name = _name(value)
        key = fold_name(name)
        if key:
            found.setdefault(key, name)
        if len(found) == _MAX_TAGS:
            break
    return tuple(found.values())


def _identifier(value: str) -> str:
    text = legal(value).strip()
    return text if len(text) <= _MAX_ID else f"sha256:{sha256(text.encode()).hexdigest()}"


def _language(value: str) -> str:
    """Give a language tag in the shape of BCP 47 (zh-CN, zh-Hans-CN), or "" for what is none."""
    tag = value.strip().split(",")[0].strip().replace("_", "-")
    if not _LANGUAGE.fullmatch(tag):
        return ""
    first, *others = tag.split("-")
    return "-".join([first.lower(), *(_subtag(other) for other in others)])


def _told_by_text(entry: Entry) -> str:
    return language_of(f"{entry.title}\n{text_of((entry.content or entry.summary)[:_READ_FOR_LANGUAGE])}")


def _subtag(tag: str) -> str:
    if len(tag) == 2:
        return tag.upper()
    return tag.title() if len(tag) == 4 and tag.isalpha() else tag.lower()


# --- links and dates -------------------------------------------------------------------------------------


def _link(value: str, base: str, feed: ParsedFeed) -> str:
    """Give the entry's own address; what a local file says is relative to the site that the file names."""
    if not value.strip():
        return ""
    return safe_link(resolve(base, value)) or safe_link(resolve(feed.link, value))


def _web(base: str, value: str) -> str:
    address = resolve(base, value) if value.strip() else ""
    return address if address.startswith(("http://", "https://")) else ""


def _enclosures(values: Iterable[Enclosure], base: str) -> tuple[Enclosure, ...]:
    found: dict[str, Enclosure] = {}
    for value in values:
        address = safe_link(resolve(base, value.url)) if value.url.strip() else ""
        if address and not address.startswith("mailto:"):
            found.setdefault(address, replace(value, url=address, type=_mime(value.type), title=_name(value.title)))
        if len(found) == _MAX_ENCLOSURES:
            break
    return tuple(replace(enclosure, length=max(enclosure.length, 0)) for enclosure in found.values())


def _mime(value: str) -> str:
    kind = value.partition(";")[0].strip().lower()
    return kind if _MIME.fullmatch(kind) else ""


def _dates(raw: RawEntry, zone: tzinfo, now: datetime) -> tuple[datetime | None, datetime | None]:
    """Give published and updated where they are said and can be true; an update before publication is none."""
    published = _date(raw.published, zone, now)
    updated = _date(raw.updated, zone, now)
    if published and updated and updated < published:
        updated = None
    return published, updated


def _date(text: str, zone: tzinfo, now: datetime) -> datetime | None:
    date = read_date(text, zone, now)
    return date if date and plausible(date, now) else None


def _zone(name: str) -> tzinfo:
    return ZoneInfo(name)

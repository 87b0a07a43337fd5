"""RSS and Atom of every age, through feedparser: what a feed says, as text and unchanged.

What `plain` can read does not need feedparser, which takes ten times as long and a tenth of a second to load.
feedparser is asked for as little as possible: not to fetch (it opens a body that is a path), not to decode, not to
resolve, not to sanitise, not to read dates. Its dictionaries answer for keys they lack (`updated` with `published`) and
hold whatever the document's elements are called; so every value is asked for its type.
"""

import io
import re
from dataclasses import replace
from html import unescape
from typing import Any
from urllib.parse import urljoin

from aggregator.parse import bases, document, hints, plain, podcast, repair, tombstones
from aggregator.records import Enclosure, ParsedFeed, RawEntry, TextType, Unreadable

_HTML_TYPES = ("text/html", "application/xhtml+xml")
_HEADERS = {"content-type": "application/xml; charset=utf-8"}  # never content-location: guids are resolved against it
_DECLARATION = "<?xml version='1.0' encoding='utf-8'?>"  # without one it adds a line, and the errors' lines are wrong
_ENTRY_TAG = re.compile(r"</?(?:item|entry)\b", re.I)
_ELEMENT = re.compile(r"</?([A-Za-z][A-Za-z0-9]*)[^<>]*>")
_ENTITY = re.compile(r"&(?:#[0-9]+|#[xX][0-9a-fA-F]+|[A-Za-z][A-Za-z0-9]*);")
_INLINE = {  # what titles in HTML are made of, and what must not show where it is smuggled in
    *("a", "abbr", "acronym", "b", "big", "br", "cite", "code", "del", "dfn", "div", "em", "font", "i", "iframe"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "img", "ins", "kbd", "li", "mark", "math", "ol", "p", "pre", "q", "ruby"),
    *("rb", "rp", "rt", "s", "samp", "script", "small", "span", "strike", "strong", "style", "sub", "sup", "svg"),
    *("table", "td", "tr", "tt", "u", "ul", "var", "video", "wbr"),
}

Details = dict[str, Any]


def read(text: str, url: str, *, plainly: bool = True) -> ParsedFeed | Unreadable:
    """Read a feed from the text of its document, which came from `url`; `plainly`: without feedparser where that gives
    the same.

    A document that breaks off gives the entries that could be read, with a warning.
    """
    mended, notes = _mended(text)
    result: Details | Unreadable | None = plain.parsed(_bytes(mended)) if plainly else None
    if result is None:
        mended, bare = repair.ampersands(mended)
        notes += [f"unescaped ampersands or undeclared entities mended: {bare}"] if bare else []
        body = _bytes(mended)
        result = (plain.parsed(body) if plainly and bare else None) or _parsed(body)
    if isinstance(result, Unreadable):
        return result
    version, entries = _text(result, "version"), _list(result, "entries")
    if not version and (not entries or document.description(text).startswith("an HTML page")):
        return Unreadable(document.description(text))
    fault = _fault(result)
    found = bases.read(mended, url)
    feed = _with_hints(_feed(result, found, bool(fault)), _dict(result, "feed"), mended, found.root or url)
    if fault:
        feed = replace(feed, entries=_without_stump(feed.entries, mended))
        notes.append(f"the document is not well-formed ({fault}); entries that could be read: {len(feed.entries)}")
    return replace(feed, warnings=tuple(notes))


def _mended(text: str) -> tuple[str, list[str]]:
    text, illegal = repair.references(text)
    text, lost = repair.outer(text)
    found = (
        (illegal, f"illegal character references mended: {illegal}"),
        (lost, "text outside of the document's root element was passed over"),
    )
    return text, [note for happened, note in found if happened]


def _bytes(text: str) -> bytes:
    return (_DECLARATION + repair.tags(text)).encode("utf-8", "replace")


def _parsed(body: bytes) -> Details | Unreadable:
    import feedparser

    try:
        result: Details = feedparser.parse(
            io.BytesIO(body), sanitize_html=False, resolve_relative_uris=False, response_headers=_HEADERS
        )
    except Exception as error:  # the library's parsers raise what they please on hostile input; the edge of the room
        return Unreadable(f"feedparser cannot read it: {type(error).__name__}: {error}")
    return result


def _fault(result: Details) -> str:
    """Say where the document ceases to be XML, so that the loose parser had to read it; empty if it is well-formed."""
    error = result.get("bozo_exception")
    if not result.get("bozo") or error is None:
        return ""
    line = getattr(error, "getLineNumber", lambda: None)()
    message = getattr(error, "getMessage", lambda: str(error))()
    return f"line {line}: {message}" if line else str(message)


def _without_stump(entries: tuple[RawEntry, ...], text: str) -> tuple[RawEntry, ...]:
    """Drop the entry in which the document breaks off, if it has a title but no guid and no link yet: under a name made
    from its title it would be stored, and come a second time when the document is whole."""
    places = [match.start() for match in _ENTRY_TAG.finditer(text)]
    is_cut = bool(places) and text[places[-1] + 1] != "/"
    last = entries[-1] if entries else RawEntry()
    return entries[:-1] if is_cut and last.title and not last.guid and not last.link else entries


def _feed(result: Details, found: bases.DocumentBases, loose: bool) -> ParsedFeed:
    feed, entries, version = _dict(result, "feed"), _list(result, "entries"), _text(result, "version")
    where = found.entries if len(found.entries) == len(entries) else []
    where = where or [bases.EntryBases(entry=found.root)] * len(entries)
    return ParsedFeed(
        format=version or "rss",
        title=_text(feed, "title"),
        link=_joined(found.root, _alternate(feed)),
        id=_escaped(_text(feed, "id"), loose),
        subtitle=_text(feed, "subtitle"),
        author=_author(feed),
        rights=_text(feed, "rights"),
        language=_text(feed, "language"),
        icon=_joined(found.root, _icon(feed)),
        updated=_text(feed, "updated") or _text(feed, "published"),
        entries=tuple(
            _entry(entry, base, is_atom=version.startswith("atom"), loose=loose)
            for entry, base in zip(entries, where, strict=True)
        ),
    )


def _with_hints(feed: ParsedFeed, said: Details, text: str, base: str) -> ParsedFeed:
    """Add what a feed says of its rhythm and of its older documents, whose addresses are relative to `base`."""
    hours, days = hints.skipped(text)
    pages = {_text(link, "rel").lower(): _text(link, "href") for link in reversed(_list(said, "links"))}
    return replace(
        feed,
        ttl_minutes=hints.minutes(_text(said, "ttl")),
        update_minutes=hints.update_minutes(_text(said, "sy_updateperiod"), _text(said, "sy_updatefrequency")),
        skip_hours=hours,
        skip_days=days,
        next_page=hints.page(base, pages.get("next", "")),
        prev_archive=hints.page(base, pages.get("prev-archive", "")),
        deletions=tombstones.read(text),
    )


def _entry(entry: Details, base: bases.EntryBases, *, is_atom: bool, loose: bool) -> RawEntry:
    content, content_type = _content(entry)
    summary, summary_type = _summary(entry, content)
    title, title_type = _title(entry, is_atom)
    own_base = (content and base.content) or (summary and not content and base.summary) or base.entry
    guid = _escaped(_text(entry, "id"), loose)
    return RawEntry(
        guid=guid,
        link=_link(entry, guid, base, own_base),
        title=title,
        title_type=title_type,
        summary=summary,
        summary_type=summary_type,
        content=content,
        content_type=content_type,
        author=_escaped(_author(entry), loose),
        outlet=_outlet(entry),
        published=_text(entry, "published") or _text(entry, "created"),
        updated=_text(entry, "updated"),
        language=_language(entry),
        base=own_base,
        tags=tuple(_escaped(tag, loose) for tag in _tags(entry)),
        enclosures=_enclosures(entry, base.entry, own_base),
    )


# --- text ------------------------------------------------------------------------------------------------------------


def _title(entry: Details, is_atom: bool) -> tuple[str, TextType]:
    """Atom says what its titles are. RSS does not: they are HTML, but for `<` that begins none of HTML's elements."""
    title = _text(entry, "title")
    if is_atom:
        return title, _text_type(entry.get("title_detail"))
    names = {name.lower() for name in _ELEMENT.findall(title)}
    is_text = "<" in title and not names & _INLINE and not _ENTITY.search(title)
    return title, "text" if is_text else "html"


def _content(entry: Details) -> tuple[str, TextType]:
    """Give the longest content that is text; pictures and other binary content are passed over."""
    told = [(_text(part, "value"), part) for part in _list(entry, "content") if _is_text(part)]
    value, best = max(told, key=lambda each: len(each[0]), default=("", {}))
    return (value, _text_type(best)) if value else ("", "html")


def _summary(entry: Details, content: str) -> tuple[str, TextType]:
    """Give the summary, unless it is feedparser's copy of the content; else what a podcast or video says of itself."""
    detail = entry.get("summary_detail")
    summary = _text(entry, "summary") if detail is not None else ""
    if summary and summary != content:
        return summary, _text_type(detail)
    remark = _text(entry, "itunes_remark") or _text(entry, "media_remark") or _text(entry, "subtitle")
    return (remark, _guessed_type(remark)) if remark and remark != content else ("", "html")


def _text_type(detail: object) -> TextType:
    kind = _text(detail, "type") if isinstance(detail, dict) else ""
    return "text" if kind and kind not in _HTML_TYPES else "html"


def _guessed_type(text: str) -> TextType:
    return "html" if _ELEMENT.search(text) or _ENTITY.search(text) else "text"


def _is_text(part: Details) -> bool:
    kind = _text(part, "type")
    return not kind or kind.startswith("text/") or kind.endswith(("xml", "/json"))


def _language(entry: Details) -> str:
    said = [_text(entry, "language")]
    said += [_text(part, "language") for part in _list(entry, "content")]
    said += [_text(_dict(entry, key), "language") for key in ("title_detail", "summary_detail")]
    return next(filter(None, said), "")


# --- links -----------------------------------------------------------------------------------------------------------


def _alternate(context: Details) -> str:
    """Give the first alternate link to a page, else to anything; empty where there is none."""
    links = [link for link in _list(context, "links") if link.get("rel") == "alternate" and _text(link, "href")]
    pages = [link for link in links if _text(link, "type") in _HTML_TYPES]
    return _text((pages or links or [{}])[0], "href")


def _link(entry: Details, guid: str, base: bases.EntryBases, own_base: str) -> str:
    link = _alternate(entry)
    if link:
        return _joined(_base_of(entry, link, base), link) if base.links else link
    if entry.get("guidislink") and re.match(r"https?://", guid, re.I):
        return guid
    return _joined(own_base, next(filter(None, (_text(part, "src") for part in _list(entry, "content"))), ""))


def _base_of(entry: Details, link: str, base: bases.EntryBases) -> str:
    """Give the base in force at the link with this address; a link's own may differ from its entry's."""
    elements = [_text(each, "href") for each in _list(entry, "links") if each.get("rel") != "enclosure"]
    place = elements.index(link) if link in elements else len(base.links)
    return base.links[place] if place < len(base.links) else base.entry


def _joined(base: str, link: str) -> str:
    if not base or not link:
        return link
    try:
        return urljoin(base, link)
    except ValueError:
        return link


def _enclosures(entry: Details, base: str, own_base: str) -> tuple[Enclosure, ...]:
    links = [link for link in _list(entry, "links") if link.get("rel") == "enclosure"]
    found: dict[str, Enclosure] = {}
    for each in (*links, *_list(entry, "media_content")):
        url = _joined(base if base != own_base else "", _text(each, "href") or _text(each, "url"))
        if url:
            found.setdefault(url, _enclosure(url, each))
    return podcast.with_episode(found.values(), podcast.read(entry), lambda url: _joined(base, url))


def _enclosure(url: str, each: Details) -> Enclosure:
    kind = _text(each, "type")
    return Enclosure(
        url=url,
        type="" if kind == "text/html" else kind,  # feedparser's own default for a link without type
        length=_length(_text(each, "length") or _text(each, "filesize")),
        title=_text(each, "title"),
    )


def _length(text: str) -> int:
    return int(text) if re.fullmatch(r"[0-9]{1,15}", text) else 0


def _icon(feed: Details) -> str:
    image = _dict(feed, "image")
    return _text(feed, "icon") or _text(feed, "logo") or _text(image, "href") or _text(image, "url")


# --- people and things -----------------------------------------------------------------------------------------------


def _author(context: Details) -> str:
    names = [_text(person, "name") or _text(person, "email") for person in _list(context, "authors")]
    told = dict.fromkeys(filter(None, names))
    return ", ".join(told) or _text(context, "author")


def _outlet(entry: Details) -> str:
    publisher = _text(_dict(entry, "publisher_detail"), "name") or _text(entry, "publisher")
    origin = _text(entry, "dc_source")
    return _text(_dict(entry, "source"), "title") or publisher or ("" if re.match(r"\w+:", origin) else origin)


def _tags(entry: Details) -> tuple[str, ...]:
    told = (_text(tag, "term") or _text(tag, "label") for tag in _list(entry, "tags"))
    return tuple(dict.fromkeys(filter(None, told)))


# --- what feedparser's dictionaries hold -----------------------------------------------------------------------------


def _text(context: Details, key: str) -> str:
    """Give a value that is text, without white space around. `dict.get` knows nothing of the answers for other keys."""
    value = dict.get(context, key)
    return document.legal(value).strip() if isinstance(value, str) else ""


def _dict(context: Details, key: str) -> Details:
    value = dict.get(context, key)
    return value if isinstance(value, dict) else {}


def _list(context: Details, key: str) -> list[Details]:
    value = dict.get(context, key)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _escaped(text: str, loose: bool) -> str:
    """Undo what the loose parser leaves escaped, so that a guid is the same from a whole and from a cut document."""
    return unescape(text) if loose else text

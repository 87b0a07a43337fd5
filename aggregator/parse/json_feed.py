"""JSON Feed 1.0 and 1.1 (jsonfeed.org): a sick value is passed over with a warning, its neighbours stay."""

from collections.abc import Mapping
from typing import Any

from aggregator.parse import hints
from aggregator.parse.json_text import keys, load, picture, scalar
from aggregator.records import Enclosure, ParsedFeed, RawEntry, TextType, Unreadable

Object = Mapping[str, Any]

_OWN_KEYS = ("home_page_url", "feed_url", "title")
_ITEM_KEYS = ("id", "url", "content_html", "content_text", "external_url")


def read(text: str, url: str) -> ParsedFeed | Unreadable:
    """Read a JSON Feed that came from `url`; other JSON is `Unreadable`, and the detail names its keys."""
    value = load(text)
    if isinstance(value, Unreadable):
        return value
    if not isinstance(value, Mapping) or not _is_feed(value):
        return Unreadable(f"JSON, but no JSON Feed; {keys(value)}")
    warnings: list[str] = []
    return ParsedFeed(
        format="json11" if "1.1" in scalar(value.get("version")) else "json10",
        title=_string(value, "title", warnings),
        link=_string(value, "home_page_url", warnings),
        id=_string(value, "feed_url", warnings),
        subtitle=_string(value, "description", warnings),
        author=_authors(value, warnings),
        language=_string(value, "language", warnings),
        icon=_string(value, "icon", warnings) or _string(value, "favicon", warnings),
        next_page=hints.page(url, _string(value, "next_url", warnings)),
        entries=_entries(value.get("items"), warnings),
        warnings=tuple(warnings),
    )


def _is_feed(value: Object) -> bool:
    """By its version; without one, by items that look like those of a JSON Feed below a feed's own keys."""
    if "jsonfeed.org" in scalar(value.get("version")):
        return True
    items = value.get("items")
    if not isinstance(items, list) or not any(isinstance(value.get(key), str) for key in _OWN_KEYS):
        return False
    return all(isinstance(item, Mapping) and any(key in item for key in _ITEM_KEYS) for item in items[:5])


def _entries(items: object, warnings: list[str]) -> tuple[RawEntry, ...]:
    if not isinstance(items, list):
        warnings.append("the feed has no list of items")
        return ()
    entries = []
    for number, item in enumerate(items, 1):
        if isinstance(item, Mapping):
            entries.append(_entry(item, number, warnings))
        else:
            warnings.append(f"item {number} is no object")
    return tuple(entries)


def _entry(item: Object, number: int, warnings: list[str]) -> RawEntry:
    faults: list[str] = []
    content, content_type = _content(item, faults)
    entry = RawEntry(
        guid=scalar(item.get("id")),
        link=_string(item, "url", faults) or _string(item, "external_url", faults),
        title=_string(item, "title", faults),
        title_type="text",
        summary=_string(item, "summary", faults),
        summary_type="text",
        content=content,
        content_type=content_type,
        author=_authors(item, faults),
        published=_string(item, "date_published", faults),
        updated=_string(item, "date_modified", faults),
        language=_string(item, "language", faults),
        tags=_tags(item, faults),
        enclosures=_enclosures(item, faults),
    )
    warnings.extend(f"item {number}: {fault}" for fault in faults)
    return entry


def _content(item: Object, faults: list[str]) -> tuple[str, TextType]:
    html = _string(item, "content_html", faults)
    return (html, "html") if html else (_string(item, "content_text", faults), "text")


def _authors(value: Object, faults: list[str]) -> str:
    """Give the names of `authors` (1.1), else of `author` (1.0); who has no name is known by the mail address."""
    people = value.get("authors")
    if people is not None and not isinstance(people, list):
        faults.append("authors is no list")
    listed = [_person(person) for person in people] if isinstance(people, list) else []
    return ", ".join(filter(None, listed)) or _person(value.get("author"))


def _person(person: object) -> str:
    if not isinstance(person, Mapping):
        return ""
    name, url = person.get("name"), person.get("url")
    if isinstance(name, str) and name.strip():
        return scalar(name)
    return scalar(url.removeprefix("mailto:")) if isinstance(url, str) and url.startswith("mailto:") else ""


def _tags(item: Object, faults: list[str]) -> tuple[str, ...]:
    tags = item.get("tags")
    if tags is not None and not isinstance(tags, list):
        faults.append("tags is no list")
    told = (scalar(tag) for tag in tags) if isinstance(tags, list) else ()
    return tuple(dict.fromkeys(filter(None, told)))


def _enclosures(item: Object, faults: list[str]) -> tuple[Enclosure, ...]:
    attachments = item.get("attachments")
    if attachments is not None and not isinstance(attachments, list):
        faults.append("attachments is no list")
    listed = attachments if isinstance(attachments, list) else []
    found = [_attachment(each) for each in listed if isinstance(each, Mapping) and _url(each)]
    if len(found) < len(listed):
        faults.append(f"{len(listed) - len(found)} attachments have no address")
    found += [picture(scalar(url)) for url in (item.get("image"), item.get("banner_image")) if isinstance(url, str)]
    return tuple({each.url: each for each in reversed(found) if each.url}.values())[::-1]


def _url(attachment: Object) -> str:
    url = attachment.get("url")
    return scalar(url) if isinstance(url, str) else ""


def _attachment(each: Object) -> Enclosure:
    size, kind, title = each.get("size_in_bytes"), each.get("mime_type"), each.get("title")
    return Enclosure(
        url=_url(each),
        type=kind if isinstance(kind, str) else "",
        length=int(size) if isinstance(size, int | float) and 0 < size < 10**15 else 0,
        title=scalar(title) if isinstance(title, str) else "",
        duration_seconds=_seconds(each.get("duration_in_seconds")),
    )


def _seconds(value: object) -> int:
    return int(value) if isinstance(value, int | float) and 0 < value < 10**7 else 0


def _string(value: Object, key: str, faults: list[str]) -> str:
    """Give a member that is text; a number as title or date is taken for text, other types are a fault."""
    member = value.get(key)
    if member is None or isinstance(member, str):
        return scalar(member)
    text = scalar(member) if key in ("title", "date_published", "date_modified") else ""
    if not text:
        faults.append(f"{key} is no text")
    return text

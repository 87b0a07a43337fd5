"""JSON Feed 1.1 (https://www.jsonfeed.org/version/1.1/)."""

import json
from typing import Any

from aggregator.publish.addresses import home_page, self_address
from aggregator.publish.archive import next_page
from aggregator.publish.item import Item, item_of, language, line
from aggregator.publish.view import View
from aggregator.records import Enclosure, Site

VERSION = "https://jsonfeed.org/version/1.1"

Object = dict[str, Any]


def json_feed(site: Site, view: View) -> bytes:
    """Render a view as JSON Feed. Raises: ValueError and its like for an entry that cannot be said."""
    feed = {
        "version": VERSION,
        "title": line(view.title) or line(site.title) or view.feed_id,
        "home_page_url": home_page(site, view),
        "feed_url": self_address(site, view, "json"),
        "next_url": next_page(site, view),
        "icon": site.logo or site.icon,
        "favicon": site.icon,
        "language": language(site.language),
        "authors": _authors(line(site.author) or line(site.title)),
        "hubs": [{"type": "WebSub", "url": site.hub}] if site.hub and not view.chain.number else [],
        "_aggregator": _said({"rights": line(site.rights)}),
    }
    items = ",\n".join(_text(_item(item_of(site, entry))) for entry in view.entries)
    return f'{_text(_said(feed))[:-1]}, "items": [\n{items}\n]}}\n'.encode()


def _text(value: Object) -> str:
    """Write JSON on one line, which the C encoder does ten times as fast as indented."""
    return json.dumps(value, ensure_ascii=False)


def _item(item: Item) -> Object:
    """Say an item. It has a content in any case, as the format asks: its title where the source gave none."""
    return _said(
        {
            "id": item.id,
            "url": item.alternate,
            "title": item.title,
            "content_html": item.content,
            "content_text": "" if item.content else item.title,
            "summary": item.summary,
            "image": _image(item),
            "date_published": item.published.isoformat() if item.published else "",
            "date_modified": item.updated.isoformat(),
            "authors": _authors(item.author),
            "tags": [*dict.fromkeys([*(line(channel.title) for channel in item.channels), *item.tags])],
            "language": item.language,
            "attachments": [_attachment(one) for one in item.enclosures],
            "_source": _source(item),
            "_podcast": _podcast(item),
            "_aggregator": _said({"info_code": item.code, "page": item.page, "related": _related(item)}),
        }
    )


def _image(item: Item) -> str:
    covers = [one.url for one in item.extras if one.rel == "image"]
    covers += [one.url for one in item.enclosures if one.type.startswith("image/")]
    return covers[0] if covers else ""


def _podcast(item: Item) -> Object:
    numbers = {name: max((getattr(one, name) for one in item.enclosures), default=0) for name in ("season", "episode")}
    files: Object = {one.rel: _attachment(one) for one in item.extras if one.rel != "image"}
    return _said(numbers | files)


def _related(item: Item) -> list[Object]:
    return [_said({"source": one.source, "title": one.title, "url": one.link}) for one in item.related]


def _source(item: Item) -> Object:
    origin = item.origin
    said = {"id": origin.id, "title": origin.title, "url": origin.link, "rights": origin.rights, "icon": origin.icon}
    return _said(said)


def _authors(name: str) -> list[Object]:
    return [{"name": name}] if name else []


def _attachment(enclosure: Enclosure) -> Object:
    return _said(
        {
            "url": enclosure.url,
            "mime_type": enclosure.type,
            "title": enclosure.title,
            "size_in_bytes": enclosure.length,
            "duration_in_seconds": enclosure.duration_seconds,
        }
    )


def _said(given: Object) -> Object:
    """Leave out what is empty: a JSON Feed says nothing rather than null."""
    return {key: value for key, value in given.items() if value}

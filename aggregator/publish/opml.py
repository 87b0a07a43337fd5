"""Lists as OPML 2.0: of our channels, for import into a feed reader, and of the feeds that we follow."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from lxml import etree

from aggregator.publish.addresses import OPML, channel_path, feed_formats
from aggregator.publish.item import line, local
from aggregator.publish.view import CHANNEL_FOLDER
from aggregator.records import Channel, ChannelSummary, Document, Site
from aggregator.urls import without_login


def opml_document(site: Site, channels: Sequence[ChannelSummary]) -> Document:
    """List all channels, in the order given, each with the first feed format that the site publishes."""
    root = etree.Element("opml", version="2.0")
    head = etree.SubElement(root, "head")
    etree.SubElement(head, "title").text = line(site.title)
    changes = [summary.updated for summary in channels if summary.updated]
    if changes:
        etree.SubElement(head, "dateModified").text = _date(site, max(changes))
    if owner := line(site.author):
        etree.SubElement(head, "ownerName").text = owner
    body = etree.SubElement(root, "body")
    for summary in channels:
        etree.SubElement(body, "outline", _outline(site, summary.channel))
    return Document(OPML, _written(root))


@dataclass(frozen=True, slots=True)
class Subscription:
    """A feed that we follow, with the page that it belongs to ("" where that is not known)."""

    url: str
    title: str
    page: str = ""
    categories: tuple[str, ...] = ()


def subscription_list(title: str, feeds: Sequence[Subscription]) -> bytes:
    """List the feeds in the order given, a folder per category; user names and passwords in addresses are left out.

    A feed of several categories stands in each of their folders, one without any at the top.
    """
    root = etree.Element("opml", version="2.0")
    etree.SubElement(etree.SubElement(root, "head"), "title").text = line(title)
    body = etree.SubElement(root, "body")
    folders: dict[str, etree._Element] = {}
    for feed in feeds:
        for category in feed.categories or ("",):
            name = line(category)
            if name and name not in folders:
                folders[name] = etree.SubElement(body, "outline", text=name, title=name)
            etree.SubElement(folders.get(name, body), "outline", _subscribed(feed))
    return _written(root)


def _subscribed(feed: Subscription) -> dict[str, str]:
    url, page = line(without_login(feed.url)), line(without_login(feed.page))
    title = line(feed.title) or url
    return {"text": title, "title": title, "type": "rss", "xmlUrl": url} | ({"htmlUrl": page} if page else {})


def _written(root: etree._Element) -> bytes:
    return bytes(etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True))


def _date(site: Site, moment: datetime) -> str:
    return format_datetime(local(site, moment))


def _outline(site: Site, channel: Channel) -> dict[str, str]:
    title = line(channel.title) or channel.slug
    outline = {"text": title, "title": title}
    page = site.url + channel_path(channel.slug)
    for extension in feed_formats(site)[:1]:
        outline |= {"type": "rss", "xmlUrl": f"{site.url}{CHANNEL_FOLDER}{channel.slug}.{extension}"}
    if "html" in site.formats:
        outline |= {"htmlUrl": page} if "type" in outline else {"type": "link", "url": page}
    return outline

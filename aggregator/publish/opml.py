"""The list of channels as OPML 2.0, for import into a feed reader."""

from collections.abc import Sequence
from datetime import datetime
from email.utils import format_datetime

from lxml import etree

from aggregator.publish.addresses import OPML, channel_path, feed_formats
from aggregator.publish.item import line, local
from aggregator.publish.view import CHANNEL_FOLDER
from aggregator.records import Channel, ChannelSummary, Document, Site


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
    return Document(OPML, etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True))


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

"""What is rendered: one feed's entries in order, under an id that never changes (RFC 4151)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from aggregator.records import Channel, Site, StoredEntry

SITE_PATH = "feed"
CHANNEL_FOLDER = "category/"
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_TAG_SAFE = "!$&'()*+,;=:@/?-._~"  # what a tag URI's specific part may hold besides letters and digits (RFC 4151 §2.1)


@dataclass(frozen=True, slots=True)
class View:
    """One feed to render: the whole site's or one channel's.

    `path` is `feed` or `category/<slug>`, to which each format adds its extension. `entries` come newest first, already
    limited. `updated` is the newest change of content among them.
    """

    path: str
    title: str
    feed_id: str
    entries: tuple[StoredEntry, ...]
    updated: datetime


def entry_id(site: Site, info_code: str) -> str:
    """Give the id under which an article is published in every feed, for ever."""
    return f"tag:{site.id_authority}:{quote(info_code, safe=_TAG_SAFE)}"


def channel_id(site: Site, slug: str) -> str:
    """Give the feed id of a channel."""
    return f"tag:{site.id_authority}:{CHANNEL_FOLDER}{slug}"


def site_id(site: Site) -> str:
    """Give the feed id of the feed that holds everything."""
    return f"tag:{site.id_authority}:{SITE_PATH}"


def channel_view(site: Site, channel: Channel, entries: Sequence[StoredEntry], if_empty: datetime = LONG_AGO) -> View:
    """Show a channel's entries, newest first; without any, the feed counts as updated at `if_empty`."""
    path = CHANNEL_FOLDER + channel.slug
    title = channel.title or channel.name or channel.slug
    return View(path, title, channel_id(site, channel.slug), tuple(entries), newest_change(entries, if_empty))


def site_view(site: Site, entries: Sequence[StoredEntry], if_empty: datetime = LONG_AGO) -> View:
    """Show the entries of the whole site, newest first; without any, it counts as updated at `if_empty`."""
    return View(SITE_PATH, site.title, site_id(site), tuple(entries), newest_change(entries, if_empty))


def newest_change(entries: Sequence[StoredEntry], if_empty: datetime) -> datetime:
    """Give the latest `updated` of the entries: what decides a feed's own, so that it never says "now"."""
    return max((entry.updated for entry in entries), default=if_empty)

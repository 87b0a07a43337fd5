"""What is rendered: one feed's entries in order, under an id that never changes (RFC 4151)."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import escape
from urllib.parse import quote

from aggregator import markup
from aggregator.records import Channel, Policies, Policy, Site, StoredEntry, TextPolicy

SITE_PATH = "feed"
CHANNEL_FOLDER = "category/"
EXCERPT_LIMIT = 300
TITLE_LIMIT = 80
USUAL, ALL_AS_USUAL = Policy(), Policies()
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_TAG_SAFE = "!$&'()*+,;=:@/?-._~"  # what a tag URI's specific part may hold besides letters and digits (RFC 4151 §2.1)


@dataclass(frozen=True, slots=True)
class View:
    """One feed to render: the whole site's or one channel's.

    `path` is `feed` or `category/<slug>`, to which each format adds its extension. `entries` come newest first, already
    limited. `updated` is the newest change of content among them. `noindex`: search engines are asked to stay away.
    """

    path: str
    title: str
    feed_id: str
    entries: tuple[StoredEntry, ...]
    updated: datetime
    noindex: bool = False


def entry_id(site: Site, info_code: str) -> str:
    """Give the id under which an article is published in every feed, for ever."""
    return f"tag:{site.id_authority}:{quote(info_code, safe=_TAG_SAFE)}"


def channel_id(site: Site, channel: Channel) -> str:
    """Give the feed id of a channel, which stays the same when the channel is renamed (RFC 4287 §4.2.6)."""
    return f"tag:{site.id_authority}:{CHANNEL_FOLDER}{channel.opened_as or channel.slug}"


def site_id(site: Site) -> str:
    """Give the feed id of the feed that holds everything."""
    return f"tag:{site.id_authority}:{SITE_PATH}"


def channel_view(
    site: Site,
    channel: Channel,
    entries: Sequence[StoredEntry],
    if_empty: datetime = LONG_AGO,
    policy: Policy = USUAL,
) -> View:
    """Show a channel's entries, newest first; without any, the feed counts as updated at `if_empty`."""
    path = CHANNEL_FOLDER + channel.slug
    title = channel.title or channel.name or channel.slug
    shown = tuple(shortened(entry, policy.text) for entry in entries)
    updated = newest_change(entries, if_empty)
    return View(path, title, channel_id(site, channel), shown, updated, policy.noindex)


def site_view(
    site: Site, entries: Sequence[StoredEntry], if_empty: datetime = LONG_AGO, policies: Policies = ALL_AS_USUAL
) -> View:
    """Show the entries of the whole site, newest first; without any, it counts as updated at `if_empty`."""
    shown = tuple(shortened(entry, widest(entry, policies)) for entry in entries)
    return View(SITE_PATH, site.title, site_id(site), shown, newest_change(entries, if_empty))


def newest_change(entries: Sequence[StoredEntry], if_empty: datetime) -> datetime:
    """Give the latest `updated` of the entries: what decides a feed's own, so that it never says "now"."""
    return max((entry.updated for entry in entries), default=if_empty)


# --- policies ----------------------------------------------------------------

_STRICTER: Sequence[TextPolicy] = ("full", "excerpt", "title")


def within(heads: Iterable[tuple[str, str]], policy: Policy) -> list[str]:
    """Give the codes of those that a channel's current document holds, by its bounds on their number.

    `heads` are (code, source), newest first; of a source that brings more than it may, the newest stay.
    """
    brought: Counter[str] = Counter()
    kept: list[str] = []
    for code, source in heads:
        if len(kept) == policy.entries:
            break
        if policy.per_source is None or brought[source] < policy.per_source:
            brought[source] += 1
            kept.append(code)
    return kept


def widest(entry: StoredEntry, policies: Policies) -> TextPolicy:
    """Give how much of a text its channels allow: what one of them shows whole is no secret elsewhere."""
    allowed = [policies.of(channel.slug).text for channel in entry.channels]
    return min(allowed, key=_STRICTER.index, default="full")


def hidden(entry: StoredEntry, policies: Policies) -> bool:
    """Tell whether search engines are to leave an article out: when all of its channels ask for that."""
    asked = [policies.of(channel.slug).noindex for channel in entry.channels]
    return bool(asked) and all(asked)


def shortened(entry: StoredEntry, policy: TextPolicy) -> StoredEntry:
    """Give an article with as much of its text as the channel and its source allow; the stricter of the two counts."""
    match max(policy, entry.text, key=_STRICTER.index):
        case "excerpt":
            return replace(entry, summary=escape(_excerpt(entry, EXCERPT_LIMIT), quote=False), content="")
        case "title":
            title = entry.title.strip() or _excerpt(entry, TITLE_LIMIT)
            return replace(entry, title=title, summary="", content="", enclosures=())
        case _:
            return entry


def _excerpt(entry: StoredEntry, limit: int) -> str:
    """Give the beginning of a text without its markup: of the source's own summary where there is one."""
    return markup.excerpt(markup.legal(entry.summary or entry.content), limit)

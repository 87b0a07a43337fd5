"""What is rendered: one feed's entries in order, under an id that never changes (RFC 4151)."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import escape
from urllib.parse import quote

from aggregator import markup
from aggregator.records import Archive, Channel, Policies, Policy, Retraction, Site, StoredEntry, TextPolicy

SITE_PATH = "feed"
CHANNEL_FOLDER = "category/"
EXCERPT_LIMIT = 300
TITLE_LIMIT = 80
USUAL, ALL_AS_USUAL = Policy(), Policies()
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_TAG_SAFE = "!$&'()*+,;=:@/?-._~"  # what a tag URI's specific part may hold besides letters and digits (RFC 4151 §2.1)


@dataclass(frozen=True, slots=True)
class Chain:
    """Where a document stands in a channel's history (RFC 5005): archives by their numbers, the oldest is 1; 0 is none.

    `number` is this document's, 0 for the current one.
    """

    number: int = 0
    before: int = 0
    after: int = 0


@dataclass(frozen=True, slots=True)
class View:
    """One feed to render: the whole site's or one channel's, or one archive of it.

    `path` is `feed` or `category/<slug>`. `entries` come newest first, already limited. `updated` is the newest change
    of content among them. `noindex`: search engines are asked to stay away. `retracted` are the articles that were
    taken out of it lately.
    """

    path: str
    title: str
    feed_id: str
    entries: tuple[StoredEntry, ...]
    updated: datetime
    noindex: bool = False
    chain: Chain = Chain()
    retracted: tuple[Retraction, ...] = ()

    @property
    def file(self) -> str:
        """The path of this document, to which each format adds its extension."""
        return archive_file(self.path, self.chain.number) if self.chain.number else self.path


def archive_file(path: str, number: int) -> str:
    """Give the path of an archive of the channel at a path, without extension."""
    return f"{path}/archive-{number}"


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
    *,
    last_archive: int = 0,
    retracted: Sequence[Retraction] = (),
) -> View:
    """Show a channel's newest entries; without any, the feed counts as updated at `if_empty`.

    `last_archive` is the number of the archive that holds what came before them.
    """
    return View(
        CHANNEL_FOLDER + channel.slug,
        channel.title or channel.name or channel.slug,
        channel_id(site, channel),
        tuple(shortened(entry, policy.text) for entry in entries),
        newest_change(entries, if_empty, retracted),
        policy.noindex,
        Chain(before=last_archive),
        tuple(retracted),
    )


def archive_view(
    site: Site, channel: Channel, archive: Archive, if_empty: datetime = LONG_AGO, policy: Policy = USUAL
) -> View:
    """Show one archive of a channel."""
    chain = Chain(archive.number, archive.number - 1, archive.number + 1 if archive.full else 0)
    return replace(channel_view(site, channel, archive.entries, if_empty, policy), chain=chain)


def site_view(
    site: Site,
    entries: Sequence[StoredEntry],
    if_empty: datetime = LONG_AGO,
    policies: Policies = ALL_AS_USUAL,
    *,
    retracted: Sequence[Retraction] = (),
) -> View:
    """Show the entries of the whole site, newest first; without any, it counts as updated at `if_empty`."""
    shown = tuple(shortened(entry, widest(entry, policies)) for entry in entries)
    updated = newest_change(entries, if_empty, retracted)
    return View(SITE_PATH, site.title, site_id(site), shown, updated, retracted=tuple(retracted))


def newest_change(
    entries: Sequence[StoredEntry], if_empty: datetime, retracted: Sequence[Retraction] = ()
) -> datetime:
    """Give the latest change of the entries and the latest retraction: what decides a feed's own `updated`, so that it
    never says "now"."""
    changes = [entry.updated for entry in entries] + [retraction.at for retraction in retracted]
    return max(changes, default=if_empty)


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


def for_all(entry: StoredEntry, policies: Policies) -> StoredEntry:
    """Give an article as it stands where anyone reads: without its protected channels, if it has any other."""
    open_ones = tuple(channel for channel in entry.channels if not policies.of(channel.slug).protected)
    return replace(entry, channels=open_ones) if 0 < len(open_ones) < len(entry.channels) else entry


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

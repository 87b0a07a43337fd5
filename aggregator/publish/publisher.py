"""What a mark of the store stands for: the documents that are rendered and written for it, and those in the way."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import count, takewhile

from aggregator.publish.addresses import FEED_TYPES, GONE, INDEX, sources_path
from aggregator.publish.archive import FORMATS as ARCHIVED
from aggregator.publish.budget import fitting
from aggregator.publish.documents import (
    Rendered,
    article_document,
    feed_documents,
    gone_document,
    index_document,
    sources_document,
)
from aggregator.publish.fragments import Fragments
from aggregator.publish.gate import Gate
from aggregator.publish.health import health_document
from aggregator.publish.opml import opml_document
from aggregator.publish.pages import static_documents
from aggregator.publish.sitemap import block_document, pages_document, robots_document, sitemap_documents, sitemap_paths
from aggregator.publish.view import (
    archive_file,
    archive_view,
    channel_view,
    for_all,
    hidden,
    shortened,
    site_view,
    widest,
)
from aggregator.publish.writer import Writer
from aggregator.records import (
    Archive,
    Channel,
    ChannelSummary,
    Document,
    Listing,
    Policies,
    PublishReport,
    Retraction,
    Site,
    SourceNote,
    StoredEntry,
)
from aggregator.status import Event


class Publisher:
    """Renders for a site and writes below one directory; with `remembering`, renders each article once per format, and
    with `passing` reads it once, too, before it is written."""

    def __init__(
        self, site: Site, writer: Writer, policies: Policies, *, remembering: bool = True, passing: bool = True
    ) -> None:
        self._site = site
        self._writer = writer
        self._policies = policies
        self._fragments = Fragments(site) if remembering else None
        self._gate = Gate(site.url, remembering=passing)
        self._pages = "html" in site.formats
        self._listed: tuple[Channel, ...] = ()  # the channels of the lists that were written last

    def prepare(self) -> None:
        """Sweep what an interrupted run left, and write what no mark stands for: the style sheet."""
        self._writer.sweep()
        for document in (*static_documents(self._site), robots_document(self._site)) if self._pages else ():
            self._writer.write(document)

    def feed(self, entries: Sequence[StoredEntry], retracted: Sequence[Retraction]) -> PublishReport:
        """Publish the feed of everything, with as many of the entries as it has room for."""
        most = self._policies.usual.max_bytes
        entries = [for_all(entry, self._policies) for entry in entries]
        view = site_view(self._site, entries, policies=self._policies, retracted=retracted)
        view = replace(view, entries=view.entries[: fitting(self._site, view, most, self._fragments)])
        return self._put(feed_documents(self._site, view, self._fragments), self._other_formats(view.path), most)

    def fitting(
        self, channel: Channel, entries: Sequence[StoredEntry], retracted: Sequence[Retraction], last_archive: int
    ) -> Sequence[StoredEntry]:
        """Give those of a channel's newest entries that its current document has room for. `last_archive` is the one
        before it as yet: what has no room may open others."""
        policy = self._policies.of(channel.slug)
        said, before = self._said_in(channel, entries), last_archive or _SOME_ARCHIVE
        view = channel_view(self._site, channel, said, policy=policy, last_archive=before, retracted=retracted)
        return entries[: fitting(self._site, view, policy.max_bytes, self._fragments)]

    def channel(
        self,
        channel: Channel,
        created: datetime,
        entries: Sequence[StoredEntry],
        *,
        last_archive: int,
        retracted: Sequence[Retraction],
    ) -> PublishReport:
        """Publish a channel's feeds and page; without entries they count as updated when the channel was opened."""
        policy = self._policies.of(channel.slug)
        said = self._said_in(channel, entries)
        view = channel_view(self._site, channel, said, created, policy, last_archive=last_archive, retracted=retracted)
        stale = self._other_formats(view.path)
        if not self._pages:
            stale.append(f"{view.path}.html")
        return self._put(feed_documents(self._site, view, self._fragments), stale, policy.max_bytes)

    def archive(self, channel: Channel, archive: Archive, created: datetime) -> PublishReport:
        """Publish one archive of a channel."""
        archive = replace(archive, entries=tuple(self._said_in(channel, archive.entries)))
        view = archive_view(self._site, channel, archive, created, self._policies.of(channel.slug))
        stale = [f"{view.file}.{name}" for name in ARCHIVED if name not in self._site.formats]
        return self._put(feed_documents(self._site, view, self._fragments), stale)

    def _said_in(self, channel: Channel, entries: Sequence[StoredEntry]) -> Sequence[StoredEntry]:
        """Give a channel's articles; an open channel does not name the protected ones that they are in as well."""
        if self._policies.of(channel.slug).protected:
            return entries
        return [for_all(entry, self._policies) for entry in entries]

    def has_archive(self, slug: str, number: int) -> bool:
        """Tell whether an archive of a channel was written."""
        file = archive_file(f"category/{slug}", number)
        return any(self._writer.has(f"{file}.{name}") for name in ARCHIVED)

    def drop_archive(self, slug: str, number: int) -> PublishReport:
        """Take an archive's documents away."""
        file = archive_file(f"category/{slug}", number)
        return self._put(Rendered(()), [f"{file}.{name}" for name in ARCHIVED])

    def index(self, channels: Sequence[ChannelSummary]) -> PublishReport:
        """Publish the home page and the list of all channels."""
        shown = [summary for summary in channels if not self._policies.of(summary.channel.slug).protected]
        documents = self._lists_of(shown)
        if self._pages:
            documents.append(index_document(self._site, [self._as_allowed(summary) for summary in shown]))
        report = self._put(Rendered(tuple(documents)), () if self._pages else (INDEX,))
        self._listed = () if report.refused else tuple(summary.channel for summary in shown)
        return report

    def _lists_of(self, shown: Sequence[ChannelSummary]) -> list[Document]:
        """Give the lists that hold nothing but channels, unless they would be what was written last."""
        if self._listed == tuple(summary.channel for summary in shown) != ():
            return []
        listed = (summary.channel for summary in shown if not self._policies.of(summary.channel.slug).noindex)
        pages = [pages_document(self._site, listed)] if self._pages else []
        return [opml_document(self._site, shown), *pages]

    def sources(self, sources: Sequence[SourceNote], page: int = 1, last: int = 1) -> PublishReport:
        """Publish a page of the list of sources, but for those that fill protected channels only; pages behind the last
        one go."""
        stale = takewhile(self._writer.has, map(sources_path, count(last + 1))) if page >= last else ()
        if not self._pages:
            return self._put(Rendered(()), (sources_path(page), *stale))
        if page > last:
            return self._put(Rendered(()), stale)
        listed = ((source, self._without_protected(source)) for source in sources)
        open_ones = tuple(shown for source, shown in listed if shown.channels or not source.channels)
        return self._put(Rendered((sources_document(self._site, open_ones, page, last),)), stale)

    def _without_protected(self, source: SourceNote) -> SourceNote:
        channels = tuple(one for one in source.channels if not self._policies.of(one.slug).protected)
        return replace(source, channels=channels)

    def sitemap(self, block: int, articles: Sequence[Listing], last_block: int) -> PublishReport:
        """Publish a block of articles for search engines, and the list of all blocks."""
        if not self._pages:
            return self._put(Rendered(()), sitemap_paths(block))
        listed = [article for article in articles if not self._is_kept_back(article)]
        documents = (block_document(self._site, block, listed), sitemap_documents(self._site, last_block))
        return self._put(Rendered(documents), ())

    def _is_kept_back(self, article: Listing) -> bool:
        """Tell whether all channels of an article ask search engines to stay away, or need a token."""
        policies = [self._policies.of(slug) for slug in article.channels]
        return bool(policies) and all(policy.noindex or policy.protected for policy in policies)

    def _as_allowed(self, summary: ChannelSummary) -> ChannelSummary:
        open_ones = [for_all(entry, self._policies) for entry in summary.newest]
        newest = tuple(shortened(entry, widest(entry, self._policies)) for entry in open_ones)
        return replace(summary, newest=newest)

    def article(self, code: str, entry: StoredEntry | None) -> PublishReport:
        """Publish an article's page; None takes it away."""
        if entry is None or not self._pages:
            return self._put(Rendered(()), (f"article/{code}.html",))
        entry = for_all(entry, self._policies)
        shown = shortened(entry, widest(entry, self._policies))
        document = article_document(self._site, shown, noindex=hidden(entry, self._policies))
        return self._put(Rendered((document,)), ())

    def gone(self, channels: Mapping[str, str]) -> PublishReport:
        """Publish which channels are no more, for whoever serves the files; `channels` are slug → new slug, or ""."""
        if not channels:
            return self._put(Rendered(()), (GONE,))
        return self._put(Rendered((gone_document(channels),)), ())

    def health(self, events: Sequence[Event]) -> PublishReport:
        """Publish what the operator is told, the newest first."""
        return self._put(Rendered((health_document(self._site, events),)), ())

    def settle(self) -> None:
        """Make what was put safe on disk, renames included."""
        self._writer.settle()

    def drop_channel(self, slug: str) -> PublishReport:
        """Take a channel's documents away."""
        return self._put(Rendered(()), [f"category/{slug}.{name}" for name in (*FEED_TYPES, "html")])

    def _other_formats(self, path: str) -> list[str]:
        return [f"{path}.{name}" for name in FEED_TYPES if name not in self._site.formats]

    def _put(self, rendered: Rendered, stale: Iterable[str], max_bytes: int | None = None) -> PublishReport:
        """Write what passes the gate."""
        faults = {document.path: self._gate.fault(document, max_bytes) for document in rendered.documents}
        sound = [document for document in rendered.documents if not faults[document.path]]
        changed = {document.path: self._writer.write(document) for document in sound}
        refused = {path: why for path, why in faults.items() if why}
        return PublishReport(
            written=tuple(path for path, written in changed.items() if written),
            unchanged=tuple(path for path, written in changed.items() if not written),
            removed=tuple(path for path in stale if self._writer.remove(path)),
            problems=(*rendered.problems, *(f"{path} not published: {why}" for path, why in refused.items())),
            refused=tuple(refused),
        )


_SOME_ARCHIVE = 10**9  # stands for the number of the last archive while there is none: it is not longer

"""What a mark of the store stands for: the documents that are rendered and written for it, and those in the way."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from aggregator.publish.addresses import FEED_TYPES, GONE, INDEX
from aggregator.publish.documents import Rendered, article_document, feed_documents, gone_document, index_document
from aggregator.publish.opml import opml_document
from aggregator.publish.pages import static_documents
from aggregator.publish.view import channel_view, hidden, shortened, site_view, widest
from aggregator.publish.writer import Writer
from aggregator.records import Channel, ChannelSummary, Policies, PublishReport, Site, StoredEntry


class Publisher:
    """Renders for a site and writes below one directory."""

    def __init__(self, site: Site, writer: Writer, policies: Policies) -> None:
        self._site = site
        self._writer = writer
        self._policies = policies
        self._pages = "html" in site.formats

    def prepare(self) -> None:
        """Sweep what an interrupted run left, and write what no mark stands for: the style sheet."""
        self._writer.sweep()
        for document in static_documents() if self._pages else ():
            self._writer.write(document)

    def feed(self, entries: Sequence[StoredEntry]) -> PublishReport:
        """Publish the feed of everything."""
        view = site_view(self._site, entries, policies=self._policies)
        return self._put(feed_documents(self._site, view), self._other_formats(view.path))

    def channel(self, channel: Channel, entries: Sequence[StoredEntry], created: datetime) -> PublishReport:
        """Publish a channel's feeds and page; without entries they count as updated when the channel was opened."""
        view = channel_view(self._site, channel, entries, created, self._policies.of(channel.slug))
        stale = self._other_formats(view.path)
        if not self._pages:
            stale.append(f"{view.path}.html")
        return self._put(feed_documents(self._site, view), stale)

    def index(self, channels: Sequence[ChannelSummary]) -> PublishReport:
        """Publish the home page and the list of all channels."""
        documents = [opml_document(self._site, channels)]
        if self._pages:
            documents.append(index_document(self._site, [self._as_allowed(summary) for summary in channels]))
        return self._put(Rendered(tuple(documents)), () if self._pages else (INDEX,))

    def _as_allowed(self, summary: ChannelSummary) -> ChannelSummary:
        newest = tuple(shortened(entry, widest(entry, self._policies)) for entry in summary.newest)
        return replace(summary, newest=newest)

    def article(self, code: str, entry: StoredEntry | None) -> PublishReport:
        """Publish an article's page; None takes it away."""
        if entry is None or not self._pages:
            return self._put(Rendered(()), (f"article/{code}.html",))
        shown = shortened(entry, widest(entry, self._policies))
        document = article_document(self._site, shown, noindex=hidden(entry, self._policies))
        return self._put(Rendered((document,)), ())

    def gone(self, channels: Mapping[str, str]) -> PublishReport:
        """Publish which channels are no more, for whoever serves the files; `channels` are slug → new slug, or ""."""
        if not channels:
            return self._put(Rendered(()), (GONE,))
        return self._put(Rendered((gone_document(channels),)), ())

    def settle(self) -> None:
        """Make what was put safe on disk, renames included."""
        self._writer.settle()

    def drop_channel(self, slug: str) -> PublishReport:
        """Take a channel's documents away."""
        return self._put(Rendered(()), [f"category/{slug}.{name}" for name in (*FEED_TYPES, "html")])

    def _other_formats(self, path: str) -> list[str]:
        return [f"{path}.{name}" for name in FEED_TYPES if name not in self._site.formats]

    def _put(self, rendered: Rendered, stale: Iterable[str]) -> PublishReport:
        changed = {document.path: self._writer.write(document) for document in rendered.documents}
        return PublishReport(
            written=tuple(path for path, written in changed.items() if written),
            unchanged=tuple(path for path, written in changed.items() if not written),
            removed=tuple(path for path in stale if self._writer.remove(path)),
            problems=rendered.problems,
        )

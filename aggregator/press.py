"""How what changed is published: each marked document is rendered, written, and its mark taken back.

Published files are derived state: a crash at any instant leaves marks, and the next publish writes the same bytes.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from aggregator.channels import Channels
from aggregator.errors import PublishError
from aggregator.publish.view import within
from aggregator.records import Policies, PublishReport, StoredEntry
from aggregator.status import EVENTS_SHOWN

if TYPE_CHECKING:
    from aggregator.publish.jekyll import Export
    from aggregator.publish.publisher import Publisher
    from aggregator.store import Store
    from aggregator.watch import Watch

log = logging.getLogger(__name__)

TITLES_ON_HOME = 6
LISTS = ("feed", "index", "sources")
RETRACTED_FOR = timedelta(days=30)  # so long the current documents say that an article was retracted (RFC 6721)
PUBLISHED_AT_ONCE = 250  # documents between two points from which a crash starts again
EXPORTED_AT_ONCE = 200
_ARTICLE = "article/"
_NONE: Mapping[str, StoredEntry] = {}


class Press:
    """Publishes what the store has marked."""

    def __init__(
        self,
        store: "Store",
        publisher: "Publisher",
        channels: Channels,
        watch: "Watch",
        policies: Policies,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._channels = channels
        self._watch = watch
        self._policies = policies
        self._now = clock
        self._problems: tuple[str, ...] = ()  # of the last publish: what stays the same is logged once

    def publish(self, *, everything: bool = False) -> PublishReport:
        """Render and write every marked document; with `everything`, all of them."""
        if everything:
            self._store.mark_all()
        self._watch.take_stock()
        self._store.forget_retractions(self._now() - RETRACTED_FOR)
        report = PublishReport(replaced=self._channels.fill())
        marked = list(self._store.marked().items())
        for start in range(0, len(marked), PUBLISHED_AT_ONCE):
            report = self._publish_some(dict(marked[start : start + PUBLISHED_AT_ONCE]), report)
        if self._watch.judge(report):
            report = report.joined(self._publish_only(["status"]))
        if report.written or report.removed or report.problems != self._problems:
            log.info("published", extra={"written": len(report.written), "problems": list(report.problems)})
        self._problems = report.problems
        return report

    def publish_lists(self) -> PublishReport:
        """Publish ahead of all else what shows every channel, if it is outdated: one that was closed to readers must
        not stand there until its thousands of articles are rendered."""
        return self._publish_only(LISTS)

    def _publish_only(self, names: Collection[str]) -> PublishReport:
        marked = self._store.marked().items()
        wanted = {name: stamp for name, stamp in marked if name.partition("/")[0] in names}
        return self._publish_some(wanted, PublishReport())

    def _publish_some(self, marked: dict[str, str], report: PublishReport) -> PublishReport:
        """Write, then take the marks back: a crash between the two renders the same bytes once more."""
        done: dict[str, str] = {}
        codes = [document.removeprefix(_ARTICLE) for document in marked if document.startswith(_ARTICLE)]
        articles = {entry.info_code: entry for entry in self._store.articles(codes)}
        listings = dict.fromkeys(self._store.listings_of(marked), "")  # not marked: they go with their articles
        for document, stamp in (marked | listings).items():
            try:
                step, archives = self._put(document, articles)
            except Exception as error:  # an edge: one that fails leaves the others alone, and its old file stays
                log.exception("document not published", extra={"document": document})
                step = PublishReport(problems=(f"{document}: {error}",))
            else:
                done |= archives | ({} if step.refused else {document: stamp})
            report = report.joined(step)
        return report.joined(self._take_back(done))

    def _take_back(self, done: dict[str, str]) -> PublishReport:
        """Take back the marks of what was published, once it is safe on disk."""
        try:
            self._publisher.settle()
        except PublishError as error:
            return PublishReport(problems=(str(error),))
        self._store.clear(done)
        return PublishReport()

    def _put(
        self, marked: str, articles: Mapping[str, StoredEntry] = _NONE
    ) -> tuple[PublishReport, dict[str, str]]:
        """Publish what a mark stands for; `articles` are those that are marked. With a channel come archives: give the
        stamps that clear theirs, too."""
        kind, _, key = marked.partition("/")
        publisher, store = self._publisher, self._store
        match kind:
            case "article":
                return publisher.article(key, articles.get(key)), {}
            case "category":
                slug, _, archive = key.partition("/archive-")
                return (self._put_archive(slug, int(archive)), {}) if archive else self._put_channel(slug)
            case "gone":
                return publisher.gone(store.gone_channels()), {}
            case "sources":
                page = int(key or 1)
                return publisher.sources(store.source_notes(page), page, store.last_page()), {}
            case "sitemap":
                return publisher.sitemap(int(key), store.block(int(key)), store.last_block()), {}
            case "status":
                return publisher.health(store.events(EVENTS_SHOWN)), {}
            case "feed":
                policies = self._policies
                entries = store.newest(policies.usual.entries, without=policies.protected)
                return publisher.feed(entries, store.retractions()), {}
            case _:
                return publisher.index(store.summaries(TITLES_ON_HOME)), {}

    def _put_channel(self, slug: str) -> tuple[PublishReport, dict[str, str]]:
        """What the current document has no room for goes into archives. They are written first, so that at no moment
        an article is in neither; where one of them is refused, the current document of before stays, too."""
        publisher, store, policy = self._publisher, self._store, self._policies.of(slug)
        if (found := store.channel(slug)) is None:
            return publisher.drop_channel(slug), {}
        heads, retracted = store.heads_of(slug), store.retractions(slug)
        last = store.last_archive(slug)
        entries = publisher.fitting(found[0], store.articles(within(heads, policy)), retracted, last)
        shown = {entry.info_code for entry in entries}
        stamps = store.displace(slug, [code for code, _ in heads if code not in shown], policy.entries)
        report = PublishReport()
        for archive in stamps:
            report = report.joined(self._put(archive)[0])
        if report.refused:
            return report, {}
        last = store.last_archive(slug) if stamps else last
        return report.joined(publisher.channel(*found, entries, last_archive=last, retracted=retracted)), stamps

    def _put_archive(self, slug: str, number: int) -> PublishReport:
        """Where texts of an archive are not kept any more, its documents stay as they were written."""
        if self._store.has_dropped(slug, number) and self._publisher.has_archive(slug, number):
            return PublishReport()
        found, archive = self._store.channel(slug), self._store.archive(slug, number)
        if found is None or archive is None:
            return self._publisher.drop_archive(slug, number)
        return self._publisher.archive(found[0], archive, found[1])


def export(store: "Store", target: "Export") -> Iterator[int]:
    """Give an export all channels and published articles, and say after each step how many articles it was."""
    target.pages(store.channels())
    seq = 0
    while entries := store.articles_after(seq, EXPORTED_AT_ONCE):
        target.posts(entries)
        seq = entries[-1].seq
        yield len(entries)

"""A fault of ours that makes bad documents is stopped at the gate, said, and tried again; the rest goes out."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aggregator.channels import Wanted
from aggregator.pipeline import Limits, Pipeline, Rooms
from aggregator.publish import Writer
from aggregator.publish.publisher import Publisher
from aggregator.records import (
    Alias,
    Archive,
    Arrival,
    Channel,
    Entry,
    Policies,
    Policy,
    PublishReport,
    Retraction,
    Site,
    Source,
    StoredEntry,
)
from aggregator.store import Store
from aggregator.watch import Places, Watch

NOW = datetime(2031, 5, 1, 8, tzinfo=UTC)
SITE = Site("金融消息", "https://finews.example.org/", "finews.example.org,2031")
POLICIES = Policies(Policy(entries=2))


class Faulty(Publisher):
    """A publisher with a fault that can be mended: it doubles entries."""

    broken: frozenset[str] = frozenset()

    def feed(self, entries: Sequence[StoredEntry], retracted: Sequence[Retraction]) -> PublishReport:
        return super().feed((*entries, *entries) if "feed" in self.broken else entries, retracted)

    def archive(self, channel: Channel, archive: Archive, created: datetime) -> PublishReport:
        if "archive" in self.broken:
            archive = Archive(archive.number, archive.entries * 2, archive.full)
        return super().archive(channel, archive, created)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "a.db") as opened, opened.writing():
        opened.sync_sources([(Source("a", "https://example.org/"), "1")], NOW)
        opened.add_channel(Channel("keji", "科技", "科技"), "科技", NOW)
        yield opened


@pytest.fixture
def publisher(tmp_path: Path) -> Faulty:
    return Faulty(SITE, Writer(tmp_path / "public"), POLICIES)


def bring(store: Store, *numbers: int) -> None:
    for number in numbers:
        when = NOW + timedelta(minutes=number)
        entry = Entry("a", f"guid {number}", f"https://example.org/{number}", f"标题{number}", content="<p>正文</p>")
        store.add([Arrival(f"code-{number}", entry, (Alias("guid", entry.guid),), when, when)], NOW)
        store.place(f"code-{number}", "a", ["keji"])


def publish(store: Store, publisher: Publisher) -> PublishReport:
    watch = Watch(store, Places(store.path, store.path.parent, 0, UTC), (), lambda: NOW)
    rooms = Rooms(store, None, None, publisher, {}, lambda: NOW, lambda *_: None, watch)  # type: ignore[arg-type]  # not used
    limits = Limits(1, timedelta(hours=1), 1, POLICIES)
    return Pipeline(rooms, sources={}, channels=Wanted(), limits=limits).publish()


def test_a_refused_document_is_a_problem_that_is_tried_again_while_the_others_go_out(
    store: Store, publisher: Faulty, tmp_path: Path
) -> None:
    bring(store, 1)
    publish(store, publisher)
    before = (tmp_path / "public/feed.atom").read_bytes()
    bring(store, 2)
    publisher.broken = frozenset({"feed"})
    report = publish(store, publisher)
    assert report.refused == ("feed.atom", "feed.rss", "feed.json")
    assert "feed.atom not published: the id tag:finews.example.org,2031:code-2 is there twice" in report.problems
    assert "category/keji.atom" in report.written
    assert (tmp_path / "public/feed.atom").read_bytes() == before
    assert set(store.marked()) == {"feed"}
    assert publish(store, publisher).refused == report.refused, "it is tried again"
    publisher.broken = frozenset()
    assert set(publish(store, publisher).written) == {"feed.atom", "feed.rss", "feed.json", "status/sources.atom"}
    assert store.marked() == {}


def test_no_article_leaves_the_current_document_before_its_archive_is_out(
    store: Store, publisher: Faulty, tmp_path: Path
) -> None:
    bring(store, 1, 2)
    publish(store, publisher)
    before = (tmp_path / "public/category/keji.atom").read_bytes()
    bring(store, 3, 4)
    publisher.broken = frozenset({"archive"})
    assert "category/keji/archive-1.atom" in publish(store, publisher).refused
    assert (tmp_path / "public/category/keji.atom").read_bytes() == before
    assert {"category/keji", "category/keji/archive-1"} <= set(store.marked())
    publisher.broken = frozenset()
    written = publish(store, publisher).written
    assert written.index("category/keji/archive-1.atom") < written.index("category/keji.atom")
    assert store.marked() == {}

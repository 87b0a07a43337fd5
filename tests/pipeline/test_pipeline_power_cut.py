"""A power cut before articles' pages are safe on disk loses nothing: they are still marked, and are written anew."""

import ctypes
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from aggregator.channels import Wanted
from aggregator.pipeline import Limits, Pipeline, Rooms
from aggregator.publish import Writer
from aggregator.publish.publisher import Publisher
from aggregator.records import Alias, Arrival, Channel, Entry, Policies, PublishReport, Site, Source
from aggregator.store import Store
from aggregator.watch import Places, Watch

NOW = datetime(2031, 5, 1, 8, tzinfo=UTC)
SITE = Site("金融消息", "https://finews.example.org/", "finews.example.org,2031")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "a.db") as opened, opened.writing():
        opened.sync_sources([(Source("a", "https://example.org/"), "1")], NOW)
        opened.add_channel(Channel("keji", "科技", "科技"), "科技", NOW)
        for number in range(5):
            when = NOW + timedelta(minutes=number)
            entry = Entry(
                "a", f"guid {number}", f"https://example.org/{number}", f"标题{number}", content="<p>正文</p>"
            )
            opened.add([Arrival(f"code-{number}", entry, (Alias("guid", entry.guid),), when, when)], NOW)
            opened.place(f"code-{number}", "a", ["keji"])
        yield opened


def publish(store: Store, folder: Path) -> PublishReport:
    """Publish as a process does that has just begun."""
    publisher = Publisher(SITE, Writer(folder), Policies())
    publisher.prepare()
    watch = Watch(store, Places(store.path, store.path.parent, 0, UTC), (), lambda: NOW)
    rooms = Rooms(store, None, None, publisher, {}, lambda: NOW, lambda *_: None, watch)  # type: ignore[arg-type]  # not used
    limits = Limits(1, timedelta(hours=1), 1, Policies())
    return Pipeline(rooms, sources={}, channels=Wanted(), limits=limits).publish()


def files(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_pages_that_are_not_safe_yet_are_still_marked_and_mended_after_a_power_cut(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marked = store.marked()
    with monkeypatch.context() as patch:
        patch.setattr(ctypes, "CDLL", lambda *_, **__: SimpleNamespace(syncfs=lambda handle: 1))
        patch.setattr(ctypes, "get_errno", lambda: 5)
        report = publish(store, tmp_path / "public")
    assert report.problems == (f"cannot make {tmp_path / 'public'} safe on disk: Input/output error",)
    assert store.marked().items() >= marked.items()
    right = files(tmp_path / "public")
    pages = [path for path in right if path.startswith("article/")]
    assert len(pages) == 10  # with their compressed forms
    for path in pages:
        tmp_path.joinpath("public", path).write_bytes(right[path][:-9])
    assert publish(store, tmp_path / "public").problems == ()
    assert files(tmp_path / "public") == right
    assert store.marked() == {}

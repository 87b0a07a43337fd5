"""Keeps an eye on the whole: counts what happens, tells the operator once of each trouble, and minds the disk's room.

What it could not keep (a full disk, say) it keeps later.
"""

import logging
import os
import shutil
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from aggregator import __version__, status
from aggregator.errors import StoreError
from aggregator.records import Outcome, PublishReport
from aggregator.status import Change, Disk, Status, Tally

if TYPE_CHECKING:
    from aggregator.store import Store

log = logging.getLogger(__name__)

_BESIDE = ("", "-wal", "-shm")


@dataclass(frozen=True, slots=True)
class Places:
    """The store's file and the published folder; `min_free` bytes are to stay free on their disks. Days are the
    site's."""

    store: Path
    public: Path
    min_free: int
    zone: tzinfo


class Watch:
    """What a pipeline tells of its work. `sources` are those that are fetched now."""

    def __init__(
        self, store: "Store", places: Places, sources: Collection[str], clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._places = places
        self._sources = sources
        self._now = clock
        self._lock = Lock()
        self._asked: set[str] = set()
        self._begun = False
        self.tally = Tally(places.zone)

    def note(self, outcome: Outcome) -> None:
        """Take note of a refresh."""
        with self._lock:
            self.tally.note(outcome, self._now())
            self._asked.add(outcome.source)

    def low(self) -> str:
        """Say that the disk has too little room to go on fetching; nothing where it has enough. This is asked before
        each fetch: that there is enough takes two calls."""
        places = self._places
        if min(_free(places.store.parent), _free(places.public)) >= places.min_free:
            return ""
        return low_on(places)

    def take_stock(self) -> None:
        """Keep what was counted, and tell what changed since: in the sources that were asked, and on the disk."""
        with self._lock:
            fresh, self.tally.fresh = self.tally.fresh, type(self.tally.fresh)()
            asked, self._asked = self._asked, set()
        try:
            self._keep(fresh, asked)
        except StoreError:
            with self._lock:
                self.tally.fresh.update(fresh)
                self._asked |= asked
            raise

    def _keep(self, fresh: dict[status.Key, int], asked: set[str]) -> None:
        now, low = self._now(), self.low()
        told = self._store.told(_subjects(asked) if self._begun else None)
        changes = [] if self._begun else [Change(gone, status.WELL, None) for gone in told if self._left(gone)]
        names = asked if self._begun else asked | {_name(each) for each in told if each.startswith("source/")}
        for report in self._store.standings(names, now):
            changes += status.source_changes(report, told, now)
        self._tell([*changes, *status.disk_changes(low, told, now)], now)
        if fresh:
            self._store.count(fresh, now)
        self._begun = True

    def _left(self, subject: str) -> bool:
        """Tell whether a trouble is that of a source that is no longer fetched."""
        return subject.startswith(("source/", "moved/")) and _name(subject) not in self._sources

    def judge(self, report: PublishReport) -> bool:
        """Tell which documents were refused by the gate, and which pass again; True where something was said."""
        if not report.refused and not report.written:
            return False
        why = {path: _why(path, report.problems) for path in report.refused}
        passed, now = (*report.written, *report.unchanged), self._now()
        told = self._store.told([f"document/{path}" for path in (*why, *passed)])
        changes = list(status.document_changes(why, passed, told, now))
        self._tell(changes, now)
        return bool(changes)

    def _tell(self, changes: Sequence[Change], now: datetime) -> None:
        if changes:
            self._store.tell(changes, now)
        for change in changes:
            if change.event:
                log.warning("told the operator", extra={"subject": change.subject, "told": change.event.title})


def _subjects(names: Iterable[str]) -> list[str]:
    """Give what may be told of sources, and of the whole."""
    return ["disk", *(f"{kind}/{name}" for name in names for kind in ("source", "moved"))]


def _name(subject: str) -> str:
    return subject.partition("/")[2]


def _why(path: str, problems: Iterable[str]) -> str:
    found = next((problem for problem in problems if problem.startswith(f"{path} not published: ")), "")
    return found.removeprefix(f"{path} not published: ") or "it is faulty"


def disks_of(places: Places) -> tuple[Disk, ...]:
    """Give the room that the store and the published folder have; once where they are on one disk."""
    folders = {_nearest(folder) for folder in (places.store.parent, places.public)}
    by_disk = {folder.stat().st_dev: folder for folder in sorted(folders, reverse=True)}
    usage = [(folder, shutil.disk_usage(folder)) for folder in sorted(by_disk.values())]
    return tuple(Disk(str(folder), found.free, found.total) for folder, found in usage)


def low_on(places: Places) -> str:
    """Say which disk has too little room to go on fetching; nothing where all have enough."""
    return status.low_disk(disks_of(places), places.min_free)


def _free(folder: Path) -> int:
    """Give the bytes that its disk has free; fewer than none for a folder that is not there yet."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return -1
    return found.f_bavail * found.f_frsize


def _nearest(folder: Path) -> Path:
    return next(each for each in (folder, *folder.absolute().parents) if each.is_dir())


def look(store: "Store", places: Places, now: datetime) -> Status:
    """Give how the whole installation stands."""
    counts, disks = store.counted(now - timedelta(days=status.DAYS_SHOWN + 1)), disks_of(places)
    known = store.counts()
    reports = tuple(store.source_reports(now))
    return Status(
        version=__version__,
        at=now,
        entries=known["entries"],
        channels=known["channels"],
        sources=reports,
        days=tuple(status.by_day(counts, now, places.zone)),
        hours=tuple(status.by_hour(counts, now)),
        seconds=status.by_seconds(counts, now),
        subscribers=store.subscribers(),
        troubles=tuple(store.troubles()),
        events=tuple(store.events(status.EVENTS_SHOWN)),
        disks=disks,
        low=status.low_disk(disks, places.min_free),
        store_bytes=sum(_size(places.store.with_name(places.store.name + ending)) for ending in _BESIDE),
        marks=store.waiting_documents(),
        held=sum(report.held for report in reports),
    )


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0

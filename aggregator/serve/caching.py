"""How long an answer may be taken for fresh, by how often its document really changes. Pure."""

import re
from datetime import timedelta

from aggregator.deltas import usual_gap
from aggregator.serve.files import PublishedFile

LEAST, MOST = timedelta(minutes=1), timedelta(hours=1)
STALE_IF_ERROR = timedelta(days=1)
_SHARE = 4  # of the usual time between two changes
_STEADY = re.compile(r"static/.*|category/[^/]+/archive-\d+\.\w+")


def max_age(file: PublishedFile, unless_known: timedelta) -> timedelta:
    """Give a quarter of the usual time between two changes, a minute at least and an hour at most.

    Archives and what pages are dressed in hardly ever change: an hour. For other documents, and for feeds that have not
    changed twice yet, it is `unless_known`.
    """
    if _STEADY.fullmatch(file.path):
        return MOST
    gap = usual_gap(file.history, int(file.modified.timestamp())) if file.history else None
    return unless_known if gap is None else min(max(timedelta(seconds=gap // _SHARE), LEAST), MOST)


def cache_control(age: timedelta, *, private: bool) -> str:
    """Say it (RFC 9111 §5.2.2). While a cache asks anew, or we cannot be reached, it may hand out what it has
    (RFC 5861)."""
    seconds, later = int(age.total_seconds()), int(STALE_IF_ERROR.total_seconds())
    who = "private" if private else "public"
    return f"{who}, max-age={seconds}, stale-while-revalidate={seconds}, stale-if-error={later}"

"""When to ask again: a pure policy. What is due stands in the rows; this says what to write there."""

from datetime import UTC, datetime, timedelta

NEVER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
_LAST_DOUBLING = 20


def after_success(started: datetime, interval: timedelta) -> datetime:
    """One interval after the request started (CITIZENSHIP 11)."""
    return started + interval


def after_failure(started: datetime, interval: timedelta, longest: timedelta, failures: int) -> datetime:
    """Twice as late per failure in a row, `longest` at most, and never earlier than without the failure."""
    waited: timedelta = interval * (1 << min(failures, _LAST_DOUBLING))
    return started + max(interval, min(waited, longest))

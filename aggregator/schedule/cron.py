"""Crontab lines, read by APScheduler's own trigger."""

import re
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from apscheduler.triggers.cron import CronTrigger

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NUMBERS = re.compile(r"(\d)(?:-(\d))?(?:/(\d+))?")


def crontab_fault(line: str) -> str | None:
    """Give what is wrong with a crontab line, or None where nothing is."""
    try:
        trigger = _trigger(line, UTC)
    except ValueError as error:
        return str(error)
    never = trigger.get_next_fire_time(None, datetime(2026, 1, 1, tzinfo=UTC)) is None
    return "it never comes" if never else None


def next_time(line: str, zone: tzinfo, after: datetime) -> datetime | None:
    """Give the next moment of a crontab line, in `zone`'s time of day, later than `after`; None if there is none."""
    found: datetime | None = _trigger(line, zone).get_next_fire_time(after, after)
    return found.astimezone(UTC) if found else None


def _trigger(line: str, zone: tzinfo) -> "CronTrigger":
    from apscheduler.triggers.cron import CronTrigger  # most sources have an interval

    fields = line.split()
    if len(fields) == 5:
        fields[4] = ",".join(_named_days(part) for part in fields[4].split(","))
    return CronTrigger.from_crontab(" ".join(fields), timezone=zone)


def _named_days(part: str) -> str:
    """In a crontab 0 and 7 are Sunday; the trigger counts from Monday. Names mean the same to both."""
    match = _NUMBERS.fullmatch(part)
    if not match:
        return part
    first, last = int(match[1]), int(match[2] or match[1])
    if max(first, last) > 7 or last < first:
        raise ValueError(f"{part!r} are no days of the week, which go from 0 (Sunday) to 7 (Sunday)")
    return ",".join(_DAYS[day] for day in range(first, last + 1, int(match[3] or 1)))

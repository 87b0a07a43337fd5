"""Durations ("15m"), sizes ("10MB") and rates ("60/min") as operators write them."""

import re
from datetime import timedelta

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_BYTES = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?[smhdw])+")
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)([kmg]?i?b)")
_RATE = re.compile(r"(\d+)/(s|m|min|h|hour|d|(?:\d+(?:\.\d+)?[smhd])+)")
_LONGEST = 3660 * 86_400  # seconds


def duration(value: object) -> timedelta:
    """Read "90s", "15m", "1h30m", "7d" or "2w".

    Raises:
        ValueError: saying what would be right.
    """
    if isinstance(value, timedelta):
        return value
    text = value.strip().lower() if isinstance(value, str) else ""
    if not _DURATION.fullmatch(text):
        raise ValueError(f'{value!r} is not a duration; write it like "30s", "15m", "1h" or "7d"')
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
    if seconds > _LONGEST:
        raise ValueError(f"{value!r} is longer than ten years")
    return timedelta(seconds=seconds)


def size(value: object) -> int:
    """Read "500KB", "10MB" or "1GiB"; a bare whole number is bytes.

    Raises:
        ValueError: saying what would be right.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    match = _SIZE.fullmatch(value.strip().lower().replace(" ", "")) if isinstance(value, str) else None
    if not match:
        raise ValueError(f'{value!r} is not a size; write it like "500KB" or "10MB"')
    return int(float(match[1]) * _BYTES[match[2]])


def rate(value: object) -> tuple[int, timedelta]:
    """Read "60/min", "5/s", "1000/h" or "100/15m".

    Raises:
        ValueError: saying what would be right.
    """
    match = _RATE.fullmatch(value.strip().lower()) if isinstance(value, str) else None
    if not match or not int(match[1]):
        raise ValueError(f'{value!r} is not a rate; write it like "60/min", "5/s" or "100/15m"')
    span = {"min": "1m", "hour": "1h"}.get(match[2], match[2])
    return int(match[1]), duration(span if span[0].isdigit() else f"1{span}")


def spoken(span: timedelta) -> str:
    """Give the short form of a duration, as `duration` reads it: timedelta(minutes=90) → "1h30m"."""
    seconds = int(span.total_seconds())
    if seconds <= 0:
        return f"{span.total_seconds():g}s"
    parts = []
    for unit in ("d", "h", "m", "s"):
        count, seconds = divmod(seconds, _SECONDS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts[:2])

"""What a feed says of its rhythm and of its older documents: numbers that can be true, addresses that are whole."""

import re

from aggregator.urls import resolve

_YEAR_MINUTES = 365 * 24 * 60
_PERIODS = {"hourly": 60, "daily": 1440, "weekly": 7 * 1440, "monthly": 30 * 1440, "yearly": 365 * 1440}
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_REACH = 2_000  # characters that skipHours or skipDays may take: 24 hours need 500

_SKIP_HOURS = re.compile(r"<(?:\w+:)?skipHours\b[^<>]*>", re.I)
_SKIP_DAYS = re.compile(r"<(?:\w+:)?skipDays\b[^<>]*>", re.I)
_CHILD = re.compile(r"<(?:\w{1,20}:)?(?:hour|day)\b[^<>]*>\s*(\w{1,10})\s*<", re.I)


def minutes(text: str) -> int | None:
    """Give a `ttl` that is a whole positive number of minutes, a year at most."""
    value = int(text) if re.fullmatch(r"[0-9]{1,8}", text) else 0
    return value if 0 < value <= _YEAR_MINUTES else None


def update_minutes(period: str, frequency: str) -> int | None:
    """Give how many minutes lie between two updates by the RSS syndication module: so many times in a period, once a
    day where only the other is said. None where neither is, or the period is unknown."""
    if not period and not frequency:
        return None
    length = _PERIODS.get(period.lower() or "daily")
    times = int(frequency) if re.fullmatch(r"[0-9]{1,8}", frequency) else 1
    return max(length // max(times, 1), 1) if length else None


def skipped(text: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Give the hours (GMT, 0 to 23) and days (0 is Monday) at which an RSS document says that nothing comes.

    They are read here because feedparser keeps only the last. RSS 0.92 counts from 1 to 24, so 24 is midnight.
    """
    numbers = (int(each) for each in _children(text, _SKIP_HOURS) if re.fullmatch("[0-9]{1,4}", each))
    hours = {number % 24 for number in numbers if number <= 24}
    names = (each.lower() for each in _children(text, _SKIP_DAYS))
    days = {_DAYS.index(name) for name in names if name in _DAYS}
    return tuple(sorted(hours)), tuple(sorted(days))


def _children(text: str, opening: re.Pattern[str]) -> list[str]:
    start = opening.search(text)
    block = text[start.end() : start.end() + _REACH] if start else ""
    return _CHILD.findall(block.partition("</skip")[0])


def page(base: str, link: str) -> str:
    """Give the absolute http address of another document of a feed; empty where it is the one at `base` itself."""
    address = resolve(base, link) if link else ""
    return "" if address == base or not address.startswith(("http://", "https://")) else address

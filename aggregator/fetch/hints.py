"""What a server and a feed say about when to come again. Pure; what makes no sense counts as not said."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_LONGEST = timedelta(days=366)
_DIRECTIVE = re.compile(r'([\w!#$%&\'*+.^`|~-]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^\s,]*))?', re.ASCII)
_SECONDS = re.compile(r"[0-9]{1,15}(?:\.[0-9]{0,9})?")
_HOUR = timedelta(hours=1)
_WEEK_OF_HOURS = 7 * 24


@dataclass(frozen=True, slots=True)
class Hints:
    """What the head of an answer says of time (RFC 9111 §5, RFC 9110 §10.2.3). `expires` is counted from the answer's
    Date. Each is above zero and at most a year."""

    max_age: timedelta | None = None
    expires: timedelta | None = None
    retry_after: timedelta | None = None
    no_cache: bool = False
    no_store: bool = False

    def fresh_for(self) -> timedelta | None:
        """Give how long the answer stays good: max-age, else Expires; nothing where it is not to be kept."""
        return None if self.no_cache or self.no_store else self.max_age or self.expires


@dataclass(frozen=True, slots=True)
class FeedHints:
    """What a feed says of its own rhythm: RSS 2.0's ttl, skipHours (GMT) and skipDays (0 is Monday), and the minutes
    that the syndication module's updatePeriod and updateFrequency come to. Nonsense is allowed, and passed over."""

    ttl_minutes: int | None = None
    update_minutes: int | None = None
    skip_hours: tuple[int, ...] = ()
    skip_days: tuple[int, ...] = ()

    def ttl(self) -> timedelta | None:
        """Give the ttl."""
        return _minutes(self.ttl_minutes)

    def update_every(self) -> timedelta | None:
        """Give the time between two updates."""
        return _minutes(self.update_minutes)

    def open_from(self, at: datetime) -> datetime:
        """Give the first moment from `at` on that is in none of the skipped hours and days (UTC).

        Hour 24 is hour 0. Hours that would leave none of the day are no hint, and days none of the week alike.
        """
        hours = set(range(24)) - {0 if hour == 24 else hour for hour in self.skip_hours} or set(range(24))
        days = set(range(7)) - set(self.skip_days) or set(range(7))
        moment = at.astimezone(UTC)
        for _ in range(_WEEK_OF_HOURS):
            if moment.hour in hours and moment.weekday() in days:
                break
            moment = moment.replace(minute=0, second=0, microsecond=0) + _HOUR
        return moment


SAYS_NOTHING = FeedHints()


def from_headers(headers: Iterable[tuple[str, str]], now: datetime) -> Hints:
    """Read the head of an answer (names in lower case) that came `now`.

    Its dates are counted from its own Date, so that a server's wrong clock does no harm; from `now` where it has none.
    The first max-age counts (RFC 9111 §4.2.1), and the longest Retry-After.
    """
    said: dict[str, list[str]] = {}
    for name, value in headers:
        said.setdefault(name, []).append(value)
    date = next(filter(None, map(_http_date, said.get("date", ()))), now)
    directives = _directives(", ".join(said.get("cache-control", ())))
    expires = next(iter(said.get("expires", ())), "")
    waits = [wait for value in said.get("retry-after", ()) if (wait := _wait(value, date))]
    return Hints(
        max_age=_believable(_seconds(directives.get("max-age", ""))),
        expires=_believable(_until(expires, date)),
        retry_after=min(max(waits), _LONGEST) if waits else None,
        no_cache=directives.get("no-cache") == "",  # with fields named, it is about those only (RFC 9111 §5.2.2.4)
        no_store="no-store" in directives,
    )


def _directives(cache_control: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in _DIRECTIVE.findall(cache_control):
        found.setdefault(name.lower(), value.strip('"'))
    return found


def _wait(value: str, date: datetime) -> timedelta | None:
    """Read a Retry-After. However long it is, it says "later": it is cut, not passed over."""
    wait = _seconds(value) or _until(value, date)
    return wait if wait and wait > timedelta(0) else None


def _seconds(text: str) -> timedelta | None:
    text = text.strip()
    return timedelta(seconds=min(float(text), 1e10)) if _SECONDS.fullmatch(text) else None


def _until(text: str, date: datetime) -> timedelta | None:
    moment = _http_date(text)
    return moment - date if moment else None


def _http_date(text: str) -> datetime | None:
    """Read a date of any of the three forms (RFC 9110 §5.6.7). What names no zone is GMT, as the third never does."""
    try:
        moment = parsedate_to_datetime(text.strip())
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _minutes(count: int | None) -> timedelta | None:
    return _believable(timedelta(minutes=min(count, 10**9))) if count and count > 0 else None


def _believable(wait: timedelta | None) -> timedelta | None:
    """Pass over what is no time to wait, or longer than a year."""
    return wait if wait and timedelta(0) < wait <= _LONGEST else None

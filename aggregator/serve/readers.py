"""Who reads what: "N subscribers" as services say it, and everyone else counted once a day. No address is kept.

A reader is known by a digest of address and program under a salt that lasts a day; whom it was of cannot be told.
"""

import re
from collections import Counter
from collections.abc import Callable
from datetime import date
from hashlib import blake2b

_SAID = re.compile(r"(\d{1,9})\s+(?:subscriber|reader|follower)s?\b", re.IGNORECASE)
_FEED = re.compile(r"/?(?:(feed)|category/([^/.]+))\.(atom|rss|json)")
_MOST_WAITING = 50_000
_DIGEST_BYTES = 8
_MOST_SAID = 100_000_000

Seen = dict[tuple[str, bytes], int]


class Readers:
    """Collects who was given a feed, until `take`. `today` gives the site's day, `salt_of` the salt of one."""

    def __init__(self, today: Callable[[], date], salt_of: Callable[[date], bytes]) -> None:
        self._today = today
        self._salt_of = salt_of
        self._day: date | None = None
        self._salt = b""
        self._seen: Seen = {}

    def renew(self) -> None:
        """Take the day's salt; what was seen under another one is dropped."""
        day = self._today()
        if day != self._day:
            self._salt, self._day, self._seen = self._salt_of(day), day, {}

    def note(self, path: str, client: str, agent: str) -> None:
        """Note that a client was given a feed, or told that it has it already."""
        found = _FEED.fullmatch(path) if self._salt and len(self._seen) < _MOST_WAITING else None
        if found is None:
            return
        said = _SAID.search(agent)
        number = min(int(said[1]), _MOST_SAID) if said else 1
        who = f"{path}\n{_SAID.sub('', agent)}" if said else f"{client}\n{agent}"
        reader = blake2b(who.encode("utf-8", "replace"), key=self._salt, digest_size=_DIGEST_BYTES).digest()
        key = found[1] or found[2], reader
        self._seen[key] = max(number, self._seen.get(key, 0))

    def take(self) -> tuple[date, Seen] | None:
        """Give what was seen since the last time, with its day; None where that is nothing."""
        if not self._seen or self._day is None:
            return None
        seen, self._seen = self._seen, {}
        return self._day, seen

    @property
    def salted(self) -> tuple[date, bytes] | None:
        """The day and its salt; None before the first `renew`."""
        return (self._day, self._salt) if self._day else None

    def add(self, day: date, seen: Seen) -> None:
        """Add what another process saw; what it saw on another day cannot be told apart any more."""
        if day == self._day:
            for key, number in seen.items():
                self._seen[key] = max(number, self._seen.get(key, 0))

    def waiting(self) -> Counter[str]:
        """Give how many readers of each feed were seen since the last `take`."""
        found: Counter[str] = Counter()
        for (slug, _), number in self._seen.items():
            found[slug] += number
        return found

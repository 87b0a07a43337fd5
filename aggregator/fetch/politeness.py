"""Host lanes: how many requests a host gets at once, how far apart, and when it is left alone (CITIZENSHIP 16, 24).

Whoever waits in a lane holds nothing that others need, so a host with thousands of sources delays only itself.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from aggregator.fetch.address import web_address
from aggregator.fetch.failures import Failed

_NONE = timedelta(0)


class Lanes:
    """One lane per key, first come, first served: `per_host` requests at once, their starts `spacing` apart.

    Lanes that nobody uses are forgotten. `pause_after`: so many feeds of one host must have been refused before the
    whole host is left alone. `clock` counts seconds and never goes back; `sleep` waits by the same clock.
    """

    def __init__(
        self,
        *,
        per_host: int = 1,
        spacing: timedelta = timedelta(seconds=1),
        pause_after: int = 2,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._per_host = per_host
        self._spacing = spacing.total_seconds()
        self._pause_after = pause_after
        self._clock = clock
        self._sleep = sleep
        self._lanes: dict[str, _Lane] = {}
        self._idle: dict[str, None] = {}  # in the order in which they became so
        self._paused: dict[str, float] = {}
        self._refused: dict[str, dict[str, float]] = {}

    def __len__(self) -> int:
        """Count the lanes that are remembered."""
        return len(self._lanes)

    @asynccontextmanager
    async def turn(self, key: str) -> AsyncIterator["Turn"]:
        """`enter`, and release at the end."""
        turn = await self.enter(key)
        try:
            yield turn
        finally:
            turn.release()

    async def enter(self, key: str) -> "Turn":
        """Wait for a place in the lane. While the host is paused the turn comes without one, at once (`Turn.quiet`)."""
        lane = self._join(key)
        holds = False
        try:
            async with lane.door:
                if not self.paused_for(key):
                    await lane.places.acquire()
                    holds = True
                    await self._wait_until(lambda: self._may_enter(key, lane))
                quiet = self.paused_for(key)
                if not quiet:
                    lane.entered = self._clock()
        except BaseException:
            self._leave(key, lane, holds)
            raise
        turn = Turn(self, key, lane, quiet, holds)
        if quiet:
            turn.release()
        return turn

    def pause(self, key: str, quiet: timedelta) -> None:
        """Leave a host alone for so long from now, or for longer if that was said before."""
        now = self._clock()
        self._paused = {host: until for host, until in self._paused.items() if until > now}
        self._paused[key] = max(self._paused.get(key, now), now + quiet.total_seconds())

    def paused_for(self, key: str) -> timedelta:
        """Give how long a host is to be left alone yet; zero if it is not."""
        left = self._paused.get(key, 0.0) - self._clock()
        return timedelta(seconds=left) if left > 0 else _NONE

    def refused(self, key: str, feed: str, quiet: timedelta) -> bool:
        """Note that a host told us to come back to a feed later (429). Tell whether the whole host is paused by that:
        it is when several of its feeds are told so at a time, and for as long as the longest was."""
        now = self._clock()
        self._refused = {host: left for host, told in self._refused.items() if (left := _still(told, now))}
        told = self._refused.setdefault(key, {})
        told[feed] = max(told.get(feed, now), now + quiet.total_seconds())
        if len(told) < self._pause_after:
            return False
        self.pause(key, timedelta(seconds=max(told.values()) - now))
        return True

    def _may_enter(self, key: str, lane: "_Lane") -> float:
        """When the next one may come in; now, to be turned away, if the host was paused meanwhile."""
        return 0.0 if self.paused_for(key) else max(lane.entered, lane.began) + self._spacing

    async def _wait_until(self, moment: Callable[[], float]) -> None:
        while (left := moment() - self._clock()) > 0:
            await self._sleep(left)

    def _join(self, key: str) -> "_Lane":
        self._forget()
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane(self._per_host)
        self._idle.pop(key, None)
        lane.users += 1
        return lane

    def _leave(self, key: str, lane: "_Lane", holds: bool) -> None:
        if holds:
            lane.places.release()
        lane.users -= 1
        if not lane.users:
            self._idle[key] = None
        self._forget()

    def _forget(self) -> None:
        """Drop the lanes that are idle and whose next request would not have to wait."""
        now = self._clock()
        while self._idle:
            key = next(iter(self._idle))
            lane = self._lanes[key]
            if max(lane.entered, lane.began) + self._spacing > now:
                return
            del self._idle[key], self._lanes[key]

    async def _begin(self, lane: "_Lane") -> None:
        now = self._clock()
        lane.began = max(now, lane.began + self._spacing)
        if lane.began > now:
            await self._sleep(lane.began - now)


class _Lane:
    """`door` lets one in at a time; `places` are those inside; `users` counts everyone, waiting or inside."""

    __slots__ = ("began", "door", "entered", "places", "users")

    def __init__(self, places: int) -> None:
        self.door = asyncio.Lock()
        self.places = asyncio.Semaphore(places)
        self.entered = self.began = float("-inf")
        self.users = 0


class Turn:
    """A place in a lane, good for one request. `quiet` is how long the host is to be left alone yet: unless it is zero,
    the turn holds no place and nothing may be sent."""

    __slots__ = ("_holds", "_lane", "_lanes", "key", "quiet", "released")

    def __init__(self, lanes: Lanes, key: str, lane: _Lane, quiet: timedelta, holds: bool) -> None:
        self._lanes = lanes
        self._lane = lane
        self._holds = holds
        self.key = key
        self.quiet = quiet
        self.released = False

    async def begin(self) -> None:
        """Note that the request starts now: the spacing counts from here, however long something else was waited for.

        It waits only where several requests of a host have turns and another one began just now.
        """
        await self._lanes._begin(self._lane)

    def release(self) -> None:
        """Make room for the next one. Doing it again does nothing."""
        if not self.released:
            self.released = True
            self._lanes._leave(self.key, self._lane, self._holds)


def host_of(url: str) -> str | None:
    """Give the key of a URL's lane: its host, without the port. None for what has none: a file, or no usable URL."""
    try:
        return web_address(url).raw_host.decode("ascii").rstrip(".")
    except Failed:
        return None


def _still(told: dict[str, float], now: float) -> dict[str, float]:
    return {feed: until for feed, until in told.items() if until > now}

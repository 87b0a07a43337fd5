"""Remembers for a short while what names resolved to, and that they did not (CITIZENSHIP 25)."""

import time
from collections.abc import Callable, Sequence
from datetime import timedelta

from aggregator.fetch.guard import Resolve

_Answer = tuple[str, ...] | OSError | UnicodeError


class Names:
    """A resolver over another one: an answer is good for `kept`, a failure for `failure_kept`.

    What it gives is judged anew for each connection, so a remembered answer opens nothing.
    """

    def __init__(
        self,
        resolve: Resolve,
        *,
        kept: timedelta = timedelta(seconds=60),
        failure_kept: timedelta = timedelta(seconds=30),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resolve = resolve
        self._kept = kept.total_seconds()
        self._failure_kept = failure_kept.total_seconds()
        self._clock = clock
        self._known: dict[tuple[str, int], tuple[float, _Answer]] = {}

    def __len__(self) -> int:
        """Count the names that are remembered."""
        return len(self._known)

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Give the addresses of a host.

        Raises:
            OSError, UnicodeError: as the resolver beneath does.
        """
        until, answer = self._known.get((host, port), (0.0, ()))
        if until <= self._clock():
            answer = await self._ask(host, port)
        if isinstance(answer, tuple):
            return answer
        raise answer.with_traceback(None)

    async def _ask(self, host: str, port: int) -> _Answer:
        answer: _Answer
        try:
            answer = tuple(await self._resolve(host, port))
        except (OSError, UnicodeError) as error:
            answer = error
        kept = self._kept if answer and isinstance(answer, tuple) else self._failure_kept
        self._forget()
        self._known.pop((host, port), None)
        self._known[host, port] = (self._clock() + kept, answer)
        return answer

    def _forget(self) -> None:
        """Drop what is out of date, from the oldest on."""
        now = self._clock()
        while self._known and next(iter(self._known.values()))[0] <= now:
            del self._known[next(iter(self._known))]

"""Sources of one host wait for each other in a line, most of them as mere names; those of other hosts do not wait."""

import asyncio
from collections.abc import Callable

import pytest

from aggregator.records import Outcome, PublishReport
from aggregator.schedule import Daemon, Pulse

BUSY = [f"busy/{number}" for number in range(1000)]
OTHERS = [f"other{number}/0" for number in range(300)]


class Site:
    """Sources that are due until they were asked; those of the busy host do not answer until they may."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.at_work = self.most = 0

    def due(self, limit: int) -> list[str]:
        return [name for name in (*BUSY, *OTHERS) if name not in self.ended][:limit]

    async def refresh(self, name: str) -> Outcome:
        self.begun.append(name)
        self.at_work += 1
        self.most = max(self.most, self.at_work)
        if name in BUSY:
            await self.may_answer.wait()
        self.at_work -= 1
        self.ended.append(name)
        return Outcome(name, "ok")


def pulse(site: Site, on_outcome: Callable[[Outcome], None]) -> Pulse:
    return Pulse(
        due=site.due,
        refresh=site.refresh,
        publish=PublishReport,
        index=lambda: 0,
        tidy=lambda: 0,
        on_outcome=on_outcome,
        on_published=lambda report: None,
        on_problem=pytest.fail,
        count=lambda: None,
        line_of=lambda name: name.partition("/")[0],
    )


def test_a_host_with_very_many_sources_holds_up_no_other_and_each_is_asked_once_in_its_turn() -> None:
    async def live() -> Site:
        site, stop = Site(), asyncio.Event()

        def note(outcome: Outcome) -> None:
            if set(OTHERS) <= set(site.ended):
                site.may_answer.set()
            if len(site.ended) == len(BUSY) + len(OTHERS):
                stop.set()

        async with asyncio.timeout(60):
            await Daemon(pulse(site, note)).run(stop)
        return site

    site = asyncio.run(live())
    assert sorted(site.begun) == sorted((*BUSY, *OTHERS))
    assert [name for name in site.begun if name in BUSY] == BUSY
    assert site.most < 500


def test_those_that_wait_when_the_daemon_is_stopped_are_not_begun() -> None:
    async def live() -> Site:
        site, stop = Site(), asyncio.Event()

        def note(outcome: Outcome) -> None:
            stop.set()
            asyncio.get_running_loop().call_later(0.3, site.may_answer.set)

        async with asyncio.timeout(60):
            await Daemon(pulse(site, note)).run(stop)
        return site

    site = asyncio.run(live())
    assert 0 < len([name for name in site.begun if name in BUSY]) <= 100

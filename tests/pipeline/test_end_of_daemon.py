"""A daemon that is stopped ends what it has begun: a publish under way is waited for, and the last one comes then."""

import asyncio
import threading

import pytest

from aggregator.records import Outcome, PublishReport
from aggregator.schedule import Daemon, Pulse


class Printer:
    """Publishes slowly, and notes how many publishes are under way at once."""

    def __init__(self) -> None:
        self.begun, self.may_end = threading.Event(), threading.Event()
        self.at_work = self.most = self.ended = 0

    def publish(self) -> PublishReport:
        self.at_work += 1
        self.most = max(self.most, self.at_work)
        self.begun.set()
        assert self.may_end.wait(60)
        self.at_work -= 1
        self.ended += 1
        return PublishReport()


async def asked(name: str) -> Outcome:
    return Outcome(name, "ok")


def test_a_publish_under_way_when_the_daemon_is_stopped_is_not_left_to_itself() -> None:
    printer = Printer()
    pulse = Pulse(
        due=lambda limit: [],
        refresh=asked,
        publish=printer.publish,
        index=lambda: 0,
        tidy=lambda: 0,
        on_outcome=lambda outcome: None,
        on_published=lambda report: None,
        on_problem=pytest.fail,
        count=lambda: None,
    )

    async def live() -> None:
        stop = asyncio.Event()
        daemon = asyncio.create_task(Daemon(pulse).run(stop))
        assert await asyncio.to_thread(printer.begun.wait, 60)
        stop.set()
        await asyncio.wait([daemon], timeout=1)
        assert not daemon.done()
        printer.may_end.set()
        async with asyncio.timeout(60):
            await daemon

    asyncio.run(live())
    assert printer.most == 1
    assert (printer.at_work, printer.ended) == (0, 2)

"""Several server processes: what comes of one that cannot begin, and the link by which they are told."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from aggregator.errors import AggregatorError, WorkerError
from aggregator.serve import Crew, ServeOptions
from aggregator.serve.link import Link, link_over


@pytest.mark.parametrize("program", ["raise SystemExit(3)", "import os; os.kill(os.getpid(), 9)"])
def test_a_process_that_cannot_begin_is_an_error_and_not_tried_for_ever(tmp_path: Path, program: str) -> None:
    async def begin() -> None:
        crew = Crew(("-c", program), 2, ServeOptions(tmp_path), None, print)
        await crew.serve("127.0.0.1", 0, ready=lambda: None, stop=asyncio.Event())

    with pytest.raises(WorkerError, match="a server process could not begin: the other process is gone"):
        asyncio.run(asyncio.wait_for(begin(), 60))


def test_an_address_that_is_taken_starts_no_process(tmp_path: Path) -> None:
    began = tmp_path / "began"
    with socket.create_server(("127.0.0.1", 0)) as other:
        crew = Crew(("-c", f"open({str(began)!r}, 'w')"), 1, ServeOptions(tmp_path), None, print)
        serving = crew.serve("127.0.0.1", other.getsockname()[1], ready=lambda: None, stop=asyncio.Event())
        with pytest.raises(OSError, match="cannot listen on"):
            asyncio.run(serving)
    assert not began.exists()


async def linked(work: Callable[[Link, Link], Awaitable[None]]) -> None:
    ends = [await link_over(end) for end in socket.socketpair()]

    async def doubled(number: int) -> int:
        await asyncio.sleep(0)
        return 2 * number

    async def refused() -> None:
        raise AggregatorError("not today")

    async def for_ever() -> None:
        await asyncio.Event().wait()

    offers = {"doubled": doubled, "refused": refused, "for ever": for_ever}
    attending = [asyncio.create_task(end.attend(offers)) for end in ends]
    await work(*ends)
    for task in attending:
        task.cancel()
    await asyncio.gather(*attending, return_exceptions=True)


def test_both_ends_call_each_other_at_the_same_time() -> None:
    async def work(one: Link, other: Link) -> None:
        calls = [end.call("doubled", number) for number in range(50) for end in (one, other)]
        assert await asyncio.gather(*calls) == [2 * number for number in range(50) for _ in range(2)]

    asyncio.run(linked(work))


def test_what_is_raised_at_the_other_end_is_raised_here_with_its_words() -> None:
    async def work(one: Link, _: Link) -> None:
        with pytest.raises(WorkerError, match="not today"):
            await one.call("refused")

    asyncio.run(linked(work))


def test_calls_to_an_end_that_goes_away_do_not_wait_for_ever() -> None:
    async def work(one: Link, other: Link) -> None:
        waiting = asyncio.create_task(one.call("for ever"))
        assert await other.call("doubled", 1) == 2  # the other call is under way by now
        other._writer.close()
        with pytest.raises(WorkerError, match="the other process is gone"):
            await asyncio.wait_for(waiting, 60)
        with pytest.raises(WorkerError, match="the other process is gone"):
            await one.call("doubled", 1)

    asyncio.run(linked(work))

"""Several server processes: what comes of one that cannot begin, and the link by which they are told."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from free_port import free_port

from aggregator.errors import AggregatorError, WorkerError
from aggregator.serve import Crew, ServeOptions
from aggregator.serve.link import Link, link_over

HAND = """
import asyncio, sys
from pathlib import Path
from aggregator.errors import AggregatorError
from aggregator.serve import lend_a_hand

def whole(options, said, opened):
    once = Path(sys.argv[1])
    if said == "refuse once" and not once.exists():
        once.touch()
        raise AggregatorError("not today")
    return options

asyncio.run(lend_a_hand(*map(int, sys.argv[2:]), whole))
"""


def site(folder: Path, home: str) -> ServeOptions:
    folder.mkdir()
    (folder / "index.html").write_text(home)
    return ServeOptions(folder)


def test_a_process_that_cannot_take_up_other_options_is_replaced_by_one_that_has_them(tmp_path: Path) -> None:
    before, after = site(tmp_path / "a", "before"), site(tmp_path / "b", "after")

    async def change() -> tuple[list[str], list[str]]:
        told: list[str] = []
        stop, ready = asyncio.Event(), asyncio.Event()
        port = free_port()
        crew = Crew(("-c", HAND, str(tmp_path / "refused")), 1, before, None, told.append)
        serving = asyncio.create_task(crew.serve("127.0.0.1", port, ready=ready.set, stop=stop))
        await asyncio.wait_for(ready.wait(), 60)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as client:
            close = {"Connection": "close"}
            pages = [(await client.get("/index.html", headers=close)).text]
            await crew.adopt(after, "refuse once")
            pages.append((await client.get("/index.html", headers=close)).text)
        stop.set()
        await asyncio.wait_for(serving, 60)
        return pages, told

    pages, told = asyncio.run(change())
    assert pages == ["before", "after"]
    assert (tmp_path / "refused").exists()
    assert [text.partition(" was ")[2] for text in told] == ["ended by SIGKILL; another one takes its place"]


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

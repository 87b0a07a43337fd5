"""Jobs run in processes that are killed when they run wild, and the pool goes on as if nothing had been."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import parse_jobs
import psutil
import pytest

from aggregator import parse
from aggregator.errors import WorkerError
from aggregator.parse import WorkerPool
from aggregator.records import ParsedFeed
from aggregator.serve.server import fast_loop

Loop = Callable[[], asyncio.AbstractEventLoop]
SOON = timedelta(seconds=0.3)
LATE = timedelta(seconds=20)


@asynccontextmanager
async def a_pool(size: int = 1, **options: float) -> AsyncIterator[WorkerPool]:
    pool = WorkerPool(size, **options)  # type: ignore[arg-type]  # whole numbers are given for bytes
    try:
        yield pool
    finally:
        await pool.aclose()


def in_a_pool(
    scene: Callable[[WorkerPool], Awaitable[None]], size: int = 1, loop: Loop | None = None, **options: float
) -> None:
    """Play a scene with a pool, and see that no process is left of it."""

    async def play() -> None:
        async with a_pool(size, **options) as pool:
            await scene(pool)

    before = {child.pid for child in psutil.Process().children()}
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(play())
    assert {child.pid for child in psutil.Process().children()} <= before


def vanished(pid: int) -> None:
    """Wait until there is no such process. It is for the loop to see it off: uvloop does not bear that others do."""
    end = time.monotonic() + 20
    while psutil.pid_exists(pid):
        assert time.monotonic() < end
        time.sleep(0.02)


async def appears(path: Path) -> str:
    """Wait until a job has written its note, and give it."""
    async with asyncio.timeout(60):
        while not (note := _note(path)):  # noqa: ASYNC110  # another process writes it, there is no event
            await asyncio.sleep(0.005)
    return note


def _note(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def test_a_job_gives_its_value_and_what_it_prints_disturbs_nobody() -> None:
    async def scene(pool: WorkerPool) -> None:
        value, process = await pool.run(parse_jobs.echo, {"a": b"\0" * 300_000}, deadline=LATE)
        assert value == {"a": b"\0" * 300_000}
        assert process != os.getpid()
        again = await pool.run(parse_jobs.echo, value=1, deadline=LATE)
        assert again == (1, process)

    in_a_pool(scene)


def test_a_document_is_read_in_a_worker() -> None:
    async def scene(pool: WorkerPool) -> None:
        body = b"<rss version='2.0'><channel><item><guid>1</guid></item></channel></rss>"
        feed = await pool.run(parse.read, body, url="http://example.org/", deadline=LATE)
        assert isinstance(feed, ParsedFeed)
        assert feed.entries[0].guid == "1"

    in_a_pool(scene)


def test_a_document_of_quadratic_cost_is_killed_in_time_and_the_next_job_works() -> None:
    async def scene(pool: WorkerPool) -> None:
        tags = b"".join(b"<category>%d</category>" % number for number in range(40_000))
        body = b"<rss version='2.0'><channel><item>" + tags + b"</item></channel></rss>"
        await pool.run(parse_jobs.echo, 0, deadline=LATE)
        start = time.monotonic()
        with pytest.raises(WorkerError, match=r"^read: killed after 0\.3 s, it was too slow$"):
            await pool.run(parse.read, body, url="", deadline=SOON)
        assert time.monotonic() - start < 10
        assert (await pool.run(parse_jobs.echo, 1, deadline=LATE))[0] == 1

    in_a_pool(scene)


@pytest.mark.parametrize(
    ("job", "arguments", "sentence"),
    [
        (parse_jobs.nap, (60,), "nap: killed after 0.3 s, it was too slow"),
        (parse_jobs.hog, (2 << 30,), "hog: needs more than 512 MiB of memory"),
        (parse_jobs.fail, (), "fail raised ValueError: no good"),
        (parse_jobs.end, (3,), "end: the worker process ended with status 3"),
        (parse_jobs.unsendable, (), "unsendable raised "),
    ],
)
def test_a_job_that_fails_says_so_in_a_sentence_and_the_next_one_works(
    job: Callable[..., object], arguments: tuple[object, ...], sentence: str
) -> None:
    async def scene(pool: WorkerPool) -> None:
        with pytest.raises(WorkerError) as failure:
            await pool.run(job, *arguments, deadline=SOON)
        assert str(failure.value).startswith(sentence)
        assert (await pool.run(parse_jobs.echo, 1, deadline=LATE))[0] == 1

    in_a_pool(scene, memory_bytes=512 << 20)


def test_a_function_without_a_name_cannot_travel() -> None:
    async def scene(pool: WorkerPool) -> None:
        with pytest.raises(WorkerError, match="cannot be sent to a worker"):
            await pool.run(lambda: 1, deadline=LATE)

    in_a_pool(scene)


def test_twenty_jobs_share_two_workers() -> None:
    async def scene(pool: WorkerPool) -> None:
        jobs = (pool.run(parse_jobs.echo, number, deadline=LATE) for number in range(20))
        answers = await asyncio.gather(*jobs)
        assert [value for value, _ in answers] == list(range(20))
        assert len({process for _, process in answers}) <= 2

    in_a_pool(scene, size=2)


def test_jobs_run_in_the_order_they_came_and_the_deadline_counts_from_their_start(tmp_path: Path) -> None:
    order = tmp_path / "order"

    async def scene(pool: WorkerPool) -> None:
        await pool.run(parse_jobs.echo, 0, deadline=LATE)
        slow = pool.run(parse_jobs.nap, 2.2, deadline=LATE)
        short = timedelta(seconds=2)
        rest = (pool.run(parse_jobs.write_order, str(order), number, deadline=short) for number in range(5))
        await asyncio.gather(slow, *rest)

    in_a_pool(scene)
    assert order.read_text().split() == ["0", "1", "2", "3", "4"]


def test_a_cancelled_job_is_killed_and_its_place_is_free(tmp_path: Path) -> None:
    note = tmp_path / "note"

    async def scene(pool: WorkerPool) -> None:
        task = asyncio.create_task(pool.run(parse_jobs.note_and_nap, str(note), 60, deadline=LATE))
        worker = int(await appears(note))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not psutil.pid_exists(worker)
        assert (await pool.run(parse_jobs.echo, 1, deadline=LATE))[0] == 1

    in_a_pool(scene)


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, fast_loop()])
def test_a_worker_that_died_while_idle_is_replaced_without_a_word(loop: Loop) -> None:
    async def scene(pool: WorkerPool) -> None:
        _, first = await pool.run(parse_jobs.echo, 0, deadline=LATE)
        os.kill(first, signal.SIGKILL)
        value, second = await pool.run(parse_jobs.echo, 1, deadline=LATE)
        assert value == 1
        assert first != second

    in_a_pool(scene, loop=loop)


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, fast_loop()])
def test_an_idle_worker_gives_its_memory_back(loop: Loop) -> None:
    async def scene(pool: WorkerPool) -> None:
        _, worker = await pool.run(parse_jobs.echo, 0, deadline=LATE)
        await asyncio.to_thread(vanished, worker)
        await asyncio.sleep(0.05)  # until the loop has seen that the pipe is closed
        assert (await pool.run(parse_jobs.echo, 1, deadline=LATE))[0] == 1

    in_a_pool(scene, loop=loop, idle_seconds=0.05)


def test_closing_ends_what_runs_and_what_waits(tmp_path: Path) -> None:
    note = tmp_path / "note"

    async def scene(pool: WorkerPool) -> None:
        running = asyncio.create_task(pool.run(parse_jobs.note_and_nap, str(note), 60, deadline=LATE))
        waiting = asyncio.create_task(pool.run(parse_jobs.echo, 1, deadline=LATE))
        await appears(note)
        await pool.aclose()
        assert str(await asyncio.gather(running, return_exceptions=True)) == (
            "[WorkerError('note_and_nap: the worker pool was closed')]"
        )
        with pytest.raises(WorkerError, match="the worker pool is closed"):
            await waiting

    in_a_pool(scene)


def test_a_pool_that_was_never_used_started_nothing() -> None:
    async def scene(pool: WorkerPool) -> None:
        assert psutil.Process().children() == before

    before = psutil.Process().children()
    in_a_pool(scene)

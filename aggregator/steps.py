"""Steps in the store, taken beside the event loop; small ones that wait at the same time share one transaction.

A poll that brings nothing costs little more than its steps in the store, and each by itself costs a change of threads
and a commit. What shares a transaction is kept or undone together, and nobody hears of a step before it is kept.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from threading import Lock
from typing import Any, TypeVar

T = TypeVar("T")
Step = Callable[[], Any]
Done = tuple[Any, BaseException | None]  # what a step gave, or why it could not be taken

_AT_ONCE = 32  # steps in one transaction: others wait for it


class Steps:
    """Takes steps in threads of its own, apart from those that look up names. One that began is finished even when
    nobody waits for it any more. `writing` makes a transaction; without `sharing`, each step has its own."""

    def __init__(self, writing: Callable[[], AbstractContextManager[None]], *, sharing: bool = True) -> None:
        self._writing = writing
        self._at_once = _AT_ONCE if sharing else 1
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="store")
        self._under_way: set[asyncio.Future[Any]] = set()
        self._waiting: list[tuple[Step, asyncio.Future[Any]]] = []
        self._at_work = False
        self._lock = Lock()

    async def settle(self) -> None:
        """Wait for the steps that began, and take no more."""
        while self._under_way:
            await asyncio.wait(self._under_way)
        self._threads.shutdown()

    async def alone(self, function: Callable[..., T], *arguments: object) -> T:
        """Take a step by itself, and give what comes of it."""
        return await asyncio.shield(self._begun(partial(function, *arguments)))

    async def together(self, function: Callable[..., T], *arguments: object) -> T:
        """Take a small step in one transaction with others that wait; where one of them fails, each by itself."""
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        with self._lock:
            self._waiting.append((partial(function, *arguments), done))
            begins, self._at_work = not self._at_work, True
        if begins:
            self._begun(partial(self._work_off, asyncio.get_running_loop()))
        return await asyncio.shield(done)

    def _begun(self, step: Callable[[], T]) -> asyncio.Future[T]:
        begun = asyncio.get_running_loop().run_in_executor(self._threads, step)
        self._under_way.add(begun)
        begun.add_done_callback(self._under_way.discard)
        return begun

    def _work_off(self, loop: asyncio.AbstractEventLoop) -> None:
        while batch := self._next():
            done = self._taken([step for step, _ in batch])
            loop.call_soon_threadsafe(_hand_out, [future for _, future in batch], done)

    def _next(self) -> list[tuple[Step, asyncio.Future[Any]]]:
        with self._lock:
            batch, self._waiting = self._waiting[: self._at_once], self._waiting[self._at_once :]
            self._at_work = bool(batch)
            return batch

    def _taken(self, steps: list[Step]) -> list[Done]:
        if len(steps) == 1:
            return [_tried(steps[0])]
        try:
            with self._writing():
                return [(step(), None) for step in steps]
        except Exception:
            return [_tried(step) for step in steps]


def _tried(step: Step) -> Done:
    try:
        return step(), None
    except BaseException as error:
        return None, error


def _hand_out(futures: list[asyncio.Future[Any]], done: list[Done]) -> None:
    for future, (value, error) in zip(futures, done, strict=True):
        if future.cancelled():
            continue
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)

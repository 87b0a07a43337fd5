"""Steps in the store: those that wait together are kept together, and one that fails takes no other with it."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest

from aggregator.steps import Steps
from aggregator.store import Store


class Counted:
    """A store of which it is known how many transactions were made around steps."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.shared = 0

    @contextmanager
    def writing(self) -> Iterator[None]:
        self.shared += 1
        with self.store.writing():
            yield

    def keep(self, key: str) -> str:
        return self.store.keep(key, f"value of {key}")

    def keep_and_break(self, key: str) -> str:
        self.store.keep(key, "of a step that fails")
        raise LookupError(key)


@pytest.fixture
def counted(tmp_path: Path) -> Iterator[Counted]:
    with Store(tmp_path / "a.db") as store:
        yield Counted(store)


def test_steps_that_wait_while_another_is_taken_share_a_transaction(counted: Counted) -> None:
    async def scene() -> list[str]:
        steps, go = Steps(counted.writing), Event()
        first = asyncio.create_task(steps.together(go.wait))
        while not first.done() and not go.is_set():
            waiting = [asyncio.create_task(steps.together(counted.keep, f"k{number}")) for number in range(20)]
            await asyncio.sleep(0)
            go.set()
        found = await asyncio.gather(*waiting)
        await steps.settle()
        return found

    assert asyncio.run(scene()) == [f"value of k{number}" for number in range(20)]
    assert counted.shared == 1


def test_without_sharing_each_step_is_kept_by_itself(counted: Counted) -> None:
    async def scene() -> list[str]:
        steps = Steps(counted.writing, sharing=False)
        found = await asyncio.gather(*(steps.together(counted.keep, f"k{number}") for number in range(20)))
        await steps.settle()
        return found

    assert asyncio.run(scene()) == [f"value of k{number}" for number in range(20)]
    assert counted.shared == 0


def test_of_steps_that_share_a_transaction_one_that_fails_is_undone_alone(counted: Counted) -> None:
    async def scene() -> list[str | BaseException]:
        steps = Steps(counted.writing)
        works = [steps.together(counted.keep, "a"), steps.together(counted.keep_and_break, "b")]
        found = await asyncio.gather(*works, steps.together(counted.keep, "c"), return_exceptions=True)
        await steps.settle()
        return found

    a, b, c = asyncio.run(scene())
    assert (a, c) == ("value of a", "value of c")
    assert isinstance(b, LookupError)
    assert [counted.store.keep(key, "new") for key in "ac"] == [a, c]
    assert counted.store.keep("b", "of a step that fails") == "of a step that fails"


def test_a_step_is_taken_although_nobody_waits_for_it_any_more(counted: Counted) -> None:
    async def scene() -> None:
        steps, go = Steps(counted.writing), Event()
        first = asyncio.create_task(steps.alone(go.wait))
        ways = ((steps.together, "a"), (steps.alone, "b"))
        given_up = [asyncio.create_task(take(counted.keep, key)) for take, key in ways]
        await asyncio.sleep(0)
        for task in given_up:
            task.cancel()
        await asyncio.gather(*given_up, return_exceptions=True)
        go.set()
        await first
        await steps.settle()

    asyncio.run(scene())
    assert [counted.store.keep(key, "new") for key in "ab"] == ["value of a", "value of b"]

"""A search keeps nobody else waiting: bounded threads, a bounded queue, and no work for who went away."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from aggregator.serve import ServeOptions, create_app
from aggregator.serve.app import Site
from aggregator.serve.rate import Rate
from aggregator.serve.searches import AT_ONCE, WAITING

pytestmark = pytest.mark.anyio

Receive = Callable[[], Awaitable[dict[str, Any]]]


class Desk:
    """A search that takes as long as it is let, and knows who is at it."""

    def __init__(self) -> None:
        self.may_end = threading.Event()
        self.begun = threading.Semaphore(0)
        self.given_up = threading.Event()
        self.at_work = self.most_at_work = self.searches = 0
        self._lock = threading.Lock()

    def __call__(self, query_string: str, is_given_up: Callable[[], bool]) -> bytes:
        self._enter(1)
        while not self.may_end.wait(0.005):
            if is_given_up():
                self.given_up.set()
                break
        self._enter(-1)
        return b"<p>found"

    def _enter(self, by: int) -> None:
        with self._lock:
            self.at_work += by
            self.searches += by > 0
            self.most_at_work = max(self.most_at_work, self.at_work)
        if by > 0:
            self.begun.release()

    async def has_begun(self, count: int = 1) -> None:
        for _ in range(count):
            assert await asyncio.to_thread(self.begun.acquire, timeout=10)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
async def site(tmp_path: Path, desk: Desk) -> AsyncIterator[Site]:
    (tmp_path / "index.html").write_text("<p>home")
    site = create_app(ServeOptions(tmp_path, search=desk))
    yield site
    desk.may_end.set()
    site.close()


async def stays() -> dict[str, Any]:
    """What a server hears of a reader who waits."""
    await asyncio.Event().wait()
    return {}


async def get(site: Site, path: str, receive: Receive = stays) -> tuple[int, dict[bytes, bytes], bytes]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"q=x", "headers": [], "client": ("::1", 1)}
    await site(scope, receive, send)
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


async def test_others_are_answered_while_searches_take_their_time(site: Site, desk: Desk) -> None:
    searches = [asyncio.create_task(get(site, "/search")) for _ in range(5)]
    await desk.has_begun(AT_ONCE)
    for _ in range(3):
        assert (await asyncio.wait_for(get(site, "/index.html"), 60))[0] == 200
    desk.may_end.set()
    assert [answer[0] for answer in await asyncio.gather(*searches)] == [200] * 5
    assert desk.most_at_work == AT_ONCE


async def test_a_reader_who_goes_away_ends_the_search(site: Site, desk: Desk) -> None:
    gone = asyncio.Event()

    async def leaves() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    search = asyncio.create_task(get(site, "/search", leaves))
    await desk.has_begun()
    gone.set()
    await asyncio.wait_for(search, 60)
    assert await asyncio.to_thread(desk.given_up.wait, 5)
    again = asyncio.create_task(get(site, "/search"))
    await desk.has_begun()
    desk.may_end.set()
    assert (await again)[2] == b"<p>found"


async def test_one_who_comes_when_too_many_wait_is_asked_to_come_again(site: Site, desk: Desk) -> None:
    searches = [asyncio.create_task(get(site, "/search")) for _ in range(AT_ONCE + WAITING)]
    await desk.has_begun(AT_ONCE)
    status, headers, body = await get(site, "/search")
    assert (status, headers[b"retry-after"], headers[b"cache-control"]) == (503, b"5", b"no-store")
    assert "请稍后" in body.decode()
    desk.may_end.set()
    assert {answer[0] for answer in await asyncio.gather(*searches)} == {200}
    assert (await get(site, "/search"))[0] == 200


async def test_nothing_is_searched_for_a_client_that_asks_too_often(tmp_path: Path, desk: Desk) -> None:
    desk.may_end.set()
    site = create_app(ServeOptions(tmp_path, search=desk, rate=Rate(1, 60)))
    statuses = [(await get(site, "/search"))[0] for _ in range(3)]
    site.close()
    assert statuses == [200, 429, 429]
    assert desk.searches == 1


async def test_a_search_that_breaks_is_said_to_be_broken_without_its_cause(tmp_path: Path) -> None:
    def broken(_: str, __: Callable[[], bool]) -> bytes:
        raise ValueError("secret")

    site = create_app(ServeOptions(tmp_path, search=broken))
    status, _, body = await get(site, "/search")
    site.close()
    assert status == 500
    assert b"secret" not in body

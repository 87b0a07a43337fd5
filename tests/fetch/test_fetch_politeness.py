"""Host lanes: few requests at a time to a host, some time apart, and no host waits for another one."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from itertools import pairwise

import pytest
from fetch_raw_server import AGENT, RawServer, answer, raw_server
from fetch_simulated_time import seconds, simulated
from hypothesis import given
from hypothesis import strategies as st

from aggregator.fetch.client import Client, ClientOptions
from aggregator.fetch.names import Names
from aggregator.fetch.politeness import Lanes, host_of
from aggregator.records import Failure, Fetched, FetchFailed

LOOPBACK = ("127.0.0.0/8",)


def lanes_of(per_host: int = 1, spacing: float = 1) -> Lanes:
    return Lanes(per_host=per_host, spacing=timedelta(seconds=spacing), clock=seconds)


async def request(lanes: Lanes, key: str, takes: float, starts: list[float]) -> None:
    async with lanes.turn(key) as turn:
        await turn.begin()
        starts.append(seconds())
        await asyncio.sleep(takes)


# --- lanes, in simulated time ------------------------------------------------------------------------


def test_rule_24_starts_on_a_host_are_a_spacing_apart_and_in_the_order_of_asking() -> None:
    async def main() -> None:
        lanes, order = lanes_of(spacing=2), []

        async def one(number: int) -> None:
            async with lanes.turn("a"):
                order.append((number, seconds()))

        await asyncio.gather(*(one(number) for number in range(50)))
        assert order == [(number, 2.0 * number) for number in range(50)]

    simulated(main())


@pytest.mark.parametrize(("per_host", "last"), [(1, 40), (2, 20), (3, 11)])
def test_rule_24_no_more_requests_than_allowed_run_on_a_host(per_host: int, last: float) -> None:
    async def main() -> None:
        lanes, starts = lanes_of(per_host), []  # type: ignore[var-annotated]
        await asyncio.gather(*(request(lanes, "a", 10, starts) for _ in range(5)))
        assert max(sum(start <= moment < start + 10 for start in starts) for moment in starts) == per_host
        assert max(starts) == last

    simulated(main())


@given(
    st.integers(1, 3),
    st.lists(st.tuples(st.floats(0, 20), st.floats(0, 5), st.floats(0, 3), st.floats(0, 9) | st.none()), max_size=25),
)
def test_rule_24_holds_whatever_comes_is_late_or_gives_up(
    per_host: int, plan: list[tuple[float, float, float, float | None]]
) -> None:
    async def main() -> None:
        lanes, spans = lanes_of(per_host), []

        async def one(arrives: float, takes: float, dawdles: float) -> None:
            await asyncio.sleep(arrives)
            async with lanes.turn("a") as turn:
                await asyncio.sleep(dawdles)
                await turn.begin()
                start = seconds()
                try:
                    await asyncio.sleep(takes)
                finally:
                    spans.append((start, seconds()))

        tasks = [asyncio.create_task(one(*item[:3])) for item in plan]
        for task, (arrives, _, _, patience) in zip(tasks, plan, strict=True):
            if patience is not None:
                asyncio.get_running_loop().call_later(arrives + patience, task.cancel)
        await asyncio.gather(*tasks, return_exceptions=True)
        starts = sorted(start for start, _ in spans)
        assert all(later - earlier >= 0.999 for earlier, later in pairwise(starts))
        assert all(sum(start <= moment < end for start, end in spans) <= per_host for moment in starts)
        await asyncio.sleep(5)
        async with lanes.turn("b"):
            assert len(lanes) == 1

    simulated(main())


def test_two_thousand_sources_on_one_host_do_not_delay_the_others() -> None:
    async def main() -> None:
        lanes, slots, done = lanes_of(), asyncio.Semaphore(4), {}

        async def one(host: str) -> None:
            async with lanes.turn(host), slots:
                await asyncio.sleep(0.2)
                done[host] = seconds()

        crowd = [asyncio.create_task(one("crowded")) for _ in range(2000)]
        await asyncio.gather(*(one(f"host{number}") for number in range(200)))
        assert max(seconds_ for host, seconds_ in done.items() if host != "crowded") < 0.2 * 220 / 4
        await asyncio.gather(*crowd)
        assert 1999 <= seconds() < 2010

    simulated(main())


def test_giving_up_while_waiting_costs_the_others_nothing() -> None:
    async def main() -> None:
        lanes, starts = lanes_of(), []  # type: ignore[var-annotated]
        tasks = [asyncio.create_task(request(lanes, "a", 3, starts)) for _ in range(6)]
        await asyncio.sleep(1)
        for place in (1, 3, 4):  # the one at the door and two behind it
            tasks[place].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert starts == [0, 3, 6]
        last = [asyncio.create_task(request(lanes, "a", 0, starts)) for _ in range(2)]
        await asyncio.sleep(0.5)
        last[1].cancel()  # it sleeps out the spacing
        with suppress(asyncio.CancelledError):
            await last[1]
        await request(lanes, "a", 0, starts)
        assert starts == [0, 3, 6, 9, 10]

    simulated(main())


def test_a_turn_is_released_once_however_often_it_is_done() -> None:
    async def main() -> None:
        lanes = lanes_of(spacing=0)
        first = await lanes.enter("a")
        first.release()
        first.release()
        second = await lanes.enter("a")
        first.release()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(lanes.enter("a"), 5)
        second.release()
        assert len(lanes) == 0

    simulated(main())


def test_the_spacing_counts_from_the_request_itself_not_from_the_turn() -> None:
    async def main() -> None:
        lanes = lanes_of()
        async with lanes.turn("a") as turn:
            await asyncio.sleep(7)  # for a free slot, say
            await turn.begin()
        async with lanes.turn("a"):
            assert seconds() == 8

    simulated(main())


def test_ten_thousand_hosts_leave_no_lanes_behind() -> None:
    async def main() -> None:
        lanes, most = lanes_of(), 0
        for number in range(10_000):
            async with lanes.turn(f"host{number}"):
                await asyncio.sleep(0.01)
            most = max(most, len(lanes))
        assert most <= 102
        await asyncio.sleep(1)
        async with lanes.turn("last"):
            assert len(lanes) == 1

    simulated(main())


# --- a host that wants to be left alone ----------------------------------------------------------------


def test_rule_16_those_who_wait_for_a_paused_host_are_sent_away_at_once() -> None:
    async def main() -> None:
        lanes, quiet = lanes_of(), []

        async def one() -> None:
            async with lanes.turn("a") as turn:
                quiet.append(turn.quiet)
                await asyncio.sleep(0.5)

        tasks = [asyncio.create_task(one()) for _ in range(500)]
        await asyncio.sleep(0.25)
        lanes.pause("a", timedelta(days=2))
        await tasks[2]
        assert quiet[0] == timedelta(0)
        assert seconds() <= 1.5
        await asyncio.gather(*tasks)
        assert seconds() <= 2
        assert min(quiet[1:]) > timedelta(days=1.9)
        async with lanes.turn("b") as turn:
            assert not turn.quiet
        await asyncio.sleep(2 * 86_400)
        async with lanes.turn("a") as turn:
            assert not turn.quiet

    simulated(main())


def test_rule_16_a_shorter_pause_does_not_end_a_longer_one() -> None:
    async def main() -> None:
        lanes = lanes_of()
        lanes.pause("a", timedelta(hours=2))
        lanes.pause("a", timedelta(hours=1))
        assert lanes.paused_for("a") == timedelta(hours=2)
        await asyncio.sleep(7200)
        assert lanes.paused_for("a") == timedelta(0)

    simulated(main())


def test_rule_16_a_host_is_paused_once_two_of_its_feeds_are_refused() -> None:
    async def main() -> None:
        lanes = lanes_of()
        assert not lanes.refused("a", "one", timedelta(hours=2))
        assert not lanes.refused("a", "one", timedelta(hours=1))
        assert not lanes.refused("b", "two", timedelta(hours=1))
        assert not lanes.paused_for("a")
        assert lanes.refused("a", "two", timedelta(minutes=1))
        assert lanes.paused_for("a") == timedelta(hours=2)
        assert not lanes.paused_for("b")
        await asyncio.sleep(7201)
        assert not lanes.refused("a", "three", timedelta(hours=1))  # the others' time is over

    simulated(main())


# --- names ----------------------------------------------------------------------------------------------


def test_rule_25_names_are_remembered_for_a_minute_and_failures_for_half_of_one() -> None:
    async def main() -> None:
        asked: list[str] = []

        async def resolve(host: str, port: int) -> Sequence[str]:
            asked.append(host)
            if host == "gone":
                raise socket.gaierror(-2, "Name or service not known")
            return () if host == "empty" else ("192.0.2.1",)

        names = Names(resolve, clock=seconds)

        async def asks(host: str) -> int:
            before = len(asked)
            with suppress(socket.gaierror):
                await names(host, 80)
            return len(asked) - before

        assert [await asks(host) for host in ("here", "gone", "empty") * 2] == [1, 1, 1, 0, 0, 0]
        with pytest.raises(socket.gaierror):
            await names("gone", 80)
        await asyncio.sleep(31)
        assert [await asks(host) for host in ("here", "gone", "empty")] == [0, 1, 1]
        await asyncio.sleep(30)
        assert await asks("here") == 1
        for number in range(10_000):
            await asks(f"host{number}")
            await asyncio.sleep(0.1)
        assert len(names) <= 601

    simulated(main())


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Feeds.Example.:8443/x", "feeds.example"),
        ("http://user:pw@bücher.example/", "xn--bcher-kva.example"),
        ("http://[::1]:80/", "::1"),
        ("file:///feed.xml", None),
        ("nonsense", None),
    ],
)
def test_the_lane_of_a_url_is_that_of_its_host(url: str, host: str | None) -> None:
    assert host_of(url) == host


# --- the client -------------------------------------------------------------------------------------------


class Busy:
    """A script that notes when requests begin and how many are under way."""

    def __init__(self, takes: float = 0.0, location: str = "") -> None:
        self.takes = takes
        self.location = location
        self.starts: list[float] = []
        self.under_way = self.most = 0

    async def __call__(self, writer: asyncio.StreamWriter) -> None:
        self.starts.append(time.monotonic())
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(self.takes)
        self.under_way -= 1
        writer.write(answer(status="302 Found", location=self.location) if self.location else answer(b"x"))


def resolving(**hosts: str) -> Callable[[str, int], Awaitable[Sequence[str]]]:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return (hosts[host],)

    return resolve


@pytest.mark.anyio
async def test_rule_24_the_client_keeps_requests_to_a_host_apart(server: RawServer) -> None:
    busy = Busy(takes=0.01)
    url = server.answers(busy)
    async with Client(ClientOptions(AGENT, LOOPBACK, spacing=timedelta(seconds=0.05))) as client:
        results = await asyncio.gather(*(client.get(url, timeout=timedelta(seconds=0.2)) for _ in range(6)))
    assert all(isinstance(result, Fetched) for result in results)  # waiting in the lane took no time from the timeout
    assert busy.most == 1
    gaps = [later - earlier for earlier, later in pairwise(busy.starts)]
    assert sum(gaps) >= 5 * 0.05 - 0.02


@pytest.mark.anyio
async def test_rule_24_hosts_on_one_address_share_its_connections(server: RawServer) -> None:
    busy = Busy(takes=0.02)
    server.answers(busy)
    async with Client(ClientOptions(AGENT, LOOPBACK), resolving(a="127.0.0.1", b="127.0.0.1")) as client:
        await asyncio.gather(*(client.get(f"http://{host}:{server.port}/feed") for host in "abab"))
    assert (busy.most, len(busy.starts)) == (1, 4)


@pytest.mark.anyio
async def test_rule_25_a_host_that_waits_for_its_turn_holds_no_slot(server: RawServer) -> None:
    slow = server.answers(Busy(takes=0.1))
    async with (
        raw_server("127.0.0.2") as other,
        Client(ClientOptions(AGENT, LOOPBACK, concurrency=2)) as client,
    ):
        other.answers(answer(b"x"))
        crowd = [asyncio.create_task(client.get(slow)) for _ in range(5)]
        await asyncio.sleep(0)
        result = await client.get(f"http://127.0.0.2:{other.port}/feed")
        assert isinstance(result, Fetched)
        assert len(server.requests) <= 2
        await asyncio.gather(*crowd)


@pytest.mark.anyio
async def test_hosts_that_redirect_to_each_other_do_not_wait_for_each_other() -> None:
    async with raw_server("127.0.0.2") as one, raw_server("127.0.0.3") as two:
        first, second = f"http://127.0.0.2:{one.port}", f"http://127.0.0.3:{two.port}"
        for server, other in ((one, second), (two, first)):
            server.answers(Busy(takes=0.02, location=other + "/end"))
            server.answers(answer(b"x"), path="/end")
        async with Client(ClientOptions(AGENT, LOOPBACK, concurrency=1)) as client:
            gets = [client.get(url + "/feed") for url in (first, second) * 3]
            results = await asyncio.wait_for(asyncio.gather(*gets), 60)
        assert [result.url for result in results] == [second + "/end", first + "/end"] * 3


@pytest.mark.anyio
async def test_rule_16_a_paused_host_is_not_asked_not_even_by_a_redirect(server: RawServer, client: Client) -> None:
    async with raw_server("127.0.0.2") as other:
        url = other.answers(answer(status="302 Found", location=server.answers(answer(b"x"))))
        client.lanes.pause("127.0.0.1", timedelta(hours=2))
        gone_there = await client.get(url.replace("127.0.0.1", "127.0.0.2"))
        for result in (await client.get(server.url()), gone_there):
            assert isinstance(result, FetchFailed)
            assert result.kind is Failure.REFUSED
            assert result.detail == "127.0.0.1 wants to be left alone for 2 hours more"
        assert server.connections == 0


@pytest.mark.anyio
async def test_rule_16_a_queue_of_hundreds_goes_home_at_once_when_its_host_is_paused() -> None:
    async with Client(ClientOptions(AGENT, LOOPBACK, spacing=timedelta(seconds=1))) as client:

        async def one() -> timedelta:
            async with client.in_queue("http://a.example/feed") as quiet:
                await asyncio.sleep(0)
                return quiet

        tasks = [asyncio.create_task(one()) for _ in range(300)]
        assert not await tasks[0]
        assert not client.refused("http://a.example/1", "one", timedelta(hours=1))
        assert client.refused("http://A.example./2", "two", timedelta(hours=2))
        quiet = await asyncio.wait_for(asyncio.gather(*tasks[1:]), 60)
        assert min(quiet) > timedelta(hours=1.9)


@pytest.mark.anyio
async def test_rule_25_a_name_that_does_not_resolve_is_not_looked_up_again_at_once() -> None:
    asked: list[str] = []

    async def failing(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        raise socket.gaierror(-2, "Name or service not known")

    async with Client(ClientOptions(AGENT), failing) as client:
        results = [await client.get("http://nowhere.example/feed") for _ in range(3)]
    assert asked == ["nowhere.example"]
    assert all(isinstance(result, FetchFailed) and result.kind is Failure.DNS for result in results)


@pytest.mark.anyio
async def test_giving_up_in_any_stage_leaves_lanes_and_slots_free(server: RawServer) -> None:
    url = server.answers(Busy(takes=0.02))
    async with Client(ClientOptions(AGENT, LOOPBACK, concurrency=1)) as client:
        for ticks in range(0, 60, 3):
            gets = [asyncio.create_task(client.get(url)) for _ in range(3)]
            for _ in range(ticks):
                await asyncio.sleep(0)
            for get in gets:
                get.cancel()
            await asyncio.gather(*gets, return_exceptions=True)
        assert isinstance(await asyncio.wait_for(client.get(url), 60), Fetched)
        assert len(client.lanes) == 0

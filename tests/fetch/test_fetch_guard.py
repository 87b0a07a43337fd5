"""No private address is connected to, however it is spelled and wherever it comes from."""

import socket
from collections.abc import Sequence
from datetime import timedelta

import pytest
from fetch_raw_server import RawServer, answer, raw_server

from aggregator.errors import ConfigError
from aggregator.fetch.client import Client, ClientOptions
from aggregator.fetch.guard import Guard, refused_network
from aggregator.records import Failure, Fetched, FetchFailed

LOOPBACK_SPELLINGS = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0X7F.0x0.0x0.0x1",
    "0177.0.0.1",
    "017700000001",
    "0177.0x0.1",
    "127.0.0.1.",
    "127.00.00.01",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "user:pw@127.0.0.1",
    "example.org@127.0.0.1",
    "0.0.0.0",
    "0",
    "127。0。0。1",
    "１２７.0.0.1",
    "①②⑦.⓪.⓪.①",
    "%31%32%37.0.0.1",
    "127.0.0.1%2f",
    "127.0.0.1%00.example.org",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::127.0.0.1]",
    "[::1]",
    "[0000::1]",
    "[::]",
    "[::1%25lo]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
]
REACHES_LOOPBACK = ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.0x0.1", "localhost", "[::ffff:127.0.0.1]"]
PRIVATE = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "169.254.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:10.0.0.1",
    "::ffff:a9fe:a9fe",
    "::10.0.0.1",
    "64:ff9b::a00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:4136:e378::1",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:a00:1::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%lo",
    "fec0::1",
    "ff02::1",
    "4000::1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "93.184.216.34",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.1",
    "168.63.129.17",
    "169.253.0.1",
    "172.15.255.255",
    "172.32.0.1",
    "192.0.1.1",
    "192.167.0.1",
    "198.17.0.1",
    "198.20.0.1",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2001:4860:4860::8888",
    "2a00:1450:4001::1",
    "2400:3200::1",
    "::ffff:8.8.8.8",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_outside_the_open_internet_are_refused(address: str) -> None:
    assert refused_network(address) is not None


@pytest.mark.parametrize("address", PUBLIC)
def test_addresses_of_the_open_internet_are_not_refused(address: str) -> None:
    assert refused_network(address) is None


@pytest.mark.parametrize("network", ["127.0.0.1/8", "localhost", "10.0.0.0/33", ""])
def test_a_network_that_is_none_is_a_fault_of_the_configuration(network: str) -> None:
    with pytest.raises(ConfigError, match=r"fetch\.allow_networks"):
        Guard(["10.0.0.0/8", network])


async def resolve_to(*addresses: str) -> tuple[str, ...]:
    return addresses


@pytest.mark.anyio
async def test_no_spelling_of_a_private_address_reaches_a_server(server: RawServer) -> None:
    async with Client(ClientOptions("x")) as guarded:
        for host in LOOPBACK_SPELLINGS:
            result = await guarded.get(f"http://{host}:{server.port}/feed")
            assert isinstance(result, FetchFailed), host
            assert result.kind in (Failure.REFUSED, Failure.ADDRESS, Failure.DNS), (host, result)
    assert server.connections == 0


@pytest.mark.anyio
async def test_the_same_spellings_reach_it_where_loopback_is_allowed(server: RawServer, client: Client) -> None:
    server.answers(answer(b"x"))
    for host in REACHES_LOOPBACK:
        result = await client.get(f"http://{host}:{server.port}/feed")
        reached = isinstance(result, Fetched)
        # `localhost` is also ::1 on many machines, which 127.0.0.0/8 does not allow: then all of it is refused
        assert reached or (host == "localhost" and result.kind is Failure.REFUSED), (host, result)  # type: ignore[union-attr]
    assert server.connections >= len(REACHES_LOOPBACK) - 1


@pytest.mark.anyio
async def test_a_refusal_names_host_address_and_remedy() -> None:
    async with Client(ClientOptions("x"), lambda host, port: resolve_to("10.1.2.3")) as guarded:
        result = await guarded.get("http://intranet.example/feed")
    assert isinstance(result, FetchFailed)
    assert result.kind is Failure.REFUSED
    for part in ("intranet.example", "10.1.2.3", 'fetch.allow_networks = ["10.0.0.0/8"]'):
        assert part in result.detail


@pytest.mark.anyio
@pytest.mark.parametrize("addresses", [("127.0.0.2", "127.0.0.1"), ("127.0.0.1", "127.0.0.2"), ("127.0.0.2", "::1")])
async def test_one_private_address_among_several_refuses_the_host(addresses: tuple[str, ...]) -> None:
    async with raw_server("127.0.0.2") as allowed, raw_server("127.0.0.1", allowed.port) as canary:
        options = ClientOptions("x", allow_networks=("127.0.0.2/32",))
        async with Client(options, lambda host, port: resolve_to(*addresses)) as guarded:
            result = await guarded.get(f"http://mixed.example:{allowed.port}/feed")
        assert isinstance(result, FetchFailed)
        assert result.kind is Failure.REFUSED
        assert (allowed.connections, canary.connections) == (0, 0)


@pytest.mark.anyio
async def test_a_name_that_resolves_differently_the_second_time_gains_nothing() -> None:
    asked: list[str] = []

    async def rebinding(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ("127.0.0.2",) if len(asked) == 1 else ("127.0.0.1",)

    async with raw_server("127.0.0.2") as allowed, raw_server("127.0.0.1", allowed.port) as canary:
        allowed.answers(answer(b"x"))
        async with Client(
            ClientOptions("x", allow_networks=("127.0.0.2/32",), names_kept=timedelta(0)), rebinding
        ) as guarded:
            url = f"http://rebinding.example:{allowed.port}/feed"
            assert isinstance(await guarded.get(url), Fetched)
            assert asked == ["rebinding.example"]
            second = await guarded.get(url)
        assert isinstance(second, FetchFailed)
        assert second.kind is Failure.REFUSED
        assert canary.connections == 0
        assert allowed.sent_headers()[b"host"] == f"rebinding.example:{allowed.port}".encode()


@pytest.mark.anyio
async def test_a_redirect_to_a_private_address_is_refused_and_recorded() -> None:
    async with raw_server("127.0.0.2") as allowed, raw_server("127.0.0.1") as canary:
        url = f"http://127.0.0.2:{allowed.port}/feed"
        allowed.answers(answer(status="301 Moved", location=canary.url()))
        async with Client(ClientOptions("x", allow_networks=("127.0.0.2/32",))) as guarded:
            result = await guarded.get(url)
        assert isinstance(result, FetchFailed)
        assert (result.kind, result.url) == (Failure.REFUSED, canary.url())
        assert [hop.url for hop in result.redirects] == [canary.url()]
        assert canary.connections == 0


@pytest.mark.anyio
async def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    async with raw_server("127.0.0.2") as alive:
        alive.answers(answer(b"x"))
        options = ClientOptions("x", allow_networks=("127.0.0.0/8",))
        async with Client(options, lambda host, port: resolve_to("127.0.0.3", "127.0.0.2")) as guarded:
            assert isinstance(await guarded.get(f"http://two.example:{alive.port}/feed"), Fetched)


@pytest.mark.anyio
@pytest.mark.parametrize("error", [socket.gaierror(-2, "Name or service not known"), UnicodeError("label"), OSError()])
async def test_a_name_that_cannot_be_looked_up_is_a_value(error: Exception) -> None:
    async def failing(host: str, port: int) -> tuple[str, ...]:
        raise error

    async with Client(ClientOptions("x"), failing) as guarded:
        result = await guarded.get("http://nowhere.example/feed")
    assert isinstance(result, FetchFailed)
    assert result.kind is Failure.DNS
    assert "nowhere.example" in result.detail


@pytest.mark.anyio
async def test_a_name_without_addresses_is_a_value() -> None:
    async with Client(ClientOptions("x"), lambda host, port: resolve_to()) as guarded:
        result = await guarded.get("http://nowhere.example/feed")
    assert isinstance(result, FetchFailed)
    assert result.kind is Failure.DNS


@pytest.mark.anyio
async def test_unix_sockets_are_refused() -> None:
    with pytest.raises(Exception, match="unix socket"):
        await Guard().connect_unix_socket("/run/docker.sock")

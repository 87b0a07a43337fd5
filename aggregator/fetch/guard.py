"""Keeps the fetcher out of private networks: all addresses of a name are judged before one is connected to.

It stands below httpx, where the connections are made, because nowhere else is the address that was judged the address
that is used: a name may resolve differently a second time (rebinding), a redirect may lead anywhere, and `127.0.0.1`
has more spellings than a check of URLs can know.
"""

# ruff: noqa: ASYNC109 (the signatures are httpcore's)

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

import httpcore

from aggregator.errors import ConfigError
from aggregator.fetch.failures import Failed, in_seconds, quoted, root_reason
from aggregator.fetch.wire import SocketOption, Sockets
from aggregator.records import Failure

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

# An explicit list, since `ipaddress.is_global` is True for multicast, 6to4, NAT64, 192.0.0.192 and 168.63.129.16.
# IANA special-purpose address registries (RFC 6890); the narrower network comes first, for the words of the message.
_REFUSED: tuple[tuple[Network, str], ...] = tuple(
    (ip_network(network), words)
    for network, words in (
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "carrier-grade NAT"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "Azure's platform address"),
        ("169.254.0.0/16", "link-local, cloud metadata"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "protocol assignments"),
        ("192.0.2.0/24", "documentation"),
        ("192.88.99.0/24", "6to4 relays"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("64:ff9b::/96", "NAT64"),
        ("64:ff9b:1::/48", "NAT64"),
        ("::/3", "reserved"),
        ("2001::/32", "Teredo"),
        ("2001::/23", "protocol assignments"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),
        ("3fff::/20", "documentation"),
        ("4000::/2", "reserved"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
        ("8000::/1", "reserved"),
    )
)
_MAX_HEAD_BYTES = 256 * 1024
_REMEMBERED = 10_000  # addresses: each is judged at every poll, against every network


async def resolve_name(host: str, port: int) -> tuple[str, ...]:
    """Ask the system for all addresses of a host, in the order in which they should be tried."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


class Guard(httpcore.AsyncNetworkBackend):
    """Makes httpcore's connections, and only to addresses that may be connected to.

    `allow_networks` (CIDR) are let through although they are private. `resolve` gives the addresses of a name, as text;
    `backend` connects to an address.

    Raises:
        ConfigError: an entry of `allow_networks` is no network.
    """

    def __init__(
        self,
        allow_networks: Iterable[str] = (),
        resolve: Resolve = resolve_name,
        backend: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self._allowed = _networks(allow_networks)
        self._resolve = resolve
        self._backend = backend or Sockets()
        self._chosen: ContextVar[tuple[str, int, Sequence[str]] | None] = ContextVar("chosen", default=None)

    async def addresses(self, host: str, port: int, timeout: float | None = None) -> tuple[str, ...]:
        """Resolve a host. One refused address refuses the host (mixed answers).

        Raises:
            Failed: no address, or a refused one.
        """
        addresses = await self._addresses(host, port, timeout)
        for address in addresses:
            self._judge(host, address)
        return addresses

    def judge_literal(self, host: str) -> None:
        """Judge a host that is written as an address, or that is this machine by name.

        Raises:
            Failed: a refused one.
        """
        try:
            self._judge(host, str(ip_address("127.0.0.1" if host == "localhost" else host.strip("[]"))))
        except ValueError:
            return

    @contextmanager
    def connecting_to(self, host: str, port: int, addresses: Sequence[str]) -> Iterator[None]:
        """Within this, and in this task, connect to these addresses of a host instead of resolving it once more."""
        token = self._chosen.set((host, port, addresses))
        try:
            yield
        finally:
            self._chosen.reset(token)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of a host that answers. Whoever chose them, they are judged here.

        Raises:
            Failed: no address, a refused one, or none that answers.
        """
        chosen = self._chosen.get()
        addresses = chosen[2] if chosen and chosen[:2] == (host, port) else await self.addresses(host, port, timeout)
        for address in addresses:
            self._judge(host, address)
        share = timeout / len(addresses) if timeout else None
        failures: list[Exception] = []
        for address in addresses:
            try:
                stream = await self._backend.connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failures.append(error)
            else:
                return BoundedHead(stream)
        raise _no_connection(host, port, addresses, failures)

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[SocketOption] | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: no source has a reason to be a socket of this machine."""
        raise Failed(Failure.REFUSED, f"'{quoted(path)}' is a unix socket; only http: and https: hosts are fetched")

    async def sleep(self, seconds: float) -> None:
        """Wait (asked for by httpcore between retries)."""
        await self._backend.sleep(seconds)

    async def _addresses(self, host: str, port: int, timeout: float | None) -> tuple[str, ...]:
        try:
            async with asyncio.timeout(timeout):
                addresses = tuple(await self._resolve(host, port))
        except TimeoutError as error:
            waited = f" within {in_seconds(timeout)}" if timeout else ""
            raise Failed(Failure.TIMEOUT, f"the name {host} was not resolved{waited}") from error
        except socket.gaierror as error:
            raise Failed(Failure.DNS, f"the name {host} has no address: {error.strerror}") from error
        except (OSError, UnicodeError) as error:
            raise Failed(Failure.DNS, f"the name {host} cannot be looked up: {quoted(str(error))}") from error
        if not addresses:
            raise Failed(Failure.DNS, f"the name {host} has no address")
        return addresses

    def _judge(self, host: str, address: str) -> None:
        refusal = refused_network(address)
        if refusal is None or _lies_in(_unmapped(address), self._allowed):
            return
        network, words = refusal
        named = f"{host} is" if host == address else f"{host} has the address {address},"
        raise Failed(
            Failure.REFUSED,
            f"{named} in {network} ({words}), which is not fetched from; "
            f'if it is meant, list it: fetch.allow_networks = ["{network}"]',
        )


class BoundedHead(httpcore.AsyncNetworkStream):
    """A connection that breaks off when the head of the answer does not come to its end within 256 KB.

    h11 bounds each message, but not how many interim ones (1xx) come before the answer. The client calls
    `head_is_complete` when it starts to read the body, which has a bound of its own.
    """

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._left: int | None = _MAX_HEAD_BYTES

    def head_is_complete(self) -> None:
        """Lift the bound."""
        self._left = None

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what has come.

        Raises:
            Failed: the head is too long.
        """
        data = await self._stream.read(max_bytes, timeout)
        if self._left is not None:
            self._left -= len(data)
            if self._left < 0:
                raise Failed(Failure.PROTOCOL, "the head of the answer is endless: it has more than 256 KB")
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send."""
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Give this connection with TLS over it, bounded in the same way."""
        return BoundedHead(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """Give what httpcore asks about the connection beneath."""
        return self._stream.get_extra_info(info)


@lru_cache(_REMEMBERED)
def refused_network(address: str) -> tuple[Network, str] | None:
    """Give the refused network that an address lies in, with what it is for; None for one of the open internet."""
    unmapped = _unmapped(address)
    return next(((network, words) for network, words in _REFUSED if unmapped in network), None)


@lru_cache(_REMEMBERED)
def _unmapped(address: str) -> Address:
    """Give an address as what it stands for: `::ffff:127.0.0.1` is 127.0.0.1 (RFC 4291 §2.5.5.2)."""
    parsed = ip_address(address)
    return parsed if isinstance(parsed, IPv4Address) else parsed.ipv4_mapped or parsed


def _lies_in(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)


def _networks(texts: Iterable[str]) -> tuple[Network, ...]:
    networks: list[Network] = []
    problems: list[str] = []
    for text in texts:
        try:
            networks.append(ip_network(text))
        except ValueError as error:
            problems.append(f"fetch.allow_networks: {error}; write it as '127.0.0.0/8'")
    if problems:
        raise ConfigError(problems)
    return tuple(networks)


def _no_connection(host: str, port: int, addresses: Sequence[str], errors: Sequence[Exception]) -> Failed:
    late = all(isinstance(error, httpcore.ConnectTimeout) for error in errors)
    tries = (
        f"{address}: {'no answer in time' if isinstance(error, httpcore.ConnectTimeout) else root_reason(error)}"
        for address, error in zip(addresses, errors, strict=True)
    )
    detail = f"no connection to {host} port {port} ({', '.join(tries)})"
    return Failed(Failure.TIMEOUT if late else Failure.CONNECT, detail)

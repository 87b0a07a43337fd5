"""How often one client may ask: so many answers in so much time, 304s not counted."""

import mmap
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

MOST_CLIENTS = 32_768
_OF_A_KIND = 8  # places that a client may have
_NUMBER_BYTES = 8
ACCOUNT_BYTES = MOST_CLIENTS * 2 * _NUMBER_BYTES

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Rate:
    """So many answers in so many seconds; all of them may come at once."""

    count: int
    seconds: float


class Accounts:
    """When each client has paid off what it had of us, in memory that several processes may share.

    A client is known by a digest. Where its places are all taken, who has paid off first is forgotten. Two processes
    that answer a client within the same microsecond may count it once: that is not worth a lock.
    """

    def __init__(self, file: int = -1) -> None:
        """`file` is that of the processes that share it, `ACCOUNT_BYTES` long; without one it is ours alone."""
        whole = memoryview(mmap.mmap(file, ACCOUNT_BYTES))
        self._clients = whole[: ACCOUNT_BYTES // 2].cast("Q")
        self.until = whole[ACCOUNT_BYTES // 2 :].cast("d")

    def place_of(self, client: str) -> int:
        """Give where in `until` the client's time stands."""
        digest = int.from_bytes(blake2b(client.encode(), digest_size=_NUMBER_BYTES).digest())
        first = digest % (MOST_CLIENTS // _OF_A_KIND) * _OF_A_KIND
        places = range(first, first + _OF_A_KIND)
        for place in places:
            if self._clients[place] == digest:
                return place
        place = min(places, key=self.until.__getitem__)
        self._clients[place], self.until[place] = digest, 0.0
        return place


class Limiter:
    """Counts by client, in `accounts` that other processes may count in, too."""

    def __init__(
        self, rate: Rate, clock: Callable[[], float] = time.monotonic, accounts: Accounts | None = None
    ) -> None:
        self._rate = rate
        self._each = rate.seconds / rate.count
        self._clock = clock
        self._accounts = accounts or Accounts()

    def wait(self, client: str) -> float:
        """Count an answer to a client: 0 if it may have it, else the seconds until it may."""
        now, until = self._clock(), self._accounts.until
        place = self._accounts.place_of(client)
        owed = min(max(until[place] - now, 0.0), self._rate.seconds)  # never more, if the rate was another before
        too_early = owed + self._each - self._rate.seconds
        if too_early > 1e-9:
            return too_early
        until[place] = now + owed + self._each
        return 0


def client_of(peer: str, forwarded: str | None, trusted: Sequence[Network]) -> str:
    """Give whom to count a request to: the peer, or behind trusted proxies the last address that none of them is.

    Of IPv6 it is the network of 64 bits, which is one customer's.
    """
    address, client = _address(peer), peer
    for earlier in reversed((forwarded or "").split(",")):
        if address is None or not any(address in network for network in trusted):
            break
        found = _address(earlier)
        if found is None:
            break
        address, client = found, earlier
    return _counted(address) if address else client


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Read networks and single addresses."""
    return tuple(ip_network(text, strict=False) for text in texts)


@lru_cache(maxsize=4096)
def _address(text: str) -> Address | None:
    """Read an address, with or without port and brackets."""
    text = text.strip()
    bare = text[1:].partition("]")[0] if text.startswith("[") else text
    if bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ip_address(bare)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _counted(address: Address) -> str:
    return str(address) if address.version == 4 else str(ip_network((int(address) >> 64 << 64, 64)))

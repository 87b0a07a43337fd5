"""How often one client may ask: so many answers in so much time, 304s not counted."""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

MOST_CLIENTS = 20_000

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Rate:
    """So many answers in so many seconds; all of them may come at once."""

    count: int
    seconds: float


class Limiter:
    """Counts by client. Of each it keeps one number, and of the longest unseen beyond `MOST_CLIENTS` none."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._each = rate.seconds / rate.count
        self._clock = clock
        self._used_up: OrderedDict[str, float] = OrderedDict()  # when all that a client had of us is paid off

    def wait(self, client: str) -> float:
        """Count an answer to a client: 0 if it may have it, else the seconds until it may."""
        now = self._clock()
        until = max(self._used_up.get(client, now), now) + self._each
        too_early = until - now - self._rate.seconds
        if too_early > 1e-9:
            return too_early
        self._used_up[client] = until
        self._used_up.move_to_end(client)
        if len(self._used_up) > MOST_CLIENTS:
            self._used_up.popitem(last=False)
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

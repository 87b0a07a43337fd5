"""Ports for servers that a test starts by number."""

import itertools
import os
import random
import socket

# Below the ports that a system hands out by itself (RFC 6335, section 6: from 49152; Linux: from 32768). One that was
# asked for with 0 and let go is now and then taken by the next who asks, before its server has come to it.
_FIRST, _LAST = 12_000, 32_000
_EACH = 2_000  # ports of one of several test processes, so that none takes another's
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_OWN = _FIRST + _WORKER * _EACH % (_LAST - _FIRST)  # the first of this process
_COUNT = itertools.count(random.randrange(_EACH))


def free_port() -> int:
    """Give a TCP port of the loopback that nobody listens at and nobody else is given."""
    for number in itertools.islice(_COUNT, _EACH):
        port = _OWN + number % _EACH
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
    raise OSError(f"every port of {_EACH} from {_OWN} on is taken; servers of an earlier run may still be there")

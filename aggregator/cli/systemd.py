"""Telling systemd how the daemon is: ready, alive, stopping (sd_notify, by the socket that it names)."""

import asyncio
import logging
import os
import socket
import time

log = logging.getLogger(__name__)

_ABSTRACT = "@"


def notify(*lines: str) -> bool:
    """Send a state, such as "READY=1"; False where no one listens. It never waits and never fails."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    place = "\0" + address[1:] if address.startswith(_ABSTRACT) else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.setblocking(False)
            sender.sendto("\n".join(lines).encode(), place)
    except OSError as error:
        log.warning("systemd not told", extra={"error": str(error)})
        return False
    return True


def reloading() -> bool:
    """Say that another configuration is being put to work: "READY=1" is to follow, whichever one is at work then."""
    return notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")


def watchdog_seconds() -> float | None:
    """Give how often systemd wants a sign of life, halved to be on the safe side; None where it wants none of us."""
    wanted, process = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    if not wanted.isdigit() or not int(wanted) or (process and process != str(os.getpid())):
        return None
    return int(wanted) / 2_000_000


async def show_life() -> None:
    """Give signs of life for as long as the event loop turns. A loop that hangs gives none, and is started again."""
    seconds = watchdog_seconds()
    while seconds is not None:
        notify("WATCHDOG=1")
        await asyncio.sleep(seconds)

"""What the worker tests have done in a worker process: jobs travel by name, so they stand in a module."""

import os
import sys
import time


def echo(value: object) -> tuple[object, int]:
    print("a stray line on the standard output", file=sys.stdout)
    return value, os.getpid()


def nap(seconds: float) -> None:
    time.sleep(seconds)


def note_and_nap(path: str, seconds: float) -> None:
    with open(path, "w", encoding="ascii") as note:
        note.write(str(os.getpid()))
    time.sleep(seconds)


def hog(size: int) -> int:
    return len(bytearray(size))


def fail() -> None:
    raise ValueError("no good")


def end(status: int) -> None:
    os._exit(status)


def unsendable() -> object:
    return lambda: None


def write_order(path: str, number: int) -> None:
    with open(path, "a", encoding="ascii") as order:
        order.write(f"{number}\n")

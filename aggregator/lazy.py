"""Packages whose parts are loaded when they are first asked for (PEP 562), so that a start costs what it needs."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def parts_of(package: str, places: Mapping[str, str]) -> Callable[[str], Any]:
    """Give the `__getattr__` of a package: `places` says in which of its modules each name stands.

    The function raises AttributeError for other names, as a module does.
    """

    def load(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{places[name]}"), name)

    return load

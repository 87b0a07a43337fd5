"""The `dataclass` of this package: the standard library's, which compiles nothing before it is needed.

The standard one writes and compiles six functions for each frozen class, 0.4 ms a class. This package has nearly two
hundred, a command uses some dozens, and every worker process starts anew: it was a fifth of each start. Here what
compares, hashes and shows a record is shared, and only `__init__` is compiled, when the first one is made.
"""

from dataclasses import MISSING, FrozenInstanceError, fields
from dataclasses import dataclass as standard
from operator import attrgetter
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(*, frozen: bool = False, slots: bool = False) -> Any:
        """Give a decorator that makes a dataclass; what the standard library's takes besides is not needed here."""
        return _frozen if frozen and slots else standard(frozen=frozen, slots=slots)


def _frozen(cls: Any) -> Any:
    made: Any = standard(init=False, repr=False, eq=False, slots=True)(cls)
    names = [each.name for each in fields(made)]
    compared = _values([each.name for each in fields(made) if each.compare])
    shown = [each.name for each in fields(made) if each.repr]
    for method in (_making(made), *_comparing(compared), _showing(shown), *_REFUSING, *_pickling(names)):
        setattr(made, method.__name__, method)
    return made


def _values(names: list[str]) -> Any:
    """Give what takes the values out of a record: in C, and always in the same shape."""
    return attrgetter(*names) if names else lambda _: ()


def _making(made: Any) -> Any:
    def __init__(self: Any, *values: Any, **named: Any) -> None:
        compiled = made.__init__ = _compiled(made)
        compiled(self, *values, **named)

    return __init__


def _compiled(made: Any) -> Any:
    """Write the `__init__`: it goes past the record's own `__setattr__`, which refuses."""
    known: dict[str, Any] = {"_set": object.__setattr__, "_left_out": object()}
    heads, lines = ["self"], []
    for each in fields(made):
        has_default, has_factory = each.default is not MISSING, each.default_factory is not MISSING
        known[f"_{each.name}"] = each.default_factory if has_factory else each.default
        heads.append(f"{each.name}=_left_out" if has_factory else f"{each.name}{f'=_{each.name}' * has_default}")
        value = f"_{each.name}() if {each.name} is _left_out else {each.name}" if has_factory else each.name
        lines.append(f"    _set(self, {each.name!r}, {value})")
    exec(f"def __init__({', '.join(heads)}):\n" + "\n".join(lines or ["    pass"]), known)  # noqa: S102
    known["__init__"].__qualname__ = f"{made.__qualname__}.__init__"
    return known["__init__"]


def _comparing(values: Any) -> tuple[Any, ...]:
    def __eq__(self: Any, other: Any) -> Any:
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    def __hash__(self: Any) -> int:
        return hash(values(self))

    return __eq__, __hash__


def _showing(names: list[str]) -> Any:
    def __repr__(self: Any) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    return __repr__


def _refusing() -> tuple[Any, ...]:
    def __setattr__(self: Any, name: str, value: Any) -> None:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self: Any, name: str) -> None:
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    return __setattr__, __delattr__


def _pickling(names: list[str]) -> tuple[Any, ...]:
    def __getstate__(self: Any) -> list[Any]:
        return [getattr(self, name) for name in names]

    def __setstate__(self: Any, state: list[Any]) -> None:
        for name, value in zip(names, state, strict=True):
            object.__setattr__(self, name, value)

    return __getstate__, __setstate__


_REFUSING = _refusing()

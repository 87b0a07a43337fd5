"""The package's own `dataclass` makes what the standard library's makes, and compiles nothing before it is needed."""

import ast
import dataclasses
import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError, asdict, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from aggregator.dataclass import dataclass

PACKAGE = Path(__file__).resolve().parents[2] / "aggregator"


@dataclass(frozen=True, slots=True)
class Ours:
    """Something of every kind of field."""

    name: str
    at: datetime
    tags: tuple[str, ...] = ()
    said: dict[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    made_of: tuple[bytes, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Single:
    value: str = "x"


@dataclass(frozen=True, slots=True)
class Empty:
    pass


Standard: Any = dataclasses.make_dataclass(
    "Ours",
    [(each.name, each.type, dataclasses.field(**{name: getattr(each, name) for name in
     ("default", "default_factory", "compare", "repr")})) for each in dataclasses.fields(Ours)],
    frozen=True,
    slots=True,
)  # fmt: skip
NOW = datetime(2026, 11, 22, tzinfo=UTC)
MADE: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
    (("a", NOW), {}),
    (("a",), {"at": NOW, "tags": ("x", "y"), "body": b"z"}),
    (("a", NOW, (), {"k": "v"}, b"body", (b"part",)), {}),
    (("b", NOW, (), {"k": "v"}), {"made_of": (b"other",)}),
]


@pytest.mark.parametrize(("values", "named"), MADE)
def test_a_record_is_made_and_shown_as_the_standard_one(values: tuple[Any, ...], named: dict[str, Any]) -> None:
    ours, standard = Ours(*values, **named), Standard(*values, **named)
    assert repr(ours) == repr(standard)
    assert asdict(ours) == asdict(standard)
    assert (Ours.__doc__, Ours.__slots__, Ours.__match_args__) == (
        "Something of every kind of field.",
        Standard.__slots__,
        Standard.__match_args__,
    )


@pytest.mark.parametrize("one", MADE)
@pytest.mark.parametrize("other", MADE)
def test_records_are_equal_where_the_standard_ones_are(one: Any, other: Any) -> None:
    pairs = [(made(*one[0], **one[1]), made(*other[0], **other[1])) for made in (Ours, Standard)]
    assert (pairs[0][0] == pairs[0][1]) == (pairs[1][0] == pairs[1][1])


def test_what_is_not_compared_changes_neither_equality_nor_hash() -> None:
    assert Single("a") == Single("a") != Single("b")
    assert {Single("a"): 1}[Single("a")] == 1
    assert Ours("a", NOW, made_of=(b"1",)) == Ours("a", NOW, made_of=(b"2",))
    assert (Empty() == Empty(), hash(Empty()) == hash(Empty()), Single() == "x") == (True, True, False)
    with pytest.raises(TypeError, match="unhashable"):
        hash(Ours("a", NOW))


def test_two_records_have_no_default_in_common() -> None:
    one, other = Ours("a", NOW), Ours("a", NOW)
    one.said["k"] = "v"
    assert other.said == {}


def test_nothing_of_a_record_can_be_changed() -> None:
    record = Single("a")
    for name in ("value", "other"):
        with pytest.raises(FrozenInstanceError, match=f"cannot assign to field '{name}'"):
            setattr(record, name, 1)
        with pytest.raises(FrozenInstanceError, match=f"cannot delete field '{name}'"):
            delattr(record, name)
    assert replace(record, value="b") == Single("b")
    assert record == Single("a")


def test_a_record_that_travels_arrives_as_it_was() -> None:
    for record in (Ours("a", NOW, ("x",), {"k": "v"}, b"body", (b"part",)), Single("a"), Empty()):
        there = pickle.loads(pickle.dumps(record))
        assert (there, repr(there)) == (record, repr(record))
    assert pickle.loads(pickle.dumps(Ours("a", NOW, made_of=(b"part",)))).made_of == (b"part",)


def test_a_record_with_a_value_missing_or_too_many_is_refused_each_time() -> None:
    for _ in range(2):
        with pytest.raises(TypeError, match="missing 1 required positional argument: 'at'"):
            Ours("a")  # type: ignore[call-arg]  # this is what is refused
        with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
            Single(colour="red")  # type: ignore[call-arg]


def test_a_start_compiles_the_methods_of_few_records() -> None:
    code = """
import sys
compiled = []
def watch(event, facts):
    if event == "exec" and facts[0].co_filename == "<string>":
        compiled.append(facts)
sys.addaudithook(watch)
import aggregator.records
print(len(compiled))
class Plain:
    x: int = 0
import dataclasses
dataclasses.dataclass(frozen=True)(Plain)
print(len(compiled))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    first, then = map(int, done.stdout.split())
    assert first < 25  # the eighty records take six each otherwise; some are of the libraries
    assert then > first  # the look sees what is compiled


def test_every_frozen_record_of_the_package_is_made_this_way() -> None:
    wrong = []
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "dataclasses"]
        if path.name != "dataclass.py" and any(alias.name == "dataclass" for each in imports for alias in each.names):
            wrong.append(f"{path.relative_to(PACKAGE)}: write `from aggregator.dataclass import dataclass`")
    assert wrong == []

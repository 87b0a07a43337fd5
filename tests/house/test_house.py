"""The rules of the house: who may know whom, and what every module owes its reader."""

import ast
import importlib.util
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE = REPOSITORY / "aggregator"
MODULES = sorted(PACKAGE.rglob("*.py"))

KNOWN_TO = {  # each outside library, and the one room that knows it
    "anyascii": "urls",
    "apscheduler": "schedule",
    "brotli": "fetch, variants",  # undone of what is fetched, and made of what is published
    "click": "cli",
    "feedgen": "publish",
    "feedparser": "parse",
    "h11": "fetch",
    "httpcore": "fetch",
    "httpx": "fetch",
    "isal": "variants",
    "jinja2": "publish",
    "jsonpath_rfc9535": "parse",
    "lxml": "parse, publish",  # XML itself, read in one and written in the other
    "markdown_it": "parse",
    "markupsafe": "publish",
    "nh3": "markup",
    "pydantic": "config",
    "pypinyin": "urls",
    "rapidfuzz": "identify",
    "re2": "categorise",
    "rich": "cli",
    "selectolax": "parse",
    "sqlite3": "store",
    "sqlite_utils": "store",
    "starlette": "serve",
    "tomlkit": "config",
    "trafilatura": "parse",
    "uvicorn": "serve",
    "yaml": "front_matter",
}
CLOCKS = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"), ("time", "time")}

IMPORT_EVERYTHING = """
import importlib, os, pkgutil, sys, threading

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
ACTS = ("os.fork", "os.mkdir", "os.remove", "os.rename", "socket.bind", "socket.connect", "sqlite3.connect",
        "subprocess.Popen")

def watch(event, facts):
    if event in ACTS or (event == "open" and isinstance(facts[2], int) and facts[2] & WRITES):
        print(event, facts)

sys.addaudithook(watch)
if sys.argv[1:]:
    exec(sys.argv[1])
else:
    import aggregator
    names = [found.name for found in pkgutil.walk_packages(aggregator.__path__, "aggregator.")]
    assert len(names) > 40, names
    for name in names:
        importlib.import_module(name)
for thread in threading.enumerate()[1:]:
    print("thread", thread.name)
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-B", *arguments], cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False
    )


def imported(tree: ast.AST) -> Iterator[str]:
    """The top-level name of everything that a module imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield (node.module or "").partition(".")[0]


def outside(names: Iterable[str]) -> set[str]:
    inside = set(sys.stdlib_module_names) - {"sqlite3"} | {"aggregator"}
    return set(names) - inside


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def read_module(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def clocks_read(tree: ast.AST) -> list[int]:
    """The lines of a module that ask for the time of day."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (node.value.id, node.attr) in CLOCKS
    ]


def test_rooms_do_not_know_rooms() -> None:
    pytest.importorskip("importlinter", reason="import-linter is not installed")
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = run("-c", code)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 kept, 0 broken" in done.stdout


def test_each_outside_library_is_known_to_one_room() -> None:
    rooms: dict[str, set[str]] = defaultdict(set)
    for path in MODULES:
        for library in outside(imported(read_module(path))):
            rooms[library].add(room_of(path))
    assert rooms == {library: set(room.split(", ")) for library, room in KNOWN_TO.items()}


def test_the_walker_sees_imports_in_every_form_and_depth() -> None:
    source = """
import os, httpx.auth as h
from feedparser.util import x
from . import near
from aggregator.urls import slug
if True:
    import brotli
def late():
    import sqlite3
    from click import group
"""
    assert outside(imported(ast.parse(source))) == {"httpx", "feedparser", "brotli", "sqlite3", "click"}


def test_nothing_happens_at_import() -> None:
    done = run("-c", IMPORT_EVERYTHING)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_watch_over_imports_sees_a_file_written_and_a_thread_started(tmp_path: Path) -> None:
    code = f"""
open({str(tmp_path / "x")!r}, "w").close()
threading.Thread(target=threading.Event().wait, daemon=True).start()
"""
    events = [line.split()[0] for line in run("-c", IMPORT_EVERYTHING, code).stdout.splitlines()]
    assert events == ["open", "thread"]


def test_the_clock_is_read_in_one_place() -> None:
    found = {path.name: clocks_read(read_module(path)) for path in MODULES}
    assert {name: len(lines) for name, lines in found.items() if lines} == {"wiring.py": 1}


def test_every_module_class_and_public_function_says_what_it_is_for() -> None:
    silent = []
    for path in MODULES:
        tree = read_module(path)
        nodes: list[ast.AST] = [tree]
        for node in tree.body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name[0] != "_":
                is_overload = any(ast.unparse(each) == "overload" for each in node.decorator_list)
                nodes += [] if is_overload else [node]
        for node in nodes:
            assert isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            if not ast.get_docstring(node):
                silent.append(f"{path.relative_to(REPOSITORY)}: {getattr(node, 'name', 'the module')}")
    assert silent == []


@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed")
def test_the_types_hold() -> None:
    done = run("-m", "mypy")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(importlib.util.find_spec("ruff") is None, reason="ruff is not installed")
def test_the_code_is_clean() -> None:
    done = run("-m", "ruff", "check", "--no-cache", "aggregator", "tests")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_top_level_holds_what_was_asked_for_and_nothing_else() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is no checkout, so it cannot be told what belongs to it")
    top = {path.partition("/")[0] for path in listed.stdout.split("\0") if path}
    asked_for = {"pyproject.toml", "aggregator", "config", "tests", "README.md", "LICENSE", "CHANGELOG.md"}
    assert {name for name in top if not name.startswith(".")} <= asked_for

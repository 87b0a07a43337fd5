"""A command starts with what it needs: libraries that take long to load are loaded where they are put to work."""

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from aggregator.cli.group import COMMANDS, cli

COSTLY = (
    *("anyascii", "apscheduler", "asyncio", "brotli", "feedgen", "feedparser", "httpcore", "httpx", "jinja2"),
    *("jsonpath_rfc9535", "lxml", "markdown_it", "nh3", "pydantic", "pypinyin", "rapidfuzz", "re2", "rich"),
    *("selectolax", "sqlite3", "sqlite_utils", "starlette", "tomlkit", "trafilatura", "uvicorn", "yaml"),
)
LOOK = """
import json, sys
from aggregator.cli import main
try:
    main()
except SystemExit as end:
    json.dump([end.code, sorted(sys.modules)], sys.stderr)
"""
CONFIGURATION = """
[site]
url = "https://finews.example.org/"
[store]
path = "aggregator.db"
[publish]
directory = "public"
[sources.nanchang]
url = "file:feed.xml"
category = "南昌日报"
"""
FEED = '<rss version="2.0"><channel><title>t</title><item><guid>1</guid><title>赣江</title></item></channel></rss>'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("start")
    (folder / "aggregator.toml").write_text(CONFIGURATION, encoding="utf-8")
    (folder / "feed.xml").write_text(FEED, encoding="utf-8")
    assert "feedgen" in costly_in(folder, "fetch", "--json")  # the look sees a library that is put to work
    return folder


def costly_in(folder: Path, *arguments: str) -> set[str]:
    """The costly libraries that a run of the command has loaded at its end."""
    command = [sys.executable, "-c", LOOK, "--config", "aggregator.toml", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    status, modules = json.loads(done.stderr.splitlines()[-1])
    assert not status, done.stdout + done.stderr
    return {name for name in modules if name in COSTLY}


@pytest.mark.parametrize(
    ("command", "needed"),
    [
        ("--version", set()),
        ("--help", set()),
        ("check", {"pydantic", "rich"}),
        ("check --json", {"pydantic"}),
        ("sources --json", {"pydantic", "sqlite3"}),
        ("status", {"pydantic", "rich", "sqlite3"}),
    ],
)
def test_a_simple_command_loads_nothing_that_it_does_not_need(folder: Path, command: str, needed: set[str]) -> None:
    assert costly_in(folder, *command.split()) == needed


def test_each_command_is_brought_by_the_module_that_the_list_names() -> None:
    context = click.Context(cli)
    for name, (module, _) in COMMANDS.items():
        command = cli.get_command(context, name)
        assert command is not None, name
        assert command.name == name
        assert command.help, name
        assert command.callback.__module__ == f"aggregator.cli.{module}"
    assert set(cli.commands) == set(COMMANDS), "each command has its line in the table of cli/group.py"


def test_what_the_list_says_of_each_command_fits_a_line_of_a_terminal() -> None:
    widest = max(map(len, COMMANDS))
    for name, (_, words) in COMMANDS.items():
        assert len(f"  {name:<{widest}}  {words}") <= 78, name
        assert words.endswith("."), name

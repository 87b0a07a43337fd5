"""The real command, as people and programs run it."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

ITEM = """<item><guid>tag:example.org,2021:{n}</guid><title>标题{n}</title><link>https://example.org/{n}</link>
<description>正文</description><pubDate>Tue, 28 Dec 2021 08:0{n}:00 +0800</pubDate></item>"""
FEED = '<rss version="2.0"><channel><title>来源</title><link>https://example.org/</link>{items}</channel></rss>'
SOURCE = '[sources.{name}]\nurl = "file:{name}.xml"\ncategory = "科技"\n'


class Command:
    """A folder with a configuration, in which the command runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "config" / "aggregator.toml"
        self.config.parent.mkdir()

    def configure(self, *sources: str, more: str = "") -> None:
        head = '[site]\nurl = "https://finews.example.org/"\n[fetch]\ncontact = "https://finews.example.org/about"\n'
        tables = "".join(SOURCE.format(name=name) for name in sources)
        self.config.write_text(head + more + tables, encoding="utf-8")
        for name in sources:
            self.write(name, 1, 2)

    def write(self, name: str, *numbers: int) -> None:
        items = "".join(ITEM.format(n=number) for number in numbers)
        (self.folder / f"{name}.xml").write_text(FEED.format(items=items), encoding="utf-8")

    def run(self, *arguments: str, status: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items() if name != "AGGREGATOR_CONFIG"}
        done = subprocess.run(
            [sys.executable, "-m", "aggregator", *arguments],
            cwd=self.folder,
            env=clean | {"PYTHONUTF8": "1"} | environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    def json(self, *arguments: str, status: int = 0) -> Any:
        done = self.run(*arguments, "--json", status=status)
        assert done.stderr == ""
        return json.loads(done.stdout)

    def files(self) -> dict[str, bytes]:
        public = self.folder / "data" / "public"
        return {str(path.relative_to(public)): path.read_bytes() for path in public.rglob("*") if path.is_file()}


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path)


def test_a_pass_is_told_as_one_json_document_of_the_promised_shape(command: Command) -> None:
    command.configure("a", "b")
    (command.folder / "b.xml").write_text("<html><title>Login</title></html>")
    first = command.json("fetch", status=1)
    assert {key: first[key] for key in ("new", "revised", "failed")} == {"new": 2, "revised": 0, "failed": 1}
    a, b = first["sources"]
    assert {"source", "outcome", "new", "revised", "unchanged", "problems"} <= a.keys()
    assert (a["source"], a["outcome"], a["new"], a["problems"]) == ("a", "ok", 2, [])
    assert (b["source"], b["outcome"], b["new"]) == ("b", "failed", 0)
    assert all(isinstance(problem, str) for problem in b["problems"])
    assert b["problems"]

    forced = command.json("fetch", "--force", "a")
    assert [(found["source"], found["outcome"]) for found in forced["sources"]] == [("a", "not-modified")]
    assert [found["outcome"] for found in command.json("fetch", "a")["sources"]] == ["not-due"]


def test_the_state_of_the_sources_is_one_json_document(command: Command) -> None:
    command.configure("a", "b")
    (command.folder / "b.xml").unlink()
    command.run("fetch", status=1)
    a, b = command.json("sources")["sources"]
    assert (a["source"], a["state"], a["entries"], a["failures"]) == ("a", "healthy", 2, 0)
    assert (b["source"], b["entries"], b["failures"]) == ("b", 0, 1)
    assert b["last_error"]
    assert all(found["last_fetch_at"].endswith("Z") and len(found["last_fetch_at"]) == 20 for found in (a, b))
    assert b["last_success_at"] is None


def test_rendering_everything_again_gives_the_same_bytes(command: Command) -> None:
    command.configure("a")
    command.run("fetch")
    before = command.files()
    assert {"feed.atom", "feed.atom.gz", "category/keji.html", "opml.xml"} <= before.keys()
    report = command.json("publish", "--all")
    assert (report["written"], report["problems"]) == ([], [])
    assert report["unchanged"] > 0
    assert command.files() == before


def test_check_tells_every_problem_and_exits_2(command: Command) -> None:
    command.config.write_text("[site]\ntitel = 'a'\n[sources.a]\nurl = 'x'\n")
    told = command.run("check", status=2)
    assert told.stdout == ""
    assert "aggregator.toml:2: site.titel: unknown key; did you mean 'title'?" in told.stderr
    assert "aggregator.toml:4: sources.a.url: 'x' cannot be fetched" in told.stderr
    as_json = command.json("check", status=2)
    assert as_json["ok"] is False
    assert len(as_json["problems"]) == 2
    assert "did you mean 'title'?" in command.run("run", status=2).stderr
    assert not (command.folder / "data").exists()


def test_check_of_a_sound_configuration_exits_0_and_makes_nothing(command: Command) -> None:
    command.configure("a")
    assert command.json("check") == {"ok": True, "problems": [], "warnings": []}
    assert not (command.folder / "data").exists()


def test_the_schema_is_printed_without_any_configuration(command: Command) -> None:
    schema = json.loads(command.run("check", "--schema").stdout)
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert schema["properties"].keys() >= {"site", "sources"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fetch", "aa"], "did you mean 'a'?"),
        (["fetsh"], "fetsh"),
        (["--config", "missing.toml", "check"], "missing.toml: there is no such configuration file"),
    ],
)
def test_wrong_usage_exits_2_and_says_what_would_be_right(command: Command, arguments: list[str], said: str) -> None:
    command.configure("a")
    done = command.run(*arguments, status=2)
    assert said in done.stderr
    assert done.stdout == ""


def test_the_configuration_is_named_by_option_or_environment_and_the_option_counts_first(command: Command) -> None:
    command.configure("a")
    other = command.config.rename(command.folder / "other.toml")
    assert "no such configuration file" in command.run("check", status=2).stderr
    assert "1 source" in command.run("check", AGGREGATOR_CONFIG=str(other)).stdout
    assert "1 source" in command.run("--config", str(other), "check", AGGREGATOR_CONFIG="missing.toml").stdout


def test_a_store_that_cannot_be_opened_is_said_in_a_line_and_exits_1(command: Command) -> None:
    command.configure("a")
    (command.folder / "data" / "aggregator.db").mkdir(parents=True)
    done = command.run("fetch", status=1)
    assert "aggregator.db: the store cannot be opened" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_tables_fit_the_narrowest_terminal(command: Command) -> None:
    names = ["a", "a-source-with-a-very-long-name-that-fits-no-narrow-terminal"]
    command.configure(*names, more='[sources."[red]中文[/]"]\nurl = "file:nothing[bold].xml"\n')
    environment = {"COLUMNS": "1", "LINES": "10", "TTY_COMPATIBLE": "1", "FORCE_COLOR": "1"}
    command.run("fetch", status=1, **environment)
    command.run("sources", **environment)


def test_a_pipe_gets_whole_rows_without_colours(command: Command) -> None:
    command.configure("a", more='[sources."[red]中文[/]"]\nurl = "file:nothing.xml"\n')
    for text in (command.run("fetch", status=1).stdout, command.run("sources").stdout):
        assert "\x1b" not in text
        assert "[red]中文[/]" in text
        assert len(text.strip().splitlines()) >= 3


def test_articles_are_found_by_their_words_in_any_language(command: Command) -> None:
    command.configure("a")
    command.write("a", *range(1, 6))
    command.run("fetch")
    hits = command.json("search", "标题3")["hits"]
    assert [(hit["title"], hit["source"], hit["snippet"]) for hit in hits] == [("标题3", "a", "正文")]
    assert hits[0].keys() >= {"info_code", "link", "published", "channels"}
    shown = command.run("search", "正文", "--limit", "2").stdout
    assert shown.count("正文") == 2
    assert "2 of 5 articles; --limit shows more" in shown
    assert command.json("search", "没有的")["hits"] == []
    assert len(command.json("search", "正文", "-标题3")["hits"]) == 4
    odd = command.run("search", "*", status=1)
    assert "type a word to find" in odd.stderr
    command.run("retract", hits[0]["info_code"])
    assert command.json("search", "标题3")["hits"] == []


def test_looking_at_the_sources_leaves_what_a_plan_compares_with(command: Command) -> None:
    command.configure("a", "b")
    command.run("fetch", "a")
    command.run("fetch")
    command.configure("a", "c")
    store = command.folder / "data" / "aggregator.db"
    before = store.read_bytes()
    planned = command.json("plan")
    gone = [{"source": "b", "articles": 0}]  # both are the articles of `a` first
    assert (planned["new_sources"], planned["gone_sources"]) == (["c"], gone)
    for _ in range(2):
        found = command.json("sources")["sources"]
        assert [(one["source"], one["state"]) for one in found] == [("a", "healthy"), ("c", "new")]
    assert command.json("plan") == planned
    assert store.read_bytes() == before


def test_the_sources_can_be_looked_at_while_another_program_holds_the_store(command: Command) -> None:
    command.configure("a")
    command.run("fetch")
    with closing(sqlite3.connect(command.folder / "data" / "aggregator.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert [one["source"] for one in command.json("sources")["sources"]] == ["a"]

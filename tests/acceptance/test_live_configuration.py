"""A configuration that changes while the daemon is at work; and the plan, which tells beforehand what that does."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from acceptance_checks import eventually

PATIENCE = float(os.environ.get("AGGREGATOR_TEST_PATIENCE", 5))
NO_ADS = '[[rules]]\nname = "no ads"\ntitle = { contains = "广告" }\ndrop = true\n'


def rss(name: str, *titles: str) -> bytes:
    items = "".join(
        f"<item><title>{title}</title><link>https://{name}.example.org/{number}</link></item>"
        for number, title in enumerate(titles)
    )
    return f'<rss version="2.0"><channel><title>{name}</title>{items}</channel></rss>'.encode()


def feed(name: str, url: str, category: str = "财经") -> str:
    return f'\n[sources.{name}]\nurl = "{url}/{name}"\ncategory = "{category}"\n'


def told(workspace: Any) -> str:
    return str((workspace.folder / "daemon.log").read_text(encoding="utf-8"))


def soon(ready: Callable[[], bool], seconds: float) -> None:
    eventually(ready, "what the daemon takes up is seen", seconds * PATIENCE)


def within(seconds: float) -> float:
    return seconds * PATIENCE


@pytest.fixture
def sources(origin: Any, answer: Any) -> Callable[..., str]:
    """Write sources: each name with what its feed holds."""

    def write(**feeds: tuple[str, ...]) -> str:
        for name, titles in feeds.items():
            origin.answers[f"/{name}"] = answer(rss(name, *titles), headers={"ETag": f'"{name}{len(titles)}"'})
        return "".join(feed(name, origin.url) for name in feeds)

    return write


def test_a_changed_configuration_is_taken_up_by_itself(workspace: Any, origin: Any, sources: Any) -> None:
    workspace.configure(sources(a=("一则广告", "甲"), b=("乙",)))
    with workspace.daemon() as process:
        soon(lambda: "一则广告" in workspace.get("/category/caijing.atom").body.decode(), 20)
        workspace.configure(sources(a=("一则广告", "甲"), c=("丙",)), more=NO_ADS)
        soon(lambda: "丙" in workspace.get("/category/caijing.atom").body.decode(), 20)
        soon(lambda: "一则广告" not in workspace.get("/category/caijing.atom").body.decode(), 10)
        found = workspace.get("/category/caijing.atom").body.decode()
        assert ("甲" in found, "乙" in found) == (True, True)
        before = [request.path for request in origin.requests]
        assert process.poll() is None
    assert "configuration taken up  rules, sources +c -b" in told(workspace)
    assert before.count("/c") == 1
    assert before.count("/b") == 1


def test_a_broken_configuration_is_refused_and_stops_nothing(workspace: Any, sources: Any) -> None:
    text = sources(a=("甲",))
    workspace.configure(text)
    with workspace.daemon() as process:
        soon(lambda: "甲" in workspace.get("/category/caijing.atom").body.decode(), 20)
        workspace.configure(text + '[[rules]]\ntitle = { matches = "(" }\ndrop = true\n')
        soon(lambda: "stays in force" in told(workspace), 10)
        assert "rules[0].title.matches[0]: '(' is no pattern" in told(workspace)
        assert workspace.get("/category/caijing.atom").status == 200
        workspace.configure(text + '[server.tokens.x]\nenv = "NOT_SET"\noutputs = ["*"]\n')  # well said, and useless
        soon(lambda: "NOT_SET" in told(workspace), 10)
        workspace.configure(text + feed("b", "file:" + str(workspace.folder)).replace("财经", "要闻"))
        (workspace.folder / "b").write_bytes(rss("b", "乙"))
        soon(lambda: workspace.get("/category/yaowen.atom").status == 200, 20)
        assert process.poll() is None
    assert told(workspace).count("configuration taken up") == 1


def test_sighup_takes_it_up_at_once_and_tells_what_needs_a_restart(workspace: Any, sources: Any) -> None:
    text = sources(a=("甲",))
    workspace.configure(text)
    with workspace.daemon() as process:
        process.send_signal(signal.SIGHUP)
        soon(lambda: "nothing in it has changed" in told(workspace), 10)
        port, workspace.port = workspace.port, 1
        workspace.configure(text, site='rights = "CC0"')
        workspace.port = port
        process.send_signal(signal.SIGHUP)
        soon(lambda: "server.port: counts after a restart" in told(workspace), 10)
        soon(lambda: "CC0" in workspace.get("/feed.atom").body.decode(), 10)


def test_a_token_that_is_taken_out_opens_nothing_from_then_on(workspace: Any, sources: Any) -> None:
    (workspace.folder / "secret").write_text("0123456789abcdef")
    closed = '[server.tokens.x]\nfile = "secret"\noutputs = ["category/caijing"]\n' + sources(a=("甲",))
    protect = 'allow_networks = ["127.0.0.0/8"]'
    workspace.configure(closed)
    text = workspace.config.read_text().replace("[server]", '[server]\nprotected = ["category/caijing"]')
    workspace.config.write_text(text)
    assert protect in text
    with workspace.daemon():
        door = "/category/caijing.atom?token=0123456789abcdef"
        soon(lambda: workspace.get(door).status == 200, 20)
        (workspace.folder / "secret").write_text("another-token-now")
        workspace.config.write_text(text + '\n[sources.b]\nurl = "file:b"\nenabled = false\n')
        soon(lambda: workspace.get(door).status in (401, 403), 20)
        assert workspace.get("/category/caijing.atom?token=another-token-now").status == 200


# --- plan ----------------------------------------------------------------------------------------------------------


def places(workspace: Any) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in workspace.rows("SELECT slug, info_code FROM entry_channels"):
        found.setdefault(row["slug"], set()).add(row["info_code"])
    return found


@pytest.mark.parametrize("change", ["a rule", "a renamed category", "a removed source"])
def test_the_plan_tells_exactly_what_applying_the_configuration_does(
    workspace: Any, sources: Any, change: str
) -> None:
    text = sources(a=("一则广告", "甲", "丁"), b=("乙", "又是广告"))
    workspace.configure(text)
    workspace.run("fetch")
    before = places(workspace)
    match change:
        case "a rule":
            workspace.configure(text, more=NO_ADS)
        case "a renamed category":
            workspace.configure(text.replace('category = "财经"', 'category = "要闻"', 1))
        case "a removed source":
            workspace.configure(sources(a=("一则广告", "甲", "丁")))
    plan = workspace.json("plan")
    assert plan["changes"]
    assert places(workspace) == before
    assert workspace.json("publish")["problems"] == []
    after = places(workspace)
    told = {channel["slug"]: channel for channel in plan["channels"]}
    for slug in before.keys() | after.keys():
        joining, leaving = (set(told.get(slug, {}).get(key, {"codes": []})["codes"]) for key in ("joining", "leaving"))
        assert joining == after.get(slug, set()) - before.get(slug, set())
        assert leaving == before.get(slug, set()) - after.get(slug, set())
    dropped = {row["info_code"] for row in workspace.rows("SELECT info_code FROM entries WHERE state = 'held'")}
    assert set(plan["dropped"]["codes"]) == dropped
    assert (len(dropped), len(after.get("yaowen", ()))) == {"a rule": (2, 0), "a renamed category": (0, 3)}.get(
        change, (0, 0)
    )
    assert plan["gone_sources"] == ([{"source": "b", "articles": 2}] if change == "a removed source" else [])
    assert not workspace.json("plan")["changes"] or change == "a removed source"


@pytest.mark.skipif(shutil.which("script") is None, reason="`script`, which makes a terminal, is not installed")
def test_the_plan_fits_a_terminal_of_eighty_columns(workspace: Any, sources: Any) -> None:
    text = sources(a=("一则广告，标题很长很长很长很长很长很长很长很长很长很长很长很长", "甲"))
    workspace.configure(text)
    workspace.run("fetch")
    workspace.configure(text.replace("财经", "要闻"), more=NO_ADS)
    plan = f"{sys.executable} -m aggregator --config {workspace.config} plan"
    command = ["script", "-qc", f"stty cols 80; {plan}", "/dev/null"]
    shown = subprocess.run(command, cwd=workspace.folder, capture_output=True, text=True, timeout=60, check=True)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown.stdout).splitlines()
    assert any(line.startswith("yaowen (new)") for line in lines)
    assert any("1 article dropped" in line for line in lines)
    assert max(sum(2 if ord(sign) > 0x2E7F else 1 for sign in line.rstrip()) for line in lines) <= 80


def test_a_plan_of_a_broken_configuration_names_its_faults(workspace: Any, tmp_path: Path) -> None:
    workspace.configure('[[rules]]\ntitel = { contains = "x" }\ndrop = true\n')
    done = workspace.run("plan")
    assert done.returncode == 2
    assert "did you mean 'title'" in done.stderr


def test_a_pattern_that_would_hang_another_engine_does_not_hang_the_daemon(workspace: Any, sources: Any) -> None:
    text = sources(a=("a" * 5000 + "!", "甲"))
    workspace.configure(text, more='[[rules]]\ntitle = { matches = "(a+)+$" }\ndrop = true\n')
    begun = time.monotonic()
    assert workspace.json("fetch")["new"] == 2
    assert time.monotonic() - begun < within(20)


def test_systemd_is_told_of_the_start_of_a_reload_of_its_end_and_of_the_stop(
    workspace: Any, sources: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.configure(sources(a=("甲",)))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(workspace.folder / "notify"))
        systemd.settimeout(within(10))
        monkeypatch.setenv("NOTIFY_SOCKET", str(workspace.folder / "notify"))
        with workspace.daemon() as process:
            assert systemd.recv(500).startswith(b"READY=1\nSTATUS=serving at http")
            process.send_signal(signal.SIGHUP)
            assert re.fullmatch(rb"RELOADING=1\nMONOTONIC_USEC=\d+", systemd.recv(500))
            assert systemd.recv(500) == b"READY=1"
        assert systemd.recv(500) == b"STOPPING=1"

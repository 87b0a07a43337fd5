"""`[server] workers`: several processes answer at one address as one would."""

import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest
from acceptance_checks import eventually

FEED = "/category/caijing.atom"
TOKEN = "0123456789abcdef"
CLOSED = 'workers = 2\nprotected = ["opml"]\n'
LONG = 120.0  # seconds, for a machine that is busy


TOKENS = '[server.tokens.x]\nfile = "secret"\noutputs = ["opml"]\n'


def configured(workspace: Any, server: str = "workers = 2", more: str = "") -> None:
    items = "".join(f"<item><title>第{n}篇</title><link>https://a.example.org/{n}</link></item>" for n in range(3))
    text = f'<rss version="2.0"><channel><title>甲</title>{items}</channel></rss>'
    (workspace.folder / "a.xml").write_text(text, encoding="utf-8")
    workspace.configure('\n[sources.a]\nurl = "file:a.xml"\ncategory = "财经"\n', more=more)
    (workspace.folder / "secret").write_text(TOKEN)
    whole = workspace.config.read_text(encoding="utf-8").replace("[server]", f"[server]\n{server}", 1)
    workspace.config.write_text(whole, encoding="utf-8")


def servers(process: Any) -> list[psutil.Process]:
    """The server processes of a daemon, those left out that have ended."""
    found = []
    for child in psutil.Process(process.pid).children():
        try:
            if any("server_process" in each for each in child.cmdline()):
                found.append(child)
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return found


def is_replaced(process: Any, victim: psutil.Process) -> bool:
    found = servers(process)
    return len(found) == 2 and victim not in found


@contextmanager
def alone(process: Any, one: psutil.Process) -> Iterator[None]:
    """Let one server process answer alone, the others being stopped."""
    others = [other for other in servers(process) if other != one]
    for other in others:
        other.suspend()
    try:
        yield
    finally:
        for other in others:
            other.resume()


def by_each(workspace: Any, process: Any, path: str, headers: dict[str, str] | None = None) -> list[Any]:
    """Ask each of the two server processes for a path."""
    found = []
    assert len(servers(process)) == 2, told(workspace)
    for one in servers(process):
        with alone(process, one):
            found.append(workspace.get(path, headers))
    return found


def told(workspace: Any) -> str:
    return str((workspace.folder / "daemon.log").read_text(encoding="utf-8"))


def published(workspace: Any) -> bool:
    return workspace.get(FEED).status == 200 and "第2篇" in workspace.get(FEED).body.decode()


@contextmanager
def at_work(workspace: Any) -> Iterator[Any]:
    configured(workspace, CLOSED, TOKENS)
    with workspace.daemon() as process:
        eventually(lambda: published(workspace), "the feed is published", LONG)
        yield process


@pytest.fixture(scope="module")
def running(module_workspace: Any) -> Iterator[tuple[Any, Any]]:
    with at_work(module_workspace) as process:
        yield module_workspace, process


def test_all_processes_give_the_same_bytes_under_the_same_tags(running: Any) -> None:
    workspace, process = running
    for coding in ("identity", "gzip"):
        first, second = by_each(workspace, process, FEED, {"Accept-Encoding": coding})
        assert (first.status, first.body, first.headers["etag"]) == (200, second.body, second.headers["etag"])
        known = by_each(workspace, process, FEED, {"Accept-Encoding": coding, "If-None-Match": first.headers["etag"]})
        assert [answer.status for answer in known] == [304, 304]
    assert [answer.status for answer in by_each(workspace, process, f"/opml.xml?token={TOKEN}")] == [200, 200]
    assert [answer.status for answer in by_each(workspace, process, "/opml.xml")] == [401, 401]


def test_each_process_knows_what_the_daemon_did_and_finds_what_is_stored(running: Any) -> None:
    workspace, process = running
    for answer in by_each(workspace, process, "/metrics"):
        assert 'aggregator_fetches_total{outcome="ok"} 1' in answer.body.decode()
        assert 'aggregator_articles_total{event="new"} 3' in answer.body.decode()
    query = "/search?q=%E7%AC%AC"
    eventually(lambda: "第2篇" in workspace.get(query).body.decode(), "the article is in the index", LONG)
    assert ["第2篇" in answer.body.decode() for answer in by_each(workspace, process, query)] == [True, True]
    for path in ("/status", "/readyz", "/healthz"):
        assert {answer.status for answer in by_each(workspace, process, path)} == {200}


def test_a_process_that_dies_is_replaced_and_the_log_says_so(running: Any) -> None:
    workspace, process = running
    victim, other = servers(process)
    victim.kill()
    assert workspace.get(FEED).status == 200  # by the other one
    eventually(lambda: is_replaced(process, victim), "another one is there", LONG)
    (new,) = [each for each in servers(process) if each != other]
    with alone(process, new):
        assert workspace.get(FEED).status == 200
    assert f"server process {victim.pid} was ended by SIGKILL; another one takes its place" in told(workspace)


def test_a_changed_configuration_and_a_new_token_reach_every_process(workspace: Any) -> None:
    with at_work(workspace) as process:
        configured(workspace, CLOSED.replace("workers = 2", 'workers = 3\nrate = "3/h"'), TOKENS)
        (workspace.folder / "secret").write_text("another-token-now")
        process.send_signal(signal.SIGHUP)
        eventually(lambda: "configuration taken up" in told(workspace), "it is taken up", LONG)
        eventually(lambda: "server.workers: counts after a restart" in told(workspace), "the note is there", LONG)
        new = by_each(workspace, process, "/opml.xml?token=another-token-now")
        old = by_each(workspace, process, f"/opml.xml?token={TOKEN}")
        assert [answer.status for answer in new + old] == [200, 200, 401, 429]  # three in an hour, by both together


def test_a_process_that_is_asked_to_end_is_replaced_too(running: Any) -> None:
    workspace, process = running
    victim, _ = servers(process)
    victim.terminate()
    eventually(lambda: is_replaced(process, victim), "another one is there", LONG)
    assert [answer.status for answer in by_each(workspace, process, FEED)] == [200, 200]
    assert re.search(rf"server process {victim.pid} .*; another one takes its place", told(workspace))


def test_all_end_with_the_daemon_and_whom_they_saw_is_kept(workspace: Any) -> None:
    with at_work(workspace) as process:
        found, agents = servers(process), ("Feedly (12 subscribers)", "Inoreader (30 subscribers)")
        for one, agent in zip(found, agents, strict=True):
            with alone(process, one):
                workspace.get(FEED, {"User-Agent": "newsboat"})
                workspace.get(FEED, {"User-Agent": agent})
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=LONG) == 0
        assert not any(one.is_running() for one in found)
    seen = sorted(row["n"] for row in workspace.rows("SELECT n FROM readers WHERE slug = 'caijing'"))
    assert seen == [1, 1, 12, 30]  # the first one is this test, which waited for the feed
    socket.create_server(("127.0.0.1", workspace.port)).close()


def test_serving_alone_takes_several_processes_too(workspace: Any) -> None:
    configured(workspace)
    assert workspace.run("fetch").returncode == 0
    with (workspace.folder / "daemon.log").open("w") as log:
        process = workspace.start("serve", stdout=log, stderr=log)
        try:
            workspace.await_port(process, LONG)
            eventually(lambda: len(servers(process)) == 2, "both are there", LONG)
            first, second = by_each(workspace, process, FEED)
            assert (first.status, first.body, first.headers["etag"]) == (200, second.body, second.headers["etag"])
            assert [answer.status for answer in by_each(workspace, process, "/status")] == [200, 200]
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=LONG) == 0
    assert " by 2 processes" in told(workspace)


def test_without_the_daemon_no_process_stays(workspace: Any) -> None:
    with at_work(workspace) as process:
        found = servers(process)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(timeout=LONG)
        eventually(lambda: not any(one.is_running() for one in found), "the server processes are gone", LONG)

"""The daemon as its operator meets it: quick to serve, quick to stop, clear in what it says, and small."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from acceptance_checks import eventually

SHARED_CORES = "PYTEST_XDIST_WORKER" in os.environ  # other tests run beside this one
PATIENCE = float(os.environ.get("AGGREGATOR_TEST_PATIENCE", 5 if SHARED_CORES else 1))  # more than 1 where it is busy
START_SECONDS = 3 * PATIENCE
STOP_SECONDS = 10 * PATIENCE
IDLE_SECONDS = 5
MOST_MEMORY = 200_000_000
REPOSITORY = Path(__file__).resolve().parents[2]


def rss(count: int = 3, name: str = "news") -> bytes:
    items = "".join(
        f"<item><title>{name} 第{number}篇</title><link>https://{name}.example.org/{number}</link></item>"
        for number in range(count)
    )
    return f'<rss version="2.0"><channel><title>财经</title>{items}</channel></rss>'.encode()


def feed(name: str, url: str) -> str:
    return f'\n[sources.{name}]\nurl = "{url}"\ncategory = "财经"\n'


def with_texts(url: str) -> str:
    return f"""
[sources.texts]
kind = "json"
url = "{url}/list"
items = "$[*]"
info_code = "$.infoCode"
title = "$.title"
category = "财经"
article = {{ url = "{url}/text/{{info_code}}", content = "$.text" }}
"""


@pytest.fixture
def stuck() -> Iterator[threading.Event]:
    """What a handler waits for that never answers; it is let go at the end of the test."""
    event = threading.Event()
    yield event
    event.set()


@contextmanager
def started(workspace: Any) -> Iterator[subprocess.Popen[str]]:
    """Start the daemon with its streams in files, and do not wait; whatever is left of it at the end is killed."""
    with (workspace.folder / "out").open("w") as out, (workspace.folder / "err").open("w") as err:
        process = workspace.start("run", stdout=out, stderr=err)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(timeout=60)


def said(workspace: Any) -> str:
    return str((workspace.folder / "out").read_text(encoding="utf-8"))


def serves(workspace: Any, path: str = "/") -> Callable[[], bool]:
    def answered() -> bool:
        try:
            return bool(workspace.get(path).status == 200)
        except OSError:
            return False

    return answered


def states(workspace: Any) -> dict[str, Any]:
    return {line["source"]: line for line in workspace.json("sources")["sources"]}


def test_it_serves_within_three_seconds_of_starting(workspace: Any, origin: Any, answer: Any) -> None:
    origin.answers["/rss"] = answer(rss())
    workspace.configure(feed("news", f"{origin.url}/rss"))
    begun = time.monotonic()
    with started(workspace):
        eventually(serves(workspace), "the home page", 30)
        took = time.monotonic() - begun
        eventually(lambda: b"<entry>" in workspace.get("/category/caijing.atom").body, "the channel with its articles")
    print(f"serving after {took:.2f} s")
    assert took < START_SECONDS


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_at_once_while_it_is_idle(workspace: Any, number: signal.Signals) -> None:
    workspace.configure("")
    with started(workspace) as process:
        eventually(serves(workspace), "the home page")
        begun = time.monotonic()
        process.send_signal(number)
        assert process.wait(timeout=STOP_SECONDS) == 0
        assert time.monotonic() - begun < 2 * PATIENCE
    assert said(workspace).rstrip().endswith("stopped")
    assert (workspace.folder / "err").read_text() == ""


@pytest.mark.parametrize(("where", "number"), [("/slow", signal.SIGTERM), ("/text/a2", signal.SIGINT)])
def test_it_stops_while_a_source_or_a_text_hangs_and_keeps_what_it_has(
    workspace: Any, origin: Any, answer: Any, stuck: threading.Event, where: str, number: signal.Signals
) -> None:
    asked = threading.Event()

    def hanging(_: Any) -> Any:
        asked.set()
        stuck.wait(60)
        return answer(b"", 500)

    origin.answers["/rss"] = answer(rss())
    origin.answers["/slow"] = answer(rss(1, "slow"))
    origin.answers["/list"] = answer(json.dumps([{"infoCode": c, "title": c} for c in ("a1", "a2")]).encode())
    origin.answers["/text/a1"] = origin.answers["/text/a2"] = answer(b'{"text": "<p>a text</p>"}')
    whole = origin.answers[where]
    origin.answers[where] = hanging
    workspace.configure(feed("news", f"{origin.url}/rss") + feed("slow", f"{origin.url}/slow") + with_texts(origin.url))
    with started(workspace) as process:
        eventually(lambda: asked.is_set() and "3 new" in said(workspace), "the hanging request")
        begun = time.monotonic()
        process.send_signal(number)
        assert process.wait(timeout=STOP_SECONDS) == 0
    print(f"stopped after {time.monotonic() - begun:.2f} s")
    assert (workspace.folder / "err").read_text() == ""
    assert len(workspace.rows("SELECT 1 FROM entries WHERE source = 'news'")) == 3
    assert b"news.example.org/2" in (workspace.public / "feed.atom").read_bytes()

    origin.answers[where] = whole
    assert workspace.json("fetch", "--force")["failed"] == 0
    titles = [row["title"] for row in workspace.rows("SELECT title FROM entries ORDER BY title")]
    assert titles == ["a1", "a2", "news 第0篇", "news 第1篇", "news 第2篇", "slow 第0篇"]


def test_a_used_port_is_said_and_ends_it(workspace: Any) -> None:
    workspace.configure("")
    with socket.create_server(("127.0.0.1", workspace.port)):
        done = workspace.run("run", timeout=30)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    for part in (f"127.0.0.1:{workspace.port}", "Address already in use", "port"):
        assert part in done.stderr
    assert "serving" not in done.stdout


def test_what_it_prints_says_where_it_serves_and_what_happens(workspace: Any, origin: Any, answer: Any) -> None:
    origin.answers["/rss"] = answer(rss())
    origin.answers["/broken"] = answer(b"<html><title>Login</title></html>")
    workspace.configure(feed("news", f"{origin.url}/rss") + feed("broken", f"{origin.url}/broken"))
    with started(workspace) as process:
        eventually(lambda: "published" in said(workspace) and "broken" in said(workspace), "all its lines")
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=STOP_SECONDS)
    print(said(workspace))
    lines = [line.split() for line in said(workspace).splitlines() if line]
    assert lines[0][0] == "金融消息"
    assert ["serving", f"http://127.0.0.1:{workspace.port}/", "(Ctrl-C", "stops)"] in lines
    events = {" ".join(line[1:]) for line in lines if re.fullmatch(r"\d\d:\d\d:\d\d", line[0])}
    assert {"news 3 new", "broken failed an HTML page (title “Login”), not a feed", "stopped"} <= events
    assert any(re.fullmatch(r"published \d+ files, 1 channel, 3 articles", event) for event in events)


def test_idle_it_needs_little_memory(workspace: Any, origin: Any, answer: Any) -> None:
    origin.answers["/rss"] = answer(rss(50))
    workspace.configure(feed("news", f"{origin.url}/rss"))
    with started(workspace) as process:
        eventually(lambda: "published" in said(workspace), "the first articles")
        daemon, end, seen = psutil.Process(process.pid), time.monotonic() + IDLE_SECONDS, 0
        while time.monotonic() < end:
            assert process.poll() is None
            own, children = memory(daemon)
            seen = max(seen, own + children)
            time.sleep(0.2)
    print(f"idle: {own / 1e6:.0f} MB, and {children / 1e6:.0f} MB in its worker processes; {seen / 1e6:.0f} MB at most")
    assert seen < MOST_MEMORY


def memory(daemon: psutil.Process) -> tuple[int, int]:
    """The resident memory of the daemon, and of its children."""
    sizes = []
    for child in daemon.children(recursive=True):
        try:
            sizes.append(child.memory_info().rss)
        except psutil.NoSuchProcess:
            continue
    return daemon.memory_info().rss, sum(sizes)


def test_as_shipped_it_serves_the_sample_channel_without_any_network(workspace: Any) -> None:
    folder = workspace.folder / "config"
    shutil.copytree(REPOSITORY / "config", folder)
    text = (folder / "aggregator.toml").read_text(encoding="utf-8")
    text = text.replace("port = 8080", f"port = {workspace.port}")
    text = re.sub(r'^url = "https://([a-z.]+)/', r'url = "https://\1.invalid/', text, flags=re.M)  # RFC 6761: no host
    workspace.config = folder / "aggregator.toml"
    workspace.config.write_text(text, encoding="utf-8")
    with started(workspace):
        eventually(serves(workspace, "/category/nanchangribao.json"), "the sample channel")
        channel = eventually(sample(workspace), "the five articles of the sample channel")
        assert channel["title"] == "南昌日报新闻"
        others = eventually(failing(workspace), "the state of the sources without network", 60)
    assert set(others) == {"solidot", "ruanyifeng", "lwn", "xkcd"}
    for name, line in others.items():
        print(f"{name}: {line['state']}, {line['last_error']}")
        assert line["last_error"].startswith("the name ")
        assert ".invalid" in line["last_error"]
        assert (line["failures"], line["entries"], line["last_success_at"]) == (1, 0, None)
    assert states(workspace)["nanchang"]["state"] == "healthy"
    assert "Traceback" not in said(workspace) + (workspace.folder / "err").read_text()


def sample(workspace: Any) -> Callable[[], Any]:
    def whole() -> Any:
        channel = json.loads(workspace.get("/category/nanchangribao.json").body)
        return channel if len(channel["items"]) == 5 else None

    return whole


def failing(workspace: Any) -> Callable[[], Any]:
    def all_known() -> Any:
        found = {name: line for name, line in states(workspace).items() if name != "nanchang"}
        return found if all(line["state"] == "failing" for line in found.values()) else None

    return all_known

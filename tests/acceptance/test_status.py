"""The operator's view of a running installation: its status, its troubles as a feed, and a disk that fills."""

import json
import os
import re
import shutil
import socket
import subprocess
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

KEY = "0123456789abcdef"
SILENCE = 2.5  # seconds; the source of this disk is due at each
ATOM = "{http://www.w3.org/2005/Atom}"


def rss(*numbers: int) -> bytes:
    items = "".join(
        f"<item><guid isPermaLink='false'>tag:example.org,2026:{n}</guid><title>标题{n}</title><description>正文{n}"
        "</description></item>"
        for n in numbers
    )
    return f"<rss version='2.0'><channel><title>来源</title><link>https://example.org/</link><description>d</description>{items}</channel></rss>".encode()


def until(holds: Callable[[], object], seconds: float = 60) -> Any:
    """Wait for something, and give it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := holds():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come to pass")


def told(workspace: Any) -> list[tuple[str, str, str]]:
    """What the feed of troubles says, newest first: id, time and title of each entry."""
    feed = ElementTree.parse(workspace.public / "status/sources.atom").getroot()
    fields = ("id", "updated", "title")
    return [tuple(entry.findtext(f"{ATOM}{name}", "") for name in fields) for entry in feed.iter(f"{ATOM}entry")]  # type: ignore[misc]


def test_what_breaks_and_recovers_is_told_once_a_private_source_by_its_name_and_newsboat_shows_it(
    workspace: Any, origin: Any, answer: Any, shared: Path
) -> None:
    for tool in ("newsboat", "sqlite3", "bash"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    workspace.configure(
        f'[sources.a]\nurl = "{origin.url}/feed"\ncategory = "科技"\n[sources.quiet]\nurl = "{origin.url}/q?key={KEY}"'
        '\nprivate = true\ncategory = "科技"'
    )
    own = workspace.config.read_text(encoding="utf-8").replace(
        "https://finews.example.org/\"\nlang", f'http://127.0.0.1:{workspace.port}/"\nlang'
    )
    workspace.config.write_text(own, encoding="utf-8")
    origin.answers["/feed"] = answer(rss(1, 2), headers={"Content-Type": "application/rss+xml"})
    workspace.run("fetch", "--force")
    assert told(workspace) == []
    content = (workspace.public / "feed.atom").read_bytes()

    origin.answers["/feed"] = answer(b"", 500)
    workspace.run("fetch", "--force")
    assert told(workspace) == []
    workspace.run("fetch", "--force")
    (of_quiet,) = told(workspace)
    assert of_quiet[2] == "quiet cannot be fetched"
    workspace.run("fetch", "--force")
    (of_a,) = set(told(workspace)) - {of_quiet}
    assert of_a[2] == "a cannot be fetched"

    origin.answers["/feed"] = answer(rss(1, 2), headers={"Content-Type": "application/rss+xml"})
    workspace.run("fetch", "--force")
    newest, *others = told(workspace)
    assert (newest[2], others) == ("a is well again", [of_a, of_quiet])
    assert (workspace.public / "feed.atom").read_bytes() == content

    shown = (workspace.public / "status/sources.atom").read_text() + workspace.run("status", "--json").stdout
    with workspace.daemon():
        shown += workspace.get("/status").body.decode() + workspace.get("/metrics").body.decode()
        address = f"http://127.0.0.1:{workspace.port}/status/sources.atom"
        command = ["bash", str(shared / "standards/readers.sh"), "newsboat", address]
        seen = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert shown.count("quiet") > 5
    assert KEY not in shown
    rows = [line.split("\t") for line in seen.stdout.splitlines() if line.count("\t") == 3]
    assert sorted((row[0], row[2]) for row in rows) == sorted((entry[2], entry[0]) for entry in told(workspace))


def test_the_status_counts_what_happened_across_restarts(workspace: Any, origin: Any, answer: Any) -> None:
    workspace.configure(f'[sources.a]\nurl = "{origin.url}/feed"\ncategory = "科技"')
    origin.answers["/feed"] = answer(rss(1, 2, 3), headers={"Content-Type": "application/rss+xml"})
    workspace.run("fetch", "--force")
    found = workspace.json("status")
    assert (found["articles"], found["channels"], found["days"][-1]["new"]) == (3, 1, 3)
    assert sum(hour["ok"] for hour in found["hours"]) == sum(found["seconds"].values()) == 1
    assert (found["sources"]["states"], found["failures"], found["marks"]) == ({"healthy": 1}, [], 0)
    assert found["next_checks"][0]["source"] == "a"
    with workspace.daemon():
        workspace.get("/category/keji.atom", {"User-Agent": "Feedly/1.0 (+x; 41 subscribers)"})
        workspace.get("/category/keji.atom", {"User-Agent": "newsboat"})
        page = workspace.get("/status").body.decode()
        assert "healthy" in page
        assert page.endswith("</html>\n")
        assert workspace.get("/readyz").status == workspace.get("/healthz").status == 200
    assert workspace.json("status")["subscribers"] == {"keji": 42}


def test_the_daemon_logs_json_one_event_an_outcome_and_tells_systemd(
    workspace: Any, origin: Any, answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"{origin.url}/feed?token=0123456789"
    workspace.configure(
        f'[log]\nformat = "json"\n[sources.a]\nurl = "{origin.url}/missing?token=0123456789"\ncategory = "科技"\n'
        f'[sources.b]\nurl = "{address}"\ncategory = "科技"'
    )
    origin.answers["/feed?token=0123456789"] = answer(rss(1), headers={"Content-Type": "application/rss+xml"})
    place = str(workspace.folder / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", place)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(place)
        systemd.settimeout(60)
        log = workspace.folder / "daemon.log"
        with workspace.daemon():
            assert systemd.recv(1000).startswith(b"READY=1\n")
            until(lambda: log.read_text().count("source refreshed") == 2)
            until(lambda: '"event": "published"' in log.read_text())
        assert systemd.recv(1000) == b"STOPPING=1"
    events = [json.loads(line) for line in log.read_text().splitlines()]
    refreshed = [each for each in events if each["event"] == "source refreshed"]
    outcomes = sorted((each["source"], each["level"], each["outcome"]) for each in refreshed)
    assert outcomes == [("a", "warning", "failed"), ("b", "info", "ok")]
    assert "0123456789" not in log.read_text()


# --- a disk that fills --------------------------------------------------------------------------------


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    folder.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path, leave: int) -> None:
    """Fill a disk but for so many bytes."""
    with (folder / "filler").open("ab", buffering=0) as file, suppress(OSError):
        while (free := shutil.disk_usage(folder).free) > leave:
            file.write(b"\0" * min(free - leave, 1_000_000))


def on_small_disk(workspace: Any, origin: Any) -> Path:
    disk: Path = workspace.folder / "disk"
    workspace.configure(f'[sources.a]\nurl = "{origin.url}/feed"\ncategory = "科技"\ninterval = "1s"')
    text = workspace.config.read_text(encoding="utf-8")
    text = text.replace('path = "aggregator.db"', 'path = "disk/a.db"\nmin_free = "3MB"')
    workspace.config.write_text(text.replace('"public"', '"disk/public"'), encoding="utf-8")
    workspace.public = disk / "public"
    return disk


def silent(origin: Any) -> int:
    """Wait until nothing was asked for some seconds, and give how many requests there were."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        asked = len(origin.requests)
        time.sleep(SILENCE)
        if len(origin.requests) == asked:
            return asked
    raise AssertionError("it goes on fetching")


def test_a_disk_that_fills_stops_fetching_and_nothing_else_and_room_lets_it_go_on(
    workspace: Any, origin: Any, answer: Any
) -> None:
    disk = on_small_disk(workspace, origin)
    origin.answers["/feed"] = answer(rss(1, 2), headers={"Content-Type": "application/rss+xml"})
    with small_disk(disk, 16):
        with workspace.daemon() as daemon:
            until(lambda: "标题2" in workspace.get("/category/keji.atom").body.decode())
            fill(disk, 1_000_000)
            until(lambda: "min_free" in workspace.get("/status").body.decode())
            until(lambda: any(title == "the disk is nearly full" for _, _, title in told(workspace)))
            asked = silent(origin)  # when what had begun before has ended
            origin.answers["/feed"] = answer(rss(1, 2, 3), headers={"Content-Type": "application/rss+xml"})
            fill(disk, 0)
            time.sleep(SILENCE)
            assert daemon.poll() is None
            assert len(origin.requests) == asked
            assert "标题2" in workspace.get("/category/keji.atom").body.decode()
            refused = workspace.run("fetch", "--force")
            assert refused.returncode == 1
            assert "make room" in refused.stderr
            (disk / "filler").unlink()
            until(lambda: "标题3" in workspace.get("/category/keji.atom").body.decode(), 60)
            until(lambda: told(workspace)[0][2] == "the disk has room again")
        titles = sorted(set(re.findall("标题[0-9]", (disk / "public/feed.atom").read_text())))
        assert titles == ["标题1", "标题2", "标题3"]
        assert len(told(workspace)) == 2

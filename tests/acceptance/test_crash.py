"""Killed at any moment, the aggregator loses nothing, doubles nothing, and leaves no half of a file behind."""

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from acceptance_checks import Formats, differences, eventually

SEED = int(os.environ.get("AGGREGATOR_TEST_SEED", 0)) or random.SystemRandom().randrange(1, 10**6)
KILLS = 20
WINDOW = 40  # articles in a document; each request brings one or two new ones, so much overlaps
FEEDS = ("alpha", "beta", "gamma")


class Growing:
    """Sources that grow with every request: three feeds, and a list whose texts come by second requests."""

    def __init__(self, origin: Any, answer: Any, chance: random.Random) -> None:
        self.served: set[str] = set()
        self._answer, self._chance, self._lock = answer, chance, threading.Lock()
        self._written = dict.fromkeys((*FEEDS, "list"), 5)
        self._origin = origin
        for name in FEEDS:
            origin.answers[f"/{name}"] = self._growing(name, self._feed)
        origin.answers["/list"] = self._growing("list", self._list)

    def _growing(self, name: str, written: Callable[[str, range], bytes]) -> Callable[[Any], Any]:
        def grown(_: Any) -> Any:
            with self._lock:
                self._written[name] += self._chance.randint(1, 2)
                window = range(max(0, self._written[name] - WINDOW), self._written[name])
                self.served |= {title(name, number) for number in window}
                return self._answer(written(name, window))

        return grown

    def _feed(self, name: str, window: range) -> bytes:
        items = "".join(
            f"<item><guid isPermaLink='false'>{number}</guid><title>{title(name, number)}</title>"
            f"<link>https://{name}.example.org/{number}</link><description>{text(name, number)}</description></item>"
            for number in reversed(window)
        )
        return f'<rss version="2.0"><channel><title>{name}</title>{items}</channel></rss>'.encode()

    def _list(self, name: str, window: range) -> bytes:
        for number in window:
            body = json.dumps({"text": f"<p>{text(name, number)}</p>"}).encode()
            self._origin.answers[f"/text/{code(number)}"] = self._answer(body)
        items = [{"infoCode": code(number), "title": title(name, number)} for number in reversed(window)]
        return json.dumps({"records": items}, ensure_ascii=False).encode()


def title(name: str, number: int) -> str:
    return f"{name} 第{number}篇"


def text(name: str, number: int) -> str:
    return f"{title(name, number)}的正文，" * 20


def code(number: int) -> str:
    return f"NW20211228222769{number:04}"


def tables(origin: str) -> str:
    feeds = "".join(
        f'\n[sources.{name}]\nurl = "{origin}/{name}"\ncategory = "{"甲" if name == "alpha" else "乙"}"\n'
        for name in FEEDS
    )
    return f"""{feeds}
[sources.list]
kind = "json"
url = "{origin}/list"
items = "$.records[*]"
info_code = "$.infoCode"
title = "$.title"
link = "https://list.example.org/{{info_code}}"
category = "丙"
article = {{ url = "{origin}/text/{{info_code}}", content = "$.text" }}
"""


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=60)


def killed_at_random(workspace: Any, origin: Any, chance: random.Random, log: Any) -> None:
    """Start the daemon or a pass, wait until it has asked for something, and kill it a random moment after that, or in
    the middle of writing a file."""
    command = chance.choice((("run",), ("fetch", "--force")))
    process = workspace.start(*command, stdout=log, stderr=log)
    wanted = len(origin.requests) + chance.randint(1, 6)
    eventually(lambda: len(origin.requests) >= wanted or process.poll() is not None, "a request", 30)
    moment, writing = chance.uniform(0, 0.6), chance.random() < 0.5
    end = time.monotonic() + (30 if writing else moment)  # on a machine with other work the writing comes late
    while time.monotonic() < end and process.poll() is None and not (writing and half_written(workspace)):
        time.sleep(0.002)
    kill(process)


def half_written(workspace: Any) -> list[Path]:
    return list(workspace.public.rglob("*.part"))


def traces(workspace: Any) -> str:
    """What a kill interrupted: the writing of a file, the publishing of what is stored."""
    marks = workspace.rows("SELECT document FROM marks")
    return " ".join(word for word, found in (("file", half_written(workspace)), ("marks", marks)) if found)


def faults(workspace: Any, served: set[str], standards: Path) -> list[str]:
    """Everything that is wrong after the last pass, which ended by itself."""
    entries = workspace.rows("SELECT title, info_code, content, summary, state FROM entries")
    found = differences(served, [row["title"] for row in entries])
    found += [f"{row['title']} has no text" for row in entries if "正文" not in (row["content"] or row["summary"])]
    found += [f"{row['title']} is {row['state']}" for row in entries if row["state"] != "published"]
    found += [row[0] for row in workspace.rows("PRAGMA integrity_check") if row[0] != "ok"]
    found += [f"{row['document']} is still marked" for row in workspace.rows("SELECT document FROM marks")]
    placed = workspace.rows("SELECT info_code FROM entry_channels")
    found += differences([row["info_code"] for row in entries], [row["info_code"] for row in placed])
    files = {path: body for path, (_, body) in workspace.files().items()}
    pages = [path.removeprefix("article/").removesuffix(".html") for path in files if path.startswith("article/")]
    found += differences([row["info_code"] for row in entries], [page for page in pages if not page.endswith(".gz")])
    return found + Formats(standards).faults(files) + newest_faults(workspace, files)


def newest_faults(workspace: Any, files: dict[str, bytes]) -> list[str]:
    """The published documents say what the store says."""
    channels = [row["slug"] for row in workspace.rows("SELECT slug FROM channels")]
    found = []
    for path, where in [("feed", "1"), *((f"category/{slug}", f"slug = '{slug}'") for slug in channels)]:
        newest = workspace.rows(
            f"""SELECT title FROM entries JOIN entry_channels USING (info_code) WHERE {where}
                 ORDER BY entries.sort_date DESC, entries.seq DESC LIMIT 50"""
        )
        items = json.loads(files[f"{path}.json"])["items"]
        if [item["title"] for item in items] != [row["title"] for row in newest]:
            found.append(f"{path}.json is not what the store says")
    return found


def test_killed_at_any_moment_it_loses_nothing_and_doubles_nothing(
    workspace: Any, origin: Any, answer: Any, shared: Path
) -> None:
    chance = random.Random(SEED)
    print(f"AGGREGATOR_TEST_SEED={SEED} draws the same moments again")
    growing = Growing(origin, answer, chance)
    workspace.configure(tables(origin.url), fetch='interval = "1s"')
    interrupted = []
    with (workspace.folder / "killed.log").open("w") as log:
        for _ in range(KILLS):
            killed_at_random(workspace, origin, chance, log)
            interrupted.append(traces(workspace))
    print("interrupted:", interrupted)
    assert any(interrupted), "no kill came in the middle of anything"
    assert "Traceback" not in (workspace.folder / "killed.log").read_text()

    report = workspace.json("fetch", "--force")
    assert report["failed"] == 0
    assert faults(workspace, growing.served, shared / "standards") == []
    assert len(growing.served) > KILLS


DAMAGE = {  # what is done to a sound store and its files, and the fault that is to be found
    "DELETE FROM entries WHERE title = 'list 第1篇'": "list 第1篇 is missing",
    "UPDATE entries SET title = 'list 第2篇' WHERE title = 'list 第3篇'": "list 第2篇 is stored 2 times",
    "UPDATE entries SET content = '' WHERE title = 'list 第4篇'": "list 第4篇 has no text",
    "UPDATE entries SET state = 'pending' WHERE title = 'alpha 第1篇'": "alpha 第1篇 is pending",
    f"DELETE FROM entry_channels WHERE info_code = '{code(4)}'": f"{code(4)} is missing",
    "INSERT INTO marks (document, stamp) VALUES ('feed', 'x')": "feed is still marked",
}


def test_every_kind_of_loss_would_be_found(memory_workspace: Any, origin: Any, answer: Any, shared: Path) -> None:
    workspace, growing = memory_workspace, Growing(origin, answer, random.Random(1))
    workspace.configure(tables(origin.url))
    workspace.json("fetch")
    assert faults(workspace, growing.served, shared / "standards") == []
    with contextlib.closing(sqlite3.connect(workspace.folder / "aggregator.db")) as connection, connection:
        for damage in DAMAGE:
            connection.execute(damage)
    feed, half = workspace.public / "feed.atom", workspace.public / "article/.x.html.4999999-0123456789ab.part"
    feed.write_bytes(feed.read_bytes()[:-10])
    half.write_bytes(b"<html>")
    (workspace.public / "index.html.gz").write_bytes(b"\x1f\x8b")
    found = faults(workspace, growing.served, shared / "standards")
    wanted = [*DAMAGE.values(), "feed.atom: cannot be read", f"article/{half.name}: nothing of this kind"]
    for fault in [*wanted, "index.html.gz: cannot be unpacked", "feed.json is not what the store says"]:
        assert any(line.startswith(fault) for line in found), fault

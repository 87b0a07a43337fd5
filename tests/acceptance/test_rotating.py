"""Sources that show every entry in exactly one response: what was read is stored, whatever breaks in between."""

import json
import os
import random
import signal
import sqlite3
import threading
import time
from collections import Counter
from contextlib import closing
from typing import Any

from acceptance_checks import eventually

SEED = int(os.environ.get("AGGREGATOR_TEST_SEED", 0)) or random.SystemRandom().randrange(1, 10**6)
SOURCES = ("alpha", "beta", "gamma", "delta", "epsilon")
FULL = bool(os.environ.get("AGGREGATOR_TEST_FULL"))  # all there is to show; a quick run shows a part of it
ENTRIES = 1000 if FULL else 250  # in a response
PASSES = 5  # that end by themselves
KILLS = 3
TABLE = """
[sources.{name}]
kind = "json"
url = "{origin}/{name}"
items = "$[*]"
guid = "$.id"
title = "$.title"
category = "轮"
backfill = 1000
"""


class Rotating:
    """Five sources whose lists are others at each request. Each answers once by 503. It notes what it served."""

    def __init__(self, origin: Any, answer: Any) -> None:
        self.served: list[str] = []
        self.refusals = 0
        self._answer, self._lock, self._requests = answer, threading.Lock(), Counter[str]()
        for name in SOURCES:
            origin.answers[f"/{name}"] = lambda _, name=name: self._respond(name)

    def _respond(self, name: str) -> Any:
        with self._lock:
            self._requests[name] += 1
            if self._requests[name] == SOURCES.index(name) + 2:
                self.refusals += 1
                return self._answer(b"busy", 503)
            response = f"{name}-{self._requests[name]}"
            self.served.append(response)
        return self._answer(document(response))


def document(response: str) -> bytes:
    items = [{"id": f"{response}-{n}", "title": f"{response} 第{n}篇"} for n in range(ENTRIES)]
    return json.dumps(items, ensure_ascii=False).encode()


def configure(workspace: Any, origin: Any) -> None:
    workspace.configure("".join(TABLE.format(name=name, origin=origin.url) for name in SOURCES))
    text = workspace.config.read_text(encoding="utf-8")
    only_json = text.replace('directory = "public"', 'directory = "public"\nformats = ["json"]')
    workspace.config.write_text(only_json, encoding="utf-8")


def killed_pass(workspace: Any, origin: Any, chance: random.Random) -> None:
    """Begin a pass, and kill it a random moment after it asked for something."""
    process = workspace.start("fetch", "--force")
    wanted = len(origin.requests) + chance.randint(1, len(SOURCES))
    eventually(lambda: len(origin.requests) >= wanted or process.poll() is not None, "a request")
    time.sleep(chance.uniform(0, 0.8))
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)


def faults(workspace: Any, whole: list[str], cut: list[str]) -> list[str]:
    """What is wrong with what is stored: of a response that a kill cut off, all or nothing may be there."""
    rows = workspace.rows("SELECT guid, state FROM entries")
    stored = Counter(row["guid"].rpartition("-")[0] for row in rows)
    found = [f"{response}: {stored[response]} entries" for response in whole if stored[response] != ENTRIES]
    found += [f"{response}: {stored[response]} entries" for response in cut if stored[response] not in (0, ENTRIES)]
    found += [f"{response} was never served" for response in set(stored) - set(whole) - set(cut)]
    found += [f"{guid} is stored twice" for guid, n in Counter(row["guid"] for row in rows).items() if n > 1]
    found += [f"{row['guid']} is {row['state']}" for row in rows if row["state"] != "published"]
    unplaced = workspace.rows(
        "SELECT guid FROM entries WHERE info_code NOT IN (SELECT info_code FROM entry_channels)"
    )
    return found + [f"{row['guid']} stands in no channel" for row in unplaced]


def test_every_entry_of_a_response_that_was_read_is_stored_and_published(
    memory_workspace: Any, origin: Any, answer: Any
) -> None:
    workspace, chance = memory_workspace, random.Random(SEED)
    print(f"AGGREGATOR_TEST_SEED={SEED} draws the same moments again")
    rotating = Rotating(origin, answer)
    configure(workspace, origin)
    cut: list[str] = []
    kills = set(chance.sample(range(1, PASSES), KILLS))
    for number in range(PASSES):
        if number in kills:
            before = len(rotating.served)
            killed_pass(workspace, origin, chance)
            cut += rotating.served[before:]
        workspace.json("fetch", "--force", status=None)
    whole = [response for response in rotating.served if response not in cut]
    assert len(whole) * ENTRIES >= 20 * ENTRIES
    assert rotating.refusals >= len(SOURCES) - 1
    assert faults(workspace, whole, cut) == []


def test_a_lost_a_doubled_and_a_held_entry_would_be_found(workspace: Any, origin: Any, answer: Any) -> None:
    rotating = Rotating(origin, answer)
    configure(workspace, origin)
    workspace.json("fetch")
    first, second, third = rotating.served[:3]
    assert faults(workspace, rotating.served, []) == []
    with closing(sqlite3.connect(workspace.folder / "aggregator.db")) as connection, connection:
        connection.execute("DELETE FROM entries WHERE guid = ?", [f"{first}-7"])
        connection.execute("UPDATE entries SET guid = ? WHERE guid = ?", [f"{second}-1", f"{second}-2"])
        connection.execute("UPDATE entries SET state = 'held' WHERE guid = ?", [f"{third}-1"])
        connection.execute("UPDATE entries SET guid = 'x-1' WHERE guid = ?", [f"{third}-2"])
    assert faults(workspace, rotating.served[1:], [first]) == [
        f"{third}: {ENTRIES - 1} entries",
        f"{first}: {ENTRIES - 1} entries",
        "x was never served",
        f"{second}-1 is stored twice",
        f"{third}-1 is held",
    ]

"""Backup while the daemon is at work, and the way back."""

import json
import sqlite3
from contextlib import closing
from typing import Any

from acceptance_checks import eventually

ITEM = "<item><guid>tag:example.org,2021:{n}</guid><title>标题{n}</title><description>正文{n}</description></item>"


def feed(*numbers: int) -> bytes:
    items = "".join(ITEM.format(n=number) for number in numbers)
    return f'<rss version="2.0"><channel><title>来源</title>{items}</channel></rss>'.encode()


def titles(path: Any) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [title for (title,) in connection.execute("SELECT title FROM entries ORDER BY seq")]


def test_a_backup_of_a_working_daemon_is_whole_and_brings_everything_back(
    workspace: Any, origin: Any, answer: Any
) -> None:
    served = [1]

    def grown(_: object) -> Any:
        served.append(len(served) + 1)
        return answer(feed(*served[-50:]))

    origin.answers["/rss"] = grown
    source = f'[sources.a]\nurl = "{origin.url}/rss"\ncategory = "科技"\ninterval = "1s"\nbackfill = 5000\n'
    workspace.configure(source)
    copy = workspace.folder / "copy.db"
    with workspace.daemon():
        eventually(lambda: len(workspace.rows("SELECT 1 FROM entries")) > 2, "articles")
        committed = [row["title"] for row in workspace.rows("SELECT title FROM entries ORDER BY seq")]
        report = workspace.json("backup", str(copy))
        assert report["keep"] == [str(workspace.config)]
        refused = workspace.run("restore", str(copy))
        assert refused.returncode == 1
        assert "stop the daemon first" in refused.stderr
    kept = titles(copy)
    assert kept[: len(committed)] == committed
    assert len(kept) == report["entries"]
    final = titles(workspace.folder / "aggregator.db")
    again = workspace.run("backup", str(copy))
    assert again.returncode == 1
    assert "exists already" in again.stderr

    restored = workspace.json("restore", str(copy))
    assert restored["entries"] == len(kept)
    assert titles(workspace.folder / "aggregator.db") == kept
    assert titles(workspace.folder / restored["kept"]) == final
    published = workspace.json("publish")
    assert published["problems"] == []
    pages = list((workspace.public / "article").glob("*.html"))
    assert len(pages) == len(kept), "pages of articles that the backup does not hold are gone"
    assert len(json.loads((workspace.public / "feed.json").read_text())["items"]) == min(len(kept), 50)

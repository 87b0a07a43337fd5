"""What a source brings all at once: held, confirmed by the next fetch, and a sold domain's only by the operator."""

import os
import signal
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from acceptance_checks import eventually

DAY = timedelta(days=1)
NEWEST = datetime.now(UTC) - DAY


def document(
    name: str, *numbers: int, site: str = "a.example.org", title: str = "小报", older: timedelta = timedelta(0)
) -> bytes:
    """A feed whose article number n came out n hours before the newest."""
    items = "".join(
        f"<item><guid isPermaLink='false'>{name}-{n}</guid><title>{name} 第{n}篇</title>"
        f"<link>https://{site}/{name}/{n}</link><description>{name} 的正文 {n}</description>"
        f"<pubDate>{format_datetime(NEWEST - older - timedelta(hours=n))}</pubDate></item>"
        for n in numbers
    )
    head = f"<title>{title}</title><link>https://{site}/</link>"
    return f'<?xml version="1.0"?><rss version="2.0"><channel>{head}{items}</channel></rss>'.encode()


def serve(workspace: Any, origin: Any, answer: Any, body: bytes) -> None:
    origin.answers["/a"] = answer(body, headers={"Content-Type": "application/rss+xml"})
    workspace.configure(f'[sources.a]\nurl = "{origin.url}/a"\ncategory = "小报"\n')


def fetched(workspace: Any, origin: Any, answer: Any, body: bytes) -> dict[str, Any]:
    serve(workspace, origin, answer, body)
    (source,) = workspace.json("fetch", "--force")["sources"]
    found: dict[str, Any] = source
    return found


def published(workspace: Any) -> str:
    """All that can be read of articles in the published files."""
    texts = (".atom", ".rss", ".json", ".html")
    return "".join(body.decode() for path, (_, body) in workspace.files().items() if path.endswith(texts))


def write(workspace: Any, sql: str, *values: str) -> None:
    with closing(sqlite3.connect(workspace.folder / "aggregator.db")) as connection, connection:
        connection.execute(sql, values)


def standing(workspace: Any) -> dict[str, Any]:
    found: dict[str, Any] = workspace.json("explain", "a")
    return found


def test_a_flood_is_held_and_then_confirmed(workspace: Any, origin: Any, answer: Any) -> None:
    fetched(workspace, origin, answer, document("old", *range(20)))
    outcome = fetched(workspace, origin, answer, document("new", *range(20)))
    assert (outcome["new"], outcome["held"], outcome["outcome"]) == (0, 20, "ok")
    assert "held until the next fetch" in outcome["problems"][0]
    assert "new 第" not in published(workspace)
    assert [row["n"] for row in workspace.rows("SELECT count(*) AS n FROM entry_channels")] == [20]
    assert (standing(workspace)["state"], standing(workspace)["held"]) == ("held", 20)
    assert workspace.json("explain", "https://a.example.org/new/3")["state"] == "held"
    told = workspace.run("explain", "https://a.example.org/new/3").stdout
    assert "20 of its 20 entries are new at once" in " ".join(told.split())
    dates = workspace.rows("SELECT info_code, sort_date FROM entries ORDER BY seq")

    outcome = fetched(workspace, origin, answer, document("new", *range(20)) + b"<!-- another byte -->")
    assert (outcome["new"], outcome["held"], outcome["problems"]) == (20, 0, [])
    assert published(workspace).count("new 第3篇") > 0
    assert workspace.rows("SELECT info_code, sort_date FROM entries ORDER BY seq") == dates
    assert (standing(workspace)["state"], standing(workspace)["held"]) == ("healthy", 0)


def test_the_entries_of_a_sold_domain_are_held_until_the_operator_releases_them(
    workspace: Any, origin: Any, answer: Any
) -> None:
    fetched(workspace, origin, answer, document("old", *range(20)))
    for numbers, held in (((0, 1, 2), 3), ((0, 1, 2), 0), ((1, 2, 3), 1)):
        sold = document("win", *numbers, site="casino.test", title="Casino")
        outcome = fetched(workspace, origin, answer, sold)
        assert (outcome["held"], outcome["new"]) == (held, 0)
    assert "win 第" not in published(workspace)
    assert "Casino" not in published(workspace)
    assert standing(workspace)["under_review"]
    assert "`release a`" in " ".join(workspace.run("sources").stdout.split())

    told = workspace.json("release", "a")
    assert sorted(article["title"] for article in told["released"]) == [f"win 第{n}篇" for n in range(4)]
    assert all(f"win 第{n}篇" in published(workspace) for n in range(4))
    assert standing(workspace)["state"] == "healthy"
    sold = document("win", 9, 8, 7, site="casino.test", title="Casino")
    outcome = fetched(workspace, origin, answer, sold)
    assert (outcome["new"], outcome["held"]) == (3, 0)
    assert "Casino" in published(workspace)


def test_what_a_sold_domain_brought_can_be_thrown_away(workspace: Any, origin: Any, answer: Any) -> None:
    fetched(workspace, origin, answer, document("old", *range(20)))
    sold = document("win", 1, 2, 3, site="casino.test", title="Casino")
    fetched(workspace, origin, answer, sold)
    assert len(workspace.json("release", "a", "--discard")["discarded"]) == 3
    assert workspace.rows("SELECT DISTINCT state FROM entries WHERE guid LIKE 'win-%'")[0]["state"] == "retracted"
    more = document("win", 1, 2, 3, 4, site="casino.test", title="Casino")
    assert fetched(workspace, origin, answer, more)["held"] == 1
    assert "win 第" not in published(workspace)


def test_a_source_that_came_back_after_a_month_with_nothing_known_waits_for_the_operator(
    workspace: Any, origin: Any, answer: Any
) -> None:
    fetched(workspace, origin, answer, document("old", *range(20)))
    origin.answers["/a"] = answer(b"", 500)
    workspace.json("fetch", "--force", status=1)
    since = (datetime.now(UTC) - 31 * DAY).strftime("%Y-%m-%dT%H:%M:%SZ")
    write(workspace, "UPDATE sources SET failing_since = ?", since)
    assert fetched(workspace, origin, answer, document("hello", 0))["held"] == 1
    assert fetched(workspace, origin, answer, document("hello", 0))["new"] == 0
    assert "gone for 31 days" in standing(workspace)["held_reason"]
    assert len(workspace.json("release", "a")["released"]) == 1


def test_an_archive_that_comes_again_is_held_and_the_news_beside_it_are_not(
    workspace: Any, origin: Any, answer: Any
) -> None:
    fetched(workspace, origin, answer, document("old", *range(20)))
    known = document("old", *range(20)).removesuffix(b"</channel></rss>")
    archive = document("archive", *range(15), older=300 * DAY).removesuffix(b"</channel></rss>")
    news = document("news", -1, -2)
    whole = known + b"".join(each.split(b"</link>", 1)[1] for each in (archive, news))
    outcome = fetched(workspace, origin, answer, whole)
    assert (outcome["new"], outcome["held"], outcome["unchanged"]) == (2, 15, 20)
    assert "older than its newest article" in outcome["problems"][0]
    assert "archive 第" not in published(workspace)
    outcome = fetched(workspace, origin, answer, whole)
    assert (outcome["outcome"], outcome["new"]) == ("not-modified", 15)
    assert "archive 第0篇" in published(workspace)


def test_a_held_set_survives_a_kill_and_is_confirmed_after_the_restart(
    workspace: Any, origin: Any, answer: Any
) -> None:
    fetched(workspace, origin, answer, document("old", *range(20)))
    serve(workspace, origin, answer, document("new", *range(20)))
    write(workspace, "UPDATE sources SET next_fetch_at = '2000-01-01T00:00:00Z'")
    held = "SELECT title FROM entries WHERE state = 'held' ORDER BY seq"
    with workspace.daemon() as process:
        eventually(lambda: len(workspace.rows(held)) == 20, "twenty held articles")
        os.kill(process.pid, signal.SIGKILL)
        process.wait(timeout=60)
    assert len(workspace.rows(held)) == 20
    workspace.json("publish", "--all")
    assert "new 第" not in published(workspace)
    (outcome,) = workspace.json("fetch", "--force")["sources"]
    assert (outcome["outcome"], outcome["new"]) == ("not-modified", 20)
    assert "new 第0篇" in published(workspace)


def test_release_names_what_is_meant_and_releases_nothing_where_nothing_is_held(
    workspace: Any, origin: Any, answer: Any
) -> None:
    fetched(workspace, origin, answer, document("old", *range(3)))
    assert workspace.json("release", "a")["released"] == []
    wrong = workspace.run("release", "aa")
    assert (wrong.returncode, "did you mean 'a'" in wrong.stderr) == (2, True)

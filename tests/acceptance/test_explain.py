"""What each room did with an article, told to the operator: fetched, read, recognised, placed, published."""

from datetime import UTC, datetime
from typing import Any

import pytest

FEED = """<rss version="2.0"><channel><title>来源</title><link>https://example.org/</link>{items}</channel></rss>"""
ITEM = """<item><guid>{guid}</guid><title>第{number}篇</title><link>https://example.org/{number}?utm_source={guid}</link>
<description>正文 {number}{more}</description><category>财经</category></item>"""


def document(guid: str, numbers: Any = (1, 2), more: str = "") -> bytes:
    items = "".join(ITEM.format(guid=f"{guid}{number}", number=number, more=more) for number in numbers)
    return FEED.format(items=items).encode()


@pytest.fixture(scope="module")
def told(module_workspace: Any, module_origin: Any, answer: Any) -> Any:
    """A workspace where two sources bring the same two articles, the second one through a redirect."""
    workspace, origin = module_workspace, module_origin
    feed = {"Content-Type": "text/html"}  # it is none
    origin.answers["/a"] = answer(document("a", more=" AT&T &bogus;"), headers=feed)
    origin.answers["/b"] = answer(b"", 301, {"Location": "/moved"})
    origin.answers["/moved"] = answer(document("b"), headers={"Content-Type": "text/xml"})
    workspace.configure(
        f'[sources.a]\nurl = "{origin.url}/a"\ncategory = "科技"\ncategory_from = "tags"\n'
        f'[sources.b]\nurl = "{origin.url}/b"\n'
    )
    workspace.json("fetch", "a")
    workspace.json("fetch", "b")
    return workspace


def test_how_it_was_fetched_and_read_is_told_of_each_source(told: Any, module_origin: Any) -> None:
    first, second = told.json("explain", "https://example.org/1")["origins"]
    assert (first["source"], first["url"], first["status"]) == ("a", f"{module_origin.url}/a", 200)
    assert (first["format"], first["content_type"], first["entries"], first["matched"]) == ("rss20", "text/html", 2, "")
    assert any("ampersands" in note for note in first["notes"])
    assert (second["source"], second["redirects"]) == ("b", [f"301 {module_origin.url}/moved"])
    assert second["matched"] == "url https://example.org/1"


def test_why_it_stands_in_each_channel_and_in_which_files_is_told(told: Any) -> None:
    found = told.json("explain", "https://example.org/1")
    rules = {place["title"]: (place["source"], place["rule"]) for place in found["placed"]}
    assert rules == {"科技新闻": ("a", "category"), "财经新闻": ("a", "tags"), "b新闻": ("b", "name")}
    page = f"article/{found['info_code']}.html"
    assert {page, "feed.atom", "feed.rss", "feed.json", "index.html"} < set(found["published_in"])
    assert {"category/keji.atom", "category/caijing.rss", "category/b.json"} < set(found["published_in"])
    assert all((told.public / path).is_file() for path in found["published_in"])


def test_it_reads_well_in_a_narrow_terminal(told: Any) -> None:
    text = told.run("explain", "https://example.org/1").stdout
    for part in ("301 to http", "as rss20, said to be text/html", "url https://example.org/1", "its tags, as a gives"):
        assert part in text
    assert "a fixed category of a" in text
    assert "category/keji .atom .rss .json .html" in text


def test_a_file_that_lost_the_article_is_not_named(told: Any) -> None:
    found = told.json("explain", "https://example.org/2")
    feed = told.public / "feed.rss"
    kept = feed.read_bytes()
    feed.write_bytes(kept.replace(found["info_code"].encode(), b"another"))
    try:
        after = told.json("explain", "https://example.org/2")
    finally:
        feed.write_bytes(kept)
    assert set(found["published_in"]) - set(after["published_in"]) == {"feed.rss"}


def test_a_change_and_a_withdrawal_are_told(workspace: Any, origin: Any, answer: Any) -> None:
    names = 'xmlns="http://www.w3.org/2005/Atom" xmlns:at="http://purl.org/atompub/tombstones/1.0"'
    head = f"<feed {names}><id>urn:x</id><title>来源</title><updated>2026-05-01T00:00:00Z</updated>"
    entry = "<entry><id>urn:x:1</id><title>{}</title><link href='https://example.org/1'/><updated>2026-05-01T00:00:00Z"
    entry += "</updated></entry>"
    gone = '<at:deleted-entry ref="urn:x:1" when="{when}"><at:comment>有误</at:comment>'
    gone = gone.format(when=(when := f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")) + "</at:deleted-entry>"
    workspace.configure(f'[sources.a]\nurl = "{origin.url}/a"\n')
    seen = []
    for inside in (entry.format("一"), entry.format("二"), gone):
        origin.answers["/a"] = answer(f"{head}{inside}</feed>".encode())
        workspace.json("fetch", "--force")
        seen.append(workspace.json("explain", "https://example.org/1"))
    assert [[origin["what"] for origin in found["origins"]] for found in seen[:2]] == [["came"], ["came", "changed"]]
    assert seen[2]["state"] == "retracted"
    (withdrawn,) = seen[2]["withdrawn"]
    assert (withdrawn["source"], withdrawn["said_at"], withdrawn["comment"]) == ("a", when, "有误")
    assert seen[2]["published_in"] == []
    assert "under 'urn:x:9'" in workspace.run("explain", "urn:x:9").stderr, "a name is no picture"

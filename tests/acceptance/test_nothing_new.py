"""When nothing is new, nothing is done: no rows, no rendering, no file; and the same store gives the same bytes."""

import itertools
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

DUMPED = {
    "entries": "seq",
    "aliases": "kind, value",
    "provenance": "info_code, source",
    "channels": "slug",
    "channel_names": "folded",
    "entry_channels": "id",
    "marks": "document",
    "meta": "key",
}
ETAG = 'W/"mä:rz-é"'  # not ASCII: it must come back as the bytes that were sent
SINCE = "Tue, 28 dec 2021 8:08:58 GMT"  # no HTTP date as we would write it: it must come back as it was written
CODES = [f"NW2021122822276962{number:02}" for number in range(3)]


def rss(name: str, count: int = 3) -> bytes:
    items = "".join(
        f"<item><title>{name} 第{number}篇</title><link>https://{name}.example.org/{number}</link>"
        f"<description>&lt;p&gt;{name} 的正文 {number}&lt;/p&gt;</description><category>南昌日报</category>"
        f"<pubDate>Tue, 28 Dec 2021 08:{number:02}:58 +0800</pubDate></item>"
        for number in range(count)
    )
    return f'<rss version="2.0"><channel><title>{name}</title>{items}</channel></rss>'.encode()


def listing() -> bytes:
    items = [{"infoCode": code, "title": f"文章 {code}", "datetime": "2021-12-28 08:08:58"} for code in CODES]
    return json.dumps({"records": [item | {"medianame": "南昌日报"} for item in items]}, ensure_ascii=False).encode()


@pytest.fixture
def site(workspace: Any, origin: Any, answer: Any) -> Any:
    """A workspace with sources of every kind, pulled once."""

    def when_unchanged(request: Any) -> Any:
        if request.headers.get("if-modified-since") == SINCE:
            return answer(b"", 304)
        return answer(rss("since"), headers={"Last-Modified": SINCE, "Content-Type": "application/rss+xml"})

    feed = {"Content-Type": "application/rss+xml"}
    origin.answers["/etag"] = answer(rss("etag"), headers={**feed, "ETag": ETAG})
    origin.answers["/since"] = when_unchanged
    origin.answers["/both"] = answer(rss("both"), headers={**feed, "ETag": '"2"', "Last-Modified": SINCE})
    origin.answers["/none"] = answer(rss("none"), headers=feed)
    asked = itertools.count()
    origin.answers["/never-the-same"] = lambda _: answer(rss("odd") + b"\n" * next(asked), headers=feed)
    origin.answers["/list"] = answer(listing(), headers={"Content-Type": "application/json"})
    for code in CODES:
        text = json.dumps({"text": f"<p>正文 {code}</p>"}).encode()
        origin.answers[f"/text/{code}"] = answer(text, headers={"Content-Type": "application/json"})
    (workspace.folder / "local.xml").write_bytes(rss("file"))
    workspace.configure(sources(origin.url))
    assert workspace.json("fetch")["new"] == 6 * 3 + len(CODES)
    return workspace


def sources(origin: str) -> str:
    feeds = "".join(
        f'\n[sources.{name}]\nurl = "{origin}/{name}"\ncategory_from = "tags"\n'
        for name in ("etag", "since", "both", "none", "never-the-same")
    )
    return f"""{feeds}
[sources.file]
url = "file:local.xml"
category = "本地"
[sources.list]
kind = "json"
url = "{origin}/list"
items = "$.records[*]"
info_code = "$.infoCode"
title = "$.title"
published = "$.datetime"
outlet = "$.medianame"
link = "https://list.example.org/{{info_code}}"
category_from = "outlet"
article = {{ url = "{origin}/text/{{info_code}}", content = "$.text" }}
"""


def dump(workspace: Any) -> dict[str, list[tuple[Any, ...]]]:
    return {
        table: [tuple(row) for row in workspace.rows(f"SELECT * FROM {table} ORDER BY {order}")]
        for table, order in DUMPED.items()
    }


def validators(request: Any) -> dict[str, str]:
    wanted = ("if-none-match", "if-modified-since")
    return {name: value for name, value in request.headers.items() if name in wanted}


def test_a_second_pull_sends_the_validators_and_changes_nothing(site: Any, origin: Any) -> None:
    rows, files = dump(site), site.files()
    assert all(validators(request) == {} for request in origin.requests)
    origin.requests.clear()
    report = site.json("fetch", "--force")

    assert {request.path: validators(request) for request in origin.requests} == {
        "/etag": {"if-none-match": ETAG},
        "/since": {"if-modified-since": SINCE},
        "/both": {"if-none-match": '"2"', "if-modified-since": SINCE},
        "/none": {},
        "/never-the-same": {},
        "/list": {},
    }, "and no text is fetched again"
    assert {line["source"]: line["outcome"] for line in report["sources"]} == {
        **dict.fromkeys(("etag", "since", "both", "none", "file", "list"), "not-modified"),
        "never-the-same": "ok",
    }
    assert (report["new"], report["revised"], report["failed"]) == (0, 0, 0)
    assert report["published"] == {"written": [], "unchanged": 0, "removed": [], "problems": [], "replaced": 0}
    assert dump(site) == rows
    assert site.files() == files

    origin.requests.clear()
    assert site.json("fetch")["sources"] == [], "nothing is asked before it is due"
    site.json("fetch", "--force")
    sent = {request.path: validators(request) for request in origin.requests}
    assert (sent["/etag"], sent["/since"]) == ({"if-none-match": ETAG}, {"if-modified-since": SINCE})


def test_a_change_would_be_seen(site: Any, origin: Any, answer: Any) -> None:
    rows, files = dump(site), site.files()
    origin.answers["/none"] = answer(rss("none", 4), headers={"Content-Type": "application/rss+xml"})
    report = site.json("fetch", "--force")
    assert (report["new"], report["revised"]) == (1, 0)
    assert dump(site) != rows
    changed = {path for path, file in site.files().items() if files.get(path) != file}
    assert {"feed.atom", "category/nanchangribao.atom", "index.html"} <= changed
    assert "category/bendi.atom" not in changed, "only the channels that the new article is in"


def published(workspace: Any, **environment: str) -> dict[str, bytes]:
    """Publish everything in a process with another environment; give the bytes of every file."""
    process = workspace.start("publish", "--all", "--json", env={**os.environ, **environment})
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, out + err
    return {path: body for path, (_, body) in workspace.files().items()}


def test_the_same_store_gives_the_same_bytes_everywhere_and_always(site: Any) -> None:
    first = published(site, TZ="Asia/Shanghai", LANG="zh_CN.UTF-8", PYTHONHASHSEED="1")
    before = site.files()
    assert published(site, TZ="Asia/Shanghai", LANG="zh_CN.UTF-8", PYTHONHASHSEED="1") == first
    assert site.files() == before, "files whose bytes are the same are not written"
    shutil.rmtree(site.public)
    again = published(site, TZ="America/St_Johns", LANG="C", LC_ALL="C", PYTHONHASHSEED="2", PYTHONUTF8="0")
    assert sorted(again) == sorted(first)
    assert [path for path in first if again[path] != first[path]] == []


def test_a_store_built_anew_gives_the_same_ids(site: Any, tmp_path: Path) -> None:
    codes = sorted(row["info_code"] for row in site.rows("SELECT info_code FROM entries"))
    for path in tmp_path.glob("aggregator.db*"):
        path.unlink()
    assert site.json("fetch")["new"] == len(codes)
    assert sorted(row["info_code"] for row in site.rows("SELECT info_code FROM entries")) == codes

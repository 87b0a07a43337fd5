"""What the operator is told: why the next check is when it is, where an article came from, what became of a feed."""

from typing import Any

FEED = """<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom"><id>urn:x:feed</id>
<title>小报</title><link href="{home}/"/><updated>2026-11-20T00:00:00Z</updated>
<entry><id>urn:x:1</id><title>第一篇</title><link href="{home}/1"/><updated>2026-11-20T00:00:00Z</updated>
<content>正文</content></entry></feed>"""
PAGE = """<html><head><title>首页</title>
<link rel="alternate" type="application/atom+xml" href="/new.atom"></head></html>"""


def feed(origin: Any, answer: Any, **headers: str) -> Any:
    return answer(FEED.format(home=origin.url).encode(), headers={"Content-Type": "application/atom+xml", **headers})


def test_an_article_and_a_source_tell_their_story(workspace: Any, origin: Any, answer: Any) -> None:
    origin.answers["/a"] = feed(origin, answer, **{"Cache-Control": "max-age=10800"})
    workspace.configure(f'[sources.a]\nurl = "{origin.url}/a"\ncategory = "小报"\n')
    workspace.json("fetch")
    trace = workspace.json("explain", f"{origin.url}/1?utm_source=x")
    assert (trace["title"], trace["source"], trace["revision"]) == ("第一篇", "a", 1)
    assert [channel["slug"] for channel in trace["channels"]] == ["xiaobao"]
    assert {"kind": "guid", "value": "urn:x:1"} not in trace["names"] or trace["provenance"][0]["source"] == "a"
    source = workspace.json("explain", "a")
    assert source["state"] == "healthy"
    assert "3 hours" in source["next_reason"]
    assert "max-age" in source["next_reason"]
    assert workspace.run("explain", "nothing").returncode == 1
    assert "why then" in workspace.run("explain", "a").stdout


def test_a_page_given_as_a_feed_finds_its_feed(workspace: Any, origin: Any, answer: Any) -> None:
    origin.answers["/"] = answer(PAGE.encode(), headers={"Content-Type": "text/html"})
    origin.answers["/new.atom"] = feed(origin, answer, ETag='"1"')
    workspace.configure(f'[sources.a]\nurl = "{origin.url}/"\n')
    assert workspace.json("fetch")["new"] == 1
    (report,) = workspace.json("sources")["sources"]
    assert (report["state"], report["fetched_from"]) == ("moved", f"{origin.url}/new.atom")
    origin.requests.clear()
    assert workspace.json("fetch", "--force")["sources"][0]["outcome"] == "not-modified"
    assert [request.path for request in origin.requests] == ["/new.atom"]


def test_a_feed_that_became_a_page_is_proposed_another_and_keeps_its_address(
    workspace: Any, origin: Any, answer: Any
) -> None:
    origin.answers["/old.atom"] = feed(origin, answer)
    origin.answers["/new.atom"] = feed(origin, answer)
    workspace.configure(f'[sources.a]\nurl = "{origin.url}/old.atom"\n')
    workspace.json("fetch")
    origin.answers["/old.atom"] = answer(PAGE.encode(), headers={"Content-Type": "text/html"})
    assert workspace.json("fetch", "--force", status=1)["failed"] == 1
    (report,) = workspace.json("sources")["sources"]
    assert (report["state"], report["proposed_url"]) == ("unreadable", f"{origin.url}/new.atom")
    assert report["fetched_from"] == ""
    assert "/new.atom" not in [request.path for request in origin.requests]
    assert f"its page names {origin.url}/new.atom" in workspace.run("sources").stdout


def test_a_missing_feed_is_looked_for_on_its_page_once_and_410_ends_it(
    workspace: Any, origin: Any, answer: Any
) -> None:
    origin.answers["/a.atom"] = feed(origin, answer)
    origin.answers["/"] = answer(PAGE.encode(), headers={"Content-Type": "text/html"})
    workspace.configure(f'[sources.a]\nurl = "{origin.url}/a.atom"\n')
    workspace.json("fetch")
    origin.answers["/a.atom"] = answer(b"", 404)
    for _ in range(4):
        workspace.json("fetch", "--force", status=1)
    assert [request.path for request in origin.requests].count("/") == 1
    (report,) = workspace.json("sources")["sources"]
    assert (report["state"], report["proposed_url"]) == ("failing", f"{origin.url}/new.atom")
    origin.answers["/a.atom"] = answer(b"", 410)
    workspace.json("fetch", "--force", status=1)
    (report,) = workspace.json("sources")["sources"]
    assert (report["state"], report["next_fetch_at"]) == ("gone", None)


def test_a_live_list_brings_sources_in_the_categories_of_its_folders_and_takes_them_away(
    workspace: Any, origin: Any, answer: Any
) -> None:
    def subscriptions(*names: str) -> Any:
        outlines = "".join(f'<outline type="rss" text="{name}" xmlUrl="{origin.url}/{name}"/>' for name in names)
        body = f'<opml version="2.0"><body><outline text="科技">{outlines}</outline></body></opml>'
        return answer(body.encode(), headers={"Content-Type": "text/x-opml"})

    for name in ("one", "two"):
        text = FEED.format(home=f"{origin.url}/{name}").replace("urn:x", f"urn:{name}")
        origin.answers[f"/{name}"] = answer(text.encode(), headers={"Content-Type": "application/atom+xml"})
    origin.answers["/list"] = subscriptions("one", "two")
    workspace.configure(f'[sources.list]\nkind = "opml"\nurl = "{origin.url}/list"\n')
    report = workspace.json("fetch")
    assert {item["source"]: item["new"] for item in report["sources"]} == {"list": 0, "list/one": 1, "list/two": 1}
    rows = workspace.rows("SELECT slug FROM entry_channels")
    assert [row["slug"] for row in rows] == ["keji", "keji"]

    origin.answers["/list"] = subscriptions("two")
    report = workspace.json("fetch", "--force")
    assert {item["source"] for item in workspace.json("sources")["sources"]} == {"list", "list/two"}
    assert workspace.rows("SELECT count(*) AS n FROM entries")[0]["n"] == 2


def test_a_page_is_a_source_by_six_lines_of_selectors(workspace: Any, origin: Any, answer: Any) -> None:
    items = "".join(
        f'<article><h3><a href="/n/{n}">标题{n}</a></h3><time datetime="2026-11-2{n}T08:00:00+08:00">昨天</time>'
        f'<p class="lead">导语{n}。</p></article>'
        for n in (1, 2)
    )
    body = f"<html><body>{items}</body></html>"
    origin.answers["/news"] = answer(body.encode(), headers={"Content-Type": "text/html"})
    workspace.configure(
        f"""[sources.page]
kind = "html"
url = "{origin.url}/news"
items = "article"
title = "h3 a"
published = "time"
summary = "p.lead"
"""
    )
    assert workspace.json("fetch")["new"] == 2
    row = workspace.rows("SELECT title, link, published, summary FROM entries ORDER BY seq")[0]
    assert tuple(row) == ("标题1", f"{origin.url}/n/1", "2026-11-21T00:00:00Z", "导语1。")


def test_a_paged_feed_is_followed_into_its_past_on_the_first_subscription_only(
    workspace: Any, origin: Any, answer: Any
) -> None:
    def page(number: int) -> Any:
        older = f'<link rel="prev-archive" href="{origin.url}/p{number + 1}"/>' if number < 9 else ""
        entries = "".join(
            f"<entry><id>urn:p:{number}{n}</id><title>{number}{n}</title><content>x</content>"
            f"<updated>2026-11-0{9 - number}T0{n}:00:00Z</updated></entry>"
            for n in range(5)
        )
        head = "<id>urn:p</id><title>p</title><updated>2026-11-09T00:00:00Z</updated>"
        body = f'<feed xmlns="http://www.w3.org/2005/Atom">{head}{older}{entries}</feed>'
        return answer(body.encode(), headers={"Content-Type": "application/atom+xml"})

    for number in range(1, 10):
        origin.answers[f"/p{number}"] = page(number)
    workspace.configure(f'[sources.p]\nurl = "{origin.url}/p1"\nbackfill = 18\n')
    (report,) = workspace.json("fetch")["sources"]
    assert (report["new"], report["skipped"]) == (18, 2)
    assert len(origin.requests) == 4
    workspace.json("fetch", "--force")
    assert len(origin.requests) == 5


def test_one_address_in_two_sources_is_fetched_once_for_both(workspace: Any, origin: Any, answer: Any) -> None:
    origin.answers["/a"] = feed(origin, answer, ETag='"1"')
    tables = [f'[sources.{name}]\nurl = "{origin.url}/a"\ncategory = "{name}"\n' for name in ("x", "y")]
    workspace.configure("".join(tables))
    workspace.json("fetch")
    assert len(origin.requests) == 1
    assert [row["slug"] for row in workspace.rows("SELECT slug FROM entry_channels ORDER BY slug")] == ["x", "y"]
    workspace.json("fetch", "--force")
    assert [request.headers.get("if-none-match") for request in origin.requests] == [None, '"1"']


def test_a_retracted_article_is_gone_from_everything_and_stays_gone(workspace: Any, origin: Any, answer: Any) -> None:
    origin.answers["/a"] = feed(origin, answer)
    workspace.configure(f'[sources.a]\nurl = "{origin.url}/a"\ncategory = "小报"\n')
    workspace.json("fetch")
    code = workspace.json("explain", f"{origin.url}/1")["info_code"]
    assert workspace.json("retract", code)["title"] == "第一篇"
    assert not (workspace.public / f"article/{code}.html").exists()
    edited = FEED.format(home=origin.url).replace("正文", "改过的正文").encode()
    origin.answers["/a"] = answer(edited, headers={"Content-Type": "application/atom+xml"})
    report = workspace.json("fetch", "--force")
    assert (report["new"], report["revised"]) == (0, 0)
    files = {path: body for path, (_, body) in workspace.files().items() if not path.endswith((".gz", ".br"))}
    assert not [path for path, body in files.items() if "第一篇".encode() in body]
    assert workspace.run("retract", code).returncode == 1
    assert workspace.json("explain", code)["state"] == "retracted"


def test_no_later_failure_forgets_how_long_the_server_asked_to_be_left_alone(
    workspace: Any, origin: Any, answer: Any
) -> None:
    workspace.configure(f'[sources.a]\nurl = "{origin.url}/a"\n')
    origin.answers["/a"] = answer(b"", 429, {"Retry-After": "172800"})
    workspace.json("fetch", status=1)
    first = workspace.json("explain", "a")
    assert "2 days" in first["next_reason"]
    origin.answers["/a"] = answer(b"", 500)
    workspace.json("fetch", "--force", status=1)
    again = workspace.json("explain", "a")
    assert (again["failures"], again["next_fetch_at"]) == (2, first["next_fetch_at"])
    assert again["next_reason"] == first["next_reason"]
    origin.answers["/a"] = feed(origin, answer)
    workspace.json("fetch", "--force")
    assert workspace.json("explain", "a")["next_fetch_at"] < first["next_fetch_at"]

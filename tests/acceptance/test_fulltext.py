"""`fulltext`: each new article's text comes from its own page, politely, and never worse than what the feed had."""

import re
from typing import Any

import pytest

pytest.importorskip("trafilatura", reason="the extra fulltext is not installed")

PARAGRAPH = "<p>第{n}段。南昌日报讯，年末流动性需求上升，央行加大投放力度，有助于维护市场平稳，资金价格有所上升。</p>"
LONG = "<p>" + "这是订阅里本来就有的全文，比网页上能找到的要长。" * 60 + "</p>"


def page(number: int, paragraphs: int = 6) -> bytes:
    text = "".join(PARAGRAPH.format(n=f"{number}-{n}") for n in range(paragraphs))
    menu = "".join(f'<li><a href="/{name}">{name}频道</a></li>' for name in ("首页", "财经", "体育", "文化"))
    return f"""<html><head><meta charset="utf-8"><title>第{number}篇</title></head><body><ul class="menu">{menu}</ul>
<div class="article"><h1>第{number}篇</h1>{text}<img src="../img/{number}.png" alt=""></div>
<div class="foot">版权所有</div></body></html>""".encode()


def feed(origin: Any, *numbers: int, text: str = "只有一句摘要。") -> bytes:
    items = "".join(
        f"<item><title>第{n}篇</title><guid>tag:example.org,2031:{n}</guid><link>{origin.url}/news/{n}.html</link>"
        f"<description><![CDATA[{text}]]></description></item>"
        for n in numbers
    )
    return f'<rss version="2.0"><channel><title>南昌</title>{items}</channel></rss>'.encode()


@pytest.fixture
def site(workspace: Any, origin: Any, answer: Any) -> Any:
    """Let the origin play a newspaper: a feed with excerpts, and the pages of its articles."""

    def serve(*numbers: int, fulltext: str = "fulltext = true", text: str = "只有一句摘要。") -> Any:
        origin.answers["/feed"] = answer(feed(origin, *numbers, text=text), headers={"Content-Type": "text/xml"})
        for n in numbers:
            origin.answers.setdefault(f"/news/{n}.html", answer(page(n), headers={"Content-Type": "text/html"}))
        workspace.configure(f'[sources.paper]\nurl = "{origin.url}/feed"\ncategory = "南昌日报"\n{fulltext}\n')
        origin.requests.clear()
        return workspace

    return serve


def contents(workspace: Any) -> dict[str, str]:
    return {row["title"]: row["content"] or row["summary"] for row in workspace.rows("SELECT * FROM entries")}


def test_trying_a_source_fetches_one_text_and_stores_nothing(site: Any, origin: Any) -> None:
    workspace = site(1, 2, 3)
    said = workspace.run("test", "paper").stdout
    assert "3 would be fetched by a request each" in said
    assert "第1-0段" in said
    assert [request.path for request in origin.requests if request.path.startswith("/news")] == ["/news/1.html"]
    lengths = {item["title"]: item["content_length"] for item in workspace.json("test", "paper")["items"]}
    assert lengths["第1篇"] > 100
    assert lengths["第2篇"] == lengths["第3篇"] == 0
    assert not (workspace.folder / "aggregator.db").exists()


def test_trying_a_source_says_what_is_wrong_with_its_texts(site: Any, origin: Any, answer: Any) -> None:
    workspace = site(1, fulltext='fulltext = "div.none"')
    done = workspace.run("test", "paper")
    assert done.returncode == 0
    assert "div.none" in done.stderr


@pytest.mark.parametrize("wish", ["true", '"div.article"'])
def test_each_article_has_the_text_of_its_page_which_is_asked_for_once(site: Any, origin: Any, wish: str) -> None:
    workspace = site(1, 2, fulltext=f"fulltext = {wish}")
    assert workspace.json("fetch")["new"] == 2
    found = contents(workspace)
    for n in (1, 2):
        text = found[f"第{n}篇"]
        assert [f"第{n}-{m}段" in text for m in range(6)] == [True] * 6
        assert f'src="{origin.url}/img/{n}.png"' in text
        assert not any(word in text for word in ("频道", "版权所有", "<h1>"))
    (summary,) = {row["summary"] for row in workspace.rows("SELECT summary FROM entries")}
    assert "只有一句摘要。" in summary, "the feed's excerpt stays what it is"

    pages = [request for request in origin.requests if request.path != "/feed"]
    assert sorted(request.path for request in pages) == ["/news/1.html", "/news/2.html"]
    assert all(request.headers["accept"].startswith("text/html") for request in pages)
    assert all("finews.example.org/about" in request.headers["user-agent"] for request in pages)

    workspace = site(1, 2, 3, fulltext=f"fulltext = {wish}")
    report = workspace.json("fetch", "--force")
    assert (report["new"], report["revised"]) == (1, 0)
    assert [request.path for request in origin.requests] == ["/feed", "/news/3.html"]


def test_a_page_with_less_than_the_feed_has_changes_nothing(site: Any, origin: Any) -> None:
    workspace = site(1, text=LONG)
    report = workspace.json("fetch")
    assert (report["new"], report["sources"][0]["problems"]) == (1, [])
    assert "本来就有的全文" in contents(workspace)["第1篇"]
    origin.requests.clear()
    assert workspace.json("fetch", "--force")["revised"] == 0
    assert [request.path for request in origin.requests] == ["/feed"]


def test_articles_whose_pages_have_no_text_come_with_what_the_feed_said_and_that_is_told(
    site: Any, origin: Any, answer: Any
) -> None:
    pdf, login = b"%PDF-1.7\n\x00\x01\x02\x03\x04" * 30, b"<html><body><p>Log in</p></body></html>"
    origin.answers["/news/1.html"] = answer(b"gone", 404)
    origin.answers["/news/2.html"] = answer(pdf, headers={"Content-Type": "application/pdf"})
    origin.answers["/news/3.html"] = answer(login, headers={"Content-Type": "text/html"})
    workspace = site(1, 2, 3, fulltext='fulltext = "div.article"')
    report = workspace.json("fetch", status=None)
    assert report["new"] == 3
    problems = sorted(report["sources"][0]["problems"])
    for n, (said, why) in enumerate(zip(problems, ("404", "not text", "div.article matches nothing"), strict=True), 1):
        assert re.match(rf"article {re.escape(origin.url)}/news/{n}.html: .*{why}", said)
    assert all("只有一句摘要。" in text for text in contents(workspace).values())
    assert {row["state"] for row in workspace.rows("SELECT state FROM entries")} == {"published"}
    origin.requests.clear()
    workspace.run("fetch", "--force")
    assert [request.path for request in origin.requests] == ["/feed"], "they are not asked for again"


def test_an_article_whose_page_fails_for_now_comes_when_it_can_be_had(site: Any, origin: Any, answer: Any) -> None:
    origin.answers["/news/1.html"] = answer(b"later", 503)
    workspace = site(1, 2)
    assert workspace.json("fetch", status=None)["new"] == 2
    assert [row["title"] for row in workspace.rows("SELECT title FROM entries WHERE state = 'published'")] == ["第2篇"]
    origin.answers["/news/1.html"] = answer(page(1), headers={"Content-Type": "text/html"})
    workspace.json("fetch", "--force")
    assert "第1-0段" in contents(workspace)["第1篇"]
    assert {row["state"] for row in workspace.rows("SELECT state FROM entries")} == {"published"}


def test_articles_stored_before_stay_as_they_are_when_their_texts_are_wished_for(site: Any, origin: Any) -> None:
    workspace = site(1, 2, fulltext="")
    assert workspace.json("fetch")["new"] == 2
    assert [request.path for request in origin.requests] == ["/feed"]
    workspace = site(1, 2, 3)
    report = workspace.json("fetch", "--force")
    assert (report["new"], report["revised"]) == (1, 0)
    assert [request.path for request in origin.requests] == ["/feed", "/news/3.html"]


def test_a_revised_article_has_its_page_read_again(site: Any, origin: Any) -> None:
    workspace = site(1)
    workspace.json("fetch")
    workspace = site(1, text="摘要改了一个字。")
    report = workspace.json("fetch", "--force")
    assert (report["new"], report["revised"]) == (0, 1)
    assert "/news/1.html" in [request.path for request in origin.requests]
    assert "第1-0段" in contents(workspace)["第1篇"]

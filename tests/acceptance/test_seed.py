"""The system that the first user has in mind, end to end: a JSON list, then each text by its infoCode."""

import json
import re
from pathlib import Path
from typing import Any

import feedparser
import pytest

SEED = "NW202112282227696247"
SHAPES = {  # what the lists of that system look like: the key of the list, and of the code
    "records": ("records", "infoCode"),
    "nodeList": ("nodeList", "infocode"),
    "record": ("record", "infoCode"),
}
OUTLETS = [
    "人民日报（海外版）",
    "TechWeb",
    "Techweb",
    "山西日报",
    "陕西日报",
    "重庆日报",
    "21世纪经济报道 南财理财通",
    "安信国际证券(香港)",
]


def post(path: Path) -> dict[str, str]:
    """A post of that system: front matter, and the text without the links at its foot."""
    _, front, body = path.read_text(encoding="utf-8").split("---\n", 2)
    fields = dict(line.split(": ", 1) for line in front.splitlines() if ": " in line)
    return {"title": fields["title"].strip('"'), "date": fields["date"][:19], "text": body.split("\n\n<http")[0]}


def others() -> list[dict[str, str]]:
    """Articles of the seed's shape, one per outlet, with what broke that system: quotes, markup, no title, no date."""
    titles = [
        "引号“”与\"双引号\"",
        "A & B <b>不是标记</b>",
        "冒号: 与 {{ liquid }}",
        "山西的新闻",
        "陕西的新闻",
        "重庆的新闻",
        "",
        "括号(香港)",
    ]
    return [
        {
            "code": f"NW20211228222769{6300 + number}",
            "title": title,
            "date": "" if number == 6 else f"2021-12-28 09:{number:02}:00",
            "outlet": outlet,
            "text": f"<p>第{number}篇，来自{outlet}。</p><p>正文足够读者读一会儿。</p>",
        }
        for number, (title, outlet) in enumerate(zip(titles, OUTLETS, strict=True))
    ]


def serve(origin: Any, answer: Any, shape: str, articles: list[dict[str, str]]) -> str:
    """Let the origin play the list and the texts; give the source's TOML."""
    list_key, code_key = SHAPES[shape]
    items = [
        {code_key: a["code"], "title": a["title"], "datetime": a["date"], "medianame": a["outlet"]} for a in articles
    ]
    headers = {"Content-Type": "application/json; charset=utf-8", "ETag": '"list-1"'}
    origin.answers["/web/webapi"] = answer(json.dumps({list_key: items}).encode(), headers=headers)
    for a in articles:
        body = json.dumps({"infoCode": a["code"], "text": a["text"]}).encode()
        text = answer(body, headers={"Content-Type": "application/json"})
        origin.answers[f"/NewsData/GetNewsText.do?id={a['code']}"] = text
    return f"""
[sources.eastmoney]
kind = "json"
url = "{origin.url}/web/webapi"
items = "$.{list_key}[*]"
info_code = "$.{code_key}"
title = "$.title"
published = "$.datetime"
outlet = "$.medianame"
link = "{origin.url}/html_News/NewsShare.html?infoCode={{info_code}}"
category_from = "outlet"
article = {{ url = "{origin.url}/NewsData/GetNewsText.do?id={{info_code}}", content = "$.text" }}
"""


def rss(link: str, title: str, text: str) -> bytes:
    return f"""<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>财经</title>
<link>https://finance.eastmoney.com/</link><description>d</description><item><title>{title}</title><link>{link}</link>
<description>{text}</description><pubDate>Tue, 28 Dec 2021 08:08:58 +0800</pubDate></item></channel></rss>""".encode()


@pytest.fixture
def seed(shared: Path) -> dict[str, str]:
    found = post(shared / "finews" / "_posts" / f"2021-12-28-{SEED}.md")
    return found | {"code": SEED, "outlet": "南昌日报"}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_seed_article_becomes_a_channel_with_its_full_text(
    workspace: Any, origin: Any, answer: Any, seed: dict[str, str], shape: str
) -> None:
    workspace.configure(serve(origin, answer, shape, [seed, *others()]))
    assert workspace.json("fetch")["new"] == 9

    channel = feedparser.parse((workspace.public / "category/nanchangribao.atom").read_bytes())
    assert channel.feed.title == "南昌日报新闻"
    assert channel.feed.id == "tag:finews.example.org,2026:category/nanchangribao"
    (entry,) = channel.entries
    assert entry.id == f"tag:finews.example.org,2026:{SEED}"
    assert entry.title == seed["title"]
    assert entry.published == "2021-12-28T08:08:58+08:00"
    assert entry.updated == "2021-12-28T08:08:58+08:00"
    assert entry.link == f"{origin.url}/html_News/NewsShare.html?infoCode={SEED}"
    related = [link.href for link in entry.links if link.rel == "related"]
    assert related == [f"https://finews.example.org/article/{SEED}.html"]
    said, kept = (re.sub(r"<[^>]+>|\s+", "", text) for text in (seed["text"], entry.content[0].value))
    assert kept == said


def test_the_same_article_by_another_road_is_still_one_entry(
    workspace: Any, origin: Any, answer: Any, seed: dict[str, str]
) -> None:
    feed = rss(f"https://finance.eastmoney.com/a/{SEED[2:]}.html", seed["title"], "摘要")
    origin.answers["/rss"] = answer(feed, headers={"Content-Type": "application/rss+xml"})
    road = f'\n[sources.{{}}]\nurl = "{origin.url}/rss"\ncategory = "财经"\n'
    workspace.configure(road.format("before") + serve(origin, answer, "record", [seed]) + road.format("after"))
    for again in ((), ("--force",)):
        workspace.json("fetch", *again)
        (row,) = workspace.rows("SELECT info_code, link, content, revision FROM entries")
        assert row["info_code"] == SEED
        assert "反诈洪警官" in row["content"], "the fuller text wins, whichever road came first"
        assert row["link"].startswith(origin.url)
    slugs = [row["slug"] for row in workspace.rows("SELECT slug FROM entry_channels ORDER BY slug")]
    assert slugs == ["caijing", "nanchangribao"]
    assert len(feedparser.parse((workspace.public / "feed.atom").read_bytes()).entries) == 1


def test_every_fault_of_the_first_system_is_gone(
    workspace: Any, origin: Any, answer: Any, seed: dict[str, str]
) -> None:
    workspace.configure(serve(origin, answer, "records", [seed, *others()]))
    workspace.json("fetch")
    titles = {row["slug"]: row["title"] for row in workspace.rows("SELECT slug, title FROM channels")}
    assert titles == {
        "nanchangribao": "南昌日报新闻",
        "renminribao-haiwaiban": "人民日报（海外版）新闻",
        "techweb": "TechWeb新闻",
        "shanxiribao": "山西日报新闻",
        "shaanxiribao": "陕西日报新闻",
        "chongqingribao": "重庆日报新闻",
        "21shijijingjibaodao-nancailicaitong": "21世纪经济报道 南财理财通新闻",
        "anxinguojizhengquan-xianggang": "安信国际证券(香港)新闻",
    }
    for slug, title in titles.items():
        document = feedparser.parse((workspace.public / f"category/{slug}.atom").read_bytes())
        assert document.feed.title == title
        assert all(entry.title.strip() and entry.updated for entry in document.entries)
        assert f"<title>{title}" in (workspace.public / f"category/{slug}.html").read_text(encoding="utf-8")
    everything = feedparser.parse((workspace.public / "feed.atom").read_bytes())
    found = {entry.title for entry in everything.entries}
    assert {"引号“”与\"双引号\"", "冒号: 与 {{ liquid }}"} <= found
    assert len(feedparser.parse((workspace.public / "category/techweb.atom").read_bytes()).entries) == 2


def test_texts_are_fetched_once_and_again_only_when_the_list_says_that_an_article_changed(
    workspace: Any, origin: Any, answer: Any, seed: dict[str, str]
) -> None:
    articles = [seed, *others()]
    workspace.configure(serve(origin, answer, "records", articles))
    workspace.json("fetch")
    texts = [request.path for request in origin.requests if "GetNewsText" in request.path]
    assert sorted(texts) == sorted(f"/NewsData/GetNewsText.do?id={a['code']}" for a in articles)

    origin.requests.clear()
    serve(origin, answer, "records", [articles[0] | {"title": "更正：" + seed["title"]}, *articles[1:]])
    origin.answers["/web/webapi"].headers["ETag"] = '"list-2"'
    report = workspace.json("fetch", "--force")
    assert (report["new"], report["revised"]) == (0, 1)
    assert [r.path for r in origin.requests if "GetNewsText" in r.path] == [f"/NewsData/GetNewsText.do?id={SEED}"]
    (row,) = workspace.rows("SELECT title, revision FROM entries WHERE info_code = ?", SEED)
    assert (row["title"], row["revision"]) == ("更正：" + seed["title"], 2)


def test_a_text_that_cannot_be_had_yet_is_owed_and_the_article_is_published_when_it_comes(
    workspace: Any, origin: Any, answer: Any, seed: dict[str, str]
) -> None:
    workspace.configure(serve(origin, answer, "records", [seed, *others()]))
    text = f"/NewsData/GetNewsText.do?id={SEED}"
    whole = origin.answers[text]
    origin.answers[text] = answer(b"", 503)
    (report,) = workspace.json("fetch")["sources"]
    assert report["new"] == 9
    assert "503" in report["problems"][0]
    assert not (workspace.public / "category/nanchangribao.atom").exists() or not feedparser.parse(
        (workspace.public / "category/nanchangribao.atom").read_bytes()
    ).entries

    origin.answers[text] = whole
    (report,) = workspace.json("fetch", "--force")["sources"]
    assert report["outcome"] == "not-modified"
    (entry,) = feedparser.parse((workspace.public / "category/nanchangribao.atom").read_bytes()).entries
    assert "反诈洪警官" in entry.content[0].value
    assert workspace.rows("SELECT revision FROM entries WHERE info_code = ?", SEED)[0]["revision"] == 1

"""A channel that only some may read leaves no trace where anyone reads: through a real store, real files and HTTP."""

import asyncio
import sqlite3
from pathlib import Path

import httpx
import pytest
from test_pipeline import Newsroom, item, rss

from aggregator import wiring
from aggregator.serve import create_app

CANARIES = ("秘密标题", "秘密正文", "mimi", "秘密")  # title and text of an article, slug and name of its channel
TOKEN = "a-token-of-twenty-odd"


@pytest.fixture
def newsroom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Newsroom:
    monkeypatch.setenv("READERS_TOKEN", TOKEN)
    room = Newsroom(tmp_path)
    room.write("open", rss(item(1), item(2, title="两处都有")), 'category = "科技"')
    secret = item(3, title=CANARIES[0], text=CANARIES[1])
    room.write("closed", rss(secret, item(2, title="两处都有")), 'category = "秘密"')
    return room


def protect(newsroom: Newsroom) -> None:
    newsroom.categories = (
        'title_format = "{name}"\n[server]\nprotected = ["category/mimi"]\n'
        '[server.tokens.alice]\nenv = "READERS_TOKEN"\noutputs = ["category/mimi"]'
    )


def fetched(newsroom: Newsroom, token: str = "") -> dict[str, httpx.Response]:
    """Ask for every published document."""
    app = create_app(wiring.serve_options(newsroom.settings()))

    async def ask() -> dict[str, httpx.Response]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://site") as client:
            return {path: await client.get(f"/{path}", headers=headers) for path in newsroom.documents()}

    return asyncio.run(ask())


def leaks(newsroom: Newsroom) -> set[str]:
    """The documents that anyone can read and that hold a word of the protected channel."""
    answers = fetched(newsroom)
    return {path for path, answer in answers.items() if any(word in answer.text for word in CANARIES)}


def test_nothing_of_a_protected_channel_stands_where_anyone_reads(newsroom: Newsroom) -> None:
    protect(newsroom)
    newsroom.refresh()
    assert leaks(newsroom) == set()
    answers = fetched(newsroom)
    closed = {path for path, answer in answers.items() if answer.status_code == 401}
    assert {path for path in closed if path.startswith("category/")} == {
        f"category/mimi.{name}" for name in ("atom", "rss", "json", "html")
    }
    assert len([path for path in closed if path.startswith("article/")]) == 1
    assert len(closed) == 5
    assert newsroom.titles("feed.atom") == ["两处都有", "标题1"]
    assert answers["sources.html"].text.count("<h2") == 1, "its source is not named either"


def test_without_protection_it_would_stand_there(newsroom: Newsroom) -> None:
    newsroom.refresh()
    assert {"feed.atom", "feed.rss", "feed.json", "index.html", "opml.xml", "category/mimi.atom"} <= leaks(newsroom)
    assert fetched(newsroom)["sources.html"].text.count("<h2") == 2


def test_who_has_the_token_reads_the_channel_and_its_articles(newsroom: Newsroom) -> None:
    protect(newsroom)
    newsroom.refresh()
    answers = fetched(newsroom, TOKEN)
    assert {answer.status_code for answer in answers.values()} == {200}
    assert CANARIES[1] in answers["category/mimi.atom"].text
    assert newsroom.titles("category/mimi.atom") == [CANARIES[0], "两处都有"]


def test_an_article_that_another_channel_shows_is_open_and_names_only_that(newsroom: Newsroom) -> None:
    protect(newsroom)
    newsroom.refresh()
    shared = [answer for path, answer in fetched(newsroom).items() if "两处都有</h1>" in answer.text]
    assert [answer.status_code for answer in shared] == [200]
    assert 'content="keji"' in shared[0].text


def test_a_change_of_mind_is_rendered_in_both_directions(newsroom: Newsroom) -> None:
    newsroom.refresh()
    before = newsroom.categories
    protect(newsroom)
    newsroom.render()
    assert leaks(newsroom) == set()
    newsroom.categories = before
    newsroom.render()
    assert "feed.atom" in leaks(newsroom)
    assert CANARIES[0] in newsroom.titles("feed.atom")


LISTS = ("sitemap-pages.xml", "sources.html")


def test_a_channel_that_is_closed_leaves_the_lists_before_anything_else_is_rendered(newsroom: Newsroom) -> None:
    newsroom.refresh()
    protect(newsroom)

    async def begin() -> set[str]:
        async with wiring.assembled(newsroom.settings(), lambda: newsroom.now) as app:
            return set(app.pipeline.publish_lists().written)

    assert asyncio.run(begin()) == {"feed.atom", "feed.rss", "feed.json", "index.html", "opml.xml", *LISTS}
    assert {path for path in leaks(newsroom) if not path.startswith(("article/", "category/keji"))} == set()
    assert len(newsroom.render().written) > 0


def test_what_a_protected_channel_shows_whole_is_not_whole_elsewhere(newsroom: Newsroom) -> None:
    newsroom.write("open", rss(item(2, text="开头。" * 200)), 'category = "科技"')
    newsroom.write("closed", rss(item(2, text="开头。" * 200)), 'category = "秘密"')
    protect(newsroom)
    newsroom.categories += '\n[categories.keji]\nnames = ["科技"]\ntext = "title"'
    newsroom.refresh()
    whole = {path for path, answer in fetched(newsroom).items() if "开头。" * 200 in answer.text}
    assert whole == set()
    assert "开头。" * 200 in fetched(newsroom, TOKEN)["category/mimi.atom"].text


def test_a_channel_that_search_engines_shall_leave_out_says_so_in_every_answer(newsroom: Newsroom) -> None:
    newsroom.categories += '\n[categories.keji]\nnames = ["科技"]\nnoindex = true'
    newsroom.refresh()
    answers = fetched(newsroom)
    quiet = {path for path, answer in answers.items() if answer.headers.get("x-robots-tag") == "noindex"}
    assert {f"category/keji.{name}" for name in ("atom", "rss", "json", "html")} <= quiet
    assert len([path for path in quiet if path.startswith("article/")]) == 1  # that in no other channel
    assert not {"feed.atom", "index.html", "category/mimi.atom"} & quiet


def shown(newsroom: Newsroom, words: str) -> str:
    """The page of a search that anyone may make."""
    settings = newsroom.settings()
    with wiring.searching(settings) as index:
        while index.catch_up():
            pass
        search = wiring.with_search(wiring.serve_options(settings), settings, index).search
        assert search is not None
        return search(f"q={words}", lambda: False).decode()


def test_a_search_finds_only_what_the_one_who_asks_may_read(newsroom: Newsroom) -> None:
    newsroom.refresh()
    assert "<h2" in shown(newsroom, CANARIES[1])
    protect(newsroom)
    newsroom.refresh()
    assert "<h2" not in shown(newsroom, CANARIES[1])
    assert "<h2" in shown(newsroom, "两处都有")
    with sqlite3.connect(newsroom.settings().store.path) as store:
        store.execute("DELETE FROM entry_channels WHERE slug <> 'mimi'")
    store.close()
    assert "标题1" in shown(newsroom, "标题1"), "what is in no channel stands in the feed of everything"
    newsroom.categories = newsroom.categories.replace('["category/mimi"]\n[', '["category/mimi", "feed"]\n[')
    assert "<h2" not in shown(newsroom, "标题1")

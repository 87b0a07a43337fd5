"""Outputs that need a token: who may read them, and what anyone else learns of them."""

import asyncio
import base64
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.serve import ServeOptions, Token, create_app
from aggregator.serve.access import Access, presented

SECRET, OTHER, MASTER = "correct horse battery", "another-token-of-theirs", "opens-all-of-it"
TOKENS = (
    Token("alice", SECRET, frozenset({"category/members"})),
    Token("bob", OTHER, frozenset({"category/board", "feed"})),
    Token("admin", MASTER, frozenset({"*"})),
)
PAGE = '<!doctype html><head><meta name="aggregator:channels" content="{}"></head><p>text'
FILES = {
    "index.html": "<!doctype html>home",
    "feed.atom": "<feed/>",
    "opml.xml": "<opml/>",
    "static/style.css": "p {}",
    "category/news.atom": "<feed/>",
    "category/members.atom": "<feed/>",
    "category/members.html": "<!doctype html>members",
    "category/members/archive-1.atom": "<feed/>",
    "article/open.html": PAGE.format("news"),
    "article/closed.html": PAGE.format("members"),
    "article/shared.html": PAGE.format("members board"),
    "article/alone.html": PAGE.format(""),
    "article/old.html": "<!doctype html><head></head>a page rendered before it could say its channels",
}

Get = Callable[..., httpx.Response]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    return tmp_path


def asker(directory: Path, *protected: str, tokens: tuple[Token, ...] = TOKENS) -> Get:
    app = create_app(ServeOptions(directory, protected=frozenset(protected), tokens=tokens))

    def request(path: str, method: str = "GET", **headers: str) -> httpx.Response:
        async def send() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://site") as client:
                names = {name.replace("_", "-"): value for name, value in headers.items()}
                return await client.request(method, f"/{path}", headers=names)

        return asyncio.run(send())

    return request


def basic(password: str, user: str = "anyone") -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_without_protection_anyone_reads_everything(directory: Path) -> None:
    get = asker(directory)
    assert {get(path).status_code for path in FILES} == {200}


def test_a_protected_channel_is_closed_with_its_page_its_archives_and_its_articles(directory: Path) -> None:
    get = asker(directory, "category/members")
    closed = {path for path in FILES if get(path).status_code == 401}
    assert closed == {path for path in FILES if "members" in path} | {"article/closed.html", "article/old.html"}


def test_an_article_is_closed_when_all_its_channels_are(directory: Path) -> None:
    get = asker(directory, "category/members", "category/board")
    assert get("article/shared.html").status_code == 401
    for secret in SECRET, OTHER, MASTER:
        assert get("article/shared.html", Authorization=f"Bearer {secret}").status_code == 200


def test_an_article_without_a_channel_is_part_of_the_feed_of_everything(directory: Path) -> None:
    get = asker(directory, "feed")
    assert get("article/alone.html").status_code == 401
    assert get("article/alone.html", Authorization=f"Bearer {OTHER}").status_code == 200
    assert {path for path in FILES if get(path).status_code == 401} == {
        "feed.atom",
        "article/alone.html",
        "article/old.html",
    }


def test_with_a_star_all_is_closed_but_what_pages_are_dressed_in(directory: Path) -> None:
    get = asker(directory, "*")
    assert [path for path in FILES if get(path).status_code == 200] == ["static/style.css"]
    assert {get(path, Authorization=basic(MASTER)).status_code for path in FILES} == {200}
    assert get("category/never-was.atom").status_code == 401
    assert get("article/never-was.html").status_code == 401


@pytest.mark.parametrize("output", ["index", "opml", "feed"])
def test_the_lists_can_be_closed_too(directory: Path, output: str) -> None:
    get = asker(directory, output)
    names = {path for path in FILES if get(path).status_code == 401}
    assert {path for path in names if not path.startswith("article/")} == {
        path for path in FILES if path.startswith(f"{output}.")
    }


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (f"?token={SECRET.replace(' ', '+')}", {}),
        (f"?x=1&token={SECRET.replace(' ', '%20')}", {}),
        ("", {"Authorization": f"Bearer {SECRET}"}),
        ("", {"Authorization": f"bearer  {SECRET}"}),
        ("", {"Authorization": basic(SECRET)}),
        ("", {"Authorization": basic(SECRET, user="")}),
        ("", {"Authorization": basic("", user=SECRET)}),
        ("?token=wrong", {"Authorization": basic(SECRET)}),
    ],
)
def test_a_token_is_taken_in_every_way_that_readers_can_send_it(
    directory: Path, path: str, headers: dict[str, str]
) -> None:
    get = asker(directory, "category/members")
    assert get(f"category/members.atom{path}", **headers).status_code == 200
    assert get(f"category/members.atom{path}", "HEAD", **headers).status_code == 200


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("", {}),
        ("?token=", {}),
        (f"?token={SECRET}x", {}),
        (f"?Token={SECRET}", {}),
        (f"?token={OTHER}", {}),
        ("?token=alice", {}),
        ("?token=%ff%00", {}),
        ("?" + "token=x&" * 300 + f"token={SECRET}", {}),
        ("?" + "token=x&" * 1000 + f"token={SECRET}", {}),
        ("", {"Authorization": SECRET}),
        ("", {"Authorization": "Basic !!!"}),
        ("", {"Authorization": "Basic " + base64.b64encode(b"\xff\xfe").decode()}),
        ("", {"Authorization": "Bearer"}),
        ("", {"Authorization": f"Digest {SECRET}"}),
        ("", {"If-None-Match": "*"}),
        ("", {"If-Modified-Since": "Wed, 29 Dec 2100 00:08:58 GMT"}),
        ("", {"A-IM": "feed", "If-None-Match": '"x"'}),
    ],
)
def test_nothing_else_opens_it(directory: Path, path: str, headers: dict[str, str]) -> None:
    get = asker(directory, "category/members")
    for method in "GET", "HEAD":
        answer = get(f"category/members.atom{path}", method, **headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Basic realm="feeds", charset="UTF-8"'
        assert answer.headers["cache-control"] == "no-store"
        assert not {"etag", "last-modified"} & set(answer.headers)


def test_whether_a_protected_channel_is_there_is_not_said(directory: Path) -> None:
    get = asker(directory, "category/members", "category/never-was")
    there, not_there = get("category/members.rss?token=guess"), get("category/never-was.rss?token=guess")
    assert (there.status_code, there.headers, there.content) == (401, not_there.headers, not_there.content)
    assert b"guess" not in there.content
    assert b"members" not in there.content


def test_a_token_that_is_taken_out_opens_nothing(directory: Path) -> None:
    without = tuple(token for token in TOKENS if token.name != "alice")
    before, after = asker(directory, "category/members"), asker(directory, "category/members", tokens=without)
    assert before(f"category/members.atom?token={SECRET}").status_code == 200
    assert after(f"category/members.atom?token={SECRET}").status_code == 401


def test_what_is_protected_is_kept_by_no_shared_cache_and_found_by_no_search_engine(directory: Path) -> None:
    get = asker(directory, "category/members")
    answer = get("category/members.atom", Authorization=f"Bearer {SECRET}")
    assert answer.headers["cache-control"].startswith("private, max-age=")
    assert answer.headers["vary"] == "Accept-Encoding, Accept, Authorization"
    assert answer.headers["x-robots-tag"] == "noindex"
    same = get("category/members.atom", Authorization=f"Bearer {SECRET}", If_None_Match=answer.headers["etag"])
    assert same.status_code == 304
    assert same.headers["cache-control"].startswith("private")
    assert get("category/news.atom").headers["cache-control"].startswith("public")


def test_a_token_is_not_shown_where_objects_are_printed() -> None:
    assert SECRET not in repr(ServeOptions(Path(), tokens=TOKENS))
    assert "alice" in repr(TOKENS[0])


@settings(max_examples=200)
@given(st.binary(max_size=40), st.none() | st.text(st.characters(max_codepoint=255), max_size=40))
def test_whatever_is_presented_is_read_without_a_fault(query: bytes, authorization: str | None) -> None:
    access = Access({"*"}, TOKENS)
    assert not access.opens(frozenset({"*"}), presented(query, authorization))
    assert not access.opens(frozenset({"*"}), presented(b"token=" + query, f"Basic {authorization}"))


# --- search engines


def test_search_engines_are_asked_to_leave_out_channels_and_the_pages_that_say_so(directory: Path) -> None:
    (directory / "article/quiet.html").write_text('<head><meta name="robots" content="noindex"></head>')
    (directory / "article/loud.html").write_text('<head></head><p><meta name="robots" content="noindex">')
    app = create_app(ServeOptions(directory, noindex=frozenset({"members"})))

    async def tags() -> dict[str, str | None]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://site") as client:
            paths = [*FILES, "article/quiet.html", "article/loud.html"]
            return {path: (await client.get(f"/{path}")).headers.get("x-robots-tag") for path in paths}

    found = asyncio.run(tags())
    quiet = {path for path in FILES if "members" in path and path.startswith("category/")} | {"article/quiet.html"}
    assert {path for path, said in found.items() if said == "noindex"} == quiet
    assert {said for path, said in found.items() if path not in quiet} == {None}

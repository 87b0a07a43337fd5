"""The published files over HTTP: exact headers, validators, compression, and nothing that is not published."""

import asyncio
import gzip
import hashlib
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import brotli
import httpx
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from starlette.types import Message

from aggregator.serve import ServeOptions, Token, create_app
from aggregator.serve.files import PublishedFiles, is_safe
from aggregator.serve.negotiate import best_coding
from aggregator.serve.status import PATHS

BODY = "<feed>南昌</feed>".encode() * 100
TAG = hashlib.sha256(BODY).hexdigest()[:32]
FEED = "/category/nanchangribao.atom"
MODIFIED = "Tue, 28 Dec 2021 00:08:58 GMT"
MTIME = 1640650138
KEPT = "public, max-age=420, stale-while-revalidate=420, stale-if-error=86400"

Get = Callable[..., httpx.Response]


def put(directory: Path, path: str, body: bytes, *, mtime: float = MTIME, compressed: bytes | None = None) -> None:
    """Publish a file as the writer does: beside, then by rename."""
    file = directory / path
    file.parent.mkdir(parents=True, exist_ok=True)
    for place, content in (file, body), (file.with_name(f"{file.name}.gz"), compressed):
        if content is not None:
            beside = place.with_name(f".{place.name}.part")
            beside.write_bytes(content)
            os.utime(beside, (mtime, mtime))
            beside.replace(place)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    put(tmp_path, "index.html", b"<!doctype html><title>home</title>" * 20)
    put(tmp_path, FEED[1:], BODY, compressed=gzip.compress(BODY, mtime=0))
    return tmp_path


@pytest.fixture
def get(directory: Path) -> Get:
    app = create_app(ServeOptions(directory, max_age=timedelta(minutes=7)))

    def request(path: str, method: str = "GET", **headers: str) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://site") as client:
                names = {name.replace("_", "-"): value for name, value in headers.items()}
                return await client.request(method, path, headers={"Accept-Encoding": "", **names})

        return asyncio.run(send())

    return request


async def raw(directory: Path, path: str, method: str = "GET") -> tuple[int, bytes]:
    """Ask for a path exactly as it stands, which no client library lets through."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "raw_path": b"", "headers": [], "query_string": b""}
    await create_app(ServeOptions(directory))({**scope, "root_path": "", "http_version": "1.1"}, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


def test_a_file_is_served_with_all_that_a_cache_needs(get: Get) -> None:
    answer = get(FEED)
    assert answer.status_code == 200
    assert answer.content == BODY
    assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
    assert answer.headers["content-length"] == str(len(BODY))
    assert answer.headers["etag"] == f'"{TAG}"'
    assert answer.headers["last-modified"] == MODIFIED
    assert answer.headers["cache-control"] == KEPT
    assert answer.headers["vary"] == "Accept-Encoding, Accept"
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("feed.atom", "application/atom+xml; charset=utf-8"),
        ("feed.rss", "application/rss+xml; charset=utf-8"),
        ("feed.json", "application/feed+json; charset=utf-8"),
        ("article/NW1.html", "text/html; charset=utf-8"),
        ("static/style.css", "text/css; charset=utf-8"),
        ("static/icon.svg", "image/svg+xml"),
        ("opml.xml", "text/x-opml; charset=utf-8"),
    ],
)
def test_each_kind_of_file_has_its_type(directory: Path, get: Get, path: str, media_type: str) -> None:
    put(directory, path, b"x")
    assert get(f"/{path}").headers["content-type"] == media_type


def test_the_top_is_the_home_page(get: Get) -> None:
    assert get("/").content == get("/index.html").content
    assert get("/").status_code == 200


def test_a_browser_finds_the_icon_where_it_looks_for_one(directory: Path, get: Get) -> None:
    assert get("/favicon.ico").status_code == 404
    put(directory, "static/icon.svg", b"<svg/>")
    found = get("/favicon.ico")
    assert (found.status_code, found.content, found.headers["content-type"]) == (200, b"<svg/>", "image/svg+xml")


def test_every_answer_carries_the_safety_headers(get: Get) -> None:
    for answer in get(FEED), get("/none.html"), get(FEED, "POST"), get(FEED, If_None_Match="*"):
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_feeds_may_be_read_from_other_sites_and_pages_not(get: Get) -> None:
    assert get(FEED).headers["access-control-allow-origin"] == "*"
    assert get(FEED, If_None_Match="*").headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-origin" not in get("/").headers


def test_a_page_of_another_site_may_ask_for_leave_to_send_a_conditional_request(get: Get) -> None:
    leave = get(FEED, "OPTIONS", Origin="https://reader.example", Access_Control_Request_Method="GET")
    assert leave.status_code == 204
    assert leave.headers["access-control-allow-origin"] == "*"
    assert leave.headers["access-control-allow-methods"] == "GET, HEAD"
    assert "If-None-Match" in leave.headers["access-control-allow-headers"]
    assert get("/index.html", "OPTIONS", Access_Control_Request_Method="GET").status_code == 405
    assert "ETag" in get(FEED).headers["access-control-expose-headers"]


# --- conditional requests (RFC 9110 §13)

EARLIER, LATER = "Mon, 27 Dec 2021 00:08:58 GMT", "Wed, 29 Dec 2021 00:08:58 GMT"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If_None_Match": f'"{TAG}"'}, 304),
        ({"If_None_Match": f'W/"{TAG}"'}, 304),
        ({"If_None_Match": f'"{TAG}-gzip"'}, 304),
        ({"If_None_Match": f'W/"{TAG}-gzip"'}, 304),
        ({"If_None_Match": f'"{TAG};gzip"'}, 304),
        ({"If_None_Match": f'"{TAG}--gzip"'}, 304),
        ({"If_None_Match": f'"{TAG}-br"'}, 304),
        ({"If_None_Match": f'"{TAG}-other"'}, 200),
        ({"If_None_Match": f'"other", W/"more" ,"{TAG}"'}, 304),
        ({"If_None_Match": "*"}, 304),
        ({"If_None_Match": TAG}, 304),
        ({"If_None_Match": '"other"'}, 200),
        ({"If_None_Match": ""}, 200),
        ({"If_None_Match": '"'}, 200),
        ({"If_None_Match": f'"{TAG[:-1]}"'}, 200),
        ({"If_Modified_Since": MODIFIED}, 304),
        ({"If_Modified_Since": LATER}, 304),
        ({"If_Modified_Since": "Tue, 28 Dec 2021 00:08:58 -0000"}, 304),
        ({"If_Modified_Since": EARLIER}, 200),
        ({"If_Modified_Since": "yesterday"}, 200),
        ({"If_Modified_Since": ""}, 200),
        ({"If_Modified_Since": "Tue, 99 Dec 99999 00:08:58 GMT"}, 200),
        ({"If_None_Match": '"other"', "If_Modified_Since": LATER}, 200),
        ({"If_None_Match": f'"{TAG}"', "If_Modified_Since": EARLIER}, 304),
    ],
)
def test_a_copy_that_is_still_good_is_not_sent_again(
    get: Get, method: str, headers: dict[str, str], status: int
) -> None:
    answer = get(FEED, method, **headers)
    assert answer.status_code == status
    assert answer.headers["etag"] == f'"{TAG}"'
    if status == 304:
        assert answer.content == b""
        assert answer.headers["vary"] == "Accept-Encoding, Accept"
        assert answer.headers["cache-control"] == KEPT
        assert answer.headers["last-modified"] == MODIFIED
        assert "content-type" not in answer.headers
        assert "content-length" not in answer.headers


def test_the_tag_of_a_304_is_that_of_the_variant_that_would_be_sent(get: Get) -> None:
    assert get(FEED, If_None_Match=f'"{TAG}"', Accept_Encoding="gzip").headers["etag"] == f'"{TAG}-gzip"'


def test_head_says_what_get_says_without_a_body(get: Get) -> None:
    for path in FEED, "/", "/none.html":
        for encoding in "", "gzip":
            full, head = get(path, Accept_Encoding=encoding), get(path, "HEAD", Accept_Encoding=encoding)
            assert head.headers == full.headers
            assert head.status_code == full.status_code
            assert head.content == b""


# --- compression


def test_gzip_is_sent_to_those_who_take_it_under_a_tag_of_its_own(get: Get) -> None:
    answer = get(FEED, Accept_Encoding="gzip")
    assert answer.content == BODY  # undone by the client
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["etag"] == f'"{TAG}-gzip"'
    assert answer.headers["vary"] == "Accept-Encoding, Accept"
    assert int(answer.headers["content-length"]) == len(gzip.compress(BODY, mtime=0))


@pytest.mark.parametrize(
    ("header", "gzipped"),
    [
        (None, False),
        ("", False),
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("deflate, gzip;q=1.0, *;q=0.5", True),
        ("br, gzip;q=0.2", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000, *", False),
        ("*;q=0", False),
        ("br, *;q=0", False),
        ("identity, gzip;q=0.5", False),
        ("identity;q=0.5, gzip", True),
        ("identity;q=0, gzip;q=0.001", True),
        ("gzip;q=nonsense", False),
        ("gzip;level=9;q=0.5", True),
        ("gzipped", False),
        (";;,,q=", False),
    ],
)
def test_weights_of_encodings_are_heeded(header: str | None, gzipped: bool) -> None:
    assert (best_coding(header or "", ["gzip"]) == "gzip") is gzipped


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        ("gzip, deflate, br", "br"),
        ("br", "br"),
        ("gzip, br;q=0.9", "gzip"),
        ("gzip;q=0.5, br;q=0.5", "br"),
        ("*", "br"),
        ("*, br;q=0", "gzip"),
        ("br;q=0.5, identity", "identity"),
        ("zstd", "identity"),
        ("gzip", "gzip"),
        ("gzip, " * 90, "gzip"),
    ],
)
def test_of_the_codings_a_client_takes_the_most_welcome_is_sent(
    directory: Path, get: Get, header: str, coding: str
) -> None:
    (directory / f"{FEED[1:]}.br").write_bytes(brotli.compress(BODY))
    answer = get(FEED, Accept_Encoding=header)
    assert answer.headers.get("content-encoding", "identity") == coding
    assert answer.content == BODY  # undone by the client
    assert answer.headers["etag"] == (f'"{TAG}"' if coding == "identity" else f'"{TAG}-{coding}"')
    assert get(FEED, Accept_Encoding=header, If_None_Match=answer.headers["etag"]).status_code == 304


@pytest.mark.parametrize("beside", [None, b"", b"no brotli", brotli.compress(b"before"), brotli.compress(BODY)[:-3]])
def test_where_no_whole_brotli_file_of_these_bytes_is_there_gzip_is_sent(
    directory: Path, get: Get, beside: bytes | None
) -> None:
    if beside is not None:
        (directory / f"{FEED[1:]}.br").write_bytes(beside)
    assert get(FEED, Accept_Encoding="br, gzip").headers["content-encoding"] == "gzip"
    assert "content-encoding" not in get(FEED, Accept_Encoding="br").headers


def test_a_reader_who_prefers_brotli_gets_it_made_once_and_others_meanwhile_get_gzip(directory: Path) -> None:
    codings = asked_until_brotli(directory, FEED, "gzip, br")
    assert codings[0] == "gzip"
    assert codings[-1] == "br"
    put(directory, FEED[1:], b"<feed>new</feed>" * 50, mtime=MTIME + 60)
    assert asked_until_brotli(directory, FEED, "gzip, br")[0] == "gzip"


def test_a_reader_who_takes_brotli_alone_gets_the_whole_meanwhile(directory: Path) -> None:
    assert asked_until_brotli(directory, FEED, "br")[0] == "identity"


def test_for_readers_who_like_gzip_as_well_as_nothing_else_no_brotli_is_made(directory: Path) -> None:
    with pytest.raises(TimeoutError):
        asked_until_brotli(directory, FEED, "gzip, br;q=0.5", seconds=0.3)


def asked_until_brotli(directory: Path, path: str, accept: str, seconds: float = 20) -> list[str]:
    """Ask until the answer comes as brotli; give the codings of the answers. Each has its own strong entity tag."""

    async def ask() -> list[str]:
        app, codings = create_app(ServeOptions(directory)), list[str]()
        async with (
            asyncio.timeout(seconds),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://site") as client,
        ):
            while "br" not in codings:
                answer = await client.get(path, headers={"Accept-Encoding": accept})
                body = (directory / path[1:]).read_bytes()
                coding = answer.headers.get("content-encoding", "identity")
                tag = hashlib.sha256(body).hexdigest()[:32] + (f"-{coding}" if coding != "identity" else "")
                assert (answer.content, answer.headers["etag"]) == (body, f'"{tag}"')
                assert answer.headers["vary"].startswith("Accept-Encoding")
                same = await client.get(path, headers={"Accept-Encoding": accept, "If-None-Match": f'"{tag}"'})
                assert same.status_code == 304
                codings.append(coding)
                await asyncio.sleep(0)  # nothing before gave the loop a turn
        return codings

    return asyncio.run(ask())


@pytest.mark.parametrize(
    "beside",
    [None, b"", b"no gzip", gzip.compress(b"the version before"), gzip.compress(BODY)[:-9], gzip.compress(BODY * 2)],
    ids=["none", "empty", "no gzip", "the version before", "cut short", "twice as long"],
)
def test_a_compressed_file_of_other_bytes_is_never_sent(directory: Path, get: Get, beside: bytes | None) -> None:
    twin = directory / f"{FEED[1:]}.gz"
    twin.unlink()
    if beside is not None:
        twin.write_bytes(beside)
    answer = get(FEED, Accept_Encoding="gzip")
    assert answer.content == BODY
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["etag"] == f'"{TAG}-gzip"'


def test_what_compression_makes_longer_is_sent_as_it_is(directory: Path, get: Get) -> None:
    put(directory, "feed.json", b"{}")
    assert "content-encoding" not in get("/feed.json", Accept_Encoding="gzip").headers


# --- change


def test_a_replaced_file_is_served_at_once_even_with_the_same_time_and_length(directory: Path, get: Get) -> None:
    before = get(FEED)
    put(directory, FEED[1:], BODY.swapcase())
    after = get(FEED, If_None_Match=before.headers["etag"])
    assert after.status_code == 200
    assert after.content == BODY.swapcase()
    assert after.headers["etag"] != before.headers["etag"]


def test_a_removed_file_is_gone_at_once(directory: Path, get: Get) -> None:
    assert get(FEED).status_code == 200
    (directory / FEED[1:]).unlink()
    assert get(FEED).status_code == 404


def test_the_tag_is_the_same_in_another_process_and_after_a_rewrite_of_equal_bytes(directory: Path, get: Get) -> None:
    put(directory, FEED[1:], BODY, mtime=MTIME + 100)
    assert get(FEED).headers["etag"] == f'"{TAG}"'


def test_answers_are_whole_while_files_are_replaced(directory: Path) -> None:
    versions = {bytes([number]) * 50_000 for number in range(65, 95)}
    put(directory, FEED[1:], min(versions))
    app = create_app(ServeOptions(directory))

    def replace_all() -> None:
        for body in versions:
            put(directory, FEED[1:], body, compressed=gzip.compress(body, 1))

    async def read() -> int:
        seen = 0
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://site") as client:
            writing = asyncio.create_task(asyncio.to_thread(replace_all))
            while not writing.done():
                answer = await client.get(FEED, headers={"Accept-Encoding": ("gzip", "identity")[seen % 2]})
                assert answer.content in versions
                assert answer.headers["etag"].startswith(f'"{hashlib.sha256(answer.content).hexdigest()[:32]}')
                seen += 1
                await asyncio.sleep(0)  # an answer from memory never waits, and the loop must hear the thread end
            await writing
        return seen

    assert asyncio.run(read()) > 0


def test_what_is_kept_in_memory_is_bounded_and_the_longest_unused_goes_first(directory: Path) -> None:
    for name in "abc":
        put(directory, f"{name}.png", b"x" * 4000)
    files = PublishedFiles(directory, lambda file: file, max_bytes=17_000)

    async def ask() -> list[bool]:
        first = [await files.get(f"{name}.png") for name in "ab"]
        await files.get("a.png")
        await files.get("c.png")
        again = [await files.get(f"{name}.png") for name in "ab"]
        return [before is after for before, after in zip(first, again, strict=True)]

    assert asyncio.run(ask()) == [True, False]


def test_a_file_larger_than_memory_allows_is_served_all_the_same(directory: Path) -> None:
    put(directory, "big.png", b"x" * 4000)
    file = asyncio.run(PublishedFiles(directory, lambda file: file, max_bytes=1000).get("big.png"))
    assert file is not None
    assert file.body == b"x" * 4000


# --- what is not published


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND"])
def test_other_methods_are_refused_and_told_which_are_not(get: Get, method: str) -> None:
    answer = get(FEED, method)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD"


def test_a_page_that_is_not_there_is_said_kindly_with_a_way_home(get: Get) -> None:
    answer = get("/category/none.html")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert 'href="../index.html"' in answer.text
    assert 'href="index.html"' in get("/none.html").text


TRAVERSALS = [
    "/../secret.html",
    "/category/../../secret.html",
    "/..",
    "/.",
    "//secret.html",
    "//etc/passwd",
    "/category//nanchangribao.atom",
    "/category/./nanchangribao.atom",
    "/..\\secret.html",
    "/\x00",
    "/index.html\x00.html",
    "/.hidden.html",
    "/category",
    "/category/",
    "/folder.html",
    "/index.html/",
    "/index.html/x.html",
    "/category/nanchangribao.atom.gz",
    "/aggregator.db",
    "/频道.html",
    "/\ud800.html",
    "/" + "a" * 5000 + ".html",
    "/fifo.html",
    "/secret.html",
    "secret.html/..",
]


@pytest.mark.parametrize("path", TRAVERSALS)
def test_no_path_leads_out_of_the_published_files(tmp_path: Path, path: str) -> None:
    public = tmp_path / "public"
    put(public, "index.html", b"home")
    put(public, FEED[1:], BODY, compressed=gzip.compress(BODY))
    put(public, "aggregator.db", b"secret")
    put(public, ".hidden.html", b"secret")
    (public / "folder.html").mkdir()
    os.mkfifo(public / "fifo.html")
    (tmp_path / "secret.html").write_bytes(b"secret")
    status, body = asyncio.run(raw(public, path))
    assert status == 404
    assert b"secret" not in body


@settings(max_examples=200)
@given(st.text(st.sampled_from("ab/.\\\0%é") | st.characters(codec=None), max_size=12))
@example("/..")
def test_any_path_is_answered_with_a_file_or_a_404(path: str) -> None:
    assume(not path.removeprefix("/").startswith(PATHS))  # words of our code are tried, too: these need no file
    status, _ = asyncio.run(raw(Path("/nonexistent/public"), path))
    assert status == 404


@given(st.text(st.sampled_from("ab./\\\0~-_ "), max_size=12))
def test_a_path_that_is_looked_up_stays_below_the_directory(path: str) -> None:
    if is_safe(path):
        assert os.path.normpath(f"/srv/{path}") == f"/srv/{path}"


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def test_a_browser_gets_a_feed_as_xml_that_it_shows_with_its_style_sheet(get: Get) -> None:
    for coding in ("", "gzip"):
        seen, read = (get(FEED, Accept=accept, Accept_Encoding=coding) for accept in (BROWSER, "*/*"))
        assert seen.headers["content-type"] == "text/xml; charset=utf-8"
        assert read.headers["content-type"] == "application/atom+xml; charset=utf-8"
        assert seen.content == read.content
        assert seen.headers["etag"] == read.headers["etag"]
        assert "Accept" in seen.headers["vary"].split(", ")
    assert get("/", Accept=BROWSER).headers["content-type"] == "text/html; charset=utf-8"


def searching(directory: Path, path: str, **options: Any) -> httpx.Response:
    def search(query_string: str, _: Callable[[], bool]) -> bytes:
        return f"<p>{query_string}".encode()

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(create_app(ServeOptions(directory, search=search, **options)))
        async with httpx.AsyncClient(transport=transport, base_url="http://site") as client:
            return await client.get(path)

    return asyncio.run(send())


def test_a_search_is_answered_and_kept_by_no_one_else(directory: Path) -> None:
    answer = searching(directory, "/search?q=%E5%8D%97&page=2")
    assert (answer.status_code, answer.text) == (200, "<p>q=%E5%8D%97&page=2")
    assert answer.headers["cache-control"].startswith("private")
    assert answer.headers["x-robots-tag"] == "noindex"
    assert "form-action 'self'" in answer.headers["content-security-policy"]


def test_where_everything_needs_a_token_a_search_does_too(directory: Path) -> None:
    closed = {"protected": frozenset({"*"}), "tokens": (Token("me", "s3cret-s3cret-s3cret", frozenset({"*"})),)}
    assert searching(directory, "/search?q=x", **closed).status_code == 401
    assert searching(directory, "/search?q=x&token=s3cret-s3cret-s3cret", **closed).status_code == 200


def test_without_a_search_there_is_no_such_page(get: Get) -> None:
    assert get("/search?q=x").status_code == 404

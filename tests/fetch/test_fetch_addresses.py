"""URLs that cannot be fetched say why, and files are read within the same bounds."""

import gzip
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.fetch.address import shown, web_address
from aggregator.fetch.client import Client
from aggregator.fetch.failures import Failed, in_figures
from aggregator.records import Failure, Fetched, FetchFailed, Validators

UNUSABLE = {
    "": Failure.ADDRESS,
    "example.org/feed": Failure.ADDRESS,
    "//example.org/feed": Failure.ADDRESS,
    "http://": Failure.ADDRESS,
    "http:///feed": Failure.ADDRESS,
    "http:example.org": Failure.ADDRESS,
    "http://[::1": Failure.ADDRESS,
    "http://[v1.a]/": Failure.ADDRESS,
    "http://a:b/": Failure.ADDRESS,
    "http://a:0/": Failure.ADDRESS,
    "http://a:65536/": Failure.ADDRESS,
    "http://a..b/": Failure.ADDRESS,
    "http://.a/": Failure.ADDRESS,
    "http://a b/": Failure.ADDRESS,
    "http://" + "a" * 64 + ".org/": Failure.ADDRESS,
    "http://" + "a." * 150 + "org/": Failure.ADDRESS,
    "http://a\nb/": Failure.ADDRESS,
    "http://a/\0": Failure.ADDRESS,
    "http://a/\ud800": Failure.ADDRESS,
    "http://１/": Failure.ADDRESS,
    "http://a/" + "x" * 70_000: Failure.ADDRESS,
    "ftp://example.org/": Failure.REFUSED,
    "javascript:alert(1)": Failure.REFUSED,
    "data:text/xml,<rss/>": Failure.REFUSED,
    "unix:/run/docker.sock": Failure.REFUSED,
}


@pytest.mark.anyio
async def test_unusable_urls_are_values_that_say_what_would_be_right(client: Client) -> None:
    for url, kind in UNUSABLE.items():
        result = await client.get(url)
        assert isinstance(result, FetchFailed), url
        assert result.kind is kind, (url, result)
        assert result.detail.isprintable()
        assert len(result.detail) < 500


@pytest.mark.anyio
async def test_credentials_of_an_unusable_url_are_not_shown(client: Client) -> None:
    result = await client.get("http://user:secret@host:99999/feed")
    assert isinstance(result, FetchFailed)
    assert "secret" not in result.detail + result.url


@given(st.text(max_size=40).map("http://".__add__) | st.text(max_size=40) | st.from_regex(r"https?://[^/]{1,20}/.*"))
def test_any_text_is_an_address_or_a_named_failure(text: str) -> None:
    kind: Failure | None = None
    try:
        address = web_address(text)
    except Failed as failed:
        kind = failed.kind
    else:
        assert str(web_address(str(address))) == str(address)
    assert kind in (None, Failure.ADDRESS, Failure.REFUSED)


@given(st.text())
def test_any_url_can_be_shown(url: str) -> None:
    assert "user:secret@" not in shown(f"http://user:secret@{url.replace('user:secret@', '')}")
    shown(url).encode()


@pytest.mark.parametrize(
    ("count", "figures"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (1_500_000, "1.5 MB"),
        (10_000_000, "10 MB"),
        (2**31, "2.1 GB"),
    ],
)
def test_sizes_are_said_in_figures(count: int, figures: str) -> None:
    assert in_figures(count) == figures


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    path = tmp_path / "a feed 中.atom"
    path.write_bytes(b"<feed/>")
    return path


@pytest.mark.anyio
async def test_a_file_is_fetched_by_every_spelling_of_its_path(
    client: Client, feed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(feed.parent)
    escaped = feed.as_uri()
    spellings = [
        "file:a feed 中.atom",
        "file:./a%20feed%20%E4%B8%AD.atom",
        f"file:{feed}",
        f"FILE://{feed}",
        escaped,
        escaped.replace("///", "//localhost/"),
    ]
    for url in spellings:
        result = await client.get(url)
        assert isinstance(result, Fetched), (url, result)
        assert (result.body, result.header("content-type")) == (b"<feed/>", "application/atom+xml")
        assert result.validators == Validators(url)


@pytest.mark.anyio
async def test_names_with_url_punctuation_are_files_too(client: Client, tmp_path: Path) -> None:
    (tmp_path / "a?b#c").write_bytes(b"x")
    result = await client.get(f"file:{tmp_path}/a?b#c")
    assert isinstance(result, Fetched)
    assert result.header("content-type") == ""


@pytest.mark.anyio
async def test_what_is_no_regular_file_is_refused_without_waiting(client: Client, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for url, words in {
        f"file:{tmp_path}/pipe": "a pipe",
        f"file:{tmp_path}/folder": "a folder",
        "file:/dev/zero": "a device",
        f"file:{tmp_path}/missing.xml": "there is no file",
        f"file:{tmp_path}/a%00b": "cannot be read",
        f"file:{tmp_path}/" + "x" * 300: "cannot be read",
        "file:": "names no file",
        "file://server/share/feed.xml": "on another machine",
    }.items():
        result = await client.get(url)
        assert isinstance(result, FetchFailed), url
        assert result.kind is Failure.FILE
        assert words in result.detail, (url, result)


@pytest.mark.anyio
async def test_a_file_is_held_to_the_bound(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "big.xml"
    path.write_bytes(bytes(1001))
    result = await client.get(f"file:{path}", max_bytes=1000)
    assert isinstance(result, FetchFailed)
    assert result.kind is Failure.TOO_LARGE
    assert isinstance(await client.get(f"file:{path}", max_bytes=1001), Fetched)


@pytest.mark.anyio
async def test_a_gzip_file_is_unpacked_within_the_bound(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "feed.xml.gz"
    path.write_bytes(gzip.compress(b"<rss/>" * 1000))
    result = await client.get(f"file:{path}")
    assert isinstance(result, Fetched)
    assert result.body == b"<rss/>" * 1000
    assert isinstance(await client.get(f"file:{path}", max_bytes=5999), FetchFailed)

"""Clients that ask too often, and channels that are no more."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.serve import Rate, ServeOptions, create_app
from aggregator.serve.rate import ACCOUNT_BYTES, MOST_CLIENTS, Accounts, Limiter, client_of, networks

Get = Callable[..., httpx.Response]


def asker(options: ServeOptions, client: str = "192.0.2.1") -> Get:
    app = create_app(options)

    def request(path: str, method: str = "GET", client: str = client, **headers: str) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app, client=(client, 1234))
            async with httpx.AsyncClient(transport=transport, base_url="http://site") as asking:
                names = {name.replace("_", "-"): value for name, value in headers.items()}
                return await asking.request(method, f"/{path}", headers=names)

        return asyncio.run(send())

    return request


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "category").mkdir()
    (tmp_path / "category/x.atom").write_text("<feed/>")
    return tmp_path


def limited(directory: Path, count: int = 3, **more: tuple[str, ...]) -> Get:
    return asker(ServeOptions(directory, rate=Rate(count, 3600), **more))


def test_a_client_that_asks_too_often_is_told_when_to_come_back(directory: Path) -> None:
    get = limited(directory)
    assert [get("category/x.atom").status_code for _ in range(4)] == [200, 200, 200, 429]
    answer = get("category/x.atom")
    assert 1195 <= int(answer.headers["retry-after"]) <= 1200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "etag" not in answer.headers
    assert get("category/x.atom", client="192.0.2.2").status_code == 200


def test_an_answer_that_says_nothing_new_is_not_counted(directory: Path) -> None:
    get = limited(directory, 2)
    tag = get("category/x.atom").headers["etag"]
    assert {get("category/x.atom", If_None_Match=tag).status_code for _ in range(20)} == {304}
    assert get("category/x.atom").status_code == 200
    assert get("category/x.atom").status_code == 429
    assert get("category/x.atom", If_None_Match=tag).status_code == 304


def test_what_is_not_there_and_what_is_refused_count_as_well(directory: Path) -> None:
    get = limited(directory)
    assert [get("none.html").status_code, get("x", "POST").status_code, get("none.html", "HEAD").status_code] == [
        404,
        405,
        404,
    ]
    assert get("none.html").status_code == 429


def test_without_a_rate_nobody_is_turned_away(directory: Path) -> None:
    get = asker(ServeOptions(directory))
    assert {get("category/x.atom").status_code for _ in range(50)} == {200}


def test_behind_a_trusted_proxy_the_client_counts_and_nobody_can_claim_to_be_another(directory: Path) -> None:
    get = limited(directory, 1, trusted_proxies=("192.0.2.1",))
    assert get("category/x.atom", X_Forwarded_For="198.51.100.1").status_code == 200
    assert get("category/x.atom", X_Forwarded_For="198.51.100.2").status_code == 200
    assert get("category/x.atom", X_Forwarded_For="203.0.113.9, 198.51.100.2").status_code == 429
    direct = limited(directory, 1)
    assert direct("category/x.atom", X_Forwarded_For="198.51.100.1").status_code == 200
    assert direct("category/x.atom", X_Forwarded_For="198.51.100.2").status_code == 429


TRUSTED = networks(("10.0.0.0/8", "127.0.0.1", "fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("198.51.100.7", None, "198.51.100.7"),
        ("198.51.100.7", "203.0.113.1", "198.51.100.7"),
        ("127.0.0.1", None, "127.0.0.1"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.1", "203.0.113.1"),
        ("127.0.0.1", "192.0.2.99, 203.0.113.1", "203.0.113.1"),
        ("127.0.0.1", "203.0.113.1, 10.1.2.3", "203.0.113.1"),
        ("127.0.0.1", "10.0.0.1, 10.1.2.3", "10.0.0.1"),
        ("127.0.0.1", "nonsense, 10.1.2.3", "10.1.2.3"),
        ("127.0.0.1", "203.0.113.1:4711", "203.0.113.1"),
        ("127.0.0.1", "[2001:db8:1:2:3::4]:4711", "2001:db8:1:2::/64"),
        ("::ffff:127.0.0.1", "203.0.113.1", "203.0.113.1"),
        ("2001:db8:1:2:3:4:5:6", None, "2001:db8:1:2::/64"),
        ("fd00::1", "2001:db8::9", "2001:db8::/64"),
        ("", "203.0.113.1", ""),
    ],
)
def test_whom_a_request_is_counted_to(peer: str, forwarded: str | None, client: str) -> None:
    assert client_of(peer, forwarded, TRUSTED) == client


@given(st.lists(st.floats(0, 30), min_size=1, max_size=60), st.integers(1, 5))
def test_no_span_of_time_holds_more_answers_than_twice_the_rate_and_who_waits_is_served(
    pauses: list[float], count: int
) -> None:
    now = [0.0]
    limiter = Limiter(Rate(count, 60), lambda: now[0])
    served: list[float] = []
    for pause in pauses:
        now[0] += pause
        wait = limiter.wait("x")
        if wait:
            before = now[0]
            now[0] += wait
            assert limiter.wait("x") == 0
            assert now[0] > before
        served.append(now[0])
    for start in served:
        assert sum(start <= moment < start + 60 for moment in served) <= 2 * count


def test_the_memory_of_clients_is_bounded() -> None:
    now = [0.0]
    limiter = Limiter(Rate(1, 3600), lambda: now[0])
    assert limiter.wait("first") == 0
    assert limiter.wait("first") > 0
    now[0] = 1.0
    for number in range(2 * MOST_CLIENTS):
        limiter.wait(f"c{number}")
    assert limiter.wait("first") == 0  # forgotten, having paid off first
    assert limiter.wait(f"c{2 * MOST_CLIENTS - 1}") > 0


def test_processes_that_share_their_accounts_count_together() -> None:
    with TemporaryFile() as file:
        file.truncate(ACCOUNT_BYTES)
        limiters = [Limiter(Rate(2, 60), lambda: 0.0, Accounts(file.fileno())) for _ in range(2)]
        assert [limiter.wait("192.0.2.1") for limiter in (*limiters, *limiters)] == [0, 0, 30, 30]
        assert limiters[1].wait("192.0.2.2") == 0


def test_a_shorter_time_forgives_what_a_longer_one_would_have_asked_for() -> None:
    accounts = Accounts()
    strict = Limiter(Rate(1, 3600), lambda: 0.0, accounts)
    assert [strict.wait("192.0.2.1"), strict.wait("192.0.2.1")] == [0, 3600]
    assert Limiter(Rate(1, 60), lambda: 0.0, accounts).wait("192.0.2.1") == 60


# --- channels that are no more


def depart(directory: Path, **facts: object) -> None:
    (directory / "gone.json").write_text(json.dumps({"gone": [], "moved": {}, **facts}))


@pytest.mark.parametrize(
    "path", ["category/old.atom", "category/old.html", "category/old/archive-3.atom", "category/old.rss"]
)
def test_a_removed_channel_is_gone_for_good(directory: Path, path: str) -> None:
    depart(directory, gone=["category/old"])
    answer = asker(ServeOptions(directory))(path)
    assert answer.status_code == 410
    assert "text/html" in answer.headers["content-type"]
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("category/old.atom", "x.atom"),
        ("category/old.html", "x.html"),
        ("category/old/archive-3.atom", "../x/archive-3.atom"),
        ("category/older.json", "x.json"),
        ("category/old.atom?token=their+own", "x.atom?token=their+own"),
    ],
)
def test_subscribers_of_a_renamed_channel_are_sent_on_under_any_host_and_prefix(
    directory: Path, path: str, location: str
) -> None:
    depart(directory, moved={"category/old": "category/x", "category/older": "category/old"})
    answer = asker(ServeOptions(directory))(path)
    assert (answer.status_code, answer.headers["location"]) == (301, location)
    there = ("/category/x.atom", "/category/x.html", "/category/x.json", "/category/x/archive-3.atom")
    assert answer.url.join(location).path in there


def test_a_channel_that_moved_and_was_then_removed_is_gone_and_a_circle_leads_nowhere(directory: Path) -> None:
    circle = {"category/c": "category/d", "category/d": "category/c"}
    depart(directory, gone=["category/b"], moved={"category/a": "category/b", **circle})
    get = asker(ServeOptions(directory))
    assert [get(f"category/{slug}.atom").status_code for slug in "abcd"] == [410] * 4


def test_a_channel_that_is_there_is_served_whatever_the_list_says(directory: Path) -> None:
    depart(directory, gone=["category/x"])
    assert asker(ServeOptions(directory))("category/x.atom").status_code == 200


def test_the_list_is_read_anew_when_it_changes_and_is_not_published(directory: Path) -> None:
    get = asker(ServeOptions(directory))
    assert get("category/old.atom").status_code == 404
    depart(directory, gone=["category/old"])
    assert get("category/old.atom").status_code == 410
    assert get("gone.json").status_code == 404
    (directory / "gone.json").unlink()
    assert get("category/old.atom").status_code == 404


ELSEWHERE = '{"gone": [], "moved": {"category/old": "//evil.example/x"}}'


@pytest.mark.parametrize("text", ["", "{", "[]", '{"gone": 5}', '{"gone": [], "moved": []}', ELSEWHERE])
def test_a_broken_list_says_nothing(directory: Path, text: str) -> None:
    (directory / "gone.json").write_text(text)
    assert asker(ServeOptions(directory))("category/old.atom").status_code == 404

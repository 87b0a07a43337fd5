"""Only what is new: a feed for readers who say which version they hold (RFC 3229, `A-IM: feed`)."""

import asyncio
import gzip
import os
import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import feedparser
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator import deltas, variants
from aggregator.publish import Writer
from aggregator.records import Document
from aggregator.serve import ServeOptions, create_app

ATOM, RSS = "category/nanchangribao.atom", "category/nanchangribao.rss"

Get = Callable[..., httpx.Response]


def atom(*numbers: int | str) -> bytes:
    """An Atom document of these entries; a text after the number is what it says."""
    entries = [f"  <entry xml:lang='zh'>\n    <id>tag:x,2026:{n}</id><title>{n}</title>\n  </entry>\n" for n in numbers]
    head = "<?xml version='1.0' encoding='UTF-8'?>\n<feed xmlns='http://www.w3.org/2005/Atom'>\n  <title>南昌</title>\n"
    return f"{head}{''.join(entries)}</feed>\n".encode()


def rss(*numbers: int | str) -> bytes:
    """An RSS document of these items, whose texts hold what looks like the end of one."""
    text = "<![CDATA[<p title='<item>'></item> </item>]]>"
    items = [f"<item><guid isPermaLink='false'>{n}</guid><description>{text}</description></item>" for n in numbers]
    return f"<rss version='2.0'><channel><title>x</title>{''.join(items)}</channel></rss>".encode()


def publish(directory: Path, path: str, *versions: bytes) -> list[str]:
    """Write one version after the other; give their entity tags."""
    for body in versions:
        Writer(directory, brotli=True).write(Document(path, body))
    return [f'"{variants.digest(body)}"' for body in versions]


def ids(body: bytes) -> list[str]:
    return [entry.id.removeprefix("tag:x,2026:") for entry in feedparser.parse(body).entries]


@pytest.fixture
def get(tmp_path: Path) -> Get:
    def request(path: str, method: str = "GET", **headers: str) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(create_app(ServeOptions(tmp_path)))  # as after a restart, every time
            async with httpx.AsyncClient(transport=transport, base_url="http://site") as client:
                names = {name.replace("_", "-"): value for name, value in headers.items()}
                return await client.request(method, f"/{path}", headers={"Accept-Encoding": "", **names})

        return asyncio.run(send())

    return request


@pytest.mark.parametrize(("path", "feed"), [(ATOM, atom), (RSS, rss)])
def test_a_reader_gets_only_the_entries_that_came_after_its_version(
    tmp_path: Path, get: Get, path: str, feed: Callable[..., bytes]
) -> None:
    first, second, third = publish(tmp_path, path, feed(2, 1), feed(3, 2, 1), feed(5, 4, 3, 2))
    for tag, new in (first, ["5", "4", "3"]), (second, ["5", "4"]):
        answer = get(path, A_IM="feed", If_None_Match=tag)
        assert answer.status_code == 226
        assert answer.headers["im"] == "feed"
        assert answer.headers["etag"] == third
        assert answer.headers["delta-base"] == tag
        assert ids(answer.content) == new
        assert feedparser.parse(answer.content).bozo == 0
        assert feedparser.parse(answer.content).feed.title == feedparser.parse(feed()).feed.title
    assert get(path, A_IM="feed", If_None_Match=third).status_code == 304


def test_what_is_new_is_not_for_caches_and_says_what_it_depends_on(tmp_path: Path, get: Get) -> None:
    first, _ = publish(tmp_path, ATOM, atom(1), atom(2, 1))
    answer = get(ATOM, A_IM="feed", If_None_Match=first)
    assert answer.headers["cache-control"] == "no-store, im"
    assert answer.headers["vary"] == "Accept-Encoding, A-IM, If-None-Match"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "IM" in answer.headers["access-control-expose-headers"]
    assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"


def test_an_entry_that_was_edited_is_new(tmp_path: Path, get: Get) -> None:
    first, _ = publish(tmp_path, ATOM, atom(3, 2, 1), atom(3, "2 edited", 1))
    assert ids(get(ATOM, A_IM="feed", If_None_Match=first).content) == ["2 edited"]


def test_the_newest_of_several_versions_that_a_reader_holds_counts(tmp_path: Path, get: Get) -> None:
    first, second, _ = publish(tmp_path, ATOM, atom(1), atom(2, 1), atom(3, 2, 1))
    answer = get(ATOM, A_IM="feed", If_None_Match=f'W/{second}, "other", {first[:-1]}-gzip"')
    assert ids(answer.content) == ["3"]


@pytest.mark.parametrize("a_im", ["feed", "vcdiff, FEED;q=0.5, gzip", " feed "])
def test_a_reader_may_name_other_manipulations_too(tmp_path: Path, get: Get, a_im: str) -> None:
    first, _ = publish(tmp_path, ATOM, atom(1), atom(2, 1))
    assert get(ATOM, A_IM=a_im, If_None_Match=first).status_code == 226


@pytest.mark.parametrize(
    "headers",
    [
        {"If_None_Match": "FIRST"},
        {"A_IM": "feed"},
        {"A_IM": "feed;q=0", "If_None_Match": "FIRST"},
        {"A_IM": "vcdiff", "If_None_Match": "FIRST"},
        {"A_IM": "feeds", "If_None_Match": "FIRST"},
        {"A_IM": "feed", "If_None_Match": '"never heard of"'},
        {"A_IM": "feed", "If_Modified_Since": "Tue, 28 Dec 2021 00:08:58 GMT"},
    ],
)
def test_all_others_get_the_whole_feed(tmp_path: Path, get: Get, headers: dict[str, str]) -> None:
    first, _ = publish(tmp_path, ATOM, atom(1), atom(2, 1))
    answer = get(ATOM, **{name: value.replace("FIRST", first) for name, value in headers.items()})
    assert (answer.status_code, ids(answer.content)) == (200, ["2", "1"])
    assert "im" not in answer.headers


def test_head_says_what_get_would_bring(tmp_path: Path, get: Get) -> None:
    first, _ = publish(tmp_path, ATOM, atom(1), atom(2, 1))
    full, head = (get(ATOM, method, A_IM="feed", If_None_Match=first) for method in ("GET", "HEAD"))
    assert (head.status_code, head.headers, head.content) == (226, full.headers, b"")


def test_what_is_new_is_compressed_for_those_who_take_it(tmp_path: Path, get: Get) -> None:
    numbers = range(100)
    first, second = publish(tmp_path, ATOM, atom(*numbers), atom(*range(-30, 0), *numbers))
    for coding in "gzip", "br":
        answer = get(ATOM, A_IM="feed", If_None_Match=first, Accept_Encoding=coding)
        assert answer.headers["content-encoding"] == coding
        assert answer.headers["etag"] == f'{second[:-1]}-{coding}"'
        assert len(answer.content) > int(answer.headers["content-length"])
    packed = get(ATOM, A_IM="feed", If_None_Match=first, Accept_Encoding="gzip").content  # undone by the client
    assert len(ids(packed)) == 30
    assert gzip.compress(packed) != packed


def test_pages_and_json_are_sent_whole(tmp_path: Path, get: Get) -> None:
    first, _ = publish(tmp_path, "feed.json", b'{"a":1}' * 9, b'{"a":2}' * 9)
    assert get("feed.json", A_IM="feed", If_None_Match=first).status_code == 200


@pytest.mark.parametrize("broken", [b"", b"{", b"[]", b'{"current":"x"}', b'{"versions":[1]}', None])
def test_without_a_history_that_can_be_read_the_whole_feed_is_sent_and_a_new_one_begun(
    tmp_path: Path, get: Get, broken: bytes | None
) -> None:
    first, second = publish(tmp_path, ATOM, atom(1), atom(2, 1))
    place = tmp_path / "category" / ".nanchangribao.atom.versions"
    place.unlink()
    if broken is not None:
        place.write_bytes(broken)
    assert get(ATOM, A_IM="feed", If_None_Match=first).status_code == 200
    publish(tmp_path, ATOM, atom(3, 2, 1))
    assert ids(get(ATOM, A_IM="feed", If_None_Match=second).content) == ["3"]


def test_a_history_of_another_version_is_not_believed(tmp_path: Path, get: Get) -> None:
    first, _ = publish(tmp_path, ATOM, atom(1), atom(2, 1))
    (tmp_path / ATOM).write_bytes(atom(4, 3))
    answer = get(ATOM, A_IM="feed", If_None_Match=first)
    assert (answer.status_code, ids(answer.content)) == (200, ["4", "3"])


def test_a_history_is_not_published_and_goes_with_its_feed(tmp_path: Path, get: Get) -> None:
    publish(tmp_path, ATOM, atom(1), atom(2, 1))
    hidden = tmp_path / "category" / ".nanchangribao.atom.versions"
    assert hidden.exists()
    assert get("category/.nanchangribao.atom.versions").status_code == 404
    Writer(tmp_path).remove(ATOM)
    assert not hidden.exists()


def test_a_history_remembers_so_many_versions_and_no_more(tmp_path: Path) -> None:
    tags = publish(tmp_path, ATOM, *(atom(number) for number in range(deltas.MOST_VERSIONS + 9)))
    history = deltas.load((tmp_path / "category" / ".nanchangribao.atom.versions").read_bytes())
    assert history is not None
    assert [f'"{tag}"' for tag, _ in history.versions] == tags[8:-1]
    assert len(history.came) == 1


@settings(max_examples=60)
@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 6), st.sampled_from("ab")), unique_by=lambda entry: entry[0], max_size=5),
        min_size=2,
        max_size=6,
    )
)
def test_what_a_reader_holds_and_what_it_gets_make_up_the_feed(versions: Sequence[list[tuple[int, str]]]) -> None:
    bodies = [atom(*(f"{number}{text}" for number, text in version)) for version in versions]
    distinct = [body for place, body in enumerate(bodies) if place == 0 or body != bodies[place - 1]]
    history: deltas.History | None = None
    for before, after in pairwise(distinct):
        history = deltas.grown(history, before, variants.digest(before), 0, after, variants.digest(after))
        history = deltas.load(deltas.dump(history))
    last = distinct[-1]
    for body in set(distinct) - {last}:
        assert history is not None
        newer = distinct[len(distinct) - distinct[::-1].index(body) :]  # those after the last time that this one stood
        new = deltas.since(history, variants.digest(body), last)
        assert set(ids(new)) <= set(ids(last))
        assert set(ids(last)) - set(ids(body)) <= set(ids(new))
        always = set(ids(body)).intersection(*map(ids, newer))
        assert not always & set(ids(new))


# --- how long an answer is fresh


def seconds(answer: httpx.Response) -> int:
    return int(re.findall(r"max-age=(\d+)", answer.headers["cache-control"])[0])


@pytest.mark.parametrize(
    ("gaps", "fresh"),
    [
        ([1200, 1200, 1200], 300),
        ([86400] * 5, 3600),
        ([100, 100], 60),
        ([2, 3, 2, 4, 1600, 3, 2], 400),
        ([5], 60),
        ([], 300),
    ],
)
def test_an_answer_is_fresh_for_a_quarter_of_the_usual_time_between_two_changes(
    tmp_path: Path, get: Get, gaps: list[int], fresh: int
) -> None:
    written = 1_800_000_000
    publish(tmp_path, ATOM, atom(0))
    os.utime(tmp_path / ATOM, (written, written))
    for number, gap in enumerate(gaps, 1):
        publish(tmp_path, ATOM, atom(number))
        written += gap
        os.utime(tmp_path / ATOM, (written, written))
    answer = get(ATOM)
    assert seconds(answer) == fresh
    assert answer.headers["cache-control"].endswith(f"stale-while-revalidate={fresh}, stale-if-error=86400")


def test_archives_and_style_sheets_are_fresh_for_an_hour(tmp_path: Path, get: Get) -> None:
    for path in "category/x/archive-3.atom", "static/style.css":
        publish(tmp_path, path, b"x" * 100)
        assert seconds(get(path)) == 3600

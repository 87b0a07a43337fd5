"""The history of a channel as files: every article ever published, each once, under links that lead to all of them."""

import json
import os
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from lxml import etree
from test_pipeline import HOUR, Newsroom, item, rss

from aggregator.records import PublishReport

ATOM = "{http://www.w3.org/2005/Atom}"
TOMBSTONE = "{http://purl.org/atompub/tombstones/1.0}deleted-entry"
ARCHIVE = "{http://purl.org/syndication/history/1.0}archive"
URL = "https://finews.example.org/"


@pytest.fixture
def room(tmp_path: Path) -> Newsroom:
    made = Newsroom(tmp_path, publish="entries = 2")
    made.write("a", rss(*(item(number) for number in range(5, 0, -1))))
    made.refresh()
    return made


def feed(room: Newsroom, path: str) -> etree._Element:
    return etree.fromstring(room.files()[path][1])


def links(room: Newsroom, path: str) -> dict[str, str]:
    found = {link.get("rel"): link.get("href") for link in feed(room, path).findall(f"{ATOM}link")}
    return {rel: href.removeprefix(URL) for rel, href in found.items() if rel not in ("alternate", "hub")}


def walk(room: Newsroom) -> list[list[str]]:
    """The titles in each document from the current one down."""
    path, found = "category/keji.atom", []
    while path:
        found.append([entry.findtext(f"{ATOM}title") for entry in feed(room, path).findall(f"{ATOM}entry")])
        path = links(room, path).get("prev-archive", "")
    return found


def all_titles(room: Newsroom) -> list[str]:
    return [title for titles in walk(room) for title in titles]


def archives(room: Newsroom) -> dict[str, tuple[int, bytes]]:
    return {path: file for path, file in room.files().items() if "/archive-" in path}


def test_a_channel_leads_down_its_archives_to_its_first_article(room: Newsroom) -> None:
    assert walk(room) == [["标题5", "标题4"], ["标题3"], ["标题2", "标题1"]]
    first, second = "category/keji/archive-1.atom", "category/keji/archive-2.atom"
    assert links(room, "category/keji.atom") == {"self": "category/keji.atom", "prev-archive": second}
    assert links(room, second) == {"self": second, "current": "category/keji.atom", "prev-archive": first}
    assert links(room, first) == {"self": first, "current": "category/keji.atom", "next-archive": second}
    assert [feed(room, path).find(ARCHIVE) is not None for path in (first, second, "category/keji.atom")] == [
        True,
        True,
        False,
    ]
    ids = {feed(room, path).findtext(f"{ATOM}id") for path in (first, second, "category/keji.atom")}
    assert ids == {"tag:finews.example.org,2026:category/keji"}
    formats = ("atom", "html", "json")
    assert set(archives(room)) == {f"category/keji/archive-{n}.{form}" for n in (1, 2) for form in formats}


def test_the_json_feed_leads_down_the_same_way(room: Newsroom) -> None:
    path, titles = "category/keji.json", []
    while path:
        document = json.loads(room.files()[path][1])
        assert document["feed_url"] == URL + path
        titles.append([one["title"] for one in document["items"]])
        path = document.get("next_url", "").removeprefix(URL)
    assert titles == walk(room)


def test_rss_leads_to_the_atom_archives(room: Newsroom) -> None:
    found = [link.attrib for link in feed(room, "category/keji.rss").findall(f"channel/{ATOM}link")]
    assert [(link["rel"], link["href"]) for link in found] == [
        ("self", URL + "category/keji.rss"),
        ("prev-archive", URL + "category/keji/archive-2.atom"),
    ]


def test_an_archive_that_is_full_keeps_its_bytes_and_its_file_whatever_comes(room: Newsroom) -> None:
    full = {path: file for path, file in archives(room).items() if "archive-1" in path}
    room.now += HOUR
    room.write("a", rss(item(6), item(3, "更正3"), item(1, "更正1", text="改")).replace("来源", "另一个来源"))
    assert room.refresh()[0]["a"].revised == 2
    assert walk(room) == [["标题6", "标题5"], ["标题4", "更正3"], ["标题2", "标题1"]]
    later = archives(room)
    assert {path: later[path] for path in full} == full
    shutil.rmtree(room.folder / "public")
    room.render(everything=True)
    assert {path: body for path, (_, body) in archives(room).items()} == {p: body for p, (_, body) in later.items()}


def test_a_retracted_article_leaves_a_full_archive_and_is_said_to_be_gone_for_thirty_days(room: Newsroom) -> None:
    code = room.rows("SELECT info_code FROM entries WHERE title = '标题1'")[0][0]
    before = room.files()
    room.now += HOUR
    retract(room, str(code))
    assert walk(room) == [["标题5", "标题4"], ["标题3"], ["标题2"]]
    for path in "category/keji.atom", "feed.atom":
        (gone,) = feed(room, path).findall(TOMBSTONE)
        assert dict(gone.attrib) == {"ref": f"tag:finews.example.org,2026:{code}", "when": "2031-05-01T09:00:00+00:00"}
        assert feed(room, path).findtext(f"{ATOM}updated") == "2031-05-01T09:00:00+00:00"
    assert not feed(room, "category/keji/archive-1.atom").findall(TOMBSTONE)
    assert f"article/{code}.html" not in room.files()

    room.now += timedelta(days=29, hours=23)
    assert room.render() == PublishReport()
    room.now += timedelta(hours=2)
    room.render()
    assert not feed(room, "category/keji.atom").findall(TOMBSTONE)
    assert room.files()["category/keji.atom"][1] == before["category/keji.atom"][1]


def retract(room: Newsroom, code: str) -> None:
    from aggregator.store import Store

    with Store(room.folder / "a.db") as store:
        assert store.retract(code, room.now)
    room.render()


def test_what_takes_too_many_bytes_goes_to_the_archives_and_one_article_stays_always(tmp_path: Path) -> None:
    room = Newsroom(tmp_path, publish='entries = 50\nmax_bytes = "30KB"')
    room.write("a", rss(*(item(number, text="长" * 800) for number in range(9, 0, -1))))
    room.refresh()
    sizes = [len(body) for path, (_, body) in room.files().items() if path.startswith(("category/keji.", "feed."))]
    assert 26_000 < max(sizes) <= 30_000, "it is filled as far as it goes"
    assert all_titles(room) == [f"标题{number}" for number in range(9, 0, -1)]
    room.publish = 'entries = 50\nmax_bytes = "1KB"'
    room.render()
    assert walk(room)[0] == ["标题9"]
    assert all_titles(room) == [f"标题{number}" for number in range(9, 0, -1)]


def test_what_a_source_brings_beyond_its_share_goes_to_the_archives(tmp_path: Path) -> None:
    room = Newsroom(tmp_path, categories='[categories.keji]\nnames = ["科技"]\nper_source = 2\nentries = 3')
    room.write("a", rss(*(item(number) for number in range(2, 7))))
    room.write("b", rss(item(1)))
    room.refresh()
    assert walk(room) == [["标题6", "标题5", "标题1"], ["标题4", "标题3", "标题2"]]


def test_more_entries_in_a_current_document_take_nothing_back_from_the_archives(room: Newsroom) -> None:
    before = archives(room)
    room.publish = "entries = 4"
    room.render()
    assert (archives(room), walk(room)[0]) == (before, ["标题5", "标题4"])
    room.now += HOUR
    room.write("a", rss(item(7), item(6)))
    room.refresh()
    assert walk(room)[0] == ["标题7", "标题6", "标题5", "标题4"]
    assert archives(room) == before
    room.publish = "entries = 1"
    room.render()
    assert walk(room) == [["标题7"], ["标题6"], ["标题5"], ["标题4", "标题3"], ["标题2", "标题1"]]


def test_a_crash_before_the_files_are_written_costs_no_article(room: Newsroom) -> None:
    expected = walk(room)
    shutil.rmtree(room.folder / "public" / "category")
    (room.folder / "public" / "category").write_text("in the way")
    report = room.render(everything=True)
    assert any("category/keji" in problem for problem in report.problems)
    os.unlink(room.folder / "public" / "category")
    report = room.render()
    assert walk(room) == expected
    assert room.render() == PublishReport()

"""A source takes back what it brought: gone for good, and nothing that is not its own can be taken away by it."""

from datetime import timedelta
from pathlib import Path

import pytest
from test_pipeline import HOUR, NOW, Newsroom

ATOM = 'xmlns="http://www.w3.org/2005/Atom" xmlns:at="http://purl.org/atompub/tombstones/1.0"'


def entry(number: int, *, at: timedelta = timedelta(0), text: str = "正文") -> str:
    return (
        f"<entry><id>urn:x:{number}</id><title>标题{number}</title><updated>{NOW + at:%Y-%m-%dT%H:%M:%SZ}</updated>"
        f'<link href="https://example.org/{number}"/><summary>{text}</summary></entry>'
    )


def deleted(number: int, *, at: timedelta = HOUR, comment: str = "") -> str:
    inside = f"<at:comment>{comment}</at:comment>" if comment else ""
    return f'<at:deleted-entry ref="urn:x:{number}" when="{NOW + at:%Y-%m-%dT%H:%M:%SZ}">{inside}</at:deleted-entry>'


def atom(*parts: str) -> str:
    head = "<id>urn:x</id><title>来源</title><updated>2031-05-01T00:00:00Z</updated>"
    return f"<feed {ATOM}>{head}{''.join(parts)}</feed>"


@pytest.fixture
def newsroom(tmp_path: Path) -> Newsroom:
    room = Newsroom(tmp_path)
    room.write("a", atom(entry(1), entry(2)))
    room.refresh()
    room.now += 2 * HOUR
    return room


def states(newsroom: Newsroom) -> dict[object, object]:
    return dict(newsroom.rows("SELECT link, state FROM entries ORDER BY link"))  # type: ignore[arg-type]  # pairs


def test_what_a_source_took_back_is_gone_and_stays_gone(newsroom: Newsroom) -> None:
    newsroom.write("a", atom(entry(2), deleted(1, comment="已撤回")))
    outcomes, _ = newsroom.refresh()
    assert (outcomes["a"].retracted, outcomes["a"].unchanged) == (1, 1)
    assert newsroom.titles("category/keji.atom") == newsroom.titles("feed.atom") == ["标题2"]
    assert len(newsroom.articles()) == 1
    left = "SELECT title, summary, state FROM entries WHERE state <> 'published'"
    assert newsroom.rows(left) == [("", "", "retracted")]
    assert newsroom.rows("SELECT source, comment FROM withdrawals") == [("a", "已撤回")]
    for again in (atom(entry(1), entry(2)), atom(entry(1, at=9 * HOUR, text="又来了"), entry(2))):
        newsroom.write("a", again)
        assert newsroom.refresh(publish=False)[0]["a"].new == 0
    newsroom.write("a", atom(entry(2), deleted(1)) + "<!-- told again -->")
    assert newsroom.refresh()[0]["a"].retracted == 0
    assert newsroom.titles("feed.atom") == ["标题2"]


def test_a_source_cannot_take_away_what_another_one_brought(newsroom: Newsroom) -> None:
    newsroom.write("b", atom(deleted(1), deleted(2), entry(3)))
    outcomes, _ = newsroom.refresh()
    assert (outcomes["b"].new, outcomes["b"].retracted) == (1, 0)
    assert set(states(newsroom).values()) == {"published"}


def test_an_article_of_two_sources_loses_only_the_one_that_took_it_back(newsroom: Newsroom) -> None:
    newsroom.write("b", atom(entry(1), entry(2)), 'category = "财经"')
    newsroom.refresh()
    newsroom.write("b", atom(deleted(1), entry(2)), 'category = "财经"')
    outcomes, _ = newsroom.refresh()
    assert outcomes["b"].retracted == 1
    assert set(states(newsroom).values()) == {"published"}
    brought = "SELECT p.source FROM provenance p JOIN entries e USING (info_code) WHERE e.link LIKE '%/{}' ORDER BY 1"
    assert newsroom.rows(brought.format(1)) == [("a",)]
    assert newsroom.rows(brought.format(2)) == [("a",), ("b",)]


def test_where_the_shown_text_is_taken_back_the_other_source_tells_it_from_its_next_document_on(
    newsroom: Newsroom,
) -> None:
    newsroom.write("b", atom(entry(1, text="乙说的"), entry(2)), 'category = "财经"')
    newsroom.refresh()
    newsroom.write("a", atom(deleted(1), entry(2)))
    newsroom.refresh("a")
    assert newsroom.rows("SELECT source FROM entries WHERE link LIKE '%/1'") == [("b",)]
    assert set(newsroom.titles("category/caijing.atom")) == {"标题1", "标题2"}
    newsroom.refresh("b")  # its document did not change; it is read all the same
    told = newsroom.rows("SELECT source, summary, revision FROM entries WHERE link LIKE '%/1'")
    assert told == [("b", "<p>乙说的</p>", 2)]
    assert newsroom.titles("category/keji.atom") == ["标题2"]


def test_what_is_published_again_after_it_was_taken_back_is_no_deletion(newsroom: Newsroom) -> None:
    newsroom.now += 40 * HOUR
    newsroom.write("a", atom(entry(1, at=40 * HOUR, text="新的"), entry(2), deleted(1)))
    assert newsroom.refresh()[0]["a"].retracted == 0
    newsroom.write("a", atom(entry(2), deleted(1)))  # the entry has left the feed, the old deletion has not
    assert newsroom.refresh()[0]["a"].retracted == 0
    assert set(states(newsroom).values()) == {"published"}


def test_a_publishers_clock_may_be_slow(newsroom: Newsroom) -> None:
    newsroom.write("a", atom(entry(1, text="改过"), entry(2)))
    newsroom.refresh(publish=False)
    assert newsroom.rows("SELECT updated > '2031-05-01T09:00:00Z' FROM entries WHERE link LIKE '%/1'") == [(1,)]
    newsroom.write("a", atom(entry(2), deleted(1)))
    assert newsroom.refresh(publish=False)[0]["a"].retracted == 1


def test_an_entry_that_comes_with_its_own_deletion_is_never_published(newsroom: Newsroom) -> None:
    newsroom.write("a", atom(entry(2), entry(3), deleted(3)))
    outcomes, _ = newsroom.refresh()
    assert (outcomes["a"].new, outcomes["a"].retracted) == (0, 0)
    assert len(states(newsroom)) == 2


def test_one_document_may_take_back_everything_and_the_channel_stays(newsroom: Newsroom) -> None:
    newsroom.write("a", atom(deleted(1), deleted(2)))
    assert newsroom.refresh()[0]["a"].retracted == 2
    assert newsroom.titles("category/keji.atom") == []

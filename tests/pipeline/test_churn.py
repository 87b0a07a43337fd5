"""Sixty polls of pages that change by themselves: no revision, few takeovers of markup, and an edit is still seen."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from test_pipeline import HOUR, NOW, Newsroom, item, rss

from aggregator.records import Outcome, PublishReport
from aggregator.wiring import assembled

POLLS = 60
STORY = "<p>会议强调，要进一步压实责任，确保人民群众生命财产安全。</p>"
EDITED = STORY.replace("进一步", "更")


@pytest.fixture
def newsroom(tmp_path: Path) -> Newsroom:
    return Newsroom(tmp_path)


def page(poll: int, story: str = STORY) -> str:
    times = f"<p>阅读：{poll}万 评论({poll})</p><p>{poll}分钟前</p><p>更新时间：2031-05-01 08:{poll:02}</p>"
    link = f'<a href="https://example.org/?utm_source={poll}">原文</a>'
    return rss(item(1, text=f"<![CDATA[{story}{times}<p>广告：第{poll}号</p>{link}]]>"), item(2))


def polled(newsroom: Newsroom, documents: Sequence[str]) -> list[Outcome]:
    """Let the source give one document after the other, an hour apart, within one process."""

    async def work() -> list[Outcome]:
        outcomes = []
        async with assembled(newsroom.settings(), lambda: newsroom.now) as app:
            for document in documents:
                newsroom.write("a", document)
                outcomes.append(await app.pipeline.refresh_safely("a"))
                newsroom.now += HOUR
        return outcomes

    newsroom.write("a", documents[0])
    return asyncio.run(work())


def standing(newsroom: Newsroom) -> tuple[object, ...]:
    sql = "SELECT revision, retouched, updated, sort_date FROM entries WHERE guid LIKE '%:1'"
    return newsroom.rows(sql)[0]


def history(newsroom: Newsroom) -> int:
    return len(newsroom.rows("SELECT * FROM revisions"))


def test_churn_gives_no_revision_and_a_bounded_number_of_takeovers(newsroom: Newsroom) -> None:
    polled(newsroom, [page(0)])
    (_, _, updated, sort_date) = standing(newsroom)
    outcomes = polled(newsroom, [page(poll) for poll in range(1, POLLS)])
    assert {(outcome.new, outcome.revised, outcome.unchanged) for outcome in outcomes} == {(0, 0, 2)}
    assert standing(newsroom) == (1, 24, updated, sort_date)
    assert history(newsroom) == 0
    assert "阅读：24万" in str(newsroom.rows("SELECT content || summary FROM entries WHERE guid LIKE '%:1'"))


@pytest.mark.parametrize("at", [10, 40])
def test_an_edit_amid_churn_is_exactly_one_revision(newsroom: Newsroom, at: int) -> None:
    outcomes = polled(newsroom, [page(poll, STORY if poll < at else EDITED) for poll in range(POLLS)])
    assert [number for number, outcome in enumerate(outcomes) if outcome.revised] == [at]
    revision, retouched, updated, sort_date = standing(newsroom)
    assert (revision, retouched, history(newsroom)) == (2, 24, 1)
    assert updated == f"{NOW + at * HOUR:%Y-%m-%dT%H:%M:%SZ}"
    assert sort_date == "2031-04-30T00:01:00Z"


CONTROLS: dict[str, Callable[[int], str]] = {
    "a figure": lambda poll: f"<p>死亡人数升至{poll}人。</p>",
    "a date": lambda poll: f"<p>会议于 2031-05-{poll + 1:02} 举行。</p>",
}


@pytest.mark.parametrize("text", CONTROLS.values(), ids=CONTROLS)
def test_what_could_be_news_is_a_revision_each_time(newsroom: Newsroom, text: Callable[[int], str]) -> None:
    outcomes = polled(newsroom, [page(poll, STORY + text(poll)) for poll in range(5)])
    assert [outcome.revised for outcome in outcomes] == [0, 1, 1, 1, 1]
    assert standing(newsroom)[:2] == (5, 0)
    assert history(newsroom) == 4


def test_a_new_date_without_new_words_is_no_event(newsroom: Newsroom) -> None:
    def dated(poll: int) -> str:
        when = NOW + timedelta(hours=poll)
        entry = f"<id>urn:x:1</id><title>标题</title><updated>{when:%Y-%m-%dT%H:%M:%SZ}</updated><summary>甲</summary>"
        head = "<id>urn:x</id><title>来源</title><updated>2031-05-01T00:00:00Z</updated>"
        return f'<feed xmlns="http://www.w3.org/2005/Atom">{head}<entry>{entry}</entry></feed>'

    outcomes = polled(newsroom, [dated(poll) for poll in range(5)])
    assert [outcome.revised for outcome in outcomes] == [0] * 5
    assert newsroom.rows("SELECT revision, retouched, updated FROM entries") == [(1, 0, f"{NOW:%Y-%m-%dT%H:%M:%SZ}")]


def test_what_a_retouch_changed_is_published_with_the_date_it_had(newsroom: Newsroom) -> None:
    newsroom.write("a", page(1))
    newsroom.refresh()
    before = newsroom.files()["category/keji.json"][1].decode()
    newsroom.now += HOUR
    newsroom.write("a", page(2))
    _, report = newsroom.refresh()
    after = newsroom.files()["category/keji.json"][1].decode()
    assert "category/keji.json" in report.written
    assert after == before.replace("阅读：1万 评论(1)", "阅读：2万 评论(2)").replace("1分钟前", "2分钟前").replace(
        "08:01", "08:02"
    ).replace("第1号", "第2号").replace("utm_source=1", "utm_source=2")
    assert newsroom.refresh() == ({"a": Outcome("a", "not-modified")}, PublishReport())

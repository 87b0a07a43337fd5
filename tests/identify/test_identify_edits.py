"""Edit or churn: what a reader is told of, and what is taken over silently or not at all."""

import time
from datetime import UTC, datetime

import pytest

from aggregator.identify.edits import MOST_RETOUCHES, core_of, core_of_title, settled
from aggregator.records import Alias, Changes, Entry, Revision, Wording

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
STORY = "<p>会议强调，要进一步压实责任，确保人民群众生命财产安全。</p>"

CHURN = {
    "a counter of views in English": ("<p>1,234 views · 3 comments</p>", "<p>2.4k views · no comments</p>"),
    "counters in Chinese": ("<p>阅读：1.2万 评论(12) 点赞 3</p>", "<p>阅读：1.3万 评论(15) 点赞 4</p>"),
    "a number before its Chinese word": ("<p>12条评论</p>", "<p>15 条评论</p>"),
    "likes in a line of figures": ("<p>12 likes, 3 shares</p>", "<p>13 likes, 4 shares</p>"),
    "counters behind icons": ("<p>👁 1234 💬 12</p>", "<p>👁 1235 💬 13</p>"),
    "how long ago it was": ("<p>Posted 5 minutes ago</p>", "<p>Posted 2 hours ago</p>"),
    "how long ago in Chinese": ("<p>3分钟前</p>", "<p>刚刚</p>"),
    "the moment of the page": ("<p>Last updated: May 3, 2026 at 10:22 am</p>", "<p>Last updated: 4 May 2026 11:22</p>"),
    "the moment in Chinese": ("<p>更新时间：2026-05-01 10:22:01</p>", "<p>更新时间：2026年5月2日 09:00</p>"),
    "a time that stands alone": ("<p>Tue, 28 Dec 2021 08:08:58 GMT</p>", "<p>Wed, 29 Dec 2021 08:08:59 GMT</p>"),
    "what stands below an advertisement's label": (
        "<p>Advertisement</p><p>Buy shoes</p><p>End.</p>",
        "<p>Advertisement</p><p>Buy a car</p><p>End.</p>",
    ),
    "an advertisement in one line": ("<p>广告：买鞋</p>", "<p>广告：汽车优惠</p>"),
    "a tracking parameter that shows": ("<p>https://x.org/a?utm_source=a</p>", "<p>https://x.org/a?utm_source=b</p>"),
    "markup": ("<p>甲<b>乙</b>丙</p>", '<div class="x">甲乙<br>丙</div>'),
    "a picture's address": ('<p>甲<img src="https://x.org/1"></p>', '<p>甲<img src="https://x.org/2"></p>'),
}
EDITS = {
    "a figure in a sentence": ("<p>死亡人数升至12人。</p>", "<p>死亡人数升至13人。</p>"),
    "the date of an event": ("<p>The concert is on 2026-05-03.</p>", "<p>The concert is on 2026-05-04.</p>"),
    "a date that stands alone": ("<p>2026-05-03</p>", "<p>2026-05-04</p>"),
    "the votes of a paragraph": (f"<p>{'It was long. ' * 12}52 votes</p>", f"<p>{'It was long. ' * 12}51 votes</p>"),
    "a sentence about advertising": ("<p>广告法修订草案提请审议</p>", "<p>广告法修订草案通过</p>"),
    "what advertisements earned": ("<p>Advertisement revenue fell.</p>", "<p>Advertisement revenue rose.</p>"),
    "a long paragraph below a label": (
        f"<p>Advertisement</p><p>{'It was long. ' * 12}</p>",
        f"<p>Advertisement</p><p>{'It was short. ' * 12}</p>",
    ),
    "another address": ("<p>https://x.org/a</p>", "<p>https://x.org/b</p>"),
    "a paragraph more": ("<p>End.</p>", "<p>End.</p><p>Really.</p>"),
}


def revision(title: str = "标题", content: str = STORY, summary: str = "", source: str = "a") -> Changes:
    entry = Entry(source, guid="1", title=title, content=content, summary=summary)
    return Changes(revisions=(Revision("code", entry, (Alias("guid", "1"),), NOW),))


def after(before: Wording, changes: Changes) -> tuple[int, int, int]:
    found = settled(changes, {"code": before})
    return len(found.revisions), len(found.retouches), len(found.sightings)


@pytest.mark.parametrize(("before", "now"), CHURN.values(), ids=CHURN)
def test_what_changes_by_itself_is_no_edit(before: str, now: str) -> None:
    assert core_of(before) == core_of(now)
    assert after(Wording("a", "标题", "", STORY + before), revision(content=STORY + now)) == (0, 1, 0)
    assert after(Wording("a", "标题", before, STORY), revision(summary=now)) == (0, 1, 0)


@pytest.mark.parametrize(("before", "now"), EDITS.values(), ids=EDITS)
def test_what_could_be_news_is_an_edit(before: str, now: str) -> None:
    assert core_of(before) != core_of(now)
    assert after(Wording("a", "标题", "", STORY + before), revision(content=STORY + now)) == (1, 0, 0)
    assert after(Wording("a", "标题", "", before + STORY), revision(content=now + STORY)) == (1, 0, 0)


def test_an_edit_is_found_amid_all_kinds_of_churn() -> None:
    before, now = ("".join(pair[side] for pair in CHURN.values()) for side in (0, 1))
    assert after(Wording("a", "标题", "", before + STORY + before), revision(content=now + STORY + now)) == (0, 1, 0)
    edited = STORY.replace("进一步", "更")
    assert after(Wording("a", "标题", "", before + STORY + before), revision(content=now + edited + now)) == (1, 0, 0)


def test_a_title_may_count_its_comments_and_is_edited_by_anything_else() -> None:
    assert core_of_title("标题 (12 comments)") == core_of_title("标题 (13 comments)")
    for title in ("标题二", "日报 5月3日", "日报 2026-05-03", "12 killed"):
        assert after(Wording("a", "标题", "", STORY), revision(title=title)) == (1, 0, 0)
    assert core_of_title("日报 2026-05-03") != core_of_title("日报 2026-05-04")


def test_the_markup_is_taken_over_so_many_times_and_an_edit_gets_through_after_that() -> None:
    last, over = (Wording("a", "标题", "", STORY, retouched=n) for n in (MOST_RETOUCHES - 1, MOST_RETOUCHES))
    churn = revision(content=f"<div>{STORY}</div>")
    assert (after(last, churn), after(over, churn)) == ((0, 1, 0), (0, 0, 1))
    assert after(over, revision(content=STORY + "<p>更正</p>")) == (1, 0, 0)
    assert settled(churn, {"code": over}).sightings[0].names == (Alias("guid", "1"),)


def test_another_sources_version_is_a_takeover_whatever_it_says() -> None:
    assert after(Wording("b", "标题", "", STORY), revision()) == (1, 0, 0)


@pytest.mark.parametrize(
    "text", ["1", "1,", "a 1 ", "views ", "Updated ", "12:34 ", "阅读：", "http://", "1 min ", "广告\n"]
)
def test_comparing_takes_time_in_proportion_to_the_text(text: str) -> None:
    def seconds(size: int) -> float:
        html = f"<p>{text * (size // len(text))}</p>"
        begun = time.process_time()
        core_of(html)
        return time.process_time() - begun

    assert seconds(160_000) < 12 * max(min(seconds(20_000) for _ in range(3)), 0.01)

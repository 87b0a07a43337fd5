"""One story told by several sources is one article, shown as its best source tells it; and a merge can be undone."""

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from html import escape
from itertools import permutations
from pathlib import Path
from random import Random

import feedparser
import pytest
from test_pipeline import NOW, Newsroom, rss

from aggregator.records import Outcome, Withdrawal
from aggregator.wiring import assembled

DAY = timedelta(days=1)
SYLLABLES = ["ba", "de", "fi", "go", "lu", "ma", "ne", "pi", "ro", "su"]


def told(number: int, words: int = 120) -> str:
    """The text of a story: always the same words for a number."""
    random = Random(number)
    spoken = ["".join(random.choices(SYLLABLES, k=3)) for _ in range(words)]
    return "".join(f"<p>{' '.join(spoken[at : at + 20])}.</p>" for at in range(0, words, 20))


def item(
    host: str,
    number: int,
    *,
    when: datetime = NOW - DAY,
    name: str = "",
    title: str = "",
    text: str | None = None,
) -> str:
    address = f"https://{host}.example/{name or number}"
    text = told(number) if text is None else text
    return f"""<item><guid>{address}</guid><link>{address}</link><title>{title or f"Story {number}"}</title>
<description>{escape(text)}</description><pubDate>{format_datetime(when)}</pubDate></item>"""


def feed(newsroom: Newsroom, source: str, *items: str) -> None:
    newsroom.write(source, rss(*items), f'category = "{source}"')


class Desk(Newsroom):
    """A newsroom whose application stays open from one refresh to the next."""

    def open(self) -> None:
        self.runner = asyncio.Runner()
        self.application = assembled(self.settings(), lambda: self.now)
        self.app = self.runner.run(self.application.__aenter__())

    def close(self) -> None:
        self.runner.run(self.application.__aexit__(None, None, None))
        self.runner.close()

    def poll(self, source: str, *items: str) -> Outcome:
        """Refresh a source that shows these items now."""
        feed(self, source, *items)
        outcome = self.runner.run(self.app.pipeline.refresh(self.app.sources[source]))
        self.app.pipeline.publish()
        return outcome

    def split(self, kept: object, *parts: object) -> None:
        self.app.pipeline.split(str(kept), [str(part) for part in parts])
        self.app.pipeline.publish()


@pytest.fixture
def newsroom(tmp_path: Path) -> Iterator[Desk]:
    """Sources a, b and c, in this order, with nothing in their documents."""
    made = Desk(tmp_path, publish='formats = ["atom", "json", "html"]')
    for source in "abc":
        feed(made, source)
    made.open()
    yield made
    made.close()


def shown(newsroom: Newsroom) -> list[tuple[object, ...]]:
    return newsroom.rows("SELECT source, link, title FROM entries WHERE state = 'published' ORDER BY seq")


def codes(newsroom: Newsroom) -> dict[object, object]:
    """The codes that sources' tellings of one article have by themselves."""
    return dict(newsroom.rows("SELECT source, code FROM tellings"))


def test_a_story_of_two_sources_is_one_article_in_the_channels_of_both_with_the_other_beside_it(
    newsroom: Desk,
) -> None:
    newsroom.poll("a", item("a", 1))
    outcome = newsroom.poll("b", item("b", 1, text=f"<p>Source: A</p>{told(1)}"), item("b", 2))
    assert outcome == Outcome("b", "ok", new=1, merged=1)
    assert shown(newsroom) == [("a", "https://a.example/1", "Story 1"), ("b", "https://b.example/2", "Story 2")]
    assert newsroom.titles("category/a.atom") == ["Story 1"]
    assert set(newsroom.titles("category/b.atom")) == {"Story 1", "Story 2"}

    (entry,) = feedparser.parse(newsroom.files()["category/a.atom"][1]).entries
    assert "https://b.example/1" in [link.href for link in entry.links if link.rel == "related"]
    (in_json,) = json.loads(newsroom.files()["category/a.json"][1])["items"]
    assert in_json["_aggregator"]["related"] == [{"source": "来源", "title": "Story 1", "url": "https://b.example/1"}]
    page = newsroom.files()[f"article/{in_json['_aggregator']['info_code']}.html"][1].decode()
    assert 'href="https://b.example/1"' in page
    ((guid, why),) = newsroom.rows("SELECT guid, why FROM provenance WHERE source = 'b' AND why <> ''")
    assert guid == "https://b.example/1"
    assert "same story: 100%" in str(why)


def test_later_polls_are_sightings_and_edits_follow_the_shown_source_only(newsroom: Desk) -> None:
    newsroom.poll("a", item("a", 1))
    newsroom.poll("b", item("b", 1))
    other = newsroom.poll("b", item("b", 1, title="Another headline"))
    assert other == Outcome("b", "ok", unchanged=1)
    assert newsroom.poll("a", item("a", 1, title="Corrected")) == Outcome("a", "ok", revised=1)
    assert shown(newsroom) == [("a", "https://a.example/1", "Corrected")]


@pytest.mark.parametrize("order", [*permutations("abc")], ids="".join)
def test_whichever_source_comes_first_the_preferred_one_is_shown_under_the_first_code(
    newsroom: Desk, order: tuple[str, ...]
) -> None:
    seen = set()
    for source in (*order, *order):
        newsroom.poll(source, item(source, 1, when=NOW - DAY + timedelta(minutes=ord(source))))
        seen |= set(newsroom.rows("SELECT info_code, sort_date FROM entries"))
    assert len(seen) == 1
    assert shown(newsroom) == [("a", "https://a.example/1", "Story 1")]
    revisions = 1 + sum(source < min(order[:place]) for place, source in enumerate(order) if place)
    assert newsroom.rows("SELECT revision FROM entries") == [(revisions,)]


def test_a_text_is_shown_rather_than_the_excerpt_of_a_preferred_source(newsroom: Desk) -> None:
    newsroom.poll("b", item("b", 1, text=told(1, 28)))
    assert newsroom.poll("a", item("a", 1, text=told(1, 20))) == Outcome("a", "ok", merged=1)
    assert shown(newsroom)[0][0] == "b"


def test_sources_in_one_pass_and_in_two_processes_do_not_both_say_new(newsroom: Desk) -> None:
    for source in "abc":
        feed(newsroom, source, item(source, 1), item(source, ord(source)))
    with ThreadPoolExecutor(2) as processes:
        passes = [processes.submit(newsroom.refresh, *names, publish=False) for names in ("ab", "bc")]
        outcomes = [outcome for done in passes for outcome in done.result()[0].values()]
    assert sum(outcome.new for outcome in outcomes) == 4
    assert sum(outcome.merged for outcome in outcomes) == 2
    assert newsroom.rows("SELECT count(*) FROM entries WHERE title = 'Story 1'") == [(1,)]


def test_one_source_tells_a_story_once_and_what_it_tells_twice_is_two(newsroom: Desk) -> None:
    twice = [(item(source, 1), item(source, 1, name="again", title="Again", when=NOW - 2 * DAY)) for source in "ab"]
    assert newsroom.poll("a", *twice[0]).new == 2
    assert newsroom.poll("b", *twice[1]) == Outcome("b", "ok", merged=2)
    third = newsroom.poll("b", item("b", 1, name="third", title="Third", when=NOW - 3 * DAY))
    assert third == Outcome("b", "ok", new=1)


@pytest.mark.parametrize(("days", "merged"), [(13, 1), (15, 0)])
def test_stories_meet_within_fourteen_days(newsroom: Desk, days: int, merged: int) -> None:
    newsroom.poll("a", item("a", 1, when=NOW - 20 * DAY))
    assert newsroom.poll("b", item("b", 1, when=NOW - (20 - days) * DAY)).merged == merged


def test_fingerprints_of_long_ago_are_forgotten(newsroom: Desk) -> None:
    newsroom.poll("a", *(item("a", number) for number in range(5)))
    assert newsroom.rows("SELECT count(*) FROM fingerprints") == [(5,)]
    newsroom.now += 31 * DAY
    newsroom.poll("a", item("a", 9, when=newsroom.now))
    assert newsroom.rows("SELECT count(*) FROM fingerprints") == [(1,)]
    assert newsroom.rows("SELECT count(DISTINCT id) FROM fingerprint_bands") == [(1,)]


def test_a_removed_story_stays_away_whoever_tells_it(newsroom: Desk) -> None:
    newsroom.poll("a", item("a", 1))
    newsroom.poll("b", item("b", 1))
    ((code,),) = newsroom.rows("SELECT info_code FROM entries")
    newsroom.app.store.retract(str(code), newsroom.now)
    for source in "abc":
        assert newsroom.poll(source, item(source, 1), item(source, ord(source))).new == 1
    assert {title for _, _, title in shown(newsroom)} == {"Story 97", "Story 98", "Story 99"}
    assert newsroom.rows("SELECT count(*) FROM tellings") == [(0,)]


# --- splitting -----------------------------------------------------------------------------------------------


def test_a_split_gives_each_its_own_text_code_names_and_channels_for_good(newsroom: Desk) -> None:
    newsroom.poll("b", item("b", 1, title="As B tells it"))
    newsroom.poll("a", item("a", 1, title="As A tells it", when=NOW - 2 * DAY))
    assert shown(newsroom) == [("a", "https://a.example/1", "As A tells it")]
    tellings = codes(newsroom)
    newsroom.split(tellings["b"], tellings["a"])

    stored = newsroom.rows("SELECT info_code, source, title, sort_date FROM entries ORDER BY seq")
    assert [row[:3] for row in stored] == [
        (tellings["b"], "b", "As B tells it"),
        (tellings["a"], "a", "As A tells it"),
    ]
    assert stored[1][3] < stored[0][3]
    assert newsroom.titles("category/a.atom") == ["As A tells it"]
    assert newsroom.titles("category/b.atom") == ["As B tells it"]
    assert '"related"' not in newsroom.files()["feed.json"][1].decode()
    assert codes(newsroom) == {}

    for source in "ab":
        again = item(source, 1, title=f"As {source.upper()} tells it"), item(source, ord(source))
        outcome = newsroom.poll(source, *again)
        assert (outcome.new, outcome.unchanged + outcome.revised) == (1, 1)
    assert newsroom.rows("SELECT count(*) FROM entries") == [(4,)]


def test_names_that_were_learnt_after_a_merge_go_with_their_telling(newsroom: Desk) -> None:
    newsroom.poll("a", item("a", 1))
    newsroom.poll("b", item("b", 1))
    respelt = item("b", 1).replace("<guid>https://b.example/1</guid>", "<guid>new-guid</guid>")
    newsroom.poll("b", respelt)
    tellings = codes(newsroom)
    newsroom.split(tellings["a"], tellings["b"])
    owners = newsroom.rows("SELECT DISTINCT info_code FROM aliases WHERE source = 'b'")
    assert owners == [(tellings["b"],)]
    assert newsroom.rows("SELECT info_code, source FROM provenance ORDER BY source") == [
        (tellings["a"], "a"),
        (tellings["b"], "b"),
    ]


def test_what_was_split_is_not_merged_again_when_its_text_comes_under_another_name(newsroom: Desk) -> None:
    newsroom.poll("a", item("a", 1))
    newsroom.poll("b", item("b", 1))
    tellings = codes(newsroom)
    newsroom.split(tellings["a"], tellings["b"])
    assert newsroom.poll("c", item("c", 1)).new == 1  # it is like both, and those two are not one


def test_one_of_several_tellings_is_split_off_and_the_others_stay(newsroom: Desk) -> None:
    for source in "abc":
        newsroom.poll(source, item(source, 1))
    tellings = codes(newsroom)
    newsroom.split(tellings["a"], tellings["b"])
    assert [row[0] for row in shown(newsroom)] == ["a", "b"]
    assert codes(newsroom).keys() == {"a", "c"}
    newsroom.split(tellings["a"], tellings["c"])
    assert [row[0] for row in shown(newsroom)] == ["a", "b", "c"]


def test_a_split_article_of_a_source_that_is_no_longer_configured_keeps_its_place(newsroom: Desk) -> None:
    newsroom.poll("a", item("a", 1))
    newsroom.poll("b", item("b", 1))
    del newsroom.app.sources["b"]
    tellings = codes(newsroom)
    newsroom.split(tellings["a"], tellings["b"])
    assert newsroom.titles("category/a.atom") == ["Story 1", "Story 1"]


# --- a source that takes its telling back ---------------------------------------------------------------------


def test_when_the_shown_source_takes_its_article_back_the_others_text_is_shown(newsroom: Desk) -> None:
    newsroom.poll("a", item("a", 1, title="As A tells it"))
    newsroom.poll("b", item("b", 1, title="As B tells it"))
    newsroom.poll("c", item("c", 1, title="As C tells it"))
    tellings = codes(newsroom)
    newsroom.app.store.withdraw(str(tellings["a"]), "a", Withdrawal("https://a.example/1"), newsroom.now)
    assert newsroom.rows("SELECT info_code, source, title FROM entries") == [(tellings["a"], "b", "As B tells it")]
    assert codes(newsroom) == {"b": tellings["a"], "c": tellings["c"]}
    newsroom.split(tellings["a"], tellings["c"])
    assert [row[0] for row in shown(newsroom)] == ["b", "c"]


def test_a_source_that_is_not_shown_takes_back_its_related_link_only(newsroom: Desk) -> None:
    newsroom.poll("a", item("a", 1))
    newsroom.poll("b", item("b", 1))
    (code,) = newsroom.rows("SELECT info_code FROM entries")[0]
    newsroom.app.store.withdraw(str(code), "b", Withdrawal("https://b.example/1"), newsroom.now)
    assert shown(newsroom) == [("a", "https://a.example/1", "Story 1")]
    assert codes(newsroom) == {}


def test_a_private_source_gives_itself_away_in_no_related_link(newsroom: Desk) -> None:
    newsroom.poll("a", item("a", 1))
    newsroom.poll("b", item("b", 1))
    (entry,) = newsroom.app.store.newest(1)
    assert [told.link for told in entry.related] == ["https://b.example/1"]
    secret = replace(newsroom.app.sources["b"], private=True, url="https://b.example/1")
    newsroom.app.store.sync_sources([(secret, "")], newsroom.now)
    (entry,) = newsroom.app.store.newest(1)
    assert "b.example" not in str(entry.related)

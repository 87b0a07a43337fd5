"""What a document repeats is neither read nor rendered again, and everything is as if it were."""

import asyncio
import random
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_pipeline import HOUR, Newsroom, item, rss
from two_newsrooms import assert_alike, two_below

from aggregator.config import Settings
from aggregator.config.settings import DebugSettings
from aggregator.records import Entry, Outcome
from aggregator.wiring import assembled


@dataclass
class Two:
    """A newsroom that takes the short cut and one that reads everything, fed with the same documents."""

    quick: Newsroom
    thorough: Newsroom

    def poll(self, documents: list[dict[str, str]]) -> list[Outcome]:
        outcomes = [self._poll(newsroom, documents) for newsroom in (self.quick, self.thorough)]
        assert outcomes[0] == outcomes[1]
        return outcomes[0]

    def _poll(self, newsroom: Newsroom, documents: list[dict[str, str]]) -> list[Outcome]:
        async def work() -> list[Outcome]:
            outcomes = []
            async with assembled(self._settings(newsroom), lambda: newsroom.now) as app:
                for document in documents:
                    for name, text in document.items():
                        newsroom.write(name, text)
                        outcomes.append(await app.pipeline.refresh_safely(name))
                    newsroom.now += HOUR
                    app.pipeline.publish()
            return outcomes

        for name in sorted({name for document in documents for name in document}):
            newsroom.write(name, documents[0].get(name, rss()))
        return asyncio.run(work())

    def _settings(self, newsroom: Newsroom) -> Settings:
        whole = newsroom.settings()
        short_cuts = dict.fromkeys(DebugSettings.model_fields, newsroom is self.quick)
        return whole.model_copy(update={"debug": DebugSettings(**short_cuts)})

    def assert_equal(self) -> None:
        assert_alike(self.quick, self.thorough)


@pytest.fixture
def two(tmp_path: Path) -> Two:
    return Two(*two_below(tmp_path))


def remembered(newsroom: Newsroom, name: str = "a") -> dict[str, Entry]:
    async def work() -> dict[str, Entry]:
        async with assembled(newsroom.settings(), lambda: newsroom.now) as app:
            return app.store.document_before(name)

    return asyncio.run(work())


def test_what_came_before_is_known_again_and_what_is_new_is_stored(two: Two) -> None:
    first = [item(number) for number in range(1, 6)]
    outcomes = two.poll([{"a": rss(*first)}, {"a": rss(item(6), *first)}, {"a": rss(item(6), *first[:3], item(7))}])
    assert [(outcome.new, outcome.unchanged) for outcome in outcomes] == [(5, 0), (1, 5), (1, 4)]
    two.assert_equal()
    kept = remembered(two.quick)
    assert sorted(entry.title for entry in kept.values()) == ["标题1", "标题2", "标题3", "标题6", "标题7"]
    assert all(entry.repeated and not entry.content and entry.text_size for entry in kept.values())


def test_an_article_whose_text_is_wanted_after_all_is_read_again(two: Two) -> None:
    two.poll([{"a": rss(item(1), item(2))}])
    for newsroom in (two.quick, two.thorough):
        asyncio.run(_forget(newsroom))
    outcomes = two.poll([{"a": rss(item(1), item(2), item(3))}])
    assert [(outcome.new, outcome.problems) for outcome in outcomes] == [(3, ())]
    two.assert_equal()


async def _forget(newsroom: Newsroom) -> None:
    """Lose the articles behind the aggregator's back, as a person with sqlite3 may."""
    async with assembled(newsroom.settings(), lambda: newsroom.now) as app:
        for table in ("entry_channels", "entries", "aliases", "provenance", "revisions"):
            app.store._write(f"DELETE FROM {table}")


def test_another_reading_of_the_source_reads_all_of_it(two: Two) -> None:
    two.poll([{"a": rss(item(1, more="<category>甲</category>"))}])
    assert remembered(two.quick)
    two.quick.sources["a"] = two.quick.sources["a"].replace('category = "科技"', 'category_from = "tags"')
    assert remembered(two.quick) == {}


ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="zh"><title>来源</title><id>urn:x:a</id>
<entry><id>urn:x:1</id><title type="html">甲 &amp;amp; 乙 &lt;b&gt;丙</title><link href="https://example.org/1"/>
<author><name>王</name><email>w@example.org</email></author><category term="科技" label="技"/>
<published>2031-04-30T08:00:00Z</published><content type="html">&lt;p&gt;正文&lt;img src="/a.png"&gt;</content></entry>
<entry><id>urn:x:2</id><title>丁</title><link href="https://example.org/2"/><summary>摘要</summary>
<link rel="enclosure" href="https://example.org/2.mp3" type="audio/mpeg" length="5"/></entry></feed>"""
PODCAST = """<dc:creator xmlns:dc="http://purl.org/dc/elements/1.1/">王</dc:creator><category>甲</category>
<itunes:duration xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd">1:02</itunes:duration>
<enclosure url="https://example.org/1.mp3" type="audio/mpeg" length="5"/>"""


def test_what_is_read_without_feedparser_is_stored_and_published_as_with_it(two: Two) -> None:
    outcomes = two.poll([{"a": ATOM, "b": rss(item(3, more=PODCAST), item(4))}])
    assert [(outcome.new, outcome.problems) for outcome in outcomes] == [(2, ()), (2, ())]
    two.assert_equal()


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, str]]:
    """Some polls of two sources, whose entries come, go, change, swap names and places."""
    chance = random.Random(draw(st.integers(0, 2**32)))
    return [{name: rss(*_some(chance, name)) for name in ("a", "b")} for _ in range(draw(st.integers(2, 5)))]


def _some(chance: random.Random, name: str) -> list[str]:
    numbers = chance.sample(range(1, 9), chance.randint(0, 7))
    return [_one(chance, name, number) for number in numbers]


def _one(chance: random.Random, name: str, number: int) -> str:
    text = chance.choice(("正文", "正文", "正文改", f"<![CDATA[<p>{'很长的正文。' * 50}</p>]]>"))
    made = item(number, title=chance.choice(("", "", "同题")), text=text)
    if chance.random() < 0.15:
        made = made.replace(f"tag:example.org,2031:{number}", f"tag:example.org,2031:{chance.randint(1, 9)}")
    if chance.random() < 0.1:
        made = made.replace("https://example.org/", "https://www.example.org/")
    return made if chance.random() < 0.8 else made.replace("2031:", f"{name}2031:")


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(documents=histories())
def test_the_short_cut_stores_and_publishes_what_the_long_way_does(
    tmp_path_factory: pytest.TempPathFactory, documents: list[dict[str, str]]
) -> None:
    newsrooms = [Newsroom(tmp_path_factory.mktemp("room")) for _ in range(2)]
    two = Two(*newsrooms)
    two.poll(documents)
    two.assert_equal()


def test_a_short_cut_that_loses_something_is_seen(two: Two) -> None:
    two.poll([{"a": rss(item(1), item(2))}])
    two.thorough.now = two.quick.now
    asyncio.run(_damage(two.quick))
    two.poll([{"a": rss(item(1), item(2), item(3))}])
    with pytest.raises(AssertionError):
        two.assert_equal()


async def _damage(newsroom: Newsroom) -> None:
    """Let what is remembered say of an entry that it goes by another link."""
    async with assembled(newsroom.settings(), lambda: newsroom.now) as app:
        kept = [replace(entry, link=f"{entry.link}/x") for entry in app.store.document_before("a").values()]
        app.store.remember_document("a", kept)

"""A subscriber walks down the whole history of a large channel while news arrive and articles are retracted."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from lxml import etree

from aggregator import config
from aggregator.records import Alias, Arrival, Channel, Entry, Source
from aggregator.wiring import App, assembled

COUNT = 10_000
ENTRIES = 50
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ATOM = "{http://www.w3.org/2005/Atom}"
SITE = "https://finews.example.org/"


def arrival(number: int) -> Arrival:
    entry = Entry("a", f"guid {number}", f"https://example.org/{number}", f"标题 {number}", content="<p>正文</p>")
    when = NOW - timedelta(days=30) + timedelta(minutes=number)
    return Arrival(f"code-{number}", entry, (Alias("guid", entry.guid),), when, when)


@dataclass
class Newsroom:
    """A channel whose articles come and go while somebody reads it."""

    workspace: Any
    app: App
    arrived: int = 0
    retracted: set[str] = field(default_factory=set)

    def bring(self, count: int) -> None:
        store = self.app.store
        with store.writing():
            store.add([arrival(number) for number in range(self.arrived, self.arrived + count)], NOW)
            for number in range(self.arrived, self.arrived + count):
                store.place(f"code-{number}", "a", ["keji"])
            store.mark(["category/keji"])
        self.arrived += count

    def retract(self, number: int) -> None:
        assert self.app.store.retract(f"code-{number}", NOW)
        self.retracted.add(f"code-{number}")

    def publish(self) -> None:
        assert self.app.pipeline.publish().problems == ()


def walk(workspace: Any, between: Callable[[int], None]) -> Iterator[list[str]]:
    """Give the codes in each document from the current one down; `between` happens after each."""
    path, step = "category/keji.atom", 0
    while path:
        feed = etree.fromstring((workspace.public / path).read_bytes())
        yield [entry.findtext(f"{ATOM}id").rpartition(":")[2] for entry in feed.iterfind(f"{ATOM}entry")]
        links = {link.get("rel"): link.get("href") for link in feed.iterfind(f"{ATOM}link")}
        path = links.get("prev-archive", "").removeprefix(SITE)
        between(step)
        step += 1


def read_while_it_changes(workspace: Any) -> tuple[list[list[str]], Newsroom]:
    async def work() -> tuple[list[list[str]], Newsroom]:
        text, folder = workspace.config.read_text(encoding="utf-8"), workspace.folder
        text = text.replace('"public"', f'"{folder}/public"\nformats = ["atom", "json"]')
        settings = config.parse(text.replace('"aggregator.db"', f'"{folder}/aggregator.db"'), "aggregator.toml")
        async with assembled(settings, lambda: NOW) as app:
            newsroom = Newsroom(workspace, app)
            with app.store.writing():
                app.store.sync_sources([(Source("a", "https://example.org/f"), "1")], NOW)
                app.store.add_channel(Channel("keji", "科技", "科技"), "科技", NOW)
            newsroom.bring(COUNT)
            newsroom.publish()

            def between(step: int) -> None:
                if step % 20 == 0:  # the first time between the current document and the archive that it leads to
                    newsroom.bring(7)
                    newsroom.retract(COUNT - 1 - 50 * step)  # often one that was read already
                    newsroom.retract(step * 10)  # one of the oldest, which is still to come
                    newsroom.publish()

            return list(walk(workspace, between)), newsroom

    return asyncio.run(work())


def test_a_walk_down_ten_thousand_articles_meets_each_once_while_news_come_and_some_are_retracted(
    memory_workspace: Any,
) -> None:
    memory_workspace.configure("")
    documents, newsroom = read_while_it_changes(memory_workspace)
    current, *archives = documents
    assert len(current) == ENTRIES
    assert len(archives) >= (COUNT - ENTRIES) // ENTRIES
    met = Counter(code for archive in archives for code in archive)
    assert [code for code, times in met.items() if times > 1] == []
    twice = set(met) & set(current)
    assert len(twice) <= 7, "only what was displaced right after the current document was read"
    published = {f"code-{number}" for number in range(COUNT)}
    assert published - set(met) - set(current) <= newsroom.retracted
    assert {f"code-{step * 10}" for step in range(20, 160, 20)} & set(met) == set(), "gone before"

    after = [code for document in walk(memory_workspace, lambda _: None) for code in document]
    everything = {f"code-{number}" for number in range(newsroom.arrived)}
    assert Counter(after) == Counter(everything - newsroom.retracted)

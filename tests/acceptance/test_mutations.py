"""What publishers do to their feeds, over fifty polls each: what is published is what is truly new, in its order.

Every source shows a window over its own articles, and is changed from the twentieth poll on (or on every poll) in one
way. One application polls all of them, over HTTP on loopback and with a clock that only the test moves.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from html import escape
from pathlib import Path
from random import Random
from typing import Any

import feedparser
import pytest

from aggregator import config
from aggregator.wiring import App, assembled

POLLS = 50
TURN = 20  # the poll at which a publisher changes its ways
WINDOW = 8
BEGIN = datetime(2031, 5, 1, 8, 3, 7, tzinfo=UTC)
AHEAD = timedelta(minutes=5)
SYLLABLES = ["ba", "de", "fi", "go", "lu", "ma", "ne", "pi", "ro", "su", "ta", "ve"]


@dataclass(frozen=True)
class Post:
    number: int
    guid: str
    link: str
    title: str
    text: str
    date: str
    updated: str = ""


Mutation = Callable[[Sequence[Post], int, datetime], Sequence[Post]]


def words(source: str, number: int, count: int) -> str:
    random = Random(f"{source} {number} {count}")
    return " ".join("".join(random.choices(SYLLABLES, k=3)) for _ in range(count))


def post(source: str, number: int, when: datetime) -> Post:
    address = f"http://www.{source}.example.org/{when:%Y/%m}/{number}"
    text = f'<p>{words(source, number, 60)} <a href="{address}#more">more</a></p>'
    return Post(number, address, address, words(source, number, 5), text, format_datetime(when))


def document(posts: Iterable[Post]) -> bytes:
    items = "".join(_item(one) for one in posts)
    head = '<rss version="2.0" xmlns:a="http://www.w3.org/2005/Atom"><channel><title>t</title><description>d</description>'
    return f'<?xml version="1.0" encoding="utf-8"?>{head}{items}</channel></rss>'.encode()


def _item(one: Post) -> str:
    said = (
        ("guid", one.guid),
        ("link", one.link),
        ("title", one.title),
        ("description", one.text),
        ("pubDate", one.date),
        ("a:updated", one.updated),
    )
    return "<item>" + "".join(f"<{name}>{escape(value)}</{name}>" for name, value in said if value) + "</item>"


# --- what is done to a document ---------------------------------------------------------------------------------------


def each(change: Callable[[Post, int, datetime], Post], *, since: int = 0) -> Mutation:
    """Change every post of a document, from a poll on."""
    return lambda posts, poll, now: [change(one, poll, now) if poll >= since else one for one in posts]


def readdressed(one: Post, old: str, new: str) -> Post:
    guid, link, text = (value.replace(old, new) for value in (one.guid, one.link, one.text))
    return replace(one, guid=guid, link=link, text=text)


def moved(one: Post, poll: int, now: datetime) -> Post:
    return readdressed(one, ".example.org", ".example.net")


def rewritten(one: Post, poll: int, now: datetime) -> Post:
    return readdressed(one, f"/{one.number}", f"/{one.title.replace(' ', '-')}.html")


def tracked(one: Post, poll: int, now: datetime) -> Post:
    link = f"{one.link}?utm_source=feed{poll}&fbclid={poll}&spm=a.{poll}"
    return replace(one, guid=link, link=link, text=one.text.replace("#more", f"?utm_medium=p{poll}#more"))


def shuffled(posts: Sequence[Post], poll: int, now: datetime) -> Sequence[Post]:
    return Random(poll).sample(posts, len(posts))


def rotated(posts: Sequence[Post], poll: int, now: datetime) -> Sequence[Post]:
    """Show the newest, and two of the others in turn."""
    newest, others = posts[:5], posts[5:]
    turn = poll % len(others) if others else 0
    return [*newest, *[*others[turn:], *others[:turn]][:2]]


MUTATIONS: dict[str, Mutation] = {
    "https": each(lambda one, poll, now: readdressed(one, "http://www.", "https://"), since=TURN),
    "moved": each(moved, since=TURN),
    "rewritten": each(rewritten, since=TURN),
    "unnamed": each(lambda one, poll, now: replace(one, guid=""), since=TURN),
    "renamed": each(lambda one, poll, now: replace(one, guid=f"{poll}-{one.number}")),
    "samename": each(lambda one, poll, now: replace(one, guid="http://www.samename.example.org/")),
    "shuffled": shuffled,
    "rotated": rotated,
    "touched": each(lambda one, poll, now: replace(one, updated=now.isoformat())),
    "undated": each(lambda one, poll, now: replace(one, date="")),
    "future": each(lambda one, poll, now: replace(one, date=format_datetime(now + timedelta(days=400 + one.number)))),
    "epoch": each(lambda one, poll, now: replace(one, date="Thu, 01 Jan 1970 00:00:00 GMT")),
    "local": each(lambda one, poll, now: replace(one, date="am Donnerstag um halb neun")),
    "elsewhere": each(lambda one, poll, now: one),
    "tracked": each(tracked),
}
BEYOND_REPAIR: dict[str, Mutation] = {
    "another": each(
        lambda one, poll, now: replace(moved(one, poll, now), title=one.title[::-1], text=one.text[::-1], date=""),
        since=TURN,
    )
}


# --- fifty polls ------------------------------------------------------------------------------------------------------


@dataclass
class Story:
    """What a source published in truth, and what came of it."""

    mutation: Mutation
    posts: list[Post] = field(default_factory=list)
    order: list[str] = field(default_factory=list)  # of the titles, newest first
    disorders: list[int] = field(default_factory=list)  # polls at which articles changed places

    def note(self, titles: list[str], poll: int) -> None:
        if [title for title in titles if title in set(self.order)] != self.order:
            self.disorders.append(poll)
        self.order = titles


@dataclass
class Run:
    stories: dict[str, Story]
    entries: dict[str, int] = field(default_factory=dict)
    ahead: list[str] = field(default_factory=list)
    feeds: dict[str, list[str]] = field(default_factory=dict)


def settings(folder: Path, sources: dict[str, str]) -> config.Settings:
    tables = "".join(f'[sources.{name}]\nurl = "{url}"\ncategory = "{name}"\n' for name, url in sources.items())
    text = f"""
[site]
title = "t"
url = "https://finews.example.org/"
[store]
path = "{folder}/a.db"
[publish]
directory = "{folder}/public"
formats = ["atom"]
entries = 500
[fetch]
spacing = "0s"
per_host = 8
allow_networks = ["127.0.0.0/8"]
{tables}"""
    return config.parse(text, "a.toml")


def run(folder: Path, origin: Any, answer: Any, mutations: dict[str, Mutation]) -> Run:
    result = Run({name: Story(mutation) for name, mutation in mutations.items()})
    chosen = settings(folder, {name: f"{origin.url}/{name}.xml" for name in mutations})

    async def work() -> None:
        clock = [BEGIN]
        async with assembled(chosen, lambda: clock[0]) as app:
            for poll in range(POLLS):
                for name, story in result.stories.items():
                    serve(origin, answer, name, story, poll, clock[0])
                assert [o.outcome async for o in app.pipeline.refresh_all(mutations) if o.outcome == "failed"] == []
                look(app, result, poll)
                if poll % 10 == 9:
                    app.pipeline.publish()
                    result.ahead += too_new(folder / "public", clock[0])
                clock[0] += timedelta(hours=1)
            result.entries = {report.name: report.entries for report in app.store.source_reports(clock[0])}

    asyncio.run(work())
    for path in sorted((folder / "public" / "category").glob("*.atom")):
        result.feeds[path.stem] = [entry.title for entry in feedparser.parse(path.read_bytes()).entries]
    return result


def serve(origin: Any, answer: Any, name: str, story: Story, poll: int, now: datetime) -> None:
    """Publish nothing, one or two articles, and put the document of this poll where it is asked for."""
    for number in range(5 if poll == 0 else Random(f"{name} {poll}").randrange(3)):
        story.posts.append(post(name, len(story.posts), now - timedelta(minutes=20 - number, seconds=number)))
    shown = list(reversed(story.posts[-WINDOW:]))
    body = answer(document(story.mutation(shown, poll, now)), headers={"Content-Type": "application/rss+xml"})
    place = f"/{name}.xml"
    if name == "elsewhere" and poll >= TURN:
        origin.answers[place] = answer(status=301, headers={"Location": f"{origin.url}/new-{name}.xml"})
        place = f"/new-{name}.xml"
    origin.answers[place] = body


def look(app: App, result: Run, poll: int) -> None:
    for name, story in result.stories.items():
        story.note([entry.title for entry in app.store.newest_of(name, 1000)], poll)


def too_new(public: Path, now: datetime) -> list[str]:
    found = []
    for path in sorted((public / "category").glob("*.atom")):
        parsed = feedparser.parse(path.read_bytes())
        said = [parsed.feed, *parsed.entries]
        times = [one[key] for one in said for key in ("published", "updated") if key in one]
        found += [f"{path.stem}: {time}" for time in times if datetime.fromisoformat(time) > now + AHEAD]
    return found


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, module_origin: Any, answer: Any) -> Run:
    return run(tmp_path_factory.mktemp("mutations"), module_origin, answer, MUTATIONS | BEYOND_REPAIR)


@pytest.mark.parametrize("name", MUTATIONS)
def test_what_is_published_is_what_is_truly_new_in_its_order(done: Run, name: str) -> None:
    story = done.stories[name]
    assert done.entries[name] == len(story.posts)
    assert story.disorders == []
    assert sorted(story.order) == sorted(one.title for one in story.posts)
    assert done.feeds[name] == story.order


def test_no_date_lies_ahead(done: Run) -> None:
    assert done.ahead == []


def test_the_counting_sees_articles_that_nothing_can_tell_from_new_ones(done: Run) -> None:
    assert done.entries["another"] > len(done.stories["another"].posts)


def test_the_watch_over_dates_and_order_sees_what_is_wrong(done: Run, tmp_path: Path) -> None:
    folder = tmp_path / "category"
    folder.mkdir()
    entry = "<entry><title>t</title><updated>2031-05-01T08:09:00Z</updated></entry>"
    text = f'<feed xmlns="http://www.w3.org/2005/Atom"><updated>2031-05-01T08:00:00Z</updated>{entry}</feed>'
    (folder / "a.atom").write_text(text)
    assert too_new(tmp_path, BEGIN) == ["a: 2031-05-01T08:09:00Z"]
    story = Story(MUTATIONS["moved"], order=["b", "a"])
    story.note(["c", "b", "a"], 1)
    story.note(["a", "c", "b"], 2)
    assert story.disorders == [2]

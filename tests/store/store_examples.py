"""What the store's tests share: entries in all their columns, and ways to put them in."""

from datetime import UTC, datetime, timedelta

from aggregator.records import (
    Alias,
    Arrival,
    Channel,
    Enclosure,
    Entry,
    FailureNote,
    FeedFacts,
    ReadNote,
    Source,
    Validators,
)
from aggregator.store import Store
from aggregator.urls import fold_name

NOW = datetime(2022, 1, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
NO_VALIDATORS = Validators()


def entry(number: int, source: str = "a", **said: object) -> Entry:
    facts: dict[str, object] = {
        "guid": f"guid {number}",
        "link": f"https://example.org/{number}",
        "title": f"标题 {number} “\"'",
        "summary": "<p>摘要</p>",
        "content": f"<p>正文 {number} 😀</p>",
        "author": "记者",
        "outlet": "南昌日报",
        "language": "zh-CN",
        "published": NOW - DAY,
        "published_text": "昨天",
        "tags": ("财经", 'a"b'),
        "enclosures": (Enclosure("https://example.org/a.mp3", "audio/mpeg", 7, "声音"),),
        "fingerprint": f"print {number}",
    }
    return Entry(source, **facts | said)  # type: ignore[arg-type]  # a shorthand for many shapes of entries


def arrival(number: int, source: str = "a", *, pending: bool = False, **said: object) -> Arrival:
    made = entry(number, source, **said)
    names = (Alias("guid", made.guid), Alias("url", made.link))
    when = NOW - DAY + timedelta(seconds=number)
    return Arrival(f"code-{number}", made, names, when, when, pending)


def configure(store: Store, *names: str, digest: str = "1", now: datetime = NOW) -> None:
    sources = [Source(name, f"https://example.org/{name}.xml", position=n) for n, name in enumerate(names)]
    store.sync_sources([(source, digest) for source in sources], now)


def open_channel(store: Store, slug: str, name: str = "") -> None:
    name = name or slug
    store.add_channel(Channel(slug, name, name), fold_name(name), NOW)


def fill(store: Store, count: int, *slugs: str, source: str = "a") -> None:
    """Store articles 1 to `count`, each in all the channels."""
    configure(store, source)
    for slug in slugs:
        open_channel(store, slug)
    with store.writing():
        store.add([arrival(number, source) for number in range(1, count + 1)], NOW)
        for number in range(1, count + 1):
            store.place(f"code-{number}", source, slugs)


def read_note(
    *,
    facts: FeedFacts | None = None,
    validators: Validators = NO_VALIDATORS,
    body_hash: str = "",
    next_fetch_at: datetime = NOW,
) -> ReadNote:
    return ReadNote(facts, validators, body_hash, next_fetch_at, "its interval", "ok")


def failure_note(error: str, outcome: str = "failed") -> FailureNote:
    return FailureNote(error, "connect", outcome, NOW + DAY, "it failed")

"""Rows ↔ records: times as ISO 8601 text in UTC, tags and enclosures as JSON."""

import json
import sqlite3
from collections.abc import Container, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from operator import attrgetter
from typing import Any

from aggregator.masking import Mask, mask
from aggregator.records import (
    Channel,
    Enclosure,
    Entry,
    Familiar,
    FeedFacts,
    Hold,
    Known,
    Move,
    PastArticle,
    Related,
    SourceMemory,
    SourceReport,
    StoredEntry,
    Validators,
)

ENTRY = """e.seq, e.info_code, e.source, e.guid, e.link, e.title, e.summary, e.content, e.author, e.outlet, e.language,
    e.published, e.updated, e.first_seen, e.sort_date, e.revision, e.fingerprint, e.tags, e.enclosures,
    CASE WHEN s.title = '' THEN s.name ELSE s.title END AS source_title, s.link AS source_link,
    s.feed_id AS source_id, s.rights AS source_rights, s.icon AS source_icon, s.text_policy"""  # for `stored_of`


def time_text(moment: datetime) -> str:
    """Give "2021-12-28T00:08:58Z": whole seconds, so that text order is time order."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def time_text_after(moment: datetime) -> str:
    """The same, rounded up: a check must not come a fraction of a second early."""
    return time_text(moment + timedelta(microseconds=999_999))


def optional_time_text(moment: datetime | None) -> str | None:
    """`time_text`, with None for None."""
    return time_text(moment) if moment else None


def time_of(text: str) -> datetime:
    """Read what `time_text` wrote."""
    return datetime.fromisoformat(text)


def optional_time_of(text: str | None) -> datetime | None:
    """`time_of`, with None for None."""
    return time_of(text) if text else None


def entry_columns(entry: Entry) -> dict[str, Any]:
    """Give the columns of `entries` that an entry fills by itself."""
    return {
        "source": entry.source,
        "guid": entry.guid,
        "link": entry.link,
        "title": entry.title,
        "summary": entry.summary,
        "content": entry.content,
        "author": entry.author,
        "outlet": entry.outlet,
        "language": entry.language,
        "published": optional_time_text(entry.published),
        "published_text": entry.published_text,
        "tags": json.dumps(entry.tags, ensure_ascii=False),
        "enclosures": json.dumps([_enclosure_row(e) for e in entry.enclosures], ensure_ascii=False),
        "fingerprint": entry.fingerprint,
        "article_url": entry.article_url,
    }


def entry_text(entry: Entry) -> str:
    """Give an entry as JSON, for `entry_of_text`."""
    return json.dumps(entry_columns(entry) | {"info_code": entry.info_code}, ensure_ascii=False)


def entry_of_text(text: str) -> Entry:
    """Read what `entry_text` wrote, also at an earlier time, when an entry had fewer columns."""
    return entry_of(entry_columns(Entry("")) | json.loads(text))


def entry_of(row: sqlite3.Row | dict[str, Any]) -> Entry:
    """Give back the normalised entry that a row of `entries` was made from."""
    return Entry(
        source=row["source"],
        guid=row["guid"],
        link=row["link"],
        title=row["title"],
        summary=row["summary"],
        content=row["content"],
        author=row["author"],
        outlet=row["outlet"],
        language=row["language"],
        published=optional_time_of(row["published"]),
        published_text=row["published_text"],
        tags=tuple(json.loads(row["tags"])),
        enclosures=enclosures_of(row["enclosures"]),
        info_code=row["info_code"],
        article_url=row["article_url"],
        fingerprint=row["fingerprint"],
    )


def remembered(entries: Sequence[Entry], before: str = "[]", besides: Container[str] = ()) -> str:
    """Give what is to be known of entries when their document holds them again: all but their texts, as JSON. What was
    known `before` of those whose digests are `besides` stays."""
    rows = [row for row in json.loads(before) if row[0] in besides]
    return _json([*rows, *(_repeated_row(entry) for entry in entries)])


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def familiar_text(entries: Mapping[str, Familiar]) -> str:
    """Give familiar entries as JSON, by code."""
    return _json(entries)


def familiar_of(text: str) -> dict[str, Familiar]:
    """Read what `familiar_text` wrote."""
    found: dict[str, Familiar] = json.loads(text)
    return found


def _repeated_row(entry: Entry) -> list[Any]:
    size = entry.text_size if entry.repeated else len(entry.content or entry.summary)
    times = (optional_time_text(entry.published), optional_time_text(entry.updated))
    return [*_VALUES_REPEATED(entry), *times, entry.tags, size]


def repeated(source: str, text: str, without: Container[str] = ()) -> dict[str, Entry]:
    """Read what `remembered` wrote: entries without texts, by their digests, but for those that are left out."""
    found = (_repeated(source, row) for row in json.loads(text) if row[0] not in without)
    return {entry.digest: entry for entry in found}


def _repeated(source: str, row: list[Any]) -> Entry:
    *said, published, updated, tags, size = row
    return Entry(
        source,
        **dict(zip(_REPEATED, said, strict=True)),
        published=optional_time_of(published),
        updated=optional_time_of(updated),
        tags=tuple(tags),
        repeated=True,
        text_size=size,
    )


_REPEATED = (
    *("digest", "guid", "link", "title", "author", "outlet", "language", "published_text"),
    *("info_code", "article_url", "fingerprint", "row_fingerprint"),
)
_VALUES_REPEATED = attrgetter(*_REPEATED)


def known_of(row: sqlite3.Row, brought: str | None) -> Known:
    """Give what a decision needs of a row of `entries`; `brought` is the asking source's row fingerprint of it, None
    where that source never brought it."""
    return Known(
        info_code=row["info_code"],
        source=row["source"],
        guid=row["guid"],
        title=row["title"],
        fingerprint=row["fingerprint"],
        row_fingerprint=brought or "",
        seen_here=brought is not None,
        text_size=row["text_size"],
        published=optional_time_of(row["published"]),
        updated=time_of(row["updated"]),
        asked=bool(row["article_url"]),
        link=row["link"],
        evident=bool(row["evident"]),
        held=bool(row["held"]),
        for_review=bool(row["held_for_review"]),
    )


def past_of(row: sqlite3.Row) -> PastArticle:
    """Give what is looked at of an earlier article. One that said no date is sorted by its first sight."""
    said = row["published"] or (row["sort_date"] if row["sort_date"] != row["first_seen"] else None)
    return PastArticle(optional_time_of(said), time_of(row["first_seen"]), row["link"])


def stored_of(
    row: sqlite3.Row | Mapping[str, Any], channels: tuple[Channel, ...], related: tuple[Related, ...] = ()
) -> StoredEntry:
    """Give the article as documents show it. A publication date ahead of the first sight is shown as that sight."""
    published, first_seen = optional_time_of(row["published"]), time_of(row["first_seen"])
    return StoredEntry(
        seq=row["seq"],
        info_code=row["info_code"],
        source=row["source"],
        guid=row["guid"],
        link=row["link"],
        title=row["title"],
        summary=row["summary"],
        content=row["content"],
        author=row["author"],
        outlet=row["outlet"],
        language=row["language"],
        published=min(published, first_seen) if published else None,
        updated=time_of(row["updated"]),
        first_seen=first_seen,
        sort_date=time_of(row["sort_date"]),
        revision=row["revision"],
        fingerprint=row["fingerprint"],
        tags=tuple(json.loads(row["tags"])),
        enclosures=enclosures_of(row["enclosures"]),
        source_title=row["source_title"],
        source_link=row["source_link"],
        source_id=row["source_id"],
        source_rights=row["source_rights"],
        source_icon=row["source_icon"],
        text=row["text_policy"],
        channels=channels,
        related=related,
    )


def usual_gap(dates: Sequence[datetime]) -> timedelta | None:
    """Give the usual (median) time between articles, from dates in order; None for fewer than four of them."""
    gaps = sorted(later - earlier for earlier, later in pairwise(dates))
    return gaps[len(gaps) // 2] if len(gaps) >= _ENOUGH_GAPS else None


_ENOUGH_GAPS = 3


def memory_of(row: sqlite3.Row, rhythm: timedelta | None, newest: datetime | None) -> SourceMemory:
    """Give what a row of `sources` remembers for the next fetch."""
    moved_since = optional_time_of(row["moved_since"])
    return SourceMemory(
        validators=Validators(row["validators_url"], row["etag"], row["last_modified"]),
        body_hash=row["body_hash"],
        wire=row["wire"] if row["body_hash"] else "",  # one goes with the other
        failures=row["failures"],
        fresh=row["last_success_at"] is None,
        url=row["effective_url"],
        home=row["link"],
        hints=hints_of(row),
        unmodified_since=optional_time_of(row["unmodified_since"]),
        move=Move(row["moved_to"], moved_since, row["moved_polls"]) if moved_since else None,
        move_refused=row["move_refused"],
        rhythm=rhythm,
        newest=newest,
        heedless=row["heedless"],
        usual=timedelta(seconds=row["usual_seconds"]),
        title=row["title"],
        read_at=optional_time_of(row["last_success_at"]),
        failing_since=optional_time_of(row["failing_since"]),
        review=Hold(row["review_reason"], for_review=True) if row["review_since"] else None,
    )


def hints_of(row: sqlite3.Row) -> FeedFacts:
    """Give what a row of `sources` keeps of its feed's rhythm."""
    return FeedFacts(
        ttl_minutes=row["ttl_minutes"],
        update_minutes=row["update_minutes"],
        skip_hours=tuple(json.loads(row["skip_hours"])),
        skip_days=tuple(json.loads(row["skip_days"])),
    )


def report_of(row: sqlite3.Row, rhythm: timedelta | None, now: datetime) -> SourceReport:
    """Give how a source stands, with its state in one word."""
    return SourceReport(
        name=row["name"],
        url=row["url"],
        kind=row["kind"],
        title=row["title"],
        state=_state_of(row, rhythm, now),
        entries=row["entries"],
        last_fetch_at=optional_time_of(row["last_fetch_at"]),
        last_success_at=optional_time_of(row["last_success_at"]),
        next_fetch_at=None if _is_never_fetched(row) else optional_time_of(row["next_fetch_at"]),
        next_reason=row["next_reason"],
        last_new_at=optional_time_of(row["last_new_at"]),
        failures=row["failures"],
        failing_since=optional_time_of(row["failing_since"]),
        last_error=row["last_error"],
        failure=row["last_failure"],
        entries_per_week=row["of_month"] / 4,
        proposed_url=row["proposed_url"],
        fetched_from=row["effective_url"],
        parent=row["parent"],
        held=row["held"],
        held_since=optional_time_of(row["review_since"] or row["held_since"]),
        held_reason=row["review_reason"] or row["held_reason"] or "",
        under_review=row["review_since"] is not None,
    )


def mask_of_row(row: sqlite3.Row) -> Mask:
    """Give the mask of a source by what its row knows of its addresses."""
    addresses = ("url", "effective_url", "validators_url", "moved_to", "proposed_url", "move_refused")
    return mask(row["name"], tuple(row[column] for column in addresses if row[column]))


def _state_of(row: sqlite3.Row, rhythm: timedelta | None, now: datetime) -> str:
    """One of: new, healthy, held, silent, moved, failing, unreadable, gone, imported."""
    if not row["active"]:
        return "imported"
    if row["last_outcome"] == "gone":
        return "gone"
    if row["failures"]:
        return "unreadable" if row["last_failure"] == "unreadable" else "failing"
    if row["last_success_at"] is None:
        return "new"
    if row["held"] or row["review_since"]:
        return "held"
    last_new = optional_time_of(row["last_new_at"])
    if last_new and rhythm and now - last_new > max(_SILENT_AT_LEAST, _SILENT_GAPS * rhythm):
        return "silent"
    return "moved" if row["effective_url"] else "healthy"


def may_be_silent(row: sqlite3.Row, now: datetime) -> bool:
    """Tell whether it depends on a source's usual rhythm if it has gone silent."""
    return bool(row["last_new_at"]) and now - time_of(row["last_new_at"]) > _SILENT_AT_LEAST


def _is_never_fetched(row: sqlite3.Row) -> bool:
    return row["last_outcome"] == "gone" or not row["active"]


_SILENT_AT_LEAST = timedelta(days=7)
_SILENT_GAPS = 5  # so many of its usual gaps without an article are a silence


def enclosures_of(text: str) -> tuple[Enclosure, ...]:
    """Read the JSON of a row's enclosures."""
    return tuple(Enclosure(**item) for item in json.loads(text))


def _enclosure_row(enclosure: Enclosure) -> dict[str, Any]:
    row = {"url": enclosure.url, "type": enclosure.type, "length": enclosure.length, "title": enclosure.title}
    return row | {name: said for name, usual in _SELDOM.items() if (said := getattr(enclosure, name)) != usual}


_SELDOM = {"rel": "enclosure", "duration_seconds": 0, "season": 0, "episode": 0}

"""What the operator is told, as a feed of its own: nothing of it stands in a channel."""

from collections.abc import Sequence
from dataclasses import replace
from html import escape

from aggregator.publish.atom_rss import atom
from aggregator.publish.view import LONG_AGO, View, newest_change
from aggregator.records import Document, Site, StoredEntry
from aggregator.status import Event

PATH = "status/sources"


def health_document(site: Site, events: Sequence[Event]) -> Document:
    """Render the feed of what was told; `events` come newest first. Its entries have no pages."""
    entries = tuple(_entry(event) for event in events)
    feed_id = f"tag:{site.id_authority}:{PATH}"
    view = View(PATH, f"{site.title} · status", feed_id, entries, newest_change(entries, LONG_AGO), noindex=True)
    return Document(f"{PATH}.atom", atom(replace(site, formats=("atom",), hub=""), view))


def _entry(event: Event) -> StoredEntry:
    return StoredEntry(
        seq=0,
        info_code=event.code,
        source="aggregator",
        guid="",
        link="",
        title=event.title,
        summary="",
        content=f"<p>{escape(event.text)}</p>",
        author="aggregator",
        outlet="",
        language="en",
        published=event.at,
        updated=event.at,
        first_seen=event.at,
        sort_date=event.at,
        revision=1,
        fingerprint="",
        tags=(event.kind,),
    )

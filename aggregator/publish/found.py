"""The page of what a search found, as anyone may read it: no article that needs a token, and no more of a text than its
channels and its source allow."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aggregator.publish.documents import SICKNESS
from aggregator.publish.pages import Facts, Result, result_of, search_page
from aggregator.publish.view import for_all, widest
from aggregator.records import Policies, Site, StoredEntry


@dataclass(frozen=True, slots=True)
class FoundEntry:
    """An article, the words around the place where it was found, and the marks in them: from and to, in characters."""

    entry: StoredEntry
    snippet: str
    marks: Sequence[tuple[int, int]]


def found_page(site: Site, policies: Policies, hits: Iterable[FoundEntry], facts: Facts) -> bytes:
    """Render a page of results; an article that cannot be shown is passed over."""
    shown = (_shown(site, policies, hit) for hit in hits if not _is_closed(hit.entry, policies))
    return search_page(site, facts, tuple(hit for hit in shown if hit))


def _is_closed(entry: StoredEntry, policies: Policies) -> bool:
    return bool(entry.channels) and all(policies.of(channel.slug).protected for channel in entry.channels)


def _shown(site: Site, policies: Policies, hit: FoundEntry) -> Result | None:
    is_whole = _may_be_quoted(hit.entry, policies)
    try:
        return result_of(site, for_all(hit.entry, policies), *(_told(hit) if is_whole else ("", ())))
    except SICKNESS:
        return None


def _may_be_quoted(entry: StoredEntry, policies: Policies) -> bool:
    return entry.text == "full" and widest(entry, policies) == "full"


def _told(hit: FoundEntry) -> tuple[str, Sequence[tuple[int, int]]]:
    return hit.snippet, hit.marks

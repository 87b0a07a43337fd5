"""What lists show: the sources, and every article by its number, in blocks, for search engines."""

import json
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

from aggregator.records import Channel, Listing, SourceNote
from aggregator.store.rows import time_of
from aggregator.urls import fold_name

BLOCK = 1_000  # articles; a new one changes one block


class Listings(ABC):
    """The verbs of a store that give such lists."""

    @abstractmethod
    def _rows(self, sql: str, **values: Any) -> list[sqlite3.Row]: ...

    @abstractmethod
    def slugs_of(self, folded: Iterable[str]) -> dict[str, str]:
        """Give the slugs of the channel names that are known."""

    @abstractmethod
    def channels(self) -> list[Channel]:
        """Give all channels."""

    def source_notes(self) -> list[SourceNote]:
        """Give the sources as readers may see them, in the order of the configuration."""
        rows = self._rows(_SOURCES)
        names = {row["name"]: [fold_name(name) for name in json.loads(row["categories"])] for row in rows}
        slugs = self.slugs_of(folded for found in names.values() for folded in found)
        channels = {channel.slug: channel for channel in self.channels()}
        found = {name: [slugs[one] for one in folded if slugs.get(one) in channels] for name, folded in names.items()}
        places = {name: tuple(channels[slug] for slug in those) for name, those in found.items()}
        return [SourceNote(row["name"], row["title"], row["shown_link"], places[row["name"]]) for row in rows]

    def block(self, number: int) -> list[Listing]:
        """Give the published articles of a block of numbers, each with its channels."""
        rows = self._rows(_BLOCK, first=number * BLOCK, end=(number + 1) * BLOCK)
        return [Listing(row["info_code"], time_of(row["updated"]), _split(row["slugs"])) for row in rows]

    def last_block(self) -> int:
        """Give the number of the last block of articles."""
        return int(self._rows("SELECT coalesce(max(seq), 0) / :size AS block FROM entries", size=BLOCK)[0]["block"])

    def listings_of(self, documents: Iterable[str]) -> list[str]:
        """Give the blocks in which the articles stand whose marks are among these, by what publishes them."""
        codes = [document.removeprefix("article/") for document in documents if document.startswith("article/")]
        rows = self._rows(_BLOCKS, size=BLOCK, codes=json.dumps(codes))
        return [f"sitemap/{row['block']}" for row in rows]


def _split(slugs: str) -> tuple[str, ...]:
    return tuple(slugs.split(",")) if slugs else ()


_SOURCES = """SELECT name, title, categories, CASE WHEN private THEN '' ELSE link END AS shown_link FROM sources
    WHERE active AND kind <> 'opml' ORDER BY position, name"""

_BLOCK = """SELECT e.info_code, e.updated, coalesce((SELECT group_concat(slug) FROM entry_channels ec
        WHERE ec.info_code = e.info_code), '') AS slugs
    FROM entries e WHERE e.seq >= :first AND e.seq < :end AND e.state = 'published' ORDER BY e.seq"""

_BLOCKS = """SELECT DISTINCT seq / :size AS block FROM entries WHERE info_code IN (SELECT value FROM json_each(:codes))
    ORDER BY block"""

"""What lists show: the sources, in pages, and every article by its number, in blocks, for search engines.

Neither grows with what is stored: a source that calls itself otherwise changes one page, an article one block.
"""

import json
from abc import abstractmethod
from collections.abc import Iterable

from aggregator.records import Channel, Listing, SourceNote
from aggregator.store.rows import time_of
from aggregator.store.statements import Statements
from aggregator.urls import fold_name

BLOCK = 1_000  # articles; a new one changes one block
PAGE = 500  # sources


class Listings(Statements):
    """The verbs of a store that give such lists."""

    @abstractmethod
    def slugs_of(self, folded: Iterable[str]) -> dict[str, str]:
        """Give the slugs of the channel names that are known."""

    @abstractmethod
    def channels(self) -> list[Channel]:
        """Give all channels."""

    def source_notes(self, page: int = 0) -> list[SourceNote]:
        """Give the sources on a page of their list as readers may see them, in the order of the configuration; without
        a page, all of them."""
        rows = self._rows(_SOURCES_ON, page=page) if page else self._rows(_SOURCES)
        names = {row["name"]: [fold_name(name) for name in json.loads(row["categories"])] for row in rows}
        slugs = self.slugs_of(folded for found in names.values() for folded in found)
        channels = {channel.slug: channel for channel in self.channels()}
        found = {name: [slugs[one] for one in folded if slugs.get(one) in channels] for name, folded in names.items()}
        places = {name: tuple(channels[slug] for slug in those) for name, those in found.items()}
        return [SourceNote(row["name"], row["title"], row["shown_link"], places[row["name"]]) for row in rows]

    def last_page(self) -> int:
        """Give how many pages the list of sources has; one where there is no source."""
        return max(int(self._rows("SELECT max(page) AS page FROM sources")[0]["page"] or 0), 1)

    def mark_pages(self) -> None:
        """Mark all pages of the list of sources."""
        self.mark(_page_mark(page) for page in range(1, self.last_page() + 1))

    def mark_page_of(self, name: str) -> None:
        """Mark the page that shows a source, if one does."""
        rows = self._rows("SELECT page FROM sources WHERE name = :name AND page > 0", name=name)
        self.mark(_page_mark(row["page"]) for row in rows)

    def lay_out_sources(self) -> list[str]:
        """Give each source its page; give the marks of the pages that others come to stand on."""
        rows = self._rows(_LAID_OUT, size=PAGE)
        changed = [{"name": row["name"], "page": row["to"]} for row in rows]
        self._write_many("UPDATE sources SET page = :page WHERE name = :name", changed)
        return [_page_mark(page) for page in {row["to"] for row in rows} | {row["was"] for row in rows} if page]

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


def _page_mark(page: int) -> str:
    return f"sources/{page}" if page > 1 else "sources"


def _split(slugs: str) -> tuple[str, ...]:
    return tuple(slugs.split(",")) if slugs else ()


_SOURCES = """SELECT name, title, categories, CASE WHEN private THEN '' ELSE link END AS shown_link FROM sources
    WHERE active AND kind <> 'opml' ORDER BY position, name"""

_SOURCES_ON = """SELECT name, title, categories, CASE WHEN private THEN '' ELSE link END AS shown_link FROM sources
    WHERE page = :page ORDER BY position, name"""

_LAID_OUT = """SELECT name, was, "to" FROM (
        SELECT name, page AS was, CASE WHEN active AND kind <> 'opml' THEN
            (row_number() OVER (PARTITION BY active AND kind <> 'opml' ORDER BY position, name) - 1) / :size + 1
            ELSE 0 END AS "to" FROM sources)
    WHERE was <> "to" ORDER BY name"""

_BLOCK = """SELECT e.info_code, e.updated, coalesce((SELECT group_concat(slug) FROM entry_channels ec
        WHERE ec.info_code = e.info_code), '') AS slugs
    FROM entries e WHERE e.seq >= :first AND e.seq < :end AND e.state = 'published' ORDER BY e.seq"""

_BLOCKS = """SELECT DISTINCT seq / :size AS block FROM entries WHERE info_code IN (SELECT value FROM json_each(:codes))
    ORDER BY block"""

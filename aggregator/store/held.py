"""Articles that are held: stored with their names, in no channel and on no page, until they are let out.

`entries.state` is `held` for as long; `held_as` is what it is afterwards. A source that waits for the operator's word
has `sources.review_since`.
"""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from aggregator.records import Arrival, Entry, Hold, Past
from aggregator.store.rows import entry_of, past_of, time_of, time_text
from aggregator.store.statements import Statements


class HeldArticles(Statements):
    """The verbs of a store that hold articles, and let them out."""

    @abstractmethod
    def add(self, arrivals: Iterable[Arrival], now: datetime) -> None:
        """Store new articles with their names."""

    def past(self, source: str) -> Past:
        """Give what a source brought lately, and when it brought its first article."""
        rows = self._rows(_PAST, source=source, limit=_PAST_ARTICLES)
        first = self._rows("SELECT first_seen FROM entries WHERE source = :source ORDER BY seq LIMIT 1", source=source)
        return Past(tuple(past_of(row) for row in rows), time_of(first[0]["first_seen"]) if first else None)

    def hold(self, source: str, arrivals: Sequence[Arrival], hold: Hold | None, now: datetime) -> None:
        """Store new articles that are not to be published yet, and whether their source waits for the operator."""
        with self.writing():
            self.add(arrivals, now)
            review = hold is not None and hold.for_review
            self._write(_REVIEW if review else _END_REVIEW, source=source, now=time_text(now), **_hold_row(hold))
            self._write_many(
                _HOLD, [_hold_row(hold) | {"code": item.info_code, "now": time_text(now)} for item in arrivals]
            )

    def waiting(self, source: str) -> list[str]:
        """Give the codes of the articles that were held when a source was read last, and wait to be met again."""
        rows = self._rows(_WAITING, source=source)
        return [row["info_code"] for row in rows]

    def held(self, source: str) -> dict[str, str]:
        """Give the codes of all articles of a source that are held, with their titles."""
        sql = """SELECT info_code, title FROM entries
            WHERE source = :source AND state = 'held' AND ruled_out_by = '' ORDER BY seq"""
        return {row["info_code"]: row["title"] for row in self._rows(sql, source=source)}

    def miss(self, codes: Iterable[str], now: datetime) -> None:
        """Note that a document came without these held articles: an unchanged one does not confirm them any more."""
        if rows := [{"code": code, "now": time_text(now)} for code in codes]:
            self._write_many("UPDATE entries SET missing_since = :now WHERE info_code = :code", rows)

    def let_out(self, codes: Sequence[str]) -> list[Entry]:
        """Let held articles be what they would be, had they not been held; give them."""
        with self.writing():
            self._write_many(_LET_OUT, [{"code": code} for code in codes])
            return [entry_of(row) for row in self._rows_in("SELECT * FROM entries WHERE info_code IN (?)", codes)]

    def trust(self, source: str) -> None:
        """End the review of a source. Its next document is read whole, for what it says of itself was not kept."""
        self._write(
            """UPDATE sources SET review_since = NULL, review_reason = '', etag = NULL, last_modified = NULL,
                  validators_url = '', body_hash = '' WHERE name = :source AND review_since IS NOT NULL""",
            source=source,
        )


_PAST_ARTICLES = 500

_PAST = """SELECT published, sort_date, first_seen, link FROM entries
    WHERE source = :source AND (state <> 'held' OR ruled_out_by <> '')
    ORDER BY seq DESC LIMIT :limit"""

_HOLD = """UPDATE entries SET held_as = state, state = 'held', held_since = :now, held_reason = :reason,
    held_for_review = :for_review WHERE info_code = :code"""

_LET_OUT = """UPDATE entries SET state = held_as, held_for_review = 0
    WHERE info_code = :code AND state = 'held' AND ruled_out_by = ''"""

_WAITING = """SELECT info_code FROM entries
    WHERE source = :source AND state = 'held' AND ruled_out_by = '' AND missing_since IS NULL AND NOT held_for_review
    ORDER BY seq"""

_REVIEW = """UPDATE sources SET review_since = COALESCE(review_since, :now), review_reason = :reason
    WHERE name = :source"""

_END_REVIEW = """UPDATE sources SET review_since = NULL, review_reason = ''
    WHERE name = :source AND review_since IS NOT NULL"""


def _hold_row(hold: Hold | None) -> dict[str, Any]:
    return {"reason": hold.reason if hold else "", "for_review": bool(hold and hold.for_review)}

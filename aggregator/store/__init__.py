"""The store: the verbs that the spine speaks, on SQLite."""

from typing import TYPE_CHECKING

from aggregator.lazy import parts_of

if TYPE_CHECKING:
    from aggregator.store.glance import Glance
    from aggregator.store.search import SearchIndex
    from aggregator.store.sqlite import Store

__all__ = ["Glance", "SearchIndex", "Store"]

_PLACES = {"Glance": "glance", "SearchIndex": "search", "Store": "sqlite"}


if not TYPE_CHECKING:  # few commands search
    __getattr__ = parts_of(__name__, _PLACES)

"""The store: the verbs that the spine speaks, on SQLite."""

from aggregator.store.glance import Glance
from aggregator.store.search import SearchIndex
from aggregator.store.sqlite import Store

__all__ = ["Glance", "SearchIndex", "Store"]

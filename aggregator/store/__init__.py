"""The store: the verbs that the spine speaks, on SQLite."""

from aggregator.store.sqlite import Store

__all__ = ["Store"]

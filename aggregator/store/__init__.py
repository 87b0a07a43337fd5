"""The store: the verbs that the spine speaks, on SQLite."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aggregator.store.glance import Glance
    from aggregator.store.search import SearchIndex
    from aggregator.store.sqlite import Store

__all__ = ["Glance", "SearchIndex", "Store"]

_PLACES = {"Glance": "glance", "SearchIndex": "search", "Store": "sqlite"}


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Load a part when it is first asked for: few commands search."""
        if name not in _PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_PLACES[name]}"), name)

"""When things happen: a few fixed jobs; what is due stands in the store's rows."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aggregator.schedule.local import Daemon, Pulse

__all__ = ["Daemon", "Pulse"]


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Load the scheduler when it is first asked for: only the daemon has one."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.local"), name)

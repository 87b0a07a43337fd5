"""When things happen: a few fixed jobs; what is due stands in the store's rows."""

from typing import TYPE_CHECKING

from aggregator.lazy import parts_of

if TYPE_CHECKING:
    from aggregator.schedule.local import Daemon, Pulse

__all__ = ["Daemon", "Pulse"]


if not TYPE_CHECKING:  # only the daemon has a scheduler
    __getattr__ = parts_of(__name__, dict.fromkeys(__all__, "local"))

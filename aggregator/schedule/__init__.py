"""When things happen: a few fixed jobs; what is due stands in the store's rows."""

from aggregator.schedule.local import Daemon, Pulse

__all__ = ["Daemon", "Pulse"]

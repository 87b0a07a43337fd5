"""What differs between two configurations, in a line for the operator."""

from aggregator.config.settings import Settings

_RESTART = ("host", "port", "workers")
_NAMED = ("sources", "channels")


def differences(before: Settings, after: Settings) -> list[str]:
    """Give what changed: of sources and channels those that came (+), went (-) and are others (~), else the tables."""
    found = []
    for table in type(before).model_fields:
        old, new = getattr(before, table), getattr(after, table)
        if old != new:
            found.append(f"{table} {_names(old, new)}" if table in _NAMED else table)
    return found


def _names(old: dict[str, object], new: dict[str, object]) -> str:
    came = [f"+{name}" for name in new if name not in old]
    went = [f"-{name}" for name in old if name not in new]
    others = [f"~{name}" for name in new if name in old and old[name] != new[name]]
    return _listed(came + went + others) or "in another order"


def _listed(names: list[str], most: int = 6) -> str:
    return " ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def for_a_restart(before: Settings, after: Settings) -> list[str]:
    """Give the keys that changed and count only from the next start on."""
    return [f"server.{key}" for key in _RESTART if getattr(before.server, key) != getattr(after.server, key)]

"""The command line: argv, printing, progress, exit codes."""

from aggregator.cli import (  # their commands join the group
    daemon,
    doctor,
    explain,
    history,
    jekyll,
    plan,
    preview,
    reparse,
    search,
    split,
    status,
    subscriptions,
    upkeep,
)
from aggregator.cli.commands import main

__all__ = [
    "daemon",
    "doctor",
    "explain",
    "history",
    "jekyll",
    "main",
    "plan",
    "preview",
    "reparse",
    "search",
    "split",
    "status",
    "subscriptions",
    "upkeep",
]

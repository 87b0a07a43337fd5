"""The command line: argv, printing, progress, exit codes."""

from aggregator.cli import explain, history, jekyll, preview, reparse, search, subscriptions  # they join the group
from aggregator.cli.commands import main

__all__ = ["explain", "history", "jekyll", "main", "preview", "reparse", "search", "subscriptions"]

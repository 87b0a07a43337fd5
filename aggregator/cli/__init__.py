"""The command line: argv, printing, progress, exit codes."""

from aggregator.cli import explain, history, jekyll, preview, search, subscriptions  # their commands join the group
from aggregator.cli.commands import main

__all__ = ["explain", "history", "jekyll", "main", "preview", "search", "subscriptions"]

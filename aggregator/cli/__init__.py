"""The command line: argv, printing, progress, exit codes."""

from aggregator.cli.group import main

__all__ = ["main"]

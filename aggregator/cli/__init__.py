"""The command line: argv, printing, progress, exit codes."""

from aggregator.cli.commands import main

__all__ = ["main"]

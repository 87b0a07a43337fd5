"""The group that all commands belong to: each gathers arguments, calls wiring and prints. Exit: 0 done, 1 some work
failed, 2 wrong use. A command's module is loaded when the command is asked for, so that a start brings what it needs.
"""

import logging
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import click

from aggregator import __version__
from aggregator.errors import AggregatorError, ConfigError

DONE, FAILED, USAGE = 0, 1, 2
VERBOSE = "aggregator.verbose"
_DEFAULT = "config/aggregator.toml"
_INTERRUPTED = 130

COMMANDS = {  # the module of this package that brings it, and what stands beside it in the list of commands
    "add": ("subscriptions", "Subscribe to feeds, by their address or a page's."),
    "backup": ("upkeep", "Copy the store, also while the daemon is at work."),
    "check": ("check", "Validate the configuration: every problem, with its place."),
    "doctor": ("doctor", "Look for what is wrong, and say what helps."),
    "explain": ("explain", "Say where an article came from, or how a source stands."),
    "export-jekyll": ("jekyll", "Write every article as a post of a Jekyll site."),
    "export-opml": ("subscriptions", "Write the feeds that are followed as OPML."),
    "fetch": ("commands", "Make one pass over what is due, and publish what it brought."),
    "history": ("history", "Show how an article was edited."),
    "import-jekyll": ("jekyll", "Take in the posts of a Jekyll site as past articles."),
    "import-opml": ("subscriptions", "Subscribe to every feed of an OPML list."),
    "plan": ("plan", "Say what the changed configuration will do."),
    "publish": ("commands", "Write the documents that are outdated."),
    "release": ("explain", "Publish what is held of a source, and trust it again."),
    "reparse": ("reparse", "Repair what is stored from the documents that were kept."),
    "restore": ("upkeep", "Put a backup in the place of the store."),
    "retract": ("explain", "Remove an article everywhere, for good."),
    "run": ("daemon", "Run the daemon: fetch, publish and serve."),
    "search": ("search", "Find articles by their words."),
    "serve": ("commands", "Serve the published files, and do nothing else."),
    "sources": ("sources", "Show how each source stands."),
    "split": ("split", "Undo, for good, that articles were taken for one story."),
    "status": ("status", "Show how the whole stands, and what needs a look."),
    "test": ("preview", "Fetch a source and show what would be stored."),
    "unmove": ("explain", "Fetch a source from its configured address again."),
}


class Commands(click.Group):
    """A group whose commands are loaded by name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Give all names."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load the module that brings a command: its commands join this group by themselves."""
        if cmd_name in COMMANDS:
            import_module(f"aggregator.cli.{COMMANDS[cmd_name][0]}")
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without loading any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    envvar="AGGREGATOR_CONFIG",
    default=_DEFAULT,
    show_default=True,
    show_envvar=True,
    help="The configuration file.",
)
@click.option("-v", "--verbose", is_flag=True, help="Log every step to stderr.")
@click.version_option(__version__, prog_name="aggregator")
@click.pass_context
def cli(context: click.Context, path: Path, verbose: bool) -> None:
    """Pull many feeds, keep every article once, republish one feed per category."""
    context.obj = path
    context.meta[VERBOSE] = verbose
    level = logging.INFO if verbose else logging.CRITICAL
    logging.basicConfig(level=level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("apscheduler").setLevel(logging.WARNING if verbose else logging.CRITICAL)
    logging.getLogger("httpx").setLevel(logging.WARNING)


def main() -> NoReturn:
    """Run the command line; errors that people can mend are said in a line, not in a traceback."""
    try:
        sys.exit(cli(standalone_mode=False) or DONE)
    except click.exceptions.Abort:
        sys.exit(_INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(USAGE)
    except ConfigError as error:
        _say(error.problems)
        sys.exit(USAGE)
    except AggregatorError as error:
        _say([str(error)])
        sys.exit(FAILED)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)


def _say(problems: Sequence[str]) -> None:
    from aggregator.cli import show  # a terminal's colours take as long to load as all that stands above

    for problem in problems:
        show.err().print(f"[red]error[/]  {show.escape(problem)}")

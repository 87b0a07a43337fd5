"""A server process as `[server] workers` has several of: started by the one that fetches, and of no use alone."""

import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from aggregator import wiring
from aggregator.cli import logs
from aggregator.cli.commands import serve_to_end
from aggregator.cli.group import DONE

if TYPE_CHECKING:
    from aggregator.serve import ServeOptions


def main() -> None:
    """Serve with the open files whose numbers are given, until told to stop."""
    link, listener, accounts = map(int, sys.argv[1:])
    sys.exit(serve_to_end(_served(link, listener, accounts)))


async def _served(link: int, listener: int, accounts: int) -> int:
    from aggregator.serve import lend_a_hand

    await lend_a_hand(link, listener, accounts, _whole)
    return DONE


def _whole(options: "ServeOptions", said: Any, opened: ExitStack) -> "ServeOptions":
    """Log as the configuration says, and answer searches."""
    settings, verbose = said
    logs.configure(settings, verbose=verbose)
    return wiring.with_search_of_its_own(options, settings, opened)


if __name__ == "__main__":
    main()

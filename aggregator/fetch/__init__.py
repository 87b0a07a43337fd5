"""Gets documents from the network and from files: politely, within bounds, and from nowhere that was not allowed."""

import sys

# Where click and rich are installed, httpx loads a command line of its own with them, 40 ms of each start: not here.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # None says that there is no such module

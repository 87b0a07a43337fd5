"""What a source is: each kind is a plain function that reads it with the tools it is given.

Other packages bring kinds of their own by the entry point `aggregator.sources`: a function of the type `Reader`, under
the name that stands as `kind` in the configuration. Its settings are `Source.options`.
"""

from collections.abc import Awaitable, Callable, Mapping

from aggregator.records import Reading, Source, SourceMemory
from aggregator.sources import feed, json_list, page, subscriptions
from aggregator.sources.document import Tools, reading_digest
from aggregator.sources.subscriptions import child, named

Reader = Callable[[Source, SourceMemory, Tools], Awaitable[Reading]]

KINDS: Mapping[str, Reader] = {
    "feed": feed.read,
    "file": feed.read,
    "html": page.read,
    "json": json_list.read,
    "opml": subscriptions.read,
}

__all__ = ["KINDS", "Reader", "Tools", "child", "named", "reading_digest"]

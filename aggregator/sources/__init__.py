"""What a source is: each kind is a plain function that reads it with the tools it is given."""

from collections.abc import Awaitable, Callable, Mapping

from aggregator.records import Reading, Source, SourceMemory
from aggregator.sources import feed, json_list
from aggregator.sources.document import Tools

Reader = Callable[[Source, SourceMemory, Tools], Awaitable[Reading]]

KINDS: Mapping[str, Reader] = {"feed": feed.read, "json": json_list.read}

__all__ = ["KINDS", "Reader", "Tools"]

"""`kind = "feed"`: RSS, Atom, RDF or JSON Feed, over http(s) or from a file."""

from aggregator.records import Reading, Source, SourceMemory
from aggregator.sources.document import Tools, read_document


async def read(source: Source, memory: SourceMemory, tools: Tools) -> Reading:
    """Read the feed; what it is shows in the document, not in its address or content type."""
    return await read_document(source, memory, tools, accept=None)

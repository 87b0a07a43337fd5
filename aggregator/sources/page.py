"""`kind = "html"`: a page that lists articles; the CSS selectors that find them stand in the source."""

from aggregator.records import Reading, Source, SourceMemory
from aggregator.sources.document import Tools, read_document

ACCEPT = "text/html, application/xhtml+xml;q=0.9, */*;q=0.1"


async def read(source: Source, memory: SourceMemory, tools: Tools) -> Reading:
    """Read the page; the rules in `source.rules` say where its articles are."""
    return await read_document(source, memory, tools, accept=ACCEPT)

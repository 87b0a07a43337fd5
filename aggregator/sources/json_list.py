"""`kind = "json"`: a list of articles in a JSON document; the rules that find them stand in the source."""

from aggregator.records import Reading, Source, SourceMemory
from aggregator.sources.document import Tools, read_document

ACCEPT = "application/json, text/javascript;q=0.8, */*;q=0.1"


async def read(source: Source, memory: SourceMemory, tools: Tools) -> Reading:
    """Read the list. The articles' texts come by requests of their own, when it is known which are wanted."""
    return await read_document(source, memory, tools, accept=ACCEPT)

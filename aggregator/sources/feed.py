"""`kind = "feed"` and `kind = "file"`: RSS, Atom, RDF or JSON Feed. A new paged feed is followed into its past."""

from dataclasses import replace

from aggregator.records import Fetched, FetchFailed, Intake, Read, Reading, Source, SourceMemory, Unreadable, Validators
from aggregator.sources.document import Tools, read_document

MOST_PAGES = 20


async def read(source: Source, memory: SourceMemory, tools: Tools) -> Reading:
    """Read the feed; what it is shows in the document, not in its address or content type.

    On the first subscription, older pages and archives (RFC 5005) are read too, until `source.backfill` entries are
    there. A page that cannot be had ends that, with a problem; what was read before it counts.
    """
    reading = await read_document(source, memory, tools, accept=None)
    if not isinstance(reading, Read) or not memory.fresh:
        return reading
    return replace(reading, intake=await _with_its_past(source, reading, tools))


async def _with_its_past(source: Source, newest: Read, tools: Tools) -> Intake:
    whole, page = newest.intake, newest.intake
    seen = {source.url, newest.fetched.url}
    for _ in range(MOST_PAGES):
        address = page.facts.prev_archive or page.facts.next_page
        if not address or address in seen or len(whole.entries) >= source.backfill:
            break
        seen.add(address)
        found = await _older(replace(source, url=address), tools)
        if isinstance(found, str):
            return replace(whole, problems=(*whole.problems, f"older page {address}: {found}"))
        page = found
        whole = _joined(whole, page)
    return whole


def _joined(one: Intake, older: Intake) -> Intake:
    """What the newer page took back is not brought again by an older one."""
    gone = {each.guid for each in one.withdrawn}
    entries = (*one.entries, *(entry for entry in older.entries if entry.guid not in gone))
    return replace(
        one, entries=entries, problems=one.problems + older.problems, withdrawn=one.withdrawn + older.withdrawn
    )


async def _older(source: Source, tools: Tools) -> Intake | str:
    """Give an older page, or why there is none."""
    result = await tools.get(source, accept=None, validators=Validators())
    match result:
        case Fetched():
            intake = await tools.digest(source, result)
            return intake.detail if isinstance(intake, Unreadable) else intake
        case FetchFailed():
            return result.detail
    return "the server answers 304 to a plain request"

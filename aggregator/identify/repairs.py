"""A stored article read again from its document: what of it may be replaced, and what the document does not know."""

from dataclasses import replace

from aggregator.records import Entry, ListRules, Source

_SAID = (
    *("link", "title", "summary", "content", "author", "outlet", "language", "published", "published_text"),
    *("tags", "enclosures"),
)
_BY_SECOND_REQUEST = ("title", "published", "outlet", "author")


def merged(entry: Entry, stored: Entry, source: Source) -> Entry:
    """Give the stored article with what its document says, read anew. Its fingerprint is to be made anew as well.

    Names stay. A text that came by a second request stays, with what else that brought: the document has only an
    excerpt. A date stays where the source gives another one by now: it was that of the article when it came.
    """
    kept: set[str] = set()
    if stored.published and entry.published_text != stored.published_text:
        kept |= {"published", "published_text"}
    if entry.article_url and stored.content:
        kept |= _not_of_the_document(entry, source)
    said = {name: getattr(entry, name) for name in _SAID if name not in kept}
    if date := said.get("published"):
        said["published"] = date.replace(microsecond=0)  # as it is stored
    return replace(stored, **said)


def _not_of_the_document(entry: Entry, source: Source) -> set[str]:
    rule = source.rules.article if isinstance(source.rules, ListRules) else None
    names = {name for name in _BY_SECOND_REQUEST if rule and getattr(rule, name)}
    names |= {"published_text"} if "published" in names else set()
    return names | {"content", "summary"} | (set() if entry.outlet else {"outlet"})

"""A stored article read again from its document: what of it may be replaced, and what the document does not know."""

from dataclasses import replace

from aggregator.records import Entry, ListRules, Source

_BY_SECOND_REQUEST = ("title", "published", "outlet", "author")


def merged(entry: Entry, stored: Entry, source: Source) -> Entry:
    """Give the stored article with what its document says, read anew. Its fingerprint is to be made anew as well.

    Names stay. A text that came by a second request stays, with what else that brought: the document has only an
    excerpt. A date stays where the source gives another one by now: it was that of the article when it came.
    """
    kept: dict[str, object] = {name: getattr(stored, name) for name in ("source", "guid", "info_code", "article_url")}
    if stored.published and entry.published_text != stored.published_text:
        kept |= {"published": stored.published, "published_text": stored.published_text}
    if entry.article_url and stored.content:
        kept |= {name: getattr(stored, name) for name in _not_of_the_document(entry, source)}
    published = entry.published.replace(microsecond=0) if entry.published else None  # as it is stored
    read = replace(entry, published=published, updated=None, row_fingerprint="")
    return replace(read, **kept)  # type: ignore[arg-type]  # these are fields of an entry


def _not_of_the_document(entry: Entry, source: Source) -> list[str]:
    rule = source.rules.article if isinstance(source.rules, ListRules) else None
    names = [name for name in _BY_SECOND_REQUEST if rule and getattr(rule, name)]
    names += ["published_text"] if "published" in names else []
    return ["content", "summary", *names, *([] if entry.outlet else ["outlet"])]

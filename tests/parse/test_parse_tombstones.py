"""What an Atom feed takes back (RFC 6721), and what only looks like it."""

import pytest

from aggregator.parse import read
from aggregator.records import Deletion, ParsedFeed

ATOM = 'xmlns="http://www.w3.org/2005/Atom" xmlns:at="http://purl.org/atompub/tombstones/1.0"'
HEAD = "<id>urn:x</id><title>t</title><updated>2026-05-01T00:00:00Z</updated>"
ENTRY = "<entry><id>urn:x:1</id><title>一</title><updated>2026-05-01T00:00:00Z</updated>{}</entry>"


def deletions(document: str) -> tuple[Deletion, ...]:
    feed = read(document.encode(), url="https://example.org/feed")
    assert isinstance(feed, ParsedFeed)
    return feed.deletions


def atom(*parts: str, names: str = ATOM) -> str:
    return f"<feed {names}>{HEAD}{''.join(parts)}</feed>"


def deleted(ref: str, inside: str = "") -> str:
    return f'<at:deleted-entry ref="{ref}" when="2026-05-01T08:00:00Z">{inside}</at:deleted-entry>'


def test_every_deletion_is_read_wherever_it_stands_among_the_entries() -> None:
    comment = "<at:comment>来源有误 &amp; 已撤回</at:comment>"
    document = atom(deleted("urn:x:7", comment), ENTRY.format(""), deleted("urn:x:8?a=1&amp;b=2"), deleted("urn:x:9"))
    when = "2026-05-01T08:00:00Z"
    assert deletions(document) == (
        Deletion("urn:x:7", when, "来源有误 & 已撤回"),
        Deletion("urn:x:8?a=1&b=2", when),
        Deletion("urn:x:9", when),
    )


def test_the_prefix_is_free_and_the_namespace_is_not() -> None:
    named = atom('<t:deleted-entry ref="urn:x:7"/>', names=ATOM.replace("xmlns:at", "xmlns:t"))
    assert deletions(named) == (Deletion("urn:x:7"),)
    assert deletions(atom(deleted("urn:x:7"), names=ATOM.replace("tombstones/1.0", "else"))) == ()


@pytest.mark.parametrize("inside", [
    f"<content type='xhtml'><div xmlns='http://www.w3.org/1999/xhtml'>{deleted('urn:x:2')}</div></content>",
    f"<content type='html'>{deleted('urn:x:2').replace('<', '&lt;')}</content>",
    deleted("urn:x:2"),
], ids=["as XHTML", "as HTML", "as it is"])  # fmt: skip
def test_one_that_an_entry_quotes_deletes_nothing(inside: str) -> None:
    assert deletions(atom(ENTRY.format(inside))) == ()


def test_in_rss_nothing_is_deleted() -> None:
    item = "<item><title>一</title><link>https://example.org/1</link></item>"
    assert deletions(f'<rss version="2.0" {ATOM}><channel>{item}{deleted("urn:x:2")}</channel></rss>') == ()


def test_one_without_a_name_is_passed_over_and_a_broken_document_counts_up_to_its_fault() -> None:
    parts = ("<at:deleted-entry when='2026-05-01T08:00:00Z'/>", deleted("urn:x:7"), ENTRY.format(""))
    assert [each.guid for each in deletions(atom(*parts, "<broken>", deleted("urn:x:8")))] == ["urn:x:7"]


def test_very_many_and_very_long_ones_are_bounded() -> None:
    found = deletions(atom(*(deleted(f"urn:x:{n}") for n in range(6_000)), ENTRY.format("")))
    assert len(found) == 5_000
    (long,) = deletions(atom(deleted("urn:x:7", f"<at:comment>{'长' * 10_000}</at:comment>")))
    assert len(long.comment) == 2_000

"""By which of its names an article is recognised that another source brought before."""

from identify_memory import Memory, entry

from aggregator.identify import distinct, match, recognised_by


def test_the_name_that_recognised_an_article_is_told_once_for_each_source() -> None:
    memory = Memory()
    memory.refresh([entry(1), entry(2)])
    (first, second) = distinct([entry(1, source="b", guid="other"), entry(3, source="b")])
    known = memory.known("b")
    code = match(first, memory.aliases, known)
    assert recognised_by((first, second), memory.aliases, known) == {code: "url https://example.org/1"}
    assert recognised_by(distinct([entry(1)]), memory.aliases, memory.known("s")) == {}

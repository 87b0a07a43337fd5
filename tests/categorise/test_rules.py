"""Channels by rule: which articles they take."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from aggregator.categorise import Criteria, candidate_of, chosen, rule_of
from aggregator.records import Channel, StoredEntry

NOW = datetime(2031, 5, 1, tzinfo=UTC)
ARTICLE = StoredEntry(
    seq=1,
    info_code="a",
    source="lwn",
    guid="",
    link="",
    title="内核 6.1 &",
    summary="",
    content="<p>The <b>ker</b>nel &amp; its scheduler</p>",
    author="Jonathan",
    outlet="LWN.net",
    language="",
    published=None,
    updated=NOW,
    first_seen=NOW,
    sort_date=NOW,
    revision=1,
    fingerprint="",
    tags=("Kernel", "Scheduling"),
    source_title="LWN headlines",
    channels=(Channel("linux", "Linux新闻", "Linux"), Channel("by-rule", "规则")),
)
NOTHING = Criteria()


def taken(wanted: Criteria, unwanted: Criteria = NOTHING, article: StoredEntry = ARTICLE) -> bool:
    rule = rule_of("x", "X", wanted, unwanted)
    return bool(chosen([rule], candidate_of(article, ("lwn", "planet"), ("by-rule",))))


@pytest.mark.parametrize(
    ("criteria", "answer"),
    [
        (Criteria(search="kernel"), True),
        (Criteria(search="title:内核 author:jonathan source:headlines category:linux category:scheduling"), True),
        (Criteria(search='"kernel & its"'), True),
        (Criteria(search="title:scheduler"), False),
        (Criteria(search="b"), False),
        (Criteria(tags=("ＫＥＲＮＥＬ", "other")), True),
        (Criteria(tags=("other",)), False),
        (Criteria(sources=("planet",)), True),
        (Criteria(sources=("LWN",)), False),
        (Criteria(categories=("linux",)), True),
        (Criteria(categories=("LINUX新闻",)), True),
        (Criteria(categories=("by-rule", "规则")), False),
        (Criteria(search="kernel", tags=("kernel",), sources=("lwn",), categories=("linux",)), True),
        (Criteria(search="kernel", tags=("other",)), False),
    ],
)
def test_of_each_kind_one_has_to_be_met_and_all_kinds_that_are_said(criteria: Criteria, answer: bool) -> None:
    assert taken(criteria) is answer


def test_what_meets_anything_of_the_unwanted_is_left_out() -> None:
    assert not taken(Criteria(search="kernel"), Criteria(tags=("kernel",), sources=("nobody",)))
    assert taken(Criteria(search="kernel"), Criteria(tags=("x",), sources=("nobody",)))


def test_the_digest_changes_with_what_is_asked_and_with_nothing_else() -> None:
    rule = rule_of("x", "X", Criteria(search="a"))
    assert rule_of("y", "Y", Criteria(search="a")).digest == rule.digest
    others = (Criteria(search="b"), Criteria(tags=("a",)), Criteria(sources=("a",)))
    assert len({rule.digest, *(rule_of("x", "X", each).digest for each in others)}) == 4
    assert rule_of("x", "X", Criteria(search="a"), Criteria(tags=("a",))).digest != rule.digest


def test_an_article_without_any_text_can_be_asked() -> None:
    bare = replace(ARTICLE, title="", content="", tags=(), channels=(), source_title="", outlet="", author="")
    assert taken(Criteria(search="-kernel"), article=bare)

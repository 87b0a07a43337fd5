"""Entry → channels: the categories it belongs to, the slug each is published under, the channels filled by a rule, and
what the operator's rules make of it.

Pure.
"""

from typing import TYPE_CHECKING

from aggregator.lazy import parts_of

if TYPE_CHECKING:
    from aggregator.categorise.naming import (
        Naming,
        PostNaming,
        categories_of,
        channel_for,
        names_of_post,
        naming_of_posts,
        reason_for,
        title_of,
    )
    from aggregator.categorise.patterns import pattern_fault, replacement_fault
    from aggregator.categorise.placing import Desk, Directory, Settled, Told, settled
    from aggregator.categorise.query import folded, query_fault
    from aggregator.categorise.rulebook import (
        Condition,
        Conditions,
        Field,
        Judgement,
        Replacement,
        Rulebook,
        Ruling,
        Said,
        edition,
        names_of,
        placing_digest,
        reword,
    )
    from aggregator.categorise.rules import Candidate, Criteria, Rule, candidate_of, chosen, rule_of

__all__ = [
    "Candidate",
    "Condition",
    "Conditions",
    "Criteria",
    "Desk",
    "Directory",
    "Field",
    "Judgement",
    "Naming",
    "PostNaming",
    "Replacement",
    "Rule",
    "Rulebook",
    "Ruling",
    "Said",
    "Settled",
    "Told",
    "candidate_of",
    "categories_of",
    "channel_for",
    "chosen",
    "edition",
    "folded",
    "names_of",
    "names_of_post",
    "naming_of_posts",
    "pattern_fault",
    "placing_digest",
    "query_fault",
    "reason_for",
    "replacement_fault",
    "reword",
    "rule_of",
    "settled",
    "title_of",
]

_PLACES = {
    "Candidate": "rules",
    "Condition": "rulebook",
    "Conditions": "rulebook",
    "Criteria": "rules",
    "Desk": "placing",
    "Directory": "placing",
    "Field": "rulebook",
    "Judgement": "rulebook",
    "Naming": "naming",
    "PostNaming": "naming",
    "Replacement": "rulebook",
    "Rule": "rules",
    "Rulebook": "rulebook",
    "Ruling": "rulebook",
    "Said": "rulebook",
    "Settled": "placing",
    "Told": "placing",
    "candidate_of": "rules",
    "categories_of": "naming",
    "channel_for": "naming",
    "chosen": "rules",
    "edition": "rulebook",
    "folded": "query",
    "names_of": "rulebook",
    "names_of_post": "naming",
    "naming_of_posts": "naming",
    "pattern_fault": "patterns",
    "placing_digest": "rulebook",
    "query_fault": "query",
    "reason_for": "naming",
    "replacement_fault": "patterns",
    "reword": "rulebook",
    "rule_of": "rules",
    "settled": "placing",
    "title_of": "naming",
}


if not TYPE_CHECKING:  # a worker reads documents, and needs a part of this for posts only
    __getattr__ = parts_of(__name__, _PLACES)

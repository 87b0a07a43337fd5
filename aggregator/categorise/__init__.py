"""Entry → channels: the categories it belongs to, the slug each is published under, and the channels filled by a rule.

Pure.
"""

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
from aggregator.categorise.query import query_fault
from aggregator.categorise.rules import Candidate, Criteria, Rule, candidate_of, chosen, rule_of

__all__ = [
    "Candidate",
    "Criteria",
    "Naming",
    "PostNaming",
    "Rule",
    "candidate_of",
    "categories_of",
    "channel_for",
    "chosen",
    "names_of_post",
    "naming_of_posts",
    "query_fault",
    "reason_for",
    "rule_of",
    "title_of",
]

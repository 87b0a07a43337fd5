"""Which article is this? Codes, names, and the decision between new, revised and seen before. Pure."""

from aggregator.identify.codes import RULE_VERSION, info_code, is_global, names_of, recognised
from aggregator.identify.decide import articles_wanted, decide, match
from aggregator.identify.document import distinct

__all__ = [
    "RULE_VERSION",
    "articles_wanted",
    "decide",
    "distinct",
    "info_code",
    "is_global",
    "match",
    "names_of",
    "recognised",
]

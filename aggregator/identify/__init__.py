"""Which article is this? Codes, names, and the decision between new, revised and seen before. Pure."""

from aggregator.identify.codes import RULE_VERSION, info_code, is_global, names_of, recognised
from aggregator.identify.compare import Piece, compare
from aggregator.identify.decide import articles_wanted, decide, lacks_a_text
from aggregator.identify.document import distinct
from aggregator.identify.edits import settled
from aggregator.identify.evidence import doubtful, evidence, repair
from aggregator.identify.folder import apart, each
from aggregator.identify.match import match, without_reused_guids
from aggregator.identify.repairs import merged
from aggregator.identify.withdraw import names_withdrawn, withdrawn

__all__ = [
    "RULE_VERSION",
    "Piece",
    "apart",
    "articles_wanted",
    "compare",
    "decide",
    "distinct",
    "doubtful",
    "each",
    "evidence",
    "info_code",
    "is_global",
    "lacks_a_text",
    "match",
    "merged",
    "names_of",
    "names_withdrawn",
    "recognised",
    "repair",
    "settled",
    "withdrawn",
    "without_reused_guids",
]

"""Which article is this? Codes, names, the decision between new, revised and seen before, and the flood guard. Pure."""

from aggregator.identify.codes import RULE_VERSION, info_code, is_global, names_of, recognised
from aggregator.identify.compare import Piece, compare
from aggregator.identify.decide import articles_wanted, decide, lacks_a_text
from aggregator.identify.document import distinct
from aggregator.identify.duplicates import FINGERPRINT_VERSION
from aggregator.identify.edits import settled
from aggregator.identify.evidence import doubtful, evidence, repair
from aggregator.identify.familiar import are_apart, familiar, may_be_familiar
from aggregator.identify.flood import Scene, guard, is_beginning, is_remarkable, why_held
from aggregator.identify.folder import apart, each
from aggregator.identify.match import match, recognised_by, without_reused_guids
from aggregator.identify.repairs import merged
from aggregator.identify.stories import WINDOW, join_stories, prints_at_hand
from aggregator.identify.withdraw import names_withdrawn, withdrawn

__all__ = [
    "FINGERPRINT_VERSION",
    "RULE_VERSION",
    "WINDOW",
    "Piece",
    "Scene",
    "apart",
    "are_apart",
    "articles_wanted",
    "compare",
    "decide",
    "distinct",
    "doubtful",
    "each",
    "evidence",
    "familiar",
    "guard",
    "info_code",
    "is_beginning",
    "is_global",
    "is_remarkable",
    "join_stories",
    "lacks_a_text",
    "match",
    "may_be_familiar",
    "merged",
    "names_of",
    "names_withdrawn",
    "prints_at_hand",
    "recognised",
    "recognised_by",
    "repair",
    "settled",
    "why_held",
    "withdrawn",
    "without_reused_guids",
]

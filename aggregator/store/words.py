"""Words to find articles by: the index form of a text, and what a query asks of it. Pure.

Languages that write without spaces are cut into pairs of characters, each overlapping the next, and the last character
of a run stands by itself: so every word of two characters and more is found as a phrase, and a single character as the
beginning of a pair. Everything else is found by whole words, with case, width and accents folded, and no stemming.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence

from aggregator.dataclass import dataclass

MOST_TERMS = 16
LONGEST_QUERY = 500  # characters; what stands behind is not looked for

# Thai, Lao, Burmese, hangul, Khmer, kana, Han
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3021-\u3029\u3040-\u30ff\u3130-\u318f"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff"
)
_LETTER = rf"(?:(?![{_UNSPACED}])(?:[^\W_]|[\u0900-\u0963\u0966-\u0dff]))"  # vowel signs of India's scripts count
_TOKEN = re.compile(rf"(?P<run>[{_UNSPACED}]+)|{_LETTER}+|[\u2190-\u2bff\U0001f000-\U0001faff]")
_CLAUSE = re.compile(
    r'\s*(?P<minus>-(?=\S))?(?P<title>(?:title|标题):(?=\S))?(?:["“”](?P<phrase>[^"“”]*)["“”]?|(?P<word>[^\s"“”]+))'
)
_DROPPED = re.compile("[\u0300-\u036f\u0591-\u05c7\u0640\u064b-\u065f\u0670]+")  # accents, points, vowel marks


def folded(text: str) -> str:
    """Give the text with case, width and accents folded: the form in which words are compared."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    if plain.isascii():
        return plain
    return unicodedata.normalize("NFC", _DROPPED.sub("", unicodedata.normalize("NFD", plain)))


def index_form(text: str) -> str:
    """Give the tokens of a text, apart by spaces."""
    return " ".join(token for match in _TOKEN.finditer(folded(text)) for token in _parts(match))


def _parts(match: re.Match[str], *, ends: bool = True) -> Iterator[str]:
    """Give a word as it is and a run in pairs; with `ends`, the last character of a run follows."""
    run = match["run"]
    if run is None or len(run) == 1:
        yield match[0]
        return
    yield from (run[at : at + 2] for at in range(len(run) - 1))
    if ends:
        yield run[-1]


@dataclass(frozen=True, slots=True)
class Term:
    """One thing that a query asks for: in the language of FTS5, and as a pattern for where it stands in a text."""

    expression: str
    pattern: str
    wanted: bool = True
    alternative: bool = False  # joined to the one before by OR


@dataclass(frozen=True, slots=True)
class Query:
    """What is to be found; `problem` says in plain words why nothing can be, or what was left out."""

    terms: tuple[Term, ...] = ()
    problem: str = ""

    @property
    def expression(self) -> str:
        """The query in the language of FTS5, or "" where it asks for nothing."""
        return self._put_together("")

    @property
    def in_title(self) -> str:
        """The same, with all that is wanted in the title."""
        return self._put_together("title : ")

    def _put_together(self, column: str) -> str:
        wanted = " AND ".join(f"({' OR '.join(group)})" for group in _groups(self.terms))
        unwanted = [f"({term.expression})" for term in self.terms if not term.wanted]
        return " NOT ".join([f"({column}({wanted}))", *unwanted]) if wanted else ""

    @property
    def pattern(self) -> re.Pattern[str]:
        """Finds in a text what the article was found by."""
        patterns = sorted({term.pattern for term in self.terms if term.wanted}, key=lambda each: (-len(each), each))
        return re.compile("|".join(patterns) or r"(?!)", re.IGNORECASE)


def query(text: str) -> Query:
    """Read what a person typed: words, "phrases", -without, this OR that, title:word. Nothing is a syntax error."""
    terms: list[Term] = []
    joined = False
    for clause in _CLAUSE.finditer(folded(text[:LONGEST_QUERY])):
        if clause["word"] in ("or", "|") and terms:
            joined = True
        elif clause["word"] != "and" and (term := _term(clause, joined=joined)):
            terms.append(term)
            joined = False
    return Query(tuple(terms[:MOST_TERMS]), _problem(text, terms))


def _problem(text: str, terms: Sequence[Term]) -> str:
    if not terms:
        return "type a word to find, in any language" if text.strip() else ""
    if not any(term.wanted for term in terms):
        return "say also what is to be found, not only what is not"
    if len(text) > LONGEST_QUERY or len(terms) > MOST_TERMS:
        return f"only the first {min(len(terms), MOST_TERMS)} words were looked for"
    return ""


def _term(clause: re.Match[str], *, joined: bool) -> Term | None:
    found = list(_TOKEN.finditer(clause["word"] if clause["phrase"] is None else clause["phrase"]))
    if not found:
        return None
    tokens = [token for match in found[:-1] for token in _parts(match)]
    tokens += _parts(found[-1], ends=False)
    column = "title : " if clause["title"] else ""
    expression = f'{column}"{" ".join(tokens)}"' + ("*" if found[-1]["run"] and len(found[-1][0]) == 1 else "")
    pattern = r"[\W_]*".join(_bounded(match) for match in found)
    return Term(expression, pattern, wanted=clause["minus"] is None, alternative=joined)


def _bounded(match: re.Match[str]) -> str:
    word = re.escape(match[0])
    return word if match["run"] else rf"{word}(?<!{_LETTER}{word})(?!{_LETTER})"


def _groups(terms: Sequence[Term]) -> list[list[str]]:
    groups: list[list[str]] = []
    for term in terms:
        if term.wanted and term.alternative and groups:
            groups[-1].append(term.expression)
        elif term.wanted:
            groups.append([term.expression])
    return groups

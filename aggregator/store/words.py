"""Words to find articles by: the index form of a text, and what a query asks of it. Pure.

Languages that write without spaces are cut into pairs of characters, each overlapping the next, and the last character
of a run stands by itself: so every word of two characters and more is found as a phrase, and a single character as the
beginning of a pair. Everything else is found by whole words, with case, width and accents folded, and no stemming.

The words of a title stand in an article's form twice: among the others, and once more with a mark. So what is asked of
titles is as quick to find as a word of its own, however often it stands in texts.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate

from aggregator.records import Remark, SearchNote

MOST_TERMS = 16
MOST_TOKENS = 64  # of all terms together
LONGEST_QUERY = 500  # characters; what stands behind is not looked for
TITLE_MARK = "_"  # stands before a word of a title, and alone between the parts of an article; no word holds it

# Thai, Lao, Burmese, hangul, Khmer, kana, Han
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3021-\u3029\u3040-\u30ff\u3130-\u318f"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff"
)
_LETTER = rf"(?:(?![{_UNSPACED}])(?:[^\W_]|[\u0900-\u0963\u0966-\u0dff]))"  # vowel signs of India's scripts count
_ONE_LETTER = re.compile(_LETTER)
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


def article_form(title: str, parts: Iterable[str]) -> str:
    """Give the tokens of an article, apart by spaces. No phrase reaches from one part into the next."""
    head = index_form(title)
    marked = (TITLE_MARK + token for token in head.split())
    return f" {TITLE_MARK} ".join((head, *map(index_form, parts), " ".join(marked)))


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
    """One thing that a query asks for: tokens that follow each other (the last of them as a beginning only, where it is
    `open`), and a pattern for where it stands in a text."""

    tokens: tuple[str, ...]
    open: bool
    pattern: str
    wanted: bool = True
    alternative: bool = False  # joined to the one before by OR
    title: bool = False  # looked for in titles only

    def expression(self, *, in_title: bool = False) -> str:
        """Give the term in the language of FTS5."""
        return f'"{" ".join(self._marked(in_title))}"{"*" * self.open}'

    def stands_in(self, form: str) -> bool:
        """Tell whether an article has it, by the article's form with a space at both ends."""
        return f" {' '.join(self._marked())}{'' if self.open else ' '}" in form

    def _marked(self, in_title: bool = False) -> Iterable[str]:
        return (TITLE_MARK + token for token in self.tokens) if in_title or self.title else self.tokens


@dataclass(frozen=True, slots=True)
class Query:
    """What is to be found; `remark` says why nothing can be, or what was left out."""

    terms: tuple[Term, ...] = ()
    remark: Remark | None = None

    @property
    def expression(self) -> str:
        """The query in the language of FTS5, or "" where it asks for nothing."""
        return self._put_together()

    @property
    def in_title(self) -> str:
        """The same, with all that is wanted in the title."""
        return self._put_together(in_title=True)

    def _put_together(self, *, in_title: bool = False) -> str:
        groups = ([term.expression(in_title=in_title) for term in group] for group in _groups(self.terms))
        wanted = " AND ".join(f"({' OR '.join(group)})" for group in groups)
        unwanted = [term.expression() for term in self.terms if not term.wanted]
        return " NOT ".join([f"({wanted})", *unwanted]) if wanted else ""

    def asks_for(self, form: str) -> bool:
        """Tell whether an article is to be found, by its form: what FTS5 tells by `expression`."""
        padded = f" {form} "
        if any(term.stands_in(padded) for term in self.terms if not term.wanted):
            return False
        return all(any(term.stands_in(padded) for term in group) for group in _groups(self.terms))

    def places(self) -> Callable[[str], Iterator[tuple[int, int]]]:
        """Give what finds in a text the places by which the article was found: from and to, in characters."""
        patterns = sorted({term.pattern for term in self.terms if term.wanted}, key=lambda each: (-len(each), each))
        pattern = re.compile("|".join(patterns) or r"(?!)", re.IGNORECASE)
        return lambda text: (match.span() for match in pattern.finditer(text) if _is_whole(match))


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
    kept = _bounded(terms)
    return Query(tuple(kept), _remark(text, terms, kept))


def _bounded(terms: Sequence[Term]) -> list[Term]:
    """Give the first terms, as many as are looked for; one that is too long by itself is cut."""
    sizes = accumulate(len(term.tokens) for term in terms)
    kept = [term for term, size in zip(terms, sizes, strict=True) if size <= MOST_TOKENS][:MOST_TERMS]
    return kept or [replace(term, tokens=term.tokens[:MOST_TOKENS], open=False) for term in terms[:1]]


def _remark(text: str, terms: Sequence[Term], kept: Sequence[Term]) -> Remark | None:
    if not terms:
        return Remark(SearchNote.NO_WORD) if text.strip() else None
    if not any(term.wanted for term in kept):
        return Remark(SearchNote.ONLY_WITHOUT)
    if len(text) > LONGEST_QUERY or len(terms) > len(kept) or kept[0].tokens != terms[0].tokens:
        return Remark(SearchNote.CUT, len(kept))
    return None


def _term(clause: re.Match[str], *, joined: bool) -> Term | None:
    found = list(_TOKEN.finditer(clause["word"] if clause["phrase"] is None else clause["phrase"]))
    if not found:
        return None
    tokens = [token for match in found[:-1] for token in _parts(match)]
    tokens += _parts(found[-1], ends=False)
    begins_a_pair = bool(found[-1]["run"]) and len(found[-1][0]) == 1
    pattern = r"[\W_]*".join(re.escape(match[0]) for match in found)
    return Term(tuple(tokens), begins_a_pair, pattern, clause["minus"] is None, joined, bool(clause["title"]))


def _is_whole(match: re.Match[str]) -> bool:
    """Tell whether no word goes on beyond the ends of a place. In the pattern itself this takes 10 ms to compile."""
    begin, end = match.span()
    return end > begin and not _goes_on(match.string, begin) and not _goes_on(match.string, end)


def _goes_on(text: str, at: int) -> bool:
    return 0 < at < len(text) and _is_letter(text[at - 1]) and _is_letter(text[at])


@lru_cache(maxsize=5_000)
def _is_letter(character: str) -> bool:
    return _ONE_LETTER.fullmatch(character) is not None


def _groups(terms: Sequence[Term]) -> list[list[Term]]:
    groups: list[list[Term]] = []
    for term in terms:
        if term.wanted and term.alternative and groups:
            groups[-1].append(term)
        elif term.wanted:
            groups.append([term])
    return groups

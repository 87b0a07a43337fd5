"""Saved searches: a line as people type it into a search box → a question that any article answers.

All of its words must be there; `OR` between two means one of them, `-` before one that it must not be there, quotes
hold a phrase together. Words are looked for in title and text, or where `title:`, `author:`, `source:` or `category:`
says. Case, width and compatibility forms make no difference (NFKC). A word is met as a whole, in scripts that are
written without spaces (Chinese, Japanese, Thai …) wherever it stands.
"""

import difflib
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

FIELDS = ("title", "author", "source", "category")

_QUOTES = str.maketrans(dict.fromkeys("“”„‟「」『』〝〞", '"'))
_TOKEN = re.compile(r'(?P<minus>-)?(?:(?P<field>[^\W\d_]+):)?(?:"(?P<phrase>[^"]*)"|(?P<word>[^\s"]+))|(?P<rest>\S)')
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
_UNSPACED = (  # scripts written without spaces between words, or with endings joined to them (Hangul)
    "\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3040-\u312f"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff"
)
_LETTER = rf"[^\W{_UNSPACED}]"


@dataclass(frozen=True, slots=True)
class Term:
    """One word or phrase: where it is looked for ("" is title and text), and whether it must be there or must not."""

    pattern: re.Pattern[str]
    field: str = ""
    wanted: bool = True


Query = tuple[tuple[Term, ...], ...]  # of each group, one term has to hold


def folded(text: str) -> str:
    """Give the form in which texts are compared: one line, without case, width and what is not seen."""
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(_INVISIBLE.sub("", plain).split())


def query_fault(text: str) -> str | None:
    """Say what is wrong with a search, and what would be right; None where nothing is."""
    try:
        query_of(text)
    except ValueError as error:
        return str(error)
    return None


def query_of(text: str) -> Query:
    """Read a search.

    Raises: ValueError for a quote that is not closed, an unknown field, an OR without two sides, and where nothing is
        looked for.
    """
    line = unicodedata.normalize("NFKC", text).translate(_QUOTES)
    if line.count('"') % 2:
        raise ValueError(f"a quote in {text!r} is not closed")
    groups: list[tuple[Term, ...]] = []
    joins = False
    for found in _TOKEN.finditer(line):
        if found[0] == "AND":
            continue
        if found[0] == "OR":
            _must(not joins and bool(groups), "OR stands between two words")
            joins = True
            continue
        before = groups.pop() if joins else ()
        groups.append((*before, _term(found)))
        joins = False
    _must(not joins, "OR stands between two words")
    _must(bool(groups), "it says nothing to look for")
    return tuple(groups)


def _must(holds: bool, fault: str) -> None:
    if not holds:
        raise ValueError(fault)


def _term(found: re.Match[str]) -> Term:
    _must(found[0] != "NOT", 'NOT is not known; write "-" before the word that must not be there')
    field = (found["field"] or "").casefold()
    words = folded(found["phrase"] or found["word"] or "")
    _must(not field or field in FIELDS, _unknown(found, field))
    _must(any(map(str.isalnum, words)), f"{found[0]!r} holds no letter and no digit to look for")
    return Term(_pattern(words), field, not found["minus"])


def _unknown(found: re.Match[str], field: str) -> str:
    close = difflib.get_close_matches(field, FIELDS, n=1)
    hint = f"did you mean {close[0]}:" if close else f"there are {', '.join(f'{name}:' for name in FIELDS)}"
    return f"no field {field}: in {found[0]!r}; {hint}; what is meant as text stands in quotes"


def _pattern(words: str) -> re.Pattern[str]:
    begins = rf"(?<!{_LETTER})" if re.match(_LETTER, words[0]) else ""
    ends = rf"(?!{_LETTER})" if re.match(_LETTER, words[-1]) else ""
    return re.compile(begins + re.escape(words) + ends)


def answers(query: Query, said: Callable[[str], str]) -> bool:
    """Tell whether an article is what a search looks for; `said` gives what it says in a field, folded."""
    return all(any(_held(group, said)) for group in query)


def _held(group: tuple[Term, ...], said: Callable[[str], str]) -> Iterator[bool]:
    for term in group:
        yield bool(term.pattern.search(said(term.field))) == term.wanted

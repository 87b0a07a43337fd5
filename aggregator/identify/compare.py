"""What an edit changed, as a person wants to read it: by words, and by characters where there are no spaces."""

import re
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

_TOKEN = re.compile(
    r"\n|[^\S\n]+|[0-9]+(?:[.,:][0-9]+)*"
    r"|[^\W\d_\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\ufaff\U00020000-\U0003ffff]+"  # with spaces between words
    r"|[\s\S]"
)
_MOST_TOKENS = 20_000  # on either side; behind that whole paragraphs are compared only
_MOST_LINES = 5_000
_ALIKE = 0.4  # of two passages' tokens; below this one reads better after the other than interwoven
_ISLAND = 2  # tokens that stay between two changes; so few are no landmark

Kind = Literal["same", "removed", "added"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A passage of a comparison. All but the added ones give the text before, all but the removed the text after."""

    kind: Kind
    text: str


def compare(before: str, after: str) -> tuple[Piece, ...]:
    """Give how one text became the other: paragraphs that changed are compared word by word."""
    one, other = before.splitlines(keepends=True), after.splitlines(keepends=True)
    pieces: list[Piece] = []
    for same, mine, its in _blocks(one, other, _by_lines(one, other)):
        pieces += [Piece("same", "".join(mine))] if same else _compared("".join(mine), "".join(its))
    return _joined(pieces)


def _by_lines(one: Sequence[str], other: Sequence[str]) -> Iterable[tuple[str, int, int, int, int]]:
    if max(len(one), len(other)) > _MOST_LINES:
        return [("replace", 0, len(one), 0, len(other))]
    return SequenceMatcher(None, one, other, autojunk=False).get_opcodes()


def _compared(before: str, after: str) -> list[Piece]:
    one, other = _TOKEN.findall(before), _TOKEN.findall(after)
    whole = [Piece("removed", before), Piece("added", after)]
    if not one or not other or max(len(one), len(other)) > _MOST_TOKENS:
        return whole
    from rapidfuzz.distance import LCSseq  # only where a person asks for a comparison

    found = LCSseq.opcodes(_hashables(one), _hashables(other))
    steps = [(step.tag, step.src_start, step.src_end, step.dest_start, step.dest_end) for step in found]
    alike = sum(len("".join(one[start:end]).strip()) for tag, start, end, *_ in steps if tag == "equal")
    if alike < _ALIKE * min(len(before), len(after)):
        return whole
    return list(_woven(_blocks(one, other, steps)))


def _hashables(tokens: Sequence[str]) -> Sequence[Hashable]:
    return [hash(token) for token in tokens]  # the library compares numbers faster than texts


def _blocks(
    one: Sequence[str], other: Sequence[str], steps: Iterable[tuple[str, int, int, int, int]]
) -> Iterator[tuple[bool, Sequence[str], Sequence[str]]]:
    """Give runs of the two sides that are equal, and between them what became what."""
    mine, its = 0, 0
    for tag, start, end, other_start, other_end in steps:
        if tag != "equal":
            continue
        if mine < start or its < other_start:
            yield False, one[mine:start], other[its:other_start]
        yield True, one[start:end], other[other_start:other_end]
        mine, its = end, other_end
    if mine < len(one) or its < len(other):
        yield False, one[mine:], other[its:]


def _woven(blocks: Iterable[tuple[bool, Sequence[str], Sequence[str]]]) -> Iterator[Piece]:
    """Give the pieces of a passage; an island of few tokens between two changes belongs to both."""
    removed: list[str] = []
    added: list[str] = []
    island: Sequence[str] = ()
    for same, mine, its in blocks:
        if same and (removed or added) and len(mine) <= _ISLAND and "\n" not in mine:
            island = mine
        elif same:
            yield from _change(removed, added)
            removed, added = [], []
            yield Piece("same", "".join((*island, *mine)))
            island = ()
        else:
            removed += [*island, *mine]
            added += [*island, *its]
            island = ()
    yield from _change(removed, added)
    yield Piece("same", "".join(island))


def _change(removed: Sequence[str], added: Sequence[str]) -> Iterator[Piece]:
    yield Piece("removed", "".join(removed))
    yield Piece("added", "".join(added))


def _joined(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    result: list[Piece] = []
    for piece in pieces:
        if result and result[-1].kind == piece.kind:
            result[-1] = Piece(piece.kind, result[-1].text + piece.text)
        elif piece.text:
            result.append(piece)
    return tuple(result)

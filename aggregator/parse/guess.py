"""Which encoding is it, when nobody says? The one under which the bytes are likeliest as text of its language."""

import codecs
import math
import re
from collections.abc import Callable
from itertools import pairwise

_SAMPLE_BYTES = 60_000
_ONE_BYTE = "cp1252"

# A model of a double-byte code page: how its everyday characters look as bytes, and how many those are (GB 2312 level 1
# has 3,755 and some 250 signs, Big5 level 1 has 5,401, KS X 1001 has 2,350 syllables, JIS X 0208 level 1 has 2,965 and
# 169 kana). Everyday characters share 95 % of the probability, all others the rest; of two groups each has half, which
# a size twice as large says.
_DOUBLE = {
    "gb18030": ((rb"[\xb0-\xd7][\xa1-\xfe]|[\xa1\xa3][\xa1-\xfe]", 4_000),),
    "big5hkscs": ((rb"[\xa4-\xc6][\x40-\x7e\xa1-\xfe]|\xa1[\x40-\x7e\xa1-\xfe]", 5_600),),
    "cp949": ((rb"[\xb0-\xc8][\xa1-\xfe]|\xa1[\xa1-\xfe]", 2_450),),
    "euc_jp": ((rb"[\xa4\xa5][\xa1-\xf6]", 340), (rb"[\xb0-\xcf][\xa1-\xfe]|\xa1[\xa1-\xfe]", 6_000)),
    "cp932": (
        (rb"\x82[\x9f-\xf1]|\x83[\x40-\x96]", 340),
        (rb"[\x88-\x97][\x40-\x7e\x80-\xfc]|\x81[\x40-\x7e\x80-\xfc]", 6_000),
    ),
}
_RARE = math.log(0.05 / 15_000)
_BROKEN = math.log(1e-8)
_ASCII_TAIL = math.log(1 / 40)  # what a one-byte model pays for the ASCII byte that a double-byte one reads as a tail
_MIXED_WORD = math.log(0.02)  # a letter of another script beside a (small) Latin one


def encoding(body: bytes) -> str:
    """Give the likeliest of GB 18030, Big5, CP949, EUC-JP, CP932, windows-1251, KOI8-R and windows-1252."""
    sample = b" ".join(re.findall(rb"[A-Za-z]?[\x80-\xff][\x40-\xff]*", body[:_SAMPLE_BYTES])) + b" "
    scores = {name: _double_byte(sample, name) for name in _DOUBLE}
    scores |= {name: _one_byte(sample, name, _cyrillic) for name in ("cp1251", "koi8_r")}
    scores[_ONE_BYTE] = _one_byte(sample, _ONE_BYTE, _latin)
    return max(scores, key=lambda name: scores[name])


def _double_byte(sample: bytes, name: str) -> float:
    """Sum the logarithms of the probabilities of each character read from the sample."""
    groups = [(re.compile(shape), math.log(0.95 / size)) for shape, size in _DOUBLE[name]]
    text = codecs.getincrementaldecoder(name)(errors="replace").decode(sample)
    mixed = sum(before.isascii() != after.isascii() and (before + after).islower() for before, after in pairwise(text))
    return sum(_weight(character, name, groups) for character in text if not character.isascii()) + mixed * _MIXED_WORD


def _weight(character: str, name: str, groups: list[tuple[re.Pattern[bytes], float]]) -> float:
    if character == "\ufffd":
        return _BROKEN
    code = character.encode(name, "replace")
    return next((weight for shape, weight in groups if shape.fullmatch(code)), _RARE)


def _one_byte(sample: bytes, name: str, weight: Callable[[str, str], float]) -> float:
    """The same for a one-byte code page, where a letter's probability depends on its neighbours."""
    text = sample.decode(name, "replace")
    return sum(weight(before, character) for before, character in pairwise(" " + text))


def _cyrillic(before: str, character: str) -> float:
    if character.isascii():
        tail = _ASCII_TAIL + _MIXED_WORD if character.isalpha() else _ASCII_TAIL
        return 0.0 if before.isascii() or character == " " else tail
    return _cyrillic_letter(before, character) + (_MIXED_WORD if before.isascii() and before.isalpha() else 0.0)


def _cyrillic_letter(before: str, character: str) -> float:
    if "а" <= character <= "я":
        return math.log(0.85 / 32)
    if "А" <= character <= "Я":
        return math.log(0.10 / 32) if not before.isalpha() or before.isupper() else math.log(0.01 / 32)
    return math.log(0.03 / 64)


def _latin(before: str, character: str) -> float:
    if character.isascii():
        return 0.0 if before.isascii() or character == " " else _ASCII_TAIL
    seldom = 0.0 if before.isascii() else math.log(0.1)
    if character.isalpha():
        return math.log((0.7 if character.islower() else 0.05) / 32) + seldom
    return math.log(0.2 / 64) + seldom

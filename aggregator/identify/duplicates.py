"""The same story from several sources: fingerprints to store, and a verdict on two of them by strong evidence only.

Three steps, each with its own part of the fingerprint. The *sketch* is a sample of a text's short character n-grams in
the order of the text: those whose hash is small, the rule being the same for every text, so samples of two texts meet
(winnowing without windows; Schleimer, Wilkerson, Aiken 2003). Their longest common subsequence tells how much of a
story is told again, and where it is not. *Bands* find candidates: the long n-grams that begin with the short ones of
the smallest hashes (bottom-k MinHash; Broder 1997), so two texts that share much share one of them almost surely. The
*figures*, in order, tell today's market report from yesterday's, which shares nine tenths of its words.

N-grams of characters serve languages without spaces; letters of alphabets count for less than Chinese characters, so
theirs are longer. The hash of an n-gram is a sum of its characters, each times the constant of its place (multilinear
hashing; Lemire, Kaser 2014): that of all n-grams of a text at once takes a few operations on one long number, a tenth
of the time of hashing each by itself. The constants and CRC-32 are fixed: stored fingerprints outlive releases.
"""

import re
import sys
import unicodedata
from array import array
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import islice
from operator import mul
from zlib import crc32

from aggregator.markup import text_of
from aggregator.records import Fingerprint

FINGERPRINT_VERSION = 2  # of how texts are read and sampled; fingerprints of two versions are never compared

_LENGTH_AT_LEAST = 60  # characters without spaces and punctuation
_READ_AT_MOST = 200_000  # characters of markup
_BANDS = 16
_SAMPLE = 256  # n-grams in a sketch at most, about
_FIGURES = 500
_TITLE_FIGURES = 255

_SHORT_GRAM = (5, 12)  # characters: from a Chinese (Japanese, Korean) one on, from any other
_LONG_GRAM = (12, 28)
_IDEOGRAPHIC = "\u2e80"

_TOLD_AGAIN = 0.75  # of the shorter text
_OF_THE_LONGER = 0.55
_OF_EACH_PART = 0.35
_PARTS = 4
_VAGUE_BELOW = 256  # characters, of a text without any figure; its sketch holds every n-gram
_HEAD = 12  # n-grams, most of a title
_END = 0.9  # of the shorter text: what stands behind that in the longer, it may not have told any more


def fingerprint(title: str, html: str) -> Fingerprint | None:
    """Give the fingerprint of an article; None when its text is too short to tell it from others."""
    heading = _folded(title)
    lines = list(_story(_folded(text_of(html[:_READ_AT_MOST])), heading))
    body = _NOT_TOLD.sub("", "".join(lines))
    if len(body) < _LENGTH_AT_LEAST:
        return None
    text = _NOT_TOLD.sub("", heading) + body
    grams = _grams(text)
    rate = max((len(grams) - 1).bit_length() - _SAMPLE.bit_length() + 1, 0)
    limit = 1 << 32 - rate
    places = [place for place, gram in enumerate(grams) if gram < limit]  # `_sampled`, and where
    sketch = bytes([rate]) + _packed([grams[place] for place in places])
    figures = _figures(heading, "\n".join(lines), len(text))
    return Fingerprint(_bands(text, sorted(places, key=grams.__getitem__)), sketch, len(text), figures)


def same_story(one: Fingerprint, other: Fingerprint) -> bool:
    """Tell whether two articles are one story: told again nearly word for word, wholly or in its larger part.

    Symmetric. An article that reports more than the other (a later state, a story of its own around a quotation) is
    another story, and so is one whose figures differ.
    """
    shorter, longer = sorted((one, other), key=lambda each: (each.length, each.sketch, each.figures))
    if not _figures_agree(shorter, longer):
        return False
    vague = len(shorter.figures) == 1 + 8 * shorter.figures[0] and shorter.length < _VAGUE_BELOW
    return _told_again(shorter.sketch, longer.sketch, heads=vague)


def share_told(one: Fingerprint, other: Fingerprint) -> float:
    """Give how much of the shorter text stands in the longer, in its order: 0 to 1."""
    shorter, longer = sorted((one.sketch, other.sketch), key=len)
    rate = max(shorter[0], longer[0])
    short, long = (_sampled(_unpacked(sketch), rate) for sketch in (shorter, longer))
    return _common(short, long) / max(min(len(short), len(long)), 1)


# --- text ---------------------------------------------------------------------------------------------------

_NOT_TOLD = re.compile(r"[\W_]+")

# What outlets put around a story, after NFKC: credits on a line of their own, notices however long, credits in
# brackets, and the place and day that a news agency begins with.
_CREDIT = re.compile(
    r"\W*(?:(?:文章|本文|稿件|新闻|信息|图片|图|资料|内容|数据)?来源|本文来自|转自|摘自|原标题|原题|原文|标题|"
    r"责任编辑|责编|编辑|主编|监制|审核|审校|校对|排版|制图|作者|文|撰文|记者|本报记者|见习记者|通讯员|实习生|"
    r"发布时间|发表时间|时间|日期|更新时间|阅读|点击|浏览|评论|关键词|标签|分享到?|栏目|上一篇|下一篇|相关阅读|"
    r"source|by|author|reporting by|editing by|writing by|additional reporting by|published|updated|posted|"
    r"tags?|filed under|share|read more|continue reading|related)\s*[:|/丨].{0,120}"
    r"|(?:by|reporting by|editing by) [\w .,'-]{3,80}(?:; *editing by [\w .,'-]{3,60})?"
    r"|the post .{1,200} (?:appeared first on|first appeared on) .{1,80}|(?:read more|continue reading)\W*"
    r"|[^|丨·]{2,40}[|丨·] ?(?:updated|published|posted) .{0,60}"
    r"|\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}日?[\s\d:时分秒]{0,16}(?:\W{0,3}(?:来源|作者|编辑|阅读|by|source).{0,60})?"
    r"|.{0,20}(?:扫码|扫描|长按|点击|打开|下载|关注).{0,30}(?:公众号|二维码|客户端|app|阅读原文|蓝字|小程序).{0,40}"
    r"|(?:本报|见习|首席|实习|[^\d\W]{2,8}(?:报|网|社|新闻))?记者\s[\w\s、]{2,24}|\(完\)"
    r"|\(?(?:this )?(?:story|article).{0,40}(?:first published|syndicated).{0,120}"
)
_NOTICE = re.compile(
    r"\W*(?:免责声明|版权声明|版权所有|特别声明|郑重声明|风险提示|声明|未经.{0,20}授权|转载请|本网站|"
    r"copyright|©|\(c\) |all rights reserved|disclaimer|sign up for|subscribe to)"
)
_BRACKETED = re.compile(
    r"[(【\[](?:文章|本文|稿件|图片)?(?:来源|责任编辑|责编|编辑|原标题|作者|文|图|本报记者|记者|通讯员|总台|央视)[^()【】\[\]]{0,60}[)】\]]"
)
_DATELINE = re.compile(
    r"\W{0,3}(?:(?:本报|本网|本刊|本台)(?:讯|消息)|[^\d\s,。、;:]{0,16}(?:讯|电|消息)(?=[\s:,(—-])"
    r"|[^\d,。;:]{2,18}[\d年月日/. ]{2,12}(?:讯|电|消息|综合报道|报道)(?=[\s:,(—-]))"
    r"\W{0,3}(?:\([^()]{0,40}\)\W{0,3})?(?:(?:本报|见习|首席|实习)?记者[\w\s、]{2,20}(?:报道|摄影报道)\W{0,3})?"
    r"|[a-z0-9 ,./]{3,40}\((?:reuters|ap|afp|xinhua|upi|dpa)\)\W{1,4}"
)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower().strip()


def _story(text: str, heading: str) -> Iterator[str]:
    """Give the lines of the text that tell the story, the first without its dateline; no heading, no credits."""
    begun = False
    for raw in text.split("\n"):
        line = raw.strip()
        if line == heading or _CREDIT.fullmatch(line) or _NOTICE.match(line):
            continue
        match = None if begun else _DATELINE.match(line)
        told = _BRACKETED.sub("", line[match.end() :] if match else line)
        if told:
            begun = True
            yield told


# --- samples ------------------------------------------------------------------------------------------------


_LANE = 64  # bits that a character has in the long number: its 21 times 40, twelve times, and nothing leaves the lane
_PLACES = tuple(int.from_bytes(sha256(bytes([place])).digest()[:5], "little") | 1 for place in range(max(_SHORT_GRAM)))
_DROPPED = 12  # lowest bits of a sum: they tell little; and the highest, beyond 32 more, are never reached by letters
_NO_IDEOGRAPH = re.compile(f"[^{_IDEOGRAPHIC}-\U0010ffff]")
_FEW = 8  # times as many others make it worth while to hash n-grams one by one


def _grams(text: str) -> list[int]:
    """Give the hashes of all short n-grams, in order; how many characters one spans depends on its first. The text ends
    with the last that an ideograph may begin: those of letters are shorter there."""
    ideographs, letters = _SHORT_GRAM
    codes = _codes(text)
    others = [match.start() for match in _NO_IDEOGRAPH.finditer(text)]
    grams = _sums(codes, ideographs if len(others) < len(text) else letters)
    if len(others) * _FEW < len(text):
        for place in others:
            grams[place] = sum(map(mul, map(ord, text[place : place + letters]), _PLACES)) >> _DROPPED & 0xFFFFFFFF
    elif len(others) < len(text):
        longer = _sums(codes, letters)
        for place in others:
            grams[place] = longer[place]
    return grams[: max(len(text) - ideographs + 1, 1)]


def _codes(text: str) -> bytes:
    """Give the code points of a text, each in a lane of the long number."""
    narrow = text.encode("utf-32-le", "surrogatepass")
    codes = bytearray(2 * len(narrow))
    for byte in range(3):  # a code point has no more
        codes[byte :: _LANE // 8] = narrow[byte::4]
    return bytes(codes)


def _sums(codes: bytes, size: int) -> list[int]:
    """Give the hashes of the n-grams of one size, at every place: of all places at once."""
    number = int.from_bytes(codes, "little")
    constants = sum(constant << _LANE * (size - place) for place, constant in enumerate(_PLACES[:size], 1))
    sums = number * constants >> _LANE * (size - 1) + _DROPPED  # the constants slide along the text
    halves = array("I", sums.to_bytes(len(codes), "little"))
    return _little_endian(halves)[::2].tolist()


def _bands(text: str, places: Iterable[int]) -> tuple[str, ...]:
    """Give the first of the long n-grams that begin at these places, as far as the text has all of them."""
    found: dict[str, None] = {}
    for place in places:
        size = _LONG_GRAM[text[place] < _IDEOGRAPHIC]
        gram = text[place : place + size]
        if len(gram) == size:
            found[f"{crc32(gram.encode('utf-8', 'surrogatepass')):08x}"] = None
        if len(found) == _BANDS:
            break
    return tuple(found)


def _sampled(grams: Sequence[int], rate: int) -> list[int]:
    """Keep one n-gram in 2 ** rate: always the same ones, and those of a higher rate among them."""
    limit = 1 << 32 - rate
    return [gram for gram in grams if gram < limit]


def _packed(hashes: Sequence[int]) -> bytes:
    return _little_endian(array("I", hashes)).tobytes()


def _unpacked(stored: bytes) -> "array[int]":
    """Give the numbers behind the first byte; a cut one at the end is left out."""
    return _little_endian(array("I", stored[1 : 1 + (len(stored) - 1) // 4 * 4]))


def _little_endian(numbers: "array[int]") -> "array[int]":
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _told_again(shorter: bytes, longer: bytes, *, heads: bool) -> bool:
    """Tell whether nearly all of the shorter stands in the longer, in its order, and most of the longer in it.

    Every part of the shorter must be found: what two articles share may be an outlet's long standing paragraph. With
    `heads`, their beginnings must be alike too: the same short notice may stand under every title of a feed.
    """
    rate = max(shorter[0], longer[0])
    short, long = (_sampled(_unpacked(sketch), rate) for sketch in (shorter, longer))
    common = _common(short, long)
    if not common or common < _TOLD_AGAIN * len(short) or common < _OF_THE_LONGER * len(long):
        return False
    if heads and _common(short[:_HEAD], long) * 2 < len(short[:_HEAD]):
        return False
    return all(_common(part, long) >= _OF_EACH_PART * len(part) for part in _parts(short))


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """Give the length of the longest common subsequence."""
    from rapidfuzz.distance import LCSseq  # a worker makes fingerprints and compares none

    return int(LCSseq.similarity(one, other))


def _parts(sample: Sequence[int]) -> Iterator[Sequence[int]]:
    size = -(-len(sample) // _PARTS)
    return (sample[at : at + size] for at in range(0, len(sample), size))


# --- figures ------------------------------------------------------------------------------------------------

_SPELT_FIGURE = re.compile(r"\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\b")
_FIGURE = re.compile(  # begins with one set of characters, so that `re` passes over the rest of a text at full speed
    r"[-\d零〇一二两三四五六七八九十百千]"
    r"(?:(?:(?<=-)(?<!\d-)\d+|(?<=\d)(?<!\d\d)\d*)(?:,\d{3})*(?:\.\d+)?[%‰万亿]*"
    r"|(?<![-\d])[零〇一二两三四五六七八九十百千]*(?=[人名例岁个家起次天年月日成倍场票座辆只期件口根处条项亩]))"
)
_NUMERALS = {
    "一": "1",
    "二": "2",
    "两": "2",
    "三": "3",
    "四": "4",
    "五": "5",
    "六": "6",
    "七": "7",
    "八": "8",
    "九": "9",
}
_WORDS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_SPELT = _NUMERALS | {"十": "10"} | {word: str(number) for number, word in enumerate(_WORDS, start=2)}


def _figures(title: str, text: str, length: int) -> bytes:
    in_title = [crc32(_figure(match[0]).encode()) for match in _found_figures(title)][:_TITLE_FIGURES]
    packed = [number for value in in_title for number in (value, 0)]
    for match in islice(_found_figures(text), _FIGURES):
        packed += (crc32(_figure(match[0]).encode()), match.start() * length // len(text))
    return bytes([len(in_title)]) + _packed(packed)


def _found_figures(text: str) -> Iterable[re.Match[str]]:
    """Find the figures of a text, in order; those in English words only where there are letters of English."""
    found = _FIGURE.finditer(text)
    if not _LETTER.search(text):
        return found
    return sorted((*found, *_SPELT_FIGURE.finditer(text)), key=re.Match.start)


_LETTER = re.compile("[a-z]")


def _figure(text: str) -> str:
    """Give a figure in the one spelling that `1,200.50`, `1200.5` and `1200.500` share."""
    number = text.rstrip("%‰万亿")
    unit = text[len(number) :]
    number = _SPELT.get(number, number.replace(",", ""))
    return (number.rstrip("0").rstrip(".") if "." in number else number) + unit


def _figures_agree(shorter: Fingerprint, longer: Fingerprint) -> bool:
    """Tell whether the two texts name the same figures in the same order, as far as the shorter goes.

    A text that breaks off earlier lacks the figures behind its end; one more, fewer or another before that is news.
    Two titles may name different figures only if one's stand in the other article too.
    """
    short, long = _unpacked(shorter.figures), _unpacked(longer.figures)
    in_short, in_long = (
        set(figures[: 2 * each.figures[0] : 2]) for figures, each in ((short, shorter), (long, longer))
    )
    if not (in_short <= set(long[::2]) or in_long <= set(short[::2])):
        return False
    told, more = short[2 * shorter.figures[0] :: 2], long[2 * longer.figures[0] :: 2]
    places = long[2 * longer.figures[0] + 1 :: 2]
    return more[: len(told)] == told and all(place >= _END * shorter.length for place in places[len(told) :])

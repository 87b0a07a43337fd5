"""What is this document? Bytes become legal text, whatever the server says of them; what is no feed gets a name."""

import codecs
import json
import re
import zlib

from aggregator.parse import guess

MAX_UNPACKED_BYTES = 32_000_000  # of a body that is itself a gzip file

_BOMS = (  # the longer ones first: the mark of UTF-16LE begins that of UTF-32LE
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WIDE = (  # the characters that feeds and JSON begin with are ASCII
    (r"[\t\n\r -~]\0\0\0", "utf-32-le"),
    (r"\0\0\0[\t\n\r -~]", "utf-32-be"),
    (r"([\t\n\r -~]\0){2}", "utf-16-le"),
    (r"(\0[\t\n\r -~]){2}", "utf-16-be"),
)

# A name stands for the code page that servers really mean by it, the likelier first (WHATWG Encoding §4.2; HKSCS and
# CP950 both go by the name of Big5).
_MEANT = {
    "gb2312": ("gb18030",),
    "gbk": ("gb18030",),
    "big5": ("big5hkscs", "cp950"),
    "cp950": ("cp950", "big5hkscs"),
    "shift_jis": ("cp932",),
    "euc_kr": ("cp949",),
    "johab": ("johab", "cp949"),
    "euc_jp": ("euc_jp", "euc_jis_2004"),
    "iso2022_jp": ("iso2022_jp", "iso2022_jp_2004", "iso2022_jp_ext"),
    "iso8859-1": ("cp1252",),
    "ascii": ("utf-8", "cp1252"),
    "iso8859-9": ("cp1254",),
    "iso8859-11": ("cp874",),
    "tis-620": ("cp874",),
}
_ALIASES = {
    "x-gbk": "gbk",
    "gb_2312-80": "gb2312",
    "x-sjis": "cp932",
    "x-euc-jp": "euc_jp",
    "x-big5": "big5",
    "utf8mb4": "utf-8",
}
_NO_TEXT = {"utf-7", "idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"}
_SEVEN_BITS = ("iso2022", "hz")

_DECLARATION = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']""")
_META = re.compile(rb"""<meta\b[^<>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9._:-]{1,40})""", re.I)
_META_REACH = 4096  # bytes; HTML §4.2.5.5 wants it in the first 1,024, pages with long comments do not heed that
_CHARSET = re.compile(r"""charset\s*=\s*["']?\s*([A-Za-z0-9._:-]{1,40})""", re.I)
_LEGAL = re.compile("[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*+")
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
CP1252 = {code: character for code in range(0x80, 0xA0) if (character := bytes([code]).decode("cp1252", "ignore"))}
"""What windows-1252 has where Unicode has controls; five codes stand for nothing."""
_BYTES = {ord(character): code for code, character in CP1252.items()}
_TWICE = re.compile(f"[\u00c2-\u00f4][\u0080-\u00bf{''.join(CP1252.values())}]")
_NOT_ONE_BYTE = re.compile(f"[^\u0000-\u00ff\ufeff{''.join(CP1252.values())}]")
_ENOUGH_TWICE = 8  # characters
_TOLERATED_SHARE = 0.1  # of the characters beyond ASCII that may be broken before an encoding is not believed

_HTML = re.compile(r"<!doctype\s+html|<html[\s>]|<body[\s>]", re.I)
_TITLE = re.compile(r"<title[^>]{0,200}>([^<]{0,200})", re.I)
_ROOT = re.compile(r"<([A-Za-z_][\w.:-]{0,80})")
_NOT_ROOT = re.compile(r"<\?.*?\?>|<!--.*?-->|<!DOCTYPE[^>\[]*(?:\[.*?\]\s*)?>", re.S | re.I)


def legal(text: str) -> str:
    """Give the text without the characters that no XML document may hold: controls, noncharacters, lone surrogates."""
    return text if _LEGAL.fullmatch(text) else _ILLEGAL.sub("", text)  # half the time


def unpacked(body: bytes) -> bytes | None:
    """Undo the compression of a body that is a gzip file; a truncated one gives what is there.

    None where it would unpack to more than `MAX_UNPACKED_BYTES`.
    """
    if not body.startswith(b"\x1f\x8b\x08"):
        return body
    stream = zlib.decompressobj(wbits=31)
    try:
        plain = stream.decompress(body, MAX_UNPACKED_BYTES + 1)
    except zlib.error:
        return body
    return plain if len(plain) <= MAX_UNPACKED_BYTES else None


def decode(body: bytes, content_type: str = "") -> tuple[str, tuple[str, ...]]:
    """Give the text of a document, without byte order mark and illegal characters, and what was odd about it.

    The order is: byte order mark, what the bytes prove (UTF-16 and UTF-32 by their zeros, UTF-8 by being valid), the
    HTTP charset, the XML declaration or HTML's `<meta charset>`, and last a guess by plausibility. An encoding that
    fits all but a few bytes is kept and those are replaced: feedparser itself turns the whole document into
    windows-1252 for one bad byte. Never raises.
    """
    text, warnings = _decoded(body, content_type)
    if twice := _encoded_twice(text):
        text, warnings = twice, (*warnings, "the text had been encoded twice; it was read as what it was before")
    return legal(text.removeprefix("\ufeff")), warnings


def _decoded(body: bytes, content_type: str) -> tuple[str, tuple[str, ...]]:
    proven = _by_mark(body) or _by_zeros(body)
    if proven:
        return _replaced(body, proven)
    said = _said(body, content_type)
    if body.isascii():
        return _seven_bits(body, said)
    try:
        return body.decode("utf-8"), _contradiction(said)
    except UnicodeDecodeError:
        return _strict(body, said) or _tolerant(body, said) or _guessed(body)


def _encoded_twice(text: str) -> str | None:
    """Undo what happens to UTF-8 that is taken for windows-1252 and encoded once more: Москва has become ÐœÐ¾ÑÐºÐ²Ð°.

    It counts only if all that is beyond ASCII makes UTF-8 again, and is enough of it to be no accident.
    """
    if text.isascii() or _NOT_ONE_BYTE.search(text) or not _TWICE.search(text):
        return None
    try:
        once = text.removeprefix("\ufeff").translate(_BYTES).encode("latin-1").decode()
    except UnicodeDecodeError:
        return None
    return once if sum(not character.isascii() for character in once) >= _ENOUGH_TWICE else None


def _by_mark(body: bytes) -> str | None:
    return next((encoding for mark, encoding in _BOMS if body.startswith(mark)), None)


def _by_zeros(body: bytes) -> str | None:
    """Recognise UTF-16 and UTF-32 by the zeros beside the ASCII characters that every feed begins with."""
    head = body[:4].decode("latin-1")
    return next((encoding for shape, encoding in _WIDE if re.match(shape, head)), None)


def _said(body: bytes, content_type: str) -> tuple[str, ...]:
    """Give what HTTP and the declaration say, as names Python knows, the more trustworthy first.

    A one-byte code page fits any bytes, so servers that say ISO-8859-1 for everything do not outvote a declaration.
    """
    http = _CHARSET.search(content_type)
    declared = _DECLARATION.search(body[:1024]) or _META.search(body[:_META_REACH])
    names = [_known(http[1]) if http else None, _known(declared[1].decode()) if declared else None]
    found = [name for name in names if name]
    return tuple(dict.fromkeys(sorted(found, key=lambda name: name in ("iso8859-1", "cp1252", "ascii"))))


def _known(name: str) -> str | None:
    """Give Python's name of a text encoding that extends ASCII; None for a bogus one, `utf-7`, `idna`, `rot13` …"""
    name = _ALIASES.get(name.lower(), name)
    try:
        canonical = codecs.lookup(name).name
        extends_ascii = b"<a1 ".decode(name) == "<a1 "
    except (LookupError, ValueError):  # unknown, no text encoding, or one such as EBCDIC
        return None
    return canonical if extends_ascii and canonical not in _NO_TEXT else None


def _meant(said: tuple[str, ...]) -> list[str]:
    return [encoding for name in said for encoding in _MEANT.get(name, (name,))]


def _seven_bits(body: bytes, said: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    stateful = [name for name in _meant(said) if name.startswith(_SEVEN_BITS)]
    if not stateful and b"\x1b$" in body:
        stateful = ["iso2022_jp"]
    plain = body.decode("ascii")
    return (stateful and _strict(body, tuple(stateful))) or _tolerant(body, tuple(stateful)) or (plain, ())


def _contradiction(said: tuple[str, ...]) -> tuple[str, ...]:
    others = [name for name in said if name not in ("utf-8", "ascii")]
    return (f"declared as {others[0]}, but the bytes are UTF-8",) if others else ()


def _strict(body: bytes, said: tuple[str, ...]) -> tuple[str, tuple[str, ...]] | None:
    for encoding in _meant(said):
        try:
            return body.decode(encoding), ()
        except (UnicodeDecodeError, ValueError):
            continue
    return None


def _tolerant(body: bytes, said: tuple[str, ...]) -> tuple[str, tuple[str, ...]] | None:
    """Take the encoding that leaves the fewest bad bytes, if those are few enough to be accidents."""
    texts = [(encoding, body.decode(encoding, "replace")) for encoding in (*_meant(said), "utf-8")]
    encoding, text = min(texts, key=lambda pair: pair[1].count("\ufffd"))
    bad = text.count("\ufffd")
    beyond_ascii = sum(not character.isascii() for character in text)
    if bad > beyond_ascii * _TOLERATED_SHARE:
        return None
    return text, (f"what is no {encoding} was replaced by U+FFFD ({bad} times)",) if bad else ()


def _guessed(body: bytes) -> tuple[str, tuple[str, ...]]:
    encoding = guess.encoding(body)
    return body.decode(encoding, "replace"), (f"the encoding is not declared, or wrongly; read as {encoding}",)


def _replaced(body: bytes, encoding: str) -> tuple[str, tuple[str, ...]]:
    text = body.decode(encoding, "replace")
    bad = text.count("\ufffd")
    return text, (f"what is no {encoding} was replaced by U+FFFD ({bad} times)",) if bad else ()


def is_binary(body: bytes) -> bool:
    """Tell whether the body is no text at all: many control bytes that are not the zeros of UTF-16 or UTF-32."""
    if _by_mark(body) or _by_zeros(body):
        return body[:4] == b"\0\0\0\0"
    head = body[:2048]
    controls = len(head) - len(head.translate(None, bytes({*range(32)} - {9, 10, 12, 13, 27})))
    return controls * 20 > len(head)


def description(text: str) -> str:
    """Say in plain words what a document looks like that is no feed."""
    start = text.lstrip()[:20_000]
    if not start:
        return "the document holds only white space" if text else "the document is empty"
    if start[0] in "{[":
        return "JSON, but no JSON Feed" if _is_json(text) else "text that begins like JSON, but cannot be read as JSON"
    if _HTML.search(start):
        title = _TITLE.search(start)
        named = f" (title “{' '.join(title[1].split())}”)" if title else ""
        return f"an HTML page{named}, not a feed"
    root = _ROOT.match(_NOT_ROOT.sub("", start).lstrip())
    if root and root[1].lower() == "opml":
        return "an OPML subscription list, not a feed"
    if root:
        return f"an XML document with the root element <{root[1]}>, not a feed"
    return f"text that begins with “{' '.join(start[:60].split())[:40]}”, not a feed"


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True

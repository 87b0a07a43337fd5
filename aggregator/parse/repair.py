"""XML as it is written, made into XML as it may be read: the common faults are mended before feedparser sees them.

What stays ill-formed goes to feedparser's loose parser, which is slower and loses more.
"""

import re
from html.entities import name2codepoint

_HEAD = 8192
_DECLARATION = re.compile(r"<\?xml\b[^<>]*\?>")
_ROOT_ENDS = ("</rss>", "</feed>", "</rdf:RDF>")

_REFERENCE = re.compile(r"&(?:amp;)?#(?:[0-9]+|[xX][0-9a-fA-F]+);?")
_PAIR = re.compile(
    r"&(?:amp;)?#(?:(?P<high>5[5-6][0-9]{3})|[xX](?P<high16>[dD][89abAB][0-9a-fA-F]{2}));"
    r"&(?:amp;)?#(?:(?P<low>5[6-7][0-9]{3})|[xX](?P<low16>[dD][c-fC-F][0-9a-fA-F]{2}));"
)
_NUMBER = re.compile(r"&#(?:0*([0-9]+)|[xX]0*([0-9a-fA-F]+));?")

_NEVER = {*map(chr, range(0xD800, 0xE000)), "\ufffe", "\uffff"}

_VERBATIM = (  # an open one goes on to the end: else quadratic
    r"<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z)|<\?.*?(?:\?>|\Z)"
)
_AMPERSAND = re.compile(
    _VERBATIM
    + r"|&(?!(?:#[0-9]+|#[xX][0-9a-fA-F]+|amp|lt|gt|quot|apos);)(?:(?P<name>[A-Za-z][A-Za-z0-9]{1,9});)?",
    re.S,
)
_TAG = re.compile(
    _VERBATIM
    + r"""|<(?P<end>/?)(?P<tag>[A-Za-z_][\w.:-]*+)(?P<rest>(?:[^<>"']++|"[^"<]*+"|'[^'<]*+')*+)>""",
    re.S,
)
_NEEDS_TAGS = re.compile(r"\bbase\s*=|\bsrs(?:Name|Dimension)\s*=|<itunes:summary\b|<media:description\b", re.I)
_MAY_NEED_TAGS = ("base", "srs", "<itunes:summary", "<media:description")  # to look for these takes a fifth of the time
_ATTRIBUTE = re.compile(r"""\s(?:xml:base|base|srsName|srsDimension)\s*=\s*(?:"[^"]*"|'[^']*')""", re.I)
_RENAMED = {"itunes:summary": "itunes:remark", "media:description": "media:remark"}


def references(text: str) -> tuple[str, int]:
    """Mend numeric references that no XML may hold, on which feedparser raises; give the text and how many they were.

    An emoji written as the two halves of its UTF-16 form becomes that emoji, any other becomes U+FFFD.
    """
    if "&#" not in text and "&amp;#" not in text:
        return text, 0
    text, pairs = _PAIR.subn(_joined, text)
    bad = {match[0] for match in _REFERENCE.finditer(text) if _is_illegal(match[0])}
    if not bad:
        return text, pairs
    text, lone = re.subn("|".join(sorted(map(re.escape, bad), key=len, reverse=True)), "\ufffd", text)
    return text, pairs + lone


def _joined(match: re.Match[str]) -> str:
    high = int(match["high"] or match["high16"], 10 if match["high"] else 16)
    low = int(match["low"] or match["low16"], 10 if match["low"] else 16)
    if not (0xD800 <= high < 0xDC00 <= low < 0xE000):
        return match[0]
    return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))


def _is_illegal(reference: str) -> bool:
    match = _NUMBER.match(reference)
    if match is None:  # behind &amp; it is text of the next layer, which HTML parsers read without harm
        return False
    digits, base = (match[1], 10) if match[1] else (match[2], 16)
    code = int(digits, base) if len(digits) < 10 else 0x110000
    return code not in (9, 10, 13) and (code < 32 or code > 0x10FFFF or chr(code) in _NEVER)


def outer(text: str) -> tuple[str, bool]:
    """Drop the XML declaration with all before it (a blank line, a PHP warning), and all behind the root element.

    Gives the text, with as many line breaks before it as went, and whether anything but white space went.
    """
    declaration = _DECLARATION.search(text, 0, _HEAD)
    before, body = (text[: declaration.start()], text[declaration.end() :]) if declaration else ("", text)
    end = max((body.rfind(tag) + len(tag) for tag in _ROOT_ENDS if tag in body), default=len(body))
    after = body[end:]
    lost = before.strip() or (after.strip() and not after.strip().startswith("<!--"))
    kept = body[:end].lstrip()
    start = end - len(kept) + (len(text) - len(body))
    return "\n" * text.count("\n", 0, start) + kept, bool(lost)


def ampersands(text: str) -> tuple[str, int]:
    """Escape the ampersands that begin no reference, and write HTML's entities as characters; say how many.

    CDATA sections, comments and processing instructions stay. A document that declares entities is left alone.
    """
    if "<!ENTITY" in text:
        return text, 0
    count = 0

    def mended(match: re.Match[str]) -> str:
        nonlocal count
        if not match[0].startswith("&"):
            return match[0]
        count += 1
        code = name2codepoint.get(match["name"] or "")
        return chr(code) if code else "&amp;" + match[0][1:]

    return _AMPERSAND.sub(mended, text), count


def tags(text: str) -> str:
    """Keep from feedparser what it gets wrong: `xml:base`, reference systems of geometries, two kinds of summary.

    Without a base address for the whole document an entry's base stays in force for the entries after it, and with one
    the guids are resolved; so the bases are read apart (`bases.py`). An EPSG code it cannot read makes it raise. The
    summaries of podcasts and videos would be mixed with `description` and `content:encoded` beyond recovery.
    """
    folded = text.lower()
    needed = any(word in folded for word in _MAY_NEED_TAGS) and _NEEDS_TAGS.search(text)
    return _TAG.sub(_mended_tag, text) if needed else text


def _mended_tag(match: re.Match[str]) -> str:
    name, rest = match["tag"], match["rest"]
    if name is None:
        return match[0]
    if name.lower() in _RENAMED:
        closing = "/" if rest.rstrip().endswith("/") else ""
        return f"<{match['end']}{_RENAMED[name.lower()]}{closing}>"
    return f"<{match['end']}{name}{_ATTRIBUTE.sub('', rest)}>"

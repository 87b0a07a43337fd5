"""Addresses and names: resolving and comparing URLs, and the slugs under which names are published.

Shared ground: every room may import it, it imports none. pypinyin and anyascii are known here only.
"""

import re
import unicodedata
from functools import cache, lru_cache
from hashlib import sha256
from typing import NamedTuple

# --- resolving ----------------------------------------------------------------------------------------------

_PARTS = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?", re.DOTALL)
_BREAKS = re.compile(r"[ \t]*[\t\r\n][ \t\r\n]*")
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\xa0\"<>\\^`{|}\u2028\u2029\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_EDGES = " \t\r\n\f\v\x00\x1c\x1d\x1e\x1f\x85\xa0\u2028\u2029\u3000\u200b\u200c\u200d\u2060\ufeff"
_ORDINARY = re.compile(r"https?://[a-z0-9.-]*[a-z0-9](?:/[^\x00-\x20\x7f-\xa0\"<>\\^`{|}\u2028-\uffff]*)?")
_LOGIN = re.compile(r"\A(\s*[A-Za-z][A-Za-z0-9+.-]*:[\\/]*)[^/?#\\]*@")
_HTTP = frozenset({"http", "https"})
_WITH_HOST = frozenset({"http", "https", "ftp"})
_PUBLISHABLE = frozenset({"http", "https", "mailto", "ftp", "magnet"})
_PORT = re.compile(r":([0-9]*)\Z")
_HOST = re.compile(r"\[[0-9A-Fa-f:.]+\]|[^\s\[\]:@/\\?#%<>\"^`{|}\x00-\x20\x7f]+")


class _Parts(NamedTuple):
    """The five components of RFC 3986 §3; `None` is a component that is absent, which is not the same as empty."""

    scheme: str | None
    authority: str | None
    path: str
    query: str | None
    fragment: str | None


def resolve(base: str, reference: str) -> str:
    """Give the absolute URL that a reference means in a document at `base` (RFC 3986 §5), or "" where there is none.

    White space around it is trimmed, a line break inside taken out and a space percent-encoded, as browsers do it;
    letters of any script stay readable. The scheme is not judged: see `safe_link`. Resolving twice changes nothing.
    """
    if _ORDINARY.fullmatch(reference) and "/." not in reference:
        return reference  # nearly all of them: a tenth of the time
    target = _split(_tidied(reference))
    if target.scheme is None or (target.scheme in _HTTP and target.authority is None):
        start = _split(_tidied(base))
        if start.scheme is None or target.scheme not in (None, start.scheme):
            return ""
        target = _merged(start, target)
    elif target.authority is not None:
        target = target._replace(path=_without_dots(target.path))
    return _joined(target) if _usable(target) else ""


def safe_link(url: str) -> str:
    """Give the URL back when its scheme may be published (http, https, ftp, mailto, magnet), else "".

    What counts is what a browser would see: white space and control characters inside the scheme are no disguise.
    """
    if _ORDINARY.fullmatch(url):
        return url
    tidy = _tidied(url)
    parts = _split(tidy)
    return tidy if parts.scheme in _PUBLISHABLE and _usable(parts) else ""


def host(url: str) -> str:
    """Give the host of a URL in lower case and ASCII (punycode), without port; "" where it has none."""
    authority = _split(_tidied(url)).authority
    return _folded_host(authority) if authority else ""


def without_login(url: str) -> str:
    """Give the URL without its user name and password, as it may be shown to others; else unchanged."""
    return _LOGIN.sub(r"\1", url, count=1)


def _tidied(url: str) -> str:
    url = _BREAKS.sub("", url.strip(_EDGES))
    head, mark, tail = url.partition("?")
    if _split(head).scheme in (None, *_WITH_HOST):
        head = head.replace("\\", "/")  # a browser goes to the host of http:\\host\ too
    return _UNSAFE.sub(_encoded, head + mark + tail)


def _encoded(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "ignore"))


def _split(url: str) -> _Parts:
    match = _PARTS.fullmatch(url)
    if match is None:
        return _Parts(None, None, url, None, None)
    scheme, authority, path, query, fragment = match.groups()
    return _Parts(scheme.lower() if scheme else None, authority, path, query, fragment)


def _joined(parts: _Parts) -> str:
    scheme, authority, path, query, fragment = parts
    return (
        f"{scheme}:"
        + (f"//{authority}" if authority is not None else "")
        + path
        + (f"?{query}" if query is not None else "")
        + (f"#{fragment}" if fragment is not None else "")
    )


def _merged(base: _Parts, target: _Parts) -> _Parts:
    """RFC 3986 §5.2.2, where `http:path` counts as relative to a base of the same scheme, as in browsers."""
    if target.authority is not None:
        return target._replace(scheme=base.scheme, path=_without_dots(target.path))
    if not target.path:
        query = target.query if target.query is not None else base.query
        return _Parts(base.scheme, base.authority, base.path, query, target.fragment)
    if base.authority is None and not base.path.startswith("/"):
        return _Parts(None, None, "", None, None)  # nothing is relative to a mailto: or urn:
    path = target.path if target.path.startswith("/") else _beside(base, target.path)
    return _Parts(base.scheme, base.authority, _without_dots(path), target.query, target.fragment)


def _beside(base: _Parts, path: str) -> str:
    folder = base.path.rpartition("/")[0]
    return f"{folder}/{path}"


def _without_dots(path: str) -> str:
    """RFC 3986 §5.2.4 in one walk; an absolute path only."""
    if "/." not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")
    for segment in segments[1:]:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def _usable(parts: _Parts) -> bool:
    if parts.scheme is None:
        return False
    if parts.scheme not in _WITH_HOST:
        return bool(parts.authority or parts.path or parts.query)
    return bool(parts.authority and _folded_host(parts.authority))


def _folded_host(authority: str) -> str:
    name = authority.rpartition("@")[2]
    port = _PORT.search(name)
    if port:
        if port[1] and int(port[1][:6]) > 65535:
            return ""
        name = name[: port.start()]
    if not _HOST.fullmatch(name):
        return ""
    folded = name.lower() if name.isascii() else _punycode(name)
    return folded.rstrip(".") if _HOST.fullmatch(folded) else ""


def _punycode(name: str) -> str:
    """Fold as UTS #46 does without its tables: width and case by NFKC, the three other dots, then RFC 3492."""
    for dot in "。．｡":
        name = name.replace(dot, ".")
    for _ in range(3):  # lower-casing can denormalise, and the other way round
        name = unicodedata.normalize("NFKC", name.lower())
    labels = (label if label.isascii() else "xn--" + label.encode("punycode").decode() for label in name.split("."))
    return ".".join(labels)


# --- comparing ----------------------------------------------------------------------------------------------


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TRACKING = _words(
    "_ga _gl _hsenc _hsmi _openstat bd_vid bdfrom cmpid dclid efid fb_action_ids fb_action_types fb_ref fb_source "
    "fbclid from from_source gbraid gclid gclsrc gs_l hsctatracking icid igsh igshid isappinstalled mc_cid mc_eid "
    "mkt_tok msclkid ncid ns_campaign oly_anon_id oly_enc_id s_kwcid scm share_from share_source share_token "
    "sharer_shareid sharer_sharetime spm spm_id_from srsltid ttclid twclid vd_source vero_conv vero_id wbraid "
    "weibo_id wickedid wt_mc wtrid xtor yclid ysclid"
)
_TRACKING_PREFIXES = ("utm_", "hsa_", "pk_", "mtm_", "piwik_", "matomo_")
_PERCENT = re.compile(r"%([0-9A-Fa-f]{2})?")
_NOT_URI = re.compile(r"[^\x21-\x7e]+")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_DEFAULT_PORTS = frozenset({"", "80", "443"})


@lru_cache(maxsize=8_192)  # identifying an entry asks for its link and guid eight times
def canonical(url: str) -> str:
    """Give the form under which two spellings of one address are equal (RFC 3986 §6.2.2). Never fetch it.

    http and https, `www.`, default ports, user names, fragments, trailing slashes, tracking parameters and the order of
    the query make no difference. A fragment that is a route (`#/…`, `#!/…`) is kept. "" for what is not http(s).
    """
    parts = _split(_tidied(url))
    name = _folded_host(parts.authority) if parts.scheme in _HTTP and parts.authority else ""
    if not name:
        return ""
    port = _PORT.search(parts.authority or "")
    suffix = "" if port is None or port[1] in _DEFAULT_PORTS else f":{int(port[1])}"
    path = _without_dots(_normal_percent(parts.path)).rstrip("/")
    return f"https://{_without_www(name)}{suffix}{path}{_canonical_query(parts.query)}{_route(parts.fragment)}"


def _without_www(name: str) -> str:
    while name.startswith("www.") and "." in name[4:]:
        name = name[4:]
    return name


def _canonical_query(query: str | None) -> str:
    fields = sorted(_normal_percent(field) for field in (query or "").split("&"))
    kept = [field for field in fields if field and not _is_tracking(field)]
    return "?" + "&".join(kept) if kept else ""


def _is_tracking(field: str) -> bool:
    key = field.partition("=")[0].lower()
    return key in _TRACKING or key.startswith(_TRACKING_PREFIXES)


def _route(fragment: str | None) -> str:
    route = _normal_percent(fragment or "").rstrip("/")
    return "#" + route if route.startswith(("/", "!/")) else ""


def _normal_percent(text: str) -> str:
    return _PERCENT.sub(_normal_escape, _NOT_URI.sub(_encoded, text))


def _normal_escape(match: re.Match[str]) -> str:
    if match[1] is None:
        return "%25"
    character = chr(int(match[1], 16))
    return character if character in _UNRESERVED else match[0].upper()


# --- names --------------------------------------------------------------------------------------------------

_MAX_SLUG = 80
_DIGEST_LENGTH = 6
_RESERVED = frozenset(
    {"index", "con", "nul", "aux", "prn"} | {f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10)}
)
_HAN = re.compile("([\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+)")
_OTHER = re.compile(r"[^a-z0-9]+")
_FILLERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")  # drawn as nothing, though not of category Cf
_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"

# Readings that pypinyin's phrases lack: the official Shaanxi, place names, the trade's words, traditional spellings.
_READINGS = {
    "陕": "shaan",
    "陝": "shaan",
    "投行": "touhang",
    "朝阳": "chaoyang",
    "朝陽": "chaoyang",
    "单县": "shanxian",
    "洪洞": "hongtong",
    "涡阳": "guoyang",
    "重慶": "chongqing",
    "廈門": "xiamen",
    "長沙": "changsha",
    "長江": "changjiang",
    "長春": "changchun",
    "長安": "changan",
    "銀行": "yinhang",
    "央行": "yanghang",
    "行業": "hangye",
    "行情": "hangqing",
    "音樂": "yinyue",
    "會計": "kuaiji",
}
_KNOWN_READING = re.compile("(" + "|".join(_READINGS) + ")")


@lru_cache(maxsize=20_000)  # the same names come with every article
def fold_name(name: str) -> str:
    """Give the key under which names that differ only in case, width, white space or invisible characters are equal.

    "" means that the name says nothing. The folding is Unicode's NFKC_Casefold with all white space taken out.
    """
    folded = unicodedata.normalize("NFKC", name)
    for _ in range(4):  # folding case or taking out a space can denormalise; the rounds reach the fixed point
        seen = "".join(_visible(folded).split())
        folded = unicodedata.normalize("NFKC", seen.casefold())
    return folded


def slug(name: str) -> str:
    """Give the path segment under which a name is published: `[a-z0-9-]`, at most 80 long, never a reserved name.

    Chinese becomes pinyin by phrase, ü as in passports (吕梁: lyuliang), other scripts what anyascii makes of them.
    Only "" gives ""; a name without a letter gives `c-` and a digest. Ask `fold_name` whether a name says anything.
    """
    if not name:
        return ""
    visible = _visible(unicodedata.normalize("NFKC", name))
    text = "".join(_romanised(part) for part in _HAN.split(visible))
    short = _OTHER.sub("-", text.lower()).strip("-")
    if not short:
        return "c-" + slug_suffix(name)
    if short in _RESERVED:
        return f"{short}-{slug_suffix(name)}"
    if len(short) > _MAX_SLUG:
        return f"{short[: _MAX_SLUG - _DIGEST_LENGTH - 1].rstrip('-')}-{slug_suffix(name)}"
    return short


def slug_suffix(name: str) -> str:
    """Give six characters that tell names apart whose slugs fall together; a digest of the folded name."""
    number = int.from_bytes(sha256(fold_name(name).encode("utf-8", "surrogatepass")).digest()[:8], "big")
    digits = []
    for _ in range(_DIGEST_LENGTH):
        number, digit = divmod(number, 36)
        digits.append(_BASE36[digit])
    return "".join(digits)


def _visible(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        " " if character.isspace() else character
        for character in text
        if character.isspace() or not _invisible(character)
    )


def _invisible(character: str) -> bool:
    if "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef":
        return True  # variation selectors
    return character in _FILLERS or unicodedata.category(character) in ("Cf", "Cc", "Cs")


def _romanised(part: str) -> str:
    if not part or part.isascii():
        return part
    if _HAN.fullmatch(part):
        return "".join(_READINGS.get(piece) or _pinyin(piece) for piece in _KNOWN_READING.split(part) if piece)
    from anyascii import anyascii  # its tables are only read where a name needs them

    return anyascii(part.replace("'", " ")).replace("'", "")  # its own apostrophes stand for soft signs


@cache
def _pinyin(text: str) -> str:
    from pypinyin import lazy_pinyin  # 0.1 s and 30 MB: only where there is a Chinese name

    syllables = lazy_pinyin(text, errors=_code_points)
    return "".join(syllables).replace("v", "yu")


def _code_points(text: str) -> str:
    return "".join(f"u{ord(character):x}" for character in text)

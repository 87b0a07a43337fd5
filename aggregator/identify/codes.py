"""The article code (infoCode): the source's own, a recognised one, or one derived from the entry's best identity.

The rule carries a version. A stored code is never computed again, so a later version names new articles only.
"""

import hashlib
import re
from functools import lru_cache
from urllib.parse import parse_qsl, urlsplit

from aggregator.records import Alias, Entry
from aggregator.urls import canonical

RULE_VERSION = 1

_SHAPE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}[A-Za-z0-9])?")
_NW = re.compile(r"NW\d{12,24}", re.IGNORECASE)
_NUMBER = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{10}")
_EASTMONEY_PATH = re.compile(r"(?:/a/|/news/[^/,]+,)(\d{18})\.html?$")
_GLOBAL_GUID = re.compile(r"(?:https?://[^/\s]+/\S|tag:[^,\s]+,\d{4}|urn:[a-z0-9][a-z0-9-]+:\S)", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def names_of(entry: Entry) -> tuple[Alias, ...]:
    """Give every name that the entry is known by, the strongest first: codes, guid, link in canonical form."""
    names = [Alias("code", code) for code in _codes(entry)]
    names += [Alias("guid", value) for value in guid_keys(entry)]
    if link := canonical(entry.link):
        names.append(Alias("url", link))
    return tuple(dict.fromkeys(names))


def info_code(entry: Entry, names: tuple[Alias, ...]) -> str:
    """Give the code that the entry gets if none of its names is known (DESIGN §4.4)."""
    code = next((name.value for name in names if name.kind == "code"), None)
    return code or _derived(_best_identity(entry, names))


def guid_keys(entry: Entry) -> list[str]:
    """Give the guid as aliases: by itself when it is global, together with its source when it is not; one that is an
    address also in canonical form, with its fragment, so that http and https make no difference."""
    if not entry.guid:
        return []
    if not is_global(entry.guid):
        return [f"{entry.source}\n{entry.guid}"]
    address, mark, fragment = entry.guid.partition("#")
    return [entry.guid, *([canonical(address) + mark + fragment] if canonical(address) else [])]


def is_global(guid: str) -> bool:
    """Tell whether a guid means the same thing wherever it appears: a URL with a path, a tag, a URN, a UUID."""
    return bool(_GLOBAL_GUID.match(guid) or _UUID.fullmatch(guid))


def recognised(text: str) -> str | None:
    """Give the Eastmoney article code that a link, guid or bare number holds: `NW` and the number of its article."""
    if _NW.fullmatch(text):
        return text.upper()
    if _NUMBER.fullmatch(text):
        return f"NW{text}"
    return _recognised_in_url(text) if "://" in text else None


@lru_cache(maxsize=8_192)  # most guids are the link once more, and every poll shows the same ones again
def _recognised_in_url(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return None
    for key, value in parse_qsl(parts.query):
        if key.lower() == "infocode" and _NW.fullmatch(value):
            return value.upper()
    if host == "eastmoney.com" or host.endswith(".eastmoney.com"):
        match = _EASTMONEY_PATH.search(parts.path)
        return f"NW{match[1]}" if match else None
    return None


def _codes(entry: Entry) -> list[str]:
    own = entry.info_code
    if own and not _SHAPE.fullmatch(own):
        own = _derived(f"code\n{own}")
    found = [own, *(recognised(text) for text in (entry.info_code, entry.link, entry.guid) if text)]
    return [code for code in dict.fromkeys(found) if code]


def _best_identity(entry: Entry, names: tuple[Alias, ...]) -> str:
    kinds = {name.kind: name.value for name in reversed(names)}
    for kind in ("guid", "url"):
        if kind in kinds:
            return f"{kind}\n{kinds[kind]}"
    when = entry.published.isoformat() if entry.published else entry.published_text
    return f"title\n{entry.source}\n{entry.title}\n{when}"


def _derived(identity: str) -> str:
    """100 bits of a digest in lower-case base32: 20 characters that are safe in URLs, file names and tag URIs."""
    digest = hashlib.sha256(f"{RULE_VERSION}\n{identity}".encode("utf-8", "surrogatepass")).digest()
    return base32_of(digest)


def base32_of(digest: bytes) -> str:
    """Give the first 100 bits of a digest in lower-case base32 (RFC 4648 §6), two characters at a time: the standard
    library takes ten times as long, and a document has hundreds."""
    number = int.from_bytes(digest[:13], "big") >> 4
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(90, -1, -10)])


_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = tuple(one + other for one in _LETTERS for other in _LETTERS)

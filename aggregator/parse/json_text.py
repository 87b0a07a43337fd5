"""JSON as servers send it: also behind a callback or an assignment; and the reading of single values out of it."""

import json
import math
import re
from collections.abc import Mapping

from aggregator.parse import document
from aggregator.records import Enclosure, Unreadable

_WRAPPER = re.compile(r"\s*(?:(?:var|let|const)\s+)?[\w$.]{1,100}\s*[(=]\s*(?=[{\[])")
_TAIL = re.compile(r"[\s);]*")
_PICTURES = {"jpg": "jpeg", "svg": "svg+xml"} | {ending: ending for ending in ("jpeg", "png", "gif", "webp", "avif")}


def load(text: str) -> object:
    """Give the value of a JSON text, or `Unreadable`; `callback({…});` and `var x = {…};` give what they wrap."""
    wrapper = _WRAPPER.match(text)
    try:
        if not wrapper:
            return json.loads(text)
        value, end = json.JSONDecoder().raw_decode(text, wrapper.end())
    except json.JSONDecodeError as error:
        return Unreadable(f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}; {_looks(text)}")
    except RecursionError:
        return Unreadable("JSON that is nested too deeply to be read")
    except ValueError as error:
        return Unreadable(f"JSON that cannot be read: {error}")
    return value if _TAIL.fullmatch(text, end) else Unreadable(f"not JSON: text after the value at character {end}")


def _looks(text: str) -> str:
    return document.description(text)


def is_json(text: str) -> bool:
    """Tell whether a text can only be JSON, by its beginning."""
    return text.lstrip()[:1] in ("{", "[") or _WRAPPER.match(text) is not None


def scalar(value: object) -> str:
    """Give a string or number as text, other values as empty text; whole numbers without fraction."""
    if isinstance(value, str):
        return document.legal(value).strip()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value) if math.isfinite(value) else ""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def keys(value: object) -> str:
    """Say what a document holds at its top, for messages."""
    if isinstance(value, Mapping):
        return "the document's keys are " + (", ".join(list(map(str, value))[:12]) or "none")
    return f"the document is a list of {len(value)}" if isinstance(value, list) else "the document is a single value"


def picture(url: str) -> Enclosure:
    """Give an image as an enclosure, its type told by its ending."""
    ending = url.partition("?")[0].rpartition(".")[2].lower()
    return Enclosure(url=url, type=f"image/{_PICTURES[ending]}" if ending in _PICTURES else "")

"""HTML and text: the one sanitiser, plain text out of markup, and what XML allows.

Shared ground: every room may import it, it imports none but `urls`. nh3 is known here only. Two measured faults shape
it: nh3 is quadratic in depth and in bare ampersands (100,000 nested `<div>`: 52 s), so a document that is large is
first rewritten with limits; and one pass of an HTML parser is not always stable, so the result is parsed again until
it is. What is handed out is therefore read by a browser as it was read here.
"""

import html as entities
import re
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from itertools import takewhile
from threading import local
from typing import Literal, NamedTuple

import nh3

from aggregator.records import TextType
from aggregator.urls import resolve, safe_link

# --- what XML allows ----------------------------------------------------------------------------------------

_LEGAL = re.compile("[\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd\U00010000-\U0001fffd]*+")
_ILLEGAL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"
    + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0x10000, 0x110000, 0x10000))
    + "]"
)


def legal(text: str) -> str:
    """Give the text without what XML 1.0 §2.2 forbids or discourages: controls (C0, C1), surrogates, non-characters."""
    return text if _LEGAL.fullmatch(text) else _ILLEGAL.sub("", text)


# --- reading markup -----------------------------------------------------------------------------------------


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_INLINE = _words(
    "a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd mark q rb rp rt rtc ruby s samp small "
    "span strike strong sub sup time tt u var wbr"
)
_BLOCK = _words(
    "address article aside audio blockquote body br caption center col colgroup dd details div dl dt fieldset "
    "figcaption figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr html iframe img legend li main nav ol "
    "optgroup option p picture pre section source summary table tbody td tfoot th thead tr track ul "
    "video"
)
_SILENT = _words(
    "head noembed noframes noscript script select style svg math template textarea title xmp canvas object button"
)
_OTHER_NAMES = _words(
    "applet area base basefont embed frame frameset image input label link map marquee meta meter nobr output "
    "param plaintext progress slot"
)
_NAMES = _INLINE | _BLOCK | _SILENT | _OTHER_NAMES
_VOID = _words("area base br col embed hr img input link meta param source track wbr")

_TAG = re.compile(
    r"<(/?)([a-zA-Z][^\s/>]*)"
    r"""((?>[^>=]+|=\s*(?:"[^"]*"|'[^']*'|[^\s"'>][^\s>]*)?)*)>"""
)
_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+)))?""")
_TAG_BEGIN = re.compile(r"</?[a-zA-Z]")
_COMMENT = re.compile(r"<!--(?:-?>|.*?(?:--!?>|\Z))|<(?:[!?]|/(?![a-zA-Z]))[^>]*(?:>|\Z)", re.DOTALL)


class _Token(NamedTuple):
    """A piece of a document: its text as it stands, and for a tag its lower-case name and its attributes."""

    kind: Literal["text", "open", "close"]
    text: str
    name: str = ""
    attributes: str = ""


def _tokens(html: str) -> Iterator[_Token]:
    """Walk a document as a browser's tokeniser does, in linear time; comments and silent elements are left out.

    A `<` that begins no tag, or one that never ends, is text; so is what stands behind a silent element's lonely tag.
    """
    start = at = 0
    never_closed: set[str] = set()
    while (at := html.find("<", at)) >= 0:
        comment = _COMMENT.match(html, at)
        tag = None if comment else _TAG.match(html, at)
        if not comment and not tag:
            if _TAG_BEGIN.match(html, at):
                break  # it never ends; looking again from each later tag would take quadratic time
            at += 1
            continue
        if start < at:
            yield _Token("text", html[start:at])
        if tag is not None and (tag[1] or tag[2].lower() not in _SILENT):
            yield _Token("close" if tag[1] else "open", tag[0], tag[2].lower(), tag[3])
        start = at = _behind(html, comment, tag, never_closed)
    if start < len(html):
        yield _Token("text", html[start:])


def _behind(html: str, comment: re.Match[str] | None, tag: re.Match[str] | None, never_closed: set[str]) -> int:
    """Say where to read on: behind the match, and behind the content too where a browser takes that for no markup."""
    if tag is None or tag[1]:
        return (comment or tag).end()  # type: ignore[union-attr]  # one of the two is there
    name = tag[2].lower()
    if (name not in _SILENT and name != "iframe") or name in never_closed:
        return tag.end()
    end = _end_tag(name).search(html, tag.end())
    if end is None:
        never_closed.add(name)
        return tag.end()
    return end.start() if name == "iframe" else end.end()


@cache
def _end_tag(name: str) -> re.Pattern[str]:
    return re.compile(rf"</{name}(?=[\s/>])[^>]*>", re.IGNORECASE)


# --- text ---------------------------------------------------------------------------------------------------

_SPACE = re.compile(r"[\s\u200b\u2060\ufeff\u180e]+")
_GONE = re.compile("[\u00ad\u200b\u2060\ufeff\u180e]")
_EMPTY_LINES = re.compile(r"\n\n+")
_BREAKS = re.compile(r"\s*\n\s*\n\s*")
_ONE_LINE = frozenset({"br", "tr", "li", "dt", "dd", "option", "caption", "summary", "figcaption"})
_NO_BREAK = frozenset({"img", "source", "track", "col", "td", "th", "picture", "audio", "video"})
_GAPS = {**dict.fromkeys(_ONE_LINE, "\n"), **dict.fromkeys(_INLINE | _NO_BREAK, ""), "td": " ", "th": " "}
_VERBATIM = _SILENT | {"iframe"}  # what stands in them is no markup
_SENTENCE_END = re.compile(r"[。！？!?…][”’」』）)\"']*|\.(?=\s|\Z)[\"')]*")


def plain(html_or_text: str, *, is_html: bool) -> str:
    """Give one line of plain text: tags gone, entities decoded once, white space of every kind collapsed.

    With `is_html` false the text is taken as it is: `<b>` stays `<b>`. With `is_html` true every tag goes.
    """
    if not is_html:
        return _one_line(html_or_text)
    return _one_line("".join(_shown(token) for token in _tokens(html_or_text)))


def title_text(value: str, title_type: TextType) -> str:
    """Give a title as one line of text. "html" in RSS is as often text: only the tags that HTML knows are tags.

    So `a < b` and `List<String>` stay, `<b>x</b>` becomes `x`, and `AT&amp;T` becomes `AT&T`, decoded once.
    """
    if title_type == "text":
        return _one_line(value)
    known = (token if token.name in _NAMES else _Token("text", token.text) for token in _tokens(value))
    return _one_line("".join(_shown(token) for token in known))


@lru_cache(maxsize=4)  # one after the other ask for the same: its language, its story, is it an excerpt
def text_of(html: str) -> str:
    """Give the text of a document as a person reads it: paragraphs apart by an empty line, line breaks kept."""
    pieces = _told_simply(html)
    told = "".join(pieces if pieces is not None else map(_spoken, _tokens(html)))
    lines = [" ".join(line.split()) for line in _GONE.sub("", legal(told)).split("\n")]
    return _EMPTY_LINES.sub("\n\n", "\n".join(lines)).strip()


def _told_simply(html: str) -> list[str] | None:
    """Give the pieces of a document in which every `<` begins a tag that is read as it stands, as nearly all do that
    the sanitiser wrote: the walk over its tokens gives the same. None for any other."""
    parts = _TAG.split(html)
    names = [name.lower() for name in parts[2::4]]
    if html.count("<") != len(names) or not _VERBATIM.isdisjoint(names):
        return None
    pieces = [""] * (2 * len(names) + 1)
    pieces[::2] = [_decoded(text).replace("\n", " ") for text in parts[::4]]
    pieces[1::2] = [_GAPS.get(name, "\n\n") for name in names]
    return pieces


def excerpt(html: str, limit: int = 200) -> str:
    """Give the beginning of a document's text as one line of at most `limit` characters.

    It ends with a sentence where one ends in the second half of that, else at a word, with "…".
    """
    text = _beginning(html, limit + 1)
    if len(text) <= limit:
        return text
    matches = _SENTENCE_END.finditer(text)  # an end position would be a sentence end to the pattern
    ends = [match.end() for match in takewhile(lambda match: match.end() <= limit, matches)]
    if ends and ends[-1] * 2 >= limit:
        return text[: ends[-1]]
    head = text[: max(limit - 1, 0)]
    word = head.rpartition(" ")[0] if not text[len(head)].isspace() else head
    return ((word if len(word) * 2 >= limit else head).rstrip(" ,;:，、；：") + "…")[:limit]


def _beginning(html: str, characters: int) -> str:
    """Give the text of a document as one line: all of it, or at least so many characters; the rest is not read."""
    pieces: list[str] = []
    held, wanted = 0, characters
    for token in _tokens(html):
        pieces.append(_spoken(token))
        held += len(pieces[-1])
        if held >= wanted:
            line = _one_line("".join(pieces))
            if len(line) >= characters:
                return line
            wanted = 2 * held
    return _one_line("".join(pieces))


def paragraphs(text: str) -> str:
    """Give plain text as HTML: escaped, an empty line begins a paragraph, a line break stays one."""
    lines = legal(text).replace("\r\n", "\n").replace("\r", "\n").strip("\n")
    parts = (part.strip() for part in _BREAKS.split(lines))
    return "".join(f"<p>{_escaped(part).replace(chr(10), '<br>')}</p>" for part in parts if part)


def outlet_of(html: str) -> str:
    """Give the outlet that Eastmoney names at an article's end, `<p class="em_media">（文章来源：…）</p>`, or ""."""
    mark = html.rfind("em_media")
    if mark < 0:
        return ""
    begin = html.find(">", mark) + 1
    end = html.find("</p>", begin) if begin else -1
    if end < 0 or end - begin > 1000:
        return ""
    line = plain(html[begin:end], is_html=True)
    if line.startswith(("（", "(")) and line.endswith(("）", ")")):
        line = line[1:-1].rstrip()  # one pair only: an outlet's own name can end in a bracket
    return line.partition("来源")[2].lstrip("：: ") if "来源" in line else ""


def _shown(token: _Token) -> str:
    if token.kind == "text":
        return _decoded(token.text)
    return "" if token.name in _INLINE else " "


def _spoken(token: _Token) -> str:
    if token.kind == "text":
        return _decoded(token.text).replace("\n", " ")
    return _GAPS.get(token.name, "\n\n")


def _decoded(text: str) -> str:
    return entities.unescape(text) if "&" in text else text


def _one_line(text: str) -> str:
    return " ".join(_GONE.sub("", legal(text)).split())


def _escaped(text: str) -> str:
    return entities.escape(text, quote=False)


# --- the sanitiser ------------------------------------------------------------------------------------------

_MAX_LENGTH = 2_000_000
_MAX_ROUNDS = 5
_SCHEMES = {"http", "https", "ftp", "mailto", "magnet"}

_TAGS = (_INLINE | _BLOCK) - _words("font rb rtc body html form fieldset legend option optgroup")
_LAZY_SOURCES = ("data-src", "data-original", "data-lazy-src", "data-actualsrc", "data-original-src", "data-url")
_LAZY_SETS = ("data-srcset", "data-lazy-srcset")
_LAZY = frozenset(_LAZY_SOURCES + _LAZY_SETS)
_CELL = {"colspan", "rowspan", "align", "valign", "abbr"}
_ATTRIBUTES: dict[str, set[str]] = {
    "*": {"lang", "dir", "title", "style", "hidden"},
    "a": {"href", "hreflang"},
    "audio": {"src", "loop", "muted", "preload"},
    "bdo": {"dir"},
    "blockquote": {"cite"},
    "code": {"class"},
    "col": {"span"},
    "colgroup": {"span"},
    "data": {"value"},
    "del": {"cite", "datetime"},
    "details": {"open"},
    "div": {"align"},
    "h1": {"align"},
    "h2": {"align"},
    "h3": {"align"},
    "iframe": {"src", "width", "height"},
    "img": {"src", "srcset", "sizes", "alt", "width", "height", "align", *_LAZY},
    "ins": {"cite", "datetime"},
    "li": {"value"},
    "ol": {"start", "reversed", "type"},
    "p": {"align", "class"},
    "pre": {"class"},
    "q": {"cite"},
    "source": {"src", "srcset", "sizes", "media", "type", "width", "height", *_LAZY},
    "td": {*_CELL, "headers"},
    "th": {*_CELL, "scope"},
    "time": {"datetime"},
    "tr": {"align", "valign"},
    "track": {"src", "kind", "srclang", "label", "default"},
    "video": {"src", "poster", "width", "height", "loop", "muted", "playsinline", "preload"},
}
_SET_ATTRIBUTES = {"audio": {"controls": ""}, "video": {"controls": ""}}  # more than one would come in random order
_FRAME_ATTRIBUTES = (
    ' sandbox="allow-scripts allow-same-origin allow-popups allow-presentation" loading="lazy" allowfullscreen=""'
    ' referrerpolicy="strict-origin-when-cross-origin"'  # without any referrer YouTube plays nothing
)
_EVERY_ATTRIBUTE = frozenset().union(*_ATTRIBUTES.values())
_PLAYERS = re.compile(
    r"https?://(?:www\.youtube(?:-nocookie)?\.com/embed/|player\.vimeo\.com/video/|player\.bilibili\.com/player\.html\?"
    r"|www\.bilibili\.com/blackboard/(?:html5mobile)?player\.html\?|www\.dailymotion\.com/embed/"
    r"|geo\.dailymotion\.com/player|w\.soundcloud\.com/player/?\?|open\.spotify\.com/embed(?:-podcast)?/)"
)
_HIDDEN_STYLE = re.compile(r"(?:^|[;\s])(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_KEPT_CLASS = re.compile(r"(?:em_media|lang(?:uage)?-[\w+#.-]{1,40})\Z")
_CANDIDATE = re.compile(r"[\s,]*([^\s,](?:\S*[^\s,])?)(?:\s+([0-9.]+[wxh]))?\s*(?=,|\Z)")


def sanitise(html: str, base: str) -> str:
    """Give HTML that may be published: no script, form, style, tracker or hidden text; every address absolute.

    Kept are the elements of articles: tables, figures, pictures, sound, video, ruby, details, code; of frames only the
    known players', sandboxed. Classes go, but for `em_media` and `language-…`; an unknown element leaves its text.
    What is beyond two million characters is cut off. Pure and stable: sanitising twice changes nothing.
    """
    text = _without_stock_charts(legal(html)[:_MAX_LENGTH])
    for _ in range(_MAX_ROUNDS):
        clean = _cleaned(text, base)
        if clean == text or _is_settled(clean):
            return clean
        text = clean
    return paragraphs(text_of(text))


def _is_settled(clean: str) -> bool:
    """Say whether the sanitiser would read again what it wrote; values need no second look, they are absolute now."""
    return not _is_costly(clean) and _reader().clean(clean).replace("&nbsp;", "\u00a0") == clean


def _cleaned(html: str, base: str) -> str:
    if not html:
        return ""
    _document.base = base
    clean = _cleaner().clean(_bounded(html) if _is_costly(html) else html)
    if "&nbsp;" in clean:
        clean = clean.replace("&nbsp;", "\u00a0")  # the one entity that XML does not know
    clean = legal(clean)
    return _mended(clean) if _NEEDS_MENDING.search(clean) else clean


_document = local()  # `base`: the address of what is being cleaned, for what judges its attributes


@cache
def _cleaner() -> nh3.Cleaner:
    """Give the sanitiser for documents at any address: making one costs more than cleaning a page."""
    return _made_cleaner(_judged)


@cache
def _reader() -> nh3.Cleaner:
    return _made_cleaner(None)


def _made_cleaner(attribute_filter: Callable[[str, str, str], str | None] | None) -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=set(_TAGS),
        clean_content_tags=set(_SILENT),
        attributes=_ATTRIBUTES,
        attribute_filter=attribute_filter,
        set_tag_attribute_values=_SET_ATTRIBUTES,
        link_rel="noopener noreferrer",
        url_schemes=_SCHEMES,
    )


def _judged(tag: str, name: str, value: str) -> str | None:
    """Give an attribute's value as it may stay, in the document at `_document.base`; None takes it away."""
    base: str = _document.base
    match name:
        case "href":
            return safe_link(resolve(base, value)) or None
        case "src" if tag == "iframe":
            address = _media(base, value)
            return address if _PLAYERS.match(address) else None
        case "src" | "poster" | "cite":
            return _media(base, value) or None
        case "srcset":
            return _candidates(base, value) or None
        case "style":
            return "display:none" if _HIDDEN_STYLE.search(value) else None
        case "class":
            return next((word for word in value.split() if _KEPT_CLASS.match(word)), None)
        case _ if name in _LAZY:
            return (_candidates if name in _LAZY_SETS else _media)(base, value) or None
        case _:
            return value


def _media(base: str, value: str) -> str:
    address = resolve(base, value)
    return address if address.startswith(("http://", "https://")) else ""


def _candidates(base: str, value: str) -> str:
    """Give a `srcset` with its addresses absolute, without those that are no picture on the web."""
    found = []
    for match in _CANDIDATE.finditer(value[:20_000]):
        address = _media(base, match[1])
        if address:
            found.append(f"{address} {match[2]}" if match[2] else address)
    return ", ".join(found)


def _without_stock_charts(html: str) -> str:
    """Leave out the charts that Eastmoney sets between two comments: pictures of today's rate, not the article's."""
    while (begin := html.find("<!-- EM_StockImg_Start -->")) >= 0:
        end = html.find("<!-- EM_StockImg_End -->", begin)
        if end < 0 or end - begin > 5000:
            return html
        html = html[:begin] + html[end + len("<!-- EM_StockImg_End -->") :]
    return html


# --- mending what the sanitiser gives -----------------------------------------------------------------------

_NEEDS_MENDING = re.compile(r' style="| hidden="|<span>|<img|<source|<iframe|<pre[^>]*>\n')
_CLEAN_TAG = re.compile(r'<(/?)([a-z][a-z0-9]*)((?: [^\s=<>"]+="[^"<>]*")*)>(\n?)')
_CLEAN_ATTRIBUTE = re.compile(r' ([^\s=<>"]+)="([^"]*)"')
_TINY = re.compile(r"\s*[01](?:\.0*)?(?:px)?\s*\Z")
_TRACKERS = re.compile(
    r"https?://(?:feeds\.feedburner\.com/~[r4]/|feeds\.[^/]+/~[r4]/|pixel\.wp\.com/|stats\.wordpress\.com/"
    r"|www\.google-analytics\.com/|medium\.com/_/stat|feedsportal\.com/|[^/]+\.feedsportal\.com/|pixel\.quantserve\.com/"
    r"|hm\.baidu\.com/|b\.scorecardresearch\.com/)"
)


def _mended(clean: str) -> str:
    """Take out of sanitised HTML what is hidden, tracks or frames a stranger; give lazy pictures a source.

    The sanitiser's output has one spelling (every `<` is a tag, every value is quoted): a walk over its tags will do.
    Nothing is added but values that the sanitiser passed.
    """
    mender = _Mender()
    at = 0
    for match in _CLEAN_TAG.finditer(clean):
        mender.text(clean[at : match.start()])
        mender.tag(match[1] == "/", match[2], match[3])
        mender.text(match[4] * (2 if match[2] == "pre" and not match[1] else 1))  # a parser eats the first one
        at = match.end()
    mender.text(clean[at:])
    return "".join(mender.pieces)


class _Mender:
    """Holds the pieces kept so far, how deep the walk is in an element that goes, and which spans go."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self._hidden_depth = 0
        self._spans: list[bool] = []
        self._frame = 0

    def text(self, text: str) -> None:
        if text and not self._hidden_depth:
            self.pieces.append(text)

    def tag(self, closing: bool, name: str, attributes: str) -> None:
        if self._hidden_depth:
            self._hidden_depth += 0 if name in _VOID else (-1 if closing else 1)
        elif closing:
            self._close(name)
        else:
            self._open(name, attributes)

    def _open(self, name: str, attributes: str) -> None:
        if _is_unwanted(name, attributes):
            self._hidden_depth = 0 if name in _VOID else 1
            return
        if name in ("img", "source"):
            attributes = _awake(attributes)
        if name == "iframe":
            attributes += _FRAME_ATTRIBUTES
        if name == "span":
            self._spans.append(bool(attributes))
        if name != "span" or attributes:
            self.pieces.append(f"<{name}{attributes}>")
        if name == "iframe":
            self._frame = len(self.pieces)

    def _close(self, name: str) -> None:
        if name == "iframe":
            del self.pieces[self._frame :]  # a frame's own text is for browsers without frames
        if name != "span" or (self._spans and self._spans.pop()):
            self.pieces.append(f"</{name}>")


def _is_unwanted(name: str, attributes: str) -> bool:
    if ' style="' in attributes or ' hidden="' in attributes:
        return True
    if name == "iframe":
        return ' src="' not in attributes
    return name == "img" and _is_tracker(dict(_CLEAN_ATTRIBUTE.findall(attributes)))


def _is_tracker(given: dict[str, str]) -> bool:
    """Say whether an image is none to look at: without any source, one dot large, or of a host that counts readers."""
    if not any(name in given for name in ("src", "srcset", *_LAZY)):
        return True
    if "width" in given and "height" in given and _TINY.match(given["width"]) and _TINY.match(given["height"]):
        return True
    return bool(_TRACKERS.match(given.get("src", "")))


def _awake(attributes: str) -> str:
    """Give a picture that a script would have loaded later its source now, where it has no other."""
    if " data-" not in attributes:
        return attributes
    given = dict(_CLEAN_ATTRIBUTE.findall(attributes))
    for name, names in (("src", _LAZY_SOURCES), ("srcset", _LAZY_SETS)):
        waiting = next((given[other] for other in names if other in given), "")
        if waiting and name not in given:
            given = {name: waiting, **given}
    return "".join(f' {name}="{value}"' for name, value in given.items() if name not in _LAZY)


# --- limits before the sanitiser ----------------------------------------------------------------------------

_CHEAP_LENGTH = 100_000
_CHEAP_TAGS = 400
_CHEAP_UNCLOSED = 100  # 300 unclosed <b> between as many <p> make 45,000 elements
_MAX_DEPTH = 100
_MAX_TAGS = 60_000
_MAX_REFERENCES = 30_000
_MAX_ATTRIBUTES = 40
_MAX_VALUE = 10_000
_ENDS_WITHOUT_TAG = {
    "p": frozenset({"p"}),
    "li": frozenset({"li"}),
    "dt": frozenset({"dt", "dd"}),
    "dd": frozenset({"dt", "dd"}),
    "tr": frozenset({"tr"}),
    "td": frozenset({"td", "th"}),
    "th": frozenset({"td", "th"}),
}
_REFERENCE = re.compile(r"&[a-z]+;")
_FENCES = frozenset({"ul", "ol", "dl", "table", "blockquote", "details"})


def _is_costly(html: str) -> bool:
    tags = html.count("<")
    return len(html) > _CHEAP_LENGTH or tags > _CHEAP_TAGS or tags - 2 * html.count("</") > _CHEAP_UNCLOSED


def _bounded(html: str) -> str:
    """Write a document anew so that sanitising it takes time in proportion: well-nested, at most 100 deep, no bare `&`.

    It is no judge of what may stay: that is the sanitiser, which reads what is written here.
    """
    writer = _Writer()
    for token in _tokens(html):
        match token.kind:
            case "text":
                writer.text(_escaped(_decoded(token.text)))
            case "open" if token.name in _TAGS:
                writer.open(token)
            case "close" if token.name in _TAGS:
                writer.close(token.name)
            case _:
                pass
    writer.close_all()
    return "".join(writer.pieces)


class _Writer:
    """Holds the document written so far and the elements that are open in it."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self._open: list[str] = []
        self._tags = 0
        self._references = 0

    def text(self, escaped: str) -> None:
        """Write text; beyond the limit of references, which a parser adds up in quadratic time, without them."""
        self._references += escaped.count("&")
        self.pieces.append(escaped if self._references <= _MAX_REFERENCES else _REFERENCE.sub("", escaped))

    def open(self, token: _Token) -> None:
        """Write a start tag, after the end tags that may be left out in HTML; beyond the limits write nothing."""
        self._tags += 1
        siblings = _ENDS_WITHOUT_TAG.get(token.name)
        if siblings:
            self._close_nearest(siblings)
        if self._tags > _MAX_TAGS or len(self._open) >= _MAX_DEPTH:
            return
        self.pieces.append(f"<{token.name}{_bounded_attributes(token.attributes)}>")
        if token.name not in _VOID:
            self._open.append(token.name)

    def close(self, name: str) -> None:
        """Write an end tag and those of what is open within; nothing where no such element is open."""
        if name in self._open:
            while (last := self._open.pop()) != name:
                self.pieces.append(f"</{last}>")
            self.pieces.append(f"</{name}>")

    def close_all(self) -> None:
        """Write the end tags of all that is open."""
        self.pieces.extend(f"</{name}>" for name in reversed(self._open))

    def _close_nearest(self, names: frozenset[str]) -> None:
        for name in reversed(self._open):
            if name in names:
                self.close(name)
                return
            if name in _FENCES:
                return


def _bounded_attributes(attributes: str) -> str:
    """Write the attributes that the sanitiser knows, each once; duplicates are what makes a tag quadratic."""
    kept: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(attributes):
        name = match[1].lower()
        if name in _EVERY_ATTRIBUTE and name not in kept:
            value = match[2] or match[3] or match[4] or ""
            kept[name] = entities.escape(entities.unescape(value)) if len(value) <= _MAX_VALUE else ""
        if len(kept) >= _MAX_ATTRIBUTES:
            break
    return "".join(f' {name}="{value}"' for name, value in kept.items() if value or name not in ("src", "href"))

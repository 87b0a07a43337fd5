"""A post of a Jekyll site: front matter, the text, and what stood under it (the original's address, the way back)."""

import re
from collections.abc import Mapping
from functools import cache

from markdown_it import MarkdownIt

from aggregator import front_matter
from aggregator.front_matter import Value
from aggregator.parse.document import decode
from aggregator.records import PostFile, RawEntry, RawPost, Unreadable

_FOOT = 20_000  # characters at the end in which the links under a text stand
_WRAPPED = re.compile(f"{front_matter.WRAP[0]}(.*){front_matter.WRAP[1]}", re.DOTALL)
_NAME, _ADDRESS = r"(?:\\.|[^\]\\\n])*+\]", r"\([^()\s]*+\)"
_BACK = re.compile(rf"\n\s*+\[(?:返回|Back to ){_NAME}{_ADDRESS}(?:[\s｜]*+\[{_NAME}{_ADDRESS})*+\s*\Z")
_ORIGINAL = re.compile(r"\n[ \t]*+<(|[a-z][a-z0-9+.-]*:[^<>\s]*)>\s*\Z", re.IGNORECASE)
_RAW = re.compile(r"\{%-?\s*(?:end)?raw\s*-?%\}")
_DIGIT = re.compile(r"\d")
_CODE_DAY = re.compile(r"(?:NW)?((?:19|20)\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])\d{10}", re.IGNORECASE)
_BEGINS_AS_HTML = re.compile(r"\s{0,3}<(?:p|div|h[1-6]|ul|ol|table|blockquote|figure|section|center|article)[\s>]")
_EMPTY_LINE = re.compile(r"\n[ \t]*\n")


def read_post(post: PostFile) -> RawPost | Unreadable:
    """Read a post. A date that it does not say is the day in its file's name, or in its article's code.

    A text is Markdown, unless it is HTML from its first character to its last; Liquid is not run.
    """
    if post.fault:
        return Unreadable(post.fault)
    text, _ = decode(post.body)
    page = front_matter.read(text)
    if isinstance(page, front_matter.Fault):
        return Unreadable(f"line {page.line}: {page.detail}")
    values = page.values
    if _text(values, "published") == "false":
        return Unreadable("it says published: false")
    body, link = _parted(page.body.strip("\n"))
    entry = RawEntry(
        guid=post.path,
        link=link,
        title=_text(values, "title"),
        title_type="text",
        content=body,
        author=_text(values, "author"),
        published=_date(values, post),
        tags=_names(values, "tags", "tag"),
        info_code=post.stem,
    )
    return RawPost(entry, _names(values, "categories", "category"), page.note)


def _text(values: Mapping[str, Value], key: str) -> str:
    value = values.get(key, "")
    return value.strip() if isinstance(value, str) else ", ".join(value)


def _names(values: Mapping[str, Value], *keys: str) -> tuple[str, ...]:
    """One text is one name, spaces and all: that is how the posts of outlets are written."""
    found = next((values[key] for key in keys if values.get(key)), ())
    names = (found,) if isinstance(found, str) else found
    return tuple(name.strip() for name in names if name.strip())


def _date(values: Mapping[str, Value], post: PostFile) -> str:
    said = _text(values, "date")
    if _DIGIT.search(said.partition("+")[0]):
        return said
    match = _CODE_DAY.fullmatch(post.stem)
    return post.day or ("-".join(match.groups()) if match else "")


def _parted(body: str) -> tuple[str, str]:
    """Give the text as HTML, and the address of the original that stood under it."""
    head, foot = body[:-_FOOT], "\n" + body[-_FOOT:].rstrip()
    if back := _BACK.search(foot):
        foot = foot[: back.start()].rstrip()
    original = _ORIGINAL.search(foot)
    text = head + (foot[: original.start()] if original else foot)[1:]
    return _html(text.rstrip("\n")), original[1] if original else ""


def _html(text: str) -> str:
    if wrapped := _WRAPPED.fullmatch(text):
        return wrapped[1]
    text = _RAW.sub("", text)
    if _BEGINS_AS_HTML.match(text) and not _EMPTY_LINE.search(text):
        return text
    return str(_markdown().render(text))


@cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": True}).enable("table")

"""An HTML page becomes entries by its source's rules: CSS selectors inside each item. selectolax only parses.

A rule is `selector` or `selector@name`. `@name` is an attribute of the item's own element, and an empty selector (or
`:scope`) the item itself.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from aggregator.parse import document
from aggregator.parse.json_text import picture
from aggregator.records import PageRules, ParsedFeed, RawEntry, TextType, Unreadable
from aggregator.urls import resolve

_MAX_ITEMS = 1_000
_MAX_DEPTH = 5_000
_MAX_HINTED_LINKS = 5_000

_RULE = re.compile(r"(?P<selector>.*?)(?:@(?P<attribute>[A-Za-z_][\w:.-]*))?", re.S)
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9-]*)")
_ENDED_BY_OTHERS = {  # elements without content, and those that the next of their kind ends: they do not add up
    *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"),
    *("p", "li", "dt", "dd", "td", "th", "tr", "thead", "tbody", "tfoot", "option", "optgroup", "rp", "rt", "a"),
    *("html", "head", "body"),
}
_BETWEEN_TAGS = re.compile(r"\s*[,，;；、|]\s*")
_LISTED = ("article", "li", "tr", "dl", "dd", "div", "section", "a")
_HINTED_ANCESTORS = 4


@dataclass(frozen=True, slots=True)
class _Rule:
    """A rule taken apart: no `selector` means the item itself, no `attribute` its text."""

    selector: str
    attribute: str


Rules = Mapping[str, _Rule]


def read(text: str, rules: PageRules, url: str) -> ParsedFeed | Unreadable:
    """Read the entries of a page that came from `url`; a rule that is no selector makes it `Unreadable`.

    A selector of items that matches nothing gives a feed without entries, with a warning that says what repeats on the
    page. Links stay as they are written; each entry's `base` says what they are relative to.
    """
    said = {each.name: rule for each in fields(rules) if (rule := getattr(rules, each.name)) is not None}
    faults = [f"{name}: {fault}" for name, rule in said.items() if (fault := selector_fault(rule))]
    if faults:
        return Unreadable(f"the source's rules cannot be used: {'; '.join(faults)}")
    page = opened(text)
    if isinstance(page, Unreadable):
        return page
    return _feed(page, {name: _rule(rule) for name, rule in said.items()}, url)


def _feed(page: LexborHTMLParser, rules: Rules, url: str) -> ParsedFeed:
    base = base_of(page, url)
    items = _once(page.css(rules["items"].selector or "body"))
    read_ones = [_Item(item, rules).entry(base) for item in items[:_MAX_ITEMS]]
    entries = tuple(entry for entry in read_ones if entry.title or entry.link)
    return ParsedFeed(
        format="html",
        title=_first_text(page, "title"),
        link=resolve(base, _first_attribute(page, "link[rel~=canonical i]", "href")) or url,
        language=_first_attribute(page, "html", "lang"),
        entries=entries,
        warnings=tuple(_warnings(page, rules, len(items), len(read_ones) - len(entries))),
    )


def opened(text: str) -> LexborHTMLParser | Unreadable:
    """Parse a page, unless it is nested so deeply that this would take minutes (200,000 `<div>`: 265 s).

    A page of 26 kB can still need a gigabyte: formatting that is left open begins anew in every paragraph.
    """
    if _depth(text) > _MAX_DEPTH:
        return Unreadable(f"an HTML page with elements nested more than {_MAX_DEPTH:,} deep")
    try:
        return LexborHTMLParser(document.legal(text))
    except SelectolaxError as error:
        return Unreadable(f"an HTML page that cannot be parsed in the memory there is: {error}")


def base_of(page: LexborHTMLParser, url: str) -> str:
    """Give the address that the page's links are relative to: its first `<base href>`, else its own (HTML §4.2.3)."""
    base = resolve(url, _first_attribute(page, "base[href]", "href"))
    return base if base.startswith(("http:", "https:")) else url


def plain(node: LexborNode) -> str:
    """Give an element's text in one line, without that of scripts and styles in it."""
    parts = [part.text(deep=False) for part in node.traverse(include_text=True) if _shows(part)]
    return " ".join(document.legal("".join(parts)).split())


@cache
def selector_fault(selector: str) -> str | None:
    """Give what is wrong with a rule's selector, or None where nothing is; an attribute behind it (`@href`) is none."""
    given = _rule(selector).selector
    if not given:
        return None
    try:
        LexborHTMLParser("").css(given)
    except (SelectolaxError, UnicodeEncodeError) as error:
        return f"{selector!r} is no CSS selector: {str(error).rstrip('.')}"
    return None


def _rule(given: str) -> _Rule:
    match = _RULE.fullmatch(given.strip())
    assert match is not None  # it matches any text
    selector = match["selector"].strip()
    return _Rule("" if selector == ":scope" else selector, (match["attribute"] or "").lower())


def _depth(text: str) -> int:
    """Give how deep the elements are nested at most, as far as their tags tell."""
    depth = deepest = 0
    for closing, name in _TAG.findall(text):
        if name.lower() not in _ENDED_BY_OTHERS:
            depth = max(depth - 1, 0) if closing else depth + 1
            deepest = max(deepest, depth)
    return deepest


# --- items -----------------------------------------------------------------------------------------------------------


def _once(nodes: list[LexborNode]) -> list[LexborNode]:
    """Drop repetitions: an element that fits two selectors of a list is given twice."""
    return list({node.mem_id: node for node in nodes}.values())


class _Item:
    """One item of the page, read by the rules that there are."""

    def __init__(self, node: LexborNode, rules: Rules) -> None:
        self._node = node
        self._rules = rules

    def entry(self, base: str) -> RawEntry:
        link = self._link()
        summary, summary_type = self._markup("summary")
        content, content_type = self._markup("content")
        image = self._value("image")
        return RawEntry(
            link=self._value("link") if "link" in self._rules else _address(link),
            title=self._value("title") if "title" in self._rules else self._usual_title(link),
            title_type="text",
            summary=summary,
            summary_type=summary_type,
            content=content,
            content_type=content_type,
            author=self._value("author"),
            outlet=self._value("outlet"),
            published=self._value("published"),
            base=base,
            tags=self._tags(),
            enclosures=(picture(image),) if image else (),
        )

    def _matches(self, name: str) -> list[LexborNode]:
        rule = self._rules.get(name)
        if rule is None:
            return []
        return _once(self._node.css(rule.selector)) if rule.selector else [self._node]

    def _value(self, name: str) -> str:
        """Give what a rule gives of its first match; without an attribute's name, what the field naturally is of it."""
        return next((self._read(name, node) for node in self._matches(name)), "")

    def _read(self, name: str, node: LexborNode) -> str:
        named = self._rules[name].attribute
        if named:
            return attribute(node, named)
        natural = _NATURAL[name](node) if name in _NATURAL else ""
        return natural or _said_by_meta(node) or plain(node)

    def _link(self) -> LexborNode | None:
        """Give the element of the link: the rule's match, by default the first link that leads anywhere."""
        if "link" in self._rules:
            return next(iter(self._matches("link")), None)
        return next((node for node in self._node.css("a[href]") if _address(node)), None)

    def _usual_title(self, link: LexborNode | None) -> str:
        """Give the link's text, else that of the item's heading, of any link in it, or what is shown over the link."""
        own = [link] if link is not None else []
        told = map(plain, (*own, *self._node.css("h1, h2, h3, h4, h5, h6"), *self._node.css("a[href]")))
        return next(filter(None, told), "") or next((attribute(node, "title") for node in own), "")

    def _markup(self, name: str) -> tuple[str, TextType]:
        for node in self._matches(name)[:1]:
            if self._rules[name].attribute or _said_by_meta(node):
                return self._read(name, node), "text"
            return document.legal(node.inner_html or "").strip(), "html"
        return "", "html"

    def _tags(self) -> tuple[str, ...]:
        values = [self._read("tags", node) for node in self._matches("tags")]
        return tuple(dict.fromkeys(tag for value in values for tag in _BETWEEN_TAGS.split(value) if tag))


# --- elements --------------------------------------------------------------------------------------------------------


def attribute(node: LexborNode, name: str) -> str:
    """Give an attribute's value without white space around it; empty where there is none."""
    return document.legal(node.attributes.get(name) or "").strip()


def _first_attribute(page: LexborHTMLParser, selector: str, name: str) -> str:
    node = page.css_first(selector)
    return attribute(node, name) if node is not None else ""


def _first_text(page: LexborHTMLParser, selector: str) -> str:
    node = page.css_first(selector)
    return plain(node) if node is not None else ""


def _shows(part: LexborNode) -> bool:
    return part.is_text_node and (part.parent is None or part.parent.tag not in ("script", "style"))


def _address(node: LexborNode | None) -> str:
    """Give where an element leads, or the first in it that leads anywhere but to a place on the page or a script."""
    links = node.css("[href]") if node is not None else []
    hrefs = (attribute(link, "href") for link in links)
    return next((href for href in hrefs if href and not href.lower().startswith(("#", "javascript:"))), "")


def _date(node: LexborNode) -> str:
    return attribute(node, "datetime")


def _image(node: LexborNode) -> str:
    """Give the address of an image, or of the first in it; where it loads late, the one that waits elsewhere."""
    for image in node.css("img, source, [data-src], [src]")[:1]:
        late = attribute(image, "data-src") or attribute(image, "data-original")
        source = attribute(image, "src")
        return late or ("" if source.startswith("data:") else source)
    return attribute(node, "href")


def _said_by_meta(node: LexborNode) -> str:
    return attribute(node, "content") if node.tag == "meta" else ""


_NATURAL: dict[str, Callable[[LexborNode], str]] = {"link": _address, "published": _date, "image": _image}


# --- what is said of it ----------------------------------------------------------------------------------------------


def _warnings(page: LexborHTMLParser, rules: Rules, found: int, empty: int) -> Iterator[str]:
    selector = rules["items"].selector
    if not found:
        yield f"items: {selector} matches nothing; {_hint(page)}"
    if found > _MAX_ITEMS:
        yield f"items: {selector} matches {found} elements; only the first {_MAX_ITEMS:,} were read"
    if empty:
        yield f"{empty} of the items have neither title nor link"


def _hint(page: LexborHTMLParser) -> str:
    """Say which elements that hold links come several times on the page."""
    counted: Counter[str] = Counter()
    seen: set[int] = set()
    for link in page.css("a[href]")[:_MAX_HINTED_LINKS]:
        for node in _listed(link):
            if node.mem_id not in seen:
                seen.add(node.mem_id)
                counted[_signature(node)] += 1
    lists = [f"{name} ({count})" for name, count in counted.most_common(5) if count > 2]
    return "what repeats on it with links: " + ", ".join(lists) if lists else "the page holds no list of links"


def _listed(link: LexborNode) -> Iterator[LexborNode]:
    node: LexborNode | None = link
    for _ in range(_HINTED_ANCESTORS):
        if node is None:
            return
        if node.tag in _LISTED:
            yield node
        node = node.parent


def _signature(node: LexborNode) -> str:
    names = attribute(node, "class").split()
    return f"{node.tag}.{names[0]}" if names else str(node.tag)

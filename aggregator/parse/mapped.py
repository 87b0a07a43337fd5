"""A JSON list becomes entries by its source's rules: JSONPaths (RFC 9535) into each item, and templates over fields."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import quote

import jsonpath_rfc9535

from aggregator.parse.json_text import keys, load, picture, scalar
from aggregator.records import ArticleRule, ListRules, ParsedFeed, RawEntry, TextType, Unreadable

_ORDER = (
    *("info_code", "guid", "title", "published", "updated", "outlet", "author"),
    *("summary", "content", "tags", "image"),
)
_ADDRESSES = ("link", "image", "article")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<!--")
_ENTITY = re.compile(r"&(?:#[0-9]+|#[xX][0-9a-fA-F]+|[A-Za-z][A-Za-z0-9]*);")
_BETWEEN_TAGS = re.compile(r"\s*[,，;；、|]\s*")

Rules = Mapping[str, "jsonpath_rfc9535.JSONPathQuery | str"]


def read(text: str, rules: ListRules) -> ParsedFeed | Unreadable:
    """Read the entries of a JSON list; what is no JSON, or a rule that is no JSONPath, is `Unreadable`.

    A path that matches nothing gives a feed without entries, with a warning that names the document's keys.
    """
    value = load(text)
    if isinstance(value, Unreadable):
        return value
    try:
        return _list(value, rules)
    except (jsonpath_rfc9535.JSONPathError, RecursionError) as error:
        return Unreadable(f"the source's rules cannot be used: {_first_line(error)}")


def _list(value: object, rules: ListRules) -> ParsedFeed:
    compiled = _compiled(rules)
    items = [node.value for node in jsonpath_rfc9535.find(rules.items, _searchable(value))]
    warnings = [] if items else [f"items: {rules.items} matches nothing; {keys(value)}{_hint(value)}"]
    entries = []
    for number, item in enumerate(items, 1):
        if isinstance(item, Mapping):
            entries.append(_Item(item, compiled).entry())
        else:
            warnings.append(f"item {number} is no object")
    return ParsedFeed(format="list", entries=tuple(entries), warnings=tuple(warnings))


def article(text: str, rule: ArticleRule) -> RawEntry | Unreadable:
    """Read an article out of the answer to the second request: its content, and what else the rule names."""
    value = load(text)
    if isinstance(value, Unreadable):
        return value
    try:
        return _article(value, rule)
    except (jsonpath_rfc9535.JSONPathError, RecursionError) as error:
        return Unreadable(f"the article's rules cannot be used: {_first_line(error)}")


def _article(value: object, rule: ArticleRule) -> RawEntry | Unreadable:
    named = {name: getattr(rule, name) for name in ("content", "title", "published", "outlet", "author")}
    compiled = {name: _rule(given) for name, given in named.items() if given}
    content = compiled.get("content", "")
    if not isinstance(content, str) and not content.find(_searchable(value)):
        return Unreadable(f"content: {rule.content} matches nothing; {keys(value)}")
    return _Item(value, compiled).entry()


def _searchable(value: object) -> list[object] | dict[str, object] | str:
    return value if isinstance(value, list | dict | str) else {}


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _hint(value: object) -> str:
    """Propose a path where the document holds exactly one list of objects."""
    if isinstance(value, list):
        return "; did you mean $[*]?"
    lists = [key for key, held in value.items() if isinstance(held, list)] if isinstance(value, Mapping) else []
    return f"; did you mean $.{lists[0]}[*]?" if len(lists) == 1 and str(lists[0]).isidentifier() else ""


def _compiled(rules: ListRules) -> Rules:
    named = {name: getattr(rules, name) for name in (*_ORDER, "link")}
    named["article"] = rules.article.url if rules.article else None
    return {name: _rule(given) for name, given in named.items() if given}


def _rule(given: str) -> "jsonpath_rfc9535.JSONPathQuery | str":
    return jsonpath_rfc9535.compile(given) if given.startswith("$") else given


@dataclass(slots=True)
class _Item:
    """One item while it is read: the fields found so far are what the templates of later ones are filled with."""

    value: object
    rules: Rules
    found: dict[str, str] = field(default_factory=dict)

    def entry(self) -> RawEntry:
        tags = self._tags()
        for name in (*_ORDER, "link", "article"):
            self.found.setdefault(name, self._field(name))
        title, title_type = _title(self.found["title"])
        summary, summary_type = _body(self.found["summary"])
        content, content_type = _body(self.found["content"])
        return RawEntry(
            guid=self.found["guid"],
            link=self.found["link"],
            title=title,
            title_type=title_type,
            summary=summary,
            summary_type=summary_type,
            content=content,
            content_type=content_type,
            author=self.found["author"],
            outlet=self.found["outlet"],
            published=self.found["published"],
            updated=self.found["updated"],
            tags=tags,
            enclosures=(picture(self.found["image"]),) if self.found["image"] else (),
            info_code=self.found["info_code"],
            article_url=self.found["article"],
        )

    def _field(self, name: str) -> str:
        rule = self.rules.get(name, "")
        if isinstance(rule, str):
            return self._filled(rule, is_address=name in _ADDRESSES)
        values = self._matches(rule)
        return _joined(values[0], "\n\n" if name in ("content", "summary") else ", ") if values else ""

    def _matches(self, rule: "jsonpath_rfc9535.JSONPathQuery") -> list[object]:
        return [node.value for node in rule.find(_searchable(self.value))]

    def _filled(self, template: str, *, is_address: bool) -> str:
        """Fill a template; empty if a field it names is. In an address values are percent-encoded, but for one that
        stands at its very beginning, which is an address itself."""
        names = _PLACEHOLDER.findall(template)
        if not all(self.found.get(name) for name in names):
            return ""

        def value(match: re.Match[str]) -> str:
            text = self.found[match[1]]
            return quote(text, safe="") if match.start() and (is_address or "://" in template) else text

        return _PLACEHOLDER.sub(value, template)

    def _tags(self) -> tuple[str, ...]:
        rule = self.rules.get("tags", "")
        values = [self._field("tags")] if isinstance(rule, str) else self._matches(rule)
        told = [tag for value in values for tag in _split(value)]
        self.found["tags"] = ", ".join(told)
        return tuple(dict.fromkeys(told))


def _split(value: object) -> list[str]:
    if isinstance(value, list):
        return [text for each in value if (text := scalar(each))]
    return [text for text in _BETWEEN_TAGS.split(scalar(value)) if text]


def _joined(value: object, between: str) -> str:
    return between.join(filter(None, map(scalar, value))) if isinstance(value, list) else scalar(value)


def _title(text: str) -> tuple[str, TextType]:
    return text, "html" if _TAG.search(text) or _ENTITY.search(text) else "text"


def _body(text: str) -> tuple[str, TextType]:
    """Text without tags keeps its paragraphs, so it is text; its entities are undone here, for nobody would later."""
    return (text, "html") if _TAG.search(text) else (unescape(text) if _ENTITY.search(text) else text, "text")

"""Keeping a private source's address to ourselves: whatever leaves the process shows the source's name instead.

What is hidden: the addresses that the source has or had, in every spelling, and the credentials in them and in its
headers. In messages also hosts and whatever else looks like an address, since servers and libraries quote what they
like. In articles their links stay, but for those that hold the source's address or a credential.
"""

import base64
import binascii
import html
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from aggregator.records import (
    Alias,
    Brought,
    Enclosure,
    Entry,
    Fetched,
    FetchFailed,
    Intake,
    ListRules,
    NotAFeed,
    Origin,
    Outcome,
    Outline,
    Preview,
    PreviewItem,
    Read,
    Reading,
    Related,
    Source,
    SourceReport,
    StoredEntry,
    Telling,
    Trace,
    Unreadable,
    Version,
    Withdrawn,
)
from aggregator.urls import host

_ADDRESS = r"[a-z][a-z0-9+.-]*://[^\s'\"<>]*[^\s'\"<>.,;:)\]]"
_BEFORE = r"(?:\b[a-z][a-z0-9+.-]{0,15}:)?(?://)?(?:[^\s\"'<>/@]{1,200}@)?"
_FILE_BEFORE = r"[^\s\"'<>]{0,200}"
_ALONE, _AND_QUERY = r"(?![\w/%.~?&=-])", r"(?![\w/%.~-])"  # what must not follow: then it is another address
_SECRET_KEYS = re.compile(r"(?i)token|key|auth|secret|passw|^pw|sig|session|code|hash")
_FRONT = re.compile(r"/(?:index|default|main)\.\w+$", re.IGNORECASE)
_NEVER = re.compile(r"(?!)")
_SHORTEST = 4  # characters of a credential that can be told from an ordinary word


@dataclass(frozen=True, slots=True)
class Mask:
    """What is hidden of one source, and what is shown instead: its name. A text without any of `hints` is clean."""

    name: str
    known: re.Pattern[str]
    hosts: re.Pattern[str]
    credentials: re.Pattern[str]
    hints: tuple[str, ...]

    def words(self, text: str) -> str:
        """Give a message without any address."""
        return re.sub(_ADDRESS, self._shown, self.hosts.sub(self._shown, self.line(text)), flags=re.IGNORECASE)

    def line(self, text: str) -> str:
        """Give a plain text without the source's own addresses and credentials; others stay."""
        return text if self._clean(text) else self.credentials.sub("…", self.known.sub(self._shown, text))

    def html(self, text: str) -> str:
        """Give sanitised HTML without them; an attribute that holds one is emptied, but for a fragment."""
        return text if self._clean(text) else self.line(re.sub(r'"([^"<>]*)"', self._attribute, text))

    def link(self, address: str) -> str:
        """Give an article's address, or "" where it would give the source away."""
        return "" if self._tells(address) else address

    def _clean(self, text: str) -> bool:
        lower = text.lower()
        return not any(hint in lower for hint in self.hints)

    def _tells(self, text: str) -> bool:
        return not self._clean(text) and bool(self.known.search(text) or self.credentials.search(text))

    def _shown(self, _: re.Match[str]) -> str:
        return self.name

    def _attribute(self, found: re.Match[str]) -> str:
        value = found[1]
        if not self._tells(value):
            return found[0]
        known = self.known.match(value)
        rest = value[known.end() :] if known else ""
        return f'"{rest}"' if rest.startswith("#") and not self._tells(rest) else '""'


@lru_cache(maxsize=1024)
def mask(name: str, addresses: tuple[str, ...], credentials: tuple[str, ...] = ()) -> Mask:
    """Make the mask of a source from all addresses that it is known by, and the credentials that stand beside them."""
    given = [address.strip() for address in dict.fromkeys(addresses) if address.strip()]
    cores = [core for address in given for core in _cores(_split(address))]
    secrets = {*credentials, *(secret for address in given for secret in _secrets(address))}
    told = {form for secret in secrets if len(secret) >= _SHORTEST for form in _spellings(secret)}
    hosts = {form for address in given for form in (host(address), _host_as_written(address)) if form}
    return Mask(
        name,
        _any_of(before + re.escape(form) + behind for before, core, behind in cores for form in _spellings(core)),
        _any_of(rf"(?<![\w.-]){re.escape(form)}(?::\d+)?(?![\w-])" for form in hosts),
        _any_of(re.escape(form) for form in told),
        tuple({*(form.lower() for _, core, _ in cores for form in _spellings(core)), *(form.lower() for form in told)}),
    )


def _any_of(patterns: Iterable[str]) -> re.Pattern[str]:
    longest_first = sorted(set(patterns), key=lambda pattern: (-len(pattern), pattern))
    return re.compile("|".join(longest_first), re.IGNORECASE) if longest_first else _NEVER


def _cores(parts: "_Parts") -> Iterator[tuple[str, str, str]]:
    """Give what of an address is the same in all its spellings, each with what may stand before and not behind it.

    The same path with another query counts, too, but not where a whole site is behind one path (`/?p=1` beside
    `/?feed=rss`). What lies below the path is another address.
    """
    if not parts.netloc:
        yield _FILE_BEFORE, parts.path.lstrip("/"), _AND_QUERY
        return
    place, path = parts.netloc.rpartition("@")[2], parts.path.rstrip("/")
    if parts.query:
        for each in {path, parts.path}:
            yield _BEFORE, f"{place}{each}?{parts.query}", r"(?![\w%~-])"
    if path:
        yield _BEFORE, place + path, rf"/?{_ALONE if parts.query and _FRONT.search(path) else _AND_QUERY}"
    elif not parts.query:
        yield _BEFORE, place, rf"/?{_ALONE}"


def _host_as_written(address: str) -> str:
    return re.sub(r":\d*$", "", _split(address).netloc.rpartition("@")[2])


def _spellings(text: str) -> set[str]:
    plain = {text, unquote(text), quote(text, safe="/:?&=%@+,;~")}
    return {spelling for each in plain if each for spelling in (each, html.escape(each), quote(each, safe=""))}


def _secrets(address: str) -> Iterator[str]:
    """Give what an address holds that opens doors: its password, and values of its query that look like that."""
    parts = _split(address.strip())
    login = parts.netloc.rpartition("@")[0]
    if login:
        user, _, password = login.partition(":")
        yield password or user
        yield base64.b64encode(unquote(login).encode()).decode()
    for key, value in parse_qsl(parts.query):
        if len(value) >= 8 and (_SECRET_KEYS.search(key) or any(map(str.isdigit, value)) or len(value) >= 20):
            yield value


def _split(address: str) -> "_Parts":
    try:
        parts = urlsplit(address)
        return _Parts(parts.scheme, parts.netloc, parts.path, parts.query)
    except ValueError:
        return _Parts("", "", address, "")


@dataclass(frozen=True, slots=True)
class _Parts:
    scheme: str
    netloc: str
    path: str
    query: str


def credentials_in(headers: Mapping[str, str]) -> tuple[str, ...]:
    """Give the values of headers, whole and what stands behind their first word; of Basic also the password."""
    found = []
    for value in headers.values():
        scheme, _, rest = value.partition(" ")
        found += [value, rest] if rest else [value]
        if scheme.lower() == "basic" and (login := _decoded(rest)):
            found += [login, login.partition(":")[2]]
    return tuple(secret for secret in found if secret)


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


# --- records -----------------------------------------------------------------------------------------


def mask_of(source: Source, *more: str) -> Mask:
    """Give the mask of a source; `more` are addresses that it is met at, such as targets of redirects."""
    article = source.rules.article if isinstance(source.rules, ListRules) else None
    own = [source.url, source.proxy or "", article.url.partition("{")[0] if article else ""]
    options = tuple(value for value in source.options.values() if isinstance(value, str))
    return mask(source.name, (*own, *more), (*credentials_in(source.headers), *options))


def said(source: Source, text: str, *more: str) -> str:
    """Give a message as it may be shown."""
    return mask_of(source, *more).words(text) if source.private else text


def hidden_reading(source: Source, reading: Reading, fingerprint: Callable[[Entry], str]) -> Reading:
    """Give what reading a source came to, as it may be stored and shown; that of a source that is not private as it
    is. `fingerprint` is made anew for entries that are not as they were."""
    if not source.private:
        return reading
    match reading:
        case Read():
            intake = hidden_intake(source, reading.intake, fingerprint, *_addresses(reading.fetched))
            return replace(reading, intake=intake)
        case NotAFeed():
            return replace(reading, detail=said(source, reading.detail, *_addresses(reading.fetched)))
        case FetchFailed():
            return replace(reading, detail=said(source, reading.detail, *_addresses(reading)))
        case _:
            return reading


def hidden_intake(source: Source, intake: Intake, fingerprint: Callable[[Entry], str], *more: str) -> Intake:
    """Give what a document holds, as it may be stored and shown; `more` are addresses that it was found at."""
    if not source.private:
        return intake
    mask = mask_of(source, *more)
    facts = replace(intake.facts, title=mask.line(intake.facts.title), rights=mask.line(intake.facts.rights))
    entries = tuple(_hidden(entry, mask, fingerprint) for entry in intake.entries)
    return replace(intake, facts=facts, entries=entries, problems=tuple(map(mask.words, intake.problems)))


def hidden_document(
    source: Source, found: Intake | Unreadable, url: str, fingerprint: Callable[[Entry], str]
) -> Intake | Unreadable:
    """The same of a document that came from an address, whether it could be read or not."""
    if isinstance(found, Unreadable):
        return replace(found, detail=said(source, found.detail, url))
    return hidden_intake(source, found, fingerprint, url)


def _addresses(answer: Fetched | FetchFailed) -> list[str]:
    """Give where a fetch led: every hop, and a last one that was not followed."""
    named = [value for name, value in answer.headers if name in ("location", "content-location")]
    return [answer.url, *(hop.url for hop in answer.redirects), *named]


def hidden_text(source: Source, entry: Entry, fingerprint: Callable[[Entry], str]) -> Entry:
    """Give an entry whose text came by a request of its own, as it may be stored."""
    return _hidden(entry, mask_of(source), fingerprint) if source.private else entry


def _hidden(entry: Entry, mask: Mask, fingerprint: Callable[[Entry], str]) -> Entry:
    """Give an entry without its source's address. Its guid stays: it is shown nowhere, and is who the entry is."""
    hidden = replace(
        entry,
        link=mask.link(entry.link),
        title=mask.line(entry.title),
        summary=mask.html(entry.summary),
        content=mask.html(entry.content),
        author=mask.line(entry.author),
        outlet=mask.line(entry.outlet),
        tags=tuple(mask.line(tag) for tag in entry.tags),
        enclosures=_hidden_files(entry.enclosures, mask),
    )
    return entry if hidden == entry else replace(hidden, fingerprint=fingerprint(hidden))


def hidden_outcome(source: Source, outcome: Outcome) -> Outcome:
    """Give what refreshing a source came to, as it may be shown."""
    if not source.private:
        return outcome
    return replace(outcome, problems=tuple(said(source, problem) for problem in outcome.problems))


def hidden_article(entry: StoredEntry, masks: Mapping[str, Mask]) -> StoredEntry:
    """Give a stored article as it may be published: of a private source's feed only the title is said. `masks` are
    those of private sources, by name."""
    related = tuple(_hidden_related(one, masks[one.name]) if one.name in masks else one for one in entry.related)
    entry = replace(entry, related=related) if related != entry.related else entry
    if (mask := masks.get(entry.source)) is None:
        return entry
    return replace(
        entry,
        guid="",
        link=mask.link(entry.link),
        title=mask.line(entry.title),
        summary=mask.html(entry.summary),
        content=mask.html(entry.content),
        author=mask.line(entry.author),
        outlet=mask.line(entry.outlet),
        tags=tuple(mask.line(tag) for tag in entry.tags),
        enclosures=_hidden_files(entry.enclosures, mask),
        source_title=mask.line(entry.source_title),
        source_rights=mask.line(entry.source_rights),
        source_link="",
        source_id="",
    )


def _hidden_related(told: Related, mask: Mask) -> Related:
    return replace(told, source=mask.line(told.source), title=mask.line(told.title), link=mask.link(told.link))


def hidden_version(version: Version, mask: Mask) -> Version:
    """Give a wording of an article of a private source as it may be shown."""
    return replace(
        version,
        title=mask.line(version.title),
        summary=mask.html(version.summary),
        content=mask.html(version.content),
        author=mask.line(version.author),
        link=mask.link(version.link),
    )


def hidden_report(report: SourceReport, mask: Mask) -> SourceReport:
    """Give how a private source stands, as it may be shown: its name stands for each of its addresses."""
    return replace(
        report,
        url=mask.name,
        title=mask.line(report.title),
        next_reason=mask.words(report.next_reason),
        last_error=mask.words(report.last_error),
        held_reason=mask.words(report.held_reason),
        proposed_url=report.proposed_url and mask.name,
        fetched_from=report.fetched_from and mask.name,
        private=True,
    )


def hidden_trace(trace: Trace, masks: Mapping[str, Mask]) -> Trace:
    """Give an article's story as it may be shown; `masks` are those of the private sources that brought it."""
    for mask in masks.values():
        trace = replace(
            trace,
            title=mask.line(trace.title),
            link=mask.link(trace.link),
            names=tuple(_hidden_name(name, mask) for name in trace.names),
            tellings=tuple(_hidden_telling(each, mask) for each in trace.tellings),
        )
    return replace(
        trace,
        provenance=tuple(_hidden_brought(each, masks.get(each.source)) for each in trace.provenance),
        origins=tuple(_hidden_origin(each, masks.get(each.source)) for each in trace.origins),
        withdrawn=tuple(_hidden_withdrawal(each, masks.get(each.source)) for each in trace.withdrawn),
    )


def _hidden_telling(telling: Telling, mask: Mask) -> Telling:
    return replace(telling, title=mask.line(telling.title), link=mask.link(telling.link))


def _hidden_name(name: Alias, mask: Mask) -> Alias:
    """A guid may be an address that the feed was redirected to once, and that is remembered nowhere else."""
    return Alias(name.kind, mask.words(name.value) if name.kind == "guid" else mask.line(name.value))


def _hidden_brought(brought: Brought, mask: Mask | None) -> Brought:
    return brought if mask is None else replace(brought, guid=mask.words(brought.guid), link=mask.link(brought.link))


def _hidden_origin(origin: Origin, mask: Mask | None) -> Origin:
    """Its document's address and those that it was sent on to are the source's own."""
    if mask is None:
        return origin
    redirects = tuple(f"{hop.partition(' ')[0]} {mask.name}" for hop in origin.redirects)
    notes = tuple(mask.words(note) for note in origin.notes)
    return replace(origin, url=mask.name, redirects=redirects, notes=notes, matched=mask.words(origin.matched))


def _hidden_withdrawal(withdrawn: Withdrawn, mask: Mask | None) -> Withdrawn:
    return withdrawn if mask is None else replace(withdrawn, comment=mask.words(withdrawn.comment))


def hidden_preview(source: Source, found: Preview) -> Preview:
    """Give what trying a source came to, as it may be shown."""
    if not source.private:
        return found
    return replace(
        found,
        url=source.name,
        facts=replace(found.facts, link="", id="", icon="") if found.facts else None,
        items=tuple(_hidden_item(item, mask_of(source)) for item in found.items),
        links=found.links and tuple(replace(link, url=source.name, title="") for link in found.links),
    )


def _hidden_item(item: PreviewItem, mask: Mask) -> PreviewItem:
    return replace(item, entry=replace(item.entry, guid=mask.words(item.entry.guid), article_url=""))


def hidden_outlines(source: Source, outlines: Iterable[Outline]) -> tuple[Outline, ...]:
    """Give the subscriptions of a list; where it is private, titles that are addresses are left out."""
    if not source.private:
        return tuple(outlines)
    return tuple(replace(each, title=_name_only(each)) for each in outlines)


def _name_only(outline: Outline) -> str:
    masked = mask("…", (outline.url,)).words(outline.title)
    return outline.title if masked == outline.title else ""


def _hidden_files(files: Iterable[Enclosure], mask: Mask) -> tuple[Enclosure, ...]:
    return tuple(replace(file, title=mask.line(file.title)) for file in files if mask.link(file.url))

"""The published files as an ASGI application: exact types, validators, compression, nothing unpublished.

What is asked for often is answered from memory: the messages of such an answer stand ready, and a request costs one
look at the file's time.
"""

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from pathlib import Path

from starlette.types import Receive, Scope, Send

from aggregator import deltas, variants
from aggregator.serve.access import ALL, Access, Token, presented
from aggregator.serve.answers import SAFETY, Answer, answer, page
from aggregator.serve.caching import cache_control, max_age
from aggregator.serve.files import FEED_ENDINGS, PublishedFile, PublishedFiles, page_facts, slug_of
from aggregator.serve.gone import Departures
from aggregator.serve.memory import Memory
from aggregator.serve.negotiate import best_coding, entity_tags, not_modified, wants_news_only
from aggregator.serve.rate import Accounts, Limiter, Rate, client_of, networks
from aggregator.serve.readers import Readers
from aggregator.serve.searches import PATH as SEARCH
from aggregator.serve.searches import Search, Searches
from aggregator.serve.status import FOLDER, PATHS, Asked, Desk, Reports, Who

log = logging.getLogger(__name__)

INDEX = "index.html"
METHODS = ("GET", "HEAD")
CORS = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "ETag, IM, Delta-Base, Retry-After"}
ON_304 = ("Cache-Control", "ETag", "Last-Modified", "Vary", *CORS, *SAFETY)
_PREFLIGHT = CORS | {
    "Access-Control-Allow-Methods": ", ".join(METHODS),
    "Access-Control-Allow-Headers": "A-IM, Authorization, If-Modified-Since, If-None-Match",
    "Access-Control-Max-Age": "86400",
}
_HEARD = frozenset(
    (
        b"a-im",
        b"accept",
        b"accept-encoding",
        b"access-control-request-method",
        b"authorization",
        b"if-modified-since",
        b"forwarded",
        b"if-none-match",
        b"user-agent",
        b"x-forwarded-for",
        b"x-real-ip",
    )
)
_AS_PAGE = "text/xml; charset=utf-8"
_NEWS_BYTES = 8_000_000
_STATUS_FOLDER = f"/{FOLDER}"
_READ = (200, 226, 304)
_ICON = "static/icon.svg"  # browsers that show a feed ask for favicon.ico, since a feed names no other

_PLAIN = re.compile(rb"[!-~]{1,2000}")

Heard = dict[bytes, bytes]


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """What is served, to whom and how often. `max_age` is how long an answer is fresh while the rhythm of its document
    is not known; `noindex` are the slugs of channels that search engines are asked to leave out; without `reports`
    there is no status to show, and without `readers` nobody is counted."""

    directory: Path
    max_age: timedelta = timedelta(minutes=5)
    noindex: frozenset[str] = frozenset()
    protected: frozenset[str] = frozenset()
    tokens: tuple[Token, ...] = ()
    rate: Rate | None = None
    trusted_proxies: tuple[str, ...] = ()
    search: Search | None = None  # gives the page for a query string, in a thread
    status: Who = "local"
    status_networks: tuple[str, ...] = ()
    reports: Reports | Asked | None = None
    readers: Readers | None = None
    accounts: Accounts | None = None  # of clients and how much they had, where several processes answer


def create_app(options: ServeOptions) -> "Site":
    """Make the application that serves what is published below `options.directory`, at the same paths."""
    return Site(options)


@dataclass(frozen=True, slots=True)
class Variant:
    """A file in one coding: whole, and for those who have it."""

    whole: Answer
    same: Answer
    to_look_at: Answer  # whole, under the type by which a browser shows it instead of its source


@dataclass(frozen=True, slots=True)
class Ready:
    """A file with its answers. `tags` are those that its variants bear, `needs` the outputs of which a reader must
    have a token."""

    file: PublishedFile
    headers: dict[str, str]
    variants: dict[str, Variant]
    tags: frozenset[bytes]
    codings: tuple[str, ...]
    needs: frozenset[str]


class Site:
    """Answers every request from the published files."""

    def __init__(self, options: ServeOptions) -> None:
        self._searches = Searches()
        self._take(options)

    def adopt(self, options: ServeOptions) -> None:
        """Serve by other options from the next request on; tokens that are none any more open nothing."""
        before = self._desk
        self._take(options)
        before.close()

    def _take(self, options: ServeOptions) -> None:
        self._options = options
        self._files = PublishedFiles(options.directory, self._prepare)
        self._news: Memory[tuple[str, str, str, str], Answer] = Memory(_NEWS_BYTES)
        self._departures = Departures(options.directory)
        self._access = Access(options.protected, options.tokens)
        self._limiter = Limiter(options.rate, accounts=options.accounts) if options.rate else None
        self._trusted = networks(options.trusted_proxies)
        self._desk = Desk(options.reports, options.status, options.status_networks, options.trusted_proxies)

    def close(self) -> None:
        """Let go of what the status and searches took."""
        self._desk.close()
        self._searches.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; whatever breaks in us is logged, and said without a word about the request."""
        try:
            reply = self.at_once(scope) or await self._answer(scope, receive)
        except Exception:
            log.exception("request not answered", extra={"path": scope["path"]})
            reply = page(500, scope["path"])
        await send(reply.start)
        await send(reply.body)

    def at_once(self, scope: Scope) -> Answer | None:
        """Give the answer if that takes no waiting: the file is in memory and has not changed.

        Whatever breaks here breaks again the usual way, where it is logged.
        """
        ready = self._files.at_hand(scope["path"].removeprefix("/") or INDEX)
        if ready is None or scope["method"] not in METHODS or scope["path"].startswith(_STATUS_FOLDER):
            return None
        try:
            return self._sent(scope, self._of_file(ready, scope, heard := _heard(scope["headers"])), heard)
        except Exception:
            return None

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        path, heard = scope["path"].removeprefix("/") or INDEX, _heard(scope["headers"])
        if scope["method"] not in METHODS:
            return self._sent(scope, _refused(scope["method"], path, heard), heard)
        if path == SEARCH and self._options.search is not None:
            return self._turned_away(scope, heard) or _for_method(scope, await self._found(scope, heard, receive))
        if path in PATHS or path.startswith(FOLDER):
            return await self._of_status(path, scope, heard)
        ready = await self._files.get(_ICON if path == "favicon.ico" else path)
        reply = self._of_nothing(path, scope, heard) if ready is None else self._of_file(ready, scope, heard)
        return self._sent(scope, reply, heard)

    async def _of_status(self, path: str, scope: Scope, heard: Heard) -> Answer:
        """Answer for the status and its feed: to those near, to anyone, or to who has a token, as configured."""
        if path not in ("healthz", "readyz") and (refusal := self._status_refused(path, scope, heard)):
            return self._sent(scope, refusal, heard)
        if path in PATHS:
            return _for_method(scope, await self._desk.answer(path))
        ready = await self._files.get(path)
        return self._sent(scope, _page(404, path) if ready is None else self._of_file(ready, scope, heard), heard)

    def _status_refused(self, path: str, scope: Scope, heard: Heard) -> Answer | None:
        if self._desk.is_off:
            return _page(404, path)
        if needed := self._access.needed(path):
            return None if self._may_read(needed, scope, heard) else _unauthorised(path)
        forwarded, proxied = _said(heard, b"x-forwarded-for"), b"forwarded" in heard or b"x-real-ip" in heard
        near = self._desk.is_open_to(_peer(scope), forwarded, other_proxy=proxied)
        return None if near or self._may_read(frozenset({"status"}), scope, heard) else _page(403, path)

    def _sent(self, scope: Scope, reply: Answer, heard: Heard) -> Answer:
        """Give the answer as it goes out: to a client that asked too often, that it did."""
        if self._limiter is not None and reply.status != 304:
            reply = self._turned_away(scope, heard) or reply
        if self._options.readers is not None and reply.status in _READ and scope["path"].endswith(FEED_ENDINGS):
            agent = heard.get(b"user-agent", b"").decode("latin-1")
            self._options.readers.note(scope["path"], self._client(scope, heard), agent)
        return _for_method(scope, reply)

    def _turned_away(self, scope: Scope, heard: Heard) -> Answer | None:
        """Give the answer to a client that asked too often."""
        if self._limiter is None or not (wait := self._limiter.wait(self._client(scope, heard))):
            return None
        later = {"Retry-After": str(ceil(wait)), "Cache-Control": "no-store"}
        return _for_method(scope, _page(429, scope["path"].removeprefix("/"), later))

    def _client(self, scope: Scope, heard: Heard) -> str:
        return client_of(_peer(scope), _said(heard, b"x-forwarded-for"), self._trusted)

    def _of_nothing(self, path: str, scope: Scope, heard: Heard) -> Answer:
        """Answer for what is not there. Whether a protected output has something there is not said."""
        needed = frozenset() if path.startswith("article/") and not self._all_closed else self._access.needed(path)
        if needed and not self._may_read(needed, scope, heard):
            return _unauthorised(path)
        new_home = self._departures.new_home(path)
        if new_home:
            return _moved(path, new_home, scope["query_string"])
        return _page(404 if new_home is None else 410, path)

    async def _found(self, scope: Scope, heard: Heard, receive: Receive) -> Answer:
        """Answer with the page of what is found. Where everything needs a token, so does this."""
        if self._all_closed and not self._may_read(frozenset({ALL}), scope, heard):
            return _unauthorised(SEARCH)
        return await self._searches.answer(self._search, scope["query_string"].decode("latin-1"), receive)

    def _search(self) -> Search:
        """Give what searches at this moment: another configuration may have brought another index."""
        return self._options.search or (lambda _, __: b"")

    @property
    def _all_closed(self) -> bool:
        return ALL in self._options.protected

    def _may_read(self, needed: frozenset[str], scope: Scope, heard: Heard) -> bool:
        return self._access.opens(needed, presented(scope["query_string"], _said(heard, b"authorization")))

    def _of_file(self, ready: Ready, scope: Scope, heard: Heard) -> Answer:
        """Give what this request gets of a file: nothing new, only what is new, or all of it."""
        if ready.needs and not self._may_read(ready.needs, scope, heard):
            return _unauthorised(ready.file.path)
        coding = best_coding(heard.get(b"accept-encoding", b"").decode("latin-1"), ready.codings)
        if (b"if-none-match" in heard or b"if-modified-since" in heard) and _is_known(ready, heard):
            return ready.variants[coding].same
        base = _held_version(ready, heard) if b"a-im" in heard else None
        if base is not None:
            return self._news_since(base, ready, coding)
        if not ready.file.complete and b"br" in heard.get(b"accept-encoding", b""):
            self._better_next_time(ready, heard)
        variant = ready.variants[coding]
        return variant.to_look_at if b"text/html" in heard.get(b"accept", b"") else variant.whole

    def _better_next_time(self, ready: Ready, heard: Heard) -> None:
        """Have the brotli form made for a client that would rather have it; this time it gets what there is."""
        if best_coding(heard[b"accept-encoding"].decode("latin-1"), ("br", *ready.codings)) == "br":
            self._files.complete(ready.file.path)

    def _news_since(self, base: str, ready: Ready, coding: str) -> Answer:
        key = ready.file.path, ready.file.digest, base, coding
        news = self._news.get(key)
        if news is None:
            news = _im_used(ready, base, coding)
            self._news.keep(key, news, len(news.body["body"]) + 2_000)
        return news

    def _prepare(self, file: PublishedFile) -> Ready:
        facts = page_facts(file)
        needs = self._access.needed(file.path, facts.channels)
        age = max_age(file, self._options.max_age)
        varies = ["Accept-Encoding"] + ["Accept"] * _is_styled(file.path) + ["Authorization"] * bool(needs)
        headers = {
            "Last-Modified": file.last_modified,
            "Vary": ", ".join(varies),
            "Cache-Control": cache_control(age, private=bool(needs)),
            **SAFETY,
        }
        if needs or facts.noindex or slug_of(file.path) in self._options.noindex:
            headers["X-Robots-Tag"] = "noindex"
        if file.path.endswith(FEED_ENDINGS):
            headers |= CORS
        return _ready(file, headers, needs)


def _for_method(scope: Scope, reply: Answer) -> Answer:
    return reply.bodiless() if scope["method"] == "HEAD" else reply


def _peer(scope: Scope) -> str:
    return scope["client"][0] if scope.get("client") else ""


def _heard(headers: Iterable[tuple[bytes, bytes]]) -> Heard:
    """Give the headers that matter here; those that come several times as one list (RFC 9110 §5.3)."""
    heard: Heard = {}
    for name, value in headers:
        if name in _HEARD:
            heard[name] = heard[name] + b", " + value if name in heard else value
    return heard


def _said(heard: Heard, name: bytes) -> str | None:
    value = heard.get(name)
    return None if value is None else value.decode("latin-1")


def _ready(file: PublishedFile, headers: dict[str, str], needs: frozenset[str]) -> Ready:
    made = {coding: _variant(file, coding, headers) for coding in (*file.packed, "identity")}
    tags = frozenset(_tag(file, coding).encode() for coding in made)
    return Ready(file, headers, made, tags, tuple(file.packed), needs)


def _variant(file: PublishedFile, coding: str, headers: dict[str, str]) -> Variant:
    said = {"ETag": _tag(file, coding), **headers}
    whole = {"Content-Type": file.type, **({} if coding == "identity" else {"Content-Encoding": coding}), **said}
    same = {name: said[name] for name in ON_304 if name in said}
    body = file.packed.get(coding, file.body)
    seen = answer(200, whole | {"Content-Type": _AS_PAGE}, body) if _is_styled(file.path) else answer(200, whole, body)
    return Variant(answer(200, whole, body), answer(304, same), seen)


def _is_styled(path: str) -> bool:
    """Tell whether a browser would show this with its style sheet, if only it were called XML."""
    return path.endswith((".atom", ".rss"))


def _tag(file: PublishedFile, coding: str) -> str:
    """Give the strong entity tag of a variant."""
    return f'"{file.digest}"' if coding == "identity" else f'"{file.digest}-{coding}"'


def _is_known(ready: Ready, heard: Heard) -> bool:
    if heard.get(b"if-none-match") in ready.tags:
        return True
    file = ready.file
    return not_modified(file.digest, file.modified, _said(heard, b"if-none-match"), _said(heard, b"if-modified-since"))


def _held_version(ready: Ready, heard: Heard) -> str | None:
    """Give the version of a feed that a reader holds, if it wants only what is new since and we know what that is."""
    tags, history = _said(heard, b"if-none-match"), ready.file.history
    if tags is None or history is None or not wants_news_only(_said(heard, b"a-im")):
        return None
    return history.newest_of(frozenset(entity_tags(tags)))


def _im_used(ready: Ready, base: str, coding: str) -> Answer:
    """RFC 3229 §10.4.1: the tag is that of the whole feed, which the reader has with this; a cache that knows nothing
    of it must not keep it (§10.8.3)."""
    file = ready.file
    assert file.history is not None
    body = deltas.since(file.history, base, file.body)
    headers = {
        **ready.headers,
        "Content-Type": file.type,
        "ETag": _tag(file, coding),
        "IM": "feed",
        "Delta-Base": f'"{base}"',
        "Cache-Control": "no-store, im",
        "Vary": "Accept-Encoding, A-IM, If-None-Match",
    }
    if coding != "identity":
        headers["Content-Encoding"] = coding
        body = variants.compressed(body, coding)
    return answer(226, headers, body)


def _page(status: int, path: str, headers: dict[str, str] | None = None) -> Answer:
    """Make a page that says why there is nothing else; a feed's is readable from other sites as the feed is."""
    return page(status, path, (headers or {}) | (CORS if path.endswith(FEED_ENDINGS) else {}))


def _unauthorised(path: str) -> Answer:
    """RFC 9110 §15.5.2."""
    challenge = {"WWW-Authenticate": 'Basic realm="feeds", charset="UTF-8"', "Cache-Control": "no-store"}
    return _page(401, path, challenge)


def _moved(path: str, new_home: str, query: bytes) -> Answer:
    """Send a subscriber on for good, its token with it. The address is relative, so that it is right under any host."""
    kept = f"?{query.decode()}" if _PLAIN.fullmatch(query) else ""
    return _page(301, path, {"Location": new_home + kept, "Cache-Control": "public, max-age=3600"})


def _refused(method: str, path: str, heard: Heard) -> Answer:
    """Answer a browser that asks for leave to send a conditional request from another site; refuse all else."""
    if method == "OPTIONS" and b"access-control-request-method" in heard and path.endswith(FEED_ENDINGS):
        return answer(204, _PREFLIGHT | SAFETY)
    return answer(405, {"Allow": ", ".join(METHODS), **SAFETY}, b"")

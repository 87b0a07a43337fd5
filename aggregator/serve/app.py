"""The published files as an ASGI application: exact types, validators, compression, nothing unpublished.

What is asked for often is answered from memory: the messages of such an answer stand ready, and a request costs one
look at the file's time.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from starlette.types import Receive, Scope, Send

from aggregator import deltas, variants
from aggregator.serve.answers import SAFETY, Answer, answer, page
from aggregator.serve.caching import cache_control, max_age
from aggregator.serve.files import FEED_ENDINGS, PublishedFile, PublishedFiles
from aggregator.serve.memory import Memory
from aggregator.serve.negotiate import best_coding, entity_tags, not_modified, wants_news_only

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
        b"accept-encoding",
        b"access-control-request-method",
        b"authorization",
        b"if-modified-since",
        b"if-none-match",
        b"x-forwarded-for",
    )
)
_NEWS_BYTES = 8_000_000

Heard = dict[bytes, bytes]


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """What is served, and how long a reader may take an answer for fresh while its rhythm is not known."""

    directory: Path
    max_age: timedelta = timedelta(minutes=5)


def create_app(options: ServeOptions) -> "Site":
    """Make the application that serves what is published below `options.directory`, at the same paths."""
    return Site(options)


@dataclass(frozen=True, slots=True)
class Variant:
    """A file in one coding: whole, and for those who have it."""

    whole: Answer
    same: Answer


@dataclass(frozen=True, slots=True)
class Ready:
    """A file with its answers. `tags` are those that its variants bear."""

    file: PublishedFile
    headers: dict[str, str]
    variants: dict[str, Variant]
    tags: frozenset[bytes]


class Site:
    """Answers every request from the published files."""

    def __init__(self, options: ServeOptions) -> None:
        self._options = options
        self._files = PublishedFiles(options.directory, self._prepare)
        self._news: Memory[tuple[str, str, str, str], Answer] = Memory(_NEWS_BYTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; whatever breaks in us is logged, and said without a word about the request."""
        try:
            reply = self.at_once(scope) or await self._answer(scope)
        except Exception:
            log.exception("request not answered", extra={"path": scope["path"]})
            reply = page(500, scope["path"])
        await send(reply.start)
        await send(reply.body)

    def at_once(self, scope: Scope) -> Answer | None:
        """Give the answer if that takes no waiting: the file is in memory and has not changed.

        Whatever breaks here breaks again the usual way, where it is logged.
        """
        try:
            return self._at_once(scope)
        except Exception:
            return None

    def _at_once(self, scope: Scope) -> Answer | None:
        path = scope["path"].removeprefix("/") or INDEX
        ready = self._files.at_hand(path) if scope["method"] in METHODS else None
        return None if ready is None else self._of_file(ready, scope["method"], _heard(scope["headers"]))

    async def _answer(self, scope: Scope) -> Answer:
        method, path = scope["method"], scope["path"].removeprefix("/") or INDEX
        if method not in METHODS:
            return _refused(method, path, _heard(scope["headers"]))
        ready = await self._files.get(path)
        if ready is not None:
            return self._of_file(ready, method, _heard(scope["headers"]))
        return _for_method(method, page(404, path))

    def _of_file(self, ready: Ready, method: str, heard: Heard) -> Answer:
        """Give what this request gets of a file: nothing new, only what is new, or all of it."""
        coding = best_coding(heard.get(b"accept-encoding", b"").decode("latin-1"), tuple(ready.file.packed))
        if (b"if-none-match" in heard or b"if-modified-since" in heard) and _is_known(ready, heard):
            return ready.variants[coding].same
        base = _held_version(ready, heard) if b"a-im" in heard else None
        found = ready.variants[coding].whole if base is None else self._news_since(base, ready, coding)
        return _for_method(method, found)

    def _news_since(self, base: str, ready: Ready, coding: str) -> Answer:
        key = ready.file.path, ready.file.digest, base, coding
        news = self._news.get(key)
        if news is None:
            news = _im_used(ready, base, coding)
            self._news.keep(key, news, len(news.body["body"]) + 2_000)
        return news

    def _prepare(self, file: PublishedFile) -> Ready:
        age = max_age(file, self._options.max_age)
        headers = {
            "Last-Modified": file.last_modified,
            "Vary": "Accept-Encoding",
            "Cache-Control": cache_control(age, private=False),
            **SAFETY,
        }
        if file.path.endswith(FEED_ENDINGS):
            headers |= CORS
        return _ready(file, headers)


def _for_method(method: str, reply: Answer) -> Answer:
    return reply.bodiless() if method == "HEAD" else reply


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


def _ready(file: PublishedFile, headers: dict[str, str]) -> Ready:
    made = {coding: _variant(file, coding, headers) for coding in (*file.packed, "identity")}
    return Ready(file, headers, made, frozenset(_tag(file, coding).encode() for coding in made))


def _variant(file: PublishedFile, coding: str, headers: dict[str, str]) -> Variant:
    said = {"ETag": _tag(file, coding), **headers}
    whole = {"Content-Type": file.type, **({} if coding == "identity" else {"Content-Encoding": coding}), **said}
    same = {name: said[name] for name in ON_304 if name in said}
    return Variant(answer(200, whole, file.packed.get(coding, file.body)), answer(304, same))


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


def _refused(method: str, path: str, heard: Heard) -> Answer:
    """Answer a browser that asks for leave to send a conditional request from another site; refuse all else."""
    if method == "OPTIONS" and b"access-control-request-method" in heard and path.endswith(FEED_ENDINGS):
        return answer(204, _PREFLIGHT | SAFETY)
    return answer(405, {"Allow": ", ".join(METHODS), **SAFETY}, b"")

"""The one HTTP client: conditional GETs, polite to servers, bounded in time and size, and kept off private networks.

This room is the only one that knows httpx. What the network and the servers do comes back as a value, never as an
exception.
"""

import asyncio
import ssl
import time
from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import unquote_to_bytes

import httpcore
import httpx

from aggregator.fetch.address import shown, web_address, without_login
from aggregator.fetch.body import OFFERED, Body, missing_end
from aggregator.fetch.failures import Failed, in_seconds, in_words, quoted, root_reason, too_large
from aggregator.fetch.guard import BoundedHead, Guard, Resolve, resolve_name
from aggregator.fetch.local import is_file_url, read_file
from aggregator.fetch.names import Names
from aggregator.fetch.politeness import Lanes, Turn, host_of
from aggregator.fetch.wire import Wire
from aggregator.records import Failure, Fetched, FetchFailed, FetchResult, NotModified, Redirect, Validators

FEED_ACCEPT = (
    "application/atom+xml, application/rss+xml, application/rdf+xml, application/feed+json, "
    "application/xml;q=0.9, text/xml;q=0.9, application/json;q=0.8, */*;q=0.1"
)
"""What a feed may come as, the exact types first."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PORTS = {"http": 80, "https": 443}
_DOCUMENTS = frozenset({200, 203, 226})
_TELL_THE_END = ("content-length", "transfer-encoding", "content-encoding")  # without, the end is where it closes
_MAX_HOPS = 5
_LOOKUPS = 16  # names looked up at once: the system has few threads for it, and waiting for one is no server's fault
_OURS = frozenset({"Host", "Accept-Encoding", "Connection", "Content-Length", "Transfer-Encoding", "Cookie"})

_DOING = {  # httpcore's names for the steps of an exchange
    "connection.connect_tcp.started": "looking up the name and connecting",
    "connection.start_tls.started": "in the TLS handshake",
    "http11.send_request_headers.started": "sending the request",
    "http11.receive_response_headers.started": "waiting for the answer",
    "http11.receive_response_body.started": "reading the body",
}
_CONNECTING = _DOING["connection.connect_tcp.started"]
_IN_HANDSHAKE = _DOING["connection.start_tls.started"]
_IN_BODY = _DOING["http11.receive_response_body.started"]


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """What is the same for all requests: `allow_networks` are the private networks (CIDR) that may be fetched from,
    `concurrency` bounds the requests under way at once, `per_host` those to one host and to one address; the starts of
    requests to one host are `spacing` apart. What a name resolved to is used again for `names_kept`. Without `direct`,
    httpx's own transport sends the requests; without `wire` a body is always decoded, and nothing is kept of how it
    came."""

    user_agent: str
    allow_networks: tuple[str, ...] = ()
    concurrency: int = 64
    connect_timeout: timedelta = timedelta(seconds=10)
    per_host: int = 1
    spacing: timedelta = timedelta(0)
    names_kept: timedelta = timedelta(seconds=60)
    direct: bool = True
    wire: bool = True


class Client:
    """Fetches documents over HTTP and from files. Make one and keep it: its TLS context takes 25 ms to build.

    `resolve` gives the addresses of a host name; the system's resolver does so unless another is given. The
    certificates trusted are certifi's, or those of SSL_CERT_FILE or SSL_CERT_DIR where these are set. `lanes` are those
    of the hosts, by `politeness.host_of`.

    Raises:
        ConfigError: an entry of `allow_networks` is no network.
    """

    def __init__(self, options: ClientOptions, resolve: Resolve = resolve_name) -> None:
        self._options = options
        self._slots = asyncio.Semaphore(options.concurrency)
        self._lookups = asyncio.Semaphore(_LOOKUPS)
        self.lanes = Lanes(per_host=options.per_host, spacing=options.spacing)
        self._queues = Lanes(per_host=options.per_host, spacing=options.spacing)
        self._address_lanes = Lanes(per_host=options.per_host, spacing=timedelta(0))
        backend = None if options.direct else httpcore.AnyIOBackend()
        self._guard = Guard(options.allow_networks, Names(resolve, kept=options.names_kept), backend)
        self._transports: dict[str, httpx.AsyncBaseTransport] = {}  # by scheme
        self._proxied: dict[str, httpx.AsyncHTTPTransport] = {}

    def keep_rhythm_of(self, other: "Client") -> None:
        """Go on where another client was with each host: when it was asked last, and until when it wants to be left
        alone. The other one is not to be used any more."""
        mine, theirs = self._options, other._options
        if (mine.per_host, mine.spacing) == (theirs.per_host, theirs.spacing):
            self.lanes, self._queues, self._address_lanes = other.lanes, other._queues, other._address_lanes

    async def get(
        self,
        url: str,
        *,
        validators: Validators | None = None,
        timeout: timedelta = timedelta(seconds=30),  # noqa: ASYNC109 (callers give a source's own)
        max_bytes: int = 10_000_000,
        accept: str = FEED_ACCEPT,
        headers: Mapping[str, str] | None = None,
        proxy: str | None = None,
        wire: str = "",
    ) -> FetchResult:
        """Get one document: over http:, https: or from a file:.

        Each request waits for its turn at its host, then at its address, then for a free slot; none of that counts
        against `timeout`, which bounds all the rest, redirects and body included.

        `wire` is that of a document that was whole (`Fetched.wire`): where its bytes come again, they are not decoded.

        `max_bytes` bounds the body, on the wire and decoded. `validators` are sent only to the URL that gave them.
        `headers`, and the credentials that stand in the URL, go to the origin of `url` only, wherever it redirects to;
        cookies and what frames a request cannot be set with them and are passed over. With `proxy`, that one connects;
        it resolves the names, so only hosts that are written as addresses can be judged here.
        """
        wanted = _Wanted(validators or Validators(), timeout, max_bytes, accept, headers or {}, proxy, wire)
        journey = _Journey(shown(url), timeout)
        try:
            if is_file_url(url):
                async with self._slots, journey.running("reading the file"):
                    return await asyncio.to_thread(read_file, url, max_bytes)
            result = await self._travel(url, journey, wanted)
        except (Failed, httpx.HTTPError, OSError) as error:
            result = journey.failed(error if isinstance(error, Failed) else _failure_of(error, journey.doing))
        return replace(result, waited=timedelta(seconds=journey.waited or 0))

    @asynccontextmanager
    async def in_queue(self, url: str) -> AsyncIterator[timedelta]:
        """Wait until it is the turn of a whole piece of work that begins with a request to this URL's host, and hold
        that place. What is given is zero, or how long the host is to be left alone yet: then nothing is to be sent.

        Those who wait here hold nothing, and those who work wait for nobody here.
        """
        key = host_of(url)
        if key is None:
            yield timedelta(0)
            return
        async with self._queues.turn(key) as turn:
            yield max(turn.quiet, self.lanes.paused_for(key))

    def refused(self, url: str, feed: str, quiet: timedelta) -> bool:
        """Note that a URL's host told a feed to come back later. Tell whether that pauses the whole host."""
        key = host_of(url)
        if key is None or not self.lanes.refused(key, feed, quiet):
            return False
        self._queues.pause(key, self.lanes.paused_for(key))
        return True

    async def aclose(self) -> None:
        """Close all connections."""
        for transport in (*self._transports.values(), *self._proxied.values()):
            await transport.aclose()

    @cached_property
    def _context(self) -> ssl.SSLContext:
        """The TLS context; made when the first https: address is asked, or the first proxy."""
        return httpx.create_ssl_context()

    def _transport_by(self, scheme: str, proxy: str | None) -> httpx.AsyncBaseTransport:
        """Give the guarded transport, or the one over a proxy. The proxy is the operator's, so it may be anywhere."""
        if proxy is None:
            if scheme not in self._transports:
                context = self._context if scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                self._transports[scheme] = (
                    Wire(context, self._guard)
                    if self._options.direct
                    else _guarded_transport(context, self._guard, self._options.concurrency)
                )
            return self._transports[scheme]
        if proxy not in self._proxied:
            limits = httpx.Limits(max_connections=self._options.concurrency, max_keepalive_connections=0)
            self._proxied[proxy] = httpx.AsyncHTTPTransport(
                verify=self._context, proxy=httpx.Proxy(proxy), trust_env=False, limits=limits
            )
        return self._proxied[proxy]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _travel(self, url: str, journey: "_Journey", wanted: "_Wanted") -> FetchResult:
        """Ask, and follow where the answers point, until one of them is the document or a failure."""
        address = start = web_address(url)
        while True:
            journey.arrive(address)
            async with self._when_it_is_our_turn(address, journey, wanted.proxy):
                response = await self._ask(address, start, journey, wanted)
                try:
                    journey.hear(response)
                    if response.status_code not in _REDIRECTS:
                        return await _result(response, journey, wanted, keeping_wire=self._options.wire)
                    address = journey.next_address(response)
                finally:
                    await response.aclose()

    @asynccontextmanager
    async def _when_it_is_our_turn(
        self, address: httpx.URL, journey: "_Journey", proxy: str | None
    ) -> AsyncIterator[None]:
        """Let one request be made inside. Between two hops nothing is held: a host never waits for another one."""
        host, port = address.raw_host.decode("ascii"), address.port or _PORTS[address.scheme]
        connect_timeout = min(self._options.connect_timeout, journey.timeout).total_seconds()
        async with self._at_the_host(host) as own:
            if proxy is not None:
                self._guard.judge_literal(host)
                async with self._slots, journey.running(_CONNECTING):
                    await own.begin()
                    journey.start()
                    yield
                return
            async with self._lookups, journey.running(_CONNECTING):
                addresses = await self._guard.addresses(host, port, connect_timeout)
            async with self._address_lanes.turn(addresses[0]), self._slots:
                await own.begin()
                journey.start()
                with self._guard.connecting_to(host, port, addresses):
                    async with journey.running(_CONNECTING):
                        yield

    @asynccontextmanager
    async def _at_the_host(self, host: str) -> AsyncIterator[Turn]:
        """Wait for a turn at a host, and hold it.

        Raises:
            Failed: the host asked to be left alone.
        """
        async with self.lanes.turn(host.rstrip(".")) as own:
            if own.quiet:
                raise Failed(Failure.REFUSED, f"{host} wants to be left alone for {in_words(own.quiet)} more")
            yield own

    async def _ask(
        self, address: httpx.URL, start: httpx.URL, journey: "_Journey", wanted: "_Wanted"
    ) -> httpx.Response:
        """Send one request and give the answer with its body unread.

        It goes to the transport and not through `httpx.AsyncClient`, which keeps cookies, logs whole URLs, and raises
        on a Location that it cannot read even when it was told not to follow redirects.
        """
        headers = {
            b"Host": address.netloc,
            b"User-Agent": self._options.user_agent.encode(),
            b"Accept": wanted.accept.encode(),
            b"Accept-Encoding": OFFERED.encode(),
            b"Connection": b"close",
        }
        if _origin(address) == _origin(start):
            headers |= _private_headers(start, wanted.headers)
        if wanted.validators.url == journey.url:
            headers |= _conditions(wanted.validators)
        connect = min(self._options.connect_timeout, wanted.timeout).total_seconds()
        request = httpx.Request(
            "GET",
            without_login(address),
            headers=list(headers.items()),
            extensions={"trace": journey.note, "timeout": httpx.Timeout(None, connect=connect).as_dict()},
        )
        if (address.scheme == "https" or wanted.proxy) and "_context" not in vars(self):
            await asyncio.to_thread(getattr, self, "_context")  # it takes 25 ms, for which nobody else is to wait
        response = await self._transport_by(address.scheme, wanted.proxy).handle_async_request(request)
        response.request = request
        return response


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What one get was asked for."""

    validators: Validators
    timeout: timedelta
    max_bytes: int
    accept: str
    headers: Mapping[str, str]
    proxy: str | None = None
    wire: str = ""


@dataclass(slots=True)
class _Journey:
    """How far one get has come: where it is, what it is doing there and what was answered, for the result to tell.

    `used` is what it has taken of its timeout, `waited` how long it stood in line before the first request, in seconds.
    """

    url: str
    timeout: timedelta
    used: float = 0
    came: float = field(default_factory=time.monotonic)
    waited: float | None = None
    doing: str = "waiting"
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    redirects: tuple[Redirect, ...] = ()
    visited: set[str] = field(default_factory=set)

    async def note(self, event: str, facts: Mapping[str, Any]) -> None:
        """Note what httpcore begins to do."""
        self.doing = _DOING.get(event, self.doing)

    @asynccontextmanager
    async def running(self, doing: str) -> AsyncIterator[None]:
        """Let what is done inside use up the timeout.

        Raises:
            Failed: nothing is left of it.
        """
        self.doing = doing
        loop = asyncio.get_running_loop()
        began = loop.time()
        deadline = asyncio.timeout(self.timeout.total_seconds() - self.used)
        try:
            async with deadline:
                yield
        except (Failed, httpx.HTTPError, OSError) as error:
            if deadline.expired():
                raise _too_late(self.timeout, self.doing) from error
            raise
        finally:
            self.used += loop.time() - began

    def start(self) -> None:
        """Note that a request is made now."""
        if self.waited is None:
            self.waited = time.monotonic() - self.came

    def arrive(self, address: httpx.URL) -> None:
        """Note the address that is asked now."""
        self.url = str(without_login(address))
        self.status, self.headers = None, ()
        self.visited.add(self.url)

    def hear(self, response: httpx.Response) -> None:
        """Note the head of the answer, byte for byte (latin-1)."""
        self.status = response.status_code
        self.headers = tuple(
            (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in response.headers.raw
        )

    def next_address(self, response: httpx.Response) -> httpx.URL:
        """Give the address that a redirect points to.

        Raises:
            Failed: it points nowhere, in a circle, to a scheme that is not ours, or is one too many.
        """
        status, location = response.status_code, response.headers.get("location", "").strip()
        if not location:
            raise Failed(Failure.REDIRECT, f"the server redirects ({status}) without saying where to")
        address = _redirect_target(response.url, location)
        target = str(address)
        self.redirects += (Redirect(status, target),)
        if target in self.visited:
            raise Failed(Failure.REDIRECT, f"the redirects go in a circle, back to {quoted(target)}")
        if len(self.redirects) > _MAX_HOPS:
            raise Failed(Failure.REDIRECT, f"there are more than {_MAX_HOPS} redirects in a row")
        return address

    def header(self, name: str) -> str | None:
        """Give the first value of a header of the answer; an empty one is none."""
        return next((value for key, value in self.headers if key == name), None) or None

    def failed(self, why: Failed) -> FetchFailed:
        """Give the failure that ends the journey here."""
        return FetchFailed(why.kind, why.detail, self.url, self.status, self.headers, self.redirects)


async def _result(
    response: httpx.Response, journey: _Journey, wanted: _Wanted, *, keeping_wire: bool
) -> FetchResult:
    """Make an answer that is no redirect into what it means. The body of an error is not read.

    Raises:
        Failed: it is no document.
    """
    status = response.status_code
    if status == HTTPStatus.NOT_MODIFIED:
        return _not_modified(response.request, journey, wanted.validators)
    if status in _DOCUMENTS:
        body = await _received(response, journey, wanted.max_bytes, wanted.wire if keeping_wire else "")
        validators = Validators(journey.url, journey.header("etag"), journey.header("last-modified"))
        fetched = Fetched(journey.url, status, journey.headers, b"", validators, journey.redirects)
        if body.is_as_before():
            return replace(fetched, wire=wanted.wire, same=True)
        whole = await _whole(body, journey)
        if not keeping_wire:
            return replace(fetched, body=whole)
        return replace(fetched, body=whole, wire=body.wire, gzip=body.gzip)
    answer = f"the server answers {status} {_reason_phrase(response)}".rstrip()
    if status == HTTPStatus.GONE:
        raise Failed(Failure.GONE, f"{answer}: the document was removed for good")
    raise Failed(Failure.STATUS, f"{answer}, which is no whole document" if status < 300 else answer)


def _not_modified(request: httpx.Request, journey: _Journey, sent: Validators) -> NotModified:
    if "if-none-match" not in request.headers and "if-modified-since" not in request.headers:
        raise Failed(
            Failure.PROTOCOL, "the server answers 304 Not Modified although it was not asked whether anything changed"
        )
    etag = journey.header("etag") or sent.etag
    validators = Validators(journey.url, etag, journey.header("last-modified") or sent.last_modified)
    return NotModified(journey.url, journey.headers, validators, journey.redirects)


async def _received(response: httpx.Response, journey: _Journey, max_bytes: int, before: str) -> Body:
    """Read a body, letting others run after each piece; as long as it may be the one before, it is not decoded."""
    length = journey.header("content-length") or ""
    if length.isdecimal() and not journey.header("transfer-encoding") and int(length) > max_bytes:
        raise too_large(max_bytes, int(length))
    stream = response.extensions["network_stream"]
    if isinstance(stream, BoundedHead):
        stream.head_is_complete()
    encoding, kind = response.headers.get("content-encoding", ""), journey.header("content-type") or ""
    body = Body(encoding, max_bytes, kind, before)
    # httpx types its generator as an iterator; left to the garbage collector it would be closed at a random moment
    async with aclosing(cast(AsyncGenerator[bytes, None], response.aiter_raw())) as chunks:
        async for chunk in chunks:
            for _ in body.take(chunk):
                await asyncio.sleep(0)
    return body


async def _whole(body: Body, journey: _Journey) -> bytes:
    for _ in body.catch_up():
        await asyncio.sleep(0)
    whole = body.finish()
    if not any(journey.header(name) for name in _TELL_THE_END) and (end := missing_end(whole)):
        raise Failed(Failure.TRUNCATED, f"the body breaks off before its end: it lacks {end}, and no length was said")
    return whole


def _conditions(validators: Validators) -> dict[bytes, bytes]:
    """Give the headers that ask "has it changed?" with the very bytes that the server gave."""
    asked = {b"If-None-Match": validators.etag, b"If-Modified-Since": validators.last_modified}
    return {name: value for name, text in asked.items() if (value := _sendable(text))}


def _sendable(value: str | None) -> bytes | None:
    """Give a header value as bytes, or None where it cannot go into a request (RFC 9110 §5.5; h11 raises on these)."""
    try:
        raw = (value or "").encode("latin-1")
    except UnicodeEncodeError:
        return None
    forbidden = b"\0\r\n\v\f"
    return None if raw != raw.strip() or any(byte in forbidden for byte in raw) else raw


def _private_headers(start: httpx.URL, headers: Mapping[str, str]) -> dict[bytes, bytes]:
    """Give the headers that only the origin first asked may see: the caller's, and the URL's credentials (RFC 7617)."""
    own = {name.title(): value for name, value in headers.items() if name.title() not in _OURS}
    private = {name.encode(): value.encode() for name, value in own.items()}
    if start.userinfo:
        user, _, password = start.userinfo.partition(b":")
        pair = unquote_to_bytes(user) + b":" + unquote_to_bytes(password)
        private.setdefault(b"Authorization", b"Basic " + b64encode(pair))
    return private


def _origin(address: httpx.URL) -> tuple[str, bytes, int | None]:
    return address.scheme, address.raw_host, address.port


def _redirect_target(base: httpx.URL, location: str) -> httpx.URL:
    """Resolve a Location. Credentials in it are dropped: whose we send is the operator's choice, not the server's."""
    try:
        return without_login(web_address(str(base.join(location))))
    except (httpx.InvalidURL, ValueError) as error:
        raise Failed(Failure.REDIRECT, f"the server redirects to nowhere: {quoted(location)}") from error
    except Failed as error:
        if error.kind is Failure.ADDRESS:
            raise Failed(Failure.REDIRECT, f"the server redirects to nowhere: {error.detail}") from error
        raise


def _reason_phrase(response: httpx.Response) -> str:
    return quoted(response.reason_phrase.strip()) or httpx.codes.get_reason_phrase(response.status_code)


def _too_late(timeout: timedelta, doing: str) -> Failed:
    seconds = in_seconds(timeout.total_seconds())
    return Failed(Failure.TIMEOUT, f"no whole answer within {seconds}: it was still {doing}")


def _failure_of(error: httpx.HTTPError | OSError, doing: str) -> Failed:
    """Give the kind of failure that an error of the layers below stands for, and its message."""
    reason = root_reason(error)
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return Failed(Failure.TIMEOUT, f"nothing came in time {doing}")
    if doing == _IN_HANDSHAKE or isinstance(error, ssl.SSLError):
        return Failed(Failure.TLS, f"no secure connection: {_tls_reason(error) or reason}")
    if doing == _IN_BODY and (isinstance(error, httpx.NetworkError) or "peer closed" in str(error)):
        return Failed(Failure.TRUNCATED, f"the body breaks off before its end: {reason}")
    if isinstance(error, httpx.LocalProtocolError):
        return Failed(Failure.PROTOCOL, f"the request cannot be sent as it stands: {reason}")
    if isinstance(error, httpx.ProtocolError):
        return Failed(Failure.PROTOCOL, f"the server does not speak proper HTTP: {reason}")
    return Failed(Failure.CONNECT, f"the connection broke off {doing}: {reason}")


def _tls_reason(error: BaseException) -> str:
    """Give OpenSSL's own words: what is wrong with the certificate, or with the handshake."""
    link: BaseException | None = error
    while link is not None and not isinstance(link, ssl.SSLError):
        link = link.__cause__ or link.__context__
    if isinstance(link, ssl.SSLCertVerificationError):
        return f"the certificate is not valid: {quoted(link.verify_message)}"
    return quoted(link.reason.replace("_", " ").lower()) if link and link.reason else ""


def _guarded_transport(context: ssl.SSLContext, guard: Guard, concurrency: int) -> httpx.AsyncHTTPTransport:
    """Make httpx's transport over a pool whose connections go through the guard.

    httpx has no parameter for the network backend, so the pool that the transport has made is replaced. Idle
    connections are not kept: most feeds are on a host of their own, and the pool's cost grows with their square.
    """
    transport = httpx.AsyncHTTPTransport(verify=context, trust_env=False)
    transport._pool = httpcore.AsyncConnectionPool(
        ssl_context=context,
        network_backend=guard,
        max_connections=concurrency,
        max_keepalive_connections=0,
        http1=True,
        http2=False,
    )
    return transport

"""No address that is not allowed is connected to, however it is spelled and by whichever way it comes in.

One address of loopback serves the documents and is allowed; on all others a canary listens, on every port that is
named. Names that resolve to something else the second time, and answers that mix, are proven where a resolver can be
given: `test_fetch_guard.py`.
"""

import html
import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

ALLOWED = "127.9.9.9"
LOOPBACK = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "127.0.0.1.",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "user:pw@127.0.0.1",
    "0.0.0.0",
    "0",
    "127。0。0。1",
    "１２７.0.0.1",
    "%31%32%37.0.0.1",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[::1]",
    "[::]",
    "127.9.9.8",
]
ELSEWHERE = [
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "[::ffff:169.254.169.254]",
    "[fd00:ec2::254]",
    "[fe80::a9fe:a9fe]",
    "168.63.129.16",
    "100.100.100.200",
    "10.0.0.1",
    "0x0a000001",
    "172.16.0.1",
    "192.168.0.1",
    "[fc00::1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
]
SPELLINGS = [*LOOPBACK, *ELSEWHERE]
REACHES = ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "127.9.9.8", "[::ffff:127.0.0.1]"]
CONFIG = """
[site]
url = "https://finews.example.org/"
[store]
path = "aggregator.db"
[publish]
directory = "public"
[fetch]
spacing = "0s"
per_host = 16
timeout = "5s"
allow_networks = {allowed}
"""
REFUSALS = ("not fetched from", "is no URL", "no proper host name", "has no address", "redirects to nowhere")


class Listener:
    """Counts every connection, even one that says nothing. Each path has its status, a header and a document."""

    def __init__(self, *addresses: str, otherwise: tuple[int, str, str] = (404, "", "")) -> None:
        self.connections = 0
        self.otherwise = otherwise
        self.documents: dict[str, tuple[int, str, str]] = {}
        self._sockets: list[socket.socket] = []
        self.port = 0
        for address in addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            listening = socket.create_server((address, self.port), family=family, backlog=200)
            self.port = listening.getsockname()[1]
            self._sockets.append(listening)
            threading.Thread(target=self._serve, args=(listening,), daemon=True).start()

    def serves(self, path: str, body: str, header: str = "Content-Type: text/xml", status: int = 200) -> str:
        """Set what is answered on a path; give its address."""
        self.documents[path] = (status, header, body)
        return f"http://{ALLOWED}:{self.port}{path}"

    def close(self) -> None:
        for listening in self._sockets:
            listening.shutdown(socket.SHUT_RDWR)
            listening.close()

    def _serve(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            try:
                path = connection.recv(65536).split(b" ")[1].decode()
                status, header, body = self.documents.get(path, self.otherwise)
                content = body.encode()
                head = f"HTTP/1.1 {status} So\r\n{header or 'X-Any: thing'}\r\nContent-Length: {len(content)}\r\n\r\n"
                connection.sendall(head.encode() + content)
            except (OSError, IndexError):
                return


def feed(link: str, more: str = "") -> str:
    item = "<item><title>t</title><guid>1</guid><link>https://x.example/1</link></item>"
    atom = 'xmlns:atom="http://www.w3.org/2005/Atom"'
    title = f"<title>f</title><link>{html.escape(link)}</link><description>d</description>"
    return f'<rss version="2.0" {atom}><channel>{title}{more}{item}</channel></rss>'


def page(link: str) -> str:
    head = f'<link rel="alternate" type="application/rss+xml" title="f" href="{html.escape(link)}">'
    return f"<!doctype html><html><head><title>p</title>{head}</head><body><p>Hello.</p></body></html>"


@pytest.fixture
def canary() -> Iterator[Listener]:
    """What must not be reached: it listens on all of 127.0.0.0/8, and on ::1 where there is one."""
    a_feed = (200, "Content-Type: application/rss+xml", feed("https://x.example/"))
    listener = Listener("0.0.0.0", *(["::1"] if _has_ipv6() else []), otherwise=a_feed)
    yield listener
    listener.close()


@pytest.fixture
def host() -> Iterator[Listener]:
    """What may be reached: it serves the documents that point to the canary."""
    listener = Listener(ALLOWED)
    yield listener
    listener.close()


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def tables(urls: list[str], more: str = "") -> str:
    return "".join(f"[sources.s{n}]\nurl = {json.dumps(url)}\n{more}\n" for n, url in enumerate(urls))


def directly(more: str) -> Callable[[Listener, list[str]], str]:
    return lambda host, urls: tables(urls, more)


def in_a_list_of_subscriptions(host: Listener, urls: list[str]) -> str:
    outlines = "".join(f'<outline text="o{n}" xmlUrl="{html.escape(url)}"/>' for n, url in enumerate(urls))
    body = f'<opml version="2.0"><head/><body>{outlines}</body></opml>'
    return tables([host.serves("/list.opml", body)], 'kind = "opml"')


def as_articles(host: Listener, urls: list[str]) -> str:
    url = host.serves("/list.json", json.dumps([{"id": f"a{n}", "u": url} for n, url in enumerate(urls)]))
    article = 'article = { url = "{guid}", content = "$.text" }'
    return tables([url], f'kind = "json"\nitems = "$[*]"\ninfo_code = "$.id"\ntitle = "$.id"\nguid = "$.u"\n{article}')


def on_pages(host: Listener, urls: list[str]) -> str:
    return tables([host.serves(f"/page/{n}", page(url), "Content-Type: text/html") for n, url in enumerate(urls)])


def by_redirect(host: Listener, urls: list[str]) -> str:
    moved = enumerate(urls)
    return tables([host.serves(f"/moved/{n}", "", f"Location: {url}", status=(301, 302)[n % 2]) for n, url in moved])


def as_older_pages(host: Listener, urls: list[str]) -> str:
    links = [f'<atom:link rel="prev-archive" href="{html.escape(url)}"/>' for url in urls]
    return tables([host.serves(f"/paged/{n}", feed("https://x.example/", link)) for n, link in enumerate(links)])


def as_their_sites_page(host: Listener, urls: list[str]) -> str:
    return tables([host.serves(f"/feed/{n}", feed(url)) for n, url in enumerate(urls)])


WAYS: dict[str, Callable[[Listener, list[str]], str]] = {
    "as feeds": directly(""),
    "as pages": directly('kind = "html"\nitems = "li"\nlink = "a@href"'),
    "as lists": directly('kind = "json"\nitems = "$[*]"\ninfo_code = "$.id"\ntitle = "$.t"'),
    "as lists of subscriptions": directly('kind = "opml"'),
    "in a list of subscriptions": in_a_list_of_subscriptions,
    "as articles": as_articles,
    "named by pages": on_pages,
    "by redirect": by_redirect,
    "as older pages": as_older_pages,
    "as their site's page": as_their_sites_page,
}


def addresses(spellings: list[str], port: int) -> list[str]:
    return [f"http://{spelling}:{port}/x{n}" for n, spelling in enumerate(spellings)]


def configure(workspace: Any, sources: str, *allowed: str) -> None:
    networks = json.dumps([f"{ALLOWED}/32", *allowed])
    workspace.config.write_text(CONFIG.format(allowed=networks) + sources, encoding="utf-8")


def fetch(workspace: Any, host: Listener) -> dict[str, Any]:
    """Make a pass; then let every feed of the host be gone, and make one more."""
    first: dict[str, Any] = workspace.json("fetch", "--force", status=None)
    host.documents = {
        path: (410, "", "") if path.startswith("/feed/") else told for path, told in host.documents.items()
    }
    if any(path.startswith("/feed/") for path in host.documents):
        return workspace.json("fetch", "--force", status=None)
    return first


@pytest.mark.parametrize("way", WAYS)
def test_no_spelling_is_connected_to_by_any_way_in(workspace: Any, host: Listener, canary: Listener, way: str) -> None:
    urls = addresses(SPELLINGS, canary.port)
    configure(workspace, WAYS[way](host, urls))
    fetch(workspace, host)
    assert canary.connections == 0
    assert (host.connections > 0) is (way not in ("as feeds", "as pages", "as lists", "as lists of subscriptions"))


@pytest.mark.parametrize("way", WAYS)
def test_the_same_ways_lead_there_where_it_is_allowed(
    workspace: Any, host: Listener, canary: Listener, way: str
) -> None:
    configure(workspace, WAYS[way](host, addresses(REACHES, canary.port)), "127.0.0.0/8")
    fetch(workspace, host)
    assert canary.connections >= len(REACHES) - 1


@pytest.mark.parametrize("way", ["as feeds", "as pages", "as lists", "as lists of subscriptions", "by redirect"])
def test_each_refusal_says_that_the_address_is_none_to_fetch_from(
    workspace: Any, host: Listener, canary: Listener, way: str
) -> None:
    configure(workspace, WAYS[way](host, addresses(SPELLINGS, canary.port)))
    sources = fetch(workspace, host)["sources"]
    assert len(sources) == len(SPELLINGS)
    for spelling, source in zip(SPELLINGS, sources, strict=True):
        assert source["outcome"] == "failed", spelling
        assert any(words in source["problems"][0] for words in REFUSALS), (spelling, source["problems"])


def test_nothing_is_connected_to_when_it_is_to_be_added(workspace: Any, host: Listener, canary: Listener) -> None:
    urls = addresses(SPELLINGS, canary.port)
    pages = [host.serves(f"/page/{n}", page(url), "Content-Type: text/html") for n, url in enumerate(urls)]
    moved = [host.serves(f"/moved/{n}", "", f"Location: {url}", status=302) for n, url in enumerate(urls)]
    configure(workspace, "")
    before = workspace.config.read_bytes()
    added = workspace.json("add", *urls, *pages, *moved, status=1)
    assert added["added"] == []
    assert (canary.connections, host.connections >= 2 * len(urls)) == (0, True)
    assert workspace.config.read_bytes() == before


def test_what_is_allowed_can_be_added(workspace: Any, host: Listener, canary: Listener) -> None:
    urls = addresses(["127.0.0.1", "127.0.0.2"], canary.port)
    pages = [host.serves(f"/page/{n}", page(url), "Content-Type: text/html") for n, url in enumerate(urls)]
    configure(workspace, "", "127.0.0.0/8")
    workspace.json("add", urls[0], pages[1])
    assert canary.connections == 2

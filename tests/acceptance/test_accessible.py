"""Every page under axe-core in a real browser: on a phone and a desk, by day and by night, no serious finding."""

import json
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from xss_browser import CHROMIUM, FLAGS

from aggregator.publish.found import FoundEntry, found_page
from aggregator.records import Policies, Site, StoredEntry

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium")

SERIOUS = ("serious", "critical")
NIGHT = "--blink-settings=preferredColorScheme=0"
HARNESS = """<!doctype html><html lang="en"><meta charset="utf-8"><title>harness</title><body><script>
async function look(path, width) {
  const frame = document.createElement("iframe");
  frame.width = width; frame.height = 900; frame.title = path;
  const loaded = new Promise((go) => { frame.onload = go; });
  frame.src = path;
  document.body.append(frame);
  await loaded;
  const axe = frame.contentDocument.createElement("script");
  const ready = new Promise((go) => { axe.onload = go; });
  axe.src = "/axe.js";
  frame.contentDocument.head.append(axe);
  await ready;
  const page = frame.contentDocument.documentElement;
  const wide = page.scrollWidth > frame.contentWindow.innerWidth;
  const {violations} = await frame.contentWindow.axe.run(frame.contentDocument, {resultTypes: ["violations"]});
  frame.remove();
  return {path, width, wide, found: violations.map((one) => [one.impact, one.id, one.nodes[0].html])};
}
(async () => {
  const results = [];
  for (const path of await (await fetch("/paths")).json()) {
    for (const width of [390, 1280]) results.push(await look(path, width));
  }
  await fetch("/results", {method: "POST", body: JSON.stringify(results)});
})();
</script>"""


class Browser:
    """Shows pages of a folder, and gives what axe-core finds on them; `missing` is what they asked for in vain."""

    def __init__(self, page: Callable[[str], bytes | None]) -> None:
        self.missing: list[str] = []
        self._results: list[dict[str, Any]] = []
        self._done = threading.Event()
        self._paths: list[str] = []
        browser = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = urlsplit(self.path).path
                body = browser._own(path) or page(path.lstrip("/"))
                if body is None and path != "/favicon.ico":
                    browser.missing.append(path)
                self.send_response(404 if body is None else 200)
                kinds = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
                self.send_header("Content-Type", kinds.get(Path(path).suffix, "text/html; charset=utf-8"))
                self.end_headers()
                self.wfile.write(body or b"")

            def do_POST(self) -> None:
                browser._results = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(204)
                self.end_headers()
                browser._done.set()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def _own(self, path: str) -> bytes | None:
        own = {"/harness": HARNESS.encode(), "/paths": json.dumps(self._paths).encode()}
        return (resources.files("axe_core_python") / "axe.min.js").read_bytes() if path == "/axe.js" else own.get(path)

    def look(self, paths: list[str], *flags: str) -> list[dict[str, Any]]:
        """Show the pages in both widths."""
        assert CHROMIUM is not None
        self._paths = paths
        self._done.clear()
        address = f"http://127.0.0.1:{self._server.server_address[1]}/harness"
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # its helpers end a little later
            command = [CHROMIUM, *FLAGS, *flags, f"--user-data-dir={folder}", "--remote-debugging-port=0", address]
            with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
                try:
                    assert self._done.wait(90)
                finally:
                    process.kill()
        return self._results

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


TEXT = """<h2>小标题</h2><p>正文 <a href="https://example.org/">链接</a></p>
<p><img src="data:image/png;base64,iVBORw0KGgo=" alt="图"></p>
<table><tr><th>月份</th><th>人次</th></tr><tr><td>八月</td><td>3610</td></tr></table>
<blockquote>引文</blockquote>
<pre>a very long line of code that fits on no telephone and has to be scrolled sideways to be read at all</pre>"""


def feed(count: int) -> str:
    items = "".join(
        f"<item><title>第{n}篇：南昌</title><guid>urn:x:{n}</guid><link>https://example.org/{n}</link>"
        f"<category>城市</category><description><![CDATA[{TEXT}]]></description>"
        f"<pubDate>Fri, 20 Nov 2026 08:{n:02}:00 +0800</pubDate></item>"
        for n in range(count)
    )
    head = "<title>晚报</title><link>https://example.org/</link><language>zh-CN</language>"
    return f'<rss version="2.0"><channel>{head}{items}</channel></rss>'


@pytest.fixture(scope="module")
def pages(module_workspace: Any) -> dict[str, bytes]:
    """What the real command publishes, and the page of a search."""
    workspace = module_workspace
    (workspace.folder / "a.xml").write_text(feed(12), encoding="utf-8")
    policy = '[categories.wanbao]\ntitle = "晚报"\nnames = ["晚报"]\nentries = 5\n'
    workspace.configure(f'{policy}[sources.a]\nurl = "file:a.xml"\ncategory = "晚报"\n')
    workspace.run("fetch")
    public = workspace.folder / "public"
    found = {str(path.relative_to(public)): path.read_bytes() for path in public.rglob("*") if path.is_file()}
    return found | {"search.html": searched()}


def searched() -> bytes:
    now = datetime(2026, 11, 20, tzinfo=UTC)
    site = Site("站点", "https://example.org/", "example.org,2026", "zh-CN")
    facts = dict.fromkeys(("guid", "summary", "content", "author", "outlet", "fingerprint"), "")
    entry = StoredEntry(
        seq=1, info_code="abc", source="a", link="https://example.org/1", title="南昌", language="zh-CN",
        published=now, updated=now, first_seen=now, sort_date=now, revision=1, source_title="晚报", **facts,
    )  # fmt: skip
    hit = FoundEntry(entry, "看南昌去", [(1, 3)])
    return found_page(site, Policies(), [hit], query="南昌", page=2, more=True, problem="only the first 16 words")


@pytest.fixture
def browser(pages: dict[str, bytes]) -> Iterator[Browser]:
    browser = Browser(lambda path: pages.get(path))
    yield browser
    browser.close()


def looked_at(pages: dict[str, bytes]) -> list[str]:
    """A page of each kind."""
    article = next(path for path in pages if path.startswith("article/") and path.endswith(".html"))
    archive = next(path for path in pages if path.endswith("archive-1.html"))
    channel = f"{archive.rpartition('/')[0]}.html"
    return [f"/{path}" for path in ("index.html", channel, archive, article, "sources.html", "search.html")]


def test_no_page_has_a_serious_fault_by_day_or_by_night(pages: dict[str, bytes], browser: Browser) -> None:
    paths = looked_at(pages)
    for flags in ((), (NIGHT,)):
        results = browser.look(paths, *flags)
        assert len(results) == 2 * len(paths)
        found = [(one["path"], one["width"], *fault) for one in results for fault in one["found"]]
        assert [fault for fault in found if fault[2] in SERIOUS] == []
        assert [(one["path"], one["width"]) for one in results if one["wide"]] == []
    assert browser.missing == []


def test_a_page_that_is_hard_to_read_would_be_found(pages: dict[str, bytes]) -> None:
    pale = pages["index.html"].replace(b"<body>", b'<body style="color: #ddd; background: #fff"><img src="data:,">')
    browser = Browser(lambda path: pale if path == "index.html" else pages.get(path))
    found = {one[1] for result in browser.look(["/index.html"]) for one in result["found"] if one[0] in SERIOUS}
    browser.close()
    assert "image-alt" in found

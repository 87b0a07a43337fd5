"""A browser without a window that opens pages and touches everything on them, and the server that hears from it.

Pages are shown in frames of one harness page, many at a time, so one start of the browser is enough. The harness stands
on the pages' own origin, so it can reach into them: it clicks, focuses and points at each element, sends each form, and
asks which selectors match. No policy is sent with any page: what keeps a script from running must stand in the page.
"""

import json
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"),
    *("--disable-site-isolation-trials", "--disable-features=IsolateSandboxedIframes"),  # a process a frame costs much
)
_TOLD = re.compile(r".*/([a-z])(\d+)")
_SCRIPT = re.compile(r".*/s([a-z])(\d+)\.js(\.html)?")
_HARNESS = """<!doctype html><meta charset="utf-8"><title>harness</title><body><script>
const EVENTS = ["mouseover", "mouseenter", "pointerover", "pointerenter", "mousedown", "mouseup", "click", "focus"];
const SAFE = /^(https?|mailto|ftp|magnet):/;
const wait = (ms) => new Promise((go) => setTimeout(go, ms));
function hold(event) {
  const link = event.target.closest && event.target.closest("a, area");
  if (event.type === "submit" ? SAFE.test(event.target.action) : link && SAFE.test(link.href)) event.preventDefault();
}
function touch(page) {
  page.addEventListener("click", hold, true);
  page.addEventListener("submit", hold, true);
  for (const element of [...page.querySelectorAll("*")]) {
    for (const name of EVENTS) {
      try { element.dispatchEvent(new MouseEvent(name, {bubbles: true, cancelable: true, composed: true})); } catch {}
    }
    for (const act of ["focus", "requestSubmit"]) { try { element[act](); } catch {} }
  }
}
async function show(path, selectors) {
  const frame = document.createElement("iframe");
  frame.width = 300; frame.height = 150;
  const loaded = new Promise((go) => { frame.onload = go; });
  frame.src = path;
  document.body.append(frame);
  await Promise.race([loaded, wait(4000)]);
  await wait(100);
  let found = null;
  try { found = selectors.map((each) => frame.contentDocument.querySelector(each) !== null); } catch {}
  if (selectors.length) await fetch("/found", {method: "POST", body: JSON.stringify(found)});
  try { touch(frame.contentDocument); } catch {}
  await wait(400);
  frame.remove();
}
(async () => {
  const {paths, selectors, last} = await (await fetch("/paths")).json();
  while (paths.length) await Promise.all(paths.splice(0, 20).map((path) => show(path, [])));
  if (last) await show(last, selectors);
  await fetch("/done");
})();
</script>"""


class Visit:
    """One browser over many pages: `told` holds which scripts ran, `found` which selectors matched on the last page."""

    def __init__(self, page: Callable[[str], bytes | None]) -> None:
        self._page = page
        self._paths: dict[str, Any] = {}
        self._done = threading.Event()
        self.told: set[tuple[str, int]] = set()
        self.found: list[bool] | None = None
        self.asked: list[str] = []
        visit = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                path = urlsplit(self.path).path
                visit.asked.append(path)
                body = visit._answer(path)
                kind = "text/javascript" if path.endswith(".js") else "text/html; charset=utf-8"
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Type", "text/css" if path.endswith(".css") else kind)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def do_POST(self) -> None:
                visit.found = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def script(self, run: str, number: int) -> str:
        """A script that tells of itself, on a page that has an address."""
        return f"fetch(/{run}{number}/.source)"

    def far_script(self, run: str, number: int) -> str:
        """The same for a document without an address of its own."""
        address = f"{self.origin}/{run}{number}"
        return f"fetch(String.fromCharCode({','.join(str(ord(character)) for character in address)}))"

    def __call__(self, paths: Iterable[str], last: str = "", selectors: Iterable[str] = (), seconds: int = 150) -> None:
        """Show the pages, and touch everything on them. Every name in them leads to this server."""
        assert CHROMIUM is not None
        self._paths = {"paths": list(paths), "last": last, "selectors": list(selectors)}
        here = urlsplit(self.origin).netloc
        with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as profile:
            flags = [*FLAGS, f"--user-data-dir={profile}", f"--host-resolver-rules=MAP * {here}"]
            command = [CHROMIUM, *flags, "--remote-debugging-port=0", f"{self.origin}/harness"]
            browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                assert self._done.wait(seconds), f"not done after {seconds} s; it last asked for {self.asked[-9:]}"
            finally:
                browser.terminate()
                browser.wait(20)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, path: str) -> bytes | None:
        if path == "/harness":
            return _HARNESS.encode()
        if path == "/paths":
            return json.dumps(self._paths).encode()
        if path == "/done":
            self._done.set()
            return b""
        if script := _SCRIPT.fullmatch(path):
            text = self.far_script(script[1], int(script[2]))
            return (f"<script>{text}</script>" if script[3] else text).encode()
        if told := _TOLD.fullmatch(path):
            self.told.add((told[1], int(told[2])))
            return b""
        return self._page(path)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 100

    def handle_error(self, *_: object) -> None:
        """A browser that goes away is no fault of the test."""

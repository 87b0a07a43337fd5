"""One Chromium without a window, driven over a pipe (the DevTools protocol): it shows pages as people see them.

Everything that a page does is noted: what it asks for, what the console says. `look` shows a page at one width, by day
or by night, with scripts or without.
"""

import base64
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from select import select
from typing import Any

from xss_browser import CHROMIUM, FLAGS

_PATIENCE = 60.0  # seconds
_EXEC = """import os, sys
for end, number in zip([os.dup2(int(each), 100 + int(each)) for each in sys.argv[1:3]], (3, 4)): os.dup2(end, number)
os.execv(sys.argv[3], sys.argv[3:])"""  # the protocol's pipe are the descriptors 3 and 4, whatever they are here
_SPOKEN = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
_SPEECHLESS = ("data:", "about:")  # addresses that no request leaves the machine for


@dataclass
class Seen:
    """What a page did when it was shown: the addresses it asked for, and what the console heard."""

    asked: list[str] = field(default_factory=list)
    status: int = 0
    said: list[str] = field(default_factory=list)


class Chromium:
    """A running browser with one tab; `shown` is what the page now in it did."""

    def __init__(self, profile: Path) -> None:
        assert CHROMIUM is not None
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        flags = [*FLAGS, f"--user-data-dir={profile}", "--remote-debugging-pipe", "about:blank"]
        command = [sys.executable, "-S", "-c", _EXEC, str(theirs_in), str(theirs_out), CHROMIUM, *flags]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
        self._process = subprocess.Popen(command, pass_fds=(theirs_in, theirs_out), **quiet)  # type: ignore[call-overload]
        os.close(theirs_in)
        os.close(theirs_out)
        self._numbers = itertools.count(1)
        self._rest = b""
        self._loads = 0
        self.shown = Seen()
        target = self._call("Target.createTarget", "", {"url": "about:blank"})["targetId"]
        attached = self._call("Target.attachToTarget", "", {"targetId": target, "flatten": True})
        self._session: str = attached["sessionId"]
        self._login = ""
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.do(f"{domain}.enable")
        self.do("Fetch.enable", handleAuthRequests=True)

    def close(self) -> None:
        """End the browser with all its helpers."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(20)
        os.close(self._in)
        os.close(self._out)

    def look(
        self, address: str, *, width: int = 1280, night: bool = False, scripts: bool = True, login: str = ""
    ) -> Seen:
        """Show a page, and give what it did until it was there whole. Where the browser asks for a name and a password,
        `login` is the latter; without one the question is turned down, as one presses Escape."""
        night_or_day = [{"name": "prefers-color-scheme", "value": "dark" if night else "light"}]
        self.do("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
        self.do("Emulation.setEmulatedMedia", media="", features=night_or_day)
        self.do("Emulation.setScriptExecutionDisabled", value=not scripts)
        self._login = login
        self.do("Network.setCacheDisabled", cacheDisabled=True)
        self.shown, loads = Seen(), self._loads
        self.do("Page.navigate", url=address)
        self._until(lambda: self._loads > loads)
        return self.shown

    def evaluate(self, expression: str) -> Any:
        """Give what an expression comes to on the page; a promise is waited for. No policy of the page hinders it."""
        found = self.do("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def picture(self, *, whole: bool = True) -> bytes:
        """Give the page as PNG, down to its end."""
        return base64.b64decode(self.do("Page.captureScreenshot", captureBeyondViewport=whole)["data"])

    def print(self) -> bytes:
        """Give the page as it is printed, as PDF."""
        return base64.b64decode(self.do("Page.printToPDF", preferCSSPageSize=True)["data"])

    def do(self, method: str, **values: Any) -> dict[str, Any]:
        """Call a method of the protocol on the tab."""
        return self._call(method, self._session, values)

    def _call(self, method: str, session: str, values: dict[str, Any]) -> dict[str, Any]:
        number = self._send(method, session, values)
        answers: list[dict[str, Any]] = []
        self._until(lambda: bool(answers), number, answers)
        assert "error" not in answers[0], (method, answers[0]["error"])
        result: dict[str, Any] = answers[0]["result"]
        return result

    def _send(self, method: str, session: str, values: dict[str, Any]) -> int:
        number = next(self._numbers)
        call = {"id": number, "method": method, "params": values} | ({"sessionId": session} if session else {})
        os.write(self._out, json.dumps(call).encode() + b"\0")
        return number

    def _until(self, done: Any, number: int = 0, answers: list[dict[str, Any]] | None = None) -> None:
        """Read what the browser says until `done`; the answer to the call with this number goes to `answers`."""
        end = time.monotonic() + _PATIENCE
        while not done():
            for message in self._messages(end):
                if message.get("id") == number and answers is not None:
                    answers.append(message)
                elif "method" in message:
                    self._note(message["method"], message["params"])

    def _messages(self, end: float) -> list[dict[str, Any]]:
        ready, _, _ = select([self._in], [], [], max(end - time.monotonic(), 0))
        assert ready, "the browser says nothing"
        heard = os.read(self._in, 1 << 20)
        assert heard, "the browser has ended"
        *whole, self._rest = (self._rest + heard).split(b"\0")
        return [json.loads(each) for each in whole]

    def _note(self, method: str, values: dict[str, Any]) -> None:
        if method == "Page.loadEventFired":
            self._loads += 1
        elif method == "Network.requestWillBeSent" and not values["request"]["url"].startswith(_SPEECHLESS):
            self.shown.asked.append(values["request"]["url"])
        elif method == "Network.responseReceived" and values["type"] == "Document":
            self.shown.status = values["response"]["status"]
        elif method == "Fetch.requestPaused":
            self._send("Fetch.continueRequest", self._session, {"requestId": values["requestId"]})
        elif method == "Fetch.authRequired":
            self._log_in(values["requestId"])
        elif method in _SPOKEN:
            self.shown.said.append(json.dumps(values, ensure_ascii=False)[:3000])

    def _log_in(self, request: str) -> None:
        given = {"response": "ProvideCredentials", "username": "reader", "password": self._login}
        answer = given if self._login else {"response": "CancelAuth"}
        self._login = ""  # a wrong one is not tried again
        values = {"requestId": request, "authChallengeResponse": answer}
        self._send("Fetch.continueWithAuth", self._session, values)


@contextmanager
def chromium() -> Iterator[Chromium]:
    """Run a browser."""
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as profile:
        browser = Chromium(Path(profile))
        try:
            yield browser
        finally:
            browser.close()

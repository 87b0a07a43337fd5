"""What the process-level tests share: a scripted origin on loopback, and a folder in which the real command runs."""

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from free_port import free_port
from warm_start import WarmStart

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED = REPOSITORY.parent / "shared"
_ROOM = 500_000_000  # bytes
_WARM = WarmStart()


@dataclass
class Request:
    path: str
    headers: dict[str, str]


@dataclass
class Answer:
    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class Origin:
    """A web server on loopback: each path gives a fixed answer or what a function says. It notes every request, and
    answers a conditional request for an unchanged `ETag` with 304."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer | Callable[[Request], Answer]] = {}
        self.requests: list[Request] = []
        origin = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                request = Request(self.path, {k.lower(): v for k, v in self.headers.items()})
                origin.requests.append(request)
                found = origin.answers.get(self.path, Answer(b"nothing here", 404))
                answer = found(request) if callable(found) else found
                etag = answer.headers.get("ETag")
                if etag and request.headers.get("if-none-match") == etag:
                    answer = Answer(b"", 304, {"ETag": etag})
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if answer.status != 304 and "Content-Length" not in answer.headers:
                    self.send_header("Content-Length", str(len(answer.body)))
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(answer.body)
                self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away, being killed, is no fault of the test."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Workspace:
    """A folder with a configuration, in which `aggregator` runs as a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "aggregator.toml"
        self.public = folder / "public"
        self.port = free_port()

    def configure(self, sources: str, *, site: str = "", publish: str = "", fetch: str = "", more: str = "") -> None:
        self.config.write_text(
            f"""
[site]
title = "金融消息"
url = "https://finews.example.org/"
language = "zh-CN"
timezone = "Asia/Shanghai"
{site}
[store]
path = "aggregator.db"
[publish]
directory = "public"
{publish}
[server]
port = {self.port}
[fetch]
contact = "https://finews.example.org/about"
spacing = "0s"
per_host = 8
allow_networks = ["127.0.0.0/8"]
{fetch}
[categories]
title_format = "{{name}}新闻"
{more}
{sources}
""",
            encoding="utf-8",
        )

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "aggregator", "--config", str(self.config), *arguments]
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
        return subprocess.Popen(command, cwd=self.folder, **options)

    def run(self, *arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        if _WARM.suits():
            return _WARM.run(["--config", str(self.config), *arguments], self.folder, timeout)
        process = self.start(*arguments)
        out, err = process.communicate(timeout=timeout)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def json(self, *arguments: str, status: int | None = 0, timeout: float = 120) -> Any:
        done = self.run(*arguments, "--json", timeout=timeout)
        assert status is None or done.returncode == status, done.stdout + done.stderr
        return json.loads(done.stdout)

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        connection = sqlite3.connect(self.folder / "aggregator.db")
        connection.row_factory = sqlite3.Row
        try:
            return connection.execute(sql, values).fetchall()
        finally:
            connection.close()

    def files(self) -> dict[str, tuple[int, bytes]]:
        """Every published file with its time of writing and its bytes, but for the hidden histories of feeds."""
        paths = [path for path in self.public.rglob("*") if path.is_file() and path.suffix != ".versions"]
        return {str(p.relative_to(self.public)): (p.stat().st_mtime_ns, p.read_bytes()) for p in paths}

    def get(self, path: str, headers: dict[str, str] | None = None) -> Answer:
        """Ask the running daemon for a path."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                return Answer(reply.read(), reply.status, dict(reply.headers))
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.read(), error.code, dict(error.headers))

    @contextmanager
    def daemon(self) -> Iterator[subprocess.Popen[str]]:
        """Run the daemon until it serves; end it with SIGTERM."""
        log = (self.folder / "daemon.log").open("w")
        process = self.start("run", stdout=log, stderr=log)
        try:
            self.await_port(process)
            yield process
        except BaseException as error:
            said = (self.folder / "daemon.log").read_text()[-3000:]
            error.add_note(f"the daemon (exit status {process.poll()}) had said, at last: {said}")
            raise
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)
            log.close()

    def await_port(self, process: subprocess.Popen[str], seconds: float = 60) -> float:
        """Wait until the daemon answers; give how many seconds that took."""
        begun = time.monotonic()
        while time.monotonic() - begun < seconds:
            assert process.poll() is None, (self.folder / "daemon.log").read_text()
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=0.2).close()
                return time.monotonic() - begun
            except OSError:
                time.sleep(0.02)
        raise AssertionError("the daemon does not serve: " + (self.folder / "daemon.log").read_text())


@pytest.fixture
def origin() -> Iterator[Origin]:
    server = Origin()
    yield server
    server.close()


@pytest.fixture(scope="module")
def module_origin() -> Iterator[Origin]:
    """An origin for a module whose tests look at one long run."""
    server = Origin()
    yield server
    server.close()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


@pytest.fixture
def memory_workspace() -> Iterator[Workspace]:
    """A workspace for tests that write thousands of files, where waiting for the disk is most of their time."""
    with _memory_folder() as folder:
        yield Workspace(folder)


@pytest.fixture(scope="module")
def module_workspace() -> Iterator[Workspace]:
    """A workspace, in memory, for a module whose tests look at one long run."""
    with _memory_folder() as folder:
        yield Workspace(folder)


@contextmanager
def _memory_folder() -> Iterator[Path]:
    """Give a folder in memory where the system has one with room; what a disk does with `fsync` is not tested here."""
    memory = Path("/dev/shm")
    roomy = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > _ROOM
    with tempfile.TemporaryDirectory(prefix="aggregator-", dir=memory if roomy else None) as name:
        yield Path(name)


@pytest.fixture(scope="session", autouse=True)
def warm() -> Iterator[WarmStart]:
    """What `Workspace.run` starts commands with."""
    yield _WARM
    _WARM.close()


@pytest.fixture(scope="session")
def shared() -> Path:
    if not SHARED.is_dir():
        pytest.skip("the shared corpus is not beside this checkout")
    return SHARED


@pytest.fixture(scope="session")
def answer() -> type[Answer]:
    return Answer


os.environ.pop("AGGREGATOR_CONFIG", None)

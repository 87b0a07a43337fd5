"""What a request costs this server, and what the same request costs nginx on the same files.

CPU time of the server's process per request, kernel included, as that does not depend on who asks and what else the
machine does; the ratio is nginx's time divided by ours, so 0.5 means half of nginx's requests a second on one core.
The two take turns, and of the rounds of each the quickest counts.
"""

import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from aggregator.publish import Writer
from aggregator.records import Document
from tests.benchmarks.documents import feed
from tests.free_port import free_port

CONNECTIONS = 16
AIMS = {"identity": 0.45, "gzip": 0.40, "304": 0.25}
PATH = "/feed.atom"
_LOOKS, _BREATH = 3000, 0.02  # how often to look whether a server has begun, and the seconds between
_NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off; sendfile on; keepalive_requests 100000000;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  types {{ application/atom+xml atom; }}
  server {{ listen 127.0.0.1:{port}; root {public}; gzip_static on; gzip_vary on; }}
}}
"""


@dataclass(frozen=True)
class Cost:
    """CPU microseconds per request of one kind; nginx's is None where it is not installed. `kernel` is the share of it
    in ours."""

    kind: str
    ours: float
    nginx: float | None
    kernel: float

    @property
    def ratio(self) -> float | None:
        """The share of nginx's requests that we answer on one core."""
        return None if self.nginx is None else self.nginx / self.ours


def size() -> int:
    """Give the bytes of the feed that is asked for."""
    return len(feed(1))


def measure(requests: int, rounds: int = 3) -> list[Cost]:
    """Send so many requests of each kind in each round, to both."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        Writer(folder / "public").write(Document(PATH[1:], feed(1)))
        servers = {"ours": stack.enter_context(_ours(folder))}
        if shutil.which("nginx"):
            servers["nginx"] = stack.enter_context(_nginx(folder))
        spent: dict[tuple[str, str], list[float]] = {}
        kernel: dict[str, list[float]] = {}
        for _ in range(rounds):
            for who, (process, port) in servers.items():
                for kind, request in _requests(port).items():
                    before = process.cpu_times()
                    spent.setdefault((kind, who), []).append(_cost(process, port, request, requests))
                    if who == "ours":
                        kernel.setdefault(kind, []).append(_kernel(before, process.cpu_times()))
    least = {key: min(costs) for key, costs in spent.items()}
    return [Cost(kind, least[kind, "ours"], least.get((kind, "nginx")), median(kernel[kind])) for kind in AIMS]


def _kernel(before: Any, after: Any) -> float:
    """Give the share of the kernel in a process's times; there is none in what took no tick of its clock."""
    user, system = after.user - before.user, after.system - before.system
    return float(system / (user + system)) if user + system else 0.0


def _requests(port: int) -> dict[str, bytes]:
    head = f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: benchmark/1.0\r\nAccept: */*\r\n"
    tag = _etag(port, f"{head}\r\n".encode())
    more = {"identity": "", "gzip": "Accept-Encoding: gzip\r\n", "304": f"If-None-Match: {tag}\r\n"}
    return {kind: f"{head}{line}\r\n".encode() for kind, line in more.items()}


def _etag(port: int, request: bytes) -> str:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(request)
        said = connection.recv(65536).partition(b"\r\n\r\n")[0].decode()
    return next(line.partition(": ")[2] for line in said.splitlines() if line.lower().startswith("etag:"))


def _cost(process: psutil.Process, port: int, request: bytes, count: int) -> float:
    before = _cpu(process)
    _ask(port, request, count)
    return (_cpu(process) - before) * 1e6 / count


def _cpu(process: psutil.Process) -> float:
    """Give the seconds that the threads of a process have run, to the microsecond where the kernel counts them so."""
    counts = [place.read_text().split()[0] for place in Path(f"/proc/{process.pid}/task").glob("*/schedstat")]
    if counts:
        return sum(map(int, counts)) / 1e9
    times = process.cpu_times()
    return float(times.user + times.system)


def _ask(port: int, request: bytes, count: int) -> None:
    """Send so many requests over some kept connections, each as soon as the answer before it is whole."""
    with ExitStack() as stack:
        poll, left = select.epoll(), count
        stack.callback(poll.close)
        waiting: dict[int, list[int]] = {}
        sockets: dict[int, socket.socket] = {}
        buffer = bytearray(1 << 20)
        for _ in range(min(CONNECTIONS, count)):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            sockets[connection.fileno()] = connection
            waiting[connection.fileno()] = [0]
            poll.register(connection, select.EPOLLIN)
            connection.sendall(request)
            left -= 1
        while waiting:
            for number, _ in poll.poll():
                size = sockets[number].recv_into(buffer)
                if not _is_whole(waiting[number], buffer, size):
                    continue
                if left:
                    sockets[number].sendall(request)
                    left -= 1
                else:
                    poll.unregister(number)
                    del waiting[number]


def _is_whole(missing: list[int], buffer: bytearray, size: int) -> bool:
    """Count what came off what an answer lacks; the length stands in its head, which comes in one piece."""
    if not size:
        raise ConnectionError("the server closed a connection")
    if not missing[0]:
        end = buffer.index(b"\r\n\r\n", 0, size) + 4
        head = bytes(buffer[:end]).lower()
        length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
        missing[0] = end + (0 if b" 304 " in head[:20] else int(length))
    missing[0] -= size
    return not missing[0]


@contextmanager
def _ours(folder: Path) -> Iterator[tuple[psutil.Process, int]]:
    port, config = free_port(), folder / "aggregator.toml"
    config.write_text(f'[publish]\ndirectory = "{folder}/public"\n[server]\nport = {port}\n')
    with _running([sys.executable, "-m", "aggregator", "--config", str(config), "serve"], port) as process:
        yield process, port


@contextmanager
def _nginx(folder: Path) -> Iterator[tuple[psutil.Process, int]]:
    port, config = free_port(), folder / "nginx.conf"
    folder.chmod(0o755)  # its worker is another user
    config.write_text(_NGINX.format(folder=folder, public=folder / "public", port=port))
    with _running(["nginx", "-e", f"{folder}/error.log", "-c", str(config)], port) as master:
        yield _worker_of(master), port


def _worker_of(master: psutil.Process) -> psutil.Process:
    """Give the process that serves: the master takes connections before it is there."""
    for _ in range(_LOOKS):
        if children := master.children():
            return children[0]
        time.sleep(_BREATH)
    raise RuntimeError("nginx has no worker")


@contextmanager
def _running(command: list[str], port: int) -> Iterator[psutil.Process]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await(process, port)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(timeout=60)


def _await(process: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(_LOOKS):
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(_BREATH)
    raise RuntimeError(f"{process.args} does not serve")

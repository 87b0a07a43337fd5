"""The published folder is complete by itself: nginx serves it with the sample configuration; systemd takes our unit."""

import gzip
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from free_port import free_port

REPOSITORY = Path(__file__).resolve().parents[2]
RSS = """<rss version="2.0"><channel><title>t</title><link>https://example.org/</link><item><guid>1</guid>
<title>标题</title><link>https://example.org/1</link><description>正文</description></item></channel></rss>"""
FRAME = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ }}
http {{
  access_log off;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  include {folder}/site.conf;
}}
"""
SAFE = ("content-security-policy", "x-content-type-options", "referrer-policy", "access-control-allow-origin")


@pytest.fixture(scope="module")
def published(module_workspace: Any) -> Any:
    """A workspace in which something is published, gone.json among it."""
    (module_workspace.folder / "feed.xml").write_text(RSS, encoding="utf-8")
    module_workspace.configure('[sources.a]\nurl = "file:feed.xml"\ncategory = "南昌日报"')
    module_workspace.json("fetch")
    (module_workspace.public / "gone.json").write_text('{"gone": ["category/old"], "moved": {}}')
    return module_workspace


def site_conf(public: Path, port: int) -> str:
    """The sample with the lines that an operator adapts."""
    text = (REPOSITORY / "config" / "nginx.conf").read_text(encoding="utf-8")
    for line, other in (
        ("    listen 80;\n", f"    listen 127.0.0.1:{port};\n"),
        ("    listen [::]:80;\n", ""),
        ("    root /var/lib/aggregator/data/public;\n", f"    root {public};\n"),
    ):
        assert text.count(line) == 1
        text = text.replace(line, other)
    return text


@pytest.fixture(scope="module")
def nginx(published: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not installed")
    folder = tmp_path_factory.mktemp("nginx")
    for place in (folder, published.folder):
        place.chmod(0o755)
    for place in folder.parents[:2]:
        place.chmod(place.stat().st_mode | 0o055)  # its workers are another user
    port = free_port()
    (folder / "site.conf").write_text(site_conf(published.public, port), encoding="utf-8")
    (folder / "nginx.conf").write_text(FRAME.format(folder=folder), encoding="utf-8")
    command = ["nginx", "-e", f"{folder}/error.log", "-c", f"{folder}/nginx.conf"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        _await(process, port)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            client.headers["Accept-Encoding"] = "identity"
            yield client
    finally:
        process.terminate()
        process.communicate(timeout=60)


def _await(process: subprocess.Popen[str], port: int) -> None:
    for _ in range(500):
        if process.poll() is not None:
            raise AssertionError(f"nginx refuses the sample: {process.communicate()[1]}")
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.02)
    raise AssertionError("nginx does not answer")


def test_nginx_serves_every_file_as_our_own_server_does(published: Any, nginx: httpx.Client) -> None:
    paths = [path for path in published.files() if not path.endswith((".gz", ".br"))]
    assert len(paths) > 12
    with published.daemon(), httpx.Client(base_url=f"http://127.0.0.1:{published.port}", trust_env=False) as ours:
        ours.headers["Accept-Encoding"] = "identity"
        for path in ["", *paths, "none.atom", ".hidden.html"]:
            one, other = nginx.get(f"/{path}"), ours.get(f"/{path}")
            assert one.status_code == other.status_code, path
            if one.status_code == 200:
                assert one.content == other.content
                assert one.headers["content-type"] == other.headers["content-type"], path
                assert [one.headers.get(name) for name in SAFE] == [other.headers.get(name) for name in SAFE]
                assert one.headers["cache-control"].startswith("public, max-age=")
        assert ours.get("/gone.json").status_code == 404


@pytest.mark.parametrize("path", ["/feed.atom", "/category/nanchangribao.rss", "/index.html", "/feed.json"])
def test_nginx_sends_our_compressed_files_and_304_for_a_match(
    published: Any, nginx: httpx.Client, path: str
) -> None:
    packed = nginx.get(path, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) == (published.public / f"{path[1:]}.gz").stat().st_size
    assert packed.content == (published.public / path[1:]).read_bytes()
    assert packed.headers["vary"] == "Accept-Encoding"
    for headers in {"If-None-Match": packed.headers["etag"]}, {"If-Modified-Since": packed.headers["last-modified"]}:
        again = nginx.get(path, headers={"Accept-Encoding": "gzip", **headers})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["cache-control"].startswith("public, max-age=")


HIDDEN = ["/gone.json", "/feed.atom.gz", "/feed.atom.br", "/.feed.atom.versions", "/category/.x"]


@pytest.mark.parametrize("path", HIDDEN)
def test_nginx_keeps_to_itself_what_is_not_for_readers(published: Any, nginx: httpx.Client, path: str) -> None:
    assert nginx.get(path).status_code == 404


def test_nginx_can_say_what_is_gone_and_moved_by_the_lines_that_the_sample_shows(published: Any) -> None:
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not installed")
    shown = re.findall(r"^    # ((?:location|rewrite) .*)$", site_conf(published.public, 1), re.M)
    assert len(shown) == 3
    text = site_conf(published.public, free_port())
    (published.folder / "site.conf").write_text(text.rstrip().removesuffix("}") + "\n".join(shown) + "\n}\n")
    (published.folder / "nginx.conf").write_text(FRAME.format(folder=published.folder))
    command = ["nginx", "-t", "-e", "/dev/null", "-c", str(published.folder / "nginx.conf")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr


def test_the_compressed_files_are_those_of_the_files_beside_them(published: Any) -> None:
    files = {path: body for path, (_, body) in published.files().items()}
    packed = [path for path in files if path.endswith(".gz")]
    assert packed
    assert all(gzip.decompress(files[path]) == files[path.removesuffix(".gz")] for path in packed)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize(("old", "new", "sound"), [("", "", True), ("Restart=on-failure", "Restart=perhaps", False)])
def test_systemd_takes_the_unit(tmp_path: Path, old: str, new: str, sound: bool) -> None:
    command = tmp_path / "aggregator"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    text = (REPOSITORY / "config" / "aggregator.service").read_text(encoding="utf-8")
    assert old in text
    unit = tmp_path / "aggregator.service"
    unit.write_text(text.replace(old, new).replace("/opt/aggregator/bin/aggregator", str(command)))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=30, check=False
    )
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "aggregator.service" in line]
    assert (not ours) is sound, ours

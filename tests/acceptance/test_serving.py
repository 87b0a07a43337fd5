"""The daemon as a web server: tokens that nobody else learns of, and clients that ask too often."""

import base64
from typing import Any

import pytest

TOKEN, WRONG = "canary-token-f3a9c1", "canary-guess-77b2d0"
RSS = """<rss version="2.0"><channel><title>t</title><link>https://example.org/</link><item><guid>1</guid>
<title>只给成员</title><link>https://example.org/1</link><description>x</description></item></channel></rss>"""


@pytest.fixture
def closed(workspace: Any) -> Any:
    """A workspace whose one channel needs a token."""
    (workspace.folder / "feed.xml").write_text(RSS, encoding="utf-8")
    (workspace.folder / "token").write_text(f"{TOKEN}\n")
    workspace.configure(
        '[sources.a]\nurl = "file:feed.xml"\ncategory = "成员"',
        more='[server.tokens.alice]\nfile = "token"\noutputs = ["category/chengyuan"]',
    )
    config = workspace.config.read_text(encoding="utf-8")
    server = f"port = {workspace.port}\n"
    keys = 'protected = ["category/chengyuan"]\nrate = "12/h"\ntrusted_proxies = ["127.0.0.1"]\n'
    workspace.config.write_text(config.replace(server, server + keys), encoding="utf-8")
    workspace.json("fetch")
    return workspace


def test_a_token_opens_its_channel_and_stands_in_no_log_page_or_output(closed: Any) -> None:
    path = "/category/chengyuan.atom"
    with (closed.folder / "err").open("w") as log, (closed.folder / "out").open("w") as out:
        daemon = closed.start("-v", "run", stdout=out, stderr=log)
        try:
            closed.await_port(daemon)
            basic = base64.b64encode(f"alice:{TOKEN}".encode()).decode()
            opened = [
                closed.get(f"{path}?token={TOKEN}"),
                closed.get(path, {"Authorization": f"Bearer {TOKEN}"}),
                closed.get(path, {"Authorization": f"Basic {basic}"}),
            ]
            refused = [closed.get(path), closed.get(f"{path}?token={WRONG}"), closed.get(f"/{WRONG}?token={TOKEN}")]
            assert [answer.status for answer in opened + refused] == [200, 200, 200, 401, 401, 404]
            assert all("只给成员".encode() in answer.body for answer in opened)
            statuses = [closed.get(f"{path}?token={WRONG}").status for _ in range(8)]
            assert statuses == [401] * 6 + [429] * 2
            other = closed.get("/index.html", {"X-Forwarded-For": "198.51.100.1"})
            assert (other.status, "只给成员".encode() in other.body) == (200, False)
        finally:
            daemon.terminate()
            daemon.wait(timeout=60)
    said = (closed.folder / "err").read_text() + (closed.folder / "out").read_text()
    assert "source refreshed" in said or "serving" in said
    files = b"".join(body for _, body in closed.files().values())
    pages = b"".join(answer.body + repr(answer.headers).encode() for answer in refused)
    checked = closed.run("check").stdout + closed.run("sources", "--json").stdout
    for secret in TOKEN, WRONG, basic:
        assert secret not in said + checked
        assert secret.encode() not in files + pages


def test_a_token_that_is_missing_or_too_short_stops_the_server_before_it_begins(closed: Any) -> None:
    token = closed.folder / "token"
    token.write_text("short")
    too_short = "server.tokens.alice: the token has 5 characters, and needs 12"
    for command, problem in ("run", too_short), ("check", too_short), ("serve", "server.tokens.alice.file: "):
        done = closed.run(command, timeout=30)
        assert (done.returncode, done.stdout) == (2, "")
        assert problem in done.stderr.replace("\n", " ")
        assert "Traceback" not in done.stderr
        if command == "check":
            token.unlink()


def test_a_protected_channel_that_is_not_there_is_said_at_the_start(closed: Any) -> None:
    text = closed.config.read_text(encoding="utf-8")
    closed.config.write_text(text.replace("chengyuan", "chengyuen"), encoding="utf-8")
    with closed.daemon():
        pass
    said = (closed.folder / "daemon.log").read_text().replace("\n", " ")
    assert "server.protected names category/chengyuen; there is no such channel yet" in said

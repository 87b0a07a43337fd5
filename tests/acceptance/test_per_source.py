"""What one source may say for itself: secrets, headers, a proxy, a schedule, and a kind that another package brings."""

import base64
from pathlib import Path
from typing import Any

import pytest

FEED = b"""<?xml version="1.0"?><rss version="2.0"><channel><title>T</title><link>http://x.example/</link>
<description>d</description><item><title>One</title><link>http://x.example/1</link><guid>g1</guid></item></channel></rss>"""
RSS = {"Content-Type": "application/rss+xml"}
CANARY = "canary-4711"


def everything_said(workspace: Any, *runs: Any) -> str:
    """All that a person or a subscriber could read: output, published files, the store."""
    said = "".join(run.stdout + run.stderr for run in runs)
    files = "".join(body.decode("utf-8", "replace") for _, body in workspace.files().values())
    store = "".join(path.read_bytes().decode("latin-1") for path in workspace.folder.glob("aggregator.db*"))
    return said + files + store


def test_secrets_reach_their_origin_and_nothing_else(
    workspace: Any, origin: Any, answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin.answers["/basic"] = origin.answers["/token"] = answer(FEED, headers=RSS)
    origin.answers["/away"] = answer(b"", 302, {"Location": f"http://127.0.0.2:{origin.url.rpartition(':')[2]}/token"})
    (workspace.folder / "pw").write_text(f"{CANARY}-pw\n")
    monkeypatch.setenv("NEWS_TOKEN", f"{CANARY}-token")
    workspace.configure(
        f"""
[sources.basic]
url = "{origin.url}/basic"
user_agent = "Newsroom/1"
headers = {{ X-Desk = "nanchang" }}
auth = {{ username = "me", password_file = "pw" }}
[sources.token]
url = "{origin.url}/token"
auth = {{ token_env = "NEWS_TOKEN" }}
[sources.away]
url = "{origin.url}/away"
auth = {{ token_env = "NEWS_TOKEN" }}
"""
    )
    runs = [workspace.run("-v", "fetch"), workspace.run("sources"), workspace.run("explain", "token")]
    sent = {request.path: request.headers for request in origin.requests}
    assert sent["/basic"]["authorization"] == "Basic " + base64.b64encode(f"me:{CANARY}-pw".encode()).decode()
    assert (sent["/basic"]["user-agent"], sent["/basic"]["x-desk"]) == ("Newsroom/1", "nanchang")
    assert sent["/token"]["authorization"] == f"Bearer {CANARY}-token"
    assert CANARY not in everything_said(workspace, *runs)


def test_a_secret_that_is_not_there_is_said_with_its_place(workspace: Any) -> None:
    workspace.configure('[sources.a]\nurl = "https://x.example/"\nauth = { token_env = "NO_SUCH_TOKEN" }\n')
    done = workspace.run("check")
    assert done.returncode == 2
    assert "sources.a.auth.token_env: the environment has no variable NO_SUCH_TOKEN" in done.stderr


def test_a_proxy_is_used_for_its_source_only_and_the_environments_never(
    workspace: Any, origin: Any, answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1/")
    origin.answers["http://news.example/feed"] = origin.answers["/direct"] = answer(FEED, headers=RSS)
    workspace.configure(
        f"""
[sources.far]
url = "http://news.example/feed"
proxy = "{origin.url}"
[sources.near]
url = "{origin.url}/direct"
[sources.inside]
url = "http://169.254.169.254/latest"
proxy = "{origin.url}"
"""
    )
    report = workspace.json("fetch", status=1)
    assert {item["source"]: item["outcome"] for item in report["sources"]} == {
        "far": "ok",
        "near": "ok",
        "inside": "failed",
    }
    assert sorted(request.path for request in origin.requests) == ["/direct", "http://news.example/feed"]


def test_a_schedule_says_when_and_a_source_can_be_switched_off(workspace: Any, origin: Any, answer: Any) -> None:
    origin.answers["/a"] = answer(FEED, headers=RSS)
    workspace.configure(
        f"""
[sources.a]
url = "{origin.url}/a"
schedule = "30 6 * * *"
[sources.off]
url = "{origin.url}/off"
enabled = false
"""
    )
    workspace.json("fetch")
    (report,) = workspace.json("sources")["sources"]
    assert report["next_fetch_at"].endswith("T22:30:00Z"), "half past six in Shanghai"
    assert report["next_reason"] == "as scheduled: 30 6 * * *"
    assert [request.path for request in origin.requests] == ["/a"]


PLUGIN = '''
from aggregator.records import Fetched, FeedFacts, Intake, Entry, Read, Validators

async def read(source, memory, tools):
    fetched = Fetched(source.url, 200, (), b"", Validators())
    entries = tuple(Entry(source.name, guid=f"n{n}", title=f"number {n}", fingerprint=str(n))
                    for n in range(source.options["count"]))
    return Read(fetched, Intake(FeedFacts(title="Numbers"), entries), "")
'''


def test_another_package_brings_a_kind(
    workspace: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "plugin"
    (package / "numbers_kind-1.dist-info").mkdir(parents=True)
    (package / "numbers_kind.py").write_text(PLUGIN)
    metadata = "Metadata-Version: 2.1\nName: numbers-kind\nVersion: 1\n"
    (package / "numbers_kind-1.dist-info" / "METADATA").write_text(metadata)
    points = package / "numbers_kind-1.dist-info" / "entry_points.txt"
    points.write_text("[aggregator.sources]\nnumbers = numbers_kind:read\n")
    monkeypatch.setenv("PYTHONPATH", str(package))
    source = '[sources.n]\nkind = "{}"\nurl = "https://numbers.example/"\noptions = {{ count = 3 }}\n'
    workspace.configure(source.format("numbers"))
    assert workspace.json("fetch")["new"] == 3

    workspace.configure(source.format("nmbers"))
    done = workspace.run("check")
    assert done.returncode == 2
    choices = "'feed', 'json', 'html', 'file', 'opml', 'numbers'"
    assert f"'nmbers' is none of {choices}; did you mean 'numbers'?" in done.stderr

    points.write_text("[aggregator.sources]\njson = numbers_kind:read\n")
    done = workspace.run("check")
    assert done.returncode == 2
    assert "kind 'json' of numbers_kind:read clashes with another" in done.stderr

"""Documents that are built to cost or to betray, through the real command: what is well beside them is unharmed."""

import time
from typing import Any

HEALTHY = 30
DEADLINE = 30  # seconds, of one document
SECRET = "what-no-feed-may-read"


def rss(name: str, inner: str = "") -> bytes:
    items = "".join(
        f"<item><title>{name} {n}</title><guid>{name}-{n}</guid>"
        f"<link>https://{name}.example/{n}</link>{inner}</item>"
        for n in range(5)
    )
    return f'<rss version="2.0"><channel><title>{name}</title>{items}</channel></rss>'.encode()


def test_sick_documents_end_in_time_and_leave_the_others_whole(
    memory_workspace: Any, origin: Any, answer: Any
) -> None:
    workspace = memory_workspace
    secret = workspace.folder / "secret"
    secret.write_text(rss(SECRET).decode())
    bodies = {
        "quadratic": rss("quadratic", "".join(f"<category>{n}</category>" for n in range(60_000))),
        "nested-json": b"[" * 9_000_000,
        "one-line": b"<rss version='2.0'><channel><item><guid>" + b"x" * 9_000_000,
        "path": str(secret).encode(),
        "file-address": f"file://{secret}".encode(),
        "device": b"/dev/zero",
        "address": f"{origin.url}/canary".encode(),
    }
    feeds = {f"well{n}": rss(f"well{n}") for n in range(HEALTHY)}
    for name, body in (bodies | feeds).items():
        origin.answers[f"/{name}"] = answer(body, headers={"Content-Type": "application/rss+xml"})
    names = [*bodies, *feeds]
    workspace.configure("".join(f'[sources.{n}]\nurl = "{origin.url}/{n}"\ncategory = "x"\n' for n in names))
    begun = time.monotonic()
    report = workspace.json("fetch", status=1, timeout=150)
    assert time.monotonic() - begun < 3 * DEADLINE

    told = {line["source"]: line for line in report["sources"]}
    assert all((told[name]["outcome"], told[name]["new"]) == ("ok", 5) for name in feeds)
    assert told["quadratic"]["problems"] == [f"the document's reader: killed after {DEADLINE} s, it was too slow"]
    for name in ("path", "file-address", "device", "address", "nested-json"):
        (problem,) = told[name]["problems"]
        assert problem.startswith(("text that begins with", "JSON that is nested too deeply")), (name, problem)
    assert "/canary" not in [request.path for request in origin.requests]
    for file in workspace.folder.rglob("*"):
        assert file == secret or not file.is_file() or SECRET.encode() not in file.read_bytes(), file
    assert workspace.rows("SELECT count(*) AS n FROM entries WHERE source LIKE 'well%'")[0]["n"] == 5 * HEALTHY

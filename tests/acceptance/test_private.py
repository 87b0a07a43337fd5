"""Private sources: their addresses, credentials and redirect targets, planted as canaries, come out nowhere.

One daemon polls private sources that work, move, redirect in circles, fail in every way and quote what they are asked,
then every command is run; all that was published, printed, logged, exported and served is searched for the canaries.
"""

import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import brotli
from acceptance_checks import eventually

CANARY = "canary"
PLANTED = 12  # sources below
COMMANDS = """
import io, json, sys
from pathlib import Path
import click
from aggregator.cli.group import cli
import aggregator.cli
from aggregator.errors import AggregatorError
for arguments in json.loads(sys.argv[1]):
    print("$", arguments[0])
    try:
        cli.main(["-v", "--config", "aggregator.toml", *arguments], standalone_mode=False)
    except (AggregatorError, click.ClickException, SystemExit) as error:
        print(error, file=sys.stderr)
print("commands", *cli.commands)
"""
ENDLESS = {"run", "serve"}
KNOWN = [
    ["check"],
    ["fetch", "--force", "--json"],
    ["fetch", "--force"],
    ["publish", "--all"],
    ["reparse"],
    ["reparse", "--json"],
    ["sources"],
    ["sources", "--json"],
    ["export-opml"],
    ["search", "news"],
    ["search", "news", "--json"],
]


def feed(origin: Any, path: str) -> bytes:
    """A feed that holds its own address wherever a feed can."""
    own = f"{origin.url}{path}".replace("&", "&amp;")
    notes = "".join(f'&lt;a href="{to}"&gt;note&lt;/a&gt;' for to in ("#note", "?page=2", ""))
    file = f"{origin.url}/files/1.mp3?{path.partition('?')[2] or 'of=none'}"  # what opens the feed opens its files
    return f"""<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel>
<title>News {own}</title><link>{own}</link><atom:link rel="self" href="{own}"/><copyright>see {own}</copyright>
<item><guid>{own}#1</guid><link>https://public.example.org/articles/1</link>
<title>news one, from {own}</title><author>{own}</author><category>{own}</category>
<description>&lt;p&gt;{notes}
&lt;a href="https://public.example.org/story"&gt;a story&lt;/a&gt; text at {own}&lt;/p&gt;</description>
<enclosure url="{file}" type="audio/mpeg" length="7"/></item>
<item><link>{own}</link><title>news two</title><description>plain</description></item>
</channel></rss>""".encode()


def sources(origin: Any, folder: Path, private: bool) -> str:
    """The tables of sources that give themselves away each in its way."""
    host = origin.url.removeprefix("http://")
    (folder / "bearer").write_text("CANARY-of-bearer-7\n")
    tables = {
        "works": f'url = "http://me:CANARY-of-password@{host}/CANARY-path/works?token=CANARY-of-query-1"',
        "moves": f'url = "{origin.url}/CANARY-path/moves"',
        "circles": f'url = "{origin.url}/CANARY-path/circle"',
        "nowhere": f'url = "{origin.url}/CANARY-path/nowhere"',
        "fails": f'url = "{origin.url}/CANARY-path/fails"\nauth = {{ token_file = "bearer" }}',
        "gone": f'url = "{origin.url}/CANARY-path/gone"',
        "page": f'url = "{origin.url}/CANARY-path/page"',
        "broken": f'url = "{origin.url}/CANARY-path/broken"',
        "nobody": 'url = "https://canary-host.invalid/feed"',
        "file": 'url = "file:CANARY-folder/feed.xml"',
        "list": f'kind = "opml"\nurl = "{origin.url}/CANARY-path/list"',
        "texts": f"""kind = "json"\nurl = "{origin.url}/CANARY-path/texts"\nitems = "$[*]"\ninfo_code = "$.code"
title = "$.title"
article = {{ url = "{origin.url}/CANARY-text/{{info_code}}?key=CANARY-of-key-1", content = "$.text" }}""",
    }
    assert len(tables) == PLANTED
    said = "private = true" if private else ""
    return "".join(f"[sources.{name}]\n{table}\n{said}\n" for name, table in tables.items())


def answer_everything(origin: Any, answer: Any) -> None:
    found = origin.answers
    path = "/CANARY-path"
    for at in (f"{path}/works?token=CANARY-of-query-1", f"{path}/moved?sig=CANARY-of-move-1", f"{path}/child"):
        found[at] = answer(feed(origin, at), headers={"Content-Type": "application/rss+xml"})
    found[f"{path}/moves"] = answer(status=301, headers={"Location": f"{path}/moved?sig=CANARY-of-move-1"})
    found[f"{path}/circle"] = answer(status=302, headers={"Location": f"{path}/CANARY-round"})
    found[f"{path}/CANARY-round"] = answer(status=302, headers={"Location": f"{path}/circle"})
    found[f"{path}/nowhere"] = answer(status=302, headers={"Location": "http:///CANARY-nowhere:port"})
    found[f"{path}/fails"] = lambda request: answer(b"no", 503, {"X-Echo": request.headers["authorization"]})
    found[f"{path}/gone"] = answer(b"gone", 410)
    page = f'<title>News</title><link rel="alternate" type="application/rss+xml" href="{path}/CANARY-found">'
    found[f"{path}/page"] = answer(f"<html><head>{page}</head><body>x</body></html>".encode())
    found[f"{path}/broken"] = answer(f"<!doctype html><title>{origin.url}{path}/broken</title>".encode())
    outlines = f'<outline type="rss" text="{origin.url}{path}/child" xmlUrl="{origin.url}{path}/child"/>'
    outlines += '<outline type="rss" xmlUrl="https://canary-child.invalid/feed"/>'
    found[f"{path}/list"] = answer(f'<opml version="2.0"><head/><body>{outlines}</body></opml>'.encode())
    found[f"{path}/texts"] = answer(b'[{"code": "a1", "title": "news three"}]')


def private_addresses(origin: Any) -> list[str]:
    host = origin.url.removeprefix("http://")
    return [
        f"http://me:CANARY-of-password@{host}/CANARY-path/works?token=CANARY-of-query-1",
        f"{origin.url}/CANARY-path/gone",
        "https://canary-host.invalid/feed",
    ]


def decompressed(path: Path) -> bytes:
    body = path.read_bytes()
    match path.suffix:
        case ".gz":
            return gzip.decompress(body)
        case ".br":
            return bytes(brotli.decompress(body))
    return body


def polled(workspace: Any) -> bool:
    """Every source was fetched once, and what came is published."""
    rows = workspace.rows("SELECT count(*) AS n FROM sources WHERE last_fetch_at IS NULL OR last_outcome = ''")
    return rows[0]["n"] == 0 and bool(workspace.rows("SELECT 1 FROM entries WHERE state = 'published'"))


def everything_shown(workspace: Any, origin: Any, answer: Any, *, private: bool) -> Iterator[tuple[str, str]]:
    """Run the daemon and all commands; give whatever was to be seen, with where."""
    answer_everything(origin, answer)
    workspace.configure(sources(origin, workspace.folder, private), fetch='timeout = "5s"\ninterval = "1h"')
    with (workspace.folder / "daemon.log").open("w") as log:
        process = workspace.start("-v", "run", stdout=log, stderr=log)
        try:
            workspace.await_port(process)
            eventually(lambda: polled(workspace), "all sources polled")
            for path in ("/", "/CANARY-path/works"):
                served = workspace.get(path)
                if path == "/":
                    yield "home page", served.body.decode() + str(served.headers)
                else:
                    assert served.status == 404
                    yield "error page", served.body.decode() + str(served.headers)
        finally:
            process.terminate()
            process.wait(timeout=20)
    yield "the daemon", (workspace.folder / "daemon.log").read_text()
    yield from commands_shown(workspace, origin) if private else [("the commands", called(workspace, KNOWN))]
    if (exported := workspace.folder / "exported.opml").exists():
        yield "export", exported.read_text()
    for path in sorted([*workspace.public.rglob("*"), *(workspace.folder / "posts").rglob("*")]):
        if path.is_file():
            yield f"published {path.name}", decompressed(path).decode() + str(path)


def commands_shown(workspace: Any, origin: Any) -> Iterator[tuple[str, str]]:
    names = [row["name"] for row in workspace.rows("SELECT name FROM sources ORDER BY name")]
    codes = [row["info_code"] for row in workspace.rows("SELECT info_code FROM entries ORDER BY seq")]
    assert len(codes) >= 3
    calls = [*KNOWN, ["export-opml", "exported.opml"], ["export-jekyll", "posts"]]
    calls += [["explain", name, *more] for name in names for more in ([], ["--json"])]
    calls += [["test", name, "--json"] for name in names] + [["test", "works"], ["test", "page"], ["test", "circles"]]
    calls += [[verb, code, *more] for code in codes for verb in ("explain", "history") for more in ([], ["--json"])]
    for address in private_addresses(origin):
        calls += [["explain", address], ["history", address], ["retract", address], ["add", address]]
        calls += [["add", "--json", address]]
    (workspace.folder / "list.opml").write_text(
        '<opml version="2.0"><head/><body>'
        + "".join(f'<outline xmlUrl="{each}"/>' for each in private_addresses(origin))
        + "</body></opml>"
    )
    calls += [["import-opml", "list.opml"], ["import-opml", "--json", "list.opml"], ["unmove", "moves"]]
    calls += [["retract", codes[-1]]]
    told = called(workspace, calls)
    yield "the commands", told
    others = set(told.rpartition("\ncommands ")[2].split()) - {call[0] for call in calls} - ENDLESS
    if others:  # what is added later is held to the same
        yield "others", called(workspace, [[name, *more] for name in sorted(others) for more in ([], ["--json"])])


def called(workspace: Any, calls: list[list[str]]) -> str:
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS, json.dumps(calls)],
        cwd=workspace.folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert "commands " in done.stdout, done.stdout + done.stderr
    return done.stderr + done.stdout


def leaks(shown: Iterator[tuple[str, str]]) -> dict[str, list[str]]:
    """Where canaries are, with the lines that hold them."""
    found: dict[str, list[str]] = {}
    for where, text in shown:
        if lines := [line[:300] for line in text.splitlines() if CANARY in line.lower()]:
            found[where] = lines
    return found


def test_nothing_of_a_private_source_comes_out_anywhere(workspace: Any, origin: Any, answer: Any) -> None:
    found = leaks(everything_shown(workspace, origin, answer, private=True))
    print("\n".join(f"{where}: {line}" for where, lines in found.items() for line in lines[:5]))
    assert found == {}
    errors = {row["name"]: row["last_error"] for row in workspace.rows("SELECT name, last_error FROM sources")}
    assert sum(bool(error) for error in errors.values()) >= 8
    assert not [name for name, error in errors.items() if "127.0.0.1" in error]
    published = (workspace.public / "feed.atom").read_text()
    assert "https://public.example.org/articles/1" in published
    assert "https://public.example.org/story" in published


def test_without_the_setting_the_same_search_finds_the_canaries_nearly_everywhere(
    workspace: Any, origin: Any, answer: Any
) -> None:
    found = leaks(everything_shown(workspace, origin, answer, private=False))
    assert {"the daemon", "the commands", "published feed.atom", "published index.html"} <= set(found)

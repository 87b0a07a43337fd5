"""Feed readers that people use subscribe to a channel of the running daemon, and show what the newsroom wrote."""

import json
import os
import shutil
import subprocess
from datetime import UTC
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

NEEDED = {
    "newsboat": ("newsboat", "sqlite3"),
    "sfeed": ("sfeed", "curl", "awk"),
    "rss2email": ("r2e", "python3"),
    "liferea": ("liferea", "xvfb-run", "dbus-run-session", "sqlite3"),
}
ARTICLES = {  # as the newsroom's list gives them: time in Shanghai, title
    "NW202611203561874205": ("2026-11-20 07:45:12", "赣江边的早读角开了第一百期"),
    "NW202611193560712846": ("2026-11-19 18:20:03", "“末班再等三分钟”：三个月多接了 12,000 人"),
    "NW202611183559930177": ("2026-11-18 00:02:41", "A & B：1 < 2，“引号”"),
    "NW202611173558801920": ("2026-11-17 11:30:00", "𠮷野家的“半份菜” 😀"),
}
SHOWN = [
    ("赣江边的早读角开了第一百期", "2026-11-19T23:45:12Z"),
    ("“末班再等三分钟”：三个月多接了 12,000 人", "2026-11-19T10:20:03Z"),
    ("A & B：1 < 2，“引号”", "2026-11-17T16:02:41Z"),
    ("𠮷野家的“半份菜” 😀", "2026-11-17T03:30:00Z"),
]


@pytest.fixture
def channel(workspace: Any) -> Any:
    """A workspace whose channel nanchangribao is read from a file, published under the daemon's own address."""
    items = [
        {"infoCode": code, "title": title, "datetime": date, "medianame": "南昌日报", "content": f"<p>{code} 正文</p>"}
        for code, (date, title) in ARTICLES.items()
    ]
    (workspace.folder / "list.json").write_text(json.dumps({"records": items}), encoding="utf-8")
    workspace.configure(
        """
[sources.nanchang]
kind = "json"
url = "file:list.json"
items = "$.records[*]"
info_code = "$.infoCode"
title = "$.title"
published = "$.datetime"
outlet = "$.medianame"
content = "$.content"
link = "https://finews.example.org/html_News/NewsShare.html?infoCode={info_code}"
category_from = "outlet"
"""
    )
    own = f"http://127.0.0.1:{workspace.port}/"
    configuration = workspace.config.read_text(encoding="utf-8").replace(
        'https://finews.example.org/"\nlang', own + '"\nlang'
    )
    workspace.config.write_text(configuration, encoding="utf-8")
    assert f'url = "{own}"' in configuration
    assert workspace.json("fetch")["new"] == len(ARTICLES)
    return workspace


@pytest.mark.parametrize("reader", NEEDED)
def test_a_reader_shows_titles_links_and_dates_as_they_were_written(channel: Any, shared: Path, reader: str) -> None:
    _need(*NEEDED[reader])
    address = f"http://127.0.0.1:{channel.port}/category/nanchangribao.atom"
    with channel.daemon():
        seen = _shown(["bash", str(shared / "standards/readers.sh"), reader, address])
    assert seen.returncode == 0, seen.stderr
    rows = sorted(_row(line) for line in _articles(seen))
    link = "https://finews.example.org/html_News/NewsShare.html?infoCode={}"
    assert rows == sorted(
        [title, link.format(code), f"tag:127.0.0.1,2026:{code}", date]
        for code, (title, date) in zip(ARTICLES, SHOWN, strict=True)
    ), seen.stderr


def test_a_reader_that_comes_again_is_told_that_nothing_changed(channel: Any, tmp_path: Path) -> None:
    _need(*NEEDED["rss2email"])
    (tmp_path / "Maildir").mkdir()
    (tmp_path / "r2e.cfg").write_text(
        f"""[DEFAULT]
from = f@localhost
to = me@localhost
email-protocol = maildir
maildir-path = {tmp_path}/Maildir
maildir-mailbox = INBOX
"""
    )
    address = f"http://127.0.0.1:{channel.port}/category/nanchangribao.atom"
    with channel.daemon():
        _rss2email(tmp_path, "add", "channel", address, "me@localhost")
        first, second = _rss2email(tmp_path, "run"), _rss2email(tmp_path, "run")
    assert ("HTTP status 200" in first, first.count("send message for channel")) == (True, len(ARTICLES))
    assert ("HTTP status 304" in second, second.count("send message for channel")) == (True, 0)


@pytest.mark.parametrize(
    ("script", "runs", "articles"),
    [
        ("exit 1", 3, 0),
        ("true", 3, 0),
        (r"test $(wc -l < runs) -lt 2 && exit 1; printf 'a\tb\tc\td\n'", 2, 1),
        (r"printf 'wrong\tb\tc\td\n'; exit 1", 1, 1),
    ],
    ids=["it never comes up", "it comes up and shows nothing", "it comes up late", "it shows something wrong"],
)
def test_only_a_reader_that_showed_nothing_is_asked_again(
    tmp_path: Path, script: str, runs: int, articles: int
) -> None:
    seen = _shown(["bash", "-c", f"cd {tmp_path}; echo >> runs; {script}"])
    assert ((tmp_path / "runs").read_text().count("\n"), len(_articles(seen))) == (runs, articles)


def _shown(command: list[str], runs: int = 3) -> subprocess.CompletedProcess[str]:
    """Give what a reader shows. One that ends without having shown anything is started again: the script waits six
    seconds for Liferea's window, which is not there by then on a machine that has other work to do. What was shown
    once stands, right or wrong."""
    for _ in range(runs):
        seen = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if _articles(seen):
            break
    return seen


def _articles(seen: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in seen.stdout.splitlines() if line.count("\t") == 3]


def _rss2email(folder: Path, *arguments: str) -> str:
    """Run it with its files in a folder; give what it says of its work."""
    command = ["r2e", "-VVV", "-c", str(folder / "r2e.cfg"), "-d", str(folder / "r2e.json"), *arguments]
    places = dict.fromkeys(("HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME"), str(folder))
    environment = {**os.environ, **places, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env=environment)
    return done.stdout + done.stderr


def _need(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")


def _row(line: str) -> list[str]:
    """Give title, link, id and date, the date as ISO 8601 where a reader gives it as a mail does."""
    *facts, date = line.split("\t")
    if not date.endswith("Z"):
        date = parsedate_to_datetime(date).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return [*facts, date]

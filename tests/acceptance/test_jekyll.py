"""The way over from a Jekyll site and back: its posts come in as the site's past, and articles go out as posts."""

import re
import shutil
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from acceptance_checks import eventually

SEED = "NW202112282227696247"
NOTHING = '[sources.none]\nurl = "file:none.xml"\n'
WHOLE = {"written": 22, "unchanged": 0, "removed": 0, "left": []}
EQUAL = {"written": 0, "unchanged": 22, "removed": 0, "left": []}


@pytest.fixture
def site(workspace: Any) -> Path:
    workspace.configure(NOTHING)
    return workspace.folder / "site"  # type: ignore[no-any-return]  # a fixture of the shared conftest


def write(site: Path, name: str, *, front: str = "", body: str = "<p>正文。</p>", **said: str) -> Path:
    values = {"layout": "post", "title": '"标题"', "date": "2021-12-08 10:46:18", "categories": "emnews"} | said
    values.setdefault("tags", "东财滚动新闻")
    path = site / "_posts" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    front = front or "".join(f"{key}: {value}\n" for key, value in values.items())
    path.write_text(f"---\n{front}---\n{body}\n", encoding="utf-8")
    return path


def parts(path: Path) -> tuple[dict[str, Any], str]:
    """A post's front matter as any program reads it, and its text without the links under it."""
    _, front, body = path.read_text(encoding="utf-8").lstrip().split("---\n", 2)
    return yaml.load(front, Loader=yaml.BaseLoader), body.split("\n\n<http")[0]


def text_only(html: str) -> str:
    return re.sub(r"<[^>]+>|[\s>]+", "", html)


def sums(folder: Path) -> dict[str, tuple[int, bytes]]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in paths}


def test_the_first_system_s_posts_go_out_with_what_they_came_in_with(workspace: Any, shared: Path, site: Path) -> None:
    report = workspace.json("import-jekyll", str(shared / "finews"))
    assert (report["new"], report["skipped"], report["repeated"]) == (19, 0, 1)
    assert report["addresses"] == [
        {"name": "东财滚动", "before": "emnews", "now": "dongcaigundong"},
        {"name": "站长消息", "before": "sitenews", "now": "zhanzhangxiaoxi"},
    ]
    assert workspace.json("export-jekyll", str(site)) == WHOLE

    (seed,) = (shared / "finews" / "_posts").glob(f"*-{SEED}.md")
    assert parts(site / "_posts" / seed.name) == parts(seed)
    for old in sorted((shared / "finews" / "_posts").glob("2021-12-08-*[0-9].md")):
        was, now = parts(old), parts(site / "_posts" / old.name.replace("08-2021", "08-NW2021"))
        for key in ("layout", "title", "tags"):
            assert now[0][key] == was[0][key]
        assert now[0]["date"] == was[0]["date"].removesuffix(" +0800") + " +0800"
        assert text_only(now[1]) == text_only(was[1])
    (untitled,) = (site / "_posts").glob("2022-05-26-*.md")
    assert parts(untitled)[0]["title"].startswith("据霍尼韦尔官网消息，5月24日")

    before = sums(site)
    again = workspace.json("import-jekyll", str(shared / "finews"))
    assert (again["new"], again["revised"], again["unchanged"]) == (0, 0, 19)
    assert again["published"]["written"] == []
    assert workspace.json("export-jekyll", str(site)) == EQUAL
    assert sums(site) == before

    (workspace.folder / "aggregator.db").rename(workspace.folder / "first.db")
    assert workspace.json("import-jekyll", str(site))["new"] == 19
    (site / "_posts" / seed.name).write_text("mine", encoding="utf-8")
    done = workspace.run("export-jekyll", str(site))
    assert done.returncode == 1
    assert "0 files" in done.stdout, "a new store gives the same posts"
    assert seed.name in done.stderr
    assert (site / "_posts" / seed.name).read_text(encoding="utf-8") == "mine"


def stored(workspace: Any) -> int:
    try:
        return int(workspace.rows("SELECT count(*) AS n FROM entries")[0]["n"])
    except sqlite3.OperationalError:
        return 0  # the store is only just being made


def test_an_import_that_is_killed_goes_on_where_it_was(workspace: Any, site: Path) -> None:
    for number in range(300):
        write(site, f"2021-12-08-20211208220667{number:04}.md", title=f'"第{number}篇"', body=f"<p>正文{number}。</p>")
    process = workspace.start("import-jekyll", str(site))
    try:
        eventually(lambda: stored(workspace), "a batch")
    finally:
        process.kill()
        process.communicate()
    count = stored(workspace)
    assert count % 100 == 0, "a batch is a transaction"
    report = workspace.json("import-jekyll", str(site))
    assert (report["new"], report["unchanged"]) == (300 - count, count)


def test_wrong_use_says_what_would_be_right(workspace: Any, site: Path) -> None:
    write(site, "2021-12-08-a.md")
    for arguments, status, words in (
        (("import-jekyll", "nowhere"), 1, "is no folder"),
        (("import-jekyll", str(site), "--source", "none"), 2, "--source"),
        (("export-jekyll", "out"), 1, "there is no store"),
    ):
        done = workspace.run(*arguments)
        assert done.returncode == status, done.stderr
        assert words in done.stderr


# --- as Jekyll shows it -----------------------------------------------------------------------------------


@pytest.fixture
def jekyll() -> str:
    found = shutil.which("jekyll")
    if not found:
        pytest.skip("jekyll is not installed")
    return found


def test_jekyll_shows_what_is_stored(workspace: Any, site: Path, jekyll: str) -> None:
    texts = [
        "<p>{% raw %}{{ '{{' }}{% endraw %} 普通 *星号* _下划线_ # 井号</p>",
        "<div><p>{% raw %}{{ site.title }} {% include nothing %}{% endraw %}</p>&#10;\n    * 一</div>",
        "<blockquote>引</blockquote><pre>a\n    b &lt;c&gt;</pre>1. 数字 $$x$$ | a | b |",
    ]
    for number, text in enumerate(texts):
        write(site, f"2021-12-08-20211208220667293{number}.md", title=f'"第{number}篇 {{{{ x }}}}"', body=text)
    assert workspace.json("import-jekyll", str(site))["new"] == 3
    out = workspace.folder / "out"
    workspace.json("export-jekyll", str(out))
    (out / "_layouts" / "post.html").write_text("<h1>{{ page.title | escape }}</h1><main>{{ content }}</main>")
    (out / "_layouts" / "default.html").write_text("{{ content }}")
    done = subprocess.run([jekyll, "build", "-q"], cwd=out, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    for row in workspace.rows("SELECT info_code, content FROM entries"):
        (shown,) = (out / "_site").rglob(f"{row['info_code']}.html")
        main = re.sub(r"(?s).*<main>(.*)</main>.*", r"\1", shown.read_text(encoding="utf-8"))
        assert row["content"].strip() in main.replace("&#123;", "{").replace("&#10;", "\n").replace("<br />", "<br>")
    listed = (out / "_site" / "category" / "dongcaigundong.html").read_text(encoding="utf-8")
    assert listed.count("<li>") == 3
    assert "第0篇 {{ x }}" in listed

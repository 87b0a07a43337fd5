"""A merge as an operator sees it: what `fetch`, `explain` and `split` say of it."""

from typing import Any

import pytest

PARAGRAPHS = (
    "南昌市政府昨日召开新闻发布会，介绍今年以来全市轨道交通建设的进展情况，四号线二期工程预计于明年年底建成通车。",
    "发布会上，市交通运输局负责人表示，全线共设车站17座，总投资约86.5亿元，沿线居民出行时间将大为缩短。",
    "据介绍，工程建成之后，日均客流量有望超过35万人次，并将带动沿线商业和住宅的发展，完善城市公共交通网络。",
)


def document(name: str, *around: str) -> str:
    text = "".join(f"&lt;p&gt;{line}&lt;/p&gt;" for line in (*around, *PARAGRAPHS))
    link = f"https://{name}.example/metro"
    item = f"<item><link>{link}</link><title>地铁四号线 {name}</title><description>{text}</description></item>"
    return f'<rss version="2.0"><channel><title>来源{name}</title>{item}</channel></rss>'


@pytest.fixture
def merged(workspace: Any) -> Any:
    """A workspace in which the second source told the story of the first."""
    sources = ""
    for name, around in (("first", ()), ("second", ("来源：第一报",))):
        (workspace.folder / f"{name}.xml").write_text(document(name, *around), encoding="utf-8")
        sources += f'[sources.{name}]\nurl = "file:{workspace.folder}/{name}.xml"\ncategory = "{name}"\n'
    workspace.configure(sources)
    workspace.run("fetch", "first")
    report = workspace.json("fetch")
    assert (report["new"], report["merged"]) == (0, 1)
    assert [line["merged"] for line in report["sources"]] == [1]
    return workspace


def kept_and_joined(workspace: Any) -> tuple[str, str]:
    rows = workspace.rows("SELECT code, info_code FROM tellings WHERE code <> info_code")
    return rows[0]["info_code"], rows[0]["code"]


def test_explain_says_what_was_merged_and_why_and_split_names_what_it_does_not_know(merged: Any) -> None:
    kept, joined = kept_and_joined(merged)
    by_either = [merged.json("explain", code) for code in (kept, joined)]
    assert by_either[0] == by_either[1]
    assert [telling["code"] for telling in by_either[0]["tellings"]] == [kept, joined]
    assert "same story" in by_either[0]["provenance"][1]["why"]
    said = merged.run("explain", joined).stdout
    assert "merged: same story" in said
    assert joined in said
    unknown = merged.run("split", "nothing")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "no article is stored under 'nothing'" in unknown.stderr


@pytest.mark.parametrize("name", ["kept", "address"])
def test_split_undoes_it_for_good_and_publishes_both(merged: Any, name: str) -> None:
    kept, joined = kept_and_joined(merged)
    what = {"kept": kept, "address": "http://www.second.example/metro/"}[name]
    report = merged.json("split", what)
    assert (report["kept"], [part["info_code"] for part in report["split"]]) == (kept, [joined])
    assert f"article/{joined}.html" in report["published"]["written"]
    assert merged.json("explain", joined)["title"] == "地铁四号线 second"
    assert merged.json("explain", kept)["apart"] == [joined]
    assert merged.json("fetch", "--force")["merged"] == 0
    assert merged.rows("SELECT count(*) AS n FROM entries")[0]["n"] == 2

    done = merged.run("split", what)
    assert done.returncode == 1
    assert "was not merged with another article" in done.stderr

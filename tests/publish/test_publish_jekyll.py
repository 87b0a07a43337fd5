"""Articles as posts of a Jekyll site: nothing in them is run, and of its folder only what we wrote is touched."""

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from publish_examples import BARE, CHANNEL, FULL, SITE, SUMMARY_ONLY

from aggregator import digest, front_matter
from aggregator.categorise import PostNaming
from aggregator.errors import PublishError
from aggregator.markup import sanitise, text_of
from aggregator.publish.jekyll import MANIFEST, Export, page, post
from aggregator.records import Channel, Entry, ExportReport, PostFile, Source, StoredEntry

POST = "_posts/2021-12-28-NW202112282227696247.md"
PAST = Source("jekyll", "file:site", category_from="tags", timezone="Asia/Shanghai", language="zh-CN")
LATER = datetime(2030, 1, 1, tzinfo=UTC)
TRAPS = [  # what Liquid would run, or Markdown take for its own
    "{{ site.title }} {% raw %} {%- include x -%} {{{ a }}} {% endraw %}",
    "* 一\n* 二\n\n    四个空格\n\n# 井号\n1. 数字\n\n\n| a | b |\n|---|---|",
    "<p>段</p>\n\n    <p>缩进 *x* _y_ [a](b) &lt;b&gt; $$x$$</p>",
    "<pre>\n\n第一行\n\n\n    {{ x }}\n</pre>尾巴",
    "<blockquote><p>引 {%</p>\n\n<p>用 %}</p></blockquote>---\nlayout: x\n---",
    "<div><div>深</div>\n\n</div><ul><li>一\n\n<li>二</ul><table><tr><td>\n\n格</table>",
    '<p title="{{ a }}">属性</p><img alt="{% b %}" src="https://example.org/{{c}}.png">',
    "没有标记，只有文字 & 符号 <",
    "<p>反斜杠 \\ 与 `代码`</p> <p>第二段</p>\n <p>第三段</p>",
    "\u00a0 {",
]
PIECES = [*TRAPS, "<p>", "</p>", "{", "%}", "\n", "\n\n", "<div>", "</div>", "<br>", "字", " "]


def entry_of(text: str) -> StoredEntry:
    content = sanitise(text, "https://example.org/").strip()
    return replace(FULL, content=content if text_of(content) else "", summary="")


def read_back(stored: StoredEntry) -> Entry:
    """What the import makes of the post that the export makes of an article."""
    document = post(SITE, stored)
    file = PostFile("x.md", document.path[7:17], stored.info_code, False, document.body)
    (posts, problems) = digest.digest_posts([file], PAST, SITE.url, PostNaming("{name}新闻"), LATER)
    assert problems == ()
    return posts[0].entry


def bare(html: str) -> str:
    """A fragment between two lines of text, where the first and last white space of a document does not count."""
    return html.strip()


@pytest.mark.parametrize("text", TRAPS)
def test_a_text_comes_back_as_it_went_out(text: str) -> None:
    stored = entry_of(text)
    assert bare(read_back(stored).content) == bare(stored.content)


@settings(max_examples=150)
@given(st.lists(st.sampled_from(PIECES), max_size=8))
def test_any_text_comes_back_as_it_went_out(parts: list[str]) -> None:
    stored = entry_of("".join(parts))
    assert bare(read_back(stored).content) == bare(stored.content)


@pytest.mark.parametrize("text", TRAPS)
def test_no_text_holds_what_liquid_runs_and_no_empty_line_outside_of_paragraphs(text: str) -> None:
    body = post(SITE, entry_of(text)).body.decode().split("---\n", 2)[2]
    assert "{{" not in body
    assert "{%" not in body
    if front_matter.WRAP[0] in body:
        assert "\n\n" not in body.partition(front_matter.WRAP[0])[2].partition("\n</div>\n")[0]


def test_a_post_says_what_the_first_system_s_posts_said() -> None:
    content = "<p>一</p>\n <p>二 {{ x }}</p>"
    document = post(SITE, replace(FULL, author="", title='标题“引号”与"quotes"', content=content))
    assert document.path == POST
    assert document.body.decode() == (
        '---\nlayout: post\ntitle: "标题“引号”与\\"quotes\\""\ndate: 2021-12-28 08:08:58 +0800\n'
        "categories: nanchangribao\ntags: 南昌日报新闻\n---\n"
        "<p>一</p>\n <p>二 &#123;{ x }}</p>\n\n"
        "<https://news.example.com/a/1.html?x=1&y=2>\n\n"
        "[返回南昌日报新闻](https://finews.example.org/category/nanchangribao.html)｜"
        "[返回首页](https://finews.example.org/)\n"
    )


def test_everything_that_a_post_says_comes_back() -> None:
    channels = (Channel("keji", "科技 与 [括号] {{ x }} 新闻", "科技"), CHANNEL)
    stored = replace(FULL, channels=channels)
    entry = read_back(stored)
    for said in ("title", "link", "author", "published", "info_code"):
        assert getattr(entry, said) == getattr(FULL, said)
    assert entry.tags == ("科技 与 [括号] {{ x }}", "南昌日报")


def test_an_article_without_a_text_a_link_or_a_title_is_a_post_all_the_same() -> None:
    assert "一句" in text_of(post(SITE, SUMMARY_ONLY).body.decode())
    document = post(SITE, BARE)
    assert document.path == "_posts/2021-12-27-x7.md"
    assert document.body.decode() == (
        '---\nlayout: post\ntitle: ""\ndate: 2021-12-27 12:00:00 +0800\n---\n\n\n[返回首页](https://finews.example.org/)\n'
    )


def test_an_english_site_leads_back_in_english() -> None:
    body = post(replace(SITE, language="en"), FULL).body.decode()
    assert "[Back to 南昌日报新闻](" in body


def test_a_category_has_a_page() -> None:
    document = page(CHANNEL)
    assert document.path == "category/nanchangribao.html"
    assert document.body.decode() == "---\nlayout: category\ntitle: 南昌日报新闻\ncategory: nanchangribao\n---\n"


# --- the folder -----------------------------------------------------------------------------------------


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return tmp_path / "site"


def export(site: Path, *entries: StoredEntry) -> ExportReport:
    target = Export(SITE, site)
    target.pages([CHANNEL])
    target.posts(entries)
    return target.settle()


def files(site: Path) -> dict[str, tuple[int, bytes]]:
    found = (path for path in site.rglob("*") if path.is_file())
    return {path.relative_to(site).as_posix(): (path.stat().st_mtime_ns, path.read_bytes()) for path in found}


def test_a_second_run_writes_nothing(site: Path) -> None:
    assert export(site, FULL, SUMMARY_ONLY) == ExportReport(written=3, unchanged=0, removed=0)
    before = files(site)
    assert sorted(before) == [
        MANIFEST,
        "_layouts/category.html",
        "_posts/2021-12-26-s-only.md",
        POST,
        "category/nanchangribao.html",
    ]
    assert export(site, SUMMARY_ONLY, FULL) == ExportReport(written=0, unchanged=3, removed=0)
    assert files(site) == before


def test_only_what_changed_is_written(site: Path) -> None:
    export(site, FULL, SUMMARY_ONLY)
    before = files(site)
    assert export(site, replace(FULL, title="更正"), SUMMARY_ONLY) == ExportReport(written=1, unchanged=2, removed=0)
    after = files(site)
    assert {path for path in after if after[path] != before[path]} == {POST, MANIFEST}
    assert "更正" in (site / POST).read_text()


def test_a_post_goes_with_its_article_and_with_its_day(site: Path) -> None:
    export(site, FULL, SUMMARY_ONLY)
    other_day = replace(FULL, published=datetime(2021, 12, 29, tzinfo=UTC))
    assert export(site, other_day) == ExportReport(written=1, unchanged=1, removed=2)
    assert [path.name for path in (site / "_posts").iterdir()] == [f"2021-12-29-{FULL.info_code}.md"]


def test_what_somebody_changed_or_wrote_is_left_alone_and_named(site: Path) -> None:
    export(site, FULL, SUMMARY_ONLY)
    mine = site / "_posts" / "2020-01-01-mine.md"
    mine.write_text("mine")
    (site / POST).write_text("changed by hand")
    for _ in range(2):
        report = export(site, replace(FULL, title="更正"))
        assert report.left == (POST,)
        assert (site / POST).read_text() == "changed by hand"
    assert mine.read_text() == "mine"
    assert not (site / "_posts/2021-12-26-s-only.md").exists()
    (site / POST).unlink()
    assert export(site, FULL) == ExportReport(written=1, unchanged=1, removed=0)


def test_what_somebody_changed_stays_when_its_article_goes_and_is_theirs_from_then_on(site: Path) -> None:
    export(site, FULL)
    (site / POST).write_text("changed by hand")
    assert export(site) == ExportReport(written=0, unchanged=1, removed=0, left=(POST,))
    assert export(site) == ExportReport(written=0, unchanged=1, removed=0)
    assert (site / POST).read_text() == "changed by hand"


def test_a_layout_of_the_site_s_own_is_kept(site: Path) -> None:
    (site / "_layouts").mkdir(parents=True)
    (site / "_layouts" / "category.html").write_text("own")
    assert export(site, FULL).left == ()
    assert (site / "_layouts" / "category.html").read_text() == "own"


def test_a_run_that_is_cut_short_anywhere_is_gone_on_with(site: Path) -> None:
    export(site, FULL)
    cut = Export(SITE, site)
    cut.posts([replace(FULL, title="更正"), SUMMARY_ONLY])  # written, and never settled
    announced = (site / MANIFEST).read_text()
    (site / POST).write_bytes(post(SITE, FULL).body)  # as if it had been cut between the note and the file
    assert len(announced.splitlines()) == 4
    assert export(site, replace(FULL, title="再更正")) == ExportReport(written=1, unchanged=1, removed=1)
    assert sorted(path.name for path in (site / "_posts").iterdir()) == [Path(POST).name]
    assert len((site / MANIFEST).read_text().splitlines()) == 2


def test_what_an_interrupted_write_left_is_swept(site: Path) -> None:
    export(site, FULL)
    leftover = site / "_posts" / f".x.md.{os.getpid()}-0123456789ab.part"
    leftover.write_text("half")
    export(site, FULL)
    assert not leftover.exists()


def test_a_line_of_the_list_that_leads_elsewhere_is_no_line(site: Path) -> None:
    export(site, FULL)
    secret = site.parent / "secret.md"
    secret.write_text("secret")
    with (site / MANIFEST).open("a") as file:
        file.write(f"{'0' * 64}  _posts/../../secret.md\nnonsense\n")
    assert export(site, FULL) == ExportReport(written=0, unchanged=2, removed=0)
    assert secret.read_text() == "secret"


@pytest.fixture
def read_only(site: Path) -> Path:
    site.parent.joinpath("site").write_text("a file where the folder should be")
    return site


def test_a_disk_that_refuses_is_said_with_its_place(read_only: Path) -> None:
    with pytest.raises(PublishError, match="site"):
        export(read_only, FULL)

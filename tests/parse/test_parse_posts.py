"""Posts of a Jekyll site: what they say, in the ways that the first system and others wrote them."""

from pathlib import Path

import pytest

from aggregator.errors import AggregatorError
from aggregator.parse import read_post
from aggregator.records import PostFile, RawPost, Unreadable
from aggregator.sources.jekyll import batches, post_paths

FRONT = '---\nlayout: post\ntitle: "标题"\ndate: 2021-12-08 10:46:18\ncategories: emnews\ntags: 东财滚动新闻\n---\n'
LINK = "http://finance.eastmoney.com/news/11060,202112082206672930.html"


def read(text: str, day: str = "2021-12-08", stem: str = "202112082206672930") -> RawPost:
    found = read_post(PostFile(f"{day}-{stem}.md", day, stem, False, text.encode()))
    assert isinstance(found, RawPost)
    return found


@pytest.mark.parametrize(
    "foot",
    [
        f"\n\n<{LINK}>",
        f"\n\n<{LINK}>\n\n[返回东财滚动新闻](../emnews/)\n[返回首页](../)",
        f"\n\n<{LINK}>\n\n[返回东财滚动新闻](//finews.zning.me/emnews/)｜[返回首页](//finews.zning.me/)\n",
        f"\n\n<{LINK}>\n\n[Back to A &#91;b\\] c](https://a.example/category/a.html)｜[Back to Home](https://a.example/)\n\n",
    ],
)
def test_what_stands_under_a_text_is_no_part_of_it(foot: str) -> None:
    post = read(FRONT + "\n正文。" + foot)
    assert (post.entry.content, post.entry.link) == ("<p>正文。</p>\n", LINK)
    assert post.entry.published == "2021-12-08 10:46:18"
    assert (post.entry.tags, post.categories) == (("东财滚动新闻",), ("emnews",))


@pytest.mark.parametrize(
    "body",
    ["见 <https://a.example/> 。", "正文\n\n[一个链接](https://a.example/)", "[返回](https://a.example/) 之后", "[返"],
)
def test_a_link_that_is_part_of_the_text_stays(body: str) -> None:
    post = read(FRONT + body)
    assert post.entry.link == ""
    assert "返" in post.entry.content or "a.example" in post.entry.content


def test_an_address_that_was_never_known_is_none() -> None:
    post = read(FRONT + "<p>正文</p>\n\n<>\n\n[返回东财滚动新闻](//a/emnews/)｜[返回首页](//a/)")
    assert (post.entry.content, post.entry.link) == ("<p>正文</p>", "")


@pytest.mark.parametrize(
    ("date", "day", "stem", "expected"),
    [
        ("2021-12-28 08:08:58 +0800", "2021-12-28", "NW202112282227696247", "2021-12-28 08:08:58 +0800"),
        (" +0800", "", "202205262391921712", "2022-05-26"),
        ("", "", "NW202205262391921712", "2022-05-26"),
        ("", "2021-12-01", "init", "2021-12-01"),
        ("", "", "init", ""),
        ("", "", "NW202213992391921712", ""),
    ],
)
def test_a_date_that_is_not_said_is_the_day_of_the_file_or_of_the_code(
    date: str, day: str, stem: str, expected: str
) -> None:
    assert read(f"---\ntitle: a\ndate: {date}\n---\n正文", day, stem).entry.published == expected


def test_html_is_left_as_it_is_and_markdown_becomes_html() -> None:
    html = "<p>一 * 二 *</p>\n <p>三</p>"
    assert read(FRONT + html).entry.content == html
    mixed = read(FRONT + "> 引用 *强调*\n\n<p>段 *一*</p>").entry.content
    assert mixed == "<blockquote>\n<p>引用 <em>强调</em></p>\n</blockquote>\n<p>段 *一*</p>"


def test_raw_blocks_are_undone_and_other_liquid_is_text() -> None:
    content = read(FRONT + "{% raw %}{{ a }}{% endraw %} {{ b }} {%- raw -%}c{%- endraw -%}").entry.content
    assert content == "<p>{{ a }} {{ b }} c</p>\n"


def test_names_come_from_tags_in_every_form() -> None:
    def tags(line: str) -> tuple[str, ...]:
        return read(f"---\ntitle: a\n{line}\n---\nb").entry.tags

    assert tags("tags: 21世纪经济报道  南财理财通新闻") == ("21世纪经济报道  南财理财通新闻",)
    assert tags("tags: [a b, c]") == ("a b", "c")
    assert tags("tag: a") == ("a",)
    assert tags("tags:") == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("没有前言", "line 1: no front matter"),
        ("---\ntitle: [\n---\n", "line 2: front matter is no YAML"),
        ("---\npublished: false\n---\nx", "published: false"),
    ],
)
def test_what_cannot_be_taken_in_says_why(text: str, reason: str) -> None:
    found = read_post(PostFile("a.md", "", "a", False, text.encode()))
    assert isinstance(found, Unreadable)
    assert reason in found.detail


def test_a_foot_of_many_spaces_costs_no_time() -> None:
    read(FRONT + "[返回" + " " * 100_000 + "](a) [\\" * 5_000 + "\n" * 50_000)


# --- the folder -----------------------------------------------------------------------------------------


def test_posts_are_found_below_posts_and_nothing_else_is(tmp_path: Path) -> None:
    for name in ("_posts/2021/2021-12-28-b.md", "_posts/-a.markdown", "_posts/README.md", "category/2021-01-01-c.html"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    expected = [tmp_path / "_posts/-a.markdown", tmp_path / "_posts/2021/2021-12-28-b.md"]
    assert post_paths(tmp_path) == expected
    assert post_paths(tmp_path / "_posts") == expected
    with pytest.raises(AggregatorError, match="is no folder"):
        post_paths(tmp_path / "nowhere")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(AggregatorError, match="holds no posts"):
        post_paths(empty)


def test_names_that_two_days_share_are_marked_and_what_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    for name in ("2021-01-01-weekly.md", "2021-01-08-weekly.md", "2021-01-08-once.md"):
        (tmp_path / name).write_text("x")
    (tmp_path / "2021-01-09-gone.md").symlink_to(tmp_path / "nothing")
    (first, second) = batches(post_paths(tmp_path), tmp_path, 3)
    assert [(post.stem, post.twin, post.fault) for post in first] == [
        ("weekly", True, ""),
        ("once", False, ""),
        ("weekly", True, ""),
    ]
    assert [post.fault for post in second] == ["cannot be read: No such file or directory"]
    found = read_post(second[0])
    assert isinstance(found, Unreadable)

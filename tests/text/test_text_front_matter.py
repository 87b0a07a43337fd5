"""Front matter: whatever a title holds stands in it, and what other programs wrote is read as far as it can be."""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregator.front_matter import Fault, Page, read, write
from aggregator.markup import legal

TEXTS = st.one_of(
    st.text().map(legal),
    st.sampled_from(["", "no", "~", "null", "1_000", "1e3", ":symbol", "0o14", "2021-12-28", "12:30", "<<", "="]),
    st.sampled_from(['他说"好"', "a: b # c", "{{ x }}", "---", "...\n---", "'", "\\", "😀\u2028\x85", "a\tb", " a "]),
)


@settings(max_examples=150)
@given(TEXTS, st.lists(TEXTS, max_size=4).map(tuple), TEXTS)
def test_what_is_written_is_what_is_read(title: str, tags: tuple[str, ...], body: str) -> None:
    text = write({"title": title, "tags": tags, "author": title}, quoted=["title"]) + body
    page = read(text)
    assert page == Page({"title": title, "tags": tags, "author": title}, body.replace("\r\n", "\n"))
    loaded = yaml.safe_load(text[4 : text.index("\n---\n")])
    assert isinstance(loaded["title"], str), "other readers of YAML see a text, too"


def test_the_values_stand_as_jekyll_s_own_documents_write_them() -> None:
    values = {
        "layout": "post",
        "title": '引号"与: 冒号',
        "date": "2021-12-28 08:08:58 +0800",
        "categories": ("a", "b"),
        "tags": "南昌日报新闻",
    }
    assert write(values, quoted=["title"]) == (
        '---\nlayout: post\ntitle: "引号\\"与: 冒号"\ndate: 2021-12-28 08:08:58 +0800\n'
        "categories: [a, b]\ntags: 南昌日报新闻\n---\n"
    )


def test_everything_is_read_as_the_text_that_stands_there() -> None:
    front = "---\r\ntitle: 007\ndate: 2021-12-08 10:46:18\nempty:\ntable: {a: b}\ntags:\n- no\n- 1\n---\n"
    page = read(f"\n\r\n{front}text\n")
    assert isinstance(page, Page)
    assert page.values == {"title": "007", "date": "2021-12-08 10:46:18", "empty": "", "tags": ("no", "1")}
    assert page.body == "text\n"


@pytest.mark.parametrize("title", ['他说"好"了', '"好"', "好 \"", "c:\\path"])
def test_a_title_put_between_quotes_unseen_is_read_line_by_line(title: str) -> None:
    page = read(f'---\nlayout: post\ntitle: "{title}"\ndate:  +0800\ntags: 南昌日报新闻\n---\n正文')
    assert isinstance(page, Page)
    assert page.values == {"layout": "post", "title": title, "date": "+0800", "tags": "南昌日报新闻"}
    assert page.note.startswith("line 3: ")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ("正文", 1),
        ("\n\n正文", 3),
        ("---\ntitle: a\n正文", 1),
        ("---\ntitle: a\n  - b: [\n---\n", 3),
        ("---\n- a\n- b\n---\n", 2),
        ("---\ntitle: a\ntags: *nothing\n  x\n---\n", 3),
        (f"---\n{'[' * 3_900}\n---\n", 2),
        (f"---\na: {'[' * 1_900}{']' * 1_900}\nb: [\n---\n", 3),
        (f"---\na: {'[' * 30_000}{']' * 30_000}\n---\n", 2),
        (f"---\ntitle: {'a' * 70_000}\n---\n", 2),
    ],
)
def test_what_cannot_be_read_is_a_fault_with_its_line(text: str, line: int) -> None:
    found = read(text)
    assert isinstance(found, Fault)
    assert found.line == line

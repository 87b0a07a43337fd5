"""Sources at the end of a configuration: what stood there stays byte by byte, and the new ones say what they should."""

import os
import stat
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.config import Checks, NewSource, parse
from aggregator.config.edit import add_sources, replace_file, source_name, with_sources
from aggregator.errors import ConfigError

COMMENTED = """# The configuration.   It has   odd spaces.

[site]
title = '金融消息'    # kept
[sources.lwn]  # a comment behind a header
url = "https://lwn.net/headlines/rss"


# the last word is a comment"""
XKCD = NewSource("xkcd", "https://xkcd.com/atom.xml", "", ("English",))


def test_the_text_before_is_kept_byte_by_byte_and_the_source_stands_behind_it() -> None:
    table = '[sources.xkcd]\nurl = "https://xkcd.com/atom.xml"\ncategory = "English"\n'
    assert with_sources(COMMENTED, [XKCD]) == f"{COMMENTED}\n\n{table}"


def test_several_sources_stand_apart_by_a_blank_line_and_one_of_several_categories_lists_them() -> None:
    two = NewSource("two", "https://two.example/", 'Number "two" \\', ("a", "b"))
    added = with_sources("", [XKCD, two])
    assert added == (
        '[sources.xkcd]\nurl = "https://xkcd.com/atom.xml"\ncategory = "English"\n\n'
        '[sources.two]\nurl = "https://two.example/"\ntitle = "Number \\"two\\" \\\\"\ncategories = ["a", "b"]\n'
    )


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_new_lines_end_as_the_others_do(newline: str) -> None:
    before = newline.join(["[site]", 'title = "a"', ""])
    after = with_sources(before, [XKCD])
    assert after.startswith(before)
    assert after.count(newline) == after.count("\n")


def test_a_byte_order_mark_and_an_empty_list_of_sources_change_nothing() -> None:
    assert with_sources("\ufeff" + COMMENTED, []) == "\ufeff" + COMMENTED
    assert with_sources("\ufeff", [XKCD]).startswith("\ufeff[sources.xkcd]")


def test_tables_that_follow_dotted_keys_are_understood() -> None:
    text = with_sources('sources.a.url = "https://a.example/"\n', [XKCD])
    assert list(tomllib.loads(text)["sources"]) == ["a", "xkcd"]


def test_sources_in_one_line_are_refused_with_what_would_be_right() -> None:
    with pytest.raises(ConfigError, match=r"at the end of this file: .*; write each source as a \[sources\.<name>\]"):
        with_sources('sources = { a = { url = "https://a.example/" } }\n', [XKCD])


def test_a_name_that_is_taken_is_refused() -> None:
    with pytest.raises(ConfigError, match="xkcd"):
        with_sources(with_sources("", [XKCD]), [XKCD])


WORDS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=20)
NEW = st.builds(NewSource, NAMES, WORDS, WORDS, st.lists(WORDS.filter(bool), min_size=2, max_size=3).map(tuple))


@given(NEW.filter(lambda source: source.name != "lwn"))
def test_whatever_a_source_says_is_read_back_as_it_was(source: NewSource) -> None:
    text = with_sources(COMMENTED, [source])
    assert text.startswith(COMMENTED)
    said = tomllib.loads(text)["sources"][source.name]
    assert NewSource(source.name, said["url"], said.get("title", ""), tuple(said["categories"])) == source


@pytest.mark.parametrize(
    ("title", "url", "taken", "name"),
    [
        ("LWN.net", "https://lwn.net/headlines/rss", (), "lwn-net"),
        ("南昌日报", "https://nc.example/feed", (), "nanchangribao"),
        ("南昌日报", "https://nc.example/feed", ("nanchangribao", "nanchangribao-2"), "nanchangribao-3"),
        ("", "https://www.blog.example.org:8080/feed", (), "blog-example-org"),
        ("!!!", "https://blog.example.org/feed", (), "blog-example-org"),
        ("C-SPAN", "https://c-span.example/feed", (), "c-span"),
        ("", "file:///srv/feeds/local-news.xml", (), "local-news"),
        ("The Old New Thing: a blog about great many things", "", (), "the-old-new-thing-a-blog-about-great"),
    ],
)
def test_a_source_is_named_after_its_title_else_its_host(
    title: str, url: str, taken: tuple[str, ...], name: str
) -> None:
    assert source_name(title, url, taken) == name


@given(st.text(max_size=200), st.sets(st.sampled_from(["feed", "a", "a-2", "example-org"])))
def test_a_name_is_made_of_letters_digits_and_hyphens_and_is_never_taken(title: str, taken: set[str]) -> None:
    name = source_name(title, "https://example.org/", taken)
    assert name not in taken
    assert 0 < len(name) <= 50
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


# --- the file ------------------------------------------------------------------------------------------


def test_the_file_keeps_its_mode_and_a_link_to_it_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.toml", tmp_path / "aggregator.toml"
    real.write_text(COMMENTED, encoding="utf-8")
    real.chmod(0o640)
    link.symlink_to(real)
    add_sources(link, [XKCD], Checks())
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert list(parse(real.read_text(encoding="utf-8"), "a.toml").sources) == ["lwn", "xkcd"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["aggregator.toml", "real.toml"]


def test_what_would_be_no_configuration_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "aggregator.toml"
    path.write_text(COMMENTED, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"sources\.bad\.url: .* cannot be fetched"):
        add_sources(path, [NewSource("bad", "gopher://a.example/")], Checks())
    assert path.read_text(encoding="utf-8") == COMMENTED


def test_a_file_that_cannot_be_written_is_said_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be written: .*must be writable and have room"):
        replace_file(tmp_path / "no" / "such" / "folder.toml", b"")


def test_five_thousand_sources_are_written_at_once_and_each_is_there(tmp_path: Path) -> None:
    path = tmp_path / "aggregator.toml"
    path.write_bytes(COMMENTED.encode())
    many = [NewSource(f"s{n}", f"https://{n}.example/feed", f"Title {n}", ("a", "b")) for n in range(5000)]
    add_sources(path, many, Checks())
    written = path.read_bytes()
    assert written.startswith(COMMENTED.encode())
    assert len(parse(written.decode(), "a.toml").sources) == 5001
    assert os.listdir(tmp_path) == ["aggregator.toml"]

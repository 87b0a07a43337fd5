"""`[[rules]]` in the configuration: read with all that they say, refused with their place and what would be right."""

from datetime import timedelta

import pytest

from aggregator import config
from aggregator.categorise import Condition, Conditions, Replacement, Ruling
from aggregator.errors import ConfigError
from aggregator.wiring import checks, rulebook_of

SOURCE = '[sources.lwn]\nurl = "https://lwn.example.org/"\n'
TITLE = '[[rules]]\ntitle = { contains = "x" }\n'


def test_a_rule_is_read_with_all_that_it_says() -> None:
    text = r"""[[rules]]
name = "all"
title = { contains = ["ＡＤ", "b"], matches = '^\[ad\]' }
not = { author = { contains = "Bob" }, older_than = "2d" }
older_than = "1h"
sources = ["lwn"]
add_category = "c"
set = { title = "t", author = "a", category = ["d", "e"] }
replace = { pattern = "x", text = "y" }
[[rules]]
source = { matches = ["a", "b"] }
drop = true
"""
    first, second = rulebook_of(config.parse(text + SOURCE, "a.toml", checks())).rules
    assert first == Ruling(
        1,
        "all",
        Conditions((Condition("title", ("ad", "b"), (r"^\[ad\]",)),), timedelta(hours=1)),
        Conditions((Condition("author", ("bob",)),), timedelta(days=2)),
        ("lwn",),
        added=("c",),
        categories=("d", "e"),
        title="t",
        author="a",
        replacements=(Replacement("title", "x", "y"),),
    )
    assert second == Ruling(2, when=Conditions((Condition("source", (), ("a", "b")),)), drop=True)


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("[[rules]]\ndrop = true", "rules[0]", "holds for every article"),
        (TITLE, "rules[0]", "does nothing"),
        (TITLE + "drop = false", "rules[0]", "does nothing"),
        (TITLE + "drop = true\nkeep = true", "rules[0]", "drop and keep"),
        (TITLE + 'drop = true\nadd_category = "x"', "rules[0]", "drop and add_category"),
        (TITLE + "dorp = true\nkeep = true", "rules[0].dorp", "did you mean 'drop'"),
        (TITLE + "keep = true\nunless = {}", "rules[0].unless", "unknown key"),
        ('[[rules]]\ntitel = { contains = "x" }\nlink = { contains = "y" }\ndrop = true', "rules[0].titel", "'title'"),
        ('[[rules]]\ntitle = { contians = "x", matches = "y" }\ndrop = true', "rules[0].title.contians", "'contains'"),
        ('[[rules]]\ntitle = "x"\ndrop = true', "rules[0].title", 'write it like { contains = "…" }'),
        ('[[rules]]\ntitle = {}\nlink = { contains = "y" }\ndrop = true', "rules[0].title", "asks nothing"),
        ('[[rules]]\ntitle = { matches = "(" }\ndrop = true', "rules[0].title.matches[0]", "missing )"),
        ('[[rules]]\ntitle = { matches = ["a", "(?!b)"] }\ndrop = true', "rules[0].title.matches[1]", "look-around"),
        ('[[rules]]\nolder_than = "soon"\ndrop = true', "rules[0].older_than", 'write it like "30s"'),
        (TITLE + "drop = true\nnot = {}", "rules[0].not", "leaves nothing out"),
        (TITLE + 'drop = true\nsources = ["lwm"]', "rules[0].sources", "did you mean 'lwn'"),
        (TITLE + 'drop = true\nsources = ["zzz"]', "rules[0].sources", "enabled = false"),
        (TITLE + 'replace = { field = "link", pattern = "x" }', "rules[0].replace[0].field", "'content'"),
        (TITLE + 'replace = { pattern = "x", text = "\\\\1" }', "rules[0].replace.text", "no group"),
        (TITLE + 'replace = [{ pattern = "x" }, { pattern = "(" }]', "rules[0].replace[1].pattern", "missing )"),
        (TITLE + 'set = { tilte = "x" }', "rules[0].set.tilte", "did you mean 'title'"),
        ("[rules]\ndrop = true", "rules", "[[rules]]"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_with_its_place_and_what_would_be_right(
    text: str, place: str, said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        config.parse(f"{text}\n{SOURCE}", "a.toml", checks())
    (problem,) = caught.value.problems
    assert f" {place}: " in problem
    assert said in problem


def test_a_fault_is_said_with_the_line_of_its_own_rule() -> None:
    text = f'{TITLE}keep = true\n\n{TITLE}dorp = true\n[rules.not.author]\ncontians = "b"\n'
    with pytest.raises(ConfigError) as caught:
        config.parse(text, "a.toml", checks())
    assert [problem.split(" ")[0] for problem in caught.value.problems] == [f"a.toml:{line}:" for line in (5, 7, 8, 9)]

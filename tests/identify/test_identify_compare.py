"""What a person is shown of an edit: both texts can be read off it, and it changes no more than it must."""

from hypothesis import given
from hypothesis import strategies as st

from aggregator.identify.compare import Piece, compare

TEXTS = st.text(alphabet="甲乙丙 ab1。\n", max_size=60)


def marked(before: str, after: str) -> str:
    marks = {"same": "{}", "removed": "[-{}-]", "added": "{{+{}+}}"}
    return "".join(marks[piece.kind].format(piece.text) for piece in compare(before, after))


@given(TEXTS, TEXTS)
def test_both_texts_can_be_read_off_a_comparison(before: str, after: str) -> None:
    pieces = compare(before, after)
    assert "".join(piece.text for piece in pieces if piece.kind != "added") == before
    assert "".join(piece.text for piece in pieces if piece.kind != "removed") == after
    assert all(piece.text for piece in pieces)


@given(TEXTS)
def test_a_text_does_not_differ_from_itself(text: str) -> None:
    assert compare(text, text) == ((Piece("same", text),) if text else ())


def test_chinese_is_compared_by_characters_and_english_by_words() -> None:
    assert marked("上证指数收于3200点，市场平稳。", "上证指数收于3210点，市场平稳。") == (
        "上证指数收于[-3200-]{+3210+}点，市场平稳。"
    )
    assert marked("The quick brown fox jumps.", "The quick red fox jumps.") == "The quick [-brown-]{+red+} fox jumps."
    assert marked("标题", "更正：标题") == "{+更正：+}标题"


def test_only_the_paragraph_that_changed_is_marked() -> None:
    before = "第一段没有变。\n\n第二段说的是甲和乙的事情。\n\n第三段没有变。"
    assert marked(before, before.replace("甲", "丁")) == before.replace("甲", "[-甲-]{+丁+}")
    assert marked(before, before + "\n\n第四段。").endswith("第三段没有变。{+\n\n第四段。+}")


def test_few_equal_characters_between_changes_are_no_landmark() -> None:
    assert marked("今天甲的乙消息很多很多", "今天丙的丁消息很多很多") == "今天[-甲的乙-]{+丙的丁+}消息很多很多"


def test_passages_that_have_little_in_common_stand_one_after_the_other() -> None:
    before, after = "昨日，市长张三出席会议并讲话。", "今天没有任何关于此事的消息。"
    assert marked(before, after) == f"[-{before}-]{{+{after}+}}"


def test_texts_of_any_size_are_compared() -> None:
    before = "甲乙丙丁" * 50_000
    assert [piece.kind for piece in compare(before, before[:-1])] == ["removed", "added"]
    lines = "行\n" * 20_000
    assert "".join(piece.text for piece in compare(lines, lines + "末") if piece.kind != "removed") == lines + "末"

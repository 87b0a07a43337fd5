"""What an article said before, as the operator reads it: in a terminal of 80 columns, in a file, as JSON."""

import fcntl
import os
import pty
import re
import struct
import termios
import unicodedata
from typing import Any

import pytest

STORY = "今天的会议讨论了全市安全生产工作，与会代表认为，要进一步压实责任，加强隐患排查，为经济社会发展创造良好环境。"
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def document(title: str, figure: int, views: int) -> bytes:
    text = f"<p>{STORY}</p><p>上证指数收于{figure}点，市场平稳。</p><p>阅读：{views}</p>"
    return (
        '<rss version="2.0"><channel><title>小报</title><item><guid>urn:x:1</guid><link>https://example.org/1</link>'
        f"<title>{title}</title><description><![CDATA[{text}]]></description></item></channel></rss>"
    ).encode()


@pytest.fixture(scope="module")
def edited(module_workspace: Any, module_origin: Any, answer: Any) -> Any:
    """A workspace whose only article had its counter changed once, and was then edited once."""
    module_workspace.configure(f'[sources.a]\nurl = "{module_origin.url}/a"\ncategory = "小报"\n')
    for said in (("标题", 3200, 1), ("标题", 3200, 2), ("更正：标题", 3210, 3)):
        module_origin.answers["/a"] = answer(document(*said))
        module_workspace.json("fetch", "--force")
    return module_workspace


def in_a_terminal(workspace: Any, *arguments: str, columns: int = 80) -> str:
    """Run the command in a terminal, and give what it wrote there."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "COLUMNS")}
    environment["TERM"] = "xterm-256color"
    process = workspace.start(*arguments, stdin=its, stdout=its, stderr=its, env=environment)
    os.close(its)
    written = b""
    while True:
        try:
            part = os.read(ours, 65_536)
        except OSError:  # the terminal's other end is closed
            break
        if not part:
            break
        written += part
    os.close(ours)
    assert process.wait(timeout=60) == 0
    return written.decode().replace("\r\n", "\n")


def width(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in line)


def test_an_edit_is_shown_in_colour_within_eighty_columns(edited: Any) -> None:
    shown = in_a_terminal(edited, "history", "https://example.org/1")
    assert re.search(r"\x1b\[[0-9;]*31m3200", shown)
    assert re.search(r"\x1b\[[0-9;]*32m3210", shown)
    lines = COLOUR.sub("", shown).split("\n")
    assert max(map(width, lines)) <= 80
    assert "[-" not in shown
    assert "2 versions, 1 change of its markup or counters only" in COLOUR.sub("", shown)
    assert not any(STORY in line for line in lines), "what did not change is not told again"


def test_into_a_file_an_edit_is_marked_by_brackets(edited: Any) -> None:
    done = edited.run("history", "https://example.org/1")
    assert "title  {+更正：+}标题" in done.stdout
    assert "上证指数收于[-3200-]{+3210+}点" in done.stdout
    assert "\x1b" not in done.stdout
    assert all(line == line.rstrip() for line in done.stdout.splitlines())


def test_as_json_every_version_stands_whole_with_what_it_changed(edited: Any) -> None:
    found = edited.json("history", "https://example.org/1")
    assert (found["found"], found["revision"], found["retouched"]) == (True, 2, 1)
    one, two = found["versions"]
    assert (one["title"], two["title"], one["changes"]) == ("标题", "更正：标题", {})
    assert STORY in one["text"]
    assert one["since"] <= two["since"] == two["updated"]
    for name in ("title", "text"):
        pieces = two["changes"][name]
        assert "".join(piece["text"] for piece in pieces if piece["kind"] != "added") == one[name]
        assert "".join(piece["text"] for piece in pieces if piece["kind"] != "removed") == two[name]
    assert set(two["changes"]) == {"title", "text"}


def test_explain_counts_the_revisions_and_what_was_absorbed(edited: Any) -> None:
    trace = edited.json("explain", "https://example.org/1")
    assert (trace["revision"], trace["retouched"]) == (2, 1)


def test_what_is_not_stored_has_no_history(edited: Any) -> None:
    assert "no article is stored under 'nothing'" in edited.run("history", "nothing").stderr


def test_of_a_retracted_article_nothing_is_shown(workspace: Any, origin: Any, answer: Any) -> None:
    workspace.configure(f'[sources.a]\nurl = "{origin.url}/a"\n')
    for said in (("标题", 1, 1), ("秘密", 2, 1)):
        origin.answers["/a"] = answer(document(*said))
        workspace.json("fetch", "--force")
    workspace.json("retract", "https://example.org/1")
    done = workspace.run("history", "https://example.org/1")
    assert (done.returncode, done.stdout) == (1, "")
    assert "was retracted; nothing of its text is kept" in done.stderr

"""Logs that no one can write into but us, and that give no secret away; and what systemd is told."""

import asyncio
import json
import logging
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator import config
from aggregator.cli import systemd
from aggregator.cli.logs import AsJson, AsText, _shown

ODD = ["a\nERROR forged", "\x1b[2J", "\u2028x", "\u202egnp", "\r\n", "\ud800", '"', "="]
HOSTILE = st.text() | st.sampled_from(ODD)


def record(message: str = "source refreshed", **facts: Any) -> logging.LogRecord:
    made = logging.makeLogRecord({"msg": message, "levelname": "INFO", "name": "aggregator.x", "created": 0.0})
    vars(made).update(facts)
    return made


@given(HOSTILE, HOSTILE)
def test_a_line_stays_one_line_whatever_stands_in_it(message: str, fact: str) -> None:
    for formatter in (AsJson(str), AsText(str)):
        line = formatter.format(record(message.replace("%", ""), error=fact))
        assert line.isprintable() or not {c for c in line if ord(c) < 32 or c in "\u2028\u2029\x7f\x1b\u202e"}
        assert len(line.splitlines()) == 1
        line.encode()


@given(HOSTILE, st.lists(HOSTILE), st.integers() | st.none() | st.booleans())
def test_json_gives_every_fact_back(text: str, texts: list[str], number: int | None) -> None:
    said = json.loads(AsJson(str).format(record(error=text, problems=texts, new=number, level="forged")))
    assert (said["error"], said["problems"], said["new"]) == (text, texts, number)
    assert (said["level"], said["logger"], said["event"]) == ("info", "aggregator.x", "source refreshed")
    assert said["time"] == "1970-01-01T00:00:00.000Z"


def test_text_says_facts_by_name_and_sets_a_traceback_in() -> None:
    try:
        raise ValueError("first\n2031-05-01 ERROR forged")
    except ValueError as error:
        broken = record(source="a", problems=["no answer"], exc_info=(type(error), error, error.__traceback__))
    first, *rest = AsText(str).format(broken).splitlines()
    assert first == '1970-01-01T00:00:00.000Z INFO aggregator.x: source refreshed source=a problems=["no answer"]'
    assert all(line.startswith("    ") for line in rest)
    assert any("ERROR forged" in line for line in rest)


def settings_with(tmp_path: Path, text: str) -> config.Settings:
    (tmp_path / "a.toml").write_text(text)
    return config.load(tmp_path / "a.toml", config.Checks(*[lambda _: None] * 5, {}))


def test_no_secret_and_no_private_address_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TOKEN", "correct-horse-battery")
    monkeypatch.setenv("PASSWORD", "staple-of-mine")
    settings = settings_with(
        tmp_path,
        """
[sources.quiet]
url = "https://quiet.example.org/feed?u=somebody-else"
private = true
auth = { username = "me", password_env = "PASSWORD" }
[sources.open]
url = "https://open.example.org/"
headers = { X-Api-Key = "key-of-the-house", Accept = "text/html" }
[server.tokens.alice]
env = "A_TOKEN"
outputs = ["*"]
""",
    )
    shown = _shown(settings)
    text = "https://quiet.example.org/feed?u=somebody-else https://u:pw1234@x.example.org/?api_key=abc&b=1 text/html"
    said = shown(f"{text} staple-of-mine key-of-the-house correct-horse-battery")
    assert said == "quiet https://x.example.org/?api_key=***&b=1 text/html *** *** ***"


def test_systemd_is_told_by_the_socket_it_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert systemd.notify("READY=1") is False
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "20000")
        assert systemd.notify("READY=1", "STATUS=serving")
        assert listener.recv(100) == b"READY=1\nSTATUS=serving"

        async def live() -> None:
            task = asyncio.create_task(systemd.show_life())
            received = [await asyncio.to_thread(listener.recv, 100) for _ in range(3)]
            task.cancel()
            assert received == [b"WATCHDOG=1"] * 3

        asyncio.run(live())
    assert systemd.notify("READY=1") is False


@pytest.mark.parametrize(("usec", "pid", "seconds"), [
    ("30000000", "", 15.0), ("30000000", "1", None), ("", "", None), ("0", "", None), ("soon", "", None),
])  # fmt: skip
def test_a_sign_of_life_is_given_twice_as_often_as_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, usec: str, pid: str, seconds: float | None
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    monkeypatch.setenv("WATCHDOG_PID", pid)
    assert systemd.watchdog_seconds() == seconds

"""A command that is forked does what one that is started as people do does."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from warm_start import WarmStart

FEED = '<rss version="2.0"><channel><title>t</title><item><guid>1</guid><title>赣江</title></item></channel></rss>'


def started(workspace: Any, *arguments: str) -> subprocess.CompletedProcess[str]:
    process = workspace.start(*arguments)
    out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.mark.parametrize(
    "arguments",
    [("check",), ("check", "--json"), ("fetch", "nobody"), ("publish", "--what"), ("explain", "nothing"), ("--help",)],
    ids=" ".join,
)
def test_a_forked_command_says_the_same_and_ends_the_same(
    workspace: Any, warm: WarmStart, arguments: tuple[str, ...]
) -> None:
    workspace.configure('[sources.a]\nurl = "file:a.xml"\n')
    told = started(workspace, *arguments)
    forked = warm.run(["--config", str(workspace.config), *arguments], workspace.folder, 60)
    assert (forked.returncode, forked.stdout, forked.stderr) == (told.returncode, told.stdout, told.stderr)


def test_a_forked_command_fetches_with_a_worker_and_publishes_the_same_bytes(workspace: Any, warm: WarmStart) -> None:
    (workspace.folder / "a.xml").write_text(FEED, encoding="utf-8")
    workspace.configure('[sources.a]\nurl = "file:a.xml"\ncategory = "南昌日报"\n')
    forked = warm.run(["--config", str(workspace.config), "fetch", "--json"], workspace.folder, 60)
    assert forked.returncode == 0, forked.stderr
    assert (workspace.public / "category/nanchangribao.atom").exists()
    files = workspace.files()
    assert started(workspace, "publish", "--all", "--json").returncode == 0
    assert workspace.files() == files


def test_a_variable_that_python_reads_at_its_start_is_not_given_to_a_fork(
    warm: WarmStart, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AGGREGATOR_TEST_FULL", raising=False)
    assert warm.suits()
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    assert not warm.suits()


def test_a_forked_command_that_takes_too_long_is_ended(tmp_path: Path, warm: WarmStart) -> None:
    (tmp_path / "slow.toml").write_text('[server]\nport = 0\n[publish]\ndirectory = "public"\n')
    with pytest.raises(subprocess.TimeoutExpired):
        warm.run(["--config", str(tmp_path / "slow.toml"), "serve"], tmp_path, 0.5)
    assert warm.run(["--version"], tmp_path, 60).stdout.startswith("aggregator")

"""What `aggregator doctor` finds: each fault by its own check, with a remedy, and nothing in a healthy installation."""

import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from aggregator.cli.group import cli

FEED = """<rss version="2.0"><channel><title>a</title><item><guid>tag:example.org,2021:1</guid><title>标题</title>
<description>正文</description></item></channel></rss>"""


class Installation:
    """A folder in which one feed was fetched and published."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "aggregator.toml"
        self.store = folder / "a.db"
        self.configure()
        (folder / "feed.xml").write_text(FEED, encoding="utf-8")

    def configure(self, more: str = "", source: str = "feed.xml") -> None:
        self.config.write_text(
            f"""
[site]
url = "https://finews.example.org/"
[store]
path = "{self.folder}/a.db"
[publish]
directory = "{self.folder}/public"
[fetch]
contact = "https://finews.example.org/about"
[sources.a]
url = "file:{self.folder}/{source}"
{more}""",
            encoding="utf-8",
        )

    def call(self, *arguments: str) -> tuple[int, str]:
        called = CliRunner().invoke(cli, ["--config", str(self.config), *arguments], standalone_mode=False)
        assert called.exception is None, called.output
        return called.return_value, called.stdout

    def doctor(self, status: int) -> dict[str, dict[str, Any]]:
        """The findings by check, the worst of each."""
        found, out = self.call("doctor", "--json")
        assert found == status, out
        report = json.loads(out)
        assert report["ok"] == (status == 0)
        order = ("ok", "note", "wrong")
        return {each["check"]: each for each in sorted(report["findings"], key=lambda each: order.index(each["state"]))}

    def change(self, sql: str) -> None:
        with closing(sqlite3.connect(self.store)) as connection:
            connection.execute(sql)
            connection.commit()


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    made = Installation(tmp_path)
    assert made.call("fetch")[0] == 0
    return made


def test_a_healthy_installation_is_said_to_be_one_and_left_as_it_is(installation: Installation) -> None:
    before = installation.store.read_bytes()
    findings = installation.doctor(status=0)
    assert {each["state"] for each in findings.values()} == {"ok"}, findings
    assert sorted(findings) == ["clock", "configuration", "disk", "permissions", "published", "sources", "store"]
    assert installation.store.read_bytes() == before
    status, table = installation.call("doctor")
    assert (status, "wrong" in table) == (0, False)


def test_before_the_first_start_nothing_is_wrong(tmp_path: Path) -> None:
    findings = Installation(tmp_path).doctor(status=0)
    assert findings["store"]["state"] == "note"
    assert "aggregator run" in findings["store"]["remedy"]
    assert not (tmp_path / "a.db").exists()


def test_every_problem_of_the_configuration_is_named(installation: Installation) -> None:
    installation.configure("intervall = 3\n")
    finding = installation.doctor(status=1)["configuration"]
    assert "intervall" in finding["detail"]
    assert "aggregator.toml" in finding["remedy"]


def test_a_broken_store_is_found_with_the_way_back(installation: Installation) -> None:
    data = installation.store.read_bytes()
    installation.store.write_bytes(data[:4096] + b"\xab" * (len(data) - 4096))
    finding = installation.doctor(status=1)["store"]
    assert finding["state"] == "wrong"
    assert "aggregator restore" in finding["remedy"]


def test_a_store_of_another_version_is_told_apart_by_its_steps(installation: Installation) -> None:
    installation.change("UPDATE _sqlite_migrations SET name = 'of_tomorrow' WHERE name = 'history'")
    newer = installation.doctor(status=1)["schema"]
    assert "of_tomorrow" in newer["detail"]
    installation.change("DELETE FROM _sqlite_migrations WHERE name = 'of_tomorrow'")
    older = installation.doctor(status=0)["schema"]
    assert (older["state"], "backup" in older["remedy"]) == ("note", True)


def test_a_clock_that_stands_before_the_last_fetch_is_wrong(installation: Installation) -> None:
    installation.change("UPDATE sources SET last_fetch_at = '2999-01-01T00:00:00Z'")
    finding = installation.doctor(status=1)["clock"]
    assert "2999-01-01" in finding["detail"]
    assert "NTP" in finding["remedy"]


def test_documents_that_wait_are_usual_after_a_fetch_and_wrong_later(installation: Installation) -> None:
    installation.change("INSERT INTO marks VALUES ('feed', 'x')")
    assert installation.doctor(status=0)["published"]["state"] == "note"
    installation.change("UPDATE sources SET last_fetch_at = '2022-01-01T00:00:00Z'")
    finding = installation.doctor(status=1)["published"]
    assert "1 document " in finding["detail"]
    assert "aggregator publish" in finding["remedy"]


def test_published_files_that_are_missing_are_wrong(installation: Installation) -> None:
    shutil.rmtree(installation.folder / "public")
    assert "publish --all" in installation.doctor(status=1)["published"]["remedy"]


def test_a_source_that_fails_is_a_note(installation: Installation) -> None:
    installation.configure(source="nothing.xml")
    assert installation.call("fetch")[0] == 1
    finding = installation.doctor(status=0)["sources"]
    assert (finding["state"], finding["detail"]) == ("note", "a (failing)")


def test_a_secret_that_others_may_read_is_a_note(installation: Installation) -> None:
    secret = installation.folder / "token"
    secret.write_text("secret")
    secret.chmod(0o644)
    installation.configure(f'auth = {{ token_file = "{secret}" }}\n')
    assert f"chmod 600 {secret}" in installation.doctor(status=0)["permissions"]["remedy"]
    secret.chmod(0o600)
    assert installation.doctor(status=0)["permissions"]["state"] == "ok"


def test_a_place_that_cannot_be_written_is_wrong(installation: Installation) -> None:
    shutil.rmtree(installation.folder / "public")
    (installation.folder / "public").write_text("a file")
    finding = installation.doctor(status=1)["permissions"]
    assert finding["detail"].endswith("public: cannot be written: Not a directory")
    assert "give another path" in finding["remedy"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_of_somebody_else_is_wrong(installation: Installation) -> None:
    (installation.folder / "public").chmod(0o500)
    assert "cannot be written" in installation.doctor(status=1)["permissions"]["detail"]


def test_a_disk_with_less_room_than_is_to_stay_free_is_wrong(installation: Installation) -> None:
    text = installation.config.read_text().replace("[store]", '[store]\nmin_free = "900000GB"')
    installation.config.write_text(text)
    findings = installation.doctor(status=1)
    assert "less than [store] min_free: nothing is fetched" in findings["disk"]["detail"]

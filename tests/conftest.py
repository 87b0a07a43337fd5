"""What the whole suite shares: tables that tests hand over stand in the summary of the run."""

from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, ())]
    for name, table in (prop for report in reports for prop in report.user_properties):
        if name.startswith("table: "):
            terminalreporter.section(name.removeprefix("table: "))
            terminalreporter.write_line(table)

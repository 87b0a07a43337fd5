"""What the whole suite shares: folders for tests in memory, and tables that tests hand over, shown in the summary."""

import os
import shutil
from pathlib import Path
from typing import Any

import hypothesis

_MEMORY, _ROOM = Path("/dev/shm"), 2_000_000_000  # bytes


hypothesis.settings.register_profile(
    "any-machine",  # how long an example takes says how busy the machine is
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("any-machine")


def pytest_configure() -> None:
    """Let `tmp_path` lie in memory where the system has room there: every commit waits for the disk otherwise, as it
    should, and that is not what the tests are about. PYTEST_DEBUG_TEMPROOT says another place."""
    if os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name a case of gzip bytes without the time of day that stands in them: two workers of xdist that collect in
    different seconds would find different tests, and the whole run would end there."""
    return f"gzip of {len(val)} bytes" if isinstance(val, bytes) and val.startswith(b"\x1f\x8b") else None


def pytest_terminal_summary(terminalreporter: Any) -> None:
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, ())]
    for name, table in (prop for report in reports for prop in report.user_properties):
        if name.startswith("table: "):
            terminalreporter.section(name.removeprefix("table: "))
            terminalreporter.write_line(table)

"""The load benchmark in small: everything but the numbers, which people read."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks import load


def test_a_load_of_sources_is_fetched_and_stored_while_some_fail_and_some_hang() -> None:
    measured = load.measure(sources=200, hosts=100, timeout=2)
    assert measured.first.outcomes == {"ok": 200}
    assert measured.second.outcomes == {"ok": 20, "not-modified": 160, "failed": 20}
    assert measured.second.asked == {"unchanged": 160, "news": 20, "error": 10, "hang": 10}
    assert measured.stored == measured.expected == 200 * 5 + 20
    assert (measured.second.unconditional, measured.second.at_once) == (0, 1)
    assert measured.second.gap > 0.5
    rows = {what: met for what, _, _, _, met in load.rows(measured)}
    assert rows["healthy sources stored"]
    assert rows["articles stored"]

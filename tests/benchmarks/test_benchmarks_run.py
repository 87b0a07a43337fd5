"""The benchmarks themselves work; what they measure is read by people, never asserted."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks import search, serving, stages, whole


def test_every_stage_and_every_pass_of_the_whole_job_is_measured() -> None:
    assert all(stage.milliseconds > 0 for stage in stages.measure(2))
    phases = {phase.name: phase for phase in whole.measure(2)}
    assert [phase.new for phase in phases.values()] == [100, 0, 0, 2]
    assert all(phase.cpu > 0 for phase in phases.values())


def test_searching_is_measured_on_articles_that_are_found(tmp_path: Path) -> None:
    measured = search.measure(300, tmp_path)
    assert measured.articles == 300
    found = {kind.kind: kind.found for kind in measured.answers}
    assert found["a common word"] > 1
    assert found["seven characters of a text"] >= 1


def test_serving_is_measured_for_every_kind_of_answer() -> None:
    costs = serving.measure(300, rounds=1)
    assert [cost.kind for cost in costs] == ["identity", "gzip", "304"]
    assert all(cost.ours > 0 for cost in costs)

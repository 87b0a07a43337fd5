"""The benchmarks themselves work; what they measure is read by people, never asserted."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks import stages, whole


def test_every_stage_and_every_pass_of_the_whole_job_is_measured() -> None:
    assert all(stage.milliseconds > 0 for stage in stages.measure(2))
    phases = {phase.name: phase for phase in whole.measure(2)}
    assert [phase.new for phase in phases.values()] == [100, 0, 0, 2]
    assert all(phase.cpu > 0 for phase in phases.values())

"""The benchmarks themselves work; what they measure is read by people, never asserted."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks import layout, memory, peers, publishing, search, serving, stages, tick, whole


def test_every_stage_and_every_pass_of_the_whole_job_is_measured() -> None:
    measured = stages.measure(2)
    assert len(measured) > 3
    assert sum(stage.milliseconds for stage in measured) > 0  # a short one may end within a tick
    phases = {phase.name: phase for phase in whole.measure(2)}
    assert [phase.new for phase in phases.values()] == [100, 0, 0, 2]
    assert sum(phase.cpu for phase in phases.values()) > 0  # a short one may end within a tick


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


def test_publishing_is_measured_with_fragments_and_without() -> None:
    costs = publishing.measure(2)
    assert len(costs) == 5
    assert all(cost.milliseconds > 0 for cost in costs)


def test_every_pass_is_measured_beside_the_peers_that_are_here() -> None:
    programs = peers.programs_here(None)
    programs["aggregator"] = peers.each_alone(lambda ground, validated, sources: 0.001 * sources)
    results = peers.measure(programs, 2, 1, print)
    assert [result.work for result in results[:: len(programs)]] == list(peers.PASSES)
    assert all(result.ratio == 1 for result in results if result.program == "aggregator")
    first = [result for result in results if result.work == "first pull"]
    assert all(result.milliseconds > 0 for result in first)  # of the others too little to rise above their start-up


def test_a_tick_is_measured_over_a_generated_store() -> None:
    told: list[int] = []
    (store,) = tick.measure([(3, 200)], due=2, rounds=1, tell=lambda label, done, of: told.append(done))
    assert told == [200]
    assert (store.sources, store.articles) == (3, 200)
    assert list(store.cpu) == list(store.clock) == list(tick.KINDS)
    assert all(list(steps) == list(tick.STEPS) and all(steps.values()) for steps in store.clock.values())


def test_the_memory_of_a_daemon_that_polled_every_source_is_measured() -> None:
    measured = memory.measure(3, 100)
    assert (measured.sources, measured.articles) == (3, 150)
    assert 10 < measured.daemon <= measured.daemon_peak < measured.together_peak


def test_layouts_are_measured_on_what_is_read_back(tmp_path: Path) -> None:
    layouts = layout.measure(100, tmp_path)
    assert [one.name for one in layouts][:3] == ["4096, plain", "8192, plain", "16384, plain"]
    assert len({one.bytes_an_article for one in layouts}) > 3
    assert list(tmp_path.iterdir()) == []

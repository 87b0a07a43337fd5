"""The benchmarks themselves work; what they measure is read by people, never asserted."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks import aims, layout, peers, search, stages, whole


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


def test_everything_that_speed_is_held_to_is_measured_and_set_into_one_table() -> None:
    sizes, said = aims.Sizes(sources=2, articles=200, rounds=1, requests=100), []
    rows = list(aims.measure(sizes, said.append, lambda label, done, of: said.append(label)))
    works = list(dict.fromkeys(row.work for row in rows))
    assert works[:4] == list(peers.PASSES)
    assert [work.split()[0].strip(",") for work in works[4:]] == [
        *("publish", "serving", "serving", "serving", "tick", "tick", "search", "memory")
    ]
    assert {row.beside for row in rows if row.figure is None} <= {"reader", "newsboat", "nginx"}  # not installed
    assert all(row.ours and row.why for row in rows if row.figure is not None)
    assert all(row.figure > 0 for row in rows if row.figure is not None)
    table = list(aims.lines(rows, sizes))
    assert [line for line in table if len(line) > 80 and " times too " not in line] == []
    assert sum(line.endswith((" met", " MISSED", " ?")) for line in table) == len(rows)
    assert "measuring memory" in said


def row(figure: float | None, aim: float = 2.0, *, at_least: bool = False) -> aims.Row:
    return aims.Row("a work", figure, aim, "as it is", "1 ms", "it", "2 ms", "it waits 90%", at_least)


def test_the_table_says_by_how_much_a_target_is_missed_and_where_the_time_goes() -> None:
    rows = [row(1.0), row(2.0), row(5.0), row(1.0, at_least=True), row(5.0, at_least=True), row(None)]
    assert [each.verdict for each in rows] == ["met", "met", "MISSED", "MISSED", "met", "?"]
    told = [line.strip() for line in aims.lines(rows, aims.Sizes())]
    assert [line for line in told if "times" in line] == [
        "2.50 times too much: it waits 90%",
        "2.00 times too little: it waits 90%",
    ]
    assert told.count("as it is") == 6
    (wide,) = [line for line in aims.lines([row(345_678.9)], aims.Sizes()) if "MISSED" in line]
    assert len(wide) == 80  # what next to nothing is divided by


def test_a_part_that_cannot_be_measured_says_why_and_leaves_the_others_theirs() -> None:
    def broken() -> list[aims.Row]:
        raise RuntimeError("nginx does not serve")

    (found,) = aims.measured("serving", broken)
    assert (found.work, found.verdict, found.how) == ("serving", "?", "not measured: nginx does not serve")
    assert aims.measured("serving", lambda: [row(1.0)]) == [row(1.0)]


def test_every_pass_is_measured_beside_the_peers_that_are_here() -> None:
    programs = peers.programs_here(None)
    programs["aggregator"] = peers.each_alone(lambda ground, validated, sources: 0.001 * sources)
    results = peers.measure(programs, 2, 1, print)
    assert [result.work for result in results[:: len(programs)]] == list(peers.PASSES)
    assert all(result.ratio == 1 for result in results if result.program == "aggregator")
    first = [result for result in results if result.work == "first pull"]
    assert all(result.milliseconds > 0 for result in first)  # of the others too little to rise above their start-up


def test_layouts_are_measured_on_what_is_read_back(tmp_path: Path) -> None:
    layouts = layout.measure(100, tmp_path)
    assert [one.name for one in layouts][:3] == ["4096, plain", "8192, plain", "16384, plain"]
    assert len({one.bytes_an_article for one in layouts}) > 3
    assert list(tmp_path.iterdir()) == []

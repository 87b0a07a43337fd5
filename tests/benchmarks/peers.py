"""The whole job beside other programs, in the same run on the same sources: CPU time per source without start-up.

Each program runs the passes, over what it kept of the pass before, so many times (rounds); the ratios are taken round
by round, and what is shown is the median. CPU time is user and system, of the process and of all it starts. Start-up is
left out: our passes are those of one process, as a daemon's are, which has read a few other newspapers before; the
others make each pass in a process of its own, where `reader` is counted from its first request on, and from the rest
is taken what the same pass costs over a single source. Only we publish: all formats, with their compressed forms.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from tests.benchmarks.whole import PARTS, Phase, Process, origin, set_offset

PASSES = ("first pull", "answered 304", "same body, no validators", "one new entry of 50")
AIMS = {  # at most so many times a peer's CPU time
    ("first pull", "reader"): 0.50,
    ("answered 304", "reader"): 0.60,
    ("same body, no validators", "reader"): 0.04,
    ("same body, no validators", "newsboat"): 0.5,
    ("one new entry of 50", "reader"): 0.09,
    ("one new entry of 50", "newsboat"): 0.8,
}
BEYOND = {  # what is aimed at beyond that
    ("first pull", "newsboat"): 1.0,
    ("answered 304", "reader"): 0.30,
    ("same body, no validators", "reader"): 0.02,
    ("one new entry of 50", "reader"): 0.05,
}
_READER = {True: ("reader==3.27",), False: ("reader==3.26", "sgmllib3k")}  # by whether Python is 3.12 or newer
_NEWER_PYTHONS = ("python3.14", "python3.13", "python3.12")
_READER_PASS = """
import sys, time
from reader import make_reader
database, *urls = sys.argv[1:]
with make_reader(database) as reader:
    for url in urls:
        reader.add_feed(url, exist_ok=True)
    begun = time.process_time()
    failed = [result for result in reader.update_feeds_iter(scheduled=False) if isinstance(result.value, Exception)]
    print(time.process_time() - begun)
sys.exit(f"not fetched: {failed[0]}" if failed else 0)
"""

Round = dict[str, tuple[float, Phase]]  # CPU milliseconds a source, and the pass as it was, by pass
Run = Callable[[bool, int], Phase]  # over sources with validators or without, so many
Runner = Callable[["Ground"], AbstractContextManager[Run]]


@dataclass(frozen=True)
class Ground:
    """Where one program works in one round: a folder of its own, and the newspapers' server."""

    folder: Path
    url: str

    def urls(self, *, validated: bool, sources: int) -> list[str]:
        """Give the addresses of so many newspapers."""
        return [f"{self.url}/{0 if validated else 1}/{number}" for number in range(sources)]


@dataclass(frozen=True)
class Result:
    """What one pass cost a program: the median of the milliseconds a source, and our cost as a multiple of it. `parts`
    are the shares of `PARTS` in it, where they are known."""

    work: str
    program: str
    milliseconds: float
    ratio: float
    parts: Mapping[str, float]


def measure(programs: dict[str, Runner], sources: int, rounds: int, say: Callable[[str], None]) -> list[Result]:
    """Run the programs, ours ("aggregator") among them, so many rounds. Nothing is deleted before the last of them: for
    minutes after that, ext4 takes twenty times as long to make a file."""
    found: dict[str, list[Round]] = {name: [] for name in programs}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1, rounds + 1):
            for name, run in programs.items():
                say(f"round {number} of {rounds}: {name}")
                own = Path(folder, f"{name}{number}")
                own.mkdir()
                with origin() as url:
                    found[name].append(_round(run, Ground(own, url), sources, name in _COUNTED_WHOLE))
    ours = found["aggregator"]
    return [_result(work, name, each, ours) for work in PASSES for name, each in found.items()]


def _result(work: str, program: str, rounds: list[Round], ours: list[Round]) -> Result:
    ratios = [own[work][0] / max(other[work][0], 0.001) for own, other in zip(ours, rounds, strict=True)]
    shares = _shares([each[work][1] for each in rounds])
    return Result(work, program, median(each[work][0] for each in rounds), median(ratios), shares)


def _shares(phases: list[Phase]) -> dict[str, float]:
    whole = sum(sum(phase.parts.values()) for phase in phases)
    return {part: sum(phase.parts[part] for phase in phases) / whole for part in PARTS} if whole else {}


def _round(program: Runner, ground: Ground, sources: int, counted_whole: bool) -> Round:
    """Take one program through the passes. Those that say nothing of their start-up run over one source besides."""
    start = _start_of(program, Ground(ground.folder / "alone", ground.url)) if counted_whole else 0.0
    with program(ground) as run:

        def cost(*, validated: bool) -> tuple[float, Phase]:
            phase = run(validated, sources)
            return (phase.cpu - start) * 1000 / max(1, sources - bool(start)), phase

        first, same = cost(validated=True), cost(validated=True)
        run(False, sources)
        again = cost(validated=False)
        set_offset(ground.url, 1)
        run(False, sources)  # one that comes after another that came, as nearly all do
        set_offset(ground.url, 2)
        return dict(zip(PASSES, (first, same, again, cost(validated=False)), strict=True))


def _start_of(program: Runner, alone: Ground) -> float:
    alone.folder.mkdir()
    with program(alone) as run:
        run(True, 1)
        return run(True, 1).cpu


def each_alone(run: Callable[[Ground, bool, int], float]) -> Runner:
    """Give a program whose passes are processes of their own; each says its CPU seconds."""
    return lambda ground: nullcontext(lambda validated, sources: Phase("", 0, run(ground, validated, sources)))


def programs_here(reader: Path | None) -> dict[str, Runner]:
    """Give the programs that are installed. `reader` is the Python that has that library, from `reader_python`."""
    programs: dict[str, Runner] = {"aggregator": _ours}
    if reader is not None:
        programs["reader"] = each_alone(partial(_run_reader, reader))
    for name, run in (("newsboat", _newsboat), ("sfeed", _sfeed)):
        if shutil.which(_COMMANDS[name]):
            programs[name] = each_alone(run)
    return programs


_COMMANDS = {"newsboat": "newsboat", "sfeed": "sfeed_update"}
_COUNTED_WHOLE = frozenset(_COMMANDS)


@contextmanager
def _ours(ground: Ground) -> Iterator[Run]:
    with Process(ground.folder, ground.url) as process:
        yield lambda validated, sources: process.timed("", validated=validated, sources=sources)


def reader_python(folder: Path, base: str = "") -> Path:
    """Make an environment with the PyPI library `reader` and give its Python; one that was made before is used. It is
    made of the interpreter `base`, else of the newest on the path, for `reader` 3.27 needs Python 3.12; else of ours,
    with 3.26."""
    base = base or next(filter(_runs, _NEWER_PYTHONS), sys.executable)
    version = _said([base, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"])
    own = folder.with_name(f"{folder.name}-{version}")
    python = own / "bin" / "python"
    if not python.exists():
        subprocess.run([base, "-m", "venv", str(own)], check=True)
        library = _READER[tuple(map(int, version.split("."))) >= (3, 12)]
        subprocess.run([str(python), "-m", "pip", "install", "-q", *library], check=True)
    return python


def reader_version(python: Path) -> str:
    """Say which `reader` an environment has, and on which Python."""
    said = "import reader, sys; print('reader %s on Python %d.%d.%d' % (reader.__version__, *sys.version_info[:3]))"
    return _said([str(python), "-c", said])


def _runs(python: str) -> bool:
    """Tell whether there is such an interpreter; a name on the path may stand for one that is not chosen."""
    if shutil.which(python) is None:
        return False
    return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0


def _said(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _run_reader(python: Path, ground: Ground, validated: bool, sources: int) -> float:
    database = str(ground.folder / f"reader{int(validated)}.db")
    urls = ground.urls(validated=validated, sources=sources)
    done = subprocess.run(
        [str(python), "-c", _READER_PASS, database, *urls], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def _newsboat(ground: Ground, validated: bool, sources: int) -> float:
    home = ground.folder / f"newsboat{int(validated)}"
    home.mkdir(exist_ok=True)
    (home / "urls").write_text("\n".join(ground.urls(validated=validated, sources=sources)) + "\n")
    (home / "config").write_text("reload-threads 1\n")
    files = [f"-{flag}{home / name}" for flag, name in (("u", "urls"), ("c", "cache.db"), ("C", "config"))]
    return _cpu_of(["newsboat", *files, "-x", "reload"], home)


def _sfeed(ground: Ground, validated: bool, sources: int) -> float:
    home = ground.folder / f"sfeed{int(validated)}"
    home.mkdir(exist_ok=True)
    urls = ground.urls(validated=validated, sources=sources)
    feeds = "\n".join(f'  feed "s{number}" "{url}"' for number, url in enumerate(urls))
    (home / "sfeedrc").write_text(f'sfeedpath="{home}/feeds"\nfeeds() {{\n{feeds}\n}}\n')
    return _cpu_of(["sfeed_update", str(home / "sfeedrc")], home)


def _cpu_of(command: list[str], home: Path) -> float:
    """CPU seconds of a program and of all that it waited for. Raises: RuntimeError when it fails."""
    environment = {**os.environ, "HOME": str(home), "no_proxy": "127.0.0.1"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime

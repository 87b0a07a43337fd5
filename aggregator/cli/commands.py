"""The work itself: `fetch`, `publish` and `serve`; and how commands that do such work are run to their end."""

import asyncio
import difflib
import gc
import logging
import signal
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from aggregator import __version__, wiring
from aggregator.cli import logs, show, systemd
from aggregator.cli.group import DONE, FAILED, VERBOSE, cli
from aggregator.config import Settings
from aggregator.errors import AggregatorError
from aggregator.records import Outcome, PublishReport

if TYPE_CHECKING:
    from rich.console import Console

    from aggregator.serve import Alone, Crew, ServeOptions

    Front = Alone | Crew

log = logging.getLogger(__name__)
T = TypeVar("T")

_SERVER = "aggregator.cli.server_process"


def begin(path: Path) -> Settings:
    """Read the configuration, and begin to log as it says. Raises: ConfigError."""
    settings = wiring.load_settings(path)
    logs.configure(settings, verbose=click.get_current_context().meta[VERBOSE])
    return settings


# --- fetch -------------------------------------------------------------------------------------------


@cli.command()
@click.argument("names", metavar="[SOURCE]...", nargs=-1)
@click.option("--force", is_flag=True, help="Fetch also what is not due yet; validators are sent all the same.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def fetch(path: Path, names: tuple[str, ...], force: bool, as_json: bool) -> int:
    """Make one pass over what is due, and publish what it brought."""
    settings = begin(path)
    must_exist(names, list(wiring.sources_of(settings)))
    outcomes, report = run_to_end(_fetch(settings, names, force))
    if as_json:
        show.print_json(
            {
                "new": sum(outcome.new for outcome in outcomes),
                "merged": sum(outcome.merged for outcome in outcomes),
                "revised": sum(outcome.revised for outcome in outcomes),
                "failed": sum(_failed(outcome) for outcome in outcomes),
                "sources": [show.outcome_json(outcome) for outcome in outcomes],
                "published": show.published_json(report),
            }
        )
    else:
        _print_pass(outcomes, report)
    return FAILED if report.problems or any(_failed(outcome) for outcome in outcomes) else DONE


async def _fetch(settings: Settings, names: tuple[str, ...], force: bool) -> tuple[list[Outcome], PublishReport]:
    async with wiring.assembled(settings) as app:
        if low := app.watch.low():
            raise AggregatorError(f"{low}; make room, or set another min_free")
        gc.freeze()  # it stays as it is; to look through it again and again holds up the loop for 90 ms each time
        found: dict[str, Outcome] = {}
        with show.progress() as bar:
            task = bar.add_task("fetching", total=0)
            while now := _chosen(app, names, force, found):
                bar.update(task, total=len(found) + len(now))
                async for outcome in app.pipeline.refresh_all(now):
                    found[outcome.source] = outcome
                    bar.update(task, advance=1, description=f"fetching [dim]{show.escape(outcome.source)}[/]")
            bar.add_task("publishing", total=None)
            report = await asyncio.to_thread(app.pipeline.publish)
            if await asyncio.to_thread(app.pipeline.tidy):
                report = report.joined(await asyncio.to_thread(app.pipeline.publish))
        waiting = {name: Outcome(name, "not-due") for name in names if name not in found}
        return [outcome for _, outcome in sorted((found | waiting).items(), key=_by_place(app))], report


def _chosen(app: wiring.App, names: tuple[str, ...], force: bool, done: dict[str, Outcome]) -> list[str]:
    """Give what is to be fetched next. There may be a second round: a subscription list brings sources."""
    due = set(app.store.due(wiring.utc_now(), limit=len(app.sources)))
    wanted = (name for name in app.sources if name not in done and (not names or name in names))
    return [name for name in wanted if force or name in due]


def _by_place(app: wiring.App) -> Callable[[tuple[str, Outcome]], tuple[int, str]]:
    """Sort outcomes as the configuration has their sources; those of a list follow it."""
    last = len(app.sources)
    return lambda item: (app.sources[item[0]].position if item[0] in app.sources else last, item[0])


def _failed(outcome: Outcome) -> bool:
    return outcome.outcome in ("failed", "gone")


def _print_pass(outcomes: list[Outcome], report: PublishReport) -> None:
    console = show.out()
    if not outcomes:
        console.print("nothing is due; `aggregator sources` says when, `--force` fetches all the same")
    else:
        console.print(show.outcomes_table(outcomes))
    if report.written or report.problems:
        console.print(show.published_line(report))


def must_exist(names: tuple[str, ...], known: list[str]) -> None:
    """Refuse a name that no source has, with the one that was meant. Raises: click.UsageError."""
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else "`aggregator sources` lists them"
            raise click.UsageError(f"there is no source {name!r}; {hint}")


# --- publish -----------------------------------------------------------------------------------------


@cli.command()
@click.option("--all", "everything", is_flag=True, help="Render every document, not only the outdated ones.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_obj
def publish(path: Path, everything: bool, as_json: bool) -> int:
    """Write the documents that are outdated; files whose bytes would not change are left alone."""
    report = run_to_end(_publish(begin(path), everything))
    if as_json:
        show.print_json(show.published_json(report))
    else:
        changed = show.published_line(report) if report.written or report.problems else "nothing to write"
        show.out().print(f"{changed}  [dim]{len(report.unchanged)} unchanged[/]")
    return FAILED if report.problems else DONE


async def _publish(settings: Settings, everything: bool) -> PublishReport:
    async with wiring.assembled(settings) as app:
        return await asyncio.to_thread(lambda: app.pipeline.publish(everything=everything))


# --- serve -----------------------------------------------------------------------------------------


@cli.command()
@click.pass_obj
def serve(path: Path) -> int:
    """Serve the published files, and do nothing else. Ctrl-C stops it."""
    return serve_to_end(_serve_only(begin(path), verbose=bool(click.get_current_context().meta[VERBOSE])))


def serve_to_end(work: Coroutine[Any, Any, int]) -> int:
    """Run what serves to its end, on the fastest loop there is."""
    from aggregator.serve import fast_loop

    return run_to_end(work, fast_loop())


async def _serve_only(settings: Settings, *, verbose: bool) -> int:
    console, stop = console_of(settings), stop_on_signals()
    directory = settings.publish.directory
    if not wiring.is_published(settings):
        show.err().print(f"[yellow]note[/]  nothing is published in {directory} yet; `aggregator fetch` does that")
    options = wiring.serve_options(settings)
    line = f"serving {directory} at [bold]{address_of(settings)}[/]{by_processes(settings)}"
    with ExitStack() as stack:
        if settings.server.workers == 1:
            options = wiring.with_search_of_its_own(options, settings, stack)
        front = front_of(settings, options, verbose=verbose, tell=console.print)
        await serve_site(settings, front, stop, lambda: console.print(line))
    return DONE


def front_of(settings: Settings, options: "ServeOptions", *, verbose: bool, tell: Callable[[str], None]) -> "Front":
    """Give what answers requests: this process, or several of their own."""
    from aggregator.serve import Alone, Crew

    if settings.server.workers == 1:
        return Alone(options)
    return Crew(("-m", _SERVER), settings.server.workers, options, (settings, verbose), tell)


def _told(settings: Settings, ready: Callable[[], None]) -> Callable[[], None]:
    """Let the log and systemd know as well when connections are taken."""

    def told() -> None:
        ready()
        log.info("serving", extra={"address": address_of(settings), "version": __version__})
        systemd.notify("READY=1", f"STATUS=serving at {address_of(settings)}")

    return told


async def serve_site(settings: Settings, front: "Front", stop: asyncio.Event, ready: Callable[[], None]) -> None:
    """Serve until `stop` is set. Raises: AggregatorError when the address cannot be had."""
    server = settings.server
    try:
        await front.serve(server.host, server.port, ready=_told(settings, ready), stop=stop)
    except OSError as error:
        place = f"{server.host}:{server.port}"
        remedy = "is another daemon running? [server] host and port say where to listen"
        raise AggregatorError(f"cannot serve at {place}: {error.strerror or error}; {remedy}") from error
    finally:
        front.close()


def console_of(settings: Settings) -> "Console":
    """Give the console for what happens; where that is logged as JSON, it is not said twice."""
    console = show.out()
    console.quiet = settings.log.format == "json"
    return console


def address_of(settings: Settings) -> str:
    """Give the address at which this machine finds what is served."""
    host = settings.server.host
    shown = f"[{host}]" if ":" in host else {"0.0.0.0": "127.0.0.1", "": "127.0.0.1"}.get(host, host)
    return f"http://{shown}:{settings.server.port}/"


def by_processes(settings: Settings) -> str:
    """Say how many processes answer requests, where there are several."""
    workers = settings.server.workers
    return f" by {workers} processes" if workers > 1 else ""


def stop_on_signals() -> asyncio.Event:
    """Give an event that SIGTERM and Ctrl-C set; a second one does not wait any longer."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    task = asyncio.current_task()

    def asked() -> None:
        if stop.is_set() and task is not None:
            task.cancel()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked)
    return stop


def run_to_end(
    work: Coroutine[Any, Any, T], loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
) -> T:
    """Run to the end; SIGTERM ends a one-shot command as Ctrl-C does, between two transactions."""
    try:
        with asyncio.Runner(loop_factory=loop) as runner:
            return runner.run(_terminable(work))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def _terminable(work: Coroutine[Any, Any, T]) -> T:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await work



"""The daemon: fetches, publishes and serves, and takes up a changed configuration while it is at work.

Each configuration is put to work beside the one before, which is let go when the new one stands: requests are answered
all the while, and a configuration that cannot be put to work leaves everything as it was.
"""

import asyncio
import gc
import logging
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click
from rich.markup import escape

from aggregator import __version__, config, wiring
from aggregator.cli import logs, show, systemd
from aggregator.cli.commands import (
    address_of,
    begin,
    by_processes,
    console_of,
    front_of,
    run_to_end,
    serve_site,
    stop_on_signals,
)
from aggregator.cli.group import DONE, VERBOSE, cli
from aggregator.config import Settings
from aggregator.errors import AggregatorError, ConfigError
from aggregator.records import PublishReport

if TYPE_CHECKING:
    from aggregator.cli.commands import Front
    from aggregator.schedule import Pulse
    from aggregator.serve import Readers, ServeOptions
    from aggregator.store import SearchIndex

log = logging.getLogger(__name__)

_LOOK_SECONDS = 2.0  # between two looks at the configuration's file
_INDEXED_AT_ONCE = 20  # articles, in one step that others wait for
_COUNTED = (("entries", "article"), ("channels", "channel"), ("sources", "source"))


@cli.command()
@click.pass_obj
def run(path: Path) -> int:
    """Run the daemon: fetch what is due, publish what changed, serve it over HTTP. Ctrl-C stops it.

    A changed configuration is taken up by itself, or at once on SIGHUP; one with faults is refused.
    """
    file = ConfigFile(path)  # looked at before it is read: a change in between is seen
    verbose = bool(click.get_current_context().meta[VERBOSE])
    daemon = _Daemon(path, file, begin(path), verbose=verbose)
    return run_to_end(daemon.run())  # on asyncio's loop, where fetches cost less; requests do on uvloop's


@dataclass(frozen=True, slots=True)
class _Work:
    """A configuration at work, and what takes it apart."""

    app: wiring.App
    index: "SearchIndex"
    readers: "Readers"
    options: "ServeOptions"
    parts: AsyncExitStack


async def _put_to_work(settings: Settings, before: _Work | None) -> _Work:
    """Put a configuration to work. Raises: AggregatorError and OSError when it cannot be, and nothing is left of it."""
    async with AsyncExitStack() as parts:
        app = await parts.enter_async_context(wiring.assembled(settings, before=before.app if before else None))
        index = await parts.enter_async_context(wiring.index_of(app))
        readers = wiring.readers_of(settings, app.store)
        await asyncio.to_thread(readers.renew)
        options = wiring.with_search(wiring.serve_options(settings, app.watch.tally, readers), settings, index)
        if not wiring.is_published(settings):  # else what is there is served at once, what is outdated comes beside it
            await asyncio.to_thread(app.pipeline.publish)
        elif settings.server.protected:
            await asyncio.to_thread(app.pipeline.publish_lists)
        await asyncio.to_thread(app.pipeline.spread_overdue)
        return _Work(app, index, readers, options, parts.pop_all())


class ConfigFile:
    """The configuration's file, watched by its time, size and inode: that costs one look every two seconds."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._before = self._stamp()

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None  # an editor that puts another file in its place; or it is gone, and will be said to be
        return found.st_mtime_ns, found.st_size, found.st_ino

    def has_changed(self) -> bool:
        """Tell whether it is another one than when this was last told, and has not changed since the last look."""
        before, self._before = self._before, self._stamp()
        if self._before is None or self._before == self._seen or self._before != before:
            return False
        self._seen = self._before
        return True


class _Daemon:
    """Runs until it is stopped."""

    def __init__(self, path: Path, file: ConfigFile, settings: Settings, *, verbose: bool) -> None:
        self._path = path
        self._file = file
        self._listens = settings  # where, as long as the process lasts
        self._settings = settings
        self._console = console_of(settings)
        self._verbose = verbose

    async def run(self) -> int:
        """Work, and serve what comes of it, until a signal or a fault ends it."""
        stop, asked = stop_on_signals(), asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, asked.set)
        wiring.serve_options(self._settings)  # a fault in it is said before anything is opened
        work = await _put_to_work(self._settings, None)
        gc.freeze()  # it stays as it is; to look through it again and again holds up the loop for 90 ms each time
        app, front = work.app, front_of(self._settings, work.options, verbose=self._verbose, tell=self._note)
        greeted = asyncio.Event()
        serving = asyncio.create_task(serve_site(self._listens, front, stop, lambda: self._greet(app, greeted)))
        await _first_of(serving, greeted)
        alive = asyncio.create_task(systemd.show_life())
        try:
            while settings := await self._until_changed(work, stop, asked, serving):
                work = await self._exchange(work, settings, front)
        finally:
            stop.set()
            systemd.notify("STOPPING=1")
            alive.cancel()
            await asyncio.gather(serving, return_exceptions=True)
            with suppress(AggregatorError):  # whoever was seen last, if there is still a disk to note it on
                await asyncio.to_thread(wiring.keep_readers, work.readers, work.app.store)
            await work.parts.aclose()
        self._say("[bold]stopped[/]")
        serving.result()
        return DONE

    async def _until_changed(
        self, work: _Work, stop: asyncio.Event, asked: asyncio.Event, serving: "asyncio.Task[None]"
    ) -> Settings | None:
        """Work until there is another configuration, and give it; or None when all of it is to end."""
        from aggregator.schedule import Daemon

        pause = asyncio.Event()
        daemon = asyncio.create_task(Daemon(self._pulse(work)).run(stop, pause))
        change = asyncio.create_task(self._next_settings(asked))
        await asyncio.wait((serving, daemon, change), return_when=asyncio.FIRST_COMPLETED)
        if change.done() and not serving.done() and not daemon.done():
            pause.set()
            await daemon
            return None if stop.is_set() else change.result()
        stop.set()
        change.cancel()
        await asyncio.gather(daemon, change, return_exceptions=True)
        daemon.result()
        return None

    async def _next_settings(self, asked: asyncio.Event) -> Settings:
        """Wait for a configuration that says something else, or for SIGHUP; what is wrong with one is said."""
        while True:
            by_signal = await self._changed(asked)
            try:
                settings = await asyncio.to_thread(self._checked)
            except AggregatorError as error:
                self._refuse(error)
                continue
            if by_signal or settings != self._settings:
                return settings

    async def _changed(self, asked: asyncio.Event) -> bool:
        """Wait until the file has changed (give False), or SIGHUP comes (True)."""
        while True:
            try:
                async with asyncio.timeout(_LOOK_SECONDS):
                    await asked.wait()
                asked.clear()
                self._file.has_changed()
                return True
            except TimeoutError:
                if self._file.has_changed():
                    return False

    def _checked(self) -> Settings:
        settings = wiring.load_settings(self._path)
        wiring.must_be_workable(settings)
        return settings

    async def _exchange(self, work: _Work, settings: Settings, front: "Front") -> _Work:
        """Put a new configuration to work in the place of the one before; where that fails, that one goes on."""
        systemd.reloading()
        try:
            return await self._exchanged(work, settings, front)
        finally:
            systemd.notify("READY=1")

    async def _exchanged(self, work: _Work, settings: Settings, front: "Front") -> _Work:
        logs.configure(settings, verbose=self._verbose)  # before anything of it could be said
        try:
            new = await _put_to_work(settings, work)
        except (AggregatorError, OSError) as error:
            self._refuse(error)
            logs.configure(self._settings, verbose=self._verbose)
            await asyncio.to_thread(wiring.reinstate, work.app)
            return work
        await front.adopt(new.options, (settings, self._verbose))
        await work.parts.aclose()
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        changed = config.differences(self._settings, settings)
        self._settings = settings
        self._console = console_of(settings)
        self._say(f"[bold]configuration taken up[/]  {escape(', '.join(changed) or 'nothing in it has changed')}")
        if later := config.for_a_restart(self._listens, settings):
            here = f"{address_of(self._listens)}{by_processes(self._listens) or ' by one process'}"
            self._note(f"{' and '.join(later)}: counts after a restart; until then it is {here}")
        log.info("configuration taken up", extra={"changed": changed})
        return new

    def _refuse(self, error: Exception) -> None:
        problems: Sequence[str] = error.problems if isinstance(error, ConfigError) else [str(error)]
        log.error("configuration refused", extra={"problems": list(problems)})
        for problem in problems:
            show.err().print(f"[red]error[/]  {escape(problem)}")
        show.err().print("[yellow]note[/]  the changed configuration is refused; the one before stays in force")

    def _pulse(self, work: _Work) -> "Pulse":
        from aggregator.schedule import Pulse

        app, index, readers = work.app, work.index, work.readers
        return Pulse(
            due=lambda limit: [] if app.watch.low() else app.store.due(wiring.utc_now(), limit),
            refresh=app.pipeline.refresh_safely,
            line_of=app.pipeline.line_of,
            publish=app.pipeline.publish,
            index=lambda: index.catch_up(_INDEXED_AT_ONCE) or index.merge(),
            tidy=app.pipeline.tidy,
            count=lambda: wiring.keep_readers(readers, app.store),
            on_outcome=lambda outcome: self._say(show.outcome_line(outcome)),
            on_published=self._say_published,
            on_problem=lambda problem: self._say(f"[red]{escape(problem)}[/]"),
        )

    def _say_published(self, report: PublishReport) -> None:
        self._say(show.published_line(report))

    def _note(self, text: str) -> None:
        self._say(f"[yellow]note[/]  {escape(text)}")

    def _say(self, text: str) -> None:
        show.event(self._console, ZoneInfo(self._settings.site.timezone), wiring.utc_now(), text)

    def _greet(self, app: wiring.App, greeted: asyncio.Event) -> None:
        greeted.set()
        settings, console = self._listens, self._console
        counts = app.store.counts()
        console.print(f"[bold]{escape(settings.site.title)}[/]  aggregator {__version__}")
        console.print(f"serving   [bold]{address_of(settings)}[/]{by_processes(settings)}   (Ctrl-C stops)")
        console.print(f"files     {settings.publish.directory}")
        articles, channels, places = (show.counted(counts[key], word) for key, word in _COUNTED)
        numbers = f"{articles} in {channels} from {places}"
        console.print(f"store     {settings.store.path}   {numbers}\n")
        for slug in wiring.protected_in_vain(settings, app.store):
            show.err().print(f"[yellow]note[/]  server.protected names category/{slug}; there is no such channel yet")


async def _first_of(work: "asyncio.Task[None]", event: asyncio.Event) -> None:
    waiting = asyncio.create_task(event.wait())
    await asyncio.wait((work, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()

"""Nothing holds up the event loop: while sources with large documents are fetched, read, stored and published, its
heart beats on. What is measured is the CPU time of the loop's own thread between two beats, so a busy machine counts
for nothing."""

import asyncio
import gc
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from test_pipeline import item, rss

from aggregator import config, wiring
from aggregator.records import Outcome
from aggregator.schedule import Daemon, Pulse

LONGEST = 0.020  # seconds
SOURCES = 200 if os.environ.get("AGGREGATOR_TEST_FULL") else 20
LARGE = {0, 1}  # documents of a thousand articles, four megabytes each


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    """A server whose documents are made beforehand, in threads of its own."""
    text = "<p>" + "很长的一篇文章。" * 170 + "</p>"
    small = {n: rss(*(item(1000 * n + one, text=text) for one in range(5))).encode() for n in range(SOURCES)}
    large = {n: rss(*(item(1_000_000 * n + one, text=text) for one in range(1000))).encode() for n in LARGE}
    bodies = small | large

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = bodies[int(self.path[1:])]
            self.send_response(200)
            self.send_header("Content-Type", "application/rss+xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@contextmanager
def settled_memory() -> Iterator[None]:
    """What stands is not looked through by the garbage collector again, as in the daemon."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


async def beat(gaps: list[float]) -> None:
    last = time.thread_time()
    while True:
        await asyncio.sleep(0.001)
        now = time.thread_time()
        gaps.append(now - last)
        last = now


def settings(origin: str, folder: Path) -> config.Settings:
    sources = "\n".join(f'[sources.s{n}]\nurl = "{origin}/{n}"\ncategory = "{n % 5}"' for n in range(SOURCES))
    text = f"""
[site]
url = "https://finews.example.org/"
[store]
path = "{folder}/a.db"
[publish]
directory = "{folder}/public"
[fetch]
spacing = "0s"
per_host = 8
allow_networks = ["127.0.0.0/8"]
{sources}
"""
    return config.parse(text, "a.toml")


def pulse(app: wiring.App, outcomes: list[Outcome], done: asyncio.Event) -> Pulse:
    def note(outcome: Outcome) -> None:
        outcomes.append(outcome)
        if len(outcomes) == SOURCES - 1:
            done.set()

    return Pulse(
        due=lambda limit: app.store.due(wiring.utc_now(), limit),
        refresh=app.pipeline.refresh_safely,
        publish=app.pipeline.publish,
        index=lambda: 0,
        tidy=app.pipeline.tidy,
        count=lambda: None,
        on_outcome=note,
        on_published=lambda report: None,
        on_problem=pytest.fail,
    )


def test_the_loop_is_held_up_by_nothing_while_large_documents_are_taken_in(origin: str, tmp_path: Path) -> None:
    gaps: list[float] = []
    outcomes: list[Outcome] = []

    async def live() -> None:
        async with wiring.assembled(settings(origin, tmp_path)) as app:
            await app.pipeline.refresh(app.sources["s3"])  # what connects is loaded once
            with settled_memory():
                stop, heart = asyncio.Event(), asyncio.create_task(beat(gaps))
                async with asyncio.timeout(300):
                    await Daemon(pulse(app, outcomes, stop)).run(stop)
                heart.cancel()
            assert app.store.waiting_documents() == 0

    asyncio.run(live())
    assert {outcome.outcome for outcome in outcomes} == {"ok"}
    assert sum(outcome.skipped for outcome in outcomes) == len(LARGE) * 950  # large they were
    assert len(gaps) > 200
    assert max(gaps) < LONGEST


def test_what_holds_up_the_loop_is_seen() -> None:
    gaps: list[float] = []

    async def live() -> None:
        heart = asyncio.create_task(beat(gaps))
        await asyncio.sleep(0.05)
        begun = time.thread_time()
        while time.thread_time() - begun < LONGEST:
            pass
        await asyncio.sleep(0.05)
        heart.cancel()

    asyncio.run(live())
    assert max(gaps) > LONGEST

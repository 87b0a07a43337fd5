"""The status over HTTP: who sees it, what machines read of it, and who counts as a reader."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from lxml import html

from aggregator.errors import StoreError
from aggregator.publish.status_page import status_page
from aggregator.records import Outcome, Site, SourceReport
from aggregator.serve import Readers, Reports, ServeOptions, Token, create_app
from aggregator.serve.metrics import metrics
from aggregator.status import Disk, Status, Tally, Trouble, by_day, by_hour, by_seconds

NOW = datetime(2031, 5, 1, 20, 30, tzinfo=UTC)
ZONE = ZoneInfo("Asia/Shanghai")
SITE = Site("<金融>", "https://finews.example.org/", "finews.example.org,2026", "zh-CN", "Asia/Shanghai", "", ("atom",))
WELL = SourceReport("a", "https://a.example.org/", "feed", "", "healthy", 5, NOW, NOW, NOW, "", NOW, 0, None, "", 1.0)
SICK = replace(WELL, name='b"\\', state="failing", failures=7, last_error="<script>no</script>", failure="timeout")
SECRET = "correct horse battery"

Get = Callable[..., httpx.Response]


def tally() -> Tally:
    made = Tally(ZONE)
    made.note(Outcome("a", "ok", new=3, seconds=0.2), NOW)
    made.note(Outcome("b", "failed", seconds=31), NOW)
    return made


def status(**more: Any) -> Status:
    counts = tally().fresh
    made = Status(
        version="1.2.3",
        at=NOW,
        entries=12,
        channels=2,
        sources=(WELL, SICK),
        days=tuple(by_day(counts, NOW, ZONE)),
        hours=tuple(by_hour(counts, NOW)),
        seconds=by_seconds(counts, NOW),
        subscribers={"keji": 43},
        troubles=(Trouble("document/feed.atom", "refused", "it is faulty", NOW),),
        events=(),
        disks=(Disk("data", 10**9, 10**10),),
        low="",
        store_bytes=5_000_000,
        marks=1,
        held=0,
    )
    return replace(made, **more)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for path in ("index.html", "feed.atom", "category/keji.atom", "category/keji.rss", "status/sources.atom"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("<feed/>")
    return tmp_path


def reports(
    look: Callable[[], Status] = status, missing: tuple[str, ...] = (), ailing: tuple[str, ...] = ()
) -> Reports:
    return Reports(look, lambda: missing, lambda: ailing, lambda seen: status_page(SITE, seen), tally())


@contextmanager
def served(directory: Path, client: str = "127.0.0.1", **options: Any) -> Iterator[Get]:
    app = create_app(ServeOptions(directory, **{"reports": reports(), **options}))

    def request(path: str, method: str = "GET", **headers: str) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app, client=(client, 1234))
            async with httpx.AsyncClient(transport=transport, base_url="http://site") as asker:
                names = {name.replace("_", "-"): value for name, value in headers.items()}
                return await asker.request(method, f"/{path}", headers=names)

        return asyncio.run(send())

    yield request
    app.close()


SEEN_BY = {  # (client, X-Forwarded-For, options) → what /status answers
    "this machine": ("127.0.0.1", "", {}, 200),
    "this machine by IPv6": ("::1", "", {}, 200),
    "this machine by mapped IPv6": ("::ffff:127.0.0.1", "", {}, 200),
    "someone": ("203.0.113.9", "", {}, 403),
    "someone behind a proxy here that nobody trusts": ("127.0.0.1", "203.0.113.9", {}, 403),
    "someone who says to be this machine": ("203.0.113.9", "127.0.0.1", {}, 403),
    "someone behind a trusted proxy": ("127.0.0.1", "203.0.113.9", {"trusted_proxies": ("127.0.0.1",)}, 403),
    "someone who adds our address, behind a trusted proxy": (
        "127.0.0.1", "127.0.0.1, 203.0.113.9", {"trusted_proxies": ("127.0.0.1",)}, 403),
    "a neighbour": ("192.0.2.7", "", {"status_networks": ("192.0.2.0/24",)}, 200),
    "a neighbour behind a trusted proxy": (
        "127.0.0.1", "192.0.2.7", {"status_networks": ("192.0.2.0/24",), "trusted_proxies": ("127.0.0.1",)}, 200),
    "anyone, where it is public": ("203.0.113.9", "", {"status": "public"}, 200),
    "this machine, where it is off": ("127.0.0.1", "", {"status": "off"}, 404),
    "this machine, where it needs a token": ("127.0.0.1", "", {"protected": frozenset({"status"})}, 401),
}  # fmt: skip


@pytest.mark.parametrize("who", SEEN_BY)
@pytest.mark.parametrize("path", ["status", "metrics", "status/sources.atom"])
def test_the_status_is_for_those_near_unless_configured_otherwise(directory: Path, who: str, path: str) -> None:
    client, forwarded, options, expected = SEEN_BY[who]
    with served(directory, client, **options) as get:
        headers = {"X_Forwarded_For": forwarded} if forwarded else {}
        assert [get(path, **headers).status_code for _ in range(2)] == [expected] * 2
        assert get("healthz", **headers).status_code == get("readyz", **headers).status_code == 200


def test_a_proxy_that_names_the_client_otherwise_is_no_way_around(directory: Path) -> None:
    with served(directory) as get:
        assert get("status", Forwarded="for=203.0.113.9").status_code == 403
        assert get("status", X_Real_IP="203.0.113.9").status_code == 403


def test_a_token_for_the_status_opens_it_from_anywhere(directory: Path) -> None:
    tokens = (Token("me", SECRET, frozenset({"status"})), Token("other", "another-secret", frozenset({"feed"})))
    for protected in (frozenset[str](), frozenset({"status"}), frozenset({"*"})):
        with served(directory, "203.0.113.9", tokens=tokens, protected=protected) as get:
            for path in ("status", "metrics", "status/sources.atom"):
                assert get(path, Authorization=f"Bearer {SECRET}").status_code == 200
                assert get(path, Authorization="Bearer another-secret").status_code in (401, 403)


def test_the_page_says_what_is_wrong_and_what_helps_and_runs_nothing(directory: Path) -> None:
    with served(directory) as get:
        page = get("status")
    assert page.headers["Cache-Control"] == "no-store"
    assert "<script" not in page.text
    assert "&lt;script&gt;no&lt;/script&gt;" in page.text
    assert "its server is slow" in page.text
    assert page.text.count("<svg") == 3
    assert "feed.atom</h3><p>it is faulty" in page.text
    assert "&lt;金融&gt;" in page.text


def test_the_plots_have_axes_that_say_what_is_shown(directory: Path) -> None:
    days = tuple((day, {"new": 535 if place == 29 else 10}) for place, (day, _) in enumerate(by_day({}, NOW, ZONE)))
    hours = tuple((hour, {"ok": 3, "failed": 1, "gone": 1}) for hour, _ in by_hour({}, NOW))
    busy = replace(status(), days=days, hours=hours)
    with served(directory, reports=reports(lambda: busy)) as get:
        plots = html.document_fromstring(get("status").text).xpath("//figure")
    said = [[text.text for text in plot.xpath(".//*[name()='text']")] for plot in plots]
    newest = f"{days[-1][0]:%m-%d}"
    assert said[0][:2] == ["600", "300"], "the highest stands below a round number"
    assert (said[0][-1], len(said[0])) == (newest, 2 + 5)
    assert said[1][:2] == ["6", "3"]
    assert {"12:00", newest} <= set(said[1][2:])
    assert said[2][-9:] == ["0.1", "0.25", "0.5", "1", "2.5", "5", "10", "30", "more"]
    assert [key.text for key in plots[1].xpath(".//*[contains(@class, 'key')]")] == ["news", "nothing new", "failed"]
    heights = [float(bar.get("height")) for bar in plots[1].xpath(".//*[@class='failed']")]
    assert heights == [40.0] * len(hours), "what is gone failed, too"


def test_a_source_without_news_and_a_site_without_sources_have_a_page_too(directory: Path) -> None:
    counts: dict[Any, int] = {}
    empty = status(sources=(), days=tuple(by_day(counts, NOW, ZONE)), hours=tuple(by_hour(counts, NOW)), troubles=())
    with served(directory, reports=reports(lambda: replace(empty, seconds=by_seconds({}, NOW)))) as get:
        assert "No source is configured" in get("status").text


def test_prometheus_reads_the_metrics_line_by_line() -> None:
    text = metrics(status(), tally())
    samples = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert samples["aggregator_published_articles"] == "12"
    assert samples['aggregator_sources{state="failing"}'] == "1"
    assert samples['aggregator_subscribers{channel="keji"}'] == "43"
    assert samples['aggregator_fetches_total{outcome="failed"}'] == "1"
    bounds = [int(value) for name, value in samples.items() if name.startswith("aggregator_fetch_seconds_bucket")]
    assert bounds == sorted(bounds)
    assert samples['aggregator_fetch_seconds_bucket{le="+Inf"}'] == samples["aggregator_fetch_seconds_count"] == "2"
    named = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    assert {name.partition("{")[0].removesuffix("_bucket").removesuffix("_sum").removesuffix("_count")
            for name in samples} <= named  # fmt: skip


def test_labels_are_escaped() -> None:
    assert 'channel="a\\"\\\\\\nb"' in metrics(status(subscribers={'a"\\\nb': 1}))


def test_what_is_not_ready_says_why_and_one_that_is_alive_says_so(directory: Path) -> None:
    with served(directory, reports=reports(missing=("nothing is published yet",))) as get:
        ready = get("readyz")
        assert (ready.status_code, ready.text) == (503, "nothing is published yet\n")
        assert get("healthz").text == "ok\n"
        assert get("healthz", "HEAD").content == b""


def test_what_is_ready_though_nothing_is_fetched_says_so(directory: Path) -> None:
    with served(directory, reports=reports(ailing=("nothing is fetched: a disk is nearly full",))) as get:
        ready = get("readyz")
    assert (ready.status_code, ready.text) == (200, "ok\nnothing is fetched: a disk is nearly full\n")


def test_a_store_that_cannot_be_read_gives_503_and_names_no_path(directory: Path) -> None:
    def broken() -> Status:
        raise StoreError("/secret/place/a.db: disk I/O error")

    with served(directory, reports=reports(broken)) as get:
        answer = get("status")
    assert (answer.status_code, "secret" in answer.text) == (503, False)


def test_many_who_ask_at_once_cost_one_look(directory: Path) -> None:
    looks: list[int] = []

    def slow() -> Status:
        looks.append(1)
        time.sleep(0.05)
        return status()

    app = create_app(ServeOptions(directory, reports=reports(slow)))

    async def ask() -> list[int]:
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://site") as client:
            return [one.status_code for one in await asyncio.gather(*(client.get("/status") for _ in range(10)))]

    assert asyncio.run(ask()) == [200] * 10
    assert len(looks) == 1
    app.close()


def test_who_waits_in_vain_for_a_long_look_finds_what_was_seen_when_asking_again(directory: Path) -> None:
    looks: list[int] = []
    go = threading.Event()

    def slow() -> Status:
        looks.append(1)
        go.wait(30)
        return status()

    app = create_app(ServeOptions(directory, reports=reports(slow)))

    async def ask() -> int:
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://site") as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await client.get("/status")
            go.set()
            return (await client.get("/status")).status_code

    assert asyncio.run(ask()) == 200
    assert len(looks) == 1
    app.close()


def counting(day: Callable[[], date] = lambda: date(2031, 5, 1)) -> Readers:
    made = Readers(day, lambda day: f"the salt of {day}".encode())
    made.renew()
    return made


def test_readers_are_counted_per_channel_once_a_day_and_services_by_what_they_say(directory: Path) -> None:
    readers = counting()
    with served(directory, readers=readers) as get:
        for _ in range(2):
            get("category/keji.atom", User_Agent="Feedly/1.0 (+http://x; 41 subscribers; like)")
            get("category/keji.rss", User_Agent="NetNewsWire")
            get("category/keji.atom", User_Agent="newsboat")
        get("category/keji.atom", User_Agent="Feedly/1.0 (+http://x; 42 subscribers; like)")
        get("feed.atom", User_Agent="newsboat")
        for path in ("index.html", "category/none.atom", "status/sources.atom"):
            get(path, User_Agent="newsboat")
    assert readers.waiting() == {"keji": 44, "feed": 1}


def test_an_unchanged_feed_counts_its_reader_too_and_no_address_is_kept(directory: Path) -> None:
    readers = counting()
    with served(directory, "203.0.113.9", readers=readers) as get:
        tag = get("category/keji.atom").headers["ETag"]
        readers.take()
        assert get("category/keji.atom", If_None_Match=tag).status_code == 304
    taken = readers.take()
    assert taken is not None
    ((slug, digest),) = taken[1]
    assert (slug, len(digest)) == ("keji", 8)
    assert b"203" not in digest


def test_the_same_reader_has_another_digest_on_another_day() -> None:
    days = [date(2031, 5, 1)]
    readers = counting(lambda: days[0])
    digests = []
    for day in (1, 1, 2):
        days[0] = date(2031, 5, day)
        readers.renew()
        readers.note("/feed.atom", "203.0.113.9", "newsboat")
        taken = readers.take()
        assert taken is not None
        digests += [digest for _, digest in taken[1]]
    assert digests[0] == digests[1] != digests[2]

"""The status as Prometheus reads it: text format 0.0.4, a few dozen lines whatever the number of sources."""

from collections.abc import Iterator, Mapping

from aggregator.status import BEYOND, SECONDS, Status, Tally

TYPE = "text/plain; version=0.0.4; charset=utf-8"


def metrics(status: Status, tally: Tally | None = None) -> str:
    """Write the metrics. `tally` holds what this process did since it began: counters begin anew with it."""
    return "".join(f"{line}\n" for line in (*_gauges(status), *(_counters(tally) if tally else ())))


def _gauges(status: Status) -> Iterator[str]:
    yield from _metric("info", "The version that runs.", {("version", status.version): 1})
    yield from _metric("published_articles", "Articles that are published.", {None: status.entries})
    yield from _metric("channels", "Channels.", {None: status.channels})
    yield from _metric("sources", "Sources by state.", {("state", state): n for state, n in status.states.items()})
    yield from _metric("held_articles", "Articles that are held back.", {None: status.held})
    yield from _metric("documents_waiting", "Documents to be rendered.", {None: status.marks})
    yield from _metric("documents_refused", "Documents that did not pass the gate.", {None: len(status.refused)})
    readers = {("channel", slug): n for slug, n in status.subscribers.items()}
    yield from _metric("subscribers", "Readers of each channel in a day.", readers)
    yield from _metric("store_bytes", "What the store takes.", {None: status.store_bytes})
    free = {("folder", disk.folder): disk.free for disk in status.disks}
    yield from _metric("disk_free_bytes", "Room on the disks of the store and the published files.", free)
    yield from _metric("disk_low", "1 while nothing is fetched for lack of room.", {None: int(bool(status.low))})
    overdue = sum(1 for each in status.next_checks if each.next_fetch_at and each.next_fetch_at <= status.at)
    yield from _metric("sources_due", "Sources whose check is due.", {None: overdue})


def _counters(tally: Tally) -> Iterator[str]:
    total = dict(tally.total)
    fetches = {("outcome", label): n for (name, label), n in sorted(total.items()) if name == "fetch"}
    yield from _metric("fetches_total", "Fetches by outcome.", fetches, "counter")
    articles = {("event", label): n for (name, label), n in sorted(total.items()) if name == "articles"}
    yield from _metric("articles_total", "Articles by what became of them.", articles, "counter")
    yield from _histogram(total, tally.seconds)


def _histogram(total: Mapping[tuple[str, str], int], seconds: float) -> Iterator[str]:
    name, count = "aggregator_fetch_seconds", 0
    yield f"# HELP {name} How long answers of sources took."
    yield f"# TYPE {name} histogram"
    for bound in (*(f"{each:g}" for each in SECONDS), BEYOND):
        count += total.get(("seconds", bound), 0)
        yield f'{name}_bucket{{le="{bound}"}} {count}'
    yield f"{name}_sum {seconds:.3f}"
    yield f"{name}_count {count}"


def _metric(
    name: str, meaning: str, values: Mapping[tuple[str, str], int] | Mapping[None, int], kind: str = "gauge"
) -> Iterator[str]:
    yield f"# HELP aggregator_{name} {meaning}"
    yield f"# TYPE aggregator_{name} {kind}"
    for label, value in values.items():
        yield f"aggregator_{name}{_label(*label) if label else ''} {value}"


def _label(name: str, value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'{{{name}="{escaped}"}}'

"""Old articles are let go of: their pages go, the documents that hold them stay as they are, and none comes back."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aggregator import config, wiring

NOW = datetime(2031, 5, 1, 8, tzinfo=UTC)
ITEM = """<item><guid>tag:example.org,2031:{n}</guid><link>https://example.org/{n}</link><title>标题{n}</title>
<description>正文{n}</description><pubDate>{day:02} Mar 2031 08:00:00 +0000</pubDate></item>"""


class Site:
    """One feed of thirty days, whose channel shows five articles; a run of the program at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.public = folder / "public"
        items = "".join(ITEM.format(n=day, day=day) for day in range(1, 31))
        text = f'<rss version="2.0"><channel><title>来源</title>{items}</channel></rss>'
        (folder / "feed.xml").write_text(text, encoding="utf-8")

    def run(self, work: Callable[[wiring.App], Any], keep: str = "", own: str = "") -> Any:
        settings = config.parse(
            f"""
[site]
url = "https://finews.example.org/"
[store]
path = "{self.folder}/a.db"
{keep}
[publish]
directory = "{self.public}"
entries = 5
[sources.a]
url = "file:{self.folder}/feed.xml"
category = "科技"
{own}
""",
            "a.toml",
        )

        async def whole() -> Any:
            async with wiring.assembled(settings, lambda: NOW) as app:
                outcome = await app.pipeline.refresh_safely("a")
                app.pipeline.publish()
                return outcome, work(app)

        return asyncio.run(whole())

    def documents(self, pattern: str) -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in self.public.glob(pattern) if path.is_file()}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def tidied(app: wiring.App) -> int:
    dropped = app.pipeline.tidy()
    app.pipeline.publish()
    app.pipeline.publish(everything=True)
    return dropped


def test_what_is_dropped_leaves_its_page_and_no_other_document_changes(site: Site) -> None:
    site.run(lambda app: None)
    before = {pattern: site.documents(pattern) for pattern in ("category/*", "category/*/archive-*", "feed.*")}
    assert len(before["category/*/archive-*"]) > 4
    _, dropped = site.run(tidied, keep="keep_days = 45")
    assert dropped == 16, "what came out before the 17th of March"
    assert {pattern: site.documents(pattern) for pattern in before} == before
    pages = [page.decode() for page in site.documents("article/*.html").values()]
    assert sorted(int(page.partition("标题")[2][:2]) for page in pages) == list(range(17, 31))


def test_what_was_dropped_does_not_come_back_with_its_feed(site: Site) -> None:
    site.run(tidied, keep="keep_entries = 10")
    again = (site.folder / "feed.xml").read_text(encoding="utf-8").replace("正文", "新的正文")
    (site.folder / "feed.xml").write_text(again, encoding="utf-8")
    outcome, dropped = site.run(tidied, keep="keep_entries = 10")
    assert (outcome.new, outcome.revised, dropped) == (0, 10, 0)


def test_a_source_may_keep_more_or_less_than_the_others(site: Site) -> None:
    assert site.run(tidied, keep="keep_days = 10", own="keep_days = 0")[1] == 0
    assert site.run(tidied, keep="keep_days = 0", own="keep_entries = 20")[1] == 10


def test_an_archive_whose_files_were_lost_is_rendered_with_what_is_left(site: Site) -> None:
    site.run(tidied, keep=f"keep_days = {(NOW - datetime(2031, 3, 4, tzinfo=UTC)) // timedelta(days=1)}")
    for path in site.public.glob("category/*/archive-1.*"):
        path.unlink()
    site.run(lambda app: app.pipeline.publish(everything=True))
    (atom,) = site.documents("category/*/archive-1.atom").values()
    assert atom.count(b"<entry") == 2

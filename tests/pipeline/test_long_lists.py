"""Lists of very many sources and channels are published in pages, and written only when what they show has changed."""

import asyncio
from pathlib import Path

from lxml import html
from test_pipeline import Newsroom, assembled, item, rss

from aggregator.store.listings import PAGE


def list_pages(newsroom: Newsroom) -> dict[str, list[str]]:
    files = {path: body for path, (_, body) in newsroom.files().items() if path.startswith("sources")}
    return {path: html.document_fromstring(body).xpath("//main//h2/text()") for path, body in sorted(files.items())}


def test_a_long_list_of_sources_comes_in_pages_that_lead_to_each_other(tmp_path: Path) -> None:
    newsroom = Newsroom(tmp_path)
    for number in range(PAGE + 2):
        newsroom.sources[f"s{number}"] = f'url = "file:{tmp_path}/{number}.xml"'
    newsroom.render()
    sizes = {path: len(names) for path, names in list_pages(newsroom).items()}
    assert sizes == {"sources-2.html": 2, "sources.html": PAGE}
    first, second = (html.document_fromstring(newsroom.files()[path][1]) for path in ("sources.html", "sources-2.html"))
    assert (first.xpath("//nav/a/@href"), second.xpath("//nav/a/@href")) == (["sources-2.html"], ["sources.html"])

    newsroom.write("s0", rss(item(1)))
    _, report = newsroom.refresh("s0")
    assert {path for path in report.written if path.startswith("sources")} == {"sources.html"}

    for number in range(PAGE, PAGE + 2):
        del newsroom.sources[f"s{number}"]
    newsroom.render()
    assert list(list_pages(newsroom)) == ["sources.html"]


def test_what_lists_only_channels_is_written_anew_only_when_these_changed(tmp_path: Path) -> None:
    newsroom = Newsroom(tmp_path)
    newsroom.write("a", rss(item(1)))
    newsroom.write("b", rss(item(7)), 'category_from = "tags"')

    async def work() -> list[set[str]]:
        async with assembled(newsroom.settings(), lambda: newsroom.now) as app:
            looked_at = []
            for number in (2, 3):
                newsroom.write("a", rss(item(number)))
                await app.pipeline.refresh(app.sources["a"])
                report = app.pipeline.publish()
                looked_at.append({*report.written, *report.unchanged})
            newsroom.write("b", rss(item(8).replace("</item>", "<category>要闻</category></item>")))
            await app.pipeline.refresh(app.sources["b"])
            looked_at.append(set(app.pipeline.publish().written))
            return looked_at

    first, second, third = asyncio.run(work())
    lists = {"opml.xml", "sitemap-pages.xml"}
    assert lists <= first
    assert "index.html" in second
    assert second.isdisjoint(lists)
    assert lists <= third

"""What the operator lets out: per channel and per source, through a real store and real files."""

from pathlib import Path

import feedparser
import pytest
from test_pipeline import Newsroom, item, rss

BODY = "第一句。" * 300


@pytest.fixture
def newsroom(tmp_path: Path) -> Newsroom:
    return Newsroom(tmp_path)


def published(newsroom: Newsroom, path: str) -> str:
    return newsroom.files()[path][1].decode()


def test_a_channel_of_titles_holds_no_text_anywhere_and_a_change_of_mind_renders_it_again(newsroom: Newsroom) -> None:
    newsroom.write("a", rss(item(1, text=BODY)))
    newsroom.categories = '[categories.keji]\nnames = ["科技"]\ntext = "title"'
    newsroom.refresh()
    assert newsroom.titles("category/keji.atom") == ["标题1"]
    assert not [path for path in newsroom.documents() if "第一句" in published(newsroom, path)]
    newsroom.categories = '[categories.keji]\nnames = ["科技"]'
    newsroom.render()
    assert BODY in published(newsroom, "category/keji.atom")
    assert BODY in published(newsroom, "feed.atom")


def test_a_sources_word_counts_wherever_its_articles_stand(newsroom: Newsroom) -> None:
    newsroom.write("a", rss(item(1, text=BODY)), 'category = "科技"\ntext = "excerpt"')
    newsroom.write("b", rss(item(2, text=BODY)))
    newsroom.refresh()
    assert published(newsroom, "category/keji.atom").count(BODY) == 1
    newsroom.sources["b"] += '\ntext = "title"'
    newsroom.render()
    assert not [path for path in newsroom.documents() if BODY in published(newsroom, path)]


def test_a_source_that_is_no_longer_configured_keeps_its_word(newsroom: Newsroom) -> None:
    newsroom.write("a", rss(item(1, text=BODY)), 'category = "科技"\ntext = "title"')
    newsroom.refresh()
    newsroom.sources.clear()
    newsroom.render(everything=True)
    assert newsroom.titles("category/keji.atom") == ["标题1"]
    assert not [path for path in newsroom.documents() if "第一句" in published(newsroom, path)]


def test_a_channel_has_bounds_of_its_own(newsroom: Newsroom) -> None:
    newsroom.write("a", rss(*(item(number) for number in range(1, 9))))
    newsroom.write("b", rss(item(9)), 'category = "科技"')
    newsroom.write("c", rss(*(item(number) for number in range(1, 9))), 'category = "财经"')
    newsroom.categories = '[categories.keji]\nnames = ["科技"]\nper_source = 3\nentries = 5'
    newsroom.refresh()
    assert newsroom.titles("category/keji.atom") == ["标题9", "标题8", "标题7", "标题6"]
    assert len(newsroom.titles("category/caijing.atom")) == 8
    assert len(newsroom.titles("feed.atom")) == 9


def test_a_source_that_becomes_private_is_hidden_in_what_was_published_before_and_stays_so(newsroom: Newsroom) -> None:
    own = f"file:{newsroom.folder}/a.xml"
    newsroom.write("a", rss(item(1, text=f"see {own}")).replace("https://example.org/</link>", f"{own}</link>", 1))
    newsroom.refresh()
    assert own in published(newsroom, "category/keji.atom")
    newsroom.sources["a"] += "\nprivate = true"
    newsroom.render()
    assert not [path for path in newsroom.documents() if "a.xml" in published(newsroom, path)]
    assert newsroom.titles("category/keji.atom") == ["标题1"]
    newsroom.sources.clear()
    newsroom.render(everything=True)
    assert not [path for path in newsroom.documents() if "a.xml" in published(newsroom, path)]


def test_a_source_that_becomes_private_is_hidden_in_full_archives_too(newsroom: Newsroom) -> None:
    own = f"file:{newsroom.folder}/a.xml"
    newsroom.publish = "entries = 1"
    newsroom.write("a", rss(*(item(number, text=f"see {own}") for number in range(1, 6))))
    newsroom.refresh()
    assert own in published(newsroom, "category/keji/archive-1.atom")
    newsroom.sources["a"] += "\nprivate = true"
    newsroom.refresh()
    assert not [path for path in newsroom.documents() if "a.xml" in published(newsroom, path)]
    assert newsroom.titles("category/keji/archive-1.atom") == ["标题1"]


def test_a_private_source_says_its_name_and_no_address_in_its_articles(newsroom: Newsroom) -> None:
    newsroom.write("a", rss(item(1)), 'category = "科技"\nprivate = true')
    newsroom.refresh()
    (entry,) = feedparser.parse(newsroom.files()["category/keji.atom"][1]).entries
    assert entry.source.title == "来源"
    assert entry.source.id == "tag:finews.example.org,2026:source/a"
    assert "href" not in entry.source
    assert entry.link == "https://example.org/1"

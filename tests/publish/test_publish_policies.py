"""What a channel may hold: how much of a text, how many articles of one source, and whether search engines may come."""

from dataclasses import replace

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st
from publish_examples import CHANNEL, FULL, SITE

from aggregator.publish.documents import article_document, feed_documents
from aggregator.publish.view import channel_view, hidden, shortened, widest, within
from aggregator.records import Channel, Enclosure, Policies, Policy

LONG = replace(
    FULL,
    title="题目",
    summary="",
    content="<p>" + "南昌的消息。" * 200 + "</p>",
    enclosures=(Enclosure("https://e.org/a.mp3"),),
)
ORDER = ("full", "excerpt", "title")


@pytest.mark.parametrize("channel", ORDER)
@pytest.mark.parametrize("source", ORDER)
def test_of_a_channels_word_and_a_sources_the_stricter_counts(channel: str, source: str) -> None:
    found = shortened(replace(LONG, text=source), channel)
    assert replace(found, text="full") == shortened(LONG, max(channel, source, key=ORDER.index))


def test_an_excerpt_is_the_beginning_of_the_text_and_a_title_is_nothing_of_it() -> None:
    excerpt, title = shortened(LONG, "excerpt"), shortened(LONG, "title")
    assert excerpt.summary.startswith("南昌的消息。")
    assert len(excerpt.summary) <= 301
    assert (excerpt.content, excerpt.enclosures) == ("", LONG.enclosures)
    assert (title.title, title.summary, title.content, title.enclosures) == (LONG.title, "", "", ())


def test_an_excerpt_is_the_sources_own_summary_where_there_is_one_and_holds_no_markup() -> None:
    found = shortened(replace(LONG, summary="<p>a &lt;b&gt; &amp; c<img src='https://e.org/x.png'></p>"), "excerpt")
    assert found.summary == "a &lt;b&gt; &amp; c"


def test_an_article_without_a_title_is_called_by_its_text_where_only_titles_are_shown() -> None:
    assert shortened(replace(LONG, title=" "), "title").title.startswith("南昌的消息。")


def test_every_format_keeps_to_the_policy() -> None:
    view = channel_view(SITE, CHANNEL, [LONG], policy=Policy(text="title"))
    documents = feed_documents(SITE, view).documents
    assert {document.path.rpartition(".")[2] for document in documents} == {"atom", "rss", "json", "html"}
    for document in documents:
        assert "南昌的消息" not in document.body.decode()
        assert LONG.title in document.body.decode()
    whole = feed_documents(SITE, channel_view(SITE, CHANNEL, [LONG])).documents
    assert all("南昌的消息" in document.body.decode() for document in whole)


def test_an_entry_of_which_nothing_but_a_title_is_left_is_still_valid_without_a_link() -> None:
    view = channel_view(SITE, CHANNEL, [replace(LONG, link="")], policy=Policy(text="title"))
    (atom,) = (each for each in feed_documents(replace(SITE, formats=("atom",)), view).documents)
    (entry,) = feedparser.parse(atom.body).entries
    assert (entry.title, entry.content[0].value) == (LONG.title, LONG.title)


def test_an_article_page_shows_as_much_as_the_most_open_of_its_channels() -> None:
    policies = Policies(by_slug={"a": Policy(text="title"), "b": Policy(text="excerpt")})
    in_both = replace(LONG, channels=(Channel("a", "a"), Channel("b", "b")))
    assert widest(in_both, policies) == "excerpt"
    assert widest(replace(LONG, channels=(Channel("a", "a"), Channel("c", "c"))), policies) == "full"
    assert widest(replace(LONG, channels=()), policies) == "full"


def test_search_engines_are_asked_to_leave_out_the_pages_of_a_channel_and_what_stands_nowhere_else() -> None:
    policies = Policies(by_slug={"a": Policy(noindex=True)})
    assert hidden(replace(LONG, channels=(Channel("a", "a"),)), policies)
    assert not hidden(replace(LONG, channels=(Channel("a", "a"), Channel("b", "b"))), policies)
    assert not hidden(replace(LONG, channels=()), policies)
    robots = b'<meta name="robots" content="noindex">'
    view = channel_view(SITE, CHANNEL, [LONG], policy=Policy(noindex=True))
    assert [robots in each.body for each in feed_documents(SITE, view).documents if each.path.endswith("html")] == [
        True
    ]
    assert robots in article_document(SITE, LONG, noindex=True).body
    assert robots not in article_document(SITE, LONG).body


@given(
    sources=st.lists(st.sampled_from("abc"), max_size=40),
    entries=st.integers(1, 20),
    each=st.none() | st.integers(1, 5),
)
def test_of_each_source_the_newest_stay_in_their_order(sources: list[str], entries: int, each: int | None) -> None:
    heads = [(str(number), source) for number, source in enumerate(sources)]
    kept = within(heads, Policy(entries, per_source=each))
    allowed = [
        code for place, (code, source) in enumerate(heads) if each is None or sources[:place].count(source) < each
    ]
    assert kept == allowed[:entries]

"""What goes with a podcast's recording: read, kept, published in every format, and read back from there."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from lxml import etree
from publish_examples import BARE, CHANNEL, FULL, SITE

from aggregator import parse
from aggregator.normalise import fingerprint, normalise
from aggregator.parse.podcast import seconds
from aggregator.publish import article_document, atom, channel_view, rss
from aggregator.publish.json_feed import json_feed
from aggregator.records import Enclosure, Entry, ParsedFeed, Source, StoredEntry
from aggregator.store.rows import enclosures_of, entry_columns

URL = "https://pod.example/feed.xml"
NOW = datetime(2031, 5, 1, tzinfo=UTC)
ITUNES, MEDIA = "{http://www.itunes.com/dtds/podcast-1.0.dtd}", "{http://search.yahoo.com/mrss/}"
PODCAST = "{https://podcastindex.org/namespace/1.0}"
FEED = """<rss version="2.0" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"
 xmlns:podcast="https://podcastindex.org/namespace/1.0"><channel><title>电台</title><item><guid>3</guid>
<title>第三集</title><enclosure url="/3.mp3" length="43200000" type="audio/mpeg"/>
<itunes:duration>1:02:03</itunes:duration>
<itunes:season>2</itunes:season><itunes:episode>3</itunes:episode><itunes:image href="/3.jpg"/>
<podcast:transcript url="/3.vtt" type="text/vtt"/><podcast:chapters url="/3.json"/></item></channel></rss>"""
RECORDING = Enclosure(
    "https://pod.example/3.mp3", "audio/mpeg", 43_200_000, duration_seconds=3723, season=2, episode=3
)
EXTRAS = (
    Enclosure("https://pod.example/3.jpg", rel="image"),
    Enclosure("https://pod.example/3.vtt", "text/vtt", rel="transcript"),
    Enclosure("https://pod.example/3.json", "application/json", rel="chapters"),
)
EPISODE = replace(BARE, enclosures=(RECORDING, *EXTRAS), content="<p>正文</p>")


def read(document: str) -> Entry:
    feed = parse.read(document.encode(), url=URL)
    assert isinstance(feed, ParsedFeed)
    found = normalise(feed.entries[0], source=Source("pod", URL), feed=feed, url=URL, now=NOW)
    assert found is not None
    return found


def item(format_: str, entry: StoredEntry = EPISODE) -> etree._Element:
    render, name = (atom, "{http://www.w3.org/2005/Atom}entry") if format_ == "atom" else (rss, "item")
    found = etree.fromstring(render(SITE, channel_view(SITE, CHANNEL, [entry]))).find(f".//{name}")
    assert found is not None
    return found


def test_an_episode_keeps_its_length_numbers_cover_transcript_and_chapters() -> None:
    assert read(FEED).enclosures == (RECORDING, *EXTRAS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1:02:03", 3723), ("26:53", 1613), ("04:57", 297), ("1613", 1613), ("90.5", 90), ("", 0), ("1h", 0), ("-5", 0)],
)
def test_a_duration_is_written_in_seconds_or_like_a_clock(text: str, expected: int) -> None:
    assert seconds(text) == expected


def test_what_goes_with_a_recording_is_no_revision_of_articles_stored_before() -> None:
    found = read(FEED)
    before = replace(found, enclosures=(Enclosure(RECORDING.url, RECORDING.type, RECORDING.length),))
    assert fingerprint(found) == fingerprint(before)
    assert fingerprint(found) != fingerprint(replace(found, enclosures=EXTRAS))


def test_enclosures_are_kept_in_the_store_and_those_of_older_stores_are_read() -> None:
    columns = entry_columns(read(FEED))
    assert enclosures_of(columns["enclosures"]) == (RECORDING, *EXTRAS)
    older = '[{"url": "https://a.example/1.mp3", "type": "audio/mpeg", "length": 7, "title": ""}]'
    assert enclosures_of(older) == (Enclosure("https://a.example/1.mp3", "audio/mpeg", 7),)
    assert entry_columns(replace(read(FEED), enclosures=enclosures_of(older)))["enclosures"] == older


@pytest.mark.parametrize("format_", ["atom", "rss"])
def test_players_find_what_they_look_for_in_both_formats(format_: str) -> None:
    found = item(format_)
    numbers = {name: found.findtext(f"{ITUNES}{name}") for name in ("duration", "season", "episode")}
    assert numbers == {"duration": "3723", "season": "2", "episode": "3"}
    assert [dict(each.attrib) for each in found.findall(f"{ITUNES}image")] == [{"href": EXTRAS[0].url}]
    for name, extra in (("transcript", EXTRAS[1]), ("chapters", EXTRAS[2])):
        assert [dict(each.attrib) for each in found.findall(PODCAST + name)] == [{"url": extra.url, "type": extra.type}]
    assert len(found.findall("enclosure")) == (format_ == "rss")


def test_a_feed_without_podcasts_says_nothing_of_them() -> None:
    text = atom(SITE, channel_view(SITE, CHANNEL, [FULL])) + rss(SITE, channel_view(SITE, CHANNEL, [FULL]))
    assert b"itunes" not in text
    assert b"podcast" not in text


def test_a_picture_without_a_recording_is_a_thumbnail() -> None:
    found = item("rss", replace(FULL, enclosures=EXTRAS[:1]))
    assert [dict(each.attrib) for each in found.findall(f"{MEDIA}thumbnail")] == [{"url": EXTRAS[0].url}]
    assert found.findall(f"{ITUNES}image") == []


def test_a_json_feed_says_it_in_its_own_words() -> None:
    (found,) = json.loads(json_feed(SITE, channel_view(SITE, CHANNEL, [EPISODE])))["items"]
    assert found["image"] == EXTRAS[0].url
    (attachment,) = found["attachments"]
    assert (attachment["duration_in_seconds"], attachment["size_in_bytes"]) == (3723, 43_200_000)
    assert (found["_podcast"]["season"], found["_podcast"]["episode"]) == (2, 3)
    assert found["_podcast"]["transcript"] == {"url": EXTRAS[1].url, "mime_type": "text/vtt"}


def test_what_is_published_reads_back_the_same() -> None:
    view = channel_view(SITE, CHANNEL, [EPISODE])
    assert read(rss(SITE, view).decode()).enclosures == (RECORDING, *EXTRAS)
    (first, *_) = read(json_feed(SITE, view).decode()).enclosures
    assert first.duration_seconds == RECORDING.duration_seconds


def test_the_page_shows_how_long_it_is_with_its_cover_and_links_to_the_rest() -> None:
    page = article_document(SITE, EPISODE).body.decode()
    for shown in (">1:02:03<", f'<img src="{EXTRAS[0].url}"', f'href="{EXTRAS[1].url}"', ">文字稿<", ">章节<"):
        assert shown in page
    with_picture = replace(EPISODE, content='<p><img src="https://pod.example/x.png"></p>')
    assert EXTRAS[0].url not in article_document(SITE, with_picture).body.decode()

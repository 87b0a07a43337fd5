"""What is read without feedparser is what feedparser says, or feedparser is asked."""

import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_parse_delta import documents, mutants

from aggregator.parse import decode, delta, plain, with_feedparser
from aggregator.records import ParsedFeed, Unreadable

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"
URL = "https://example.org/feed.xml"
NAMESPACES = (
    "xmlns:atom='http://www.w3.org/2005/Atom' xmlns:content='http://purl.org/rss/1.0/modules/content/' "
    "xmlns:dc='http://purl.org/dc/elements/1.1/' xmlns:itunes='http://www.itunes.com/dtds/podcast-1.0.dtd' "
    "xmlns:media='http://search.yahoo.com/mrss/' xmlns:podcast='https://podcastindex.org/namespace/1.0' "
    "xmlns:slash='http://purl.org/rss/1.0/modules/slash/' xmlns:thr='http://purl.org/syndication/thread/1.0'"
)
RSS = f"<rss version='2.0' {NAMESPACES}{{}}><channel>{{}}</channel></rss>"
ATOM = f"<feed xmlns='http://www.w3.org/2005/Atom' {NAMESPACES}{{}}>{{}}</feed>"
needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="the shared corpus is not beside this repository")


def is_plain(text: str) -> bool:
    return plain.parsed(with_feedparser._bytes(text)) is not None


def check(text: str) -> bool:
    """Hold what is read without feedparser against what it says; tell whether it could be done without."""
    plainly = with_feedparser.read(text, URL)
    assert plainly == with_feedparser.read(text, URL, plainly=False)
    return isinstance(plainly, ParsedFeed) and is_plain(with_feedparser._mended(text)[0])


# --- documents as they are ---------------------------------------------------------------------------------------


WORDPRESS = RSS.format(
    " xml:lang='de_AT'",
    """<title>Blog</title><atom:link href="https://b.example/feed/" rel="self" type="application/rss+xml" />
<link>https://b.example</link><description>words</description><lastBuildDate>Sun, 22 Nov 2026 10:00:00 +0000
</lastBuildDate><language>de-DE</language><generator>https://wordpress.org/?v=6.9</generator>
<image><url>https://b.example/i.png</url><title>Blog</title><link>https://b.example</link><width>32</width></image>
<item><title>A &amp;amp; B</title><link>https://b.example/1?a=1&amp;b=2</link><dc:creator><![CDATA[Ada]]></dc:creator>
<pubDate>Sun, 22 Nov 2026 09:00:00 +0000</pubDate><category><![CDATA[News]]></category><category>Ab</category>
<guid isPermaLink="false">https://b.example/?p=1</guid><description><![CDATA[<p>short</p>]]></description>
<content:encoded><![CDATA[<p>long &nbsp; text</p>]]></content:encoded><slash:comments>3</slash:comments>
<media:content url="https://b.example/i.jpg" medium="image"><media:title type="html">i</media:title></media:content>
<site xmlns="com-wordpress:feed-additions:1">12</site></item>""",
)
PODCAST = RSS.format(
    "",
    """<title>Talk</title><itunes:author>Ada</itunes:author><itunes:owner><itunes:name>Bob</itunes:name>
<itunes:email>bob@p.example</itunes:email></itunes:owner><itunes:image href="https://p.example/c.jpg"/>
<itunes:category text="News"><itunes:category text="Tech"/></itunes:category><item><title>One</title>
<itunes:summary>told</itunes:summary><itunes:duration>1:02:03</itunes:duration><itunes:keywords>a, b</itunes:keywords>
<enclosure url="https://p.example/1.mp3" length="5" type="audio/mpeg"/><guid>1</guid>
<podcast:transcript url="https://p.example/1.vtt" type="text/vtt"/><podcast:season>2</podcast:season></item>""",
)
BLOGGER = ATOM.format(
    " xml:lang='en'",
    """<title type='text'>B</title><id>tag:b</id><link rel='next' href='https://b.example/2'/><updated>2026-11-22</updated>
<author><name>Ada</name><uri>https://a.example</uri><email>a@b.example</email></author><entry><id>tag:b,1</id>
<published>2026-11-21T00:00:00Z</published><category scheme='http://s' term='t'/><title type='html'>A &lt;b&gt;</title>
<content type='html'>&lt;p&gt;x</content><link rel='replies' href='https://b.example/c' thr:count='0'/>
<link rel='alternate' type='text/html' href='https://b.example/1'/><author><name>Bo</name></author></entry>""",
)


@pytest.mark.parametrize("text", [WORDPRESS, PODCAST, BLOGGER], ids=["WordPress", "podcast", "Blogger"])
def test_what_is_common_is_read_without_feedparser_and_as_it_says(text: str) -> None:
    assert check(text)
    feed = with_feedparser.read(text, URL)
    assert isinstance(feed, ParsedFeed)
    assert len(feed.entries) == 1
    assert feed.entries[0].guid


def loaded(plainly: bool) -> str:
    """What a process that reads a plain feed has loaded."""
    code = f"""
import sys
from aggregator import parse
print(type(parse.read({WORDPRESS.encode()!r}, url="{URL}", plainly={plainly})).__name__, "feedparser" in sys.modules)
"""
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def test_feedparser_is_not_even_loaded_for_a_plain_feed_unless_it_is_asked_for() -> None:
    assert loaded(plainly=True) == "ParsedFeed False"
    assert loaded(plainly=False) == "ParsedFeed True"


ODD = {
    "another version": ("version='2.0'", "version='0.91'"),
    "XHTML": ("<![CDATA[<p>short</p>]]>", "<p>short</p>"),
    "unknown namespace": ("xmlns:thr", "xmlns:x='http://unknown.example/' xmlns:thr"),
    "unknown element": ("<link>https://b.example/1", "<hits>3</hits><link>https://b.example/1"),
    "another prefix": ("xmlns:thr", "xmlns:media2='http://search.yahoo.com/mrss/' xmlns:thr"),
    "document type": ("<rss", "<!DOCTYPE rss><rss"),
    "entity": ("A &amp;amp;", "A &nbsp;"),
    "not well-formed": ("<title>A", "<title><b>A"),
    "attribute of an entry": ("<item>", "<item rdf='x'>"),
    "language of an element": ("<title>A", "<title xml:lang='fr'>A"),
    "two descriptions": ("<content:encoded>", "<description>b</description><content:encoded>"),
    "spelling": ("pubDate>", "pubdate>"),
    "slashes": ("https://b.example/1?", "https:////b.example/1?"),
    "odd address": ("<dc:creator><![CDATA[Ada]]>", "<dc:creator>Ada at ada@b.example"),
    "attribute of another namespace": ("<category>Ab", "<category media:label='l'>Ab"),
    "type that is guessed": ("<description><!", "<description type='text'><!"),
    "channel in another place": ("<channel>", "<channel/><channel>"),
}


@pytest.mark.parametrize("change", ODD)
def test_what_is_odd_is_left_to_feedparser(change: str) -> None:
    text = WORDPRESS.replace(*ODD[change])
    assert text != WORDPRESS
    assert not is_plain(text)
    check(text)


def test_groups_within_groups_by_the_thousand_are_left_to_feedparser() -> None:
    groups = "<media:group>" * 5_000 + "<media:title>x</media:title>" + "</media:group>" * 5_000
    text = RSS.format("", f"<item>{groups}<guid>1</guid></item>")
    assert not is_plain(text)
    assert check(text) is False


def test_a_reader_that_takes_the_last_title_for_the_first_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    text = RSS.format("", "<item><title>a</title><title>b</title><link>http://e.example/</link></item>")
    assert check(text)
    monkeypatch.setitem(plain._RSS.of_entry, "title", plain._said_as("title"))  # type: ignore[arg-type]
    with pytest.raises(AssertionError):
        check(text)


# --- laws --------------------------------------------------------------------------------------------------------


TEXTS = (
    *("", "x", "  y ", "a@b.com (N)", "N (a@b.com)", "a@b.com", "http://e.org/?a=1&amp;b=2", "&lt;p&gt;h&lt;/p&gt;"),
    *("<![CDATA[<b>c</b> &amp;copy; &x;]]>", "é", "Ã©", "cafÃ© 中", "\u0085x", "&#146;q", "true", "a<!-- c -->b"),
    *(" a,b , c", "<i>in</i>", "http:////x/", "<?x a & b?>p"),
)
ATTRIBUTES = (
    *("isPermaLink='false'", "isPermaLink='true'", "type='html'", "type='text'", "type='xhtml'", "type=''", "href=''"),
    *("href='http://h.org/1'", "rel='self' href='http://h.org/2'", "url='http://h.org/4' type='IMAGE/png'", "term='t'"),
    *("rel='enclosure' href='http://h.org/3' type='audio/mpeg' length='5'", "term='t' scheme='s' label='l'"),
    *("domain='d'", "xml:lang='fr'", "scheme='s'", "label='l'", "thr:count='3' href='http://h.org/5'", "text='it'"),
    *("media:title='z'", "Href='http://h.org/6'", "rel='alternate' type='application/json' href='http://h.org/8'"),
)
WITH_ATTRIBUTES = (
    *("link", "atom:link", "guid", "category", "enclosure", "source", "title", "summary", "content"),
    *("media:content", "media:thumbnail", "itunes:image", "podcast:transcript"),
)
BARE = (
    *("title", "link", "guid", "pubDate", "description", "author", "category", "comments", "image", "language", "ttl"),
    *("managingEditor", "id", "updated", "published", "rights", "subtitle", "logo", "body", "date", "url", "modified"),
    *("dc:creator", "dc:date", "dc:subject", "dc:publisher", "dc:language", "dc:source", "content:encoded"),
    *("media:title", "media:keywords", "itunes:author", "itunes:subtitle", "itunes:duration", "itunes:keywords"),
    *("itunes:summary", "itunes:season", "media:description", "atom:updated", "slash:comments", "podcast:episode"),
)
NESTED = {
    "author": ("<name>n</name><email>e@f.org</email>", "<name>m</name>", "<uri>u</uri><name>o</name>", "<email/>"),
    "image": ("<url>http://i.org/x.png</url><title>i</title>",),
    "itunes:owner": ("<itunes:name>on</itunes:name><itunes:email>o@p.org</itunes:email>",),
    "media:group": (
        "<media:title>mt</media:title><media:description>d</media:description>",
        "<media:content url='u'/>",
    ),
    "media:content": ("<media:title>mu</media:title>", "<media:thumbnail url='http://i.org/t.png'/>"),
}


FITTING_EVERYWHERE = (
    *(
        "<dc:creator>{}</dc:creator>",
        "<dc:date>{}</dc:date>",
        "<dc:subject>{}</dc:subject>",
        "<dc:source>{}</dc:source>",
    ),
    *("<dc:publisher>P</dc:publisher>", "<dc:language>{}</dc:language>", "<itunes:subtitle>{}</itunes:subtitle>"),
    *("<itunes:keywords>{}</itunes:keywords>", "<itunes:summary>{}</itunes:summary>", "<itunes:image href='i'/>"),
    *(
        "<itunes:duration>{}</itunes:duration>",
        "<podcast:episode>{}</podcast:episode>",
        "<media:title>{}</media:title>",
    ),
    *("<podcast:transcript url='p' type='text/VTT'/>", "<media:category>{}</media:category>", "<slash:comments/>"),
    *(
        "<media:title type='html'>{}</media:title>",
        "<media:thumbnail url='t'/>",
        "<media:description>{}</media:description>",
    ),
    *(
        "<media:group><media:title>{}</media:title><media:content url='m' fileSize='9'/></media:group>",
        "<title>{}</title>",
    ),
    "<media:content url='n' type='video/MP4'><media:title>{}</media:title></media:content>",
)
FITTING = {
    "feed": (
        *(
            "<dc:creator>{}</dc:creator>",
            "<dc:date>{}</dc:date>",
            "<dc:rights>{}</dc:rights>",
            "<dc:language>l</dc:language>",
        ),
        *("<itunes:author>{}</itunes:author>", "<itunes:image href='i'/>", "<itunes:subtitle>{}</itunes:subtitle>"),
        *("<atom:link rel='next' href='n'/>", "<itunes:owner><itunes:name>o</itunes:name></itunes:owner>"),
    ),
    "item": (
        *("<link>{}</link>", "<atom:link href='http://h.org/1'/>", "<guid>{}</guid>", "<author>{}</author>"),
        *("<guid isPermaLink='false'>{}</guid>", "<pubDate>{}</pubDate>", "<description>{}</description>"),
        *("<content:encoded>{}</content:encoded>", "<category>{}</category>", "<category domain='d'>{}</category>"),
        *("<enclosure url='e' type='Audio/x' length='7'/>", "<source url='s'>{}</source>", "<comments>{}</comments>"),
        *FITTING_EVERYWHERE,
    ),
    "entry": (
        *("<link href='http://h.org/2'/>", "<link rel='enclosure' href='f' length='5' title='q'/>", "<id>{}</id>"),
        *(
            "<link rel='alternate' type='application/json' href='v'/>",
            "<title type='html'>{}</title>",
            "<rights>{}</rights>",
        ),
        *("<summary>{}</summary>", "<summary type='html'>{}</summary>", "<content type='html'>{}</content>"),
        *("<content>{}</content>", "<published>{}</published>", "<updated>{}</updated>", "<category label='l'/>"),
        *("<category term='t' scheme='s'>{}</category>", *(f"<author>{one}</author>" for one in NESTED["author"])),
        *FITTING_EVERYWHERE,
    ),
}


@st.composite
def elements(draw: st.DrawFn, where: str) -> str:
    """An element that belongs there, in nine cases of ten."""
    if draw(st.integers(0, 9)):
        return draw(st.sampled_from(FITTING[where])).replace("{}", draw(st.sampled_from(TEXTS)))
    form = draw(st.integers(0, 3))
    if form == 0:
        name = draw(st.sampled_from(sorted({*NESTED, "itunes:category", "media:community", "title", "x"})))
        return f"<{name}>{draw(elements(where))}</{name}>"
    if form == 1:
        name = draw(st.sampled_from(sorted(NESTED)))
        return f"<{name}>{draw(st.sampled_from(NESTED[name]))}</{name}>"
    name = draw(st.sampled_from(WITH_ATTRIBUTES if form == 2 else BARE))
    attributes = " " + draw(st.sampled_from(ATTRIBUTES)) if form == 2 else ""
    return f"<{name}{attributes}>{draw(st.sampled_from(TEXTS))}</{name}>"


@st.composite
def feeds(draw: st.DrawFn) -> str:
    """RSS and Atom with elements where they belong and where they do not, several times, in any order."""
    frame, name = draw(st.sampled_from([(RSS, "item"), (ATOM, "entry")]))
    above = st.lists(elements("feed"), max_size=4).map("".join)
    inside = st.lists(elements(name), max_size=5).map("".join)
    entries = st.lists(st.builds(f"<{name}>{{}}</{name}>{{}}".format, inside, above), max_size=2).map("".join)
    language = draw(st.sampled_from(["", "", " xml:lang='en_US'", " xml:lang=''"]))
    return frame.format(language, draw(above) + draw(entries))


OWNED = "<author><name>n</name></author><itunes:owner><itunes:name>o</itunes:name></itunes:owner>"


@settings(max_examples=200)
@given(text=feeds())
@example(text=ATOM.format("", "<itunes:author>x</itunes:author>" + OWNED))
@example(text=ATOM.format("", "<entry><category label='l'/><media:category>m</media:category></entry>"))
def test_whatever_stands_in_a_feed_it_is_read_as_feedparser_reads_it(text: str) -> None:
    check(text)


@needs_corpus
@settings(max_examples=30)
@given(number=st.integers(0, 10_000), seed=st.integers(0, 2**32))
def test_mutants_of_the_corpus_are_read_as_feedparser_reads_them(number: int, seed: int) -> None:
    chance = random.Random(seed)
    text = documents()[number % len(documents())]
    for mutant in chance.sample([*mutants(text, chance)], 2):
        check(mutant)


def corpus() -> Iterator[tuple[str, str]]:
    for path in sorted(CORPUS.rglob("*")):
        if path.suffix in (".xml", ".rss", ".atom") and path.stat().st_size < 300_000:
            yield path.parent.name, decode(path.read_bytes())[0]


@needs_corpus
def test_the_corpus_is_read_as_feedparser_reads_it_and_most_of_today_s_feeds_without(
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen = Counter((place, check(text)) for place, text in corpus())
    done = sum(count for (_, could), count in seen.items() if could)
    with capsys.disabled():
        print(f"\nplain feeds, read without feedparser: {done} of {seen.total()} in the corpus")
    assert seen["web2026", True] > 5 * seen["web2026", False]


@pytest.mark.parametrize("text", [WORDPRESS, BLOGGER], ids=["RSS", "Atom"])
def test_a_document_cut_to_its_unseen_entries_is_plain_too(text: str) -> None:
    name = "item" if "<item>" in text else "entry"
    entry = text[text.index(f"<{name}>") : text.index(f"</{name}>")] + f"</{name}>"
    asked: list[bool] = []

    def watched(cut: str, url: str) -> ParsedFeed | Unreadable:
        asked.append(check(cut))
        return with_feedparser.read(cut, url)

    before = delta.read(text, URL, watched, frozenset())
    assert isinstance(before, ParsedFeed)
    grown = text.replace(entry, entry.replace(">A ", ">Z ") + entry)
    after = delta.read(grown, URL, watched, {before.entries[0].digest})
    assert isinstance(after, ParsedFeed)
    assert [each.repeated for each in after.entries] == [False, True]
    assert asked == [True, True]

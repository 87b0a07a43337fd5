"""The one sanitiser and what reads text out of markup."""

import html as entities
import re
from html.parser import HTMLParser
from pathlib import Path

import lxml.html
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator import markup
from aggregator.markup import excerpt, legal, outlet_of, paragraphs, plain, sanitise, text_of, title_text

BASE = "https://example.org/blog/post.html"
DATA = Path(__file__).resolve().parents[1] / "data" / "text"
SHARED = Path(__file__).resolve().parents[2].parent / "shared"
VECTORS = (DATA / "xss.txt").read_text(encoding="utf-8").splitlines()

needs_corpus = pytest.mark.skipif(not (SHARED / "corpus").is_dir(), reason="the corpus is not beside the repository")
needs_posts = pytest.mark.skipif(
    not (SHARED / "finews").is_dir(), reason="the archived posts are not beside the repository"
)

_FORBIDDEN = (
    "script style svg math form input button textarea select option object embed applet param base link "
    "meta title template noscript noembed noframes xmp plaintext frame frameset marquee portal dialog "
    "slot image area map isindex bgsound layer xml body html head"
)
FORBIDDEN_TAGS = set(_FORBIDDEN.split())
LINKS = ("href", "src", "poster", "cite", "action", "formaction", "data", "background", "xlink:href", "srcdoc", "ping")
PLAYERS = (
    "https://www.youtube.com/embed/",
    "https://www.youtube-nocookie.com/embed/",
    "https://player.vimeo.com/video/",
)


class Reader(HTMLParser):
    """A second parser of another make, which keeps every start tag that it sees."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, {name: value or "" for name, value in attrs}))


def elements(html: str) -> list[tuple[str, dict[str, str]]]:
    tree = lxml.html.fragment_fromstring(html or "<p></p>", create_parent="div")
    by_lxml = [(str(element.tag), dict(element.attrib)) for element in tree.iterdescendants()]
    return by_lxml + Reader(html).seen


def assert_harmless(html: str) -> None:
    for tag, attributes in elements(html):
        assert tag not in FORBIDDEN_TAGS
        assert re.fullmatch("[a-z][a-z0-9]*", tag)
        for name, value in attributes.items():
            assert not name.startswith("on")
            assert name not in ("style", "id", "name", "srcdoc", "is", "contenteditable", "usemap")
            if name in LINKS:
                assert re.match("https?://|mailto:|ftp://|magnet:", value), (name, value)
        if tag == "iframe":
            assert attributes["src"].startswith(PLAYERS)
            assert "allow-top-navigation" not in attributes["sandbox"]
        if tag == "a":
            assert attributes["rel"] == "noopener noreferrer"


@pytest.mark.parametrize("vector", VECTORS)
def test_nothing_that_could_run_a_script_survives(vector: str) -> None:
    for html in (vector, f"<p>before{vector}after</p>", f"<table><tr><td>{vector}", f"<ul><li><b>{vector}"):
        clean = sanitise(html, BASE)
        assert_harmless(clean)
        assert sanitise(clean, BASE) == clean


def test_there_are_enough_vectors() -> None:
    assert len(VECTORS) >= 100


KEPT = [
    "<p>a <b>b</b> <i>c</i> <em>d</em> <strong>e</strong> <u>f</u> <s>g</s> <mark>h</mark> <small>i</small></p>",
    '<p>H<sub>2</sub>O x<sup>2</sup> <abbr title="HyperText">HT</abbr> <kbd>k</kbd> <samp>s</samp> <var>v</var></p>',
    "<h1>a</h1><h2>b</h2><h3>c</h3><h4>d</h4><h5>e</h5><h6>f</h6><hr>",
    '<ul><li>a</li><li>b<ol start="3" type="a"><li value="4">c</li></ol></li></ul>',
    "<dl><dt>a</dt><dd>b</dd></dl>",
    '<table><caption>c</caption><colgroup><col span="2"></colgroup><thead><tr><th scope="col">a</th></tr></thead>'
    '<tbody><tr><td colspan="2" rowspan="1">b</td></tr></tbody><tfoot><tr><td>c</td></tr></tfoot></table>',
    '<figure><img src="https://example.org/a.png" alt="a" width="600" height="400"><figcaption>c</figcaption></figure>',
    '<picture><source srcset="https://example.org/a.webp 1x, https://example.org/b.webp 2x" type="image/webp">'
    '<img src="https://example.org/a.png"></picture>',
    '<img src="https://example.org/a.png" srcset="https://example.org/a,b.png 480w" sizes="(min-width: 1em) 2em">',
    '<audio src="https://example.org/a.mp3" controls=""></audio>',
    '<video src="https://example.org/a.mp4" poster="https://example.org/a.png" width="320" controls=""><track '
    'src="https://example.org/a.vtt" kind="captions" srclang="en"></video>',
    "<ruby>漢<rp>(</rp><rt>kan</rt><rp>)</rp></ruby>",
    '<details open=""><summary>s</summary><p>t</p></details>',
    '<pre><code class="language-python">if a &lt; b:\n    x &amp;= 1</code></pre>',
    "<pre>\n\nkeeps its first empty line</pre>",
    '<blockquote cite="https://example.org/q"><p>q</p></blockquote>',
    '<p><q cite="https://example.org/q">q</q> <cite>c</cite> <dfn>d</dfn></p>',
    '<p><ins datetime="2021-12-28">i</ins> <del>d</del> <time datetime="2021-12-28T08:08:58Z">t</time></p>',
    '<p lang="zh" dir="rtl">x</p>',
    '<p><span lang="ja">日本</span> <bdi>x</bdi> <bdo dir="rtl">y</bdo></p>',
    "<section><header>h</header><article>a</article><aside>b</aside><footer>f</footer></section>",
    "<address>a<br>b</address>",
    '<p align="center">x</p><center>y</center>',
    '<p class="em_media">（文章来源：南昌日报）</p>',
    '<a href="https://example.org/路径?q=值#a" title="t" rel="noopener noreferrer">x</a>',
    '<a href="mailto:a@example.org" rel="noopener noreferrer">x</a>',
    '<a href="magnet:?xt=urn:btih:1" rel="noopener noreferrer">x</a>',
    "<p>1 &lt; 2 &amp;&amp; 3 &gt; 2 \u00a0 😀 “quoted” &amp;amp;</p>",
    "plain text without any markup",
    "<p>a<wbr>b<br>c</p>",
    '<p><data value="1">one</data> <tt>t</tt> <big>b</big> <strike>s</strike></p>',
    "<div>a<div>b</div></div>",
]


@pytest.mark.parametrize("html", KEPT)
def test_what_articles_are_made_of_is_kept_as_it_is(html: str) -> None:
    assert sanitise(html, BASE) == html


def test_the_known_players_are_kept_in_a_sandbox() -> None:
    for address in (
        "https://www.youtube.com/embed/abc",
        "https://www.youtube-nocookie.com/embed/abc?rel=0",
        "https://player.vimeo.com/video/1",
        "https://player.bilibili.com/player.html?bvid=1",
        "https://www.dailymotion.com/embed/video/x",
        "https://w.soundcloud.com/player/?url=x",
        "https://open.spotify.com/embed/track/x",
    ):
        clean = sanitise(f'<iframe src="{address}" width="560" onload="x()">no frames</iframe>', BASE)
        assert f'src="{address}"' in clean
        assert 'sandbox="allow-scripts' in clean
        assert "onload" not in clean
        assert "no frames" not in clean


def test_every_address_becomes_absolute() -> None:
    html = (
        '<a href="b.html">b</a><a href="?q=1">q</a><a href="#top">t</a><img src="/i.png" srcset="a.png 1x, /b.png 2x">'
        '<video src="v.mp4" poster="//cdn.example.net/p.png"></video><blockquote cite="../q">x</blockquote>'
    )
    clean = sanitise(html, BASE)
    for address in (
        '"https://example.org/blog/b.html"',
        '"https://example.org/blog/post.html?q=1"',
        '"https://example.org/blog/post.html#top"',
        '"https://example.org/i.png"',
        '"https://example.org/blog/a.png 1x, https://example.org/b.png 2x"',
        '"https://cdn.example.net/p.png"',
        '"https://example.org/q"',
    ):
        assert address in clean


@pytest.mark.parametrize(
    ("html", "clean"),
    [
        ('<img src="/t.gif" width="1" height="1">x', "x"),
        ('<img src="/t.gif" width="0" height="1px">x', "x"),
        ('<img src="https://pixel.wp.com/b.gif?x=1">x', "x"),
        ('<img src="http://feeds.feedburner.com/~r/x/~4/y">x', "x"),
        ('<p style="display:none;height:1px"><br><b>h</b></p>x', "x"),
        ('<div style="color:red; DISPLAY : none"><div>h</div></div>x', "x"),
        ("<div hidden><p>h</p></div>x", "x"),
        ('<img data-src="/a.png">', '<img src="https://example.org/a.png">'),
        (
            '<img class="lazy" src="data:image/gif;base64,R0" data-original="/a.png" alt="a">',
            '<img src="https://example.org/a.png" alt="a">',
        ),
        ('<img src="/b.png" data-src="/a.png">', '<img src="https://example.org/b.png">'),
        ("<img alt=x>", ""),
        ('<span id="q"></span><span class="k">t</span>', "t"),
        ('<p class="lead em_media" id="x">x</p>', '<p class="em_media">x</p>'),
        ("a<!-- c -->b", "ab"),
        ("<form><p>kept</p><input></form>", "<p>kept</p>"),
        ("<center><font color=red>x</font></center>", "<center>x</center>"),
        ("<p>a&nbsp;b", "<p>a\u00a0b</p>"),
        ("\x00a\x0bb\x85c\ufffed", "abcd"),
        ("&#1;a&#x1F;b", "ab"),
    ],
)
def test_what_does_not_belong_into_an_article_goes(html: str, clean: str) -> None:
    assert sanitise(html, BASE) == clean


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 100_000,
        "&" * 1_000_000,
        "<" * 300_000,
        "<p " + " ".join(f"a{n}" for n in range(100_000)) + ">x",
        "".join(f"<p><font color={n}>" for n in range(40_000)),
        "".join(f"<p><b title={n}>" for n in range(299)),
        "<a " * 100_000 + 'x=">"',
        "<table><tr><td>" * 20_000,
        "<script>" * 50_000,
        "<!--" * 100_000,
        "<svg>" * 50_000,
        '<img srcset="' + "a," * 100_000 + '">',
        "<b>" * 50_000 + "</i>" * 50_000,
    ],
    ids=lambda html: f"{html[:12]}×{len(html)}",
)
def test_documents_made_to_be_slow_are_cut_to_a_stable_size(html: str) -> None:
    clean = sanitise(html, BASE)
    assert len(clean) <= 3 * len(html) + 100
    assert sanitise(clean, BASE) == clean


def test_a_large_ordinary_document_loses_nothing() -> None:
    html = "".join(f"<p>Absatz {n} mit <b>fettem</b> Text &amp; Zeichen</p>" for n in range(3000))
    assert sanitise(html, BASE) == html


def test_unclosed_items_of_a_large_list_stay_beside_each_other() -> None:
    clean = sanitise("<ul>" + "<li>x<p>y" * 1000 + "</ul>", BASE)
    assert clean == "<ul>" + "<li>x<p>y</p></li>" * 1000 + "</ul>"


_WORDS = (
    "<p> </p> <b> </b> <a href=x> </a> <table> <tr> <td> </table> <i> <div> </div> <pre>\n <li> <ul> </ul> "
    "<h1> <span> <span lang=a> </span> <img src=a> <iframe src=//www.youtube.com/embed/x> </iframe> <svg> "
    "</svg> <math> <style> </style> <!-- --> <![CDATA[ ]]> <select> <option> <form> </form> <br> <button> "
    "<template> <details> <summary> <ruby> <rt> <caption> <col> <video> <source> <picture> <dd> <font> "
    '</font> <nobr> <p/hidden> <p/style=display:none> <a/title="&lt;" > <img/data-src=/a> <script> '
    "</script> <title> &amp; &lt &nbsp; &#13; & < > \" ' = `"
)
_PIECES = st.lists(
    st.one_of(
        st.sampled_from(_WORDS.split(" ")),
        st.text(max_size=6),
    ),
    max_size=25,
)


@given(_PIECES)
def test_sanitising_twice_changes_nothing_and_what_comes_out_is_legal(pieces: list[str]) -> None:
    clean = sanitise("".join(pieces), BASE)
    assert sanitise(clean, BASE) == clean
    assert legal(clean) == clean
    assert_harmless(clean)


@given(st.lists(st.sampled_from(["<p>", "</p>", "<b title=1>", "</b>", "<td>", "<table>", "<li>", "x&", "<i>"])))
def test_large_documents_are_stable_too(pieces: list[str]) -> None:
    clean = sanitise("".join(pieces) * 60 + "<hr>" * 101, BASE)
    assert sanitise(clean, BASE) == clean


@given(st.text(), st.text())
def test_no_text_and_no_base_makes_the_readers_raise(text: str, base: str) -> None:
    for result in (sanitise(text, base), plain(text, is_html=True), plain(text, is_html=False), text_of(text)):
        assert legal(result) == result
    assert len(excerpt(text, 20)) <= 20
    assert outlet_of(text) == "" or "em_media" in text
    assert "\n" not in title_text(text, "html")


@given(st.text())
def test_plain_text_survives_its_way_through_html(text: str) -> None:
    clean = sanitise(paragraphs(text), BASE)
    assert plain(clean, is_html=True) == plain(text, is_html=False)


@given(st.text(st.characters(codec="utf-8")))
def test_what_is_legal_can_be_written_as_xml_and_read_back(text: str) -> None:
    element = lxml.html.etree.Element("x")
    element.text = legal(text).replace("\r", "")
    assert (lxml.html.etree.fromstring(lxml.html.etree.tostring(element)).text or "") == element.text


@pytest.mark.parametrize(
    ("value", "title_type", "expected"),
    [
        ("AT&amp;T", "html", "AT&T"),
        ("AT&amp;T", "text", "AT&amp;T"),
        ("AT&amp;amp;T 与 &amp;lt;b&amp;gt;", "html", "AT&amp;T 与 &lt;b&gt;"),
        ("AT&amp;T 与 &lt;b&gt;", "html", "AT&T 与 <b>"),
        ("a < b and c > d", "html", "a < b and c > d"),
        ("x <y", "html", "x <y"),
        ("List<String> in Java", "html", "List<String> in Java"),
        ("<b>bold</b>", "html", "bold"),
        ("<b>bold</b>", "text", "<b>bold</b>"),
        ("<script>alert(1)</script>ok", "html", "ok"),
        ("<script>alert(1)</script>ok", "text", "<script>alert(1)</script>ok"),
        ("<img src=x onerror=alert(1)>", "html", ""),
        ("How <script> works", "html", "How works"),
        ("one<br>two", "html", "one two"),
        ("H<sub>2</sub>O", "html", "H2O"),
        ("　　全角缩进　标题　", "text", "全角缩进 标题"),
        ("零\u200b宽\ufeff字\u2060符", "text", "零宽字符"),
        ("line1\r\nline2\t3", "html", "line1 line2 3"),
        ("[x](javascript:alert(1))", "html", "[x](javascript:alert(1))"),
        ("R&D; <<tag>> &copy;", "html", "R&D; <<tag>> ©"),
        ("\x00\x1f\x85\ud800\uffff", "text", ""),
    ],
)
def test_titles_read_as_they_were_meant(value: str, title_type: str, expected: str) -> None:
    assert title_text(value, title_type) == expected  # type: ignore[arg-type]  # the two literals stand above


def test_text_has_its_paragraphs_apart() -> None:
    html = "<h1>a</h1><p>b<br>c <i>d</i></p>\n<ul><li>e</li><li>f</li></ul><script>x</script><p>\u3000\u3000g</p>"
    assert text_of(html) == "a\n\nb\nc d\n\ne\n\nf\n\ng"


@pytest.mark.parametrize(
    ("html", "limit", "expected"),
    [
        ("<p>short</p>", 20, "short"),
        ("<p>One two three. Four five six seven.</p>", 20, "One two three."),
        ("<p>今天天气很好。明天也许会下雨，也许不会。</p>", 10, "今天天气很好。"),
        ("<p>他说：“真的吗？”然后离开了这里再也没有回来</p>", 12, "他说：“真的吗？”"),
        ("<p>version 1.2.3 of everything else</p>", 20, "version 1.2.3 of…"),
        ("<p>one two three four five</p>", 15, "one two three…"),
        ("<p>一二三四五六七八九十一二三</p>", 10, "一二三四五六七八九…"),
        ("<p>a</p><p>b</p>", 200, "a b"),
        ("", 10, ""),
    ],
)
def test_an_excerpt_ends_with_a_sentence_or_a_word(html: str, limit: int, expected: str) -> None:
    assert excerpt(html, limit) == expected


def test_plain_text_becomes_paragraphs() -> None:
    assert paragraphs("a < b\r\nc\n\n\n d & e\n") == "<p>a &lt; b<br>c</p><p>d &amp; e</p>"
    assert paragraphs(" \n ") == ""


@pytest.mark.parametrize(
    ("html", "outlet"),
    [
        ('<p>x</p><p class="em_media">（文章来源：南昌日报）</p>', "南昌日报"),
        ('<p class="em_media">（文章来源：上海<span id="Info.1"><a href="x">证券</a></span>报）</p>', "上海证券报"),
        ("<p class='em_media'>(来源: 21世纪经济报道)</p>", "21世纪经济报道"),
        ('<p class="em_media">（文章来源：安信国际证券(香港)）</p>', "安信国际证券(香港)"),
        ("<p>（文章来源：南昌日报）</p>", ""),
        ('<p class="em_media">', ""),
        ("", ""),
    ],
)
def test_the_outlet_is_read_from_the_last_line(html: str, outlet: str) -> None:
    assert outlet_of(html) == outlet


@needs_corpus
def test_every_document_of_the_corpus_is_cleaned_and_stays_clean() -> None:
    for path in sorted((SHARED / "corpus").rglob("*.xml")):
        text = path.read_bytes()[:60_000].decode("utf-8", "replace")
        for html in (text, entities.unescape(text)):
            clean = sanitise(html, BASE)
            assert_harmless(clean)
            assert sanitise(clean, BASE) == clean


@needs_corpus
def test_relative_addresses_of_the_corpus_resolve_as_it_says() -> None:
    document = lxml.html.etree.parse(SHARED / "corpus/hostile/made/relative-links.xml")
    content = document.findtext(".//{http://www.w3.org/2005/Atom}content")
    clean = sanitise(content or "", "http://example.org/blog/sub/")
    for address in (
        "http://example.org/img/a.png",
        "http://example.org/blog/sub/b.html",
        "http://example.org/b.png 2x",
    ):
        assert address in clean


@needs_posts
def test_an_archived_article_with_stock_marks_reads_well() -> None:
    text = (SHARED / "finews/_posts/-202205262391921712.md").read_text(encoding="utf-8").split("---", 2)[2]
    clean = sanitise(text, BASE)
    assert_harmless(clean)
    for mark in ("EM_StockImg", "quote_", "display", "data-code", "webquoteklinepic", "keytip", "<span", "<p><br></p>"):
        assert mark not in clean
    assert "霍尼韦尔宣布为蔚来旗下ET7新能源汽车提供HFO-1234yf(四氟丙烯)制冷剂" in text_of(clean)
    assert 'href="http://quote.eastmoney.com/unify/r/106.NIO"' in clean
    assert sanitise(clean, BASE) == clean


@needs_posts
def test_every_archived_post_is_cleaned_without_losing_its_words() -> None:
    for path in sorted((SHARED / "finews/_posts").glob("*.md")):
        body = path.read_text(encoding="utf-8").split("---", 2)[2]
        clean = sanitise(body, BASE)
        assert_harmless(clean)
        assert sanitise(clean, BASE) == clean
        assert plain(clean, is_html=True)[:40] == plain(body, is_html=True)[:40]


@given(
    st.lists(st.sampled_from([*"ab .。?\"\n&<>", "<p>", "</p>", "<br>", "&amp;", "\u200b", "<b>"]), max_size=60),
    st.integers(0, 40),
)
def test_an_excerpt_of_what_is_not_read_to_its_end_is_that_of_the_whole_text(pieces: list[str], limit: int) -> None:
    html = "".join(pieces)
    assert excerpt(html, limit) == excerpt(entities.escape(" ".join(text_of(html).split())), limit)


def test_an_excerpt_is_not_cut_inside_a_number_that_the_limit_falls_on() -> None:
    text = "<p>" + "a" * 30 + " grew by 37.5 percent over the year, they said, and nobody knew why that was so.</p>"
    assert not any(excerpt(text, limit).endswith("37.") for limit in range(38, 60))


PIECES = (
    *("<p>", "</p>", "<br>", "<BR />", "<li>", "<td>", "</td>", "<b>", "<iframe src=x>", "</iframe>", "<script>"),
    *("</script>", "<!-- c -->", "<", "< b", "<a href='x>y'>", '<a title="<">', "&lt;", "&#10;", "&nbsp;", "&amp;lt;"),
    *("<x-y>", "<?pi>", "</ 3>", "\n", "\n\n", " ", "甲乙丙，丁。", "word", "\u2028", "\x1c", "\x85", "\u200b"),
)


@given(pieces=st.lists(st.sampled_from(PIECES), max_size=12))
def test_the_text_of_simple_documents_is_what_the_walk_over_their_tokens_tells(pieces: list[str]) -> None:
    html = "".join(pieces)
    simply = markup._told_simply(html)
    told = "".join(map(markup._spoken, markup._tokens(html)))
    assert simply is None or "".join(simply) == told


@pytest.mark.parametrize("html", ["<script>a</script>", "a < b", "<!-- a -->", "<iframe>a</iframe>", '<a title="<">b'])
def test_a_document_that_is_not_simple_is_walked(html: str) -> None:
    assert markup._told_simply(html) is None
    assert markup._told_simply("<p>a</p><br>b") is not None

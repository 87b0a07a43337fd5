"""Whatever a server says of its encoding, the text is what its author wrote."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator import parse
from aggregator.parse import decode
from aggregator.records import ListRules, ParsedFeed, RawEntry, Unreadable

CHINESE = "朱镕基：喆喆、囧、堃、淼，央行开展逆回购操作"


def document(text: str, encoding: str, declared: str = "") -> bytes:
    declaration = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    return f"{declaration}<rss><title>{text}</title></rss>".encode(encoding)


@pytest.mark.parametrize(
    ("text", "encoding", "declared", "http"),
    [
        pytest.param(CHINESE, "utf-8", "gb2312", "", id="UTF-8 declared as GB2312"),
        pytest.param(CHINESE, "utf-8", "utf-8", "gbk", id="UTF-8 sent as GBK"),
        pytest.param(CHINESE, "gbk", "GBK", "utf-8", id="GBK sent as UTF-8"),
        pytest.param(CHINESE, "gbk", "gbk", "ISO-8859-1", id="GBK behind a server's default"),
        pytest.param(CHINESE, "gbk", "", "x-gbk", id="GBK by its old name"),
        pytest.param(CHINESE, "gb18030", "gb2312", "", id="GB 18030 declared as GB2312"),
        pytest.param(CHINESE, "gbk", "bogus", "", id="GBK declared as nonsense"),
        pytest.param(CHINESE, "gbk", "", "", id="GBK without a word"),
        pytest.param("裡面有「繁體」與全形，符號", "big5", "", "", id="Big5 without a word"),
        pytest.param("碁峰資訊、恒生指數", "cp950", "big5", "", id="CP950 declared as Big5"),
        pytest.param("港股嘅升市：冇人估到啩", "big5hkscs", "Big5", "", id="HKSCS declared as Big5"),
        pytest.param("①髙島屋と﨑陽軒", "cp932", "Shift_JIS", "", id="CP932 declared as Shift_JIS"),
        pytest.param("東京の天気はどうですか", "euc_jp", "", "", id="EUC-JP without a word"),
        pytest.param("東京の天気はどうですか", "shift_jis", "", "", id="Shift_JIS without a word"),
        pytest.param("東京の天気", "iso2022_jp", "", "", id="ISO-2022-JP without a word"),
        pytest.param("新闻", "hz", "hz-gb-2312", "", id="HZ, which is all ASCII"),
        pytest.param("똠방각하 펲시콜라", "cp949", "euc-kr", "", id="CP949 declared as EUC-KR"),
        pytest.param("코스피 상승 마감", "euc_kr", "", "", id="EUC-KR without a word"),
        pytest.param("«Газпром» — новости рынка", "cp1251", "", "", id="windows-1251 without a word"),
        pytest.param("Как пережить новогоднюю ночь", "koi8_r", "", "", id="KOI8-R without a word"),
        pytest.param("Größe, déjà vu, España", "cp1252", "", "", id="windows-1252 without a word"),
        pytest.param("“don’t” – 5 €", "cp1252", "iso-8859-1", "", id="windows-1252 declared as Latin-1"),
        pytest.param("España", "cp1252", "utf-8", "", id="windows-1252 declared as UTF-8"),
        pytest.param(CHINESE, "utf-16-le", "", "", id="UTF-16LE without a mark"),
        pytest.param(CHINESE, "utf-16-be", "utf-8", "", id="UTF-16BE declared as UTF-8"),
        pytest.param(CHINESE, "utf-32-le", "", "", id="UTF-32LE without a mark"),
        pytest.param(CHINESE, "utf-16", "", "gbk", id="UTF-16 with a mark, sent as GBK"),
        pytest.param(CHINESE, "utf-8-sig", "gb2312", "gbk", id="UTF-8 with a mark"),
        pytest.param("plain", "ascii", "utf-16", "", id="ASCII declared as UTF-16"),
        pytest.param("1 + 1 +AGE-", "ascii", "utf-7", "utf-7", id="UTF-7 is not honoured"),
        pytest.param("\\u0041", "ascii", "unicode_escape", "", id="Python's escapes are not honoured"),
        pytest.param("xn--a", "ascii", "idna", "punycode", id="codecs of names are not honoured"),
        pytest.param("uryyb", "ascii", "rot13", "base64", id="codecs that make no text are not honoured"),
        pytest.param("a", "ascii", "cp037", "bz2", id="EBCDIC and compressors are not honoured"),
    ],
)
def test_the_text_is_what_was_written(text: str, encoding: str, declared: str, http: str) -> None:
    content_type = f"text/xml; charset={http}" if http else "text/xml"
    decoded, _ = decode(document(text, encoding, declared), content_type)
    assert f"<title>{text}</title>" in decoded


@pytest.mark.parametrize(
    ("encoding", "bad"),
    [("gbk", b"\xff"), ("utf-8", b"\xff"), ("cp932", b"\x81"), ("big5", b"\xff"), ("euc-kr", b"\xff")],
)
def test_a_bad_byte_spoils_nothing_but_itself(encoding: str, bad: bytes) -> None:
    text = "코스피 상승" * 20 if encoding == "euc-kr" else "日本新" * 30
    body = document(text, encoding, encoding).replace(b"</title>", bad + b"</title>")
    decoded, warnings = decode(body)
    assert f"<title>{text}\ufffd</title>" in decoded
    assert warnings


def test_control_characters_and_noncharacters_are_gone() -> None:
    decoded, _ = decode("a\x00b\x0b\x1fc\ufffe\td\x85".encode())
    assert decoded == "abc\td\x85"


def test_an_encoding_that_contradicts_the_bytes_is_told() -> None:
    assert decode(document(CHINESE, "utf-8", "gb2312"))[1] == ("declared as gb2312, but the bytes are UTF-8",)
    assert decode(document(CHINESE, "gbk"))[1] == ("the encoding is not declared, or wrongly; read as gb18030",)


TYPES = st.sampled_from(
    ["", "text/xml", "text/xml; charset=gbk", "a; charset=utf-16", "a;charset=hz", "a;charset=iso2022_jp"]
)
SNIPPETS = st.sampled_from(
    [
        *(b"<rss version='2.0'>", b"<channel>", b"<item>", b"</item>", b"<title>", b"</title>", b"<guid>"),
        *(b"<![CDATA[", b"]]>", b"<!--", b"<feed xmlns='http://www.w3.org/2005/Atom'>", b"</entry>"),
        *(b"<entry xml:base='//['>", b"<link href='http://[' rel='alternate'/>", b"<authors a='1'/>"),
        *(b"<links b='1'/>", b"<tags c=''/>", b"&nbsp;", b"&", b"&#xD800;", b"&amp;#5", b"<source>"),
        *(b"</source>", b"<category/>"),
        *(b"<content type='xhtml'>", b"<enclosure url='x' length='y'/>", b"<?xml encoding='hz'?>"),
        *(b"<pubDate>x</pubDate>", b"<!DOCTYPE x [<!ENTITY a 'b'>]>", b"\x1b$B", b"~{", b"\xff\xfe", b"\xce\xd2"),
    ]
)
NAMES = ["items", "id", "url", "authors", "author", "name", "tags", "attachments", "version"]
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner),
    max_leaves=15,
)


@given(st.binary(max_size=200), TYPES)
def test_any_bytes_can_be_decoded(body: bytes, content_type: str) -> None:
    text, _ = decode(body, content_type)
    assert text == text.encode("utf-8").decode("utf-8")


@given(st.lists(SNIPPETS | st.binary(max_size=4), max_size=12), TYPES)
def test_any_document_gives_a_feed_or_a_reason(parts: list[bytes], content_type: str) -> None:
    for rules in (None, ListRules(items="$..a", title="$.b", link="http://e/{title}")):
        result = parse.read(b"".join(parts), url="http://example.org/", content_type=content_type, rules=rules)
        assert isinstance(result, ParsedFeed | Unreadable)


@given(JSON)
def test_any_json_gives_a_feed_or_a_reason(value: object) -> None:
    body = json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": value}).encode()
    assert isinstance(parse.read(body, url=""), ParsedFeed)
    rules = ListRules(items="$.items[*]", info_code="$.id", tags="$.tags", content="$..name", image="{info_code}/x")
    assert isinstance(parse.read(body, url="", rules=rules), ParsedFeed | Unreadable)


@given(st.text(max_size=40))
def test_what_an_entry_says_can_always_be_written_as_xml(text: str) -> None:
    body = json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": [{"id": text, "title": text}]}).encode()
    result = parse.read(body, url="")
    assert isinstance(result, ParsedFeed)
    entry: RawEntry = result.entries[0]
    assert not set(entry.guid + entry.title) & {*map(chr, range(9)), "\x0b", "\x0c", "\ufffe", "\uffff"}
    (entry.guid + entry.title).encode("utf-8")


SEVERAL = ("В Москве «оранжевый» уровень", "央行开展逆回购操作，中标利率", "naïve “café” à São João ñ €")


@pytest.mark.parametrize("text", SEVERAL)
def test_text_that_was_encoded_twice_is_read_as_what_it_was(text: str) -> None:
    for second in ("latin-1", "cp1252"):
        read = (bytes([byte]).decode(second, "ignore") or chr(byte) for byte in text.encode())
        found, warnings = decode(f"<rss><title>{''.join(read)}</title></rss>".encode())
        assert found == f"<rss><title>{text}</title></rss>"
        assert "encoded twice" in warnings[-1]


@pytest.mark.parametrize(
    "text",
    [
        "Der Käse heißt „Brie“ – schön",
        "Ã© is what é becomes, says the café",
        "Â© Ã",
        "央行 Ã©Ã©Ã©Ã©Ã©Ã©Ã©Ã©Ã©",
        "ÃÃÃÃÃÃÃÃÃÃ",
    ],
)
def test_text_that_was_encoded_once_stays_as_it_is(text: str) -> None:
    assert decode(text.encode()) == (text, ())

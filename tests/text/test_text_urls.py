"""Resolving, comparing and naming."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.urls import canonical, fold_name, host, resolve, safe_link, slug, slug_suffix

SHARED = Path(__file__).resolve().parents[2].parent / "shared"

# RFC 3986 §5.4; the last one is the lenient reading of §5.4.2, which browsers share.
REFERENCES = {
    "g:h": "g:h",
    "g": "http://a/b/c/g",
    "./g": "http://a/b/c/g",
    "g/": "http://a/b/c/g/",
    "/g": "http://a/g",
    "//g": "http://g",
    "?y": "http://a/b/c/d;p?y",
    "g?y": "http://a/b/c/g?y",
    "#s": "http://a/b/c/d;p?q#s",
    "g#s": "http://a/b/c/g#s",
    "g?y#s": "http://a/b/c/g?y#s",
    ";x": "http://a/b/c/;x",
    "g;x": "http://a/b/c/g;x",
    "": "http://a/b/c/d;p?q",
    ".": "http://a/b/c/",
    "./": "http://a/b/c/",
    "..": "http://a/b/",
    "../g": "http://a/b/g",
    "../..": "http://a/",
    "../../g": "http://a/g",
    "../../../g": "http://a/g",
    "/./g": "http://a/g",
    "/../g": "http://a/g",
    "g.": "http://a/b/c/g.",
    "..g": "http://a/b/c/..g",
    "./../g": "http://a/b/g",
    "./g/.": "http://a/b/c/g/",
    "g/./h": "http://a/b/c/g/h",
    "g/../h": "http://a/b/c/h",
    "g;x=1/./y": "http://a/b/c/g;x=1/y",
    "g;x=1/../y": "http://a/b/c/y",
    "g?y/../x": "http://a/b/c/g?y/../x",
    "g#s/../x": "http://a/b/c/g#s/../x",
    "http:g": "http://a/b/c/g",
}


@pytest.mark.parametrize(("reference", "expected"), REFERENCES.items())
def test_references_resolve_as_the_standard_says(reference: str, expected: str) -> None:
    assert resolve("http://a/b/c/d;p?q", reference) == expected


@pytest.mark.parametrize(
    ("base", "reference", "expected"),
    [
        ("http://x.org/", "  /a\n", "http://x.org/a"),
        ("http://x.org/", "\n   http://y.org/a\n   b  \n", "http://y.org/ab"),
        ("http://x.org/", "/a b\tc", "http://x.org/a%20bc"),
        ("http://x.org/", "/路径?q=值", "http://x.org/路径?q=值"),
        ("http://例子.测试/a", "b", "http://例子.测试/b"),
        ("http://x.org/", '/a"<b>', "http://x.org/a%22%3Cb%3E"),
        ("http://x.org/", "\\\\y.org\\a", "http://y.org/a"),
        ("https://x.org/a", "//y.org/b", "https://y.org/b"),
        ("http://x.org", "a", "http://x.org/a"),
        ("http://x.org/", "HTTP://Y.org/%7Ea", "http://Y.org/%7Ea"),
        ("", "http://y.org/a/../b", "http://y.org/b"),
        ("", "/a", ""),
        ("", "//y.org/a", ""),
        ("not a base", "a", ""),
        ("mailto:a@b", "c", ""),
        ("http://x.org/", "http://", ""),
        ("http://x.org/", "http://[::1", ""),
        ("http://x.org/", "http://a b/", ""),
        ("http://x.org/", "http://y.org:99999/", ""),
        ("http://x.org/", "http://[::1]:8080/a", "http://[::1]:8080/a"),
        ("http://x.org/", "mailto:a@b", "mailto:a@b"),
        ("file:///srv/feed.xml", "a.html", "file:///srv/a.html"),
    ],
)
def test_real_references_resolve_as_in_a_browser_or_not_at_all(base: str, reference: str, expected: str) -> None:
    assert resolve(base, reference) == expected


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JaVa\tScRiPt:alert(1)",
        "java\nscript:alert(1)",
        " \x01javascript:alert(1)",
        "\ufeffjavascript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "view-source:http://x/",
        "blob:http://x/y",
        "about:blank",
        "feed:javascript:alert(1)",
        "//x.org/",
        "/a",
        "",
        "http:",
        "http:///a",
        "https://:80/",
    ],
)
def test_a_link_that_must_not_be_published_is_none(url: str) -> None:
    assert safe_link(url) == ""


@pytest.mark.parametrize(
    "url",
    [
        "http://x.org/",
        "https://x.org/a?b#c",
        "mailto:a@b.org",
        "ftp://x.org/a",
        "magnet:?xt=urn:btih:1",
        "http://例子/",
    ],
)
def test_a_link_that_may_be_published_stays_as_it_is(url: str) -> None:
    assert safe_link(url) == url


@given(st.text(), st.text())
def test_resolving_never_raises_and_is_settled_after_once(base: str, reference: str) -> None:
    found = resolve(base, reference)
    assert resolve(base, found) == found or not found
    assert resolve("", found) == found
    assert safe_link(found) in ("", found)


_URLS = st.builds(
    "{}://{}{}{}{}{}".format,
    st.sampled_from(["http", "https", "HTTP"]),
    st.one_of(
        st.sampled_from(["x.org", "WWW.X.org", "www.www.x", "例子.测试", "Bücher.de", "x.org."]), st.text(max_size=8)
    ),
    st.sampled_from(["", ":80", ":443", ":8080", ":"]),
    st.one_of(
        st.sampled_from(["", "/", "/a/", "/%7ea", "/a/../b", "/%2e%2e/x", "/路"]), st.text(max_size=8).map("/".__add__)
    ),
    st.one_of(st.sampled_from(["", "?", "?b=2&a=1", "?utm_source=x", "?a&&b"]), st.text(max_size=8).map("?".__add__)),
    st.one_of(st.sampled_from(["", "#c", "#/r", "#!/r/", "#/"]), st.text(max_size=8).map("#".__add__)),
)


@given(st.one_of(_URLS, st.text()))
def test_the_canonical_form_of_a_canonical_form_is_itself(url: str) -> None:
    once = canonical(url)
    assert canonical(once) == once
    assert once == "" or (once.isascii() and once.startswith("https://") and resolve("", once))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://example.org/1", "https://www.EXAMPLE.org:443/1/"),
        ("http://example.org/1", "http://example.org:80/1#comments"),
        ("http://example.org/1", "http://example.org/1?utm_source=rss&utm_medium=feed&spm=1.2&from=timeline&fbclid=x"),
        ("http://example.org/?b=2&a=1", "http://example.org?a=1&b=2&"),
        ("http://example.org/~a/%E8%B7%AF", "http://example.org/%7ea/路"),
        ("http://例子.测试/", "http://xn--fsqu00a.xn--0zwm56d/"),
        ("http://Bücher.example", "http://xn--bcher-kva.example/"),
        ("http://ｅｘａｍｐｌｅ．org/", "http://example.org/"),
        ("http://user:pw@example.org/a", "http://example.org/a"),
        ("http://example.org/a/./b/../c", "http://example.org/a/c"),
    ],
)
def test_two_spellings_of_one_address_have_one_canonical_form(one: str, other: str) -> None:
    assert canonical(one) == canonical(other) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://x.org/?id=1", "http://x.org/?id=2"),
        ("http://x.org/?p=1", "http://x.org/"),
        ("http://x.org/n.html?infoCode=NW1", "http://x.org/n.html?infoCode=NW2"),
        ("http://x.org/#/a", "http://x.org/#/b"),
        ("http://x.org/#!/a", "http://x.org/"),
        ("http://x.org:8080/", "http://x.org/"),
        ("http://x.org/A", "http://x.org/a"),
        ("http://x.org/a%2Fb", "http://x.org/a/b"),
        ("http://www.org/", "http://x.org/"),
        ("http://a.x.org/", "http://x.org/"),
        ("http://x.org/?source=a", "http://x.org/?source=b"),
    ],
)
def test_what_may_tell_articles_apart_is_kept(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


_TRACKING_NAMES = (
    "utm_source utm_x spm from fbclid gclid msclkid yclid mc_cid mc_eid igshid _ga pk_campaign mtm_source "
    "scm bd_vid share_token vd_source twclid ttclid wt_mc UTM_Source"
)


@pytest.mark.parametrize(
    "name",
    _TRACKING_NAMES.split(),
)
def test_tracking_parameters_make_no_difference(name: str) -> None:
    assert canonical(f"http://x.org/a?{name}=1&id=7") == "https://x.org/a?id=7"


@pytest.mark.parametrize("url", ["", "/a", "mailto:a@b", "javascript:x", "tag:x,2021:1", "http://", "ftp://x.org/"])
def test_what_is_no_web_address_has_no_canonical_form(url: str) -> None:
    assert canonical(url) == ""


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://User@WWW.Example.org:80/x", "www.example.org"),
        ("https://例子.测试/", "xn--fsqu00a.xn--0zwm56d"),
        ("http://[::1]:80/", "[::1]"),
        ("mailto:a@b", ""),
        ("/a", ""),
    ],
)
def test_the_host_is_folded(url: str, expected: str) -> None:
    assert host(url) == expected


SLUGS = {
    "南昌日报": "nanchangribao",
    "重庆日报": "chongqingribao",
    "重慶日報": "chongqingribao",
    "陕西日报": "shaanxiribao",
    "陝西日報": "shaanxiribao",
    "山西日报": "shanxiribao",
    "厦门日报": "xiamenribao",
    "长江日报": "changjiangribao",
    "长沙晚报": "changshawanbao",
    "西安晚报": "xianwanbao",
    "吕梁日报": "lyuliangribao",
    "绿色": "lyuse",
    "女性": "nyuxing",
    "战略": "zhanlyue",
    "乐清日报": "yueqingribao",
    "六安": "luan",
    "台州": "taizhou",
    "单县": "shanxian",
    "银行": "yinhang",
    "行情": "hangqing",
    "重新": "chongxin",
    "会计": "kuaiji",
    "音乐": "yinyue",
    "朝阳日报": "chaoyangribao",
    "央行": "yanghang",
    "36氪": "36ke",
    "Career In 投行PEVC": "career-in-touhangpevc",
    "21世纪经济报道  南财理财通": "21shijijingjibaodao-nancailicaitong",
    "中国证券报·中证网": "zhongguozhengquanbao-zhongzhengwang",
    "安信国际证券（香港）": "anxinguojizhengquan-xianggang",
    "Le Monde (Économie)": "le-monde-economie",
    "Коммерсантъ": "kommersant",
    "日経ビジネス": "rijingbijinesu",
    "한겨레": "hangyeole",
    "  --Wind--  ": "wind",
    "C++ & C#": "c-c",
    "😀": "grinning",
    "": "",
}


@pytest.mark.parametrize(("name", "expected"), SLUGS.items())
def test_names_become_the_slugs_that_people_expect(name: str, expected: str) -> None:
    assert slug(name) == expected


@pytest.mark.parametrize("name", ["index", "CON", "nul", "Aux", "prn", "com1", "LPT9"])
def test_a_name_that_a_disk_reserves_gets_a_suffix(name: str) -> None:
    assert slug(name) == f"{name.lower()}-{slug_suffix(name)}"


def test_a_long_name_is_cut_and_still_told_apart() -> None:
    one, other = slug("新闻" * 100 + "一"), slug("新闻" * 100 + "二")
    assert len(one) <= 80
    assert len(other) <= 80
    assert one != other


@given(st.text())
def test_every_name_has_a_slug_of_the_promised_shape(name: str) -> None:
    found = slug(name)
    assert bool(found) == bool(name)
    assert found == "" or re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", found)
    assert len(found) <= 80
    assert not re.fullmatch("index|con|nul|aux|prn|(com|lpt)[1-9]", found)
    assert slug(found) == found or found.startswith("c-") or len(found) > 70 or not name.isascii()


@given(st.text())
def test_folding_a_name_twice_changes_nothing(name: str) -> None:
    assert fold_name(fold_name(name)) == fold_name(name)
    assert re.fullmatch("[a-z0-9]{6}", slug_suffix(name))
    assert slug_suffix(name) == slug_suffix(fold_name(name))


@pytest.mark.parametrize(
    "names",
    [
        ["TechWeb", "Techweb", "TECHWEB", "ＴｅｃｈＷｅｂ", " tech\u200bweb ", "Tech Web"],
        ["安信国际证券(香港)", "安信国际证券（香港）", "安信国际证券 （香港）"],
        ["21世纪经济报道  南财理财通", "21世纪经济报道 南财理财通", "21世纪经济报道\u3000南财理财通"],
        ["\u00e9", "e\u0301", "\u00c9"],
        ["", "   ", "\u200b", "\ufeff", "\u3000"],
    ],
)
def test_names_that_differ_in_nothing_that_is_seen_are_one(names: list[str]) -> None:
    assert len({fold_name(name) for name in names}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [("山西日报", "陕西日报"), ("21世纪经济报道", "21世界经济报道"), ("a/b", "a-b"), ("e", "é"), ("重庆", "重慶")],
)
def test_names_that_differ_are_two(one: str, other: str) -> None:
    assert fold_name(one) != fold_name(other)
    assert slug_suffix(one) != slug_suffix(other)


@pytest.mark.skipif(not (SHARED / "corpus").is_dir(), reason="the corpus is not beside the repository")
def test_the_hostile_categories_have_valid_slugs_and_fall_together_as_they_should() -> None:
    sidecars = json.loads((SHARED / "corpus/SIDECARS.json").read_text(encoding="utf-8"))
    names = sidecars["hostile/made/categories-slugs.xml"]["expect"]["categories"]
    groups: dict[str, set[str]] = {}
    for name in names:
        if fold_name(name):
            assert re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", slug(name))
            groups.setdefault(fold_name(name), set()).add(name)
    together = sorted(sorted(group) for group in groups.values() if len(group) > 1)
    assert together == [
        ["21世纪经济报道  南财理财通", "21世纪经济报道 南财理财通"],
        ["SS", "ß"],
        ["TECHWEB", "TechWeb", "Techweb"],
        ["e\u0301", "\u00e9"],
        ["安信国际证券(香港)", "安信国际证券（香港）"],
    ]

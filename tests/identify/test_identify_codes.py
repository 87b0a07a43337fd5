"""The article code: the source's own, a recognised one, or one derived from what the entry is known by."""

import base64
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.identify import info_code, is_global, names_of, recognised
from aggregator.identify.codes import base32_of
from aggregator.records import Alias, Entry

NUMBER = "202112282227696247"
SEED = f"NW{NUMBER}"
SAFE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}[A-Za-z0-9])?")
entries = st.builds(
    Entry,
    source=st.sampled_from(["a", "b"]),
    guid=st.text(max_size=20),
    link=st.one_of(st.just(""), st.text(max_size=20).map(lambda text: f"https://example.org/{text}")),
    title=st.text(max_size=20),
    info_code=st.text(max_size=70),
)


def code(**said: object) -> str:
    entry = Entry(**{"source": "s", **said})  # type: ignore[arg-type]  # a shorthand for many shapes of entries
    return info_code(entry, names_of(entry))


@pytest.mark.parametrize(
    "text",
    [
        SEED,
        SEED.lower(),
        NUMBER,
        f"http://finance.eastmoney.com/a/{NUMBER}.html",
        f"https://finance.eastmoney.com/a/{NUMBER}.html?from=rss#comments",
        f"https://hk.eastmoney.com/news/11362,{NUMBER}.html",
        f"https://eastmoney.com/a/{NUMBER}.html",
        f"https://finews.example.org/html_News/NewsShare.html?infoCode={SEED}",
        f"https://finews.example.org/x?a=1&infocode={SEED.lower()}",
    ],
)
def test_an_article_of_eastmoney_is_recognised_on_every_road(text: str) -> None:
    assert recognised(text) == SEED
    assert code(guid=text) == SEED
    assert code(link=text, guid="7") == SEED


@pytest.mark.parametrize(
    "text",
    [
        "",
        "NW",
        "NW1234",
        f"{NUMBER}1",
        "999913282227696247",  # no date
        f"https://finance.example.org/a/{NUMBER}.html",
        f"https://noteastmoney.com/a/{NUMBER}.html",
        f"https://eastmoney.com.example.org/a/{NUMBER}.html",
        f"https://finance.eastmoney.com/a/{NUMBER}.html/x",
        "https://finance.eastmoney.com/a/20211228.html",
        "https://example.org/?infoCode=AP202112282227696247",
        f"https://[::1/a/{NUMBER}.html",
        f"see {SEED}",
    ],
)
def test_what_only_looks_like_such_an_article_is_not_recognised(text: str) -> None:
    assert recognised(text) is None


def test_the_sources_own_code_counts_before_a_recognised_one_and_both_are_names() -> None:
    entry = Entry("s", info_code="own-1", link=f"https://finance.eastmoney.com/a/{NUMBER}.html", guid="g")
    names = names_of(entry)
    assert info_code(entry, names) == "own-1"
    assert names[:2] == (Alias("code", "own-1"), Alias("code", SEED))


def test_a_bare_number_by_the_sources_rule_meets_the_prefixed_code_of_another_source() -> None:
    bare, prefixed = Entry("a", info_code=NUMBER), Entry("b", info_code=SEED)
    assert Alias("code", SEED) in set(names_of(bare)) & set(names_of(prefixed))


def test_a_code_that_no_address_can_carry_is_replaced_by_a_digest_that_is_always_the_same() -> None:
    for own in ("../../etc/passwd", "编号1", "a b", "-rf", "x" * 65, "a%2Fb", "code-"):
        made = code(info_code=own)
        assert SAFE.fullmatch(made)
        assert made == code(info_code=own, guid="another", link="https://example.org/other")
        assert made != code(info_code=own + "x")


@given(entries)
def test_every_code_is_safe_in_addresses_and_files_and_always_the_same(entry: Entry) -> None:
    made = info_code(entry, names_of(entry))
    assert SAFE.fullmatch(made)
    assert made == info_code(entry, names_of(entry))


def test_derived_codes_differ_where_the_articles_do() -> None:
    when = datetime(2021, 12, 28, tzinfo=UTC)
    codes = [
        code(guid="1"),
        code(guid="1", source="t"),
        code(guid="2"),
        code(guid="tag:example.org,2021:1"),
        code(link="https://example.org/1"),
        code(link="https://example.org/2"),
        code(title="甲"),
        code(title="甲", source="t"),
        code(title="甲", published=when),
        code(title="甲", published_text="yesterday"),
        code(title="乙"),
    ]
    assert len(set(codes)) == len(codes)


def test_the_version_of_the_rule_is_held_by_examples() -> None:
    assert code(guid="tag:example.org,2021:1") == "bl6e5d3lknybffvb7aht"
    assert code(guid="1") == "vytk5v2luwf72gfqrjf2"
    assert code(link="http://www.example.org/1?utm_source=rss") == "ppeyavlnwyp7ftr4z5pr"


def test_a_code_rests_on_the_guid_before_the_link_and_a_global_guid_is_one_in_all_sources() -> None:
    assert code(guid="1", link="https://example.org/1") == code(guid="1", link="https://example.org/2")
    assert code(guid="tag:example.org,2021:1") == code(guid="tag:example.org,2021:1", source="t")
    assert code(link="http://example.org/1?utm_source=a") == code(link="https://EXAMPLE.org:443/1#x", source="t")


@pytest.mark.parametrize(
    ("guid", "everywhere"),
    [
        ("https://example.org/1", True),
        ("https://example.org/", False),
        ("https://example.org", False),
        ("tag:example.org,2021:1", True),
        ("urn:uuid:1225c695-cfb8-4ebb-aaaa-80da344efa6a", True),
        ("1225c695-cfb8-4ebb-aaaa-80da344efa6a", True),
        ("1", False),
        ("post-1", False),
        ("tag:news", False),
        ("", False),
    ],
)
def test_only_a_guid_that_names_its_place_means_the_same_everywhere(guid: str, everywhere: bool) -> None:
    assert is_global(guid) is everywhere
    shared = set(names_of(Entry("a", guid=guid))) & set(names_of(Entry("b", guid=guid)))
    assert bool(shared) is everywhere


@given(st.binary(min_size=13, max_size=32))
def test_a_code_is_the_base32_of_the_standard_library(digest: bytes) -> None:
    whole = base64.b32encode(digest.ljust(35, b"\0"))
    assert base32_of(digest) == whole[:20].decode("ascii").lower()

"""What a private source's mask takes out of texts, and what it leaves."""

import base64
import html
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregator.masking import credentials_in, mask, mask_of, said
from aggregator.records import Source

ADDRESS = "https://me:Passw0rd9@in.example.org:8443/private/feed.xml?token=opensesame-42&format=rss"
MASK = mask("news", (ADDRESS,))


@pytest.mark.parametrize(
    "spelling",
    [
        ADDRESS,
        ADDRESS.replace("https://me:Passw0rd9@", ""),
        ADDRESS.replace("me:Passw0rd9@", "").replace("https", "http"),
        ADDRESS.replace("me:Passw0rd9@", "").upper(),
        html.escape(ADDRESS),
        quote(ADDRESS, safe=""),
        "//in.example.org:8443/private/feed.xml",
        "https://in.example.org:8443/private/feed.xml?page=2",
        "https://in.example.org:8443/private/feed.xml#part",
        "https://elsewhere.example.org/?x=opensesame-42",
        "Passw0rd9",
        base64.b64encode(b"me:Passw0rd9").decode(),
    ],
)
def test_every_spelling_of_an_address_and_its_credentials_is_hidden_everywhere(spelling: str) -> None:
    assert MASK.link(spelling) == ""
    for shown in (
        MASK.line(f"见 {spelling} 。"),
        MASK.words(f"at {spelling}"),
        MASK.html(f'<a href="{spelling}">x</a>'),
    ):
        assert not [part for part in ("feed.xml", "opensesame", "passw0rd", "bwu6") if part in shown.lower()]


@pytest.mark.parametrize(
    ("address", "link"),
    [
        (ADDRESS, "https://in.example.org:8443/articles/1"),
        (ADDRESS, "https://in.example.org:8443/private/feed.xml/comments"),
        (ADDRESS, "https://other.example.org/?format=rss"),
        ("https://a.example/blog", "https://a.example/blog/2031/05"),
        ("https://a.example/blog", "https://a.example/blog-two"),
        ("https://a.example/", "https://a.example/1"),
        ("https://a.example/?feed=rss2", "https://a.example/?p=17"),
        ("https://a.example/index.php?feed=rss2", "https://a.example/index.php?p=17"),
        ("https://a.example/feed?category=technology", "https://a.example/technology"),
    ],
)
def test_the_links_of_articles_stay(address: str, link: str) -> None:
    kept = f'<p>technology: <a href="{html.escape(link)}">{html.escape(link)}</a></p>'
    assert mask("news", (address,)).link(link) == link
    assert mask("news", (address,)).html(kept) == kept


def test_an_attribute_that_gives_the_source_away_is_emptied_but_a_place_in_the_text_stays_one() -> None:
    own = html.escape(ADDRESS.replace("me:Passw0rd9@", ""))
    text = f'<a href="{own}#note">1</a><img src="{own}&amp;x=1" alt="a"><p>{own}</p>'
    assert MASK.html(text) == '<a href="#note">1</a><img src="" alt="a"><p>news</p>'


def test_in_messages_no_host_and_no_address_at_all_is_shown() -> None:
    assert MASK.words("no connection to in.example.org port 8443 (in.example.org:8443)") == (
        "no connection to news port 8443 (news)"
    )
    assert MASK.words("article https://api.example.net/x?y: the server answers 404.") == (
        "article news: the server answers 404."
    )
    assert MASK.words("login.example.org answered") == "login.example.org answered"


def test_a_file_is_hidden_with_the_folders_before_it() -> None:
    found = mask("mine", ("file:data/secret/x.xml",))
    assert found.words("there is no file /home/me/data/secret/x.xml") == "there is no file mine"


def test_headers_are_credentials_whole_and_in_their_parts() -> None:
    login = base64.b64encode(b"me:Passw0rd9").decode()
    found = credentials_in({"Authorization": f"Basic {login}", "X-Key": "abcdef"})
    assert set(found) == {f"Basic {login}", login, "me:Passw0rd9", "Passw0rd9", "abcdef"}
    source = Source("s", "https://a.example/feed", private=True, headers={"Authorization": "Bearer opensesame"})
    assert said(source, "the server says: bad token opensesame") == "the server says: bad token …"


def test_a_source_that_is_not_private_hides_nothing() -> None:
    assert said(Source("s", ADDRESS), f"at {ADDRESS}") == f"at {ADDRESS}"


@given(st.text(max_size=200))
def test_a_text_that_holds_nothing_of_the_source_is_left_as_it_is(text: str) -> None:
    hidden = mask_of(Source("s", ADDRESS, private=True))
    assert hidden.html(text) == text
    assert hidden.line(text) == text


@given(st.text("aA0/?&=:@.-<> \"'#", max_size=60), st.text("aA0/?&=:@.-<> \"'#", max_size=60))
def test_whatever_stands_around_it_the_token_is_gone(before: str, after: str) -> None:
    text = f"{before}{ADDRESS}{after}"
    assert "opensesame" not in MASK.line(text) + MASK.words(text) + MASK.html(text) + MASK.link(text)

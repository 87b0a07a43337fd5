"""Fingerprints made with the reading of a document: the same as by themselves, and never those of other texts."""

from dataclasses import replace
from datetime import UTC, datetime
from operator import mul

from hypothesis import given
from hypothesis import strategies as st

from aggregator.digest import digest, fingerprints
from aggregator.identify import distinct, prints_at_hand
from aggregator.identify.duplicates import _DROPPED, _PLACES, _grams
from aggregator.records import Fetched, Intake, Source, Validators

NOW = datetime(2026, 11, 22, tzinfo=UTC)
LONG = "<p>Seven words of this stand here again. </p>" * 9
SOURCE = Source("s", "https://s.example/feed")


def read(*texts: str) -> Intake:
    items = "".join(
        f"<item><guid>{number}</guid><title>Title {number}</title><description><![CDATA[{text}]]></description></item>"
        for number, text in enumerate(texts)
    )
    body = f"<?xml version='1.0'?><rss version='2.0'><channel><title>t</title>{items}</channel></rss>".encode()
    found = digest(Fetched(SOURCE.url, 200, (("content-type", "text/xml"),), body, Validators()), SOURCE, NOW)
    assert isinstance(found, Intake)
    return found


def test_a_reading_brings_the_fingerprints_that_its_texts_have_by_themselves() -> None:
    intake = read(LONG, "too short")
    named = distinct(intake.entries)
    (alone, none) = fingerprints([(one.entry.title, one.entry.content or one.entry.summary) for one in named])
    assert none is None
    found = prints_at_hand(named, intake.prints)
    assert found is not None
    assert set(found.values()) == {alone}
    assert named[0].info_code in found


def test_a_text_that_was_exchanged_since_has_none_at_hand() -> None:
    intake = read(LONG)
    (named,) = distinct(intake.entries)
    other = replace(named, entry=replace(named.entry, fingerprint="of the fetched text"))
    assert prints_at_hand((other,), intake.prints) is None
    assert prints_at_hand((replace(other, entry=replace(other.entry, repeated=True)),), intake.prints) == {}


@given(st.text(st.sampled_from([*"abz 09é", *"南昌日报\U00020000", "\ud800"]), min_size=1, max_size=80))
def test_hashing_all_n_grams_at_once_gives_the_sum_of_each(text: str) -> None:
    sizes = [5 if character >= "\u2e80" else 12 for character in text]
    sums = [sum(map(mul, map(ord, text[at : at + size]), _PLACES)) for at, size in enumerate(sizes)]
    assert _grams(text) == [one >> _DROPPED & 0xFFFFFFFF for one in sums][: max(len(text) - 4, 1)]

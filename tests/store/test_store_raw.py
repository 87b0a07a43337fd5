"""The last documents of each source: whole, compressed, within bounds of number and size."""

import gzip
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from store_examples import DAY, NOW, fill

from aggregator.records import RawDocument, RawLimits, Withdrawal
from aggregator.store import Store

LIMITS = RawLimits(documents=3, max_bytes=10_000)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "a.db") as opened:
        fill(opened, 2, "keji")
        yield opened


def document(number: int, body: bytes = b"<rss/>") -> RawDocument:
    return RawDocument(f"https://example.org/{number}", "text/xml", NOW + timedelta(hours=number), body)


def keep(store: Store, *documents: RawDocument, limits: RawLimits = LIMITS, source: str = "a") -> list[str]:
    for each in documents:
        store.keep_raw(source, store.packed(each, limits), limits)
    return [each.url.rpartition("/")[2] for each in store.raw_documents(source)]


def test_documents_come_back_whole_the_oldest_first(store: Store) -> None:
    keep(store, document(1, b"\x00\xff" * 5_000), document(2))
    one, two = store.raw_documents("a")
    assert (one.body, one.content_type, one.fetched_at) == (b"\x00\xff" * 5_000, "text/xml", NOW + timedelta(hours=1))
    assert store.raw_numbers("a") == [one.number, two.number]
    assert store.raw_documents("b") == []


def test_a_document_that_came_packed_is_kept_as_it_came(store: Store) -> None:
    body = b"<rss>" + b"word " * 1_000 + b"</rss>"
    one = replace(document(1, body), gzip=gzip.compress(body))
    assert store.packed(one, LIMITS) == (one, one.gzip)
    keep(store, one, document(2))
    assert [each.body for each in store.raw_documents("a")] == [body, b"<rss/>"]


def test_so_many_are_kept_of_each_source_and_no_more(store: Store) -> None:
    keep(store, document(9), source="b")
    assert keep(store, *(document(number) for number in range(1, 6))) == ["3", "4", "5"]
    assert len(store.raw_documents("b")) == 1


def test_so_many_bytes_are_kept_and_the_newest_go_before_the_older(store: Store) -> None:
    def large(number: int) -> RawDocument:
        return document(number, os.urandom(4_500))  # nothing makes that smaller

    assert keep(store, large(1), large(2), large(3)) == ["2", "3"]
    assert keep(store, document(4, os.urandom(11_000))) == []
    assert keep(store, document(5, b" " * 1_000_000)) == ["5"]


def test_where_none_are_wished_for_those_that_are_there_go(store: Store) -> None:
    keep(store, document(1))
    assert keep(store, document(2), limits=RawLimits(documents=0)) == []
    assert store.packed(document(3), RawLimits(documents=0)) is None


@pytest.mark.parametrize("by_whom", ["us", "its source"])
def test_a_retraction_forgets_the_documents_that_held_the_article(store: Store, by_whom: str) -> None:
    keep(store, document(1))
    keep(store, document(2), source="b")
    if by_whom == "us":
        store.retract("code-1", NOW + DAY)
    else:
        store.withdraw("code-1", "a", Withdrawal("guid 1"), NOW + DAY)
    assert (store.raw_documents("a"), len(store.raw_documents("b"))) == ([], 1)

"""What is familiar of a source's last document, and what makes an entry of it strange again."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from store_examples import DAY, NOW, arrival, configure, entry, fill

from aggregator.records import Alias, Changes, Revision, Sighting, Withdrawal
from aggregator.store import Store

DOCUMENT = [replace(entry(number), digest=f"digest {number}") for number in (1, 2, 3)]
FAMILIAR = {f"code-{number}": [f"digest {number}", f"guid a\nguid {number}"] for number in (1, 2)}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "a.db") as opened:
        fill(opened, 3, "keji")
        configure(opened, "a", "b")
        opened.sight([Sighting("code-1", entry(1, "b"), (), learns=True)], NOW)
        for source in ("a", "b"):
            opened.remember_document(source, DOCUMENT)
            opened.note_familiar(source, FAMILIAR)
        yield opened


CHANGES: dict[str, Callable[[Store], object]] = {
    "revised": lambda store: store.revise([Revision("code-1", entry(1, title="更正"), (), NOW)], NOW),
    "retracted": lambda store: store.retract("code-1", NOW),
    "withdrawn": lambda store: store.withdraw("code-1", "a", Withdrawal("guid 1"), NOW),
    "ruled out": lambda store: store.rule_out("code-1", "rules[0]", NOW),
    "repaired": lambda store: store.repair("code-1", entry(1, title="更正"), ()),
    "without its names": lambda store: store._write("DELETE FROM aliases WHERE info_code = 'code-1'"),
    "under another name": lambda store: store._write("UPDATE aliases SET value = value || 'x' WHERE kind = 'guid'"),
    "lost": lambda store: [
        store._write(f"DELETE FROM {table} WHERE info_code = 'code-1'") for table in ("entry_channels", "entries")
    ],
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_an_article_that_changes_is_strange_to_all_who_bring_it(
    store: Store, change: Callable[[Store], object]
) -> None:
    assert store.familiar("a") == store.familiar("b") == FAMILIAR
    change(store)
    assert "code-1" not in store.familiar("a")
    assert "code-1" not in store.familiar("b")


def test_what_is_not_of_the_decision_leaves_it_familiar(store: Store) -> None:
    store.note_edition("code-1", "rules[0]")
    store.place("code-1", "a", [])
    store.add([arrival(4)], NOW + DAY)
    store.stories.keep(Changes(), {}, 1, NOW)
    assert store.familiar("a") == FAMILIAR


def test_a_source_that_parts_with_an_article_is_no_more_familiar_with_it(store: Store) -> None:
    store._write("DELETE FROM provenance WHERE info_code = 'code-1' AND source = 'b'")
    assert (list(store.familiar("a")), list(store.familiar("b"))) == (["code-1", "code-2"], ["code-2"])


def test_nothing_is_familiar_where_a_document_would_be_read_otherwise_now(store: Store) -> None:
    configure(store, "a", digest="2")
    assert store.familiar("a") == store.document_before("a") == {}


def test_another_release_of_ours_looks_at_everything_again(store: Store) -> None:
    store._write("UPDATE last_documents SET familiar_to = '0.0.0'")
    assert store.familiar("a") == {}


def test_what_a_document_repeats_is_remembered_as_it_was(store: Store) -> None:
    before = store.document_before("a")
    store.remember_document("a", [replace(entry(4), digest="digest 4")], {"digest 1", "digest 3"})
    after = store.document_before("a")
    assert list(after) == ["digest 1", "digest 3", "digest 4"]
    assert {name: after[name] for name in ("digest 1", "digest 3")} == {
        name: before[name] for name in ("digest 1", "digest 3")
    }
    assert list(store.document_before("a", {"digest 1"})) == ["digest 3", "digest 4"]


def test_names_that_only_look_like_json_paths_do_no_harm(store: Store) -> None:
    odd = {"code-1": ["digest 1", 'guid "]}\n$.x', "url https://example.org/?a='b'&c=\"d\""]}
    store.note_familiar("a", odd)
    assert store.familiar("a") == odd
    store.retract("code-1", NOW)
    assert store.familiar("a") == {}
    assert Alias("guid", "guid 1") in store.codes_of([Alias("guid", "guid 1")])

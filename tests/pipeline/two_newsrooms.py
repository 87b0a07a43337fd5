"""Newsrooms with the same history: whatever way each of them takes, what it stores and publishes is the same."""

from pathlib import Path

from test_pipeline import Newsroom

TABLES = ("entries", "aliases", "provenance", "entry_channels", "channels", "revisions", "tellings", "retractions")


def two_below(folder: Path) -> tuple[Newsroom, Newsroom]:
    """Give two newsrooms, each with a folder of its own."""
    folders = folder / "quick", folder / "thorough"
    for own in folders:
        own.mkdir()
    quick, thorough = map(Newsroom, folders)
    return quick, thorough


def published(room: Newsroom) -> dict[str, bytes]:
    """Give the bytes of all that is published, by path."""
    return {path: body for path, (_, body) in room.files().items()}


def stored(room: Newsroom) -> dict[str, list[tuple[object, ...]]]:
    """Give the rows of each table, in an order that does not depend on when they came."""
    return {table: sorted(room.rows(f"SELECT * FROM {table}"), key=repr) for table in TABLES}


def assert_alike(one: Newsroom, other: Newsroom) -> None:
    """See that they have published the same bytes and stored the same rows."""
    assert published(one) == published(other)
    assert stored(one) == stored(other)

"""The configuration: one model per TOML table, read with all problems at once."""

from typing import TYPE_CHECKING

from aggregator.config.changes import differences, for_a_restart
from aggregator.config.load import FLOOR, Checks, load, parse, schema, warnings
from aggregator.config.settings import (
    BUILT_IN,
    AuthTable,
    FeedSource,
    HtmlSource,
    JsonSource,
    OtherSource,
    Settings,
    SourceTable,
)
from aggregator.config.units import duration, size, spoken
from aggregator.lazy import parts_of

if TYPE_CHECKING:
    from aggregator.config.edit import NewSource, add_sources, replace_file, source_name

__all__ = [
    "BUILT_IN",
    "FLOOR",
    "AuthTable",
    "Checks",
    "FeedSource",
    "HtmlSource",
    "JsonSource",
    "NewSource",
    "OtherSource",
    "Settings",
    "SourceTable",
    "add_sources",
    "differences",
    "duration",
    "for_a_restart",
    "load",
    "parse",
    "replace_file",
    "schema",
    "size",
    "source_name",
    "spoken",
    "warnings",
]

_EDITS = ("NewSource", "add_sources", "replace_file", "source_name")


if not TYPE_CHECKING:  # what changes the file, and tomlkit with it, when it is first asked for
    __getattr__ = parts_of(__name__, dict.fromkeys(_EDITS, "edit"))

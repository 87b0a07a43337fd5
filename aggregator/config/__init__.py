"""The configuration: one model per TOML table, read with all problems at once."""

from aggregator.config.changes import differences, for_a_restart
from aggregator.config.edit import NewSource, add_sources, replace_file, source_name
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

"""The configuration: one model per TOML table, read with all problems at once."""

from aggregator.config.load import load, parse, schema, warnings
from aggregator.config.settings import FeedSource, JsonSource, Settings, SourceTable
from aggregator.config.units import duration, size, spoken

__all__ = [
    "FeedSource",
    "JsonSource",
    "Settings",
    "SourceTable",
    "duration",
    "load",
    "parse",
    "schema",
    "size",
    "spoken",
    "warnings",
]

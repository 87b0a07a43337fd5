"""Normalise: from what a document says to an entry that can be stored and published.

Pure and never raising for what a document holds: dates become moments in UTC, links absolute and safe, titles plain
text, bodies sanitised HTML, and everything is limited in size.
"""

from aggregator.normalise.dates import plausible, read_date
from aggregator.normalise.entry import facts, fingerprint, normalise, withdrawals

__all__ = ["facts", "fingerprint", "normalise", "plausible", "read_date", "withdrawals"]

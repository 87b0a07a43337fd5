"""Which stored articles does a source take back? Only those that it brought itself, whoever else is named."""

from collections.abc import Iterable, Mapping
from datetime import timedelta

from aggregator.identify.codes import names_of
from aggregator.records import Alias, Entry, Known, Withdrawal

_CLOCKS_DIFFER = timedelta(days=1)  # at most, a publisher's from ours


def names_withdrawn(found: Iterable[Withdrawal], source: str) -> dict[Alias, Withdrawal]:
    """Give the names that the entries had which a source takes back."""
    return {name: each for each in found for name in names_of(Entry(source, guid=each.guid))}


def withdrawn(
    names: Mapping[Alias, Withdrawal], source: str, aliases: Mapping[Alias, str], known: Mapping[str, Known]
) -> dict[str, Withdrawal]:
    """Give the withdrawals that count, by the code of their article.

    The source must have brought it. One that changed long after it was taken back was published anew: feeds keep what
    they say of a deletion for weeks. Clocks that differ by hours do not make a deletion void.
    """
    by_code = {aliases[name]: each for name, each in names.items() if name in aliases}
    return {code: each for code, each in by_code.items() if _counts(each, source, known.get(code))}


def _counts(withdrawal: Withdrawal, source: str, stored: Known | None) -> bool:
    if stored is None or not stored.seen_here:
        return False
    return not (withdrawal.at and stored.source == source and stored.updated > withdrawal.at + _CLOCKS_DIFFER)

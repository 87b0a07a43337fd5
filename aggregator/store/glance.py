"""A look into the store that leaves it as it is, for commands that try something out or only list."""

import sqlite3
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from aggregator.errors import StoreError
from aggregator.records import Source
from aggregator.store.faults import in_words
from aggregator.store.migrations import migrations
from aggregator.store.sqlite import BUSY_SECONDS, Store


class Glance(Store):
    """An open store that refuses to be changed. Where there is none yet it is an empty one in memory: no file is made.

    Raises:
        StoreError: also when an older version wrote the store, since bringing it up to date would change it.
    """

    def _open(self) -> sqlite3.Connection:
        if not self.path.exists():
            self.path = Path(":memory:")
            connection = super()._open()
        else:
            connection = self._open_existing()
        connection.execute("PRAGMA query_only = ON")
        return connection

    def as_configured(self, sources: Iterable[tuple[Source, str]], now: datetime) -> None:
        """See the sources as a configuration has them, each with its digest: in a table of this connection's own that
        stands before the store's. The store stays as it is, and nobody who writes to it waits."""
        self._connection.execute("PRAGMA query_only = OFF")
        self._connection.execute("BEGIN")
        self._depth += 1  # so that the verb of the store joins this transaction, which locks the own table alone
        made = self._rows("SELECT sql FROM main.sqlite_master WHERE type = 'table' AND name = 'sources'")[0]["sql"]
        self._connection.execute(made.replace("CREATE TABLE", "CREATE TEMP TABLE", 1))
        self._connection.execute("INSERT INTO temp.sources SELECT * FROM main.sources")
        self.sync_sources(sources, now)
        self._depth -= 1
        self._connection.execute("COMMIT")
        self._connection.execute("PRAGMA query_only = ON")

    def _open_existing(self) -> sqlite3.Connection:
        try:
            address = f"{self.path.absolute().as_uri()}?mode=rw"
            connection = sqlite3.connect(
                address, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            connection.row_factory = sqlite3.Row
            outdated = migrations.pending(connection)
        except sqlite3.Error as error:
            raise StoreError(f"{self.path}: the store cannot be opened: {in_words(error)}") from error
        if outdated:
            connection.close()
            remedy = "`aggregator publish` brings it up to date"
            raise StoreError(f"{self.path}: the store was written by an older version; {remedy}")
        return connection

"""The inbox on SQLite, through its own connection and as few statements as can be.

Python's sqlite3 gives up the interpreter lock for each statement, and taking it back waits for other threads; so
a group of requests is written by statements over many rows and not by many statements.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from butfor.store.hub import Connections, write_error

_COLUMNS = "INSERT INTO inbox (source, kind, received_at, events, skip, body) VALUES "
# SQLite takes at least 999 values in a statement.
_ROWS = 64


class SqliteInbox:
    """One connection that writes, one that reads; commits wait for the disk."""

    def __init__(self, connections: Connections) -> None:
        self._writer = _tuned(connections())
        self._reader = _tuned(connections())

    def append(self, keys: Sequence[bytes], rows: Sequence[tuple[Any, ...]]) -> bool:
        """Keep keys and rows if all keys are new, else nothing; say which it was."""
        with self._transaction() as run:
            if keys:
                done = run(
                    "INSERT OR IGNORE INTO message (id) SELECT substr(?1, 16 * value + 1, 16) FROM json_each(?2)",
                    (b"".join(keys), _numbers(len(keys))),
                )
                if done.rowcount != len(keys):
                    self._writer.rollback()
                    return False
            for i in range(0, len(rows), _ROWS):
                part = rows[i : i + _ROWS]
                marks = ", ".join(["(?, ?, ?, ?, ?, ?)"] * len(part))
                run(_COLUMNS + marks, [_plain(v) for row in part for v in row])
        return True

    def known(self, keys: Sequence[bytes]) -> set[bytes]:
        """Return the keys that are there already."""
        with read_errors():
            found = self._writer.execute(
                "SELECT id FROM message WHERE id IN (SELECT substr(?1, 16 * value + 1, 16) FROM json_each(?2))",
                (b"".join(keys), _numbers(len(keys))),
            ).fetchall()
        return {row[0] for row in found}

    def query(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with read_errors():
            return self._reader.execute(text, values).fetchall()

    def write(self, *statements: tuple[str, tuple[Any, ...]]) -> None:
        """Run statements in one durable transaction."""
        with self._transaction() as run:
            for text, values in statements:
                run(text, values)

    def close(self) -> None:
        """Release the connections."""
        self._reader.close()
        self._writer.close()

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        with read_errors():
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                yield self._writer.execute
                self._writer.commit()
            except BaseException:
                self._writer.rollback()
                raise


@contextmanager
def read_errors() -> Iterator[None]:
    """Turn what SQLite refuses into a StoreError."""
    try:
        yield
    except sqlite3.Error as error:
        raise write_error(error) from error


def _tuned(connection: Any) -> sqlite3.Connection:
    made: sqlite3.Connection = connection
    made.isolation_level = None
    made.execute("PRAGMA synchronous = FULL")
    made.execute("PRAGMA cache_size = -65536")
    made.execute("PRAGMA wal_autocheckpoint = 4000")
    return made


def _numbers(n: int) -> str:
    return "[" + ",".join(map(str, range(n))) + "]"


def _plain(value: Any) -> Any:
    return value.isoformat(sep=" ", timespec="microseconds") if hasattr(value, "isoformat") else value

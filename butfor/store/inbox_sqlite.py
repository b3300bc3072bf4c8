"""The inbox on SQLite, through connections of its own and as few statements as can be.

Ids are random: put into a keyed table one by one, each would rewrite a page of 4 KB. So a request's keys are first
kept beside its body, looked up in memory, and moved to the keyed table in sorted batches after the request was drained.

Python's sqlite3 gives up the interpreter lock for each statement, and taking it back waits for other threads; so
a group of requests is written by statements over many rows and not by many statements.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from butfor.store.hub import Connections, write_error

_COLUMNS = "INSERT INTO inbox (source, kind, received_at, events, skip, keys, body) VALUES "
_MARKS = "(?, ?, ?, ?, ?, ?, ?)"
# SQLite takes at least 999 values in a statement.
_ROWS = 64
# Keys moved in one transaction: appends wait for it.
_MERGED = 2_000
_LISTED = "SELECT substr(?1, 16 * value + 1, 16) AS k FROM json_each(?2)"


class SqliteInbox:
    """One connection that writes, one that reads; commits wait for the disk."""

    def __init__(self, connections: Connections) -> None:
        self._writer, self._reader = _tuned(connections()), _tuned(connections())
        # A lock of our own is handed over at once; SQLite's is asked for again after a sleep.
        self._writing, self._reading = threading.Lock(), threading.Lock()
        # Keys of requests in the inbox, up to the request that was appended last.
        self._recent: set[bytes] = set()
        self._last = 0
        with self._transaction() as run:
            self._catch_up(run)

    def append(self, keys: Sequence[bytes], rows: Callable[[set[bytes]], list[tuple[Any, ...]]]) -> int:
        """Look up keys, keep the new ones and the rows, all in one durable transaction; return the rows' events."""
        with self._transaction() as run:
            self._catch_up(run)
            known = self._recent.intersection(keys)
            known |= {k for (k,) in run(f"SELECT id FROM message WHERE id IN ({_LISTED})", _list(keys))}
            kept = rows(known)
            for i in range(0, len(kept), _ROWS):
                part = kept[i : i + _ROWS]
                done = run(
                    _COLUMNS + ", ".join([_MARKS] * len(part)), [_plain(v) for row in part for v in row]
                )
                last = done.lastrowid
        if kept:
            self._recent.update(keys)
            self._last = last
        return sum(row[3] for row in kept)

    def _catch_up(self, run: Any) -> None:
        """Read the keys of requests that another process appended, or an earlier one."""
        newest = run("SELECT seq FROM sqlite_sequence WHERE name = 'inbox'").fetchone()
        if newest and newest[0] > self._last:
            for (keys,) in run("SELECT keys FROM inbox WHERE seq > ?", (self._last,)):
                self._recent.update(_split(keys))
            self._last = newest[0]

    def merge(self, upto: int) -> None:
        """Move the keys of requests up to a number to the table where they stay for ever."""
        kept = self.query("SELECT keys FROM inbox WHERE seq <= ?", upto)
        keys = sorted({k for (part,) in kept for k in _split(part)})
        for i in range(0, len(keys), _MERGED):
            part = keys[i : i + _MERGED]
            with self._transaction() as run:
                run(f"INSERT OR IGNORE INTO message (id) {_LISTED}", _list(part))
            with self._writing:
                self._recent.difference_update(part)

    def query(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with _errors(), self._reading:
            return self._reader.execute(text, values).fetchall()

    def write(self, *statements: tuple[str, tuple[Any, ...]]) -> None:
        """Run statements in one durable transaction."""
        with self._transaction() as run:
            for text, values in statements:
                run(text, values)

    def close(self) -> None:
        """Release the connections."""
        with self._writing, self._reading:
            self._reader.close()
            self._writer.close()

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        with _errors(), self._writing:
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                yield self._writer.execute
                self._writer.commit()
            except BaseException:
                self._writer.rollback()
                raise


@contextmanager
def _errors() -> Iterator[None]:
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


def _list(keys: Sequence[bytes]) -> tuple[bytes, str]:
    return b"".join(keys), "[" + ",".join(map(str, range(len(keys)))) + "]"


def _split(keys: bytes | None) -> list[bytes]:
    return [keys[i : i + 16] for i in range(0, len(keys), 16)] if keys else []


def _plain(value: Any) -> Any:
    return value.isoformat(sep=" ", timespec="microseconds") if hasattr(value, "isoformat") else value

"""The inbox on PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from butfor.store.hub import Connections, write_error

# Numbers are given before a commit: only with one writer at a time is a lower number never seen after a higher one.
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(7460101)"


class PostgresInbox:
    """One connection that writes, one that reads; each is made again after it was lost."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._open: dict[str, Any] = {}
        self._locks = {"writer": threading.Lock(), "reader": threading.Lock()}

    def append(self, keys: Sequence[bytes], rows: Callable[[set[bytes]], list[tuple[Any, ...]]]) -> int:
        """Look up keys, keep the new ones and the rows, all in one durable transaction; return the rows' events."""
        with self._cursor("writer") as cursor:
            cursor.execute(_ONE_AT_A_TIME)
            text = "INSERT INTO message (id) SELECT DISTINCT unnest(%s::bytea[]) ON CONFLICT DO NOTHING RETURNING id"
            cursor.execute(text, (list(keys),))
            known = set(keys) - {bytes(row[0]) for row in cursor.fetchall()}
            kept = rows(known)
            cursor.executemany(
                "INSERT INTO inbox (source, kind, received_at, events, skip, body) VALUES (%s, %s, %s, %s, %s, %s)",
                [(*row[:5], row[6]) for row in kept],
            )
        return sum(row[3] for row in kept)

    def merge(self, upto: int) -> None:
        """Nothing to do: PostgreSQL keeps ids in their table at once."""

    def query(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with self._cursor("reader") as cursor:
            cursor.execute(text.replace("?", "%s"), values)
            found: list[tuple[Any, ...]] = cursor.fetchall()
        return found

    def write(self, *statements: tuple[str, tuple[Any, ...]]) -> None:
        """Run statements in one durable transaction."""
        with self._cursor("writer") as cursor:
            for text, values in statements:
                cursor.execute(text.replace("?", "%s"), values)

    def close(self) -> None:
        """Release the connections."""
        for connection in self._open.values():
            connection.close()
        self._open.clear()

    @contextmanager
    def _cursor(self, name: str) -> Iterator[Any]:
        import psycopg

        with self._locks[name]:
            yield from self._run(name, psycopg.Error)

    def _run(self, name: str, trouble: type[Exception]) -> Iterator[Any]:
        try:
            if name not in self._open:
                self._open[name] = self._connections()
            connection = self._open[name]
            with connection.cursor() as cursor:
                yield cursor
            connection.commit()
        except BaseException as error:
            if lost := self._open.pop(name, None):
                lost.close()
            if isinstance(error, trouble):
                raise write_error(error) from error
            raise

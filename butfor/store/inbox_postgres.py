"""The inbox on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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

    def append(self, keys: Sequence[bytes], rows: Sequence[tuple[Any, ...]]) -> bool:
        """Keep keys and rows if all keys are new, else nothing; say which it was."""
        with self._cursor("writer") as cursor:
            cursor.execute(_ONE_AT_A_TIME)
            if keys:
                text = "INSERT INTO message (id) SELECT unnest(%s::bytea[]) ON CONFLICT DO NOTHING"
                cursor.execute(text, (list(keys),))
                if cursor.rowcount != len(keys):
                    cursor.connection.rollback()
                    return False
            cursor.executemany(
                "INSERT INTO inbox (source, kind, received_at, events, skip, body) VALUES (%s, %s, %s, %s, %s, %s)",
                rows,
            )
        return True

    def known(self, keys: Sequence[bytes]) -> set[bytes]:
        """Return the keys that are there already."""
        with self._cursor("writer") as cursor:
            cursor.execute("SELECT id FROM message WHERE id = ANY(%s::bytea[])", (list(keys),))
            return {bytes(row[0]) for row in cursor.fetchall()}

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
            if isinstance(error, psycopg.Error):
                raise write_error(error) from error
            raise

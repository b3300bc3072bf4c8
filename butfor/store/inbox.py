"""The hub's inbox: requests are kept as they came, and each message id once for ever, in one durable transaction.

Appending a group of requests costs a few statements and one sync of the disk, however many events they hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from butfor.store.hub import Hub
from butfor.store.inbox_postgres import PostgresInbox
from butfor.store.inbox_sqlite import SqliteInbox


class Request(msgspec.Struct, gc=False):
    """An accepted request: its body after decompression, and a 16-byte key per event (empty: it has no id)."""

    source: str
    kind: str
    received_at: datetime
    body: bytes
    keys: list[bytes]


class Kept(msgspec.Struct, frozen=True):
    """A request in the inbox; events at the positions ``skip`` had come before."""

    seq: int
    source: str
    kind: str
    received_at: datetime
    body: bytes
    skip: frozenset[int]


# Given the keys that are known already, the rows to keep.
Rows = Callable[[set[bytes]], list[tuple[Any, ...]]]


class Engine(Protocol):
    """What a database does for the inbox."""

    def append(self, keys: Sequence[bytes], rows: Rows) -> int:
        """Look up keys, keep the new ones and the rows, all in one durable transaction; return the rows' events."""

    def merge(self, upto: int) -> None:
        """Move the keys of requests up to a number to where they stay for ever, if they are not there yet."""

    def query(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query whose values stand at question marks."""

    def write(self, *statements: tuple[str, tuple[Any, ...]]) -> None:
        """Run statements in one durable transaction."""

    def close(self) -> None:
        """Release the connections."""


class Inbox:
    """Appended to by one thread and drained by another; other processes may do so too and wait their turn."""

    def __init__(self, hub: Hub) -> None:
        make = SqliteInbox if hub.engine == "sqlite" else PostgresInbox
        self._engine: Engine = make(hub.connections)

    def append(self, requests: Sequence[Request]) -> int:
        """Keep requests durably, leaving out events whose key is known; return how many events are new.

        Raises StoreError when the disk or the database refuses; then nothing of the group is kept.
        """
        keys = [k for r in requests for k in r.keys if k]
        return self._engine.append(keys, lambda known: _rows(requests, keys, known))

    def take(self, after: int, upto: int) -> list[Kept]:
        """Return the requests behind ``after`` and not behind ``upto``, oldest first."""
        found = self._engine.query(
            "SELECT seq, source, kind, received_at, skip, body FROM inbox WHERE seq > ? AND seq <= ? ORDER BY seq",
            after,
            upto,
        )
        return [_kept(*row) for row in found]

    def reach(self, after: int, events: int) -> int:
        """Return the number of the last request of the next about ``events`` events behind ``after``."""
        # A request has at least one event, so that many rows are enough to look at.
        found = self._engine.query(
            "SELECT seq, events FROM inbox WHERE seq > ? ORDER BY seq LIMIT ?", after, events
        )
        total, last = 0, after
        for seq, n in found:
            if total and total + n > events:
                break
            total, last = total + n, seq
        return last

    def position(self, name: str) -> tuple[int, int]:
        """Return how far a reader has come, and how far it was going; (0, 0) for a new one."""
        found = self._engine.query("SELECT seq, upto FROM drain_position WHERE name = ?", name)
        return (found[0][0], found[0][1]) if found else (0, 0)

    def begin(self, name: str, after: int, upto: int) -> None:
        """Note durably which requests a reader is about to work on, so that a repeat works on the same."""
        text = (
            "INSERT INTO drain_position (name, seq, upto) VALUES (?, ?, ?) "
            "ON CONFLICT (name) DO UPDATE SET seq = excluded.seq, upto = excluded.upto"
        )
        self._engine.write((text, (name, after, upto)))

    def done(self, name: str, upto: int) -> None:
        """Note that a reader has done its work on these requests, and remove them; their message ids stay."""
        self._engine.merge(upto)
        moved = ("UPDATE drain_position SET seq = ?, upto = ? WHERE name = ?", (upto, upto, name))
        self._engine.write(moved, ("DELETE FROM inbox WHERE seq <= ?", (upto,)))

    def waiting(self) -> tuple[int, datetime | None]:
        """Return how many events wait in the inbox, and since when the oldest does."""
        n, oldest = self._engine.query("SELECT coalesce(sum(events), 0), min(received_at) FROM inbox")[0]
        return int(n), _time(oldest) if oldest else None

    def messages(self) -> int:
        """Return how many message ids were ever taken."""
        self._engine.merge(self.reach(0, 10**9))
        return int(self._engine.query("SELECT count(*) FROM message")[0][0])

    def close(self) -> None:
        """Release the connections."""
        self._engine.close()


def _rows(requests: Sequence[Request], keys: Sequence[bytes], known: set[bytes]) -> list[tuple[Any, ...]]:
    """Return the rows of requests without the events that came before, be it in this very group."""
    if not known and len(set(keys)) == len(keys):
        return [_row(r, []) for r in requests]
    seen, rows = set(known), []
    for r in requests:
        skip = []
        for i, key in enumerate(r.keys):
            if key in seen:
                skip.append(i)
            elif key:
                seen.add(key)
        if len(skip) < len(r.keys):
            rows.append(_row(r, skip))
    return rows


def _row(r: Request, skip: list[int]) -> tuple[Any, ...]:
    left_out = ",".join(map(str, skip)) if skip else None
    return r.source, r.kind, r.received_at, len(r.keys) - len(skip), left_out, b"".join(r.keys), r.body


def _kept(seq: int, source: str, kind: str, received_at: Any, skip: str | None, body: Any) -> Kept:
    left_out = frozenset(map(int, skip.split(","))) if skip else frozenset[int]()
    return Kept(seq, source, kind, _time(received_at), bytes(body), left_out)


def _time(value: Any) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)

"""Several reads and writes of the hub in one transaction, in sets rather than row by row."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

# SQLite takes 32,766 values in a statement, PostgreSQL 65,535; a statement this long is prepared once and kept.
_STEP = 500

Row = Mapping[str, Any]


class Session:
    """One transaction of the hub."""

    def __init__(self, connection: sa.Connection, tables: Mapping[str, sa.Table]) -> None:
        self._connection, self._tables = connection, tables

    def lock(self, name: str) -> None:
        """Wait until no other transaction holds this name; SQLite has one writer at a time anyway."""
        if self._connection.dialect.name == "postgresql":
            self._connection.execute(
                sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(name, 0)))
            )

    def rows_in(
        self, table: str, name: str, values: Collection[Any], columns: Sequence[str] = (), **where: Any
    ) -> list[tuple[Any, ...]]:
        """Return the named columns (default: all) of the rows whose ``name`` is one of ``values``."""
        target = self._tables[table]
        wanted = sa.select(*[target.c[c] for c in columns or [c.name for c in target.columns]])
        query = wanted.where(*[target.c[c] == v for c, v in where.items()])
        out: list[tuple[Any, ...]] = []
        for part in _steps(sorted(values)):
            out += [tuple(r) for r in self._connection.execute(query.where(target.c[name].in_(part)))]
        return out

    def rows_at(
        self, table: str, names: Sequence[str], keys: Collection[tuple[Any, ...]], columns: Sequence[str]
    ) -> list[tuple[Any, ...]]:
        """Return columns of the rows whose ``names`` together equal one of ``keys``."""
        target = self._tables[table]
        query = sa.select(*[target.c[c] for c in columns])
        together = sa.tuple_(*[target.c[n] for n in names])
        out: list[tuple[Any, ...]] = []
        for part in _steps(sorted(keys)):
            out += [tuple(r) for r in self._connection.execute(query.where(together.in_(part)))]
        return out

    def some(self, table: str, columns: Sequence[str], most: int, **where: Any) -> list[tuple[Any, ...]]:
        """Return columns of at most ``most`` rows where columns equal, in the order of the primary key."""
        target = self._tables[table]
        query = sa.select(*[target.c[c] for c in columns]).where(
            *[target.c[c] == v for c, v in where.items()]
        )
        found = self._connection.execute(query.order_by(*target.primary_key.columns).limit(most))
        return [tuple(r) for r in found]

    def append(self, table: str, rows: Sequence[Row], *, once: bool = False) -> None:
        """Insert rows; with ``once``, those whose key is there already stay as they are."""
        if rows:
            target = self._tables[table]
            query = insert_once(target, self._connection.dialect.name) if once else target.insert()
            self._connection.execute(query, [dict(r) for r in rows])

    def put(self, table: str, rows: Sequence[Row]) -> None:
        """Insert rows, or overwrite the other columns of those whose primary key is there already."""
        if not rows:
            return
        target = self._tables[table]
        dialect = postgresql if self._connection.dialect.name == "postgresql" else sqlite
        query: Any = dialect.insert(target)
        keys = [c.name for c in target.primary_key.columns]
        fresh = {c: query.excluded[c] for c in rows[0] if c not in keys}
        self._connection.execute(
            query.on_conflict_do_update(index_elements=keys, set_=fresh), [dict(r) for r in rows]
        )

    def change(self, table: str, key: str, rows: Sequence[Row]) -> None:
        """Set columns of rows that are there, found by one key column that each row names."""
        if not rows:
            return
        target = self._tables[table]
        values: dict[str, Any] = {c: sa.bindparam(f"new_{c}") for c in rows[0] if c != key}
        query = target.update().where(target.c[key] == sa.bindparam("old_key")).values(**values)
        given = [{"old_key": r[key], **{f"new_{c}": r[c] for c in values}} for r in rows]
        self._connection.execute(query, given)

    def update(self, table: str, values: Mapping[str, Any], **where: Any) -> int:
        """Set values of the rows where columns equal; return how many there are."""
        target = self._tables[table]
        query = target.update().where(*[target.c[c] == v for c, v in where.items()]).values(**values)
        return int(self._connection.execute(query).rowcount)

    def drop_in(self, table: str, name: str, values: Collection[Any]) -> int:
        """Delete the rows whose ``name`` is one of ``values``; return how many."""
        target = self._tables[table]
        return sum(
            self._connection.execute(target.delete().where(target.c[name].in_(part))).rowcount
            for part in _steps(sorted(values))
        )

    def sums(
        self, table: str, key: str, value: str, keys: Collection[Any], *, gains: bool = False
    ) -> dict[Any, int]:
        """Return the sum of an integer column per key; with ``gains`` of its positive values only."""
        target = self._tables[table]
        query = sa.select(target.c[key], sa.func.sum(target.c[value])).group_by(target.c[key])
        if gains:
            query = query.where(target.c[value] > 0)
        out: dict[Any, int] = {}
        for part in _steps(sorted(keys)):
            out |= {k: int(n) for k, n in self._connection.execute(query.where(target.c[key].in_(part)))}
        return out


def insert_once(target: sa.Table, engine: str) -> Any:
    """Return an insert that leaves rows alone whose key is there already."""
    dialect = postgresql if engine == "postgresql" else sqlite
    return dialect.insert(target).on_conflict_do_nothing()


def _steps(values: list[Any]) -> list[list[Any]]:
    return [values[i : i + _STEP] for i in range(0, len(values), _STEP)]

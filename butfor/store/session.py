"""Several reads and writes of the hub in one transaction, in sets rather than row by row."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

# SQLite takes 32,766 values in a statement, PostgreSQL 65,535; a statement this long is prepared once and kept.
_STEP = 500

Row = Mapping[str, Any]


class Session:
    """One transaction of the hub."""

    def __init__(self, connection: sa.Connection, tables: Mapping[str, sa.Table]) -> None:
        self._connection, self._tables = connection, tables
        self._texts = _texts(connection.dialect.name, tables)

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
        if not values:
            return []
        wanted = columns or [c.name for c in self._tables[table].columns]
        # Nothing equals NULL.
        keys = [(v, *where.values()) for v in sorted(v for v in values if v is not None)]
        return self.rows_at(table, [name, *where], keys, wanted)

    def rows_at(
        self, table: str, names: Sequence[str], keys: Collection[tuple[Any, ...]], columns: Sequence[str]
    ) -> list[tuple[Any, ...]]:
        """Return columns of the rows whose ``names`` together equal one of ``keys``."""
        if not keys:
            return []
        target = self._tables[table]
        found = self._run(self._texts.at(table, tuple(names), tuple(columns)), keys)
        times = [i for i, c in enumerate(columns) if isinstance(target.c[c].type, sa.DateTime)]
        return _with_times(found, times) if self._texts.engine == "sqlite" and times else found

    def gathered(
        self, table: str, names: Sequence[str], keys: Collection[tuple[Any, ...]], column: str, most: int
    ) -> dict[tuple[Any, ...], list[Any]]:
        """Return for each key the values of a column in the rows at it, at most ``most`` of them."""
        if not keys:
            return {}
        found = self._run(self._texts.gathered(table, tuple(names), column, most), keys)
        out: dict[tuple[Any, ...], list[Any]] = {}
        for *key, values in found:
            listed = msgspec.json.decode(values) if isinstance(values, str) else values
            out[tuple(key)] = listed or []
        return out

    def empty(self, table: str) -> bool:
        """Say whether a table has no row."""
        cursor = self._connection.connection.cursor()
        try:
            cursor.execute(f'SELECT 1 FROM "{self._tables[table].name}" LIMIT 1')
            return cursor.fetchone() is None
        finally:
            cursor.close()

    def _run(self, text: str, keys: Collection[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        # SQLAlchemy's own way to send a list of keys costs more than SQLite takes to answer.
        cursor = self._connection.connection.cursor()
        try:
            cursor.execute(text, (msgspec.json.encode(sorted(keys)).decode(),))
            return [tuple(r) for r in cursor.fetchall()]
        finally:
            cursor.close()

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
        query = _overwrite(self._tables[table], self._connection.dialect.name, tuple(rows[0]))
        self._connection.execute(query, [dict(r) for r in rows])

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
        self, table: str, key: str, value: str, keys: Collection[Any] | None = None, *, gains: bool = False
    ) -> dict[Any, int]:
        """Return the sum of an integer column per key (default: all); with ``gains`` of its positive values only."""
        target = self._tables[table]
        query = sa.select(target.c[key], sa.func.sum(target.c[value])).group_by(target.c[key])
        if gains:
            query = query.where(target.c[value] > 0)
        asked = [query] if keys is None else [query.where(target.c[key].in_(p)) for p in _steps(sorted(keys))]
        return {k: int(n) for each in asked for k, n in self._connection.execute(each)}

    def sizes(self, table: str, key: str, filled: str) -> dict[Any, tuple[int, int]]:
        """Return per key how many rows there are, and in how many of them a column is filled."""
        target = self._tables[table]
        query = sa.select(target.c[key], sa.func.count(), sa.func.count(target.c[filled]))
        return {k: (int(n), int(m)) for k, n, m in self._connection.execute(query.group_by(target.c[key]))}


class _Texts:
    """SQL that finds rows by a list of keys, given as one JSON text."""

    def __init__(self, engine: str, tables: Mapping[str, sa.Table]) -> None:
        self.engine, self.tables = engine, tables

    @lru_cache  # noqa: B019 - there are two of these objects, for ever
    def at(self, table: str, names: tuple[str, ...], columns: tuple[str, ...]) -> str:
        """Return columns of the rows at the keys."""
        same = self._same(table, names)
        wanted = ", ".join(f'i."{c}"' for c in columns)
        # CROSS JOIN keeps SQLite from walking the table instead of the keys.
        return f'SELECT {wanted} FROM {self._keys()} AS k CROSS JOIN "{table}" AS i WHERE {same}'

    @lru_cache  # noqa: B019
    def gathered(self, table: str, names: tuple[str, ...], column: str, most: int) -> str:
        """Return each key with a JSON list of the values of a column at it."""
        same = self._same(table, names)
        parts = ", ".join(self._typed(table, n, i) for i, n in enumerate(names))
        as_list = "json_group_array" if self.engine == "sqlite" else "json_agg"
        inner = f'SELECT i."{column}" AS c FROM "{table}" AS i WHERE {same} LIMIT {most:d}'
        return f"SELECT {parts}, (SELECT {as_list}(x.c) FROM ({inner}) AS x) FROM {self._keys()} AS k"

    def _same(self, table: str, names: tuple[str, ...]) -> str:
        return " AND ".join(f'i."{n}" = {self._typed(table, n, i)}' for i, n in enumerate(names))

    def _typed(self, table: str, name: str, i: int) -> str:
        """Return a part of a key; PostgreSQL does not compare a number with the text that JSON gives."""
        number = isinstance(self.tables[table].c[name].type, sa.Integer)
        return f"CAST({self._part(i)} AS BIGINT)" if number and self.engine != "sqlite" else self._part(i)

    def _keys(self) -> str:
        return "json_each(?)" if self.engine == "sqlite" else "jsonb_array_elements(CAST(%s AS jsonb))"

    def _part(self, i: int) -> str:
        return f"json_extract(k.value, '$[{i}]')" if self.engine == "sqlite" else f"(k.value ->> {i})"


_TEXTS: dict[str, _Texts] = {}


def _texts(engine: str, tables: Mapping[str, sa.Table]) -> _Texts:
    if engine not in _TEXTS:
        _TEXTS[engine] = _Texts(engine, tables)
    return _TEXTS[engine]


def _with_times(rows: list[tuple[Any, ...]], times: list[int]) -> list[tuple[Any, ...]]:
    """Read the times that SQLite keeps as text."""
    return [
        tuple(datetime.fromisoformat(v) if i in times and v else v for i, v in enumerate(row)) for row in rows
    ]


@lru_cache
def _overwrite(target: sa.Table, engine: str, columns: tuple[str, ...]) -> Any:
    """Return an insert of these columns that overwrites those beside the primary key where it is there already."""
    dialect = postgresql if engine == "postgresql" else sqlite
    query: Any = dialect.insert(target)
    keys = [c.name for c in target.primary_key.columns]
    fresh = {c: query.excluded[c] for c in columns if c not in keys}
    return query.on_conflict_do_update(index_elements=keys, set_=fresh)


@lru_cache
def insert_once(target: sa.Table, engine: str) -> Any:
    """Return an insert that leaves rows alone whose key is there already."""
    dialect = postgresql if engine == "postgresql" else sqlite
    return dialect.insert(target).on_conflict_do_nothing()


def _steps(values: list[Any]) -> list[list[Any]]:
    return [values[i : i + _STEP] for i in range(0, len(values), _STEP)]

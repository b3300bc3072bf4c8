"""Write a list into a table of somebody else's database, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from butfor.model import BadInput, StoreError
from butfor.store.tables import ARROW_TYPES

_TYPES: dict[str, Any] = {
    "text": sa.Text(), "uuid": sa.String(36), "integer": sa.BigInteger(), "number": sa.Double(), "money": sa.Numeric(18, 4),
    "boolean": sa.Boolean(), "date": sa.Date(), "timestamp": sa.DateTime(),
}  # fmt: skip
_STEP = 5_000


def write_sql_list(url: str, table: str, rows: pa.Table, key: str, gone: Sequence[str] | None = None) -> int:
    """Put rows into a table in one transaction, which is made where it is missing; return how many it holds then.

    Without ``gone`` the rows replace all that the table held. With it, those whose ``key`` (text) is in ``gone`` or among
    the rows are taken out first. Raises BadInput where the table has other columns, StoreError where the database refuses.
    """
    engine = _engine(url)
    try:
        with engine.begin() as connection:
            target = _target(connection, table, rows.schema, key)
            _take_out(connection, target, key, rows, gone)
            for part in rows.to_batches(max_chunksize=_STEP):
                if part.num_rows:
                    connection.execute(target.insert(), _plain(part.to_pylist(), engine.dialect.name))
            return int(connection.execute(sa.select(sa.func.count()).select_from(target)).scalar_one())
    except DBAPIError as error:
        raise StoreError(
            f"table {table}", value=str(error.__cause__ or error).splitlines()[0],
            rule="a list is written whole or not at all; the table is as it was", next_step="check the database, then export again",
        ) from error  # fmt: skip
    finally:
        engine.dispose()


def _engine(url: str) -> sa.Engine:
    try:
        return sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    except (SQLAlchemyError, ModuleNotFoundError) as error:
        raise BadInput(
            "database URL", value=str(error).splitlines()[0], rule="it is an SQLAlchemy URL whose driver is installed",
            next_step="write sqlite:///lists.db or postgresql://user@host/db",
        ) from error  # fmt: skip


def _target(connection: sa.Connection, table: str, schema: pa.Schema, key: str) -> sa.Table:
    inspector = sa.inspect(connection)
    made = sa.Table(table, sa.MetaData(), *[sa.Column(f.name, _type(f, key)) for f in schema])
    if not inspector.has_table(table):
        made.create(connection)
        return made
    there = [c["name"] for c in inspector.get_columns(table)]
    if there != schema.names:
        raise BadInput(
            f"table {table}", value=", ".join(there), rule=f"the list has the columns {', '.join(schema.names)}",
            next_step="name another table, or drop this one",
        )  # fmt: skip
    return made


def _type(field: pa.Field, key: str) -> Any:
    if field.name == key:
        return sa.String(36)
    return next((_TYPES[name] for name, kind in ARROW_TYPES.items() if kind == field.type), sa.Text())


def _take_out(
    connection: sa.Connection, target: sa.Table, key: str, rows: pa.Table, gone: Sequence[str] | None
) -> None:
    if gone is None:
        connection.execute(target.delete())
        return
    keys = sorted({*gone, *rows[key].to_pylist()})
    for i in range(0, len(keys), 500):
        connection.execute(target.delete().where(target.c[key].in_(keys[i : i + 500])))


def _plain(rows: list[dict[str, Any]], dialect: str) -> list[Mapping[str, Any]]:
    """Return rows as a database takes them; SQLite has no exact decimals."""
    if dialect != "sqlite":
        return list(rows)
    return [{k: float(v) if isinstance(v, Decimal) else v for k, v in r.items()} for r in rows]

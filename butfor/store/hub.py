"""The hub: what must be exact now, on SQLite or PostgreSQL, through SQLAlchemy Core."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy.exc import DBAPIError, OperationalError

from butfor.model import BadInput, StoreError
from butfor.store.hub_export import TABLES as _EXPORT
from butfor.store.hub_identity import TABLES as _IDENTITY
from butfor.store.hub_live import TABLES as _LIVE
from butfor.store.hub_tables import metadata
from butfor.store.session import Session, insert_once

_TABLES: dict[str, sa.Table] = {t.name: t for t in (*metadata.tables.values(), *_IDENTITY, *_LIVE, *_EXPORT)}


# Makes a connection of the database's own driver, for the inbox.
Connections = Callable[[], Any]


class Hub:
    """Ledgers in one transactional database; opening it brings its tables up to date."""

    def __init__(self, url: str, folder: Path) -> None:
        self._engine = _engine(url, folder)
        self.engine = self._engine.dialect.name
        self._migrate()

    def append(self, table: str, rows: Sequence[Mapping[str, Any]], *, once: bool = False) -> int:
        """Insert rows in one transaction; with ``once``, rows whose key is already there are left as they are.

        Returns how many rows are new.
        """
        if not rows:
            return 0
        target = _TABLES[table]
        with self._begin() as connection:
            before = self._total(connection, target) if once else 0
            connection.execute(self._insert(target, once), [dict(r) for r in rows])
            return self._total(connection, target) - before if once else len(rows)

    def start(self, table: str, row: Mapping[str, Any]) -> int:
        """Insert one row and return its number."""
        with self._begin() as connection:
            done = connection.execute(_TABLES[table].insert(), dict(row))
            key = done.inserted_primary_key
            return int(key[0]) if key else 0

    def update(self, table: str, values: Mapping[str, Any], **where: Any) -> int:
        """Set values where columns equal; return how many rows changed."""
        target = _TABLES[table]
        with self._begin() as connection:
            return connection.execute(target.update().where(*_equal(target, where)).values(**values)).rowcount

    def rows(self, table: str, *, order: str | None = None, **where: Any) -> list[dict[str, Any]]:
        """Return rows where columns equal, in the order of a column (default: the primary key)."""
        target = _TABLES[table]
        keys = [target.c[order]] if order else list(target.primary_key.columns)
        with self._begin() as connection:
            found = connection.execute(sa.select(target).where(*_equal(target, where)).order_by(*keys))
            return [dict(r) for r in found.mappings()]

    def first(self, table: str, **where: Any) -> dict[str, Any] | None:
        """Return the first row where columns equal, or None."""
        target = _TABLES[table]
        with self._begin() as connection:
            query = (
                sa.select(target).where(*_equal(target, where)).order_by(*target.primary_key.columns).limit(1)
            )
            found = connection.execute(query).mappings().first()
        return dict(found) if found else None

    def count(self, table: str, **where: Any) -> int:
        """Return how many rows there are where columns equal."""
        target = _TABLES[table]
        with self._begin() as connection:
            return self._total(connection, target, *_equal(target, where))

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Give several reads and writes in one transaction; it is kept whole when the block ends, and undone when it raises."""
        with self._begin() as connection:
            if self.engine == "sqlite":
                # A transaction that reads first and writes later would be refused when another wrote in between.
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield Session(connection, _TABLES)

    def connections(self) -> Any:
        """Make a connection of the database's own driver, for threads that share it under their own lock."""
        arguments, options = self._engine.dialect.create_connect_args(self._engine.url)
        more = {"check_same_thread": False, "timeout": 30} if self.engine == "sqlite" else {}
        return self._engine.dialect.connect(*arguments, **{**options, **more})

    def close(self) -> None:
        """Release all connections."""
        self._engine.dispose()

    def _insert(self, target: sa.Table, once: bool) -> Any:
        return insert_once(target, self.engine) if once else target.insert()

    @staticmethod
    def _total(connection: sa.Connection, target: sa.Table, *where: Any) -> int:
        return int(
            connection.execute(sa.select(sa.func.count()).select_from(target).where(*where)).scalar_one()
        )

    def _begin(self) -> _Transaction:
        return _Transaction(self._engine)

    def _migrate(self) -> None:
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        try:
            with self._engine.connect() as connection:
                if self.engine == "sqlite":
                    connection.exec_driver_sql("PRAGMA journal_mode = WAL")
                now = MigrationContext.configure(connection).get_current_revision()
                newest = ScriptDirectory.from_config(config).get_current_head()
                if now == newest:
                    return
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
                connection.commit()
        except CommandError as error:
            raise StoreError(
                "hub",
                value=str(error),
                rule="this butfor knows the hub's tables; nothing was changed",
                next_step="the hub was made by a newer butfor: pip install -U butfor",
            ) from error
        except OperationalError as error:
            raise _unreachable("hub", self._engine.url, error) from error


class _Transaction:
    """A transaction whose database errors say what to do."""

    def __init__(self, engine: sa.Engine) -> None:
        self._scope = engine.begin()

    def __enter__(self) -> sa.Connection:
        try:
            return self._scope.__enter__()
        except DBAPIError as failed:
            raise write_error(failed) from failed

    def __exit__(self, *error: Any) -> None:
        try:
            self._scope.__exit__(*error)
        except DBAPIError as failed:
            raise write_error(failed) from failed
        if isinstance(error[1], OperationalError):
            raise write_error(error[1]) from error[1]


def _equal(target: sa.Table, where: Mapping[str, Any]) -> list[Any]:
    return [target.c[name] == value for name, value in where.items()]


def _engine(url: str, folder: Path) -> sa.Engine:
    if url.startswith("env:"):
        name = url[4:]
        if name not in os.environ:
            raise BadInput(
                "butfor.yaml: hub",
                value=url,
                rule=f"the variable {name} holds the hub's address",
                next_step=f"export {name}=...",
            )
        url = os.environ[name]
    if url == "sqlite":
        folder.mkdir(parents=True, exist_ok=True)
        # A writer waits for another one rather than failing at once.
        made = sa.create_engine(f"sqlite:///{folder / 'hub.db'}", connect_args={"timeout": 30})
        sa.event.listen(made, "connect", _tuned)
        return made
    if url.startswith(("postgresql://", "postgresql+psycopg://")):
        try:
            return sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
        except ModuleNotFoundError as error:
            raise BadInput(
                "hub",
                value="postgresql",
                rule="a PostgreSQL hub needs psycopg",
                next_step="pip install 'butfor[postgres]'",
            ) from error
    raise BadInput(
        "butfor.yaml: hub",
        value=url,
        rule="a hub is sqlite, postgresql://..., or env:NAME of a variable that holds such an address",
        next_step="set hub: sqlite to keep it in the workspace folder",
    )


def _tuned(connection: Any, _: Any) -> None:
    """Let a SQLite connection be durable, keep 64 MB of pages, and copy its log to the file less often.

    Each copy takes 10 ms and more, and at 1,000 pages (the default) one commit in fifty would wait for it.
    """
    for setting in ("synchronous = FULL", "cache_size = -65536", "wal_autocheckpoint = 10000"):
        connection.execute(f"PRAGMA {setting}")


def _unreachable(thing: str, url: sa.URL, error: Exception) -> StoreError:
    return StoreError(
        f"{thing} {url.render_as_string(hide_password=True)}",
        value=str(error.__cause__ or error).splitlines()[0],
        rule=f"the {thing} answers",
        next_step="start it, or check host, port, user and disk space",
    )


def write_error(error: Exception) -> StoreError:
    """Return what to tell when the hub's database refuses a write; nothing of it was kept."""
    return StoreError(
        "the hub could not be written",
        value=str(error.__cause__ or error).splitlines()[0],
        rule="a write is kept whole or not at all; the data from before are as they were",
        next_step="check disk space and other processes on this workspace, then run the same command again",
    )


def read_sql_table(url: str, table: str) -> Iterable[dict[str, Any]]:
    """Yield the rows of a table of any database SQLAlchemy can reach, in batches, without changing it.

    Raises BadInput that names what the database holds when the table is not there.
    """
    engine = _foreign_engine(url)
    try:
        inspector = sa.inspect(engine)
        names = [*inspector.get_table_names(), *inspector.get_view_names()]
        schema, _, bare = ("", "", table) if table in names else table.rpartition(".")
        if schema and schema in inspector.get_schema_names():
            names = [*inspector.get_table_names(schema), *inspector.get_view_names(schema)]
        if bare not in names:
            raise BadInput(
                "table",
                value=table,
                rule="the table is in the database",
                next_step="there is: " + (", ".join(sorted(names)) or "no table"),
            )
        found = sa.Table(bare, sa.MetaData(), schema=schema or None, autoload_with=engine)
        with engine.connect().execution_options(yield_per=10_000) as connection:
            for row in connection.execute(sa.select(found)).mappings():
                yield dict(row)
    except DBAPIError as error:
        raise _unreachable("database", engine.url, error) from error
    finally:
        engine.dispose()


def _foreign_engine(url: str) -> sa.Engine:
    try:
        made = sa.make_url(url.replace("postgresql://", "postgresql+psycopg://", 1))
        if made.drivername == "sqlite" and made.database and not Path(made.database).is_file():
            raise BadInput(
                "database", value=made.database, rule="the file exists", next_step="check the path in the URL"
            )
        return sa.create_engine(made)
    except (sa.exc.ArgumentError, ModuleNotFoundError) as error:
        raise BadInput(
            "database URL",
            value=url.split("@")[-1],
            rule="it is an SQLAlchemy URL such as sqlite:///shop.db or postgresql://user@host/db, with its driver installed",
            next_step=str(error),
        ) from error

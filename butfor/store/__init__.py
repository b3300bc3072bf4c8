"""The only door to a database: the hub (exact, now) and the lake (everything, in sets)."""

from butfor.store.hub import Hub, read_sql_table
from butfor.store.inbox import Inbox, Kept, Request
from butfor.store.lake import Lake, open_lake
from butfor.store.outside import write_sql_list
from butfor.store.query import (
    REGISTRY,
    SOME_TIME,
    Query,
    aliased,
    all_of,
    any_of,
    column,
    literal,
    named,
    select,
    sql,
)
from butfor.store.session import Session
from butfor.store.tables import Logical, Table
from butfor.store.workbench import ROW, Workbench

__all__ = [
    "REGISTRY", "ROW", "SOME_TIME", "Hub", "Inbox", "Kept", "Lake", "Logical", "Query", "Request", "Session", "Table", "Workbench", "aliased", "all_of", "any_of", "column", "literal", "named", "open_lake",
    "read_sql_table", "select", "sql", "write_sql_list",
]  # fmt: skip

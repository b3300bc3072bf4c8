"""Tables of the lake: logical column types and what each engine calls them."""

from __future__ import annotations

from typing import Literal

import msgspec
import pyarrow as pa

Logical = Literal["text", "integer", "number", "money", "boolean", "date", "timestamp", "uuid"]

# Money is DECIMAL(18,4): exact, 8 bytes wide in DuckDB, and wide enough for unit prices below one
# minor unit, which real receipts hold (docs/adr/0003-money.md). Times are UTC without a zone.
SQL_TYPES: dict[str, str] = {
    "text": "TEXT",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "money": "DECIMAL(18,4)",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "uuid": "UUID",
}
SPARK_TYPES = SQL_TYPES | {"text": "STRING", "uuid": "STRING"}

ARROW_TYPES: dict[str, pa.DataType] = {
    "text": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "money": pa.decimal128(18, 4),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "uuid": pa.string(),
}


class Table(msgspec.Struct, frozen=True):
    """A table of the lake: its name and its columns with logical types, in order."""

    name: str
    columns: dict[str, Logical]

    def arrow_schema(self) -> pa.Schema:
        """Return the schema that staged rows must have."""
        return pa.schema([(name, ARROW_TYPES[t]) for name, t in self.columns.items()])

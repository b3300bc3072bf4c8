"""Tables of the hub for live ingestion: write keys, the inbox, and every message id that was ever taken."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, Integer, LargeBinary, String, Table, Text

from butfor.store.hub_tables import metadata

_NUMBER = BigInteger().with_variant(Integer, "sqlite")

write_key = Table(
    "write_key",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("source", String(80), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("hint", String(8), nullable=False),
    Column("made_at", DateTime, nullable=False),
    Column("revoked_at", DateTime),
)

# One row per accepted request, as it came. ``skip`` lists the positions of events that had come before, ``keys`` are
# those that are not in ``message`` yet (SQLite). Numbers are never used twice, so that a position that was passed stays
# passed after rows were removed.
inbox = Table(
    "inbox",
    metadata,
    Column("seq", _NUMBER, primary_key=True, autoincrement=True),
    Column("source", String(80), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("received_at", DateTime, nullable=False),
    Column("events", Integer, nullable=False),
    Column("skip", Text),
    Column("keys", LargeBinary),
    Column("body", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)

# md5 of source and message id: 16 bytes per event, kept for ever.
message = Table("message", metadata, Column("id", LargeBinary(16), primary_key=True), sqlite_with_rowid=False)

# How far a reader of the inbox has come, and how far it was going when it last began.
drain_position = Table(
    "drain_position",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("seq", _NUMBER, nullable=False),
    Column("upto", _NUMBER, nullable=False),
)

TABLES = [write_key, inbox, message, drain_position]

"""Tables of the hub for what leaves it: exports of audiences, and runs of recipes."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, Index, Integer, String, Table, Text

from butfor.store.hub_tables import metadata

# One row per export. It is started before anything leaves and done when the target took everything: a row that stayed
# started says that something may have left.
export_run = Table(
    "export_run",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("audience", String(200), nullable=False),
    Column("target", Text, nullable=False),
    Column("channel", String(40), nullable=False),
    Column("purpose", String(40), nullable=False),
    Column("mode", String(20), nullable=False),
    Column("membership_hash", String(64), nullable=False),
    Column("people", BigInteger, nullable=False),
    Column("exported", BigInteger, nullable=False),
    Column("removed", BigInteger, nullable=False),
    Column("left_out", Text, nullable=False),
    Column("extra", Text, nullable=False),
    Column("as_of", DateTime, nullable=False),
    Column("made_at", DateTime, nullable=False),
    Column("who", String(120), nullable=False),
    Column("status", String(20), nullable=False),
    Index("export_run_audience", "audience"),
)

# The log of recipes: approval, every step, and what came of it.
recipe_log = Table(
    "recipe_log",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("recipe", String(80), nullable=False),
    Column("run", String(80), nullable=False),
    Column("step", String(40), nullable=False),
    Column("who", String(120), nullable=False),
    Column("made_at", DateTime, nullable=False),
    Column("body", Text, nullable=False),
    Index("recipe_log_run", "run"),
)

TABLES = [export_run, recipe_log]

"""Tables of the hub: what must be exact now. Money is integer minor units."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

load = Table(
    "load",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("source", String(80), nullable=False),
    Column("file", Text, nullable=False),
    Column("started_at", DateTime, nullable=False),
    Column("finished_at", DateTime),
    Column("status", String(20), nullable=False),
    Column("body", Text),
)

change = Table(
    "change",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("made_at", DateTime, nullable=False),
    Column("who", String(120), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("ref", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Column("diff", Text, nullable=False),
)

assignment = Table(
    "assignment",
    metadata,
    Column("experiment", String(80), primary_key=True),
    Column("person_id", String(36), primary_key=True),
    Column("arm", String(80), nullable=False),
    Column("definition_hash", String(64), nullable=False),
    Column("assigned_at", DateTime, nullable=False),
)

contact = Table(
    "contact",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("message_key", String(64), nullable=False),
    Column("campaign", String(80), nullable=False),
    Column("experiment", String(80)),
    Column("person_id", String(36), nullable=False),
    Column("arm", String(80)),
    Column("variant", String(80)),
    Column("would_get", String(80)),
    Column("channel", String(40), nullable=False),
    Column("address", Text),
    Column("outcome", String(20), nullable=False),
    Column("reason", Text, nullable=False),
    Column("made_at", DateTime, nullable=False),
    Column("due_at", DateTime),
    # Of a held-out person the accounts, as a JSON list: whoever has one of them later is held out too.
    Column("accounts", Text),
    UniqueConstraint("message_key", name="contact_message_key"),
    Index("contact_person", "person_id"),
    Index("contact_campaign", "campaign"),
)

cost = Table(
    "cost",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("key", String(200), nullable=False, unique=True),
    Column("campaign", String(80), nullable=False),
    Column("item", String(120), nullable=False),
    Column("variant", String(80)),
    Column("minor_units", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("made_at", DateTime, nullable=False),
)

readout = Table(
    "readout",
    metadata,
    Column("address", String(64), primary_key=True),
    Column("experiment", String(80), nullable=False),
    Column("as_of", DateTime, nullable=False),
    Column("body", Text, nullable=False),
    Index("readout_experiment", "experiment"),
)

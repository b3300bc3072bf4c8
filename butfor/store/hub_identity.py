"""Tables of the hub for identity, points and consent: facts and judgements, only ever added to.

``account`` and ``identifier`` are the live index of what the lake knows too; a person is computed from them and from
``judgement``, and ``account.home`` remembers which person an account first belonged to, so that undoing a
merge gives everybody their id back.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Float,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from butfor.store.hub_tables import metadata

_NUMBER = BigInteger().with_variant(Integer, "sqlite")

account = Table(
    "account",
    metadata,
    Column("account_id", String(36), primary_key=True),
    Column("source", String(80), nullable=False),
    Column("account_key", Text, nullable=False),
    Column("first_seen", DateTime, nullable=False),
    Column("person_id", String(36)),
    Column("home", String(36)),
    Index("account_person", "person_id"),
    Index("account_home", "home"),
)

# Accounts whose person changed and whose row in the lake's map is not written yet.
moved = Table("moved", metadata, Column("account_id", String(36), primary_key=True))

identifier = Table(
    "identifier",
    metadata,
    Column("account_id", String(36), primary_key=True),
    Column("term", String(80), primary_key=True),
    Column("val", String(320), primary_key=True),
    Column("first_seen", DateTime),
    Column("verified_at", DateTime),
    Column("verified_by", String(120)),
    Index("identifier_value", "term", "val"),
)

judgement = Table(
    "judgement",
    metadata,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    Column("made_at", DateTime, nullable=False),
    Column("who", String(120), nullable=False),
    Column("left_account", String(36), nullable=False),
    Column("right_account", String(36), nullable=False),
    Column("verdict", String(20), nullable=False),
    Column("refers_to", _NUMBER),
    Column("rule", String(120), nullable=False),
    Column("evidence", Text, nullable=False),
    Index("judgement_left", "left_account"),
    Index("judgement_right", "right_account"),
)

review = Table(
    "review",
    metadata,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    Column("left_account", String(36), nullable=False),
    Column("right_account", String(36), nullable=False),
    Column("why", String(120), nullable=False),
    Column("score", Float),
    Column("at_stake", BigInteger, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("made_at", DateTime, nullable=False),
    Column("status", String(20), nullable=False),
    Column("decided_at", DateTime),
    Column("decided_by", String(120)),
    UniqueConstraint("left_account", "right_account", "why", name="review_pair"),
)

person_change = Table(
    "person_change",
    metadata,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    Column("made_at", DateTime, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("person_id", String(36), nullable=False),
    Column("other_id", String(36), nullable=False),
    Column("accounts", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Index("person_change_person", "person_id"),
    Index("person_change_other", "other_id"),
)

points = Table(
    "points",
    metadata,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    Column("entry", String(200), nullable=False),
    Column("line", Integer, nullable=False),
    Column("account_id", String(36), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("reference", Text, nullable=False),
    Column("occurred_at", DateTime, nullable=False),
    Column("made_at", DateTime, nullable=False),
    Column("who", String(120), nullable=False),
    UniqueConstraint("entry", "line", name="points_entry_line"),
    Index("points_account", "account_id"),
)

refusal = Table(
    "refusal",
    metadata,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    Column("made_at", DateTime, nullable=False),
    Column("who", String(120), nullable=False),
    Column("what", String(40), nullable=False),
    Column("account_id", String(36), nullable=False),
    Column("amount", BigInteger),
    Column("why", Text, nullable=False),
    Index("refusal_account", "account_id"),
)

consent = Table(
    "consent",
    metadata,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    Column("key", String(64), nullable=False, unique=True),
    Column("channel", String(40), nullable=False),
    Column("address", String(320), nullable=False),
    Column("account_id", String(36)),
    Column("verdict", String(20), nullable=False),
    Column("stated", String(20), nullable=False),
    Column("occurred_at", DateTime, nullable=False),
    Column("made_at", DateTime, nullable=False),
    Column("source", String(80), nullable=False),
    Index("consent_address", "channel", "address"),
    Index("consent_account", "account_id"),
)

erasure = Table(
    "erasure",
    metadata,
    Column("id", _NUMBER, primary_key=True, autoincrement=True),
    Column("made_at", DateTime, nullable=False),
    Column("who", String(120), nullable=False),
    Column("why", Text, nullable=False),
    Column("pseudonym", String(36), nullable=False),
    Column("proof", Text, nullable=False),
)

TABLES = [account, moved, identifier, judgement, review, person_change, points, refusal, consent, erasure]

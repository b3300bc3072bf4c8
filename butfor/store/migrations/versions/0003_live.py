"""Write keys, the inbox of live ingestion, message ids and the drain's position."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "write_key",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("source", sa.String(80), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False, unique=True),
        sa.Column("hint", sa.String(8), nullable=False),
        sa.Column("made_at", sa.DateTime, nullable=False),
        sa.Column("revoked_at", sa.DateTime),
    )
    op.create_table(
        "inbox",
        sa.Column("seq", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("source", sa.String(80), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("received_at", sa.DateTime, nullable=False),
        sa.Column("events", sa.Integer, nullable=False),
        sa.Column("skip", sa.Text),
        sa.Column("keys", sa.LargeBinary),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table("message", sa.Column("id", sa.LargeBinary(16), primary_key=True), sqlite_with_rowid=False)
    op.create_table(
        "drain_position",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("seq", _NUMBER, nullable=False),
        sa.Column("upto", _NUMBER, nullable=False),
    )

"""Loads, changes, assignments, contacts, costs and readouts."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "load",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("source", sa.String(80), nullable=False),
        sa.Column("file", sa.Text, nullable=False),
        sa.Column("started_at", sa.DateTime, nullable=False),
        sa.Column("finished_at", sa.DateTime),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("body", sa.Text),
    )
    op.create_table(
        "change",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("made_at", sa.DateTime, nullable=False),
        sa.Column("who", sa.String(120), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("ref", sa.String(200), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("diff", sa.Text, nullable=False),
    )
    op.create_table(
        "assignment",
        sa.Column("experiment", sa.String(80), primary_key=True),
        sa.Column("person_id", sa.String(36), primary_key=True),
        sa.Column("arm", sa.String(80), nullable=False),
        sa.Column("definition_hash", sa.String(64), nullable=False),
        sa.Column("assigned_at", sa.DateTime, nullable=False),
    )
    op.create_table(
        "contact",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
        ),
        sa.Column("message_key", sa.String(64), nullable=False),
        sa.Column("campaign", sa.String(80), nullable=False),
        sa.Column("experiment", sa.String(80)),
        sa.Column("person_id", sa.String(36), nullable=False),
        sa.Column("arm", sa.String(80)),
        sa.Column("variant", sa.String(80)),
        sa.Column("would_get", sa.String(80)),
        sa.Column("channel", sa.String(40), nullable=False),
        sa.Column("address", sa.Text),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("made_at", sa.DateTime, nullable=False),
        sa.UniqueConstraint("message_key", name="contact_message_key"),
    )
    op.create_index("contact_person", "contact", ["person_id"])
    op.create_index("contact_campaign", "contact", ["campaign"])
    op.create_table(
        "cost",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("key", sa.String(200), nullable=False, unique=True),
        sa.Column("campaign", sa.String(80), nullable=False),
        sa.Column("item", sa.String(120), nullable=False),
        sa.Column("variant", sa.String(80)),
        sa.Column("minor_units", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("made_at", sa.DateTime, nullable=False),
    )
    op.create_table(
        "readout",
        sa.Column("address", sa.String(64), primary_key=True),
        sa.Column("experiment", sa.String(80), nullable=False),
        sa.Column("as_of", sa.DateTime, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("readout_experiment", "readout", ["experiment"])

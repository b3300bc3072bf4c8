"""Exports of audiences, and the log of recipes."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "export_run",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("audience", sa.String(200), nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("channel", sa.String(40), nullable=False),
        sa.Column("purpose", sa.String(40), nullable=False),
        sa.Column("mode", sa.String(20), nullable=False),
        sa.Column("membership_hash", sa.String(64), nullable=False),
        sa.Column("people", sa.BigInteger, nullable=False),
        sa.Column("exported", sa.BigInteger, nullable=False),
        sa.Column("removed", sa.BigInteger, nullable=False),
        sa.Column("left_out", sa.Text, nullable=False),
        sa.Column("extra", sa.Text, nullable=False),
        sa.Column("as_of", sa.DateTime, nullable=False),
        sa.Column("made_at", sa.DateTime, nullable=False),
        sa.Column("who", sa.String(120), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
    )
    op.create_index("export_run_audience", "export_run", ["audience"])
    op.create_table(
        "recipe_log",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("recipe", sa.String(80), nullable=False),
        sa.Column("run", sa.String(80), nullable=False),
        sa.Column("step", sa.String(40), nullable=False),
        sa.Column("who", sa.String(120), nullable=False),
        sa.Column("made_at", sa.DateTime, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("recipe_log_run", "recipe_log", ["run"])

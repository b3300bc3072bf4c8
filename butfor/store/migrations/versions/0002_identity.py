"""Accounts, identifiers, judgements, the review queue, points and consent."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    _people()
    _judgements()
    _points()
    _consent()
    op.add_column("contact", sa.Column("due_at", sa.DateTime))
    op.add_column("contact", sa.Column("accounts", sa.Text))


def _people() -> None:
    op.create_table(
        "account",
        sa.Column("account_id", sa.String(36), primary_key=True),
        sa.Column("source", sa.String(80), nullable=False),
        sa.Column("account_key", sa.Text, nullable=False),
        sa.Column("first_seen", sa.DateTime, nullable=False),
        sa.Column("person_id", sa.String(36)),
        sa.Column("home", sa.String(36)),
    )
    op.create_index("account_person", "account", ["person_id"])
    op.create_index("account_home", "account", ["home"])
    op.create_table("moved", sa.Column("account_id", sa.String(36), primary_key=True))
    op.create_table(
        "identifier",
        sa.Column("account_id", sa.String(36), primary_key=True),
        sa.Column("term", sa.String(80), primary_key=True),
        sa.Column("val", sa.String(320), primary_key=True),
        sa.Column("first_seen", sa.DateTime),
        sa.Column("verified_at", sa.DateTime),
        sa.Column("verified_by", sa.String(120)),
    )
    op.create_index("identifier_value", "identifier", ["term", "val"])
    op.create_table(
        "person_change",
        sa.Column("id", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("made_at", sa.DateTime, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("person_id", sa.String(36), nullable=False),
        sa.Column("other_id", sa.String(36), nullable=False),
        sa.Column("accounts", sa.Text, nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
    )
    op.create_index("person_change_person", "person_change", ["person_id"])
    op.create_index("person_change_other", "person_change", ["other_id"])


def _judgements() -> None:
    op.create_table(
        "judgement",
        sa.Column("id", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("made_at", sa.DateTime, nullable=False),
        sa.Column("who", sa.String(120), nullable=False),
        sa.Column("left_account", sa.String(36), nullable=False),
        sa.Column("right_account", sa.String(36), nullable=False),
        sa.Column("verdict", sa.String(20), nullable=False),
        sa.Column("refers_to", _NUMBER),
        sa.Column("rule", sa.String(120), nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
    )
    op.create_index("judgement_left", "judgement", ["left_account"])
    op.create_index("judgement_right", "judgement", ["right_account"])
    op.create_table(
        "review",
        sa.Column("id", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("left_account", sa.String(36), nullable=False),
        sa.Column("right_account", sa.String(36), nullable=False),
        sa.Column("why", sa.String(120), nullable=False),
        sa.Column("score", sa.Float),
        sa.Column("at_stake", sa.BigInteger, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("made_at", sa.DateTime, nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("decided_at", sa.DateTime),
        sa.Column("decided_by", sa.String(120)),
        sa.UniqueConstraint("left_account", "right_account", "why", name="review_pair"),
    )


def _points() -> None:
    op.create_table(
        "points",
        sa.Column("id", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("entry", sa.String(200), nullable=False),
        sa.Column("line", sa.Integer, nullable=False),
        sa.Column("account_id", sa.String(36), nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("occurred_at", sa.DateTime, nullable=False),
        sa.Column("made_at", sa.DateTime, nullable=False),
        sa.Column("who", sa.String(120), nullable=False),
        sa.UniqueConstraint("entry", "line", name="points_entry_line"),
    )
    op.create_index("points_account", "points", ["account_id"])
    op.create_table(
        "refusal",
        sa.Column("id", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("made_at", sa.DateTime, nullable=False),
        sa.Column("who", sa.String(120), nullable=False),
        sa.Column("what", sa.String(40), nullable=False),
        sa.Column("account_id", sa.String(36), nullable=False),
        sa.Column("amount", sa.BigInteger),
        sa.Column("why", sa.Text, nullable=False),
    )
    op.create_index("refusal_account", "refusal", ["account_id"])


def _consent() -> None:
    op.create_table(
        "consent",
        sa.Column("id", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("key", sa.String(64), nullable=False, unique=True),
        sa.Column("channel", sa.String(40), nullable=False),
        sa.Column("address", sa.String(320), nullable=False),
        sa.Column("account_id", sa.String(36)),
        sa.Column("verdict", sa.String(20), nullable=False),
        sa.Column("stated", sa.String(20), nullable=False),
        sa.Column("occurred_at", sa.DateTime, nullable=False),
        sa.Column("made_at", sa.DateTime, nullable=False),
        sa.Column("source", sa.String(80), nullable=False),
    )
    op.create_index("consent_address", "consent", ["channel", "address"])
    op.create_index("consent_account", "consent", ["account_id"])
    op.create_table(
        "erasure",
        sa.Column("id", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("made_at", sa.DateTime, nullable=False),
        sa.Column("who", sa.String(120), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("pseudonym", sa.String(36), nullable=False),
        sa.Column("proof", sa.Text, nullable=False),
    )

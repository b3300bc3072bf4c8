"""The tables that events, accounts and quarantined rows live in, made from the plan."""

from __future__ import annotations

from typing import cast

from butfor.plan import Plan
from butfor.plan.kinds import Term
from butfor.plan.walk import PRODUCT_FACTS
from butfor.store import Logical, Table

ACCOUNT = Table("account", {"account_id": "uuid", "source": "text", "account_key": "text"})
# One row when an account first shows a value, and one more when the value is verified for it.
IDENTIFIER = Table(
    "identifier",
    {"account_id": "uuid", "term": "text", "val": "text", "seen_at": "timestamp", "verified": "boolean"},
)
QUARANTINE = Table(
    "quarantine",
    {
        "row_id": "uuid", "load_id": "integer", "source": "text", "row_no": "integer", "reason": "text",
        "field": "text", "val": "text", "raw": "text", "term": "text",
    },
)  # fmt: skip
# Events that no person made, such as a click by a scanner; they prove nothing and count as no activity.
MACHINE = Table("machine", {"event_id": "uuid", "term": "text", "why": "text"})
# What was odd about a value that an account showed, the value as typed, what it became, and what was perhaps meant.
# For cities also which one it is, and how sure that is.
QUALITY = Table(
    "quality",
    {
        "account_id": "uuid", "source": "text", "term": "text", "val": "text", "became": "text", "flags": "text",
        "suggestion": "text", "place": "text", "confidence": "number", "load_id": "integer",
    },
)  # fmt: skip
# How often live events of a term (or a kind of call) carried a name that the plan does not know, per micro-batch.
UNPLANNED = Table(
    "unplanned",
    {
        "row_id": "uuid", "load_id": "integer", "source": "text", "term": "text", "property": "text", "n": "integer",
        "seen_at": "timestamp",
    },
)  # fmt: skip
# What a sender with a wrong clock said, beside the time that its event was given.
CORRECTED = Table(
    "corrected",
    {
        "event_id": "uuid", "load_id": "integer", "source": "text", "said_at": "timestamp", "occurred_at": "timestamp",
        "received_at": "timestamp",
    },
)  # fmt: skip

# What sources said of products: a row holds from ``valid_from`` on, until the same source says something else of the product.
# ``gone`` rows say that a complete delivery did not name it any more.
PRODUCT = Table(
    "product",
    {
        "load_id": "integer", "source": "text", "row_no": "integer", "valid_from": "timestamp", "content": "uuid", "gone": "boolean",
        **cast(dict[str, Logical], PRODUCT_FACTS),
    },
)  # fmt: skip
# Hashes of the accounts that were erased.
ERASED_MARKS = Table("erased", {"mark": "uuid"})

_EVENT: dict[str, Logical] = {
    "event_id": "uuid",
    "part": "integer",
    "account_id": "uuid",
    "source": "text",
    "occurred_at": "timestamp",
    "load_id": "integer",
}
_ATTRIBUTE: dict[str, Logical] = {
    "row_id": "uuid", "account_id": "uuid", "source": "text", "seen_at": "timestamp", "load_id": "integer",
}  # fmt: skip
_LINE: dict[str, Logical] = {"row_id": "uuid", "event_id": "uuid", "load_id": "integer"}


def event_table(term: Term) -> Table:
    """Return the table of an event term.

    An event whose lines arrive in several deliveries has one row per delivery that changed it: ``part`` 0 is
    the first, later parts hold what was added to ``total``. So sums are sums, and counts count part 0.
    """
    props = {name: cast(Logical, p.type) for name, p in term.properties.items()}
    return Table(f"ev_{term.id}", _EVENT | props)


def line_table(term: Term) -> Table:
    """Return the child table of an event's products; ``amount`` is quantity times price."""
    props = {name: cast(Logical, p.type) for name, p in term.products.items()}
    return Table(f"ev_{term.id}__products", _LINE | props | {"amount": "money"})


def attribute_table(plan: Plan) -> Table:
    """Return the table of personal attributes: one row per delivered record, typed by the plan."""
    terms = {t.id: cast(Logical, t.type or "text") for t in plan.all(Term) if t.what == "attribute"}
    return Table("attribute", _ATTRIBUTE | terms)


def all_tables(plan: Plan) -> list[Table]:
    """Return every table that loading may write to."""
    events = [t for t in plan.all(Term) if t.what == "event"]
    lines = [line_table(t) for t in events if t.products]
    return [
        ACCOUNT, IDENTIFIER, QUARANTINE, QUALITY, MACHINE, ERASED_MARKS, UNPLANNED, CORRECTED, PRODUCT, attribute_table(plan), *map(event_table, events), *lines,
    ]  # fmt: skip

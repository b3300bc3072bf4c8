"""The three columns that an RFM grid scores: the base traits, or facts of its own for a category, a shop or a span."""

from __future__ import annotations

import msgspec

from butfor.model import BadDefinition
from butfor.plan import Plan
from butfor.plan.kinds import Audience, Rfm, Rule, Term
from butfor.plan.properties import speaks_of_lines


class GridColumns(msgspec.Struct, frozen=True):
    """The columns of the traits that a grid scores: days since the last purchase, purchases, net spend."""

    days: str = "recency_days"
    orders: str = "orders"
    spend: str = "spend"


def is_own(rfm: Rfm) -> bool:
    """Say whether a grid counts other purchases than the base traits do."""
    return any(x is not None for x in (rfm.event, rfm.where, rfm.last, rfm.less))


def grid_columns(audience: Audience) -> GridColumns:
    """Return the columns of the traits that an RFM grid scores."""
    if audience.rfm is None or not is_own(audience.rfm):
        return GridColumns()
    return GridColumns(*(f"{audience.id}_{n}" for n in ("days", "orders", "spend")))


def grid_facts(plan: Plan, audience: Audience) -> dict[str, Rule]:
    """Return the facts that an RFM grid has of its own, by column; none where it scores the base traits.

    Days since the last purchase and purchases are not lowered by returns, net spend is. Raises BadDefinition where the plan
    has no purchase, or several purchases or returns, and the grid does not say which it means.
    """
    rfm, at = audience.rfm, grid_columns(audience)
    if rfm is None or not is_own(rfm):
        return {}
    event = rfm.event or _only(plan, audience, "purchase", "event")
    if event is None:
        raise BadDefinition(
            f"audience {audience.id}", value="no purchase", rule="a grid counts purchases", next_step="give an event term role: purchase"
        )  # fmt: skip
    base = Rule(event=event, where=rfm.where, last=rfm.last)
    money = Rule(
        event=event, where=rfm.where, last=rfm.last, take="sum", of="product.amount" if speaks_of_lines(base) else "total",
        less=rfm.less or _only(plan, audience, "refund", "less"),
    )  # fmt: skip
    return {
        at.days: msgspec.structs.replace(base, take="days_since"),
        at.orders: msgspec.structs.replace(base, take="count"),
        at.spend: money,
    }


def all_grid_facts(plan: Plan) -> dict[str, Rule]:
    """Return the facts of all RFM grids of a plan that have some of their own, by column."""
    found: dict[str, Rule] = {}
    for audience in plan.all(Audience):
        found |= grid_facts(plan, audience)
    return found


def _only(plan: Plan, audience: Audience, role: str, field: str) -> str | None:
    names = [t.id for t in plan.all(Term) if t.what == "event" and t.role == role]
    if len(names) > 1:
        raise BadDefinition(
            f"audience {audience.id}", value=", ".join(names), rule=f"a grid counts one event as {role}",
            next_step=f"write {field}: {names[0]} under rfm:",
        )  # fmt: skip
    return names[0] if names else None

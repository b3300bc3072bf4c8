"""What conditions may ask of an event: its own properties, those of its products, and what is derived from it."""

from __future__ import annotations

from butfor.plan.kinds import Property, Rule, Term

SOURCE = Property(type="text", means="the source that delivered it")
AMOUNT = Property(type="money", means="quantity times price")
# Derived from the time of an event, in the workspace's zone.
LOCAL = {
    "hour": Property(type="integer", means="the hour of the day it began in, 0 to 23, in the workspace's time zone"),
    "weekday": Property(type="integer", means="the day of the week, 1 (Monday) to 7 (Sunday), in the workspace's time zone"),
}  # fmt: skip


def properties_of(term: Term) -> dict[str, Property]:
    """Return every property that a condition on an event may name; ``product.`` goes before those of its products.

    A property that the plan itself calls ``hour`` or ``weekday`` is meant before the derived one.
    """
    lines = {f"product.{name}": p for name, p in term.products.items()}
    if term.products:
        lines["product.amount"] = AMOUNT
    return {**LOCAL, **term.properties, "source": SOURCE, **lines}


def local_part(term: Term, name: str) -> bool:
    """Say whether a name is derived from the time of an event."""
    return name in LOCAL and name not in term.properties


def where_leaves(rule: Rule | None) -> list[Rule]:
    """Return the leaves of a ``where``."""
    if rule is None:
        return []
    inner = [*(rule.all or []), *(rule.any or []), *([rule.not_] if rule.not_ else [])]
    listed = rule.all is not None or rule.any is not None
    return [leaf for r in inner for leaf in where_leaves(r)] if inner or listed else [rule]


def speaks_of_lines(fact: Rule) -> bool:
    """Say whether a fact reads the products of an event."""
    names = [fact.of or "", *(leaf.property or "" for leaf in where_leaves(fact.where))]
    return any(n.startswith("product.") for n in names)

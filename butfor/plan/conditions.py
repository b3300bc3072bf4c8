"""Conditions about what happened, as the lint reads them: where they stand, and the type of what they compare."""

from __future__ import annotations

from collections.abc import Iterator

from butfor.plan.files import Plan
from butfor.plan.kinds import Audience, Definition, Rule, Term
from butfor.plan.properties import properties_of
from butfor.plan.walk import leaves, rule_trees

WHOLE_NUMBERS = ("count", "distinct", "days_since")
NUMBERS = ("average", "days_between", "trend")
# Taken of a property; the others may be taken of the events themselves.
OF_PROPERTY = ("sum", "average", "distinct", "most_frequent", "list")


def event_conditions(plan: Plan) -> Iterator[tuple[Definition, str, Rule]]:
    """Yield every leaf about an event: of rules, and, without an operator, of computed traits."""
    for definition, root, rule in rule_trees(plan):
        for path, leaf in leaves(rule, root):
            if leaf.event is not None:
                yield definition, path, leaf
    for term in plan.all(Term):
        if term.compute is not None:
            yield term, "compute", term.compute


def steps(leaf: Rule, path: str) -> Iterator[tuple[str, Rule]]:
    """Yield a condition about an event, and the event that it is followed by."""
    yield path, leaf
    for name in ("then", "then_not"):
        second = getattr(leaf, name)
        if second is not None:
            yield f"{path}.{name}", second


def where_conditions(plan: Plan) -> Iterator[tuple[Definition, str, str, Rule]]:
    """Yield every leaf of a ``where`` with the event whose properties it compares."""
    for definition, root, leaf in event_conditions(plan):
        for path, step in steps(leaf, root):
            for at, each in leaves(step.where, f"{path}.where"):
                yield definition, at, step.event or "", each
    for audience in plan.all(Audience):
        if audience.rfm is not None:
            for at, each in leaves(audience.rfm.where, "rfm.where"):
                yield audience, at, grid_event(plan, audience), each


def grid_event(plan: Plan, audience: Audience) -> str:
    """Return the event that an RFM grid counts: the one it names, else the plan's purchase, empty where there is none."""
    named = audience.rfm.event if audience.rfm else None
    bought = [t.id for t in plan.all(Term) if t.what == "event" and t.role == "purchase"]
    return named or (bought[0] if bought else "")


def grid_return(plan: Plan, audience: Audience) -> str:
    """Return the event that an RFM grid takes off: the one it names, else the plan's return, empty where there is none."""
    named = audience.rfm.less if audience.rfm else None
    returned = [t.id for t in plan.all(Term) if t.what == "event" and t.role == "refund"]
    return named or (returned[0] if returned else "")


def property_type(plan: Plan, event: str, name: str | None) -> str | None:
    """Return the type of a property of an event; None where either is unknown."""
    term = plan.find(Term, event)
    found = properties_of(term).get(name or "") if term is not None else None
    return found.type if found is not None else None


def value_type(plan: Plan, fact: Rule) -> str | None:
    """Return the type of what a condition about an event compares; None where it is unknown, or a list of texts."""
    take = fact.take or "count"
    if take in WHOLE_NUMBERS:
        return "integer"
    if take in NUMBERS:
        return "number"
    if take == "list":
        return None
    return property_type(plan, fact.event or "", fact.of) if fact.of else "timestamp"

"""What a fact is: the name of its column, and the type of its values."""

from __future__ import annotations

import hashlib

import msgspec

from butfor.facts.compare import OPERATORS
from butfor.model import BadDefinition
from butfor.plan import Plan, did_you_mean
from butfor.plan.kinds import Property, Rule, Term
from butfor.plan.properties import properties_of

_WHOLE = ("count", "distinct", "days_since")
_NUMBER = ("average", "days_between", "trend")


def bare(leaf: Rule) -> Rule:
    """Return a leaf about an event without its operator: the fact that it compares."""
    return msgspec.structs.replace(leaf, **dict.fromkeys(OPERATORS))


def fact_name(fact: Rule) -> str:
    """Return the column of a fact: a hash of its content, so that equal facts are computed once."""
    body = msgspec.json.encode(fact)
    return "f_" + hashlib.md5(body, usedforsecurity=False).hexdigest()[:12]


def fact_type(plan: Plan, fact: Rule) -> str:
    """Return the type of a fact's values; raise BadDefinition when its event or property is unknown."""
    take = fact.take or "count"
    if take in _WHOLE:
        return "integer"
    if take in _NUMBER:
        return "number"
    if fact.of is None:
        return "timestamp"
    return "list" if take == "list" else property_of(plan, fact.event or "", fact.of).type


def property_of(plan: Plan, event: str, name: str) -> Property:
    """Return a property of an event, or with ``product.`` before it of its lines; ``hour`` and ``weekday`` are derived.

    Raises BadDefinition when there is none of that name.
    """
    known = properties_of(plan.get(Term, event))
    if name not in known:
        raise BadDefinition(
            f"condition on {event}", value=name, rule=f"it is a property of {event}, or product. and one of its lines",
            next_step=did_you_mean(name, list(known)),
        )  # fmt: skip
    return known[name]

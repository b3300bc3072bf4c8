"""Read rule trees and column targets: what do they refer to, and where does it stand."""

from __future__ import annotations

from collections.abc import Iterator

from butfor.plan.files import Plan
from butfor.plan.kinds import Audience, Column, Definition, Experiment, Rule, Source, Term, Type

# What a source of products may say about one; its time is that from which it holds.
PRODUCT_FACTS: dict[str, Type] = {
    "product_id": "text", "name": "text", "category": "text", "price": "money", "list_price": "money",
    "stock": "integer", "available": "boolean", "channels": "text",
}  # fmt: skip

OPERATORS = (
    "equals", "not_equals", "at_least", "at_most", "above", "below", "between", "one_of", "none_of", "contains", "not_contains",
    "starts_with", "ends_with", "matches", "has_any", "has_all", "within_last", "within_next", "longer_ago", "later_than",
    "anniversary", "exists",
)  # fmt: skip
_NUMBERS = ("integer", "number", "money")
_ORDERED = (*_NUMBERS, "date", "timestamp")
_EVERY = (*_ORDERED, "boolean", "text")
_TIMES = ("date", "timestamp")
# The types that each operator compares; butfor.facts says how.
TYPES_OF: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("equals", "not_equals", "one_of", "none_of"), _EVERY),
    **dict.fromkeys(("at_least", "at_most", "above", "below", "between"), (*_ORDERED, "text")),
    **dict.fromkeys(("contains", "not_contains", "starts_with", "ends_with", "matches"), ("text",)),
    **dict.fromkeys(("has_any", "has_all"), ("list",)),
    **dict.fromkeys(("within_last", "within_next", "longer_ago", "later_than"), _TIMES),
    "anniversary": ("date",), "exists": (*_EVERY, "list"),
}  # fmt: skip
# Operators whose values are of the type that they compare.
WITH_VALUES = (
    "equals",
    "not_equals",
    "one_of",
    "none_of",
    "at_least",
    "at_most",
    "above",
    "below",
    "between",
)
# What a condition may be about; it has exactly one of these.
SUBJECTS = (
    "audience", "trait", "property", "event", "consent", "reachable", "near", "share", "source", "contacted",
)  # fmt: skip
# These say all without an operator.
WHOLE = ("audience", "reachable", "near", "share", "source")


def nodes(rule: Rule | None, path: str = "rule") -> Iterator[tuple[str, Rule]]:
    """Yield every node of a rule tree with its dotted path, parents first."""
    if rule is None:
        return
    yield path, rule
    for name, branch in (("all", rule.all), ("any", rule.any)):
        for i, child in enumerate(branch or []):
            yield from nodes(child, f"{path}.{name}.{i}")
    yield from nodes(rule.not_, f"{path}.not")


def leaves(rule: Rule | None, path: str = "rule") -> Iterator[tuple[str, Rule]]:
    """Yield every leaf of a rule tree with its dotted path."""
    for at, node in nodes(rule, path):
        if node.all is None and node.any is None and node.not_ is None:
            yield at, node


def parts(rule: Rule) -> list[str]:
    """Return which of all, any, not and the subjects of conditions a node has; a sound one has one of them."""
    said = {"all": rule.all, "any": rule.any, "not": rule.not_, **{s: getattr(rule, s) for s in SUBJECTS}}
    return [name for name, value in said.items() if value is not None]


def rule_trees(plan: Plan) -> Iterator[tuple[Definition, str, Rule | None]]:
    """Yield every rule tree of a plan: of audiences, of lifecycle logic and of policies, and where it stands."""
    for audience in plan.all(Audience):
        yield audience, "rule", audience.rule
    for term in plan.all(Term):
        for i, case in enumerate(term.logic):
            yield term, f"logic.{i}.when", case.when
    for experiment in plan.all(Experiment):
        for name, policy in experiment.policies.items():
            for i, choice in enumerate(policy.cases):
                yield experiment, f"policies.{name}.cases.{i}.when", choice.when


def operators(rule: Rule) -> list[str]:
    """Return the operators that a leaf uses."""
    return [name for name in OPERATORS if getattr(rule, name) is not None]


def targets(source: Source) -> Iterator[tuple[str, str]]:
    """Yield (column, target) for every mapped column of a source."""
    for name, column in source.columns.items():
        yield name, column.to if isinstance(column, Column) else column


def column_of(source: Source, target: str) -> str | None:
    """Return the column that is mapped to ``target``, or None."""
    return next((name for name, to in targets(source) if to == target), None)


def takes_returns(source: Source) -> bool:
    """Say whether rows of a source may take something back: order lines, and whole orders with a total."""
    totals = source.grain == "event" and column_of(source, "event.total") is not None
    return source.returns.when != "never" and (source.grain == "order_line" or totals)


def delivered_events(plan: Plan) -> set[str]:
    """Return the event terms that some source of the plan delivers."""
    found: set[str] = set()
    for source in plan.all(Source):
        if source.connector == "segment" and source.status == "active":
            found |= {t.id for t in plan.all(Term) if t.what == "event"}
        found |= {source.event or "", *named_events(source).values()}
        if takes_returns(source):
            found.add(source.returns.event)
    return found - {""}


def named_events(source: Source) -> dict[str, str]:
    """Return, for the column that names the event of a row, its values and the event terms they mean."""
    columns = [c for c in source.columns.values() if isinstance(c, Column) and c.to == "event"]
    return {value: event for column in columns for value, event in column.values.items()}


def confirms(source: Source, term: str) -> bool:
    """Say whether a source has verified the values of an identifier itself; anybody can type at a live one."""
    if source.confirms is not None:
        return term in source.confirms
    return source.connector != "segment"

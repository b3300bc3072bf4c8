"""A condition compares what it is about with values of the same type."""

from collections.abc import Iterator
from datetime import date, datetime

from butfor.plan.conditions import property_type, value_type, where_conditions
from butfor.plan.files import Plan
from butfor.plan.finding import Finding
from butfor.plan.kinds import Definition, Rule, Scalar, Term
from butfor.plan.walk import TYPES_OF, WITH_VALUES, leaves, operators, rule_trees

CODE = "VALUE"
LEVEL = "error"
WHY = "a number compared with a word chooses nobody, or stops the run"
EXAMPLES = {
    "integer": "3", "number": "2.5", "money": "100", "boolean": "true", "date": "'2026-01-31'",
    "timestamp": "'2026-01-31T12:00:00'", "text": "'a text in quotes'",
}  # fmt: skip


def check(plan: Plan) -> Iterator[Finding]:
    """Yield values and operators of another type than what they are compared with, and ranges that hold nothing."""
    for definition, root, rule in rule_trees(plan):
        for path, leaf in leaves(rule, root):
            term = plan.find(Term, leaf.trait or "")
            if term and term.type:
                yield from _compared(definition, path, term.id, _type(term), leaf)
            if leaf.event:
                kind = "list" if leaf.take == "list" else value_type(plan, leaf)
                yield from _compared(definition, path, _said(leaf), kind, leaf)
            if leaf.consent:
                yield from _consent(definition, path, leaf)
    for definition, path, event, leaf in where_conditions(plan):
        kind = property_type(plan, event, leaf.property)
        yield from _compared(definition, path, f"{leaf.property} of {event}", kind, leaf)
    for term in plan.all(Term):
        yield from _computed(plan, term)


def _type(term: Term) -> str:
    listed = term.compute is not None and term.compute.take == "list"
    return "list" if listed else str(term.type)


def _said(leaf: Rule) -> str:
    return f"{leaf.take or 'count'} of {leaf.event}" + (f".{leaf.of}" if leaf.of else "")


def _compared(
    definition: Definition, path: str, what: str, kind: str | None, leaf: Rule
) -> Iterator[Finding]:
    used = operators(leaf)
    if kind is None or len(used) != 1:
        return
    if kind not in TYPES_OF[used[0]]:
        fitting = [n for n, kinds in TYPES_OF.items() if kind in kinds]
        yield Finding(definition, path, f"{what} is {kind}, and {used[0]} is for {', '.join(TYPES_OF[used[0]])}", f"use one of {', '.join(fitting)}")  # fmt: skip
        return
    wrong = [v for v in _values(leaf) if not _is_a(v, kind)]
    if wrong:
        yield Finding(
            definition, path, f"{what} is {kind} and is compared with {wrong[0]!r}",
            f"write a value such as {EXAMPLES[kind]}",
        )  # fmt: skip
    elif leaf.between and leaf.between[0] > leaf.between[1]:  # type: ignore[operator]
        yield Finding(
            definition, path, f"nothing is between {leaf.between[0]} and {leaf.between[1]}",
            "write the smaller value first",
        )  # fmt: skip


def _consent(definition: Definition, path: str, leaf: Rule) -> Iterator[Finding]:
    for value in _values(leaf):
        if value not in ("given", "withdrawn", "unknown"):
            yield Finding(
                definition,
                path,
                f"consent for {leaf.consent} is compared with {value!r}",
                "write given, withdrawn or unknown",
            )


def _computed(plan: Plan, term: Term) -> Iterator[Finding]:
    """Yield computed traits that say another type than they have, or that are computed in two ways or in none."""
    fact = term.compute
    if fact is None:
        return
    if term.what != "trait" or term.logic:
        yield Finding(
            term, "compute", f"{term.id} is {term.what}{' with logic' if term.logic else ''}, and only a trait without is computed",
            "set what: trait, and keep logic: or compute:",
        )  # fmt: skip
    if fact.event is None or operators(fact):
        yield Finding(term, "compute", f"{term.id} is computed by no event, or compared", "write {event: order_completed, take: sum, of: total}, without an operator")  # fmt: skip
        return
    kind = "text" if fact.take == "list" else value_type(plan, fact)
    if kind is not None and (term.type or "text") != kind:
        yield Finding(
            term, "compute", f"{term.id} says type {term.type or 'text'}, and {_said(fact)} is {kind}", f"write type: {kind}"
        )  # fmt: skip


def _values(leaf: Rule) -> list[Scalar]:
    """Return what the operators of a leaf compare with the value itself: no spans, parts of texts, or flags."""
    found: list[Scalar] = []
    for name in operators(leaf):
        value = getattr(leaf, name)
        if name in WITH_VALUES:
            found += value if isinstance(value, list) else [value]
    return found


def _is_a(value: Scalar, kind: str) -> bool:
    if kind in ("integer", "number", "money"):
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind == "boolean":
        return isinstance(value, bool)
    return isinstance(value, str) and (
        kind == "text" or _is_time(value, date if kind == "date" else datetime)
    )


def _is_time(value: str, kind: type[date]) -> bool:
    try:
        kind.fromisoformat(value)
    except ValueError:
        return False
    return True

"""A condition compares a trait with values of its own type."""

from collections.abc import Iterator
from datetime import date, datetime

from butfor.plan.files import Plan
from butfor.plan.finding import Finding
from butfor.plan.kinds import Definition, Rule, Scalar, Term
from butfor.plan.walk import leaves, operators, rule_trees

CODE = "VALUE"
LEVEL = "error"
WHY = "a number compared with a word chooses nobody, or stops the run"
EXAMPLES = {
    "integer": "3", "number": "2.5", "money": "100", "boolean": "true", "date": "'2026-01-31'",
    "timestamp": "'2026-01-31T12:00:00'", "text": "'a text in quotes'",
}  # fmt: skip


def check(plan: Plan) -> Iterator[Finding]:
    """Yield values of another type than their trait, and ranges that hold nothing."""
    for definition, root, rule in rule_trees(plan):
        for path, leaf in leaves(rule, root):
            term = plan.find(Term, leaf.trait or "")
            if term and term.type:
                yield from _compared(definition, path, term, term.type, leaf)


def _compared(definition: Definition, path: str, term: Term, kind: str, leaf: Rule) -> Iterator[Finding]:
    wrong = [v for v in _values(leaf) if not _is_a(v, kind)]
    if wrong:
        yield Finding(
            definition, path, f"{term.id} is {kind} and is compared with {wrong[0]!r}",
            f"write a value such as {EXAMPLES[kind]}",
        )  # fmt: skip
    elif leaf.between and leaf.between[0] > leaf.between[1]:  # type: ignore[operator]
        yield Finding(
            definition, path, f"nothing is between {leaf.between[0]} and {leaf.between[1]}",
            "write the smaller value first",
        )  # fmt: skip


def _values(leaf: Rule) -> list[Scalar]:
    """Return what the operators of a leaf compare with; ``exists`` and ``contains`` fit every type."""
    found: list[Scalar] = []
    for name in operators(leaf):
        value = getattr(leaf, name)
        if name not in ("exists", "contains"):
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

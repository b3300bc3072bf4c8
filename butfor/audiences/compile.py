"""From a rule tree to a condition over the traits table, and to a sentence. Values are literals, never pasted."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from sqlglot import exp

from butfor.model import BadDefinition, Refused
from butfor.plan import Plan, did_you_mean
from butfor.plan.kinds import Audience, Rule, Scalar, Term
from butfor.plan.walk import operators
from butfor.store import column, literal

_COMPARE: dict[str, type[exp.Binary]] = {
    "equals": exp.EQ, "not_equals": exp.NEQ, "at_least": exp.GTE, "at_most": exp.LTE, "above": exp.GT, "below": exp.LT,
}  # fmt: skip
_WORDS = {
    "equals": "is", "not_equals": "is not", "at_least": "is at least", "at_most": "is at most", "above": "is above",
    "below": "is below", "contains": "contains",
}  # fmt: skip


def condition(plan: Plan, rule: Rule, path: tuple[str, ...] = ()) -> exp.Expression:
    """Return a rule as a condition over the traits table that is true or false, never NULL.

    Raises Refused when a term's use for targeting is denied, BadDefinition when the rule cannot be read.
    """
    if rule.all is not None:
        return _joined(exp.And, [condition(plan, r, path) for r in rule.all], exp.true())
    if rule.any is not None:
        return _joined(exp.Or, [condition(plan, r, path) for r in rule.any], exp.false())
    if rule.not_ is not None:
        return exp.Not(this=exp.Paren(this=condition(plan, rule.not_, path)))
    if rule.audience is not None and rule.trait is None:
        return exp.paren(audience_condition(plan, rule.audience, path))
    return _leaf(plan, rule)


def _joined(kind: type[exp.Connector], parts: list[exp.Expression], empty: exp.Expression) -> exp.Expression:
    joined = parts[0] if parts else empty
    for part in parts[1:]:
        joined = cast(exp.Expression, kind(this=joined, expression=part))
    return exp.Paren(this=joined) if len(parts) > 1 else joined


def audience_condition(plan: Plan, name: str, path: tuple[str, ...] = ()) -> exp.Expression:
    """Return the condition of an audience, or of one cell of a grid named ``grid.cell``."""
    if name in path:
        raise BadDefinition(
            f"audience {name}", value=" -> ".join([*path, name]), rule="audiences do not contain themselves",
            next_step="take one of them out of the other's rule",
        )  # fmt: skip
    grid, _, cell = name.partition(".")
    audience = plan.get(Audience, grid)
    if audience.rfm is not None:
        return _cell_condition(audience, cell)
    if cell:
        raise BadDefinition(
            f"audience {name}", value=cell, rule=f"only a grid has cells, and {grid} is a rule",
            next_step=f"write {grid}",
        )  # fmt: skip
    if audience.rule is None:
        raise BadDefinition(
            f"audience {name}", rule="an audience has a rule or an RFM grid", next_step="add rule:"
        )
    return condition(plan, audience.rule, (*path, name))


def _cell_condition(audience: Audience, cell: str) -> exp.Expression:
    cells = [*(audience.rfm.cells if audience.rfm else {}), "no_purchase"]
    if cell and cell not in cells:
        raise BadDefinition(
            f"audience {audience.id}.{cell}",
            rule="the cell is in the grid",
            next_step=did_you_mean(cell, cells),
        )
    # Whoever bought has scores, though a grid with a gap may give them no cell.
    bought = exp.not_(exp.Is(this=column(f"{audience.id}_recency"), expression=exp.null()))
    if cell in ("", "no_purchase"):
        return exp.not_(bought) if cell else bought
    at = exp.Coalesce(this=column(f"{audience.id}_cell"), expressions=[literal("")])
    return exp.EQ(this=at, expression=literal(cell))


def _leaf(plan: Plan, rule: Rule) -> exp.Expression:
    used = operators(rule)
    if rule.trait is None or len(used) != 1:
        raise BadDefinition(
            f"condition on {rule.trait or 'nothing'}", value=", ".join(used) or "no operator",
            rule="a condition names a trait and exactly one operator", next_step="write {trait: orders, at_least: 2}",
        )  # fmt: skip
    term = plan.get(Term, rule.trait)
    if term.uses is not None and term.uses.target == "deny":
        raise Refused(
            f"targeting by {term.id}", value="target: deny", rule=f"{term.label} may not be used to choose people (R-193)",
            next_step=f"choose another trait, or have its owner ({term.owner or 'nobody named'}) allow it",
        )  # fmt: skip
    if term.what not in ("attribute", "trait"):
        raise BadDefinition(
            f"condition on {term.id}", value=term.what, rule="people are chosen by what is known of a person: traits and attributes",
            next_step=did_you_mean(term.id, [t.id for t in plan.all(Term) if t.what in ("attribute", "trait")]),
        )  # fmt: skip
    operator = used[0]
    # A person without a value is in no comparison and in every 'is not'; a NULL would lose them from both.
    missing = exp.true() if operator == "not_equals" else exp.false()
    if operator == "exists":
        known = exp.not_(exp.Is(this=column(term.id), expression=exp.null()))
        return known if rule.exists else exp.not_(known)
    return exp.Coalesce(
        this=exp.paren(_compare(term, operator, getattr(rule, operator))), expressions=[missing]
    )


def _compare(term: Term, operator: str, value: Any) -> exp.Expression:
    at = column(term.id)
    if operator == "between":
        return exp.Between(this=at, low=_value(term, value[0]), high=_value(term, value[1]))
    if operator == "one_of":
        if not value:
            return exp.false()
        return exp.In(this=at, expressions=[_value(term, v) for v in value])
    if operator == "contains":
        if term.type not in (None, "text"):
            raise BadDefinition(
                f"condition on {term.id}", value=value, rule=f"only a text contains something, and {term.label} is a {term.type}",
                next_step="choose another operator, such as equals or between",
            )  # fmt: skip
        return exp.Contains(this=exp.Lower(this=at), expression=literal(str(value).lower()))
    compared: Any = _COMPARE[operator](this=at, expression=_value(term, value))
    return cast(exp.Expression, compared)


def _value(term: Term, value: Scalar) -> exp.Expression:
    """Return a rule's value as a literal of the term's type; raise BadDefinition when it is of another."""
    try:
        match term.type:
            case "integer" | "number":
                return literal(_number(value))
            case "money":
                return literal(_money(value))
            case "boolean":
                return literal(_exactly(value, bool))
            case "date":
                return literal(date.fromisoformat(str(value)))
            case "timestamp":
                return literal(_utc(datetime.fromisoformat(str(value))))
            case _:
                return literal(_exactly(value, str))
    except (TypeError, ValueError, InvalidOperation) as error:
        raise BadDefinition(
            f"condition on {term.id}", value=value, rule=f"{term.label} is compared with a {term.type}",
            next_step=f"write a value such as {_example(term)}",
        ) from error  # fmt: skip


def _number(value: Scalar) -> int | float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError
    if not math.isfinite(value):
        raise ValueError
    return value


def _money(value: Scalar) -> Decimal:
    amount = Decimal(str(_number(value)))
    if abs(amount) >= 10**14:
        raise ValueError
    return amount


def _utc(moment: datetime) -> datetime:
    """Return a time as the lake stores it: UTC without a zone; a time without one is in UTC already."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _exactly(value: Scalar, kind: type) -> Any:
    if not isinstance(value, kind):
        raise TypeError
    return value


def _example(term: Term) -> str:
    examples = {"integer": "3", "number": "2.5", "money": "100", "boolean": "true", "date": "2026-01-31"}
    return examples.get(
        term.type or "", "'a text in quotes'" if term.type == "text" else "2026-01-31T12:00:00"
    )


def rule_sentence(plan: Plan, rule: Rule) -> str:
    """Return a rule in plain words, with the marketer's names."""
    if rule.all is not None:
        return " and ".join(_inner(plan, r) for r in rule.all) or "everybody"
    if rule.any is not None:
        return " or ".join(_inner(plan, r) for r in rule.any) or "nobody"
    if rule.not_ is not None:
        return f"not {_inner(plan, rule.not_)}"
    if rule.audience is not None and rule.trait is None:
        return f"in audience {rule.audience}"
    return _leaf_sentence(plan, rule)


def _inner(plan: Plan, rule: Rule) -> str:
    text = rule_sentence(plan, rule)
    return f"({text})" if rule.all or rule.any else text


def _leaf_sentence(plan: Plan, rule: Rule) -> str:
    term = plan.get(Term, rule.trait or "")
    unit = f" {term.unit}" if term.unit else ""
    operator = (operators(rule) or ["exists"])[0]
    value = getattr(rule, operator)
    if operator == "exists":
        return f"{term.label} is {'known' if value else 'not known'}"
    if operator == "between":
        return f"{term.label} is from {value[0]} to {value[1]}{unit}"
    if operator == "one_of":
        return f"{term.label} is one of {', '.join(map(str, value))}"
    return f"{term.label} {_WORDS[operator]} {value}{unit}"

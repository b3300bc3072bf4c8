"""What a goal says in numbers: its guardrails, the pace of its actions, and how far its metric has come."""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date

import msgspec

from butfor.plan.files import Plan
from butfor.plan.kinds import Goal, Metric

_FEWER = re.compile(
    r"\b(fewer|less|reduc\w*|lower|cut|stop|decreas\w*|limit|halve)\b.*\bdiscount|\bdiscount\w*\b.*\b(fewer|less)\b",
    re.IGNORECASE,
)
_AMOUNT = re.compile(r"\d[\d.,]*\d|\d")


class Pace(msgspec.Struct, frozen=True):
    """Actions per month that a goal needs, how many are due by now, and the share of those that is done."""

    per_month: float
    due: float
    done: int
    share: float


class Reached(msgspec.Struct, frozen=True):
    """The change that a goal wants and the change since its baseline, both positive towards the goal."""

    wanted: float
    so_far: float
    achieved: bool


def pace(goal: Goal, done: int, today: date) -> Pace | None:
    """Compare actions done with those due by ``today``; None for a goal without actions, start or deadline (R-061)."""
    if not goal.actions or goal.starts is None or goal.by_when is None:
        return None
    whole = _months(goal.starts, goal.by_when)
    if whole <= 0:
        return None
    passed = min(max(_months(goal.starts, today), 0.0), whole)
    due = goal.actions * passed / whole
    return Pace(goal.actions / whole, due, done, done / due if due else 1.0)


def reached(goal: Goal, metric: Metric, value: float) -> Reached | None:
    """Compare the metric now with its baseline; None without a baseline or an amount in ``how_much`` (R-063).

    An amount in per cent is one of the baseline; a metric whose direction is down has come far when it fell.
    """
    amount = _AMOUNT.search(goal.how_much)
    if goal.baseline is None or amount is None:
        return None
    start = goal.baseline.value
    relative = re.match(r"\s*(%|per ?cent\b)", goal.how_much[amount.end() :])
    wanted = _number(amount.group()) * (abs(start) / 100 if relative else 1)
    so_far = start - value if metric.direction == "down" else value - start
    return Reached(wanted, so_far, so_far >= wanted)


def wants_fewer_discounts(goal: Goal) -> bool:
    """Say whether a goal takes discounts away, which may lower revenue as well."""
    return bool(_FEWER.search(f"{goal.want} {goal.to_do}".replace("_", " ")))


def guardrails_of(plan: Plan, goal: Goal) -> list[str]:
    """Return the metrics that may not suffer: those a goal names, else revenue where discounts go away (R-062)."""
    if goal.guardrails or not wants_fewer_discounts(goal):
        return goal.guardrails
    money = (m for m in plan.all(Metric) if m.unit == "money" and m.claim == "causal" and m.direction == "up")
    return [m.id for m in money if m.margin is None and "margin" not in m.id and m.id != goal.leads_to][:1]


def _months(start: date, end: date) -> float:
    whole = (end.year - start.year) * 12 + end.month - start.month
    return whole + (end.day - start.day) / monthrange(end.year, end.month)[1]


def _number(text: str) -> float:
    """Read a number with a decimal point or comma; a comma before three digits groups thousands.

    >>> _number("1,250.5"), _number("2,5")
    (1250.5, 2.5)
    """
    grouped = re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", text)
    return float(text.replace(",", "" if grouped else "."))

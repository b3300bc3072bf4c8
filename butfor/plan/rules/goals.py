"""A goal says what, to do what, which leads to what, by when, by how much, and who answers for it."""

import re
from collections.abc import Iterator

from butfor.plan.files import Plan
from butfor.plan.finding import Finding
from butfor.plan.goals import guardrails_of, wants_fewer_discounts
from butfor.plan.kinds import Goal, Metric

CODE = "GOAL"
LEVEL = "error"
WHY = "a goal the team cannot check, date or own cannot be reached, nor missed (R-043, R-061, R-064)"

WEEKS = 4
SLOTS = {
    "want": "want (what is adopted)",
    "to_do": "to do (the action)",
    "leads_to": "which leads to (the metric)",
    "by_when": "by when (a date)",
    "how_much": "by how much (an amount)",
    "accountable": "accountable (the owner, one name)",
}
_CHANNEL = re.compile(r"\b(e-?mail|sms|push|channel|last.?click)\b", re.IGNORECASE)
_HOURS = re.compile(r"\b(person.?hours?|(?<!\d.)hours?|hours? (a|each|per))\b", re.IGNORECASE)
_AGREED = ("agreed", "active")


def check(plan: Plan) -> Iterator[Finding]:
    """Yield missing slots with a proposed rewrite, and goals whose claim or baseline cannot hold."""
    for goal in plan.all(Goal):
        yield from _slots(goal)
        yield from _agreement(goal)
        yield from _claim(plan, goal)
        yield from _baseline(goal)
        yield from _dates(goal)


def missing_slots(goal: Goal) -> list[str]:
    """Return the names of the slots that a goal leaves empty."""
    return [slot for slot in SLOTS if not getattr(goal, slot)]


def rewrite(goal: Goal) -> str:
    """Return the goal as one sentence, with a gap for each missing slot."""
    part = {slot: str(getattr(goal, slot)) or f"<{slot}>" for slot in SLOTS}
    part["by_when"] = str(goal.by_when) if goal.by_when else "<date>"
    return (
        f"We want {part['want']}, to {part['to_do']}, which leads to {part['leads_to']} "
        f"{part['how_much']} by {part['by_when']}; {part['accountable']} answers for it."
    )


def _slots(goal: Goal) -> Iterator[Finding]:
    missing = missing_slots(goal)
    if missing:
        named = ", ".join(SLOTS[slot] for slot in missing)
        yield Finding(goal, "", f"goal {goal.id} has no {named}", f"complete: {rewrite(goal)}")
    if goal.how_much and not re.search(r"\d", goal.how_much):
        yield Finding(
            goal, "how_much", f"how_much {goal.how_much!r} holds no number", "give an amount, such as +5 %"
        )
    if goal.expect is None and goal.status in _AGREED:
        yield Finding(
            goal,
            "",
            f"goal {goal.id} has no expectation",
            "add expect: {low, likely, high} in the unit of the metric",
        )


def _agreement(goal: Goal) -> Iterator[Finding]:
    if goal.status not in _AGREED:
        return
    unsigned = [who for who, when in goal.sign_offs.items() if when is None]
    if not goal.approver:
        yield Finding(
            goal,
            "status",
            f"goal {goal.id} is {goal.status} without an approver",
            "name the approver, or set status: draft",
        )
    if unsigned:
        yield Finding(
            goal,
            "sign_offs",
            f"goal not agreed: {', '.join(unsigned)}",
            "get the signature, or set status: draft",
        )


def _claim(plan: Plan, goal: Goal) -> Iterator[Finding]:
    metric = plan.find(Metric, goal.leads_to)
    words = f"{goal.leads_to} {metric.label if metric else ''}"
    if _CHANNEL.search(words.replace("_", " ")) and goal.method != "incremental":
        yield Finding(
            goal, "leads_to", f"{goal.leads_to} counts what a channel touched, not what it caused: use incremental revenue",
            "set method: incremental and measure against a control group (R-049, R-061)",
            level="error" if goal.status in _AGREED else "warning",
        )  # fmt: skip
    if wants_fewer_discounts(goal) and not goal.guardrails:
        yield _guardrail(goal, guardrails_of(plan, goal))


def _guardrail(goal: Goal, taken: list[str]) -> Finding:
    added = f": {taken[0]} is taken as its guardrail" if taken else ""
    return Finding(
        goal,
        "to_do",
        f"fewer discounts may also lower revenue{added}",
        f"write guardrails: [{taken[0] if taken else 'a revenue metric'}] into {goal.id} (R-062)",
        level="warning",
    )


def _baseline(goal: Goal) -> Iterator[Finding]:
    hours = _HOURS.search(f"{goal.leads_to} {goal.how_much}".replace("_", " "))
    if not hours and "workload" not in goal.want.casefold():
        return
    weeks = (goal.baseline.weeks if goal.baseline else None) or 0
    if weeks < WEEKS:
        yield Finding(
            goal, "baseline", f"baseline missing: {weeks:g} of {WEEKS} weeks of hours measured",
            f"measure hours for {WEEKS} weeks first, then write baseline: {{value, weeks}} (R-063)",
        )  # fmt: skip


def _dates(goal: Goal) -> Iterator[Finding]:
    if goal.starts and goal.by_when and goal.by_when <= goal.starts:
        yield Finding(
            goal, "by_when", f"goal {goal.id} ends on {goal.by_when}, before it starts",
            f"choose a date after {goal.starts}, or correct starts",
        )  # fmt: skip

"""Lifecycle words carry their logic and the reason for it."""

from collections.abc import Iterator

from butfor.plan.files import Plan
from butfor.plan.finding import Finding
from butfor.plan.kinds import Audience, Rule, Term
from butfor.plan.walk import leaves

CODE = "LOGIC"
LEVEL = "error"
WHY = "'inactive' means nothing until it says after how long, and why so long (R-190, R-191)"
WORDS = {
    "active",
    "inactive",
    "lost",
    "new",
    "returning",
    "lapsed",
    "churned",
    "reactivated",
    "lifecycle",
    "loyal",
}


def check(plan: Plan) -> Iterator[Finding]:
    """Yield lifecycle terms without logic or why, and logic that leaves people out."""
    for term in plan.all(Term):
        yield from _words(term)
        yield from _cases(term)
        yield from _layers(plan, term)


def _words(term: Term) -> Iterator[Finding]:
    named = WORDS & {term.id, *term.id.split("_")}
    if term.what == "trait" and named and not term.logic:
        what = f"lifecycle term {term.id} has no logic"
        yield Finding(term, "", what, "add logic: a list of {value, when, means}")
    if term.logic and not term.why.strip():
        yield Finding(term, "logic", f"the logic of {term.id} has no why", "write why: in one sentence")
    if term.logic and term.what != "trait":
        yield Finding(
            term, "logic", f"{term.id} is {term.what}, and only a trait has logic", "set what: trait"
        )


def _cases(term: Term) -> Iterator[Finding]:
    if term.logic and term.logic[-1].when is not None:
        yield Finding(
            term, f"logic.{len(term.logic) - 1}", f"the last case of {term.id} has a condition, so some people get no value",
            "end the list with a case that has no when",
        )  # fmt: skip
    for i, case in enumerate(term.logic[:-1]):
        if case.when is None:
            what = f"case {case.value!r} always holds; later cases are never reached"
            yield Finding(term, f"logic.{i}", what, "move it last")


def _layers(plan: Plan, term: Term) -> Iterator[Finding]:
    """Yield logic that reads other logic: all of it is computed at once, from plain traits."""
    for i, case in enumerate(term.logic):
        for path, leaf in leaves(case.when, f"logic.{i}.when"):
            read = sorted(
                {t for t in _traits(plan, leaf, set()) if (other := plan.find(Term, t)) and other.logic}
            )
            if read:
                yield Finding(
                    term, path, f"the logic of {term.id} reads {', '.join(read)}, which has logic too",
                    f"write the conditions of {read[0]} out instead",
                )  # fmt: skip


def _traits(plan: Plan, rule: Rule, seen: set[str]) -> Iterator[str]:
    for _, leaf in leaves(rule):
        if leaf.trait:
            yield leaf.trait
        audience = plan.find(Audience, leaf.audience or "")
        if audience and audience.rule and audience.id not in seen:
            yield from _traits(plan, audience.rule, seen | {audience.id})

"""Lifecycle words carry their logic and the reason for it."""

from collections.abc import Iterator

from butfor.plan.files import Plan
from butfor.plan.finding import Finding
from butfor.plan.kinds import Term

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
        named = WORDS & {term.id, *term.id.split("_")}
        if term.what == "trait" and named and not term.logic:
            yield Finding(
                term,
                "",
                f"lifecycle term {term.id} has no logic",
                "add logic: a list of {value, when, means}",
            )
        if term.logic and not term.why.strip():
            yield Finding(term, "logic", f"the logic of {term.id} has no why", "write why: in one sentence")
        if term.logic and term.logic[-1].when is not None:
            yield Finding(
                term, f"logic.{len(term.logic) - 1}", f"the last case of {term.id} has a condition, so some people get no value",
                "end the list with a case that has no when",
            )  # fmt: skip
        for i, case in enumerate(term.logic[:-1]):
            if case.when is None:
                yield Finding(
                    term,
                    f"logic.{i}",
                    f"case {case.value!r} always holds; later cases are never reached",
                    "move it last",
                )

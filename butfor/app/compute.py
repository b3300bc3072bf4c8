"""What the plan says must be computed: event tables by role, lifecycle logic and RFM scores as expressions."""

from __future__ import annotations

from sqlglot import exp

from butfor.audiences import Compiler, condition
from butfor.facts import Clock
from butfor.plan import Plan
from butfor.plan.kinds import Audience, Term
from butfor.profiles import cell_column, score_columns
from butfor.store import literal


def event_tables(plan: Plan) -> list[str]:
    """Return the tables of all event terms."""
    return [f"ev_{t.id}" for t in plan.all(Term) if t.what == "event"]


def tables_of(plan: Plan, role: str) -> list[str]:
    """Return the tables of the event terms with a role, such as ``purchase``."""
    return [f"ev_{t.id}" for t in plan.all(Term) if t.what == "event" and t.role == role]


def compiled_logic(plan: Plan, clock: Clock) -> tuple[dict[str, exp.Expression], list[exp.Expression]]:
    """Return each lifecycle term as a CASE over the traits, the first case that holds wins (R-190), and when one may change."""
    found: dict[str, exp.Expression] = {}
    compiler = Compiler(plan, clock)
    for term in plan.all(Term):
        if term.what != "trait" or not term.logic:
            continue
        case = exp.Case()
        for each in term.logic:
            if each.when is None:
                case = case.else_(literal(each.value))
                break
            condition(plan, each.when, clock)
            case = case.when(compiler.condition(each.when), literal(each.value))
        found[term.id] = case
    return found, list(compiler.rechecks.values())


def grid_scores(plan: Plan) -> dict[str, exp.Expression]:
    """Return the score columns of every RFM grid; NULL where its borders are not stored yet."""
    found: dict[str, exp.Expression] = {}
    for audience in plan.all(Audience):
        if audience.rfm is not None:
            names = [f"{audience.id}_{s}" for s in ("recency", "frequency", "monetary")]
            found |= {name: exp.cast(exp.null(), "BIGINT") for name in names} | score_columns(audience)
    return found


def grid_cells(plan: Plan) -> dict[str, exp.Expression]:
    """Return the cell column of every RFM grid."""
    return {f"{a.id}_cell": cell_column(a) for a in plan.all(Audience) if a.rfm is not None}

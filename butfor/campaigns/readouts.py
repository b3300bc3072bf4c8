"""Read an experiment: outcomes to moments in the lake, moments to a readout."""

from __future__ import annotations

from datetime import datetime

from sqlglot import exp

from butfor.audiences import condition
from butfor.campaigns.gate import check_unchanged
from butfor.experiments.design import check_design
from butfor.experiments.moments import ArmMoments, moments_query, read_moments, request_for
from butfor.experiments.outcomes import ASSIGNMENT, outcomes
from butfor.experiments.readout import Readout, read_out
from butfor.facts import Clock, clock_at
from butfor.model import BadInput
from butfor.plan import Plan
from butfor.plan.kinds import Experiment, Metric
from butfor.store import Hub, Lake, named


@named("experiments.moments")
def moments_of(
    experiment: Experiment, metrics: dict[str, Metric], where: exp.Expression | None = None
) -> exp.Expression:
    """Per-arm moments of an experiment's metrics, in one scan of the outcomes."""
    asked = request_for(list(metrics.values()))
    table = outcomes(experiment, metrics, where)
    return moments_query(table.subquery("o"), "arm", asked.columns, {}, asked.skewed, asked.pairs)


def read_experiment(plan: Plan, hub: Hub, lake: Lake, experiment: Experiment, *, as_of: datetime) -> Readout:
    """Return what a test shows so far; raise Refused when it changed after its first assignment (R-013)."""
    check_design(experiment)
    metrics = {m: plan.get(Metric, m) for m in [*experiment.metrics, *experiment.guardrails]}
    if experiment.assignment == "drawn":
        lake.ensure(ASSIGNMENT)
        check_unchanged(hub, experiment)
    moments = _fetch(lake, experiment, metrics, None)
    if not moments:
        raise BadInput(
            f"experiment {experiment.id}", value="0 people", rule="people are assigned before a result is read",
            next_step="launch its campaign, or load the people with their arms, then butfor run",
        )  # fmt: skip
    clock = clock_at(as_of, plan.workspace.time_zone)
    policies = {name: _policy(lake, plan, experiment, metrics, name, clock) for name in experiment.policies}
    return read_out(experiment, metrics, moments, policies, as_of.date(), currency=plan.workspace.currency)


def _fetch(
    lake: Lake, experiment: Experiment, metrics: dict[str, Metric], where: exp.Expression | None
) -> dict[str, ArmMoments]:
    return read_moments(lake.fetch(moments_of(experiment, metrics, where)).to_pylist())


def _policy(
    lake: Lake, plan: Plan, experiment: Experiment, metrics: dict[str, Metric], name: str, clock: Clock
) -> list[dict[str, ArmMoments]]:
    """Return the moments of each case of a policy; a person belongs to the first case that holds."""
    found = []
    before: list[exp.Expression] = []
    for case in experiment.policies[name].cases:
        held = condition(plan, case.when, clock) if case.when else exp.true()
        where: exp.Expression = held
        for b in before:
            where = exp.And(
                this=exp.Not(this=exp.Paren(this=b.copy())), expression=exp.Paren(this=where.copy())
            )
        found.append(_fetch(lake, experiment, metrics, where))
        before.append(held)
    return found

"""The launch gate: no send without goal, goal event that arrives, expectation, and a sound plan."""

from __future__ import annotations

from datetime import datetime, timedelta

from butfor.experiments.design import definition_hash
from butfor.experiments.outcomes import event_days
from butfor.model import Refused
from butfor.plan import Plan, check
from butfor.plan.kinds import Campaign, Experiment, Goal
from butfor.store import Hub, Lake

# An event not seen for this long is taken as broken tracking, not as a quiet fortnight (S-13).
SILENCE = timedelta(days=14)


def pass_gate(plan: Plan, lake: Lake, campaign: Campaign, as_of: datetime) -> None:
    """Raise Refused with the first reason that holds a campaign back; its code stands first."""
    _check_goal(plan, campaign)
    _check_plan(plan, campaign)
    _check_event(lake, campaign, as_of)


def _check_goal(plan: Plan, campaign: Campaign) -> None:
    goal = plan.find(Goal, campaign.goal) if campaign.goal else None
    if goal is None or not campaign.goal_event:
        raise _held(
            campaign,
            "GATE-GOAL",
            campaign.goal or None,
            "no send without a goal and a goal event (R-199)",
            "name goal and goal_event",
        )
    if goal.status not in ("agreed", "active"):
        raise _held(
            campaign,
            "GATE-AGREED",
            f"goal {goal.id} is {goal.status}",
            "a goal is agreed before anything is sent for it (R-044)",
            "have it signed",
        )
    if goal.expect is None:
        raise _held(
            campaign,
            "GATE-EXPECT",
            f"goal {goal.id} expects nothing",
            "an expectation is written down before the launch (R-047)",
            "add expect: {low, likely, high}",
        )


def _check_plan(plan: Plan, campaign: Campaign) -> None:
    about = {
        ("campaign", campaign.id),
        ("goal", campaign.goal),
        ("experiment", campaign.experiment),
        ("audience", campaign.audience.split(".")[0]),
    }
    files = {place.file for key, place in plan.places.items() if key in about}
    broken = [p for p in check(plan) if p.level == "error" and p.file in files]
    if broken:
        raise _held(
            campaign,
            "GATE-PLAN",
            broken[0].what,
            f"the plan is sound where the campaign touches it ({broken[0].code})",
            broken[0].next,
        )


def _check_event(lake: Lake, campaign: Campaign, as_of: datetime) -> None:
    row = (
        lake.fetch(event_days([campaign.goal_event])).to_pylist()[0]
        if f"ev_{campaign.goal_event}" in lake.tables()
        else None
    )
    seen = row["last_seen"] if row else None
    if seen is None or as_of - seen > SILENCE:
        raise _held(
            campaign, "GATE-EVENT", f"{campaign.goal_event} last seen {seen or 'never'}",
            f"the goal event arrived within {SILENCE.days} days, or success cannot be measured (R-197)", "repair its source and load it",
        )  # fmt: skip


def goal_experiment(plan: Plan, campaign: Campaign) -> Experiment | None:
    """Return the campaign's test, if it has one."""
    return plan.get(Experiment, campaign.experiment) if campaign.experiment else None


def check_unchanged(hub: Hub, experiment: Experiment) -> bool:
    """Say whether anybody is assigned yet; raise Refused when the definition changed since the first assignment."""
    first = hub.first("assignment", experiment=experiment.id)
    if first and first["definition_hash"] != definition_hash(experiment):
        raise Refused(
            f"experiment {experiment.id}",
            value="its definition changed after the first assignment",
            rule="hypothesis, metrics, threshold and arms are fixed once people are assigned (R-013)",
            next_step=f"restore experiments/{experiment.id}.yaml, or write a new experiment under another id",
        )
    return first is not None


def _held(campaign: Campaign, code: str, value: str | None, rule: str, step: str) -> Refused:
    return Refused(f"{code}: campaign {campaign.id}", value=value, rule=rule, next_step=step)

"""From a readout and the costs of its campaign to the return of each arm."""

from __future__ import annotations

import msgspec

from butfor.experiments.readout import Readout
from butfor.model import Refused
from butfor.plan import Plan
from butfor.plan.kinds import Campaign, Experiment, Metric
from butfor.roi.returns import CostItem, Roi, return_on_investment
from butfor.store import Hub


class ArmReturn(msgspec.Struct, frozen=True, kw_only=True):
    """The ROI of one treated arm against the control, or why there is none."""

    arm: str
    label: str
    metric: str
    roi: Roi | None
    refused: str = ""


def arm_returns(plan: Plan, hub: Hub, readout: Readout) -> list[ArmReturn]:
    """Return the ROI of every treated arm on the experiment's first money metric."""
    experiment = plan.get(Experiment, readout.experiment)
    metrics = [plan.get(Metric, m) for m in experiment.metrics]
    metric = next((m for m in metrics if m.unit == "money"), None)
    campaign = next((c for c in plan.all(Campaign) if c.experiment == experiment.id), None)
    if metric is None or campaign is None:
        raise Refused(
            f"ROI of {experiment.id}",
            value="no money metric" if metric is None else "no campaign",
            rule="ROI needs an effect in money and the costs of a campaign (R-139)",
            next_step="add a metric with unit: money, or name this experiment in a campaign",
        )
    return [
        _of_arm(plan, hub, readout, experiment, metric, campaign, a.arm)
        for a in readout.arms
        if not a.control
    ]


def _of_arm(
    plan: Plan,
    hub: Hub,
    readout: Readout,
    experiment: Experiment,
    metric: Metric,
    campaign: Campaign,
    arm: str,
) -> ArmReturn:
    effect = readout.effect(metric.id, arm)
    label = experiment.arms[arm].label or arm
    rate = None if metric.margin is not None else plan.workspace.margin
    known = metric.margin is not None or rate is not None
    try:
        roi = return_on_investment(
            effect, rate, effect.n_treatment, _costs(hub, campaign, experiment, arm, effect.n_treatment),
            metric.window_days or experiment.window_days, "margin" if known else "revenue", "incremental", readout.evidence,
        )  # fmt: skip
    except Refused as error:
        return ArmReturn(arm=arm, label=label, metric=metric.id, roi=None, refused=str(error))
    return ArmReturn(arm=arm, label=label, metric=metric.id, roi=roi)


def _costs(hub: Hub, campaign: Campaign, experiment: Experiment, arm: str, n: int) -> list[CostItem]:
    """Return what the arm cost: booked rows where the campaign ran here, else its definition times people.

    What the whole campaign cost is shared among treated arms by their planned shares.
    """
    variant = experiment.arms[arm].variant
    treated = sum(a.share for a in experiment.arms.values() if a.variant)
    part = experiment.arms[arm].share / treated if treated else 1.0
    booked = hub.rows("cost", campaign=campaign.id)
    if booked:
        own = [CostItem(r["item"], r["minor_units"] / 100, "send") for r in booked if r["variant"] == variant]
        shared = [
            CostItem(r["item"], r["minor_units"] / 100 * part, "other")
            for r in booked
            if r["variant"] is None
        ]
        return own + shared
    cost = campaign.variants[variant].cost if variant in campaign.variants else campaign.cost
    items = [CostItem(f"sending {variant}", cost.per_send * n, "send")]
    fixed = cost.one_off + cost.hours * cost.per_hour
    return items + ([CostItem(f"making {variant}", fixed, "people")] if fixed else [])

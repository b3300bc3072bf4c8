"""A test has a hypothesis, arms that add up, a control, and metrics that may prove something."""

from collections.abc import Iterator

from butfor.plan.files import Plan
from butfor.plan.finding import Finding
from butfor.plan.kinds import Experiment, Metric

CODE = "EXP"
LEVEL = "error"
WHY = (
    "a test without a hypothesis, a control or a fixed threshold can be read any way one likes (R-011, R-013)"
)


def check(plan: Plan) -> Iterator[Finding]:
    """Yield tests that could not be decided."""
    for experiment in plan.all(Experiment):
        if experiment.hypothesis is None:
            yield Finding(
                experiment, "", f"experiment {experiment.id} has no hypothesis (EXP-H1)",
                "add hypothesis: {audience, change, metric, direction, minimum_effect}",
            )  # fmt: skip
        total = sum(a.share for a in experiment.arms.values())
        if abs(total - 1) > 1e-6:
            yield Finding(
                experiment,
                "arms",
                f"shares add up to {total:g}",
                "make them add up to 1; held-out people are an arm too",
            )
        controls = [name for name, arm in experiment.arms.items() if arm.control]
        if len(controls) != 1 or len(experiment.arms) < 2:
            yield Finding(
                experiment,
                "arms",
                f"{len(experiment.arms)} arms with {len(controls)} controls",
                "mark exactly one of two or more arms with control: true",
            )
        for i, name in enumerate(experiment.metrics):
            metric = plan.find(Metric, name)
            if metric and metric.claim != "causal":
                yield Finding(
                    experiment,
                    f"metrics.{i}",
                    f"metric {name} is descriptive",
                    "test a causal metric; show this one beside it",
                )
        if not experiment.metrics:
            yield Finding(
                experiment,
                "metrics",
                f"experiment {experiment.id} has no metric",
                "name the metric that decides",
            )

"""A test has a hypothesis, arms that add up, a control, and metrics that may prove something."""

from collections.abc import Iterator

from butfor.plan.files import Plan
from butfor.plan.finding import Finding
from butfor.plan.kinds import Experiment, Metric

CODE = "EXP"
LEVEL = "error"
SHARES_MISS = 0.001
"""How far shares may miss 1 in sum: three arms of 0.333 are meant to be thirds."""
WHY = (
    "a test without a hypothesis, a control or a fixed threshold can be read any way one likes (R-011, R-013)"
)


def check(plan: Plan) -> Iterator[Finding]:
    """Yield tests that could not be decided."""
    for experiment in plan.all(Experiment):
        yield from _hypothesis(experiment)
        yield from _arms(experiment)
        yield from _metrics(plan, experiment)


def _arms(experiment: Experiment) -> Iterator[Finding]:
    total = sum(a.share for a in experiment.arms.values())
    if abs(total - 1) > SHARES_MISS:
        yield Finding(
            experiment, "arms", f"shares add up to {total:g}",
            "make them add up to 1; held-out people are an arm too",
        )  # fmt: skip
    marked = [name for name, arm in experiment.arms.items() if arm.control]
    controls = marked or [name for name, arm in experiment.arms.items() if arm.variant is None]
    if len(controls) != 1 or len(experiment.arms) < 2:
        yield Finding(
            experiment, "arms", f"{len(experiment.arms)} arms with {len(controls)} controls",
            "mark exactly one of two or more arms with control: true",
        )  # fmt: skip


def _metrics(plan: Plan, experiment: Experiment) -> Iterator[Finding]:
    for i, name in enumerate(experiment.metrics):
        metric = plan.find(Metric, name)
        if metric and metric.claim != "causal":
            yield Finding(
                experiment, f"metrics.{i}", f"metric {name} is descriptive",
                "test a causal metric; show this one beside it",
            )  # fmt: skip
    if not experiment.metrics:
        yield Finding(
            experiment, "metrics", f"experiment {experiment.id} has no metric", "name the metric that decides"
        )


def _hypothesis(experiment: Experiment) -> Iterator[Finding]:
    h1 = experiment.hypothesis
    if h1 is None:
        yield Finding(
            experiment, "", f"experiment {experiment.id} has no hypothesis (EXP-H1)",
            "add hypothesis: {audience, change, metric, direction, minimum_effect}",
        )  # fmt: skip
        return
    empty = [name for name in ("audience", "change", "metric") if not getattr(h1, name).strip()]
    empty += ["minimum_effect"] if h1.minimum_effect <= 0 else []
    if empty:
        yield Finding(
            experiment, "hypothesis", f"the hypothesis of {experiment.id} names no {', '.join(empty)} (EXP-H1)",
            "complete it; minimum_effect is above 0, and direction says which way",
        )  # fmt: skip
    if experiment.metrics and h1.metric not in experiment.metrics:
        yield Finding(
            experiment, "hypothesis.metric", f"the hypothesis is about {h1.metric}, which {experiment.id} does not measure",
            f"add {h1.metric} to metrics",
        )  # fmt: skip

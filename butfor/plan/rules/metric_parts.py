"""A metric can be computed: each quantity counts one thing, and a ratio has two."""

from collections.abc import Iterator

from butfor.plan.files import Plan
from butfor.plan.finding import Finding
from butfor.plan.kinds import Metric, Quantity

CODE = "METRIC"
LEVEL = "error"
WHY = "a metric that can be read two ways is calculated two ways (R-045)"


def check(plan: Plan) -> Iterator[Finding]:
    """Yield metrics whose quantities name no source of numbers or two, and ratios that are none."""
    for metric in plan.all(Metric):
        for part in ("numerator", "denominator", "covariate"):
            quantity = getattr(metric, part)
            if quantity is not None:
                yield from _quantity(metric, part, quantity)
        if metric.take == "ratio" and metric.denominator is None:
            yield Finding(
                metric, "take", f"ratio {metric.id} has no denominator",
                "add denominator: {event: ...}, or set take: mean",
            )  # fmt: skip
        if metric.take != "ratio" and metric.denominator is not None:
            yield Finding(
                metric, "denominator", f"{metric.id} is a {metric.take} and has a denominator, which nobody reads",
                "set take: ratio, or remove it",
            )  # fmt: skip
        if metric.margin is not None and metric.unit != "money":
            yield Finding(
                metric, "margin", f"{metric.id} has a margin but counts no money",
                "set unit: money, or remove margin",
            )  # fmt: skip


def _quantity(metric: Metric, part: str, quantity: Quantity) -> Iterator[Finding]:
    if (quantity.attribute is None) == (quantity.event is None):
        both = "both an attribute and an event" if quantity.event else "neither an attribute nor an event"
        yield Finding(
            metric, part, f"{part} of {metric.id} names {both}",
            "write {event: order_completed, property: total} or {attribute: spend}",
        )  # fmt: skip
    elif quantity.attribute is not None and (quantity.property or quantity.less):
        yield Finding(
            metric, part, f"{part} of {metric.id} reads attribute {quantity.attribute}, so property and less mean nothing",
            "remove them, or read an event",
        )  # fmt: skip
    elif quantity.property and quantity.take != "sum":
        yield Finding(
            metric, part, f"{part} of {metric.id} takes {quantity.take} of {quantity.event}, so property means nothing",
            "set take: sum to add the property up, or remove it", level="warning",
        )  # fmt: skip

from datetime import date
from decimal import Decimal

import pytest

from butfor.experiments.moments import ArmMoments
from butfor.experiments.readout import Readout, read_out
from butfor.plan.kinds import Arm, Experiment, Hypothesis, Metric, Quantity

BOUGHT = Quantity(event="order_completed")
SPEND = Metric(id="spend", label="spend", means="", numerator=BOUGHT, unit="money")
VISIT = Metric(id="visit", label="visit rate", means="", numerator=BOUGHT, take="proportion", unit="share")
ARMS = {
    "named": Arm(share=0.5, variant="named", label="With name"),
    "plain": Arm(share=0.5, control=True, label="Plain"),
}


def _arm(arm: str, column: str, people: int, buyers: int, each: float) -> ArmMoments:
    sums = [{column: buyers * each**power} for power in (1, 2, 3)]
    return ArmMoments(
        arm=arm, n=people, buyers={column: buyers}, centre={column: 0.0}, s1=sums[0], s2=sums[1], s3=sums[2]
    )


@pytest.fixture
def readout():
    """Build a readout from people and buyers of both arms; every buyer spends the same."""

    def build(
        named: tuple[int, int], plain: tuple[int, int], metric: Metric = VISIT, each: float = 1.0
    ) -> Readout:
        h1 = Hypothesis(audience="all", change="the name", metric=metric.id, direction="up", minimum_effect=0)
        test = Experiment(id="t", label="T", hypothesis=h1, metrics=[metric.id], arms=ARMS)
        cells = {
            name: _arm(name, metric.id, *counts, each)
            for name, counts in (("named", named), ("plain", plain))
        }
        return read_out(test, {metric.id: metric}, cells, {}, date(2026, 1, 31), currency="EUR")

    return build


@pytest.fixture
def cells():
    return [
        {"recency": 2, "frequency": 2, "people": 1_200, "spend": 480_000.0, "name": "champions"},
        {"recency": 2, "frequency": 1, "people": 800, "spend": 40_000.0, "name": "new_customers"},
        {"recency": 1, "frequency": 1, "people": 2_000, "spend": 30_000.0, "name": "sleeping"},
    ]


@pytest.fixture
def stages():
    return [
        {"stage": "inactive", "people": 600, "spend": Decimal("2000.00"), "order": 2},
        {"stage": "active", "people": 400, "spend": 8_000.0, "order": 1},
    ]


@pytest.fixture
def spend():
    return SPEND


@pytest.fixture
def visit():
    return VISIT

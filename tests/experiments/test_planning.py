import math

import pytest

from butfor.experiments.analysis import analyse
from butfor.experiments.planning import (
    detectable_with,
    equivalence,
    minimum_detectable_effect,
    people_needed,
    people_per_arm,
)
from butfor.model import BadInput


@pytest.mark.requirement("S-08", "R-116")
def test_name_in_push_has_practically_no_effect(visit, responders):
    found = analyse(visit, responders("named", 1_010, 50_000), responders("plain", 1_000, 50_000))
    interval = [100 * end for end in (found.difference, found.interval.low, found.interval.high)]
    assert interval == pytest.approx([0.020, -0.154, 0.194], abs=5e-4)
    assert found.deciding_pvalue == pytest.approx(0.82, abs=5e-3)
    zero = equivalence(found, 0.0025)
    assert zero.pvalue == pytest.approx(0.0048, abs=5e-5)
    assert zero.equivalent
    assert -0.0025 < zero.interval.low < zero.interval.high < 0.0025
    assert not equivalence(found, 0.001).equivalent


@pytest.mark.requirement("S-03", "R-048")
def test_people_per_arm_of_two_readings():
    assert people_per_arm(0.020, 0.025) == 13_809
    assert people_per_arm(0.0200, 0.0201) == 30_842_953


def test_detectable_effect_and_people_needed_are_inverse():
    total = people_needed(sd=12.0, effect=0.5, share_treatment=0.9)
    assert minimum_detectable_effect(12.0, round(total * 0.9), total - round(total * 0.9)) == pytest.approx(
        0.5, rel=1e-3
    )
    assert detectable_with(12 * math.sqrt(2 / 100)) == pytest.approx(minimum_detectable_effect(12, 100, 100))


def test_hillstrom_scale_of_a_ten_percent_lift(hillstrom, spend):
    # A calculator that assumes variance = 0.25 mean^2 asks for 1,260 times too few.
    control = hillstrom.moments(spend)["No E-Mail"]
    total = people_needed(math.sqrt(control.var("spend")), 0.1 * control.mean("spend"))
    assert total == pytest.approx(2 * 495_000, rel=0.03)


@pytest.mark.parametrize(
    "call",
    [
        lambda: minimum_detectable_effect(1, 0, 5),
        lambda: people_needed(1, 0),
        lambda: people_per_arm(0.1, 0.1),
    ],
)
def test_impossible_plans_are_refused(call):
    with pytest.raises(BadInput):
        call()

"""Someone with the CSV of a randomised campaign gets an honest effect and ROI (figures of the public data's README)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from butfor.case import run_case
from butfor.pages import case_page


@pytest.fixture(scope="module")
def result(data_folder: Path) -> Any:
    return run_case("hillstrom", data_folder / "hillstrom")


def effect(result: Any, metric: str, arm: str) -> tuple[float, float, float, float]:
    found = result.readouts[0].effect(metric, arm)
    return found.difference, found.interval.low, found.interval.high, found.t


@pytest.mark.requirement("R-015", "R-056")
def test_effects_intervals_and_t(result: Any) -> None:
    six = {"abs": 5e-7}
    assert effect(result, "spend_per_customer", "mens") == pytest.approx(
        (0.769827, 0.485140, 1.054515, 5.300140), **six
    )
    assert effect(result, "spend_per_customer", "womens") == pytest.approx(
        (0.424412, 0.168957, 0.679868, 3.256372), **six
    )
    assert effect(result, "visit_rate", "mens")[:3] == pytest.approx((0.07659, 0.06995, 0.08323), abs=5e-6)
    assert effect(result, "visit_rate", "womens")[0] == pytest.approx(0.045233, **six)


@pytest.mark.requirement("R-015")
def test_sample_ratio(result: Any) -> None:
    assert result.readouts[0].srm.pvalue == pytest.approx(0.904, abs=5e-4)


@pytest.mark.requirement("R-139")
def test_roi(result: Any) -> None:
    back = {r.arm: r.roi for r in result.returns[0]}
    ends = {arm: (roi.roi, roi.interval.low, roi.interval.high) for arm, roi in back.items()}
    assert ends["womens"] == pytest.approx((0.698, -0.324, 1.719), abs=0.002)
    assert ends["mens"] == pytest.approx((2.079, 0.941, 3.218), abs=0.002)
    assert back["womens"].corrected is not None
    assert (back["womens"].outcome, back["mens"].outcome) == ("not proven", "pays")


@pytest.mark.requirement("R-016", "R-022")
def test_personalization_is_not_proven(result: Any) -> None:
    (policy,) = result.readouts[0].policies
    assert policy.groups[0].share == pytest.approx(0.448969, abs=5e-7)
    ends = (policy.difference, policy.interval.low, policy.interval.high)
    assert ends == pytest.approx((0.007146, -0.176303, 0.190595), abs=5e-7)
    assert "personalization over the best generic mail" in result.readouts[0].sentences[-1]
    assert "not proven" in result.readouts[0].sentences[-1]


def test_page_says_so(result: Any) -> None:
    page = case_page(result)
    assert "not proven" in page
    assert "<script" not in page

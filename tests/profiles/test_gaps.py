"""The gaps between purchases, and the threshold they suggest."""

from __future__ import annotations

import math
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shops import TILL, shop, till_file

from butfor.model import BadInput
from butfor.plan.kinds import Audience
from butfor.profiles import suggest_threshold


@pytest.mark.requirement("R-191")
def test_exponential_gaps_with_a_median_of_21_days_suggest_70_or_91(tmp_path: Path) -> None:
    """Each customer leaves one gap at an even quantile of the exponential distribution, so that no luck is in it."""
    n, lines = 2000, []
    for i in range(n):
        gap = math.ceil(-21 / math.log(2) * math.log(1 - (i + 0.5) / n))
        first = datetime(2024, 1, 1)
        lines += [f"a{i},{first},c{i},x,1,1", f"b{i},{first + timedelta(days=gap)},c{i},x,1,1"]
    with shop(tmp_path, TILL) as ws:
        ws.load("till", till_file(tmp_path / "d.csv", lines))
        ws.run()
        curve = ws.suggest_inactive()
    assert curve is not None
    assert (curve.median, curve.p90, curve.p95) == (21, 70, 91)
    assert (curve.gaps, curve.share[-1]) == (n, 1.0)
    assert "70 days" in curve.sentence()


def test_purchases_of_one_day_and_parts_of_one_order_leave_no_gap(tmp_path: Path) -> None:
    with shop(tmp_path, TILL) as ws:
        ws.load(
            "till",
            till_file(
                tmp_path / "d1.csv", ["r1,2026-01-01 09:00:00,c1,x,1,1", "r2,2026-01-01 18:00:00,c1,x,1,1"]
            ),
        )
        ws.load("till", till_file(tmp_path / "d2.csv", ["r1,2026-01-02 09:00:00,c1,y,1,1"]))
        ws.run()
        assert ws.suggest_inactive() is None


@given(st.lists(st.integers(1, 400), min_size=1, max_size=60))
def test_thresholds_are_the_smallest_days_that_hold_their_share(gaps: list[int]) -> None:
    curve = suggest_threshold(sorted(Counter(gaps).items()))
    assert curve is not None
    for share, days in ((0.5, curve.median), (0.9, curve.p90), (0.95, curve.p95)):
        assert sum(g <= days for g in gaps) >= share * len(gaps) - 1e-9
        assert sum(g < days for g in gaps) < share * len(gaps)


@pytest.mark.requirement("R-191")
def test_a_change_without_a_reason_is_refused(tmp_path: Path) -> None:
    with shop(tmp_path, TILL) as ws, pytest.raises(BadInput, match="every change says why"):
        ws.save(ws.plan.get(Audience, "everybody"), " ")

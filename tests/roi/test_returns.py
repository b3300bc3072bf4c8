import os
from pathlib import Path

import duckdb
import msgspec
import pytest

from butfor.experiments.analysis import analyse
from butfor.experiments.moments import ArmMoments
from butfor.model import Evidence, Interval, Refused
from butfor.plan.kinds import Metric, Quantity
from butfor.roi.returns import (
    ATTRIBUTED,
    CostItem,
    Gain,
    attributed_return,
    return_on_investment,
    roi_of_gain,
)

DATA = Path(os.environ.get("BUTFOR_DATA", Path(__file__).parents[3] / "shared" / "data"))
SPEND = Metric(id="spend", label="spend", means="", numerator=Quantity(event="order_completed"), unit="money")
CAUSED = Gain(amount=52_600.0, interval=Interval(31_000.0, 74_200.0))
COSTS = [CostItem("platform", 4_000.0, "platform"), CostItem("people", 6_000.0, "people")]


@pytest.fixture(scope="module")
def arms():
    path = DATA / "hillstrom" / "hillstrom.csv.gz"
    if not path.exists():
        pytest.skip(
            f"Hillstrom's e-mail test is not at {path}; set BUTFOR_DATA (blog.minethatdata.com, 2008-03)"
        )
    rows = duckdb.execute(
        "SELECT segment, count(*), count(nullif(spend, 0)), sum(spend), sum(spend^2), sum(spend^3) "
        "FROM read_csv(?) GROUP BY segment",
        [str(path)],
    ).fetchall()
    return {
        name: ArmMoments(
            arm=name, n=n, buyers={"spend": buyers}, centre={"spend": 0.0},
            s1={"spend": s1}, s2={"spend": s2}, s3={"spend": s3},
        )
        for name, n, buyers, s1, s2, s3 in rows
    }  # fmt: skip


@pytest.mark.requirement("R-139")
@pytest.mark.parametrize(
    ("mail", "figures", "outcome"),
    [("Womens E-Mail", (69.8, -32.4, 171.9), "not proven"), ("Mens E-Mail", (207.9, 94.1, 321.8), "pays")],
)
def test_hillstrom(arms, mail, figures, outcome):
    effect = analyse(SPEND, arms[mail], arms["No E-Mail"])
    costs = [CostItem("mail", 0.10 * effect.n_treatment, "send")]
    found = return_on_investment(effect, 0.40, effect.n_treatment, costs, 14, "margin", "incremental")
    assert [100 * x for x in (found.roi, found.interval.low, found.interval.high)] == pytest.approx(
        figures, abs=0.2
    )
    assert (found.outcome, found.decides) == (outcome, "skew")
    assert found.corrected.low > found.interval.low
    assert found.opportunity_cost == pytest.approx(0.4 * effect.difference * effect.n_control)
    assert mail != "Mens E-Mail" or found.verdict.startswith("It pays")


@pytest.mark.requirement("S-09", "R-139")
def test_blossom_flower():
    found = roi_of_gain(CAUSED, COSTS, 35, "margin", "incremental")
    assert 100 * found.roi == pytest.approx(426.0)
    assert round(found.payback_day, 1) == 6.7
    assert (found.base, found.method, found.window_days, found.cost) == (
        "margin",
        "incremental",
        35,
        10_000.0,
    )
    assert found.headline == "ROI +426.0 % in 35 days: pays"
    early, late = found.payback_interval
    assert early < found.payback_day < late


@pytest.mark.requirement("R-139")
@pytest.mark.parametrize(
    ("missing", "change"),
    [
        ("base", {"base": None}),
        ("method", {"method": None}),
        ("window", {"window_days": None}),
        ("cost list", {"costs": []}),
        ("interval", {"gain": Gain(amount=1.0, interval=None)}),
        ("evidence grade", {"evidence": None}),
    ],
)
def test_incomplete_is_refused_by_name(missing, change):
    whole = {"gain": CAUSED, "costs": COSTS, "window_days": 35, "base": "margin", "method": "incremental"}
    with pytest.raises(Refused, match=f"missing: {missing}"):
        roi_of_gain(**(whole | change))


@pytest.mark.requirement("R-049", "R-139")
def test_attributed_is_a_label_never_a_verdict():
    found = attributed_return(52_600.0, COSTS, 35, "revenue")
    assert (found.label, found.headline, found.outcome) == (ATTRIBUTED, "", "attributed")
    assert (found.interval, found.payback_day, found.evidence) == (None, None, Evidence.DESCRIPTIVE)
    assert ATTRIBUTED in found.verdict


@pytest.mark.requirement("R-010")
def test_only_comparisons_enter():
    for grade in (Evidence.DESCRIPTIVE, Evidence.OPINION):
        with pytest.raises(Refused, match="evidence from a comparison"):
            roi_of_gain(CAUSED, COSTS, 35, "margin", "incremental", grade)
    marked = roi_of_gain(CAUSED, COSTS, 35, "margin", "incremental", Evidence.QUASI_EXPERIMENTAL)
    assert "without random assignment" in marked.verdict


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [(11_000, 20_000, "pays"), (9_000, 20_000, "not proven"), (1_000, 9_000, "loses")],
)
def test_verdict_follows_the_interval(low, high, outcome):
    gain = Gain(amount=(low + high) / 2, interval=Interval(low, high))
    assert roi_of_gain(gain, COSTS, 35, "margin", "incremental").outcome == outcome


def test_corrected_interval_decides_where_it_must():
    gain = msgspec.structs.replace(CAUSED, corrected=Interval(9_000.0, 80_000.0), decides="skew")
    assert roi_of_gain(gain, COSTS, 35, "margin", "incremental").outcome == "not proven"


def test_too_few_buyers_give_no_verdict_on_money():
    gain = msgspec.structs.replace(CAUSED, refused="only 6 people bought")
    found = roi_of_gain(gain, COSTS, 35, "margin", "incremental")
    assert (found.outcome, found.headline) == ("refused", "")
    assert found.verdict == "No verdict on money, because only 6 people bought."


def test_no_payback_within_the_window():
    loses = roi_of_gain(
        Gain(amount=5_000.0, interval=Interval(1.0, 9_000.0)), COSTS, 35, "margin", "incremental"
    )
    assert loses.payback_day is None
    assert loses.payback_interval == (None, None)


def test_margin_rate_must_fit_the_base(arms):
    effect = analyse(SPEND, arms["Mens E-Mail"], arms["No E-Mail"])
    with pytest.raises(Refused, match="margin rate does not fit"):
        return_on_investment(effect, 0.4, 100, COSTS, 14, "revenue", "incremental")

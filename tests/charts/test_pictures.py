import msgspec
import pytest

from butfor.charts.customers import gap_curve, lifecycle, rfm_grid
from butfor.charts.render import heading, to_png, to_spec, to_svg
from butfor.charts.results import forest, waterfall
from butfor.model import BadInput, Interval
from butfor.profiles.gaps import suggest_threshold

STEPS = [
    ("Revenue", 1_000.0),
    ("Would have come anyway", -800.0),
    ("Caused revenue", None),
    ("Cost", -50.0),
    ("Net", None),
]


def rows(chart):
    """All inline rows of a chart, of its own and of its layers."""
    spec = to_spec(chart)
    held = [spec.get("data", {}), *(layer.get("data", {}) for layer in spec["layer"])]
    return [row for data in held for row in data.get("values", [])]


def test_rfm_grid_says_who_brings_the_money(cells):
    chart = rfm_grid(cells, currency="EUR", as_of="2026-01-31")
    assert heading(chart)[0] == "Champions: 30 % of customers bring 87 % of the money"
    assert heading(chart)[1].endswith("colour: spend per person, EUR · as of 2026-01-31")
    assert [(row["people"], row["shade"], row["dark"]) for row in rows(chart)] == [
        (1_200, 400.0, True), (800, 50.0, False), (2_000, 15.0, False),
    ]  # fmt: skip
    svg = to_svg(chart)
    assert "1,200" in svg
    assert "champions" in svg


def test_rfm_grid_with_amounts_says_net_spend_and_margin(cells):
    priced = [row | {"margin": float(row["spend"]) / 4} for row in cells]
    chart = rfm_grid(priced, currency="EUR", amounts=True)
    assert [row["amounts"] for row in rows(chart)] == ["480k\nm 120k", "40k\nm 10k", "30k\nm 7.5k"]
    assert "net spend and margin (m) of each, EUR" in heading(chart)[1]
    assert "margin" not in heading(rfm_grid(cells, amounts=True))[1]


def test_rfm_grid_by_people(cells):
    assert [row["shade"] for row in rows(rfm_grid(cells, colour="people"))] == [1_200.0, 800.0, 2_000.0]
    assert heading(rfm_grid([]))[0] == "Nobody is in the grid yet"


def test_lifecycle_keeps_the_order_and_gives_shares(stages):
    chart = lifecycle(stages, currency="EUR")
    assert heading(chart)[0] == "Most customers are inactive: 600 of 1,000 (60 %), with 20 % of the money"
    assert [(row["stage"], row["share"], row["money_share"]) for row in rows(chart)] == [
        ("active", 0.4, 0.8), ("inactive", 0.6, 0.2),
    ]  # fmt: skip
    assert "400 people · 40 %" in to_svg(chart)
    assert "8,000 EUR · 80 %" in to_svg(chart)


def test_gap_curve_marks_its_thresholds_and_says_what_it_leaves_out():
    chart = gap_curve(suggest_threshold([(10, 90), (40, 6), (600, 4)], people=70), as_of="2026-01-31")
    assert heading(chart)[0] == "9 in 10 next purchases come within 10 days, 19 in 20 within 40"
    assert "4 % of gaps last longer than 60 days and are not drawn" in heading(chart)[1]
    assert {"days": 10, "share": 0.9} in rows(chart)
    assert "90 % within" in to_svg(chart)


def test_forest_of_a_proven_effect(readout, visit):
    chart = forest(readout((50_000, 1_300), (50_000, 1_000)), visit, {"named": 0.005})
    assert heading(chart)[0] == "With name raises visit rate by 0.60 pp (0.41 to 0.79)"
    row = rows(chart)[0] if "row" in rows(chart)[0] else rows(chart)[1]
    assert (row["value"], row["planted"]) == (pytest.approx(0.6), 0.5)
    assert row["low"] < row["value"] < row["high"]
    assert row["verdict"] == "Proven, as the hypothesis says; planted +0.50 pp"
    assert "+0.60 pp (+0.41 to +0.79)" in to_svg(chart)


def test_forest_takes_the_unit_from_the_test(readout):
    found = readout((50_000, 1_300), (50_000, 1_000))
    assert heading(forest(found, "visit"))[0] == "With name raises visit by 0.60 pp (0.41 to 0.79)"


def test_forest_shows_welch_thinner_where_the_corrected_interval_decides(readout, spend):
    found = readout((20_000, 300), (20_000, 200), spend, each=50.0)
    assert found.effects[0].decides == "skew"
    chart = forest(found, spend, currency="EUR")
    row = next(row for row in rows(chart) if row.get("row") == "named")
    assert row["low"] == pytest.approx(found.effects[0].corrected.low)
    assert row["plain_low"] == pytest.approx(found.effects[0].interval.low)
    assert "without correction for skewness" in heading(chart)[1]
    assert heading(chart)[0].startswith("With name raises spend by 0.25 EUR per person (")


def test_interval_beside_zero_that_several_arms_leave_unproven(readout, visit):
    found = readout((50_000, 1_300), (50_000, 1_000))
    unproven = [msgspec.structs.replace(verdict, outcome="not proven") for verdict in found.verdicts]
    chart = forest(msgspec.structs.replace(found, verdicts=tuple(unproven)), visit)
    assert "Not proven, allowing for several arms" in to_svg(chart)


@pytest.mark.requirement("R-015")
def test_blocked_readout_draws_no_estimate(readout, visit):
    chart = forest(readout((25_500, 9_000), (24_500, 1_000)), visit)
    assert heading(chart)[0].startswith("Blocked: the arms do not hold the planned shares")
    assert [(row["value"], row["low"], row["high"]) for row in rows(chart)] == [(None, None, None)]
    assert "No verdict: the arms do not hold" in to_svg(chart)


def test_refused_and_unproven_and_empty(readout, spend, visit):
    refused = forest(readout((200, 8), (200, 6), spend), spend)
    assert heading(refused)[0] == "No verdict on spend"
    assert "No verdict: only 6 people" in to_svg(refused)
    unproven = forest(readout((500, 11), (500, 10)), visit)
    assert heading(unproven)[0] == "With name is not proven to change visit rate"
    empty = msgspec.structs.replace(readout((500, 11), (500, 10)), effects=(), verdicts=())
    assert heading(forest(empty, visit))[0] == "No verdict yet on visit rate"
    assert "No effect to draw yet" in to_svg(forest(empty, visit))


def test_waterfall_adds_up_and_keeps_its_interval():
    chart = waterfall(STEPS, interval=Interval(20.0, 280.0), currency="EUR", note="14 days")
    assert heading(chart)[0] == "Net is 150 EUR (20 to 280 EUR): 15 % of 1,000 EUR revenue"
    amounts = {
        row["label"]: (row["amount"], row["left"], row["right"]) for row in rows(chart) if "label" in row
    }
    assert amounts["Caused revenue"] == ("200 EUR", 0.0, 200.0)
    assert amounts["Cost"] == ("−50 EUR", 150.0, 200.0)
    assert "−800 EUR" in to_svg(chart)


def test_waterfall_takes_totals_given_as_amounts():
    given = [
        ("Revenue", 1_000.0),
        ("Would have come anyway", -800.0),
        ("Caused revenue", 200.0),
        ("Cost", -50.0),
        ("Net", 150.0),
    ]
    assert to_spec(waterfall(given)) == to_spec(waterfall(STEPS))


def test_waterfall_of_a_loss():
    chart = waterfall([("Revenue", 50.0), ("Cost", -62.5), ("Net", None)], interval=Interval(-30.0, 5.0))
    assert heading(chart)[0] == "Net is −12.50 (−30.00 to 5.00), not proven, after 50 revenue"
    with pytest.raises(BadInput, match="nothing to start from"):
        waterfall([("Net", None)])


def test_drawing_is_repeatable_at_any_width(cells):
    chart = rfm_grid(cells)
    assert to_svg(chart) == to_svg(chart) == to_svg(to_spec(chart))
    assert 'width="330"' in to_svg(chart, 330)
    assert to_png(chart, scale=1).startswith(b"\x89PNG")

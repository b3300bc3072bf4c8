"""Sections of a page that demo, cases and packs share: one finding each, with its picture and its table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from butfor.charts.customers import gap_curve, lifecycle, rfm_grid
from butfor.charts.report import Section
from butfor.charts.results import forest, waterfall
from butfor.experiments.readout import Readout
from butfor.plan.kinds import Metric
from butfor.profiles import GapCurve
from butfor.roi.returns import Roi


def grid_section(rows: Sequence[Mapping[str, Any]], currency: str, as_of: object) -> Section:
    """Return the RFM grid with its cells."""
    return Section(
        heading="Who is valuable, and who is slipping",
        chart=rfm_grid(rows, currency=currency, as_of=as_of),
        table=[{k: r[k] for k in ("cell", "recency", "frequency", "people", "spend")} for r in rows],
        notes=[
            "Scores run from 1 to 5. Their borders are stored in audiences/rfm.yaml, so nobody moves unless they do."
        ],
    )


def lifecycle_section(rows: Sequence[Mapping[str, Any]], currency: str, as_of: object) -> Section:
    """Return the lifecycle stages; they add up to everybody."""
    return Section(
        heading="Where customers stand",
        chart=lifecycle(rows, currency=currency, as_of=as_of),
        table=[{k: r[k] for k in ("stage", "people", "spend")} for r in rows],
        notes=["The logic of each stage and the reason for it are in plan/terms/lifecycle.yaml."],
    )


def gap_section(curve: GapCurve, as_of: object) -> Section:
    """Return the days between purchases and the threshold they suggest."""
    return Section(
        heading="When a customer is inactive",
        sentences=[curve.sentence()],
        chart=gap_curve(curve, as_of=as_of),
    )


def forest_section(
    readout: Readout, metric: Metric, currency: str, planted: Mapping[str, float] | None = None
) -> Section:
    """Return the effects of a test on one metric, beside the planted truth where it is known."""
    rows = [
        {
            "arm": e.treatment, "people": e.n_treatment, "control": e.n_control, "difference": e.difference,
            "low": e.deciding_interval.low, "high": e.deciding_interval.high, "t": e.t, "p adjusted": e.adjusted_pvalue,
        }
        for e in readout.effects
        if e.metric == metric.id
    ]  # fmt: skip
    own = [v.sentence for v in readout.verdicts if v.metric == metric.id]
    return Section(
        heading=f"What the test shows: {metric.label}",
        sentences=own,
        chart=forest(readout, metric, planted, currency=currency),
        table=rows,
        notes=[
            f"H1: {readout.h1}",
            f"H0: {readout.h0}",
            f"Sample ratio: p = {readout.srm.pvalue:.3f}; under 0.001 nothing would be shown.",
        ],
    )


def money_steps(roi: Roi, treated_margin: float, margin_rate: float | None) -> list[tuple[str, float | None]]:
    """Return the way from the revenue of treated people to what the message earned net.

    ``treated_margin`` is their margin in the window; what would have come anyway is the rest of it.
    """
    steps: list[tuple[str, float | None]] = []
    if margin_rate:
        revenue = treated_margin / margin_rate
        steps += [
            ("revenue of those who got it", revenue),
            ("goods", treated_margin - revenue),
            ("their margin", None),
        ]
    else:
        steps += [("their margin", treated_margin)]
    steps += [("would have come anyway", roi.gain - treated_margin), ("caused margin", None)]
    steps += [(c.name, -c.amount) for c in roi.costs]
    return [*steps, ("caused net margin", None)]


def money_section(
    roi: Roi, label: str, treated_margin: float, margin_rate: float | None, currency: str
) -> Section:
    """Return the waterfall from revenue to caused net margin, with the verdict on ROI."""
    gain = (roi.gain_corrected if roi.decides == "skew" else None) or roi.gain_interval
    return Section(
        heading=f"What it earned: {label}",
        sentences=[roi.verdict],
        chart=waterfall(
            money_steps(roi, treated_margin, margin_rate),
            interval=gain.scaled(1, -roi.cost) if gain else None,
            currency=currency,
            note=f"{roi.window_days} days, {roi.label}",
        ),
        table=[{"item": c.name, "cost": c.amount, "kind": c.kind} for c in roi.costs],
        notes=[
            f"Base: {roi.base}. Method: {roi.method}, {roi.evidence.value}. Window: {roi.window_days} days.",
            f"Holding the control group back cost about {roi.opportunity_cost:,.0f} {currency}: the price of knowing.",
        ],
    )

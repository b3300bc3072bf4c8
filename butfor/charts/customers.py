"""Pictures of who the customers are: the RFM grid, the lifecycle, and the gaps between purchases."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any, Literal

import altair as alt

from butfor.charts.canvas import base, finish, rows_of
from butfor.charts.findings import (
    Row,
    cell_name,
    gap_finding,
    lifecycle_finding,
    rfm_finding,
    share,
    total,
)
from butfor.charts.theme import (
    ACCENT,
    DEEP,
    INK,
    MUTED,
    PALE,
    PAPER,
    WARN,
    compact,
    dated,
    money,
    percent,
    shown,
)
from butfor.profiles.gaps import GapCurve

SHADES = [PALE, "#bcd8f1", "#8fbfe8", ACCENT, DEEP]
"""From little to much; on each, black or white text has a contrast of 4.5 or more, which no middle blue allows."""


def rfm_grid(
    rows: Sequence[Row],
    *,
    currency: str = "",
    as_of: object = "",
    colour: Literal["spend", "people"] = "spend",
    amounts: bool = False,
) -> alt.LayerChart:
    """Draw the RFM grid as a heat map: recency upwards, frequency to the right, both from 1 (worst) to the best.

    Each row is one cell with ``recency``, ``frequency``, ``people``, ``spend`` (of the whole cell) and ``name``
    (or ``cell``) of its segment. ``colour`` shows spend per person or the number of people. With ``amounts`` each cell says
    its net spend and, where rows have one, its ``margin``.
    """
    cells = [_cell(row, colour) | _amounts(row, amounts) for row in rows]
    steps = _steps([cell["shade"] for cell in cells])
    for cell in cells:
        cell["dark"] = cell["shade"] >= steps[2]
    unit = f"spend per person{', ' + currency if currency else ''}" if colour == "spend" else "people"
    fill = alt.Color(
        "shade:Q",
        title=unit,
        scale=alt.Scale(type="threshold", domain=steps, range=SHADES),
        legend=alt.Legend(format=",~r", gradientLength=220, gradientThickness=10),
    )
    picture = base(cells).encode(
        x=alt.X("frequency:O", title="frequency score  (rare → often)", axis=_quiet()),
        y=alt.Y("recency:O", sort="descending", title="recency score  (long ago → lately)", axis=_quiet()),
    )
    ink = alt.condition("datum.dark", alt.value(PAPER), alt.value(INK))
    small = alt.ExprRef("width < 400 ? 9 : 11.5")
    up = 20 if amounts else 0
    layers = [
        picture.mark_rect(stroke=PAPER, strokeWidth=3, cornerRadius=4).encode(color=fill),
        picture.mark_text(dy=-13 - up, fontSize=15, fontWeight=600).encode(text="count:N", color=ink),
        picture.mark_text(dy=6 - up, fontSize=small, lineHeight=12).encode(text="label:N", color=ink),
    ]
    if amounts:
        layers.append(
            picture.mark_text(dy=18, fontSize=small, lineHeight=12).encode(text="amounts:N", color=ink)
        )
    what = shown(
        "customers per cell with their segment",
        _meant(rows, amounts, currency),
        f"colour: {unit}",
        dated(as_of),
    )
    levels = len({row["recency"] for row in rows}) or 1
    return finish(layers, rfm_finding(rows), what, (112 if amounts else 68) * levels)


def _meant(rows: Sequence[Row], amounts: bool, currency: str) -> str:
    if not amounts:
        return ""
    margin = " and margin (m)" if any(row.get("margin") is not None for row in rows) else ""
    return f"net spend{margin} of each{', ' + currency if currency else ''}"


def _amounts(row: Row, wanted: bool) -> dict[str, str]:
    """Return what a cell says of its money, a line each."""
    if not wanted:
        return {}
    margin = row.get("margin")
    lines = [
        compact(float(row.get("spend") or 0)),
        *([] if margin is None else [f"m {compact(float(margin))}"]),
    ]
    return {"amounts": "\n".join(lines)}


def _steps(values: Sequence[float]) -> list[float]:
    """Return the four values at which the shade changes, rising.

    They follow the root of the value, because a few big cells would otherwise leave all others one shade.
    """
    most = max(values, default=0.0) or 1.0
    return [float(f"{most * (place / len(SHADES)) ** 2:.2g}") for place in range(1, len(SHADES))]


def _cell(row: Row, colour: str) -> dict[str, Any]:
    each = share(float(row.get("spend") or 0), row["people"])
    return {
        "recency": row["recency"],
        "frequency": row["frequency"],
        "people": row["people"],
        "spend": float(row.get("spend") or 0),
        "count": f"{row['people']:,}",
        "label": "\n".join(textwrap.wrap(cell_name(row), 11)),
        "shade": each if colour == "spend" else float(row["people"]),
    }


def _quiet() -> alt.Axis:
    return alt.Axis(labelAngle=0, ticks=False, domain=False, grid=False)


def lifecycle(rows: Sequence[Row], *, currency: str = "", as_of: object = "") -> alt.LayerChart:
    """Draw each lifecycle stage, in the order stated, as its share of people above its share of money.

    Each row is one stage with ``stage``, ``people``, ``spend`` and ``order`` (a number; rows stay as they come
    without it). Without any spend only the people are drawn.
    """
    ordered = sorted(rows, key=lambda row: row.get("order") or 0)
    people, spend = total(ordered, "people"), total(ordered, "spend")
    bars = [_stage(row, people, spend, currency) for row in ordered]
    longest = max((max(bar["share"], bar["money_share"]) for bar in bars), default=0.0)
    picture = base(bars).encode(y=rows_of("stage", [bar["stage"] for bar in bars]))
    # The bars end where the longest label still fits behind the longest bar on a telephone.
    scale = alt.Scale(domain=[0, (longest or 1.0) * 1.65], nice=False)
    layers = [
        *_bars(picture, "share", "label", scale, colour=ACCENT, size=16, down=-2 if spend else 6),
        *(_bars(picture, "money_share", "money", scale, colour="#9a6a00", size=8, down=14) if spend else ()),
        picture.mark_text(align="left", dy=-21, fontWeight=600, fontSize=13).encode(
            x=alt.value(0), text="stage:N"
        ),
    ]
    what = "share of all people (blue, thick) and of all money (amber, thin) per stage"
    return finish(
        layers,
        lifecycle_finding(rows),
        shown(what if spend else "people per stage and their share", dated(as_of)),
        62 * max(1, len(bars)),
    )


def _stage(row: Row, people: float, spend: float, currency: str) -> dict[str, Any]:
    amount = float(row.get("spend") or 0)
    part, money_part = share(row["people"], people), share(amount, spend)
    return {
        "stage": row["stage"],
        "people": row["people"],
        "spend": amount,
        "share": part,
        "money_share": money_part,
        "label": f"{row['people']:,} people · {percent(part)}",
        "money": f"{money(amount, currency, 0)} · {percent(money_part)}",
    }


def _bars(
    picture: alt.Chart, value: str, label: str, scale: alt.Scale, *, colour: str, size: int, down: int
) -> list[alt.Chart]:
    x = alt.X(f"{value}:Q", axis=None, scale=scale)
    return [
        picture.mark_bar(height=size, yOffset=down, color=colour, cornerRadiusEnd=2).encode(x=x),
        picture.mark_text(align="left", dx=6, dy=down, color=MUTED).encode(x=x, text=f"{label}:N"),
    ]


def gap_curve(curve: GapCurve, *, as_of: object = "") -> alt.LayerChart:
    """Draw the share of gaps between purchases that end within so many days, marked where 90 and 95 % do."""
    end = _far_enough(curve)
    points = [
        {"days": day, "share": part} for day, part in zip(curve.days, curve.share, strict=True) if day <= end
    ]
    # The label of P90 stands left of its line and that of P95 right, so that they never meet.
    marks = [
        {"days": days, "share": part, "label": f"{percent(part)} within\n{days} days", "at": at, "side": side}
        for days, part, at, side in (
            (curve.median, 0.5, 0.44, "right"),
            (curve.p90, 0.9, 0.2, "left"),
            (curve.p95, 0.95, 0.2, "right"),
        )
    ]
    x = alt.X("days:Q", title="days until the next purchase", scale=alt.Scale(domain=[0, end], nice=False))
    y = alt.Y(
        "share:Q", title=None, scale=alt.Scale(domain=[0, 1.0]), axis=alt.Axis(format=".0%", tickCount=5)
    )
    line = base([{"days": 0, "share": 0.0}, *points]).encode(x=x, y=y)
    rules = base(marks).encode(x=x)
    layers = [
        line.mark_area(interpolate="step-after", color=PALE),
        line.mark_line(interpolate="step-after", color=ACCENT, strokeWidth=2.5),
        rules.mark_rule(color=WARN, strokeDash=[4, 3]).encode(y=y),
        rules.mark_point(filled=True, size=70, color=WARN, opacity=1).encode(y=y),
        *(
            rules.transform_filter(f"datum.side === '{side}'")
            .mark_text(align=align, dx=dx, baseline="top", fontWeight=600)
            .encode(y="at:Q", text="label:N")
            for side, align, dx in (("left", "right", -7), ("right", "left", 7))
        ),
    ]
    beyond = f"{percent(1 - points[-1]['share'])} of gaps last longer than {end} days and are not drawn"
    what = shown(
        f"share of {curve.gaps:,} gaps between purchases"
        + (f" of {curve.people:,} people" if curve.people else ""),
        beyond if end < curve.days[-1] else "",
        dated(as_of),
    )
    return finish(layers, gap_finding(curve), what, 300)


def _far_enough(curve: GapCurve) -> int:
    """Return the last day to draw: the tail beyond one and a half times P95 says nothing and hides the rest."""
    return max(min(curve.days[-1], curve.p95 + curve.p95 // 2), 1)

"""Pictures of what was earned: effects with their intervals, and the way from revenue to what was caused."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from butfor.charts.canvas import base, finish, rows_of
from butfor.charts.findings import (
    ArmEffect,
    Bar,
    Measure,
    arm_effects,
    bars_of,
    forest_finding,
    measure_of,
    sentence_case,
    waterfall_finding,
)
from butfor.charts.theme import (
    ACCENT,
    FAINT,
    INK,
    MUTED,
    NEUTRAL,
    PAPER,
    WARN,
    dated,
    digits_for,
    money,
    shown,
    signed,
)
from butfor.experiments.readout import Readout
from butfor.model import Interval
from butfor.plan.kinds import Metric

COLOURS = {"rejected": ACCENT, "better": ACCENT, "opposite": WARN, "worse": WARN}
"""Proven for the better, proven for the worse; everything else is grey."""

FOREST_ROW = 104
WORDS_ROW = 76
"""Height of an arm in pixels, with an interval and with words alone."""

INTERVAL_DOWN = 24
"""How far below the middle of its row an interval stands, so that the words have room above it."""


def forest(
    readout: Readout, metric: Metric | str, planted: Mapping[str, float] | None = None, *, currency: str = ""
) -> alt.LayerChart:
    """Draw the effect of every arm against the control in one metric, with the interval its verdict rests on.

    Where the skew-corrected interval decides, Welch's is drawn thinner below it. ``planted`` holds the true
    difference per person by arm where it is known (simulated shops), drawn as a diamond. An arm without a
    verdict has no estimate on the picture, only the reason in words; the same for all arms when the readout is
    blocked. A ``Metric`` brings its label and unit; with its id alone, ``currency`` makes it money.
    """
    measure = measure_of(readout, metric, currency)
    effects = arm_effects(readout, measure, planted or {})
    rows = [_forest_row(effect, readout.blocked, measure) for effect in effects] or [_nobody()]
    picture = base(rows).encode(y=rows_of("row", [row["row"] for row in rows]))
    control = next((arm.label for arm in readout.arms if arm.control), readout.control)
    unit = f", {measure.unit}" if measure.unit else ""
    axis_title = textwrap.wrap(f"difference in {measure.label}{measure.per} against {control}{unit}", 44)
    drawn = any(row["low"] is not None or row["planted"] is not None for row in rows)
    axis = (
        alt.Axis(title=axis_title, grid=False, tickCount=alt.ExprRef("width < 400 ? 4 : 8"))
        if drawn
        else None
    )
    x = alt.X("low:Q", axis=axis, scale=alt.Scale(domain=_domain(rows), nice=False))
    layers = [*_zero(picture, axis), *_intervals(picture, x), *_words(picture)]
    judged = any(row["low"] is not None for row in rows)
    thin = any(row["plain_low"] is not None for row in rows)
    what = shown(
        f"estimate with {100 * (1 - readout.alpha):g} % interval" if judged else "",
        "thin line: the same without correction for skewness" if thin else "",
        "diamond: the planted truth" if planted else "",
        dated(readout.as_of),
    )
    return finish(
        layers,
        forest_finding(readout, measure, effects),
        what,
        (FOREST_ROW if drawn else WORDS_ROW) * len(rows),
    )


def _forest_row(effect: ArmEffect, blocked: str, measure: Measure) -> dict[str, Any]:
    verdict = sentence_case(effect.verdict)
    if effect.planted is not None:
        verdict += f"; planted {_planted(effect.planted, effect, measure)}"
    barred = effect.low is None
    why = "\n".join(textwrap.wrap(f"No verdict: {effect.reason}", 48)) if barred else ""
    return {
        "row": effect.arm,
        "name": textwrap.shorten(effect.label, 34, placeholder=" …") + ("  (blocked)" if blocked else ""),
        "figures": why or effect.figures,
        "verdict": "" if barred else verdict,
        "value": None if barred else effect.value,
        "low": effect.low,
        "high": effect.high,
        "plain_low": effect.plain.low if effect.plain else None,
        "plain_high": effect.plain.high if effect.plain else None,
        "planted": effect.planted,
        "colour": COLOURS.get(effect.outcome, NEUTRAL),
    }


def _nobody() -> dict[str, Any]:
    empty = dict.fromkeys(("value", "low", "high", "plain_low", "plain_high", "planted"))
    return empty | {
        "row": "",
        "name": "No effect to draw yet",
        "figures": "There are not two arms with at least two\npeople each.",
        "verdict": "",
        "colour": NEUTRAL,
    }


def _planted(planted: float, effect: ArmEffect, measure: Measure) -> str:
    return signed(planted, digits_for((effect.high or 0.0) - (effect.low or 0.0)), measure.unit)


def _domain(rows: Sequence[Mapping[str, Any]]) -> list[float]:
    names = ("low", "high", "plain_low", "plain_high", "planted")
    seen = [row[name] for row in rows for name in names if row[name] is not None]
    low, high = min(seen, default=0.0), max(seen, default=0.0)
    low, high = min(low, 0.0), max(high, 0.0)
    edge = 0.06 * (high - low) or 1.0
    return [low - edge, high + edge]


def _zero(picture: alt.Chart, axis: alt.Axis | None) -> list[alt.Chart]:
    """Return a mark at zero beside each interval; a line through all rows would run through the words."""
    mark = picture.mark_tick(
        orient="vertical", size=44, thickness=1.5, yOffset=INTERVAL_DOWN, color=NEUTRAL, opacity=1
    )
    return [mark.encode(x=alt.XDatum(0, axis=axis))] if axis else []


def _intervals(picture: alt.Chart, x: alt.X) -> list[alt.Chart]:
    colour = alt.Color("colour:N", scale=None)
    return [
        picture.mark_rule(strokeWidth=5, strokeCap="round", yOffset=INTERVAL_DOWN).encode(
            x=x, x2="high:Q", color=colour
        ),
        picture.mark_rule(strokeWidth=1.5, yOffset=INTERVAL_DOWN + 9, opacity=0.75).encode(
            x="plain_low:Q", x2="plain_high:Q", color=colour
        ),
        picture.mark_point(
            filled=True, size=130, opacity=1, yOffset=INTERVAL_DOWN, stroke=PAPER, strokeWidth=1.5
        ).encode(x="value:Q", color=colour),
        picture.mark_point(
            shape="diamond",
            size=110,
            opacity=1,
            yOffset=INTERVAL_DOWN,
            fill=PAPER,
            stroke=INK,
            strokeWidth=1.8,
        ).encode(x="planted:Q"),
    ]


def _words(picture: alt.Chart) -> list[alt.Chart]:
    at_left = picture.encode(x=alt.value(0))
    line = {"align": "left", "baseline": "top", "lineHeight": 15}
    return [
        at_left.mark_text(**line, dy=dy, fontSize=size, fontWeight=weight, color=color).encode(
            text=f"{field}:N"
        )
        for field, dy, size, weight, color in (
            ("name", -46, 13, 600, INK),
            ("figures", -28, 12, 400, INK),
            ("verdict", -12, 12, 400, MUTED),
        )
    ]


def waterfall(
    steps: Sequence[tuple[str, float | None]],
    *,
    interval: Interval | None = None,
    currency: str = "",
    as_of: object = "",
    note: str = "",
) -> alt.LayerChart:
    """Draw the way from the first amount to the last, one bar per step, from top to bottom.

    The first step opens; an amount of None (or one that equals the steps so far) is a total; all others are
    added, so what is taken away is negative. ``interval`` is that of the last amount, in the same unit.
    ``note`` says what the picture rests on, such as the window.
    """
    bars = bars_of(steps)
    rows = [_waterfall_row(bar, place, bars, currency) for place, bar in enumerate(bars)]
    picture = base(rows).encode(y=rows_of("row", [row["row"] for row in rows]))
    edges = (interval.low, interval.high) if interval else ()
    ends = [0.0, *(bar.start for bar in bars), *(bar.end for bar in bars), *edges]
    x = alt.X("left:Q", axis=None, scale=alt.Scale(domain=[min(ends), max(ends) or 1.0], nice=False))
    colour = alt.Color("colour:N", scale=None)
    layers = [
        base([{}]).mark_rule(color=FAINT).encode(x=alt.XDatum(0, axis=None)),
        picture.mark_bar(height=16, yOffset=9, cornerRadius=2).encode(x=x, x2="right:Q", color=colour),
        *(text for total in (True, False) for text in _line_items(picture, total)),
        *(_whisker(interval, rows, x) if interval else ()),
    ]
    what = shown(
        "blue: what stands; orange: what is taken away",
        f"line: {100 * interval.level:g} % interval of the last" if interval else "",
        note,
        dated(as_of),
    )
    tall = any("\n" in row["label"] for row in rows)
    return finish(layers, waterfall_finding(bars, currency, interval), what, (70 if tall else 54) * len(rows))


def _waterfall_row(bar: Bar, place: int, bars: Sequence[Bar], currency: str) -> dict[str, Any]:
    written = money(bar.amount, currency, _digits(bars))
    return {
        "row": f"{place}",
        "label": "\n".join(textwrap.wrap(bar.label, 26)),
        "value": bar.amount,
        "left": min(bar.start, bar.end),
        "right": max(bar.start, bar.end),
        "total": bar.total,
        "amount": written if bar.total or bar.amount < 0 else f"+{written}",
        "colour": _bar_colour(bar),
    }


def _whisker(interval: Interval, rows: Sequence[Mapping[str, Any]], x: alt.X) -> list[alt.Chart]:
    ends = {"row": rows[-1]["row"], "left": interval.low, "right": interval.high}
    line = base([ends]).encode(x=x, y=rows_of("row", [row["row"] for row in rows]))
    tick = {"color": INK, "thickness": 2, "size": 14, "yOffset": 9, "opacity": 1}
    return [
        # White around it, or it would vanish on its own bar.
        line.mark_rule(color=PAPER, strokeWidth=5, yOffset=9).encode(x2="right:Q"),
        line.mark_rule(color=INK, strokeWidth=2, yOffset=9).encode(x2="right:Q"),
        line.mark_tick(**tick),
        line.mark_tick(**tick).encode(x="right:Q"),
    ]


def _bar_colour(bar: Bar) -> str:
    if bar.total:
        return ACCENT if bar.end >= 0 else WARN
    return "#e0a58a" if bar.amount < 0 else "#8db4d9"


def _digits(bars: Sequence[Bar]) -> int:
    """Return the decimals of all amounts alike: cents only where the largest is under a hundred."""
    return 0 if max(abs(bar.end) for bar in bars) >= 100 else 2


def _line_items(picture: alt.Chart, total: bool) -> list[alt.Chart]:
    """Return a step's label at the left and its amount at the right, as in an account."""
    # A label in two lines begins a line higher, so that it ends above the bar.
    first = alt.ExprRef("indexof(datum.label, '\\n') < 0 ? -4 : -20")
    kind = picture.transform_filter(f"datum.total === {str(total).lower()}")
    look = {
        "fontSize": 13,
        "baseline": "bottom",
        "fontWeight": 600 if total else 400,
        "color": INK if total else MUTED,
    }
    return [
        kind.mark_text(align="left", dy=first, **look).encode(x=alt.value(0), text="label:N"),
        kind.mark_text(align="right", dy=first, **look).encode(x=alt.value("width"), text="amount:N"),
    ]

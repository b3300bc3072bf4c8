"""What a picture says: the sentence above it and the figures in it, for charts and terminals alike."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from butfor.charts.theme import digits_for, money, percent, signed
from butfor.experiments.analysis import Effect
from butfor.experiments.readout import Readout, Verdict
from butfor.experiments.words import Outcome
from butfor.model import BadInput, Interval
from butfor.plan.kinds import Metric
from butfor.profiles.gaps import GapCurve

Row = Mapping[str, Any]

OUTCOMES: dict[Outcome, str] = {
    "rejected": "proven, as the hypothesis says",
    "opposite": "proven, against the hypothesis",
    "better": "better",
    "worse": "worse",
    "no effect": "practically no effect",
    "not proven": "not proven",
    "refused": "no verdict",
}
"""How an outcome is said on a picture."""

PROVEN: frozenset[Outcome] = frozenset({"rejected", "opposite", "better", "worse"})


def total(rows: Sequence[Row], name: str) -> float:
    """Return the sum of one column; what is missing counts as 0."""
    return sum((float(row.get(name) or 0) for row in rows), 0.0)


def share(part: Any, whole: float) -> float:
    """Return part / whole, 0 of nothing; ``part`` may be a Decimal, as databases return money."""
    return float(part) / whole if whole else 0.0


def cell_name(row: Row) -> str:
    """Return the name of the segment a grid cell belongs to, empty without one."""
    return str(row.get("name") or row.get("cell") or "").replace("_", " ")


def rfm_finding(rows: Sequence[Row]) -> str:
    """Name the segment that brings most money, with its share of people and of spend."""
    people, spend = total(rows, "people"), total(rows, "spend")
    if not people:
        return "Nobody is in the grid yet"
    by_name: dict[str, list[Row]] = {}
    for row in rows:
        by_name.setdefault(cell_name(row) or "customers without a segment", []).append(row)
    top = max(by_name, key=lambda name: total(by_name[name], "spend" if spend else "people"))
    crowd = f"{sentence_case(top)}: {percent(share(total(by_name[top], 'people'), people))} of customers"
    if not spend:
        return crowd
    return f"{crowd} bring {percent(share(total(by_name[top], 'spend'), spend))} of the money"


def lifecycle_finding(rows: Sequence[Row]) -> str:
    """Name the largest stage with its share of people and of spend."""
    people, spend = total(rows, "people"), total(rows, "spend")
    if not people:
        return "Nobody is in any stage yet"
    top = max(rows, key=lambda row: row["people"])
    crowd = share(top["people"], people)
    opening = "Most customers are" if crowd > 0.5 else "The largest stage is"
    money_too = f", with {percent(share(top.get('spend') or 0, spend))} of the money" if spend else ""
    return f"{opening} {top['stage']}: {top['people']:,} of {people:,.0f} ({percent(crowd)}){money_too}"


def gap_finding(curve: GapCurve) -> str:
    """Say within how many days nine in ten next purchases come."""
    return f"9 in 10 next purchases come within {curve.p90} days, 19 in 20 within {curve.p95}"


class Bar(Struct, frozen=True):
    """One bar of a waterfall from ``start`` to ``end``; a total stands on zero."""

    label: str
    start: float
    end: float
    total: bool

    @property
    def amount(self) -> float:
        """What the bar adds, or what a total comes to."""
        return self.end if self.total else self.end - self.start


def bars_of(steps: Sequence[tuple[str, float | None]]) -> list[Bar]:
    """Return the bars of a waterfall, each starting where the one before ended.

    The first step opens. A later one is a total when its amount is None or equals (to half a cent) what the
    steps so far come to; all others are added, so costs are negative.
    """
    if not steps or steps[0][1] is None:
        raise BadInput(
            "a waterfall has nothing to start from",
            rule="the first step is an amount",
            next_step='begin with a pair such as ("Revenue", 120_000.0)',
        )
    bars: list[Bar] = []
    at = 0.0
    for label, amount in steps:
        closes = not bars or amount is None or abs(float(amount) - at) < 0.005
        after = at + float(amount) if amount is not None and (not bars or not closes) else at
        bars.append(Bar(label, 0.0 if closes else at, after, closes))
        at = after
    return bars


def waterfall_finding(bars: Sequence[Bar], currency: str, interval: Interval | None = None) -> str:
    """Say what is left at the end of what came in at the start, and between which bounds."""
    first, last = bars[0], bars[-1]
    bounds = f" ({money_range(interval, currency)})" if interval else ""
    doubt = ", not proven" if interval and interval.covers(0.0) else ""
    opening = f"{money(first.end, currency)} {lower_first(first.label)}"
    left = f"{sentence_case(last.label)} is {money(last.end, currency)}{bounds}{doubt}"
    if last.end < 0 or first.end <= 0:
        return f"{left}, after {opening}"
    return f"{left}: {percent(share(last.end, first.end))} of {opening}"


def money_range(interval: Interval, currency: str) -> str:
    """Return "2,100 to 15,300 EUR", both ends with the decimals of the larger."""
    digits = 0 if max(abs(interval.low), abs(interval.high)) >= 100 else 2
    return f"{money(interval.low, '', digits)} to {money(interval.high, currency, digits)}"


class ArmEffect(Struct, frozen=True, kw_only=True):
    """One line of a forest plot, in the unit shown (percentage points for shares).

    ``low`` and ``high`` are the interval the verdict rests on; ``plain`` is Welch's where the skew-corrected one
    decides. All three are None where there is no verdict, and ``why`` says why not.
    """

    arm: str
    label: str
    outcome: Outcome
    value: float
    low: float | None
    high: float | None
    plain: Interval | None
    planted: float | None
    figures: str
    why: str

    @property
    def verdict(self) -> str:
        """The outcome in words; says so where only the correction for several arms left it unproven."""
        clear = self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)
        several = ", allowing for several arms" if clear and self.outcome == "not proven" else ""
        return OUTCOMES[self.outcome] + several

    @property
    def reason(self) -> str:
        """The first clause of ``why``; the rest is for the sentences beside the picture."""
        return re.split("[;:]", self.why)[0]


class Measure(Struct, frozen=True):
    """How a metric is shown: its name, unit, the factor to that unit, and "per person" where it is one."""

    id: str
    label: str
    unit: str
    factor: float
    per: str


def measure_of(readout: Readout, metric: Metric | str, currency: str) -> Measure:
    """Return how to show a metric; from its id alone the unit follows from how it was tested."""
    if isinstance(metric, Metric):
        is_share = metric.unit == "share" or metric.take == "proportion"
        name, label, ratio = metric.id, metric.label, metric.take == "ratio"
        unit = currency if metric.unit == "money" else ""
    else:
        how = next((e.method for e in readout.effects if e.metric == metric), "")
        is_share, ratio = how.startswith("difference of proportions"), how.startswith("difference of ratios")
        name, label, unit = metric, metric.replace("_", " "), currency
    if is_share:
        return Measure(name, label, "pp", 100.0, "")
    return Measure(name, label, unit, 1.0, "" if ratio else " per person")


def arm_effects(readout: Readout, measure: Measure, planted: Mapping[str, float]) -> list[ArmEffect]:
    """Return the effect of every arm against the control in one metric, in the order of the arms."""
    labels = {arm.arm: arm.label for arm in readout.arms}
    verdicts = {v.treatment: v for v in readout.verdicts if v.metric == measure.id}
    return [
        _arm_effect(e, verdicts[e.treatment], measure, labels.get(e.treatment, e.treatment), planted)
        for e in readout.effects
        if e.metric == measure.id
    ]


def _arm_effect(
    effect: Effect, verdict: Verdict, measure: Measure, label: str, planted: Mapping[str, float]
) -> ArmEffect:
    barred = verdict.outcome == "refused"
    interval = _shown(effect.deciding_interval, measure)
    plain = _shown(effect.interval, measure) if effect.decides == "skew" else None
    truth = planted.get(effect.treatment)
    return ArmEffect(
        arm=effect.treatment,
        label=label,
        outcome=verdict.outcome,
        value=effect.difference * measure.factor,
        low=None if barred else interval.low,
        high=None if barred else interval.high,
        plain=None if barred else plain,
        planted=None if truth is None else truth * measure.factor,
        figures="" if barred else _figures(effect.difference * measure.factor, interval, measure.unit),
        why=effect.refused,
    )


def _shown(interval: Interval, measure: Measure) -> Interval:
    # Bare floats, because a corrected interval can hold number types of the statistics library.
    ends = interval.scaled(measure.factor)
    return Interval(float(ends.low), float(ends.high), ends.level)


def _figures(value: float, interval: Interval, unit: str) -> str:
    digits = digits_for(interval.high - interval.low)
    low, high = signed(interval.low, digits), signed(interval.high, digits)
    return f"{signed(value, digits, unit)} ({low} to {high})"


def forest_finding(readout: Readout, measure: Measure, effects: Sequence[ArmEffect]) -> str:
    """Say which arm changes the metric and by how much, or that none is proven to, or why nobody may know."""
    if readout.blocked:
        return "Blocked: the arms do not hold the planned shares of people, so no effect may be believed"
    judged = [e for e in effects if e.outcome != "refused"]
    proven = [e for e in judged if e.outcome in PROVEN]
    if not judged:
        return f"No verdict {'on' if effects else 'yet on'} {measure.label}"
    if not proven:
        return _unproven(measure, judged)
    top = max(proven, key=lambda e: abs(e.value))
    others = f"; {len(proven)} of {len(effects)} arms are proven to change it" if len(effects) > 1 else ""
    way = "raises" if top.value > 0 else "lowers"
    digits = digits_for((top.high or 0.0) - (top.low or 0.0))
    turned = Interval(top.low or 0.0, top.high or 0.0).scaled(1.0 if top.value > 0 else -1.0)
    size, low, high = (money(x, "", digits) for x in (abs(top.value), turned.low, turned.high))
    unit = f" {measure.unit}".rstrip()
    return f"{top.label} {way} {measure.label} by {size}{unit}{measure.per} ({low} to {high}){others}"


def _unproven(measure: Measure, judged: Sequence[ArmEffect]) -> str:
    if len(judged) > 1:
        return f"None of {len(judged)} arms is proven to change {measure.label}"
    if judged[0].outcome == "no effect":
        return f"{judged[0].label} makes practically no difference to {measure.label}"
    return f"{judged[0].label} is not proven to change {measure.label}"


def sentence_case(text: str) -> str:
    """Return the text with its first letter in upper case, the rest as it is."""
    return text[:1].upper() + text[1:]


def lower_first(text: str) -> str:
    """Return the text with its first letter in lower case, unless it looks like an abbreviation."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]

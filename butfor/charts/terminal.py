"""The same pictures in plain text, for the command line: bars, the RFM grid and forest lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from butfor.charts.findings import (
    ArmEffect,
    Row,
    arm_effects,
    bars_of,
    cell_name,
    lifecycle_finding,
    measure_of,
    rfm_finding,
    share,
    total,
)
from butfor.charts.theme import money, percent
from butfor.experiments.readout import Readout
from butfor.plan.kinds import Metric

EIGHTHS = " ▏▎▍▌▋▊▉█"
SHADES = " ░▒▓█"


def bar(part: float, width: int) -> str:
    """Return a bar of ``part`` (0 to 1) of ``width`` characters, to an eighth of a character.

    >>> bar(0.55, 10)
    '█████▌'
    """
    eighths = round(max(0.0, min(1.0, part)) * width * 8)
    return "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()


def lifecycle(rows: Sequence[Row], *, width: int = 80) -> str:
    """Return one bar per stage in the order stated, with its people and their share; rows as for the chart."""
    if not rows:
        return lifecycle_finding(rows)
    ordered = sorted(rows, key=lambda row: row.get("order") or 0)
    people = total(ordered, "people")
    most = max((row["people"] for row in ordered), default=0)
    figures = [f"{row['people']:,}  {percent(share(row['people'], people)):>5}" for row in ordered]
    names = _column([str(row["stage"]) for row in ordered], width // 3)
    right = max(map(len, figures), default=0)
    room = max(4, width - len(names[0] if names else "") - right - 4)
    return "\n".join(
        f"{name}  {bar(share(row['people'], most), room):<{room}}  {figure:>{right}}"
        for name, row, figure in zip(names, ordered, figures, strict=True)
    )


def rfm_grid(rows: Sequence[Row], *, width: int = 80) -> str:
    """Return the RFM grid: recency upwards, frequency to the right; people, shade and segment in each cell.

    A fuller shade is more spend per person (people where no spend is known), as in the chart.
    """
    if not rows:
        return rfm_finding(rows)
    levels = sorted({row["frequency"] for row in rows})
    at = {(row["recency"], row["frequency"]): row for row in rows}
    room = max(6, (width - 4) // max(1, len(levels)) - 1)
    shades = _shades(rows)
    lines = []
    for recency in sorted({row["recency"] for row in rows}, reverse=True):
        cells = [at.get((recency, frequency), {}) for frequency in levels]
        counts = (f"{shades[id(cell)]} {cell['people']:,}" if cell else "–" for cell in cells)
        lines.append(f"{recency:>2}  " + " ".join(count.ljust(room) for count in counts))
        lines.append("    " + " ".join(_cut(cell_name(cell), room).ljust(room) for cell in cells))
    lines.append("    " + " ".join(str(level).ljust(room) for level in levels))
    return "\n".join([*(line.rstrip() for line in lines), "    frequency →   recency ↑"])


def _shades(rows: Sequence[Row]) -> dict[int, str]:
    """Return the shade of each row by its identity."""
    by_people = not total(rows, "spend")
    values = [row["people"] if by_people else share(float(row["spend"] or 0), row["people"]) for row in rows]
    most = max(values, default=0.0)
    # The root, as in the chart: a few big cells would leave all others blank.
    levels = [
        max(1, round(share(value, most) ** 0.5 * 4)) if row["people"] else 0
        for row, value in zip(rows, values, strict=True)
    ]
    return {id(row): SHADES[level] * 2 for row, level in zip(rows, levels, strict=True)}


def forest(
    readout: Readout,
    metric: Metric | str,
    planted: Mapping[str, float] | None = None,
    *,
    currency: str = "",
    width: int = 80,
) -> str:
    """Return one line per arm: its interval against zero, the figures and the verdict; ◇ is the planted truth.

    An arm without a verdict has the reason instead of an interval. The words take a line of their own where
    they would leave less than 20 characters for the picture.
    """
    effects = arm_effects(readout, measure_of(readout, metric, currency), planted or {})
    if not effects:
        return "No verdict yet: there are not two arms with at least two people each."
    names = _column([effect.label for effect in effects], width // 4)
    words = [_said(effect) for effect in effects]
    room = width - len(names[0]) - 2
    beside = room - max(map(len, words)) - 2
    drawn = beside if beside >= 20 else room
    low, high = _bounds(effects)
    lines = []
    for name, effect, said in zip(names, effects, words, strict=True):
        line = f"{name}  {_interval(effect, low, high, drawn)}"
        lines += [f"{line}  {said}"] if beside >= 20 else [line.rstrip(), f"    {said}"]
    return "\n".join([*lines, " " * (len(names[0]) + 2 + _place(0.0, low, high, drawn)) + "0"])


def _said(effect: ArmEffect) -> str:
    return f"{effect.figures}  {effect.verdict}" if effect.figures else f"no verdict: {effect.reason}"


def _bounds(effects: Sequence[ArmEffect]) -> tuple[float, float]:
    ends = [x for e in effects for x in (e.low, e.high, e.planted) if x is not None]
    return min([*ends, 0.0]), max([*ends, 0.0])


def _place(value: float, low: float, high: float, room: int) -> int:
    return round(share(value - low, high - low) * (room - 1))


def _interval(effect: ArmEffect, low: float, high: float, room: int) -> str:
    line = [" "] * room
    zero = _place(0.0, low, high, room)
    line[zero] = "┊"
    if effect.low is not None and effect.high is not None:
        left, right = (_place(x, low, high, room) for x in (effect.low, effect.high))
        line[left : right + 1] = "─" * (right - left + 1)
        line[left], line[right] = "├", "┤"
        if left < zero < right:
            line[zero] = "┼"
        line[_place(effect.value, low, high, room)] = "●"
    if effect.planted is not None:
        line[_place(effect.planted, low, high, room)] = "◇"
    return "".join(line)


def waterfall(steps: Sequence[tuple[str, float | None]], *, currency: str = "", width: int = 80) -> str:
    """Return one bar per step from where the one before ended: █ is a total, ▒ what is added or taken away."""
    bars = bars_of(steps)
    digits = 0 if max(abs(step.end) for step in bars) >= 100 else 2
    amounts = [money(step.amount, currency, digits) for step in bars]
    names = _column([step.label for step in bars], width // 3)
    right = max(map(len, amounts))
    room = max(8, width - len(names[0]) - right - 4)
    ends = [0.0, *(x for step in bars for x in (step.start, step.end))]
    lines = []
    for name, step, amount in zip(names, bars, amounts, strict=True):
        left, end = sorted(_place(x, min(ends), max(ends), room) for x in (step.start, step.end))
        drawn = " " * left + ("█" if step.total else "▒") * max(1, end - left + 1)
        lines.append(f"{name}  {drawn:<{room}}  {amount:>{right}}")
    return "\n".join(lines)


def _column(names: Sequence[str], limit: int) -> list[str]:
    """Return the names cut to ``limit`` and filled up to the same width."""
    cut = [_cut(name, limit) for name in names]
    wide = max(map(len, cut), default=0)
    return [name.ljust(wide) for name in cut]


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def bars(rows: Sequence[tuple[str, float]], *, width: int = 80) -> str:
    """Return one bar per (name, amount), in the order given, scaled to the largest.

    >>> print(bars([("a", 10), ("bb", 5)], width=16))
    a   ████████  10
    bb  ████       5
    """
    most = max((amount for _, amount in rows), default=0)
    figures = [f"{amount:,.0f}" for _, amount in rows]
    names = _column([name for name, _ in rows], width // 2)
    right = max(map(len, figures), default=0)
    room = max(4, width - max(map(len, names), default=0) - right - 4)
    return "\n".join(
        f"{name}  {bar(share(amount, most), room):<{room}}  {figure:>{right}}"
        for name, (_, amount), figure in zip(names, rows, figures, strict=True)
    )

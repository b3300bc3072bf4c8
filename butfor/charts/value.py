"""Pictures of predicted value: what was foretold beside what came."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from butfor.charts.canvas import base, finish
from butfor.charts.report import Section
from butfor.charts.terminal import bar
from butfor.charts.theme import DEEP, MUTED, PALE, money, shown
from butfor.profiles.value import Band, Holdout, Score


def value_finding(held: Holdout) -> str:
    """Return the verdict of a holdout in one line."""
    ours = held.orders[0]
    word = "beats" if held.beats_baselines else "does not beat"
    return (
        f"{held.models.buying.name} {word} every rule of thumb: {ours.predicted:,.0f} purchases foretold, "
        f"{ours.actual:,.0f} came"
    )


def foretold(held: Holdout) -> alt.LayerChart:
    """Draw mean purchases in the holdout by repeat purchases before it: a bar as they came, a mark as foretold."""
    rows = [
        {"repeats": b.repeats, "came": b.actual, "foretold": b.predicted, "people": f"{b.people:,}"}
        for b in held.bands
    ]
    names = [b.repeats for b in held.bands]
    x = alt.X(
        "repeats:N", sort=names, title="repeat purchases before", axis=alt.Axis(labelAngle=0, ticks=False)
    )
    picture = base(rows).encode(x=x)
    layers = [
        picture.mark_bar(color=PALE, cornerRadiusEnd=2).encode(y=alt.Y("came:Q", title=None)),
        picture.mark_tick(color=DEEP, thickness=4).encode(y="foretold:Q"),
        picture.mark_text(dy=-8, color=MUTED, baseline="bottom")
        .encode(y=alt.Y("top:Q"), text="people:N")
        .transform_calculate(top="max(datum.came, datum.foretold)"),
    ]
    what = shown(
        f"mean purchase days in the {held.days} days after {held.cut}: bar as they came, line as foretold",
        "above: people",
    )
    return finish(layers, value_finding(held), what, 260)


def foretold_text(bands: Sequence[Band], *, width: int = 80) -> str:
    """Return two bars per band of repeat purchases, foretold above came, scaled to the longest.

    >>> print(foretold_text([Band("0", 100, 0.25, 0.5)], width=40))
    0  foretold  ████  0.25  100 people
       came      ████████  0.50
    """
    most = max((max(b.predicted, b.actual) for b in bands), default=0.0) or 1.0
    wide = max((len(b.repeats) for b in bands), default=1)
    room = max(8, width - wide - 33)
    lines = []
    for b in bands:
        first, second = (bar(value / most, room) for value in (b.predicted, b.actual))
        lines.append(f"{b.repeats:<{wide}}  foretold  {first}  {b.predicted:.2f}  {b.people:,} people")
        lines.append(f"{'':<{wide}}  came      {second}  {b.actual:.2f}")
    return "\n".join(lines)


def score_rows(scores: Sequence[Score]) -> list[dict[str, object]]:
    """Return the errors of a holdout as rows of a table."""
    return [
        {
            "method": s.method, "mean abs. error": f"{s.mae:,.3f}", "root mean sq.": f"{s.rmse:,.3f}",
            "correlation": "" if s.correlation is None else f"{s.correlation:.3f}",
            "foretold": f"{s.predicted:,.0f}", "came": f"{s.actual:,.0f}",
        }
        for s in scores
    ]  # fmt: skip


def value_section(
    held: Holdout | None,
    sentences: Sequence[str],
    limits: Sequence[str],
    expected: float | None,
    currency: str,
    days: int,
) -> Section:
    """Return predicted value: the model's diagnosis, the holdout against rules of thumb, and what it cannot tell."""
    lead = (
        []
        if expected is None
        else [f"{money(expected, currency)} are expected of all buyers in {days} days."]
    )
    return Section(
        heading="What customers will buy, foretold and checked",
        sentences=[*lead, *sentences, *(held.sentences if held else [])],
        chart=foretold(held) if held else None,
        table=score_rows(held.orders) if held else (),
        notes=list(limits),
    )

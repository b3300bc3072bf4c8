"""What all charts are built from: rows as inline data, and the layers under one title in one look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt

from butfor.charts.theme import CONFIG, WIDTH, title


def base(rows: Sequence[dict[str, Any]]) -> alt.Chart:
    """Return a chart over rows written into the spec, so that nothing is fetched when it is drawn."""
    return alt.Chart(alt.Data(values=list(rows)))


def finish(layers: Sequence[alt.Chart], finding: str, shown: str, height: int) -> alt.LayerChart:
    """Lay charts over each other, ``height`` pixels high without axes, under the finding as title."""
    chart = alt.layer(*layers).properties(
        width=WIDTH,
        height=height,
        title=alt.TitleParams(**title(finding, shown)),
        description=f"{finding}. {shown}".rstrip(),
        autosize=alt.AutoSizeParams(type="fit-x", contains="padding"),
    )
    return chart.configure(**CONFIG)


def rows_of(name: str, order: Sequence[str]) -> alt.Y:
    """Return a vertical place for one row per name, in the order given, without an axis."""
    return alt.Y(f"{name}:N", axis=None, scale=alt.Scale(domain=list(order), padding=0))

"""The borders of RFM grids, found from the people as they are."""

from __future__ import annotations

from datetime import date

import msgspec

from butfor.facts import grid_columns
from butfor.plan import Plan
from butfor.plan.kinds import Audience
from butfor.profiles import value_counts
from butfor.profiles.rfm import stored
from butfor.store import Lake

SCORES = ("recency", "frequency", "monetary")
Counts = dict[str, list[tuple[int, int]]]


def score_counts(lake: Lake, audience: Audience) -> Counts:
    """Return, for each of the three scores of a grid, how many buyers have each whole value, lowest first."""
    at = grid_columns(audience)
    columns = dict(zip(SCORES, (at.days, at.orders, at.spend), strict=True))
    return {
        score: [(r["val"], r["n"]) for r in lake.fetch(value_counts(name, at.orders)).to_pylist()]
        for score, name in columns.items()
    }


def missing_borders(plan: Plan, lake: Lake, on: date) -> list[Audience]:
    """Return the grids that had no borders, with borders from the traits; one that nobody bought for stays without."""
    found = []
    for audience in plan.all(Audience):
        if audience.rfm is None or audience.rfm.borders.recency:
            continue
        counts = score_counts(lake, audience)
        if counts["recency"]:
            rfm = msgspec.structs.replace(audience.rfm, borders=stored(audience.rfm, counts, on))
            found.append(msgspec.structs.replace(audience, rfm=rfm))
    return found

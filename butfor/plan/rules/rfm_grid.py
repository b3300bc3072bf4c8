"""The cells of an RFM grid cover each pair of scores exactly once, and borders rise."""

from collections import Counter
from collections.abc import Iterator

from butfor.plan.files import Plan
from butfor.plan.finding import Finding
from butfor.plan.kinds import Audience

CODE = "RFM"
LEVEL = "error"
WHY = "RFM audiences must add up to all customers, so nobody is in two cells or in none (R-070)"


def check(plan: Plan) -> Iterator[Finding]:
    """Yield cells that overlap or leave holes, and borders in the wrong number or order."""
    for audience in plan.all(Audience):
        grid = audience.rfm
        if grid is None:
            continue
        for name in ("recency", "frequency", "monetary"):
            borders = getattr(grid.borders, name)
            if borders and len(borders) != grid.levels - 1:
                yield Finding(
                    audience,
                    f"rfm.borders.{name}",
                    f"{len(borders)} {name} borders for {grid.levels} levels",
                    f"give {grid.levels - 1}",
                )
            if borders != sorted(set(borders)):
                yield Finding(
                    audience,
                    f"rfm.borders.{name}",
                    f"{name} borders {borders} do not rise",
                    "sort them, without repeats",
                )
        levels = range(1, grid.levels + 1)
        seen = Counter((r, f) for c in grid.cells.values() for r in c.recency for f in c.frequency)
        holes = [(r, f) for r in levels for f in levels if not seen[r, f]]
        twice = sorted(pair for pair, n in seen.items() if n > 1)
        outside = sorted(pair for pair in seen if pair[0] not in levels or pair[1] not in levels)
        for what, pairs in (("in no cell", holes), ("in two cells", twice), ("outside the grid", outside)):
            if pairs and grid.cells:
                shown = ", ".join(f"R{r} F{f}" for r, f in pairs[:5])
                yield Finding(
                    audience, "rfm.cells", f"{shown} {what}", "give each pair of scores to exactly one cell"
                )

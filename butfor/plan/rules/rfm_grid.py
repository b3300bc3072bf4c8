"""The cells of an RFM grid cover each pair of scores exactly once, and borders rise."""

from collections import Counter
from collections.abc import Iterator

from butfor.plan.files import Plan
from butfor.plan.finding import Finding
from butfor.plan.kinds import Audience, Rfm, Term

CODE = "RFM"
LEVEL = "error"
WHY = "RFM audiences must add up to all customers, so nobody is in two cells or in none (R-070)"


def check(plan: Plan) -> Iterator[Finding]:
    """Yield cells that overlap or leave holes, and borders in the wrong number or order."""
    for audience in plan.all(Audience):
        if audience.rfm is not None:
            yield from _borders(audience, audience.rfm)
            yield from _cells(audience, audience.rfm)
            yield from _own(plan, audience, audience.rfm)


def _own(plan: Plan, audience: Audience, grid: Rfm) -> Iterator[Finding]:
    """Yield grids of their own that leave open what a purchase or return is, and those whose columns are taken."""
    if not (grid.where or grid.last or grid.event or grid.less):
        return
    for role, field in (("purchase", "event"), ("refund", "less")):
        having = [t.id for t in plan.all(Term) if t.what == "event" and t.role == role]
        if len(having) > 1 and not getattr(grid, field):
            yield Finding(audience, "rfm", f"{', '.join(having)} have the role {role}", f"write {field}: {having[0]} under rfm:")  # fmt: skip
    taken = [n for n in (f"{audience.id}_{c}" for c in ("days", "orders", "spend")) if plan.find(Term, n)]
    if taken:
        yield Finding(
            audience, "id", f"the grid would write {taken[0]}, which is a term", "give the grid another id"
        )


def _borders(audience: Audience, grid: Rfm) -> Iterator[Finding]:
    for name in ("recency", "frequency", "monetary"):
        borders, path = getattr(grid.borders, name), f"rfm.borders.{name}"
        if borders and len(borders) != grid.levels - 1:
            what = f"{len(borders)} {name} borders for {grid.levels} levels"
            yield Finding(audience, path, what, f"give {grid.levels - 1}")
        if borders != sorted(set(borders)):
            what = f"{name} borders {borders} do not rise"
            yield Finding(audience, path, what, "sort them, without repeats")


def _cells(audience: Audience, grid: Rfm) -> Iterator[Finding]:
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

"""RFM grids at work: borders suggested from the data for any number of levels, and who and what is in each cell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from butfor.app.borders import SCORES, Counts, score_counts
from butfor.app.consequences import Consequences, change
from butfor.app.workspace import Workspace
from butfor.model import BadInput
from butfor.plan import check
from butfor.plan.kinds import Audience, Borders, Cell, Rfm
from butfor.profiles import borders_from

FEWEST, MOST = 2, 10


class SuggestedBorders(msgspec.Struct, frozen=True, kw_only=True):
    """Borders that share the buyers of a grid as evenly as ties allow, and how many people each level would hold.

    ``people`` and ``now`` go from level 1 (worst) to the best; ``now`` is empty where no borders are stored. ``gone`` are the
    named cells that no pair of scores is left for.
    """

    audience: str
    as_of: datetime
    levels: int
    buyers: int
    borders: Borders
    people: dict[str, list[int]]
    now: dict[str, list[int]]
    gone: list[str]
    definition: Audience


def suggest_borders(ws: Workspace, name: str, levels: int | None = None) -> SuggestedBorders:
    """Return borders of a grid from its people as of the last run; nothing is written.

    Raises BadInput for an audience that is no grid, a number of levels that no grid has, and where nobody bought.
    """
    ws.need_run()
    audience, rfm = grid_of(ws, name)
    wanted = levels or rfm.levels
    if not FEWEST <= wanted <= MOST:
        raise BadInput(
            "--levels", value=wanted, rule=f"a grid has {FEWEST} to {MOST} levels", next_step="--levels 4"
        )
    counts, as_of = score_counts(ws.lake, audience), ws.computed_as_of()
    if not counts["recency"]:
        raise BadInput(
            f"audience {name}", value="nobody bought", rule="borders come from the people who did",
            next_step="load more, and butfor run",
        )  # fmt: skip
    borders = Borders(**{s: borders_from(counts[s], wanted) for s in SCORES}, set_on=as_of.date())
    cells = rescaled(rfm.cells, rfm.levels, wanted)
    changed = msgspec.structs.replace(rfm, levels=wanted, borders=borders, cells=cells)
    return SuggestedBorders(
        audience=name, as_of=as_of, levels=wanted, buyers=sum(n for _, n in counts["recency"]), borders=borders,
        people=_levels(counts, borders), now=_levels(counts, rfm.borders) if rfm.borders.recency else {},
        gone=[c for c in rfm.cells if c not in cells], definition=msgspec.structs.replace(audience, rfm=changed),
    )  # fmt: skip


def save_borders(
    ws: Workspace, name: str, levels: int | None, why: str, who: str | None = None, *, accept: bool = False
) -> Consequences:
    """Store the suggested borders with a reason and recompute who is in which cell.

    Raises BadInput without a reason, and where a named cell would go that something builds on.
    """
    found = suggest_borders(ws, name, levels)
    _refuse_lost(ws, found)
    return change(ws, found.definition, why, who, accept=accept)


def _refuse_lost(ws: Workspace, found: SuggestedBorders) -> None:
    """Refuse levels that leave no room for a cell that another definition names."""
    key = ("audience", found.audience)
    changed = msgspec.structs.replace(ws.plan, definitions={**ws.plan.definitions, key: found.definition})
    before = {(p.file, p.what) for p in check(ws.plan)}
    broken = [p for p in check(changed) if p.level == "error" and (p.file, p.what) not in before]
    if broken:
        raise BadInput(
            f"audience {found.audience}", value=f"{found.levels} levels: {broken[0].what} ({broken[0].file})",
            rule="a cell that something builds on stays", next_step=f"edit {broken[0].file}, or the cells of the grid, first",
        )  # fmt: skip


def grid_of(ws: Workspace, name: str) -> tuple[Audience, Rfm]:
    """Return a grid's audience and grid; raise BadInput where it is a rule."""
    audience = ws.plan.get(Audience, name)
    if audience.rfm is None:
        raise BadInput(
            f"audience {name}", value="a rule", rule="a grid has borders and cells", next_step="name an RFM grid, such as rfm"
        )  # fmt: skip
    return audience, audience.rfm


def rescaled(cells: dict[str, Cell], old: int, new: int) -> dict[str, Cell]:
    """Return named cells for another number of levels: each pair of scores gets the cell that stood at its place.

    >>> rescaled({"top": Cell(recency=[3, 4], frequency=[4]), "rest": Cell(recency=[1, 2], frequency=[4])}, 4, 2)["top"].recency
    [2]
    """
    if old == new:
        return cells
    # The worst stay the worst and the best the best.
    at = {level: math.floor(1.5 + (level - 1) * (old - 1) / (new - 1)) for level in range(1, new + 1)}
    found = {
        name: msgspec.structs.replace(
            cell, recency=[n for n in at if at[n] in cell.recency], frequency=[n for n in at if at[n] in cell.frequency]
        )
        for name, cell in cells.items()
    }  # fmt: skip
    return {name: cell for name, cell in found.items() if cell.recency and cell.frequency}


def _levels(counts: Counts, borders: Borders) -> dict[str, list[int]]:
    found = {s: people_per_level(counts[s], getattr(borders, s)) for s in SCORES}
    return found | {"recency": found["recency"][::-1]}


def people_per_level(counts: Sequence[tuple[int, int]], borders: Sequence[float]) -> list[int]:
    """Return how many people lie up to each border, and beyond the last; ``counts`` holds (whole value, people).

    >>> people_per_level([(1, 50), (2, 20), (9, 30)], [1, 5])
    [50, 20, 30]
    """
    found = [0] * (len(borders) + 1)
    for value, n in counts:
        found[sum(value > b for b in borders)] += n
    return found


class Matrix(msgspec.Struct, frozen=True, kw_only=True):
    """People, net spend and margin in each pair of scores of a grid; with those without a purchase they are everybody.

    Each row has ``recency``, ``frequency``, ``cell``, ``people``, ``spend`` and ``margin`` (None where the workspace has none).
    """

    audience: str
    label: str
    as_of: datetime
    currency: str
    levels: int
    rows: list[dict[str, Any]]
    no_purchase: int
    borders: Borders


def matrix(ws: Workspace, name: str) -> Matrix:
    """Return a grid as of the last run, pairs that nobody is in with 0; raise BadInput where it has no borders yet."""
    ws.need_run()
    audience, rfm = grid_of(ws, name)
    if not rfm.borders.recency:
        raise BadInput(
            f"audience {name}", value="no borders", rule="scores come from stored borders", next_step="butfor run finds and stores them"
        )  # fmt: skip
    found = {(r["recency"], r["frequency"]): r for r in ws.rfm_cells(name)}
    rate, levels = ws.plan.workspace.margin, range(1, rfm.levels + 1)
    rows = [found.get((r, f)) or _empty(rfm, r, f) for r in levels for f in levels]
    rows = [r | {"margin": None if rate is None else round(r["spend"] * rate, 2)} for r in rows]
    return Matrix(
        audience=name, label=audience.label, as_of=ws.computed_as_of(), currency=ws.plan.workspace.currency,
        levels=rfm.levels, rows=rows, no_purchase=ws.members(f"{name}.no_purchase").num_rows, borders=rfm.borders,
    )  # fmt: skip


def _empty(rfm: Rfm, recency: int, frequency: int) -> dict[str, Any]:
    name = next((n for n, c in rfm.cells.items() if recency in c.recency and frequency in c.frequency), None)
    return {"recency": recency, "frequency": frequency, "cell": name, "people": 0, "spend": 0.0}

"""RFM scores by stored borders.

NTILE splits ties by row order, so two runs or two engines give two answers (anchors, intelligence 0.8). Here
borders are numbers: found once from the counts of each value, stored in the audience, and from then on a score
is a function of the person alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlglot import exp

from butfor.facts import grid_columns
from butfor.plan.kinds import Audience, Borders, Rfm
from butfor.store import column, literal, named, sql


@named("profiles.value_counts")
def value_counts(trait: str, orders: str = "orders") -> exp.Expression:
    """How many buyers (by a count of purchases) have each whole value of a trait, lowest first."""
    whole = exp.cast(exp.Floor(this=exp.cast(column(trait), "DOUBLE")), "BIGINT")
    known = exp.not_(exp.Is(this=column(trait), expression=exp.null()))
    bought = exp.GT(this=column(orders), expression=literal(0))
    rows = exp.select(whole.as_("val")).from_("traits").where(bought, known).subquery("v")
    return exp.select("val", "count(*) AS n").from_(rows).group_by("val").order_by("val")


def borders_from(counts: Sequence[tuple[int, int]], levels: int) -> list[float]:
    """Return ``levels - 1`` rising borders that share people as evenly as ties allow.

    ``counts`` holds (value, people) by rising value. A border is the largest value of its level; each next
    border takes its even share of those who are left, so that one heavy tie does not empty the levels above.

    >>> borders_from([(1, 50), (2, 20), (3, 20), (4, 10)], 3)
    [1.0, 3.0]
    """
    borders: list[float] = []
    left = sum(n for _, n in counts)
    taken = 0
    for value, n in counts:
        taken += n
        if len(borders) < levels - 1 and taken * (levels - len(borders)) >= left:
            borders.append(float(value))
            left, taken = left - taken, 0
    last = borders[-1] if borders else 0.0
    return borders + [last + i for i in range(1, levels - len(borders))]


def stored(rfm: Rfm, counts: dict[str, list[tuple[int, int]]], set_on: date) -> Borders:
    """Return the borders of a grid: those already stored stay, missing ones are found from the counts."""
    found = {
        name: getattr(rfm.borders, name) or borders_from(counts.get(name, []), rfm.levels)
        for name in ("recency", "frequency", "monetary")
    }
    return Borders(**found, set_on=rfm.borders.set_on or set_on)


def score_columns(audience: Audience) -> dict[str, exp.Expression]:
    """Return the score columns of a grid, as expressions over the base traits or the grid's own facts.

    Scores run from 1 (worst) to ``levels`` (best); people without a purchase have none.
    """
    rfm, at = audience.rfm, grid_columns(audience)
    if rfm is None or not rfm.borders.recency:
        return {}
    return {
        f"{audience.id}_recency": _score(
            at.days, rfm.borders.recency, rfm.levels, at.orders, low_is_good=True
        ),
        f"{audience.id}_frequency": _score(at.orders, rfm.borders.frequency, rfm.levels, at.orders),
        f"{audience.id}_monetary": _score(at.spend, rfm.borders.monetary, rfm.levels, at.orders, money=True),
    }


def cell_column(audience: Audience) -> exp.Expression:
    """Return the name of a person's cell, as an expression over the score columns of the grid."""
    case = exp.Case()
    both = exp.Add(
        this=exp.Mul(this=column(f"{audience.id}_recency"), expression=literal(100)),
        expression=column(f"{audience.id}_frequency"),
    )
    for name, cell in (audience.rfm.cells if audience.rfm else {}).items():
        pairs = [literal(100 * r + f) for r in cell.recency for f in cell.frequency]
        case = case.when(exp.In(this=exp.Paren(this=both.copy()), expressions=pairs), literal(name))
    return case if case.args.get("ifs") else exp.cast(exp.null(), "TEXT")


def _score(
    trait: str,
    borders: Sequence[float],
    levels: int,
    orders: str,
    *,
    low_is_good: bool = False,
    money: bool = False,
) -> exp.Case:
    case = exp.Case().when(exp.EQ(this=column(orders), expression=literal(0)), exp.null())
    for i, border in enumerate(borders):
        case = case.when(_within(trait, border, money), literal(levels - i if low_is_good else i + 1))
    return case.else_(literal(1 if low_is_good else levels))


def _within(trait: str, border: float, money: bool) -> exp.Expression:
    whole = int(border) if border == int(border) else border
    if money:
        # A border is the last whole unit of its level, cents above it included.
        return exp.LT(this=column(trait), expression=literal(int(border) + 1))
    return exp.LTE(this=column(trait), expression=literal(whole))


@named("profiles.grid")
def grid(audience: str, spend: str = "spend") -> exp.Expression:
    """People and net spend (a column of the traits) per pair of recency and frequency scores."""
    template = """
        SELECT g_recency AS recency, g_frequency AS frequency, g_cell AS cell, count(*) AS people,
               CAST(sum(net_spend) AS DOUBLE) AS spend
        FROM traits WHERE g_recency IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        """
    tree = sql(template)
    for found in tree.find_all(exp.Column):
        if found.name.startswith("g_"):
            found.replace(column(audience + found.name[1:]))
        elif found.name == "net_spend":
            found.replace(column(spend))
    return tree


@named("profiles.stages")
def stages(term: str) -> exp.Expression:
    """People and net spend per value of a lifecycle term."""
    return (
        exp.select(column(term).as_("stage"), "count(*) AS people", "CAST(sum(spend) AS DOUBLE) AS spend")
        .from_("traits")
        .group_by(column(term))
        .order_by(column(term))
    )

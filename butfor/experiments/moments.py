"""Per-arm moments: everything the statistics need of ten million people, in one row per arm.

One scan of one row per person gives counts, sums, squares, cross products and cubes. Columns are
centred on a constant first, because sums of squares cancel when the mean is large beside the spread.
Sums instead of ``var_samp``/``covar_samp`` because engines run them several times faster, and
because sums of two days, shops or engines simply add up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations, combinations_with_replacement, product
from typing import Any

from msgspec import Struct
from sqlglot import exp

from butfor.model import BadInput
from butfor.plan.kinds import Metric

Pair = tuple[str, str]


class ArmMoments(Struct, frozen=True, kw_only=True):
    """Power sums of one arm.

    ``n`` people; per column: ``buyers`` (values that are not zero), ``centre`` (the constant taken off
    before any power) and ``s1``, ``s2``, ``s3``, the sums of x, x^2 and x^3 of the centred column.
    ``cross["a*b"]`` with a < b is the sum of products; ``s3`` also holds mixed cubes such as
    ``"a*a*b"``, names sorted. ``s3`` may lack columns that were not asked to be skewed.
    """

    arm: str
    n: int
    buyers: dict[str, int]
    centre: dict[str, float]
    s1: dict[str, float]
    s2: dict[str, float]
    s3: dict[str, float] = {}
    cross: dict[str, float] = {}

    def mean(self, column: str) -> float:
        """Return the mean of a column, in its own unit."""
        self._need(1)
        return self.centre[self._known(column)] + self.s1[column] / self.n

    def var(self, column: str) -> float:
        """Return the sample variance (n - 1 in the denominator)."""
        return self.cov(column, column)

    def cov(self, a: str, b: str) -> float:
        """Return the sample covariance of two columns (n - 1 in the denominator)."""
        self._need(2)
        product_of_sums = self.s1[self._known(a)] * self.s1[self._known(b)] / self.n
        return (self._sum((a, b)) - product_of_sums) / (self.n - 1)

    def third(self, column: str) -> float:
        """Return the third central moment, mean((x - mean)^3), n in the denominator."""
        return self.third_of({column: 1.0})

    def var_of(self, weights: Mapping[str, float]) -> float:
        """Return the sample variance of the weighted sum of columns ``sum(w * x)``."""
        spread = sum(wa * wb * self.cov(a, b) for (a, wa), (b, wb) in product(weights.items(), repeat=2))
        return max(spread, 0.0)

    def third_of(self, weights: Mapping[str, float]) -> float:
        """Return the third central moment of the weighted sum of columns; needs the mixed cubes."""
        first, second, third = (self._power(weights, k) for k in (1, 2, 3))
        return third - 3 * first * second + 2 * first**3

    def has_cubes(self, columns: Iterable[str]) -> bool:
        """Say whether ``third_of`` can be computed for weights on these columns."""
        return all(
            key in self.s3 for key in map(_cube_key, combinations_with_replacement(sorted(columns), 3))
        )

    def __add__(self, other: ArmMoments) -> ArmMoments:
        """Merge two cells of different people; refuses cells with other columns or other centres."""
        if self.centre != other.centre:
            raise BadInput(
                f"moments of '{self.arm}' and '{other.arm}' have different columns or centres",
                value={k: (self.centre.get(k), other.centre.get(k)) for k in self.centre | other.centre},
                rule="power sums add up only when the same constant was taken off each column",
                next_step="compute both cells with the same columns and centres",
            )
        return ArmMoments(
            arm=self.arm if self.arm == other.arm else f"{self.arm}+{other.arm}",
            n=self.n + other.n,
            buyers={k: v + other.buyers[k] for k, v in self.buyers.items()},
            centre=self.centre,
            s1=_added(self.s1, other.s1),
            s2=_added(self.s2, other.s2),
            s3=_added(self.s3, other.s3),
            cross=_added(self.cross, other.cross),
        )

    def _power(self, weights: Mapping[str, float], k: int) -> float:
        total = 0.0
        for terms in product(weights.items(), repeat=k):
            weight = 1.0
            for _, w in terms:
                weight *= w
            total += weight * self._sum(tuple(name for name, _ in terms))
        return total / self.n

    def _sum(self, names: tuple[str, ...]) -> float:
        names = tuple(sorted(names))
        if len(names) == 1:
            return self.s1[self._known(names[0])]
        if len(names) == 2 and names[0] == names[1]:
            return self.s2[self._known(names[0])]
        key = "*".join(names) if len(names) == 2 else _cube_key(names)
        sums = self.cross if len(names) == 2 else self.s3
        if key not in sums:
            raise BadInput(
                f"moments of arm '{self.arm}' have no sum of {'*'.join(names)}",
                rule="cross products and cubes are computed only for the columns that were asked for",
                next_step="name the columns in `pairs` (products) or `skewed` (cubes) of moments_query",
            )
        return sums[key]

    def _known(self, column: str) -> str:
        if column not in self.centre:
            raise BadInput(
                f"moments of arm '{self.arm}' have no column '{column}'",
                rule=f"columns here: {', '.join(sorted(self.centre)) or 'none'}",
                next_step="add the column to moments_query",
            )
        return column

    def _need(self, people: int) -> None:
        if self.n < people:
            raise BadInput(
                f"arm '{self.arm}' has too few people",
                value=self.n,
                rule=f"at least {people} are needed for this moment",
                next_step="wait for more people to be assigned",
            )


class Request(Struct, frozen=True):
    """What to ask ``moments_query`` for: columns, those that need cubes, and pairs that need products."""

    columns: tuple[str, ...]
    skewed: tuple[str, ...]
    pairs: tuple[Pair, ...]


def columns_of(metric: Metric) -> tuple[str, ...]:
    """Name a metric's columns: numerator ``id``, denominator ``id__den``, covariate ``id__pre``."""
    den = (f"{metric.id}__den",) if metric.take == "ratio" else ()
    pre = (f"{metric.id}__pre",) if metric.covariate is not None else ()
    return (metric.id, *den, *pre)


def request_for(metrics: Iterable[Metric]) -> Request:
    """Name all that the analysis of these metrics needs.

    Cubes cost a third of the scan and are asked for money alone, whose long tail is what makes unequal arms
    lie (anchors, experiments 3.3); plain proportions get a score interval, which needs counts only.
    """
    columns: dict[str, None] = {}
    skewed: dict[str, None] = {}
    pairs: dict[Pair, None] = {}
    for metric in metrics:
        own = columns_of(metric)
        columns |= dict.fromkeys(own)
        pairs |= dict.fromkeys(combinations(sorted(own), 2))
        if metric.unit == "money":
            skewed |= dict.fromkeys(own)
    return Request(tuple(columns), tuple(skewed), tuple(pairs))


def moments_query(
    table: exp.Expression,
    arm: str,
    columns: Sequence[str],
    centres: Mapping[str, float],
    skewed: Sequence[str] = (),
    pairs: Sequence[Pair] = (),
) -> exp.Select:
    """Build the one scan that reduces a table of one row per person to one row per arm.

    ``table`` is a table or a subquery with an alias; a missing value counts as 0. ``centres`` gives the
    constant taken off each column (0 where absent); any constant is right, one near the mean is
    precise. ``skewed`` columns get cubes, ``pairs`` get cross products, pairs of skewed columns get
    mixed cubes. Only SUM, COUNT, NULLIF and arithmetic are used, so it runs on DuckDB and Spark alike.
    """
    ordered = sorted({_ordered(pair) for pair in pairs})
    _check_request(columns, centres, skewed, ordered)
    shifted = {c: _centred(c, centres.get(c, 0.0)) for c in columns}
    rows = exp.select(exp.column(arm, quoted=True).as_("arm:", quoted=True)).from_(table)
    for column in columns:
        rows = rows.select(shifted[column].as_(column, quoted=True))
        rows = rows.select(exp.column(column, quoted=True).as_(f"raw:{column}", quoted=True))
    by = exp.column("arm:", quoted=True)  # no metric may be called that, so it hides none
    chosen = [
        by.as_("arm", quoted=True),
        exp.Count(this=exp.Star()).as_("n", quoted=True),
    ]
    for column in columns:
        chosen.append(_double(centres.get(column, 0.0)).as_(f"centre:{column}", quoted=True))
        if not column.endswith("__pre"):  # nobody asks how many had bought before
            chosen.append(_count_nonzero(f"raw:{column}").as_(f"buyers:{column}", quoted=True))
        chosen.append(_sum_of((column,)).as_(f"s1:{column}", quoted=True))
        chosen.append(_sum_of((column, column)).as_(f"s2:{column}", quoted=True))
    chosen += [_sum_of(pair).as_(f"cross:{'*'.join(pair)}", quoted=True) for pair in ordered]
    chosen += [_sum_of(cube).as_(f"s3:{_cube_key(cube)}", quoted=True) for cube in _cubes(skewed, ordered)]
    grouped = exp.select(*chosen).from_(rows.subquery("centred"))
    return grouped.group_by(by).order_by(by)


def read_moments(rows: Iterable[Mapping[str, Any]]) -> dict[str, ArmMoments]:
    """Turn the answer of ``moments_query`` into moments by arm; people without an arm are left out."""
    return {str(row["arm"]): _read_row(row) for row in rows if row["arm"] is not None}


def _read_row(row: Mapping[str, Any]) -> ArmMoments:
    sums: dict[str, dict[str, float]] = {k: {} for k in ("buyers", "centre", "s1", "s2", "s3", "cross")}
    for name, value in row.items():
        what, _, column = name.partition(":")
        if column:
            sums[what][column] = float(value)
    buyers = {column: int(count) for column, count in sums.pop("buyers").items()}
    return ArmMoments(arm=str(row["arm"]), n=int(row["n"]), buyers=buyers, **sums)


def _check_request(
    columns: Sequence[str], centres: Mapping[str, float], skewed: Sequence[str], pairs: Sequence[Pair]
) -> None:
    named = {*centres, *skewed, *(c for pair in pairs for c in pair)}
    if unknown := sorted(named - set(columns)):
        raise BadInput(
            "moments were asked of columns that are not summed",
            value=unknown,
            rule=f"centres, skewed and pairs may only name columns: {', '.join(columns)}",
            next_step="add the columns to `columns`, or drop them from the other arguments",
        )


def _cubes(skewed: Sequence[str], pairs: Sequence[Pair]) -> list[tuple[str, ...]]:
    linked = set(pairs) | {(c, c) for c in skewed}
    triples = combinations_with_replacement(sorted(set(skewed)), 3)
    return [t for t in triples if all(pair in linked for pair in combinations(t, 2))]


def _cube_key(names: tuple[str, ...]) -> str:
    return names[0] if len(set(names)) == 1 else "*".join(names)


def _centred(column: str, centre: float) -> exp.Expression:
    # COALESCE, because a NULL would be skipped by SUM but still counted in n.
    value = exp.cast(exp.func("COALESCE", exp.column(column, quoted=True), exp.Literal.number(0)), "double")
    return exp.Sub(this=value, expression=_double(centre)) if centre else value


def _count_nonzero(column: str) -> exp.Expression:
    return exp.Count(this=exp.Nullif(this=exp.column(column, quoted=True), expression=exp.Literal.number(0)))


def _sum_of(names: tuple[str, ...]) -> exp.Expression:
    factors: list[exp.Expression] = [exp.column(name, quoted=True) for name in names]
    value = factors[0]
    for factor in factors[1:]:
        value = exp.Mul(this=value, expression=factor)
    return exp.Sum(this=value)


def _double(value: float) -> exp.Expression:
    number = exp.Literal.number(repr(abs(float(value))))
    return exp.cast(exp.Neg(this=number) if value < 0 else number, "double")


def _ordered(pair: Pair) -> Pair:
    return (pair[0], pair[1]) if pair[0] <= pair[1] else (pair[1], pair[0])


def _added(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    return {k: v + other[k] for k, v in one.items() if k in other}

from itertools import combinations, combinations_with_replacement

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from butfor.experiments.moments import (
    ArmMoments,
    columns_of,
    moments_query,
    read_moments,
    request_for,
)
from butfor.model import BadInput
from butfor.plan.kinds import Metric, Quantity

COLUMNS = ("m", "m__den", "m__pre")
PAIRS = tuple(combinations(COLUMNS, 2))
values = st.lists(
    st.tuples(*[st.one_of(st.just(0.0), st.floats(-1e3, 1e3, width=32)) for _ in COLUMNS]),
    min_size=2,
    max_size=30,
)
centre = st.floats(-100, 100, width=16)


def reduce_rows(rows: np.ndarray, centres: dict[str, float], arm: str = "a") -> ArmMoments:
    x = {c: rows[:, i] - centres[c] for i, c in enumerate(COLUMNS)}
    cubes = combinations_with_replacement(COLUMNS, 3)
    return ArmMoments(
        arm=arm,
        n=len(rows),
        buyers={c: int(np.count_nonzero(rows[:, i])) for i, c in enumerate(COLUMNS) if c != "m__pre"},
        centre=centres,
        s1={c: x[c].sum() for c in COLUMNS},
        s2={c: (x[c] ** 2).sum() for c in COLUMNS},
        s3={t[0] if len(set(t)) == 1 else "*".join(t): (x[t[0]] * x[t[1]] * x[t[2]]).sum() for t in cubes},
        cross={f"{a}*{b}": (x[a] * x[b]).sum() for a, b in PAIRS},
    )


@given(values, st.tuples(centre, centre, centre))
def test_moments_equal_numpy_whatever_the_centre(rows, centres):
    data = np.array(rows)
    found = reduce_rows(data, dict(zip(COLUMNS, centres, strict=True)))
    for place, column in enumerate(COLUMNS):
        assert found.mean(column) == pytest.approx(data[:, place].mean(), abs=1e-6)
        assert found.var(column) == pytest.approx(data[:, place].var(ddof=1), rel=1e-6, abs=1e-4)
        assert found.third(column) == pytest.approx(
            ((data[:, place] - data[:, place].mean()) ** 3).mean(), rel=1e-5, abs=1
        )
    assert found.cov("m", "m__pre") == pytest.approx(np.cov(data[:, 0], data[:, 2])[0, 1], rel=1e-6, abs=1e-3)
    mixed = data @ [0.5, -2.0, 3.0]
    weights = dict(zip(COLUMNS, [0.5, -2.0, 3.0], strict=True))
    assert found.var_of(weights) == pytest.approx(mixed.var(ddof=1), rel=1e-6, abs=1e-3)
    assert found.third_of(weights) == pytest.approx(((mixed - mixed.mean()) ** 3).mean(), rel=1e-5, abs=10)


@given(values, values)
def test_cells_add_up(one, other):
    centres = dict.fromkeys(COLUMNS, 1.0)
    one_cell, other_cell = (reduce_rows(np.array(rows), centres) for rows in (one, other))
    both, whole = one_cell + other_cell, reduce_rows(np.array(one + other), centres)
    assert (both.n, both.buyers, both.arm) == (whole.n, whole.buyers, "a")
    for sums in ("s1", "s2", "s3", "cross"):
        assert getattr(both, sums) == pytest.approx(getattr(whole, sums), rel=1e-9, abs=1e-3)


@settings(max_examples=25, deadline=None)
@given(values, values, st.tuples(centre, centre, centre))
def test_query_equals_numpy_on_duckdb(a, b, centres):
    by_column = dict(zip(COLUMNS, centres, strict=True))
    lake = duckdb.connect()
    lake.execute("CREATE TABLE people (arm TEXT, m DOUBLE, m__den DOUBLE, m__pre DOUBLE)")
    lake.executemany(
        "INSERT INTO people VALUES (?, ?, ?, ?)", [("a", *r) for r in a] + [("b", *r) for r in b]
    )
    lake.execute("INSERT INTO people VALUES (NULL, 1, 1, 1)")
    query = moments_query(exp.to_table("people"), "arm", COLUMNS, by_column, COLUMNS, PAIRS)
    rows = lake.execute(query.sql("duckdb"))
    names = [column[0] for column in rows.description]
    found = read_moments([dict(zip(names, row, strict=True)) for row in rows.fetchall()])
    for arm, values_of_arm in (("a", a), ("b", b)):
        wanted = reduce_rows(np.array(values_of_arm), by_column, arm)
        assert (found[arm].n, found[arm].buyers) == (wanted.n, wanted.buyers)
        for sums in ("centre", "s1", "s2", "s3", "cross"):
            assert getattr(found[arm], sums) == pytest.approx(getattr(wanted, sums), rel=1e-9, abs=1e-3)


def test_missing_value_counts_as_zero():
    lake = duckdb.connect()
    lake.execute("CREATE TABLE people AS SELECT * FROM (VALUES ('a', 4), ('a', NULL)) t(arm, m)")
    rows = lake.execute(moments_query(exp.to_table("people"), "arm", ["m"], {"m": 0.1}).sql("duckdb"))
    names = [column[0] for column in rows.description]
    found = read_moments([dict(zip(names, rows.fetchone(), strict=True))])["a"]
    assert (found.n, found.buyers["m"], found.mean("m")) == (2, 1, pytest.approx(2.0))


def test_request_names_all_that_an_analysis_needs():
    some = Quantity(event="x")
    ratio = Metric(
        id="r",
        label="",
        means="",
        take="ratio",
        numerator=some,
        denominator=some,
        covariate=some,
        unit="money",
    )
    visits = Metric(id="v", label="", means="", numerator=some)
    rate = Metric(id="p", label="", means="", take="proportion", numerator=some)
    assert columns_of(ratio) == ("r", "r__den", "r__pre")
    wanted = request_for([ratio, rate, visits])
    assert wanted.columns == ("r", "r__den", "r__pre", "p", "v")
    assert wanted.skewed == ("r", "r__den", "r__pre")
    assert wanted.pairs == (("r", "r__den"), ("r", "r__pre"), ("r__den", "r__pre"))


def test_errors_name_what_is_missing():
    cell = reduce_rows(np.ones((3, 3)), dict.fromkeys(COLUMNS, 0.0))
    with pytest.raises(BadInput, match="no column 'margin'"):
        cell.mean("margin")
    with pytest.raises(BadInput, match="different columns or centres"):
        cell + reduce_rows(np.ones((3, 3)), dict.fromkeys(COLUMNS, 1.0))
    with pytest.raises(BadInput, match="columns that are not summed"):
        moments_query(exp.to_table("t"), "arm", ["m"], {}, skewed=["spend"])

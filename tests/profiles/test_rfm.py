"""RFM: borders are found once; from then on a score is a function of the person alone."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shops import GRID, TILL, ask, changed, shop, till_file

from butfor.plan.kinds import Borders, Rfm
from butfor.profiles import borders_from, score_columns
from butfor.profiles.rfm import stored

COUNTS = st.dictionaries(st.integers(0, 50), st.integers(1, 40), min_size=1).map(lambda d: sorted(d.items()))


@pytest.mark.requirement("R-070")
@pytest.mark.parametrize(
    ("counts", "levels", "borders"),
    [
        ([(v, 10) for v in range(1, 11)], 5, [2, 4, 6, 8]),
        ([(1, 90), (2, 5), (3, 5)], 3, [1, 2]),
        ([(1, 100)], 5, [1, 2, 3, 4]),
        ([(1, 1), (2, 1)], 5, [1, 2, 3, 4]),
        ([], 3, [1, 2]),
        ([(0, 5), (7, 5)], 2, [0]),
    ],
)
def test_borders_share_people_as_evenly_as_ties_allow(
    counts: list[tuple[int, int]], levels: int, borders: list[float]
) -> None:
    assert borders_from(counts, levels) == borders


@given(COUNTS, st.integers(2, 10))
@settings(max_examples=200)
def test_borders_rise_and_leave_no_level_before_the_last_empty(
    counts: list[tuple[int, int]], levels: int
) -> None:
    borders = borders_from(counts, levels)
    assert len(borders) == levels - 1
    assert all(a < b for a, b in pairwise(borders))
    held = Counter(sum(value > b for b in borders) for value, _ in counts)
    assert sorted(held) == list(range(len(held))), "a level between two others is empty"


def test_stored_borders_stay_whatever_the_data_say() -> None:
    kept = Rfm(levels=3, borders=Borders(recency=[1, 2], set_on=date(2020, 1, 1)))
    found = stored(kept, {"frequency": [(1, 5), (2, 5), (3, 5)]}, date(2026, 1, 1))
    assert (found.recency, found.frequency, found.set_on) == ([1, 2], [1, 2], date(2020, 1, 1))


def test_a_grid_without_borders_has_no_scores() -> None:
    assert score_columns(changed(GRID, rfm=Rfm(levels=3))) == {}


# GRID: recency borders 30 and 90 days, frequency 1 and 3 purchases, money 50 and 100.
CASES = [
    # days since the last purchase, purchases, money of each, expected recency, frequency, monetary, cell
    (0, 1, 50.99, 3, 1, 1, None), (30, 1, 51.0, 3, 1, 2, None), (31, 2, 25.5, 2, 2, 2, "best"),
    (90, 3, 33.67, 2, 2, 3, "best"), (91, 3, 33.3, 1, 2, 2, "rest"), (400, 4, 0.0, 1, 3, 1, "rest"),
]  # fmt: skip


@pytest.mark.requirement("R-070")
def test_scores_follow_the_borders_and_are_a_function_of_the_person(tmp_path: Path) -> None:
    lines = [
        f"r{i}-{k},{date.fromordinal(date(2026, 7, 1).toordinal() - case[0])},c{i},x,1,{case[2]}"
        for i, case in enumerate(CASES)
        for k in range(case[1])
    ]
    for name, some in (("all", lines), ("one by one", None)):
        found = {}
        for i in range(len(CASES)) if some is None else [0]:
            given_lines = some or [line for line in lines if line.startswith(f"r{i}-")]
            found |= scored(tmp_path / f"{name}{i}", given_lines)
        assert found == {f"c{i}": case[3:] for i, case in enumerate(CASES)}, name


def scored(folder: Path, lines: list[str]) -> dict[str, tuple[object, ...]]:
    folder.mkdir()
    with shop(folder, TILL, GRID) as ws:
        ws.load("till", till_file(folder / "d.csv", lines))
        ws.run(datetime(2026, 7, 1))
        rows = ask(
            ws.lake,
            "SELECT a.account_key AS k, t.* FROM traits AS t JOIN people_map AS p ON p.person_id = t.person_id "
            "JOIN account AS a ON a.account_id = p.account_id",
        )
        assert sum(cell["people"] for cell in ws.rfm_cells()) == len(rows)
    return {r["k"]: (r["rfm_recency"], r["rfm_frequency"], r["rfm_monetary"], r["rfm_cell"]) for r in rows}


@pytest.mark.requirement("R-076")
def test_a_return_lowers_the_monetary_score_with_the_next_run(tmp_path: Path) -> None:
    with shop(tmp_path, TILL, GRID) as ws:
        ws.load("till", till_file(tmp_path / "d1.csv", ["r1,2026-06-30,c1,x,1,120"]))
        ws.run()
        before = ask(ws.lake, "SELECT rfm_monetary AS m FROM traits")
        ws.load("till", till_file(tmp_path / "d2.csv", ["k1,2026-06-30,c1,x,-1,100"]))
        ws.run()
        assert (before, ask(ws.lake, "SELECT rfm_monetary AS m FROM traits")) == ([{"m": 3}], [{"m": 1}])

"""Agreement of groupings, checked against a count over all pairs."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from butfor.proof import agreement

labels = st.lists(st.integers(0, 4), min_size=8, max_size=8).map(np.array)


@given(labels, labels)
def test_pairs_and_records_are_counted_one_by_one(found: Any, truth: Any) -> None:
    made = {p for p in combinations(range(8), 2) if found[p[0]] == found[p[1]]}
    true = {p for p in combinations(range(8), 2) if truth[p[0]] == truth[p[1]]}
    measured = agreement(found, truth)
    assert measured.precision == pytest.approx(len(made & true) / max(len(made), 1))
    assert measured.recall == pytest.approx(len(made & true) / max(len(true), 1))
    both = [((found == found[i]) & (truth == truth[i])).sum() for i in range(8)]
    p = np.mean([n / (found == found[i]).sum() for i, n in enumerate(both)])
    r = np.mean([n / (truth == truth[i]).sum() for i, n in enumerate(both)])
    assert measured.b_cubed == pytest.approx(2 * p * r / (p + r))


def test_the_same_grouping_under_other_names_is_perfect() -> None:
    measured = agreement(np.array([5, 5, 9, 2]), np.array([1, 1, 3, 7]))
    assert (measured.f1, measured.b_cubed, measured.largest, measured.groups) == (1.0, 1.0, 2, 3)

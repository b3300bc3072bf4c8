"""A short run of bench/invariants.py; ``make bench`` plays 100,000 sequences."""

import importlib
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.requirement("R-089", "R-091", "R-092", "S-06", "S-07")
def test_no_sequence_breaks_an_invariant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.delitem(sys.modules, "bench", raising=False)
    invariants = importlib.import_module("bench.invariants")
    found = invariants.run(int(os.environ.get("BUTFOR_SEQUENCES", "300")), seed=7)
    assert found.met, str(found)
    assert {"messages", "redeemed", "points erased"} <= set(found.counts)

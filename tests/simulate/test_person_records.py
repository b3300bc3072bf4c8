"""Simulated person records: their truth is known, their faults are as planted."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from butfor.simulate.person_records import JUNK_EMAILS, MISSING, simulate_person_records

N = 20_000


@pytest.fixture(scope="module")
def records() -> pa.Table:
    return simulate_person_records(N, seed=5)


def test_a_seed_gives_the_same_records(records: pa.Table) -> None:
    assert records.equals(simulate_person_records(N, seed=5))
    assert not records.equals(simulate_person_records(N, seed=6))


def test_a_fifth_are_second_records(records: pa.Table) -> None:
    assert len(records["record_id"].unique()) == N
    assert len(records["person"].unique()) == N * 0.8


@pytest.mark.parametrize("field", sorted(MISSING))
def test_fields_are_missing_as_planted(records: pa.Table, field: str) -> None:
    assert records[field].null_count / N == pytest.approx(MISSING[field], abs=0.02)


def test_email_alone_finds_less_than_half_of_the_pairs(records: pa.Table) -> None:
    person, email = records["person"].to_numpy(), records["email"].to_pylist()
    order = np.argsort(person, kind="stable")
    pairs = [(email[i], email[j]) for i, j in pairwise(order) if person[i] == person[j]]
    assert sum(a == b and a is not None for a, b in pairs) / len(pairs) == pytest.approx(0.45, abs=0.04)


def test_poison_puts_junk_on_many_records() -> None:
    email = simulate_person_records(N, seed=5, poison=True)["email"]
    assert pc.sum(pc.is_in(email, pa.array(JUNK_EMAILS))).as_py() / N == pytest.approx(0.007, abs=0.003)

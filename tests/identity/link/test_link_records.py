"""From records to people on simulated records: explained, repeatable, safe."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from butfor.identity.link import Linked, Policy, link_records
from butfor.model import BadInput
from butfor.proof.agreement import agreement
from butfor.simulate.person_records import simulate_person_records

ROLES = {c: c for c in ("given_name", "surname", "birth_date", "email", "phone", "city")}


@pytest.fixture(scope="module")
def records() -> pa.Table:
    made = simulate_person_records(5_000, seed=3)
    row = dict.fromkeys(made.column_names) | {"person": 10_000}
    two = [
        row | {"record_id": "x1", "given_name": "Jon", "surname": "Smth", "phone": "0555123456"},
        row | {"record_id": "x2", "given_name": "JOHN", "surname": "Smith", "phone": "+49 555 123 456"},
    ]
    return pa.concat_tables([made, pa.Table.from_pylist(two, schema=made.schema)])


@pytest.fixture(scope="module")
def linked(records: pa.Table) -> Linked:
    return link(records)


def link(records: pa.Table, **options: Any) -> Linked:
    return link_records(records, ROLES, key="record_id", **options)


def people(linked: Linked) -> dict[str, str]:
    return dict(zip(linked.people["record"].to_pylist(), linked.people["person"].to_pylist(), strict=True))


def found(records: pa.Table, linked: Linked) -> Any:
    at = pc.index_in(linked.people["record"], records["record_id"]).to_numpy()
    person = linked.people["person"].combine_chunks().dictionary_encode().indices.to_numpy()
    return agreement(person, records["person"].to_numpy()[at])


@pytest.mark.requirement("R-086")
def test_people_are_found_without_labels(records: pa.Table, linked: Linked) -> None:
    quality = found(records, linked)
    assert quality.precision >= 0.99
    assert quality.f1 >= 0.9
    assert linked.lanes.expected_precision == pytest.approx(quality.precision, abs=0.01)


def test_equal_records_give_equal_results_in_any_order(records: pa.Table, linked: Linked) -> None:
    again = link(records.take(pa.array(np.random.default_rng(1).permutation(len(records)))))
    assert again.people.equals(linked.people)
    assert again.pairs.equals(linked.pairs)
    assert again.proposals.equals(linked.proposals)


@pytest.mark.requirement("R-086")
def test_the_steps_of_an_explanation_sum_to_its_bits(linked: Linked) -> None:
    rows = linked.pairs.to_pylist()
    for row in rows[:: max(1, len(rows) // 40)]:
        told = linked.explain(row["b"], row["a"])
        assert sum(step.bits for step in told.steps) == pytest.approx(told.bits, abs=1e-4)
        assert told.probability == pytest.approx(1 / (1 + 2**-told.bits))
        assert {step.field for step in told.steps} >= {"prior", "name", "email", "household"}


def test_pairs_have_one_of_three_outcomes(linked: Linked) -> None:
    person = people(linked)
    for row in linked.pairs.to_pylist():
        assert row["bits"] >= linked.lanes.review
        assert (row["outcome"] == "merge") == (person[row["a"]] == person[row["b"]])
    apart = linked.pairs.filter(pc.equal(linked.pairs["outcome"], "review"))
    assert sum(linked.proposals["pairs"].to_pylist()) == len(apart)


def test_a_pair_that_was_not_kept_is_refused(linked: Linked) -> None:
    with pytest.raises(BadInput, match="only pairs"):
        linked.explain("r0", "nobody")


def test_a_judgement_and_a_field_that_never_differs_are_kept(records: pa.Table, linked: Linked) -> None:
    merged = linked.pairs.filter(pc.equal(linked.pairs["outcome"], "merge")).slice(0, 5).to_pylist()
    judged = [(row["a"], row["b"]) for row in merged]
    codes = pa.array(np.random.default_rng(2).integers(0, 3, len(records)).astype(str))
    result = link(records.append_column("loyalty", codes), apart=judged, never_differ=["loyalty"])
    person, loyalty = (
        people(result),
        dict(zip(records["record_id"].to_pylist(), codes.to_pylist(), strict=True)),
    )
    assert all(person[a] != person[b] for a, b in judged)
    assert all(loyalty[record] == loyalty[first] for record, first in person.items())


@pytest.mark.slow
def test_sources_that_hold_nobody_twice(records: pa.Table) -> None:
    side = pa.array(["crm" if i % 2 else "web" for i in range(len(records))])
    result = link(records.append_column("src", side), source="src", across_only=True)
    assert max(np.unique(result.people["person"].to_numpy(), return_counts=True)[1]) == 2


@pytest.mark.slow
@pytest.mark.requirement("R-086")
def test_junk_identifiers_join_nobody() -> None:
    records = simulate_person_records(5_000, seed=4, poison=True)
    result = link(records)
    assert result.generic_values["phone"] == 3
    quality = found(records, result)
    assert quality.precision >= 0.99
    assert quality.largest <= 8


@pytest.mark.slow
def test_a_more_careful_policy_merges_less(records: pa.Table, linked: Linked) -> None:
    careful = link(records, policy=Policy(precision=0.9999, false_merge=100))
    assert careful.lanes.merge > linked.lanes.merge
    assert len(set(people(careful).values())) > len(set(people(linked).values()))


@pytest.mark.requirement("R-086")
def test_names_with_slips_and_one_phone_are_a_candidate_with_an_explained_score(linked: Linked) -> None:
    told = linked.explain("x1", "x2")
    assert told.outcome in ("merge", "review")
    assert {step.field for step in told.steps if step.bits > 0} == {"name", "phone"}


@pytest.mark.parametrize(
    ("roles", "options", "said"),
    [
        ({"email": "mail"}, {}, "every column that a role names"),
        ({"email": "email"}, {"key": "city"}, "unique"),
        ({"email": "email"}, {"apart": [("r1", "nobody")]}, "judgements are about records"),
    ],
)
def test_what_cannot_be_linked_is_said(records: pa.Table, roles: Any, options: Any, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        link_records(records, roles, **({"key": "record_id"} | options))


def test_records_without_anything_in_common() -> None:
    table = pa.table({"id": ["a", "b"], "name": ["Anna Meier", "Paul Fuchs"]})
    with pytest.raises(BadInput, match="fields that some records share"):
        link_records(table, {"full_name": "name"}, key="id")

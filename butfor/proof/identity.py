"""Prove the batch lane of identity: link labelled records without their labels, then compare."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as parquet

from butfor.identity.link import Linked, link_records
from butfor.model import BadInput, StoreError
from butfor.plan import did_you_mean
from butfor.proof.agreement import agreement
from butfor.proof.people_data import PUBLIC, LabelledRecords, simulated
from butfor.proof.resources import peak_rss_mb
from butfor.simulate.person_records import simulate_person_records

SIMULATED, POISONED = "simulated", "poisoned"
REPEATED = "historical_50k"
"""The set that is linked three times, the third time with its rows in another order."""
Tell = Callable[[str], None]


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured on one set; shares between 0 and 1, ``threshold`` in bits.

    ``estimated_precision`` is what the model expected without labels, ``precision`` what the labels say.
    ``identical`` says whether repeated runs and permuted rows gave the same people; None where it was run once.
    """

    name: str
    records: int
    precision: float
    recall: float
    f1: float
    b_cubed: float
    largest: int
    people: int
    threshold: float
    estimated_precision: float
    pairs_looked_at: int
    to_review: int
    generic_values: dict[str, int]
    seconds: float
    cpu_seconds: float
    peak_rss_mb: float
    identical: bool | None = None


def prove_identity(
    data: Path, *, records: int = 0, only: str | None = None, tell: Tell = lambda step: None
) -> Iterator[Measured]:
    """Measure each public set in ``data``, and, where ``records`` is given, so many simulated ones, clean and poisoned.

    Every set is linked in a process of its own, so that its memory is its own. Raises BadInput where a file is missing
    or ``only`` is no set.
    """
    names = [*PUBLIC, *([SIMULATED, POISONED] if records else [])]
    if only and only not in names:
        raise BadInput(
            "--only",
            value=only,
            rule="a set is one of " + ", ".join(names),
            next_step=did_you_mean(only, names),
        )
    for name in [only] if only else names:
        tell(f"{name}: linking")
        yield _in_own_process(data, name, records)


def _in_own_process(data: Path, name: str, records: int) -> Measured:
    with tempfile.TemporaryDirectory(prefix="butfor-proof-") as place:
        if name in PUBLIC:
            PUBLIC[name](data)  # a missing file is said here, not in the other process
        else:
            parquet.write_table(
                simulate_person_records(records, poison=name == POISONED), Path(place) / "records.parquet"
            )
        command = [sys.executable, "-m", "butfor.proof", str(data), name, place]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise StoreError(
            f"measuring {name}", value=(done.stderr.strip().splitlines() or ["no message"])[-1],
            rule="every set is linked in a process of its own", next_step="run it alone with --only, on a machine with 3 GB free",
        )  # fmt: skip
    return msgspec.json.decode(done.stdout, type=Measured)


def measure(name: str, labelled: LabelledRecords, repeats: int = 1) -> Measured:
    """Link and compare; with ``repeats`` also say whether all is the same again, the last time with permuted rows."""
    started, used = time.perf_counter(), time.process_time()
    linked = _link(labelled, labelled.records)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - used
    at = pc.index_in(linked.people["record"], pc.cast(labelled.records[labelled.key], pa.string())).to_numpy()
    truth = labelled.truth.take(pa.array(at)).dictionary_encode().indices.to_numpy()
    people = linked.people["person"].combine_chunks().dictionary_encode().indices.to_numpy()
    found = agreement(people, truth)
    return Measured(
        name=name,
        records=len(linked.people),
        precision=found.precision,
        recall=found.recall,
        f1=found.f1,
        b_cubed=found.b_cubed,
        largest=found.largest,
        people=found.groups,
        threshold=linked.lanes.merge,
        estimated_precision=linked.lanes.expected_precision,
        pairs_looked_at=linked.looked_at,
        to_review=len(linked.proposals),
        generic_values=linked.generic_values,
        seconds=seconds,
        cpu_seconds=cpu_seconds,
        peak_rss_mb=peak_rss_mb(),
        identical=_identical(labelled, linked, repeats) if repeats > 1 else None,
    )


def _link(labelled: LabelledRecords, records: pa.Table) -> Linked:
    return link_records(
        records,
        labelled.roles,
        key=labelled.key,
        source=labelled.source,
        across_only=labelled.source is not None,
    )


def _identical(labelled: LabelledRecords, first: Linked, repeats: int) -> bool:
    """Say whether people and pairs are the same to the last bit."""
    order = np.random.default_rng(5).permutation(len(labelled.records))
    others = [labelled.records] * (repeats - 2) + [labelled.records.take(pa.array(order))]
    again = (_link(labelled, records) for records in others)
    return all(other.people.equals(first.people) and other.pairs.equals(first.pairs) for other in again)


def measure_here(data: str, name: str, place: str) -> Measured:
    """Measure one set in this process; simulated records are read from the folder ``place``."""
    if name in PUBLIC:
        return measure(name, PUBLIC[name](Path(data)), repeats=4 if name == REPEATED else 1)
    return measure(name, simulated(parquet.read_table(Path(place) / "records.parquet")))

"""What linking found: people, pairs in three lanes, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from butfor.identity.link.scoring import Scored, chance, odds
from butfor.identity.link.threshold import Lanes
from butfor.identity.link.training import Model
from butfor.model import BadInput

MERGE, REVIEW, SEPARATE = "merge", "review", "separate"


class Evidence(msgspec.Struct, frozen=True):
    """One step of a waterfall: a field, what was found there, and how many bits that gave."""

    field: str
    found: str
    bits: float


class Explanation(msgspec.Struct, frozen=True):
    """Why a pair of records weighs what it does; the bits of ``steps`` sum to ``bits``."""

    a: str
    b: str
    outcome: str
    bits: float
    probability: float
    steps: list[Evidence]


@dataclass(frozen=True)
class Linked:
    """The result of ``link_records``.

    ``people`` has columns record and person (the first record of the person, in the order of keys).
    ``pairs`` has a, b, bits, probability, outcome for every pair from ``lanes.review`` bits on.
    ``proposals`` has person_a, person_b, bits, pairs: groups that a person should look at, strongest first.
    """

    people: pa.Table
    pairs: pa.Table
    proposals: pa.Table
    model: Model
    lanes: Lanes
    looked_at: int
    generic_values: dict[str, int]
    _scored: Scored
    _keys: pa.Array

    def explain(self, a: str, b: str) -> Explanation:
        """Return the waterfall of one pair of ``pairs``; raise BadInput for a pair that was not compared or fell short."""
        return self.explain_row(self._find(a, b))

    def explain_row(self, at: int) -> Explanation:
        """Return the waterfall of a row of ``pairs``."""
        steps = [Evidence("prior", "two records drawn at random", round(self.model.prior_bits, 6))]
        for number, field in enumerate(self.model.fields):
            steps += _steps(
                field, int(self._scored.levels[number, at]), float(self._scored.frequency[number, at])
            )
        steps.append(
            Evidence("household", "another person of the household could share as much", self._other(at))
        )
        row = self.pairs.slice(at, 1).to_pylist()[0]
        return Explanation(row["a"], row["b"], row["outcome"], row["bits"], row["probability"], steps)

    def _other(self, at: int) -> float:
        one = np.zeros(self._scored.a.size, bool)
        one[at] = True
        _, household = odds(self._scored.where(one), self.model)
        return round(-float(np.logaddexp2(0.0, household[0])), 6)

    def _find(self, a: str, b: str) -> int:
        first, second = self.pairs["a"].to_numpy(), self.pairs["b"].to_numpy()
        hits = np.flatnonzero(((first == a) & (second == b)) | ((first == b) & (second == a)))
        if not hits.size:
            raise BadInput(
                "pair", value=f"{a}, {b}", rule=f"only pairs of at least {self.lanes.review:.1f} bits are kept",
                next_step="the two share no key, or too little speaks for one person: take a pair from .pairs",
            )  # fmt: skip
        return int(hits[0])


def _steps(field: Any, level: int, frequency: float) -> list[Evidence]:
    if level < 0:
        return [Evidence(field.name, "missing", 0.0)]
    steps = [Evidence(field.name, field.labels[level], round(float(field.bits[level]), 6))]
    if frequency:
        word = "a rare value" if frequency > 0 else "a common value"
        steps.append(Evidence(field.name, word, round(frequency, 6)))
    return steps


def pairs_table(scored: Scored, keys: pa.Array, person: Any) -> pa.Table:
    """Return the kept pairs with their outcome: merge where both records became one person, else review."""
    same = person[scored.a] == person[scored.b]
    return pa.table(
        {
            "a": keys.take(pa.array(scored.a)),
            "b": keys.take(pa.array(scored.b)),
            "bits": scored.bits,
            "probability": chance(scored.bits),
            "outcome": pa.array([REVIEW, MERGE]).take(pa.array(same.astype(np.int8))),
        }
    )


def proposals_table(scored: Scored, keys: pa.Array, person: Any) -> pa.Table:
    """Return pairs of people that pairs of records speak for, with the best pair's bits, strongest first."""
    x, y = person[scored.a], person[scored.b]
    apart = x != y
    pair = np.minimum(x, y)[apart].astype(np.int64) << 32 | np.maximum(x, y)[apart]
    found, where, count = np.unique(pair, return_inverse=True, return_counts=True)
    best = np.full(found.size, -np.inf)
    np.maximum.at(best, where, scored.bits[apart])
    order = np.lexsort((found, -best))
    return pa.table(
        {
            "person_a": keys.take(pa.array((found >> 32)[order])),
            "person_b": keys.take(pa.array((found & 0xFFFFFFFF)[order])),
            "bits": best[order],
            "pairs": count[order],
        }
    )

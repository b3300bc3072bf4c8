"""Score candidate pairs: Splink says which level each comparison reaches, and how much its value's frequency adds.

The weight of a pair is log2 of the odds that both records are one person: the prior's bits, and for every
comparison log2(m / u) of the level reached plus the correction for a rare or common value (Fellegi and Sunter 1969).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from butfor.identity.link.household import shares_frequency
from butfor.identity.link.training import Model
from butfor.store.linker import LinkBench

CHUNK = 900_000
"""Pairs that Splink scores at once; bounds memory."""
ROUNDS, SETTLED = 20, 2e-3
"""The model is fitted again on all candidates, at most so often, until the prior moves by a thousandth."""
HOPELESS = -14.0
"""Pairs below so many bits add nothing to any sum over likely matches."""
FLOOR_M, LEAST_HOUSEHOLD = 1e-4, 1e-12

Ints = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scored:
    """Pairs of record numbers, ``a < b``, in order; ``levels`` has -1 where a field is missing.

    ``levels`` (int8) and ``frequency`` (float32 bits) have shape (comparisons, pairs); ``bits`` has shape (pairs,).
    """

    a: Ints
    b: Ints
    levels: npt.NDArray[np.int8]
    frequency: npt.NDArray[np.float32]
    bits: Floats

    def where(self, kept: npt.NDArray[np.bool_]) -> Scored:
        """Return the pairs that are ``kept``."""
        return Scored(
            self.a[kept], self.b[kept], self.levels[:, kept], self.frequency[:, kept], self.bits[kept]
        )


def score(bench: LinkBench, model: Model) -> Scored:
    """Score the table ``candidate``."""
    parts = [_narrow(part, model) for part in _chunks(bench, model)]
    empty = np.zeros(0, np.int32)
    if not parts:
        k = len(model.fields)
        return Scored(empty, empty, np.zeros((k, 0), np.int8), np.zeros((k, 0), np.float32), np.zeros(0))
    a, b = (np.concatenate([p[side] for p in parts]) for side in (0, 1))
    order = np.lexsort((b, a))
    levels = np.concatenate([p[2] for p in parts], axis=1)[:, order]
    frequency = np.concatenate([p[3] for p in parts], axis=1)[:, order]
    return weighed(Scored(a[order], b[order], levels, frequency, np.zeros(a.size)), model)


def weighed(scored: Scored, model: Model) -> Scored:
    """Return the pairs with the weights that ``model`` gives them."""
    match, household = odds(scored, model)
    return replace(scored, bits=np.round(match - np.logaddexp2(0.0, household), 6))


def odds(scored: Scored, model: Model) -> tuple[Floats, Floats]:
    """Return log2 odds against strangers, of a match and of a household, shape (pairs,) each."""
    match = np.full(scored.a.size, model.prior_bits)
    household = np.full(scored.a.size, model.household_bits)
    for field, levels, frequency in zip(model.fields, scored.levels, scored.frequency, strict=True):
        match += np.append(field.bits, 0.0)[levels] + frequency
        shared = np.append(shares_frequency(field.name, field.labels), False)[levels]
        household += np.append(field.household_bits, 0.0)[levels] + shared * frequency
    return match, household


def chance(bits: Floats) -> Floats:
    """Return the probability that odds of ``2**bits`` stand for."""
    return np.asarray(1.0 / (1.0 + np.exp2(-np.clip(bits, -60, 60))))


def refined(scored: Scored, model: Model, all_pairs: float) -> tuple[Scored, Model]:
    """Fit m and the shares of matches and households by EM, on all candidates and comparisons at once; u stays.

    Sessions see only pairs that agree on their own key; the candidates of all keys together miss few matches.
    ``all_pairs`` is the number of pairs of records there are; pairs that are no candidates count as strangers.
    """
    near = scored.where(np.maximum(*odds(scored, model)) > HOPELESS)
    for _ in range(ROUNDS):
        match, household = odds(near, model)
        p, h = chance(match - np.logaddexp2(0.0, household)), chance(household - np.logaddexp2(0.0, match))
        prior, share = float(p.sum()) / all_pairs, max(float(h.sum()) / all_pairs, LEAST_HOUSEHOLD)
        if prior <= 0:
            break
        settled = abs(np.log2(prior / model.prior)) + abs(np.log2(share / model.household)) < SETTLED
        ladders = [_shares(row, p, len(f.m)) for f, row in zip(model.fields, near.levels, strict=True)]
        model = model.fitted(prior, share, ladders)
        if settled:
            break
    return weighed(scored, model), model


def _shares(levels: npt.NDArray[np.int8], p: Floats, size: int) -> Floats:
    counted = np.bincount(levels.astype(np.int64) + 1, weights=p, minlength=size + 1)[1:]
    # A field that no likely match carries keeps an even ladder.
    shares = (counted + 1e-9) / (counted + 1e-9).sum()
    return np.asarray(np.maximum(shares, FLOOR_M))


def _chunks(bench: LinkBench, model: Model) -> Iterator[pa.Table]:
    from splink import Linker

    total = int(bench.value("SELECT count(*) FROM candidate"))
    api = bench.splink_api()
    people = api.register(bench.relation("person"), dataset_display_name="scored")
    linker = Linker(people, model.settings, log_level=None, validate_settings=False)
    for number in range(-(-total // CHUNK)):
        bench.make(
            "blocked",
            f"SELECT '0' AS match_key, a AS join_key_l, b AS join_key_r FROM candidate WHERE part = {number}",
        )
        pairs = api.register(bench.relation("blocked"), dataset_display_name=f"blocked_{number}")
        linker.table_management.register_blocked_pairs_for_predict(pairs)
        found = linker.inference.predict(warning_mode="never")
        columns = [
            f'CAST("mw_{f.name}" AS DOUBLE) AS "mw_{f.name}", {_frequency(f.name, f.has_frequency)}'
            for f in model.fields
        ]
        yield bench.rows(
            f"SELECT CAST(i_l AS INTEGER) AS a, CAST(i_r AS INTEGER) AS b, {', '.join(columns)} FROM {found.physical_name}"
        )
        found.drop_table_from_database_and_remove_from_cache()


def _frequency(name: str, there: bool) -> str:
    value = f'"mw_tf_adj_{name}"' if there else "0"
    return f'CAST({value} AS FLOAT) AS "tf_{name}"'


def _narrow(part: pa.Table, model: Model) -> tuple[Any, Any, Any, Any]:
    """Turn Splink's weights back into the levels they stand for; ``training`` keeps those of a field distinct."""
    levels = [_level(part[f"mw_{f.name}"].to_numpy(), f.bits) for f in model.fields]
    frequency = [part[f"tf_{f.name}"].to_numpy() for f in model.fields]
    return (
        part["a"].to_numpy(),
        part["b"].to_numpy(),
        np.stack(levels),
        np.stack(frequency).astype(np.float32),
    )


def _level(weights: Floats, known: Floats) -> npt.NDArray[np.int8]:
    order = np.argsort(known)
    middle = (known[order][1:] + known[order][:-1]) / 2
    found = order[np.searchsorted(middle, weights)].astype(np.int8)
    found[weights == 0.0] = -1
    return found

"""Train Splink's Fellegi-Sunter model without labels: u from random pairs, m by EM on pairs that two fields vouch for."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from butfor.identity.link.blocking import Key
from butfor.identity.link.comparisons import Comparison, equal
from butfor.identity.link.household import ladder
from butfor.store.linker import LinkBench

SEED = 20_260_101
RANDOM_PAIRS, SESSION_PAIRS = 1e6, 3e5
"""Pairs that u is counted on, and pairs of one session of EM."""
DIGITS = 8
"""Parameters are rounded: the last bits of a sum depend on the order of its terms."""
LEAST_M, LEAST_U = 1e-4, 3e-7
"""No level is impossible because nobody was seen there."""
PERSONAL = {"name", "pair", "given", "born", "born_day", "email", "national_id"}
DISTINCT = 0.01
"""Bits between two levels of a field, so that a weight says which level it stands for."""
HOUSEHOLD = 1e-6
"""Where the share of pairs that are of one household starts; it is fitted to the data."""


class Field(msgspec.Struct, frozen=True):
    """A trained comparison: for each level its label, m (share of matches there) and u (share of strangers there).

    ``by_other`` marks levels whose frequency is that of a coarser agreement, such as the last name's.
    """

    name: str
    labels: list[str]
    m: list[float]
    u: list[float]
    has_frequency: bool
    by_other: list[bool]

    @property
    def bits(self) -> npt.NDArray[np.float64]:
        """Return log2(m / u) of every level; index 0 is "different"."""
        return np.asarray(np.log2(np.array(self.m) / np.array(self.u)))

    @property
    def household_bits(self) -> npt.NDArray[np.float64]:
        """Return log2(h / u) of every level, where h is the share of pairs of one household there."""
        m, u = np.array(self.m), np.array(self.u)
        return np.asarray(np.log2(ladder(self.name, self.labels, m, u) / u))


class Model(msgspec.Struct, frozen=True):
    """A trained model: prior, fields, Splink's own settings, and the keys whose pairs it was trained on."""

    prior: float
    household: float
    fields: list[Field]
    settings: dict[str, Any]
    sessions: list[str]

    @property
    def prior_bits(self) -> float:
        """Return log2 of the odds that two random records are one person."""
        return math.log2(self.prior / (1 - self.prior))

    @property
    def household_bits(self) -> float:
        """Return log2 of the odds that two random records are of one household."""
        return math.log2(self.household / (1 - self.household))

    def fitted(self, prior: float, household: float, shares: Sequence[npt.NDArray[np.float64]]) -> Model:
        """Return the model with other shares of matches and households and, per field, other shares m; u stays."""
        fields = [
            msgspec.structs.replace(f, m=[rounded(x) for x in m])
            for f, m in zip(self.fields, shares, strict=True)
        ]
        return Model(rounded(prior), rounded(household), fields, self.settings, self.sessions)


def train(bench: LinkBench, comparisons: Sequence[Comparison], keys: Sequence[Key]) -> Model:
    """Return the model of the records in ``person``."""
    from splink import Linker

    sessions = sessions_for(keys)
    with bench.serial():
        people = bench.splink_api().register(bench.relation("person"), dataset_display_name="trained")
        linker = Linker(people, _settings(comparisons), log_level=None, validate_settings=False)
        linker.training.estimate_u_using_random_sampling(max_pairs=RANDOM_PAIRS, seed=SEED)
        for key in sessions:
            linker.training.estimate_parameters_using_expectation_maximisation(
                " AND ".join(f"{part.on('l')} = {part.on('r')}" for part in key.parts),
                estimate_without_term_frequencies=True,
                max_pairs=SESSION_PAIRS,
                record_sample_proportion=1.0,
            )
        settings = json.loads(json.dumps(linker.misc.save_model_to_json()))
    fields = [_completed(c) for c in settings["comparisons"]]
    prior = float(settings["probability_two_random_records_match"])
    return Model(
        prior, HOUSEHOLD, fields, settings | {"linker_uid": "butfor"}, [key.label for key in sessions]
    )


def sessions_for(keys: Sequence[Key]) -> list[Key]:
    """Return up to three keys of two fields, no field twice, whose pairs chance explains least.

    A comparison is trained in the sessions whose key does not use it.
    """
    ranked = sorted(
        (k for k in keys if len(k.parts) == 2 and len(k.fields) == 2 and k.pairs >= 200 and _vouches(k)),
        key=lambda k: (-round(k.likely_matches / k.pairs, 2), -k.pairs, k.label),
    )
    found: list[Key] = []
    for key in ranked:
        if len(found) < 3 and not any(key.fields & other.fields for other in found):
            found.append(key)
    return found


def _vouches(key: Key) -> bool:
    """A household shares surname, phone and address; a mailbox holds its owner's name: one fact must be personal."""
    columns = {part.column for part in key.parts}
    return "mailbox" not in columns and bool(columns & PERSONAL)


def _settings(comparisons: Sequence[Comparison]) -> dict[str, Any]:
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": "i",
        "comparisons": [c.as_splink() for c in comparisons],
        "blocking_rules_to_generate_predictions": [],
        "probability_two_random_records_match": 1e-4,
        "retain_matching_columns": False,
        "retain_intermediate_calculation_columns": True,
        "max_iterations": 30,
        "em_convergence": 0.001,
    }


def _completed(comparison: dict[str, Any]) -> Field:
    """Fill in levels that were never seen, round, keep weights distinct; write it back into Splink's settings too."""
    levels = [level for level in comparison["comparison_levels"] if not level.get("is_null_level")][::-1]
    m, u = _chances(levels, "m_probability", LEAST_M), _chances(levels, "u_probability", LEAST_U)
    taken: list[float] = [0.0]
    for i, level in enumerate(levels):
        while any(abs(math.log2(m[i] / u[i]) - other) < DISTINCT for other in taken):
            m[i] = rounded(m[i] * 2 ** (2 * DISTINCT))
        taken.append(math.log2(m[i] / u[i]))
        level["m_probability"], level["u_probability"] = m[i], u[i]
    weighs = [level.get("tf_adjustment_column") for level in levels]
    by_other = [
        bool(c) and level["sql_condition"] != equal(c) for c, level in zip(weighs, levels, strict=True)
    ]
    labels = [level["label_for_charts"] for level in levels]
    return Field(comparison["output_column_name"], labels, m, u, any(weighs), by_other)


def _chances(levels: Sequence[dict[str, Any]], side: str, least: float) -> list[float]:
    found = [level.get(side) for level in levels]
    seen = np.maximum([x if isinstance(x, (int, float)) else 0.0 for x in found], least)
    return [rounded(x) for x in seen / seen.sum()]


def rounded(value: float) -> float:
    """Return the value with ``DIGITS`` digits."""
    return float(f"{value:.{DIGITS}g}")

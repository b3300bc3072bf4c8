"""Random pairs hold some matches, and a value's frequency counts one person's own records: both are taken out.

u is counted on random pairs, of which a share ``prior`` are matches: it is ``(1 - prior) x true u + prior x m``. Where
people have ten records each, that alone bounds what any agreement can weigh. The same holds for the frequency
of a value: of those who carry it, ``prior x m`` of all records are the very person's.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import numpy.typing as npt

from butfor.identity.link.scoring import Floats, Scored, weighed
from butfor.identity.link.training import Field, Model, rounded

LEAST = 0.2
"""At least this share of what was counted stays, since ``prior`` and m are estimates too."""


def without_matches(scored: Scored, model: Model) -> tuple[Scored, Model]:
    """Return model and pairs with u and frequencies of strangers alone."""
    cleaned = [_cleaned(field, model.prior) for field in model.fields]
    frequency = np.stack(
        [
            _frequency(before, after, model.prior, levels, bits)
            for before, after, levels, bits in zip(
                model.fields, cleaned, scored.levels, scored.frequency, strict=True
            )
        ]
    )
    model = msgspec.structs.replace(model, fields=cleaned)
    return weighed(replace(scored, frequency=frequency), model), model


def _cleaned(field: Field, prior: float) -> Field:
    m, u = np.array(field.m), np.array(field.u)
    strangers = np.maximum(u - prior * m, LEAST * u)
    strangers[0] = u[0]  # who differs is a stranger already
    # Levels weighed by the frequency of a coarser agreement keep their u, which that frequency is relative to.
    kept = np.array(field.by_other)
    return msgspec.structs.replace(field, u=[rounded(x) for x in np.where(kept, u, strangers)])


def _frequency(
    before: Field, after: Field, prior: float, levels: npt.NDArray[np.int8], bits: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Return log2(u / frequency) anew, where the level is agreement on the very value whose frequency is meant."""
    own = ~np.append(before.by_other, True)
    at = np.flatnonzero((bits != 0) & own[levels])
    level = levels[at]
    counted: Floats = np.array(before.u)[level] * np.exp2(-bits[at].astype(np.float64))
    others = np.maximum(counted - prior * np.array(before.m)[level], LEAST * counted)
    made = bits.copy()
    made[at] = np.log2(np.array(after.u)[level] / others)
    return made

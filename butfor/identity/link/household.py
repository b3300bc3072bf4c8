"""The other way that two records come to share much: one household. It explains a shared surname, phone and address.

Fellegi and Sunter weigh a match against strangers only, and so take brothers at one address for one person. Here
the odds are those of a match against a stranger *or* another member of the household: where ``M`` and ``H`` are the
log2 odds of a match and of a household against strangers, the weight is ``M - log2(1 + 2**H)``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

SHARED = ("phone", "address", "place")
"""Fields in which members of a household agree as one person's records do; in all others they are strangers."""
SURNAME = {"same last name only": 0.4, "same rarest word": 0.4}
SURNAME_AND_LIKE = {"same last name, similar first name": 0.05, "same words": 0.01, "different": 0.05}
"""The ladder of names in a household: nearly all share the last name, few have similar first names."""
REST = 0.01

Floats = npt.NDArray[np.float64]


def ladder(name: str, labels: Sequence[str], m: Floats, u: Floats) -> Floats:
    """Return for each level of a field how likely two members of a household reach it."""
    if name in SHARED:
        return m
    if name != "name":
        return u
    known = SURNAME | SURNAME_AND_LIKE
    shares = np.array([known.get(label, REST) for label in labels])
    return np.asarray(shares / shares.sum())


def shares_frequency(name: str, labels: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Say at which levels a rare value is as telling for a household as for one person: where it explains the value."""
    if name in SHARED:
        return np.ones(len(labels), bool)
    return np.array([name == "name" and label in SURNAME for label in labels], bool)

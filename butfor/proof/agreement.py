"""How well found groups agree with true ones."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt


class Agreement(msgspec.Struct, frozen=True):
    """Shares between 0 and 1: of pairs (``precision``, ``recall``, ``f1``) and of records' groups (``b_cubed``)."""

    precision: float
    recall: float
    f1: float
    b_cubed: float
    largest: int
    groups: int


def agreement(found: npt.NDArray[Any], truth: npt.NDArray[Any]) -> Agreement:
    """Compare two groupings of the same records, arrays of labels of shape (n,).

    Precision is the share of pairs grouped together that belong together, recall the share of true pairs found.
    B-cubed (Bagga and Baldwin 1998) averages the same two shares over records, each within its own group.

    >>> agreement(np.array([1, 1, 2]), np.array([7, 7, 7])).recall
    0.3333333333333333
    """
    a, b = (np.unique(x, return_inverse=True)[1] for x in (found, truth))
    both = np.unique(a * (b.max() + 1) + b, return_inverse=True)[1]
    size_a, size_b, size_both = (np.bincount(x) for x in (a, b, both))
    right = _pairs(size_both)
    precision, recall = right / max(_pairs(size_a), 1), right / max(_pairs(size_b), 1)
    of_group = float((size_both[both] / size_a[a]).mean())
    of_person = float((size_both[both] / size_b[b]).mean())
    return Agreement(
        precision, recall, _harmonic(precision, recall), _harmonic(of_group, of_person), int(size_a.max()), size_a.size
    )  # fmt: skip


def _pairs(sizes: npt.NDArray[Any]) -> float:
    return float((sizes.astype(np.float64) * (sizes - 1) / 2).sum())


def _harmonic(x: float, y: float) -> float:
    return 2 * x * y / (x + y) if x + y else 0.0

"""New for you: which products go with those that a person bought. EASE, and item-item where that would be too large."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.linalg import lapack

from butfor.catalog.recommend.history import Array

LAMBDAS = (100.0, 200.0, 400.0)
# The closed form inverts a dense matrix of products by products: 5,000 of them are 100 MB and some seconds.
EASE_LIMIT = 5000


def ease(bought: sp.csr_matrix, penalty: float) -> Array:
    """Return the weights B (products x products, zero diagonal) for which ``bought @ B`` is nearest to ``bought``.

    ``bought`` is people x products of 0 and 1. B minimises the squared distance plus ``penalty`` times the squares of B,
    and with ``P = (X'X + penalty I)^-1`` it is ``-P[i, j] / P[j, j]`` off the diagonal (Steck, "Embarrassingly Shallow
    Autoencoders for Sparse Data", 2019).
    """
    # What nobody bought goes with nothing, and would only make the matrix larger.
    sold = np.flatnonzero(np.asarray(bought.sum(axis=0)).ravel())
    some = bought[:, sold]
    gram = (some.T @ some).toarray()
    gram[np.diag_indices_from(gram)] += penalty
    inverse = inverted(gram)
    found = inverse / -np.diag(inverse)
    np.fill_diagonal(found, 0.0)
    weights: Array = np.zeros((bought.shape[1], bought.shape[1]))
    weights[np.ix_(sold, sold)] = found
    return weights


def inverted(matrix: Array) -> Array:
    """Return the inverse of a symmetric positive definite matrix, which is overwritten."""
    # LAPACK reads columns first; a symmetric matrix is its own transpose, which needs no copy.
    factor, wrong = lapack.dpotrf(matrix.T, lower=1, overwrite_a=1)
    half, failed = lapack.dpotri(factor, lower=1, overwrite_c=1)
    if wrong or failed:
        raise np.linalg.LinAlgError("matrix is not positive definite")
    lower = np.tril(half)
    full: Array = lower + lower.T
    full[np.diag_indices_from(full)] -= np.diag(half)
    return full


def item_item(bought: sp.csr_matrix, shrink: float = 2.0, keep: int = 100) -> sp.csr_matrix:
    """Return similarities of products (sparse, zero diagonal), the ``keep`` best per product.

    Two products are as similar as their buyers say: a buyer counts less the more they buy, and a product less the more
    people buy it, with the length and rarity weights of BM25 (k1 1.2, b 0.75; Robertson and Zaragoza 2009). The sum is
    divided by the square roots of both numbers of buyers plus ``shrink``, so that two products that one person bought
    once are not taken for twins.
    """
    size, spread = (np.asarray(bought.sum(axis=axis)).ravel() for axis in (1, 0))
    rarity = np.log1p((bought.shape[0] - spread + 0.5) / (spread + 0.5))
    length = 1.2 * (0.25 + 0.75 * size / max(size.mean(), 1e-12))
    weighted = sp.diags(2.2 / (1.0 + length)) @ bought @ sp.diags(rarity)
    norm = sp.diags(1 / (np.sqrt(spread) + shrink))
    together = (norm @ (weighted.T @ bought) @ norm).tocsr()
    together.setdiag(0.0)
    together.eliminate_zeros()
    return _best(together, keep)


def _best(similar: sp.csr_matrix, keep: int) -> sp.csr_matrix:
    """Keep the largest values of each column; equal ones go to the product that comes first."""
    by = similar.T.tocsr()
    kept = []
    for i in range(by.shape[0]):
        a, b = by.indptr[i], by.indptr[i + 1]
        order = np.lexsort((by.indices[a:b], -np.round(by.data[a:b], 9)))[:keep]
        kept.append(a + order)
    place = np.concatenate(kept) if kept else np.zeros(0, dtype=np.int64)
    row = np.repeat(np.arange(by.shape[0]), [len(k) for k in kept])
    return sp.csr_matrix((by.data[place], (by.indices[place], row)), shape=similar.shape)


def weights(bought: sp.csr_matrix, method: str | None, penalty: float) -> Array | sp.csr_matrix | None:
    """Return the weights of a method, products x products; None without a method."""
    if method is None:
        return None
    return ease(bought, penalty) if method == "ease" else item_item(bought)

"""Choose half-life, method and penalty on the newest part of the history itself; and say what the history is too thin for."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import scipy.sparse as sp

from butfor.catalog.recommend.again import HALF_LIVES, own_frequency
from butfor.catalog.recommend.history import Array, History
from butfor.catalog.recommend.measure import gains, ndcg
from butfor.catalog.recommend.ranking import order_of, top
from butfor.catalog.recommend.together import EASE_LIMIT, LAMBDAS, weights

WINDOW = 90.0
# Dense scores of this many pairs of person and product (160 MB) are held at a time.
CELLS = 20_000_000
# Below these a model would learn the accidents of a few people.
LEAST_PEOPLE = 50
LEAST_PAIRS = 500


# Item-item has nothing to tune.
_PENALTIES: dict[str | None, tuple[float, ...]] = {"ease": LAMBDAS, "item-item": LAMBDAS[1:2]}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What was chosen, and in ``said`` why, as plain sentences. ``method`` None: nothing goes with anything."""

    half_life: float | None = 120.0
    method: str | None = None
    penalty: float = 200.0
    said: list[str] = []


def choose(history: History, now: float, slots: Sequence[str]) -> Settings:
    """Choose the settings of some slots from a history that ends at ``now`` (days since 1970)."""
    said = scope(history, now)
    repeat = int((history.matrix().sum(axis=1) >= 2).sum())
    pairs = history.bought().nnz
    thin = repeat < LEAST_PEOPLE or pairs < LEAST_PAIRS
    if thin:
        said.append(
            f"{repeat} people with two purchases and {pairs} different ones are too few to learn what goes with what: popular products instead"
        )
    method = None if thin or "new_for_you" not in slots else _method(history, now, said)
    cut = now - WINDOW
    early, late = history.where(history.day < cut), history.where(history.day >= cut)
    if thin or not len(early.day) or not len(late.day):
        return Settings(method=method, said=said)
    half_life = _half_life(early, late, cut) if "buy_again" in slots else Settings().half_life
    chosen = Settings(half_life=half_life, method=method, said=said)
    return chosen if method is None else _against_popular(early, late, chosen)


def _against_popular(early: History, late: History, chosen: Settings) -> Settings:
    """Choose the penalty; and no model at all where it finds what is new to people no better than popularity does."""
    bought = early.bought()
    wanted, people = _wanted(late, bought, new=True)
    spread = np.asarray(early.where(early.day >= early.day.max() - WINDOW).bought().sum(axis=0)).ravel()
    order, rows = order_of(np.asarray(bought.sum(axis=0)).ravel()), bought[people]
    seen = rows.toarray() > 0

    def worth(score: Array) -> float:
        return _mean(np.where(seen, -np.inf, score), wanted, order)

    popular = worth(np.broadcast_to(spread, seen.shape))
    found = {x: worth(_dense(rows @ weights(bought, chosen.method, x))) for x in _PENALTIES[chosen.method]}
    best = max(found, key=lambda x: (found[x], x))
    if found[best] > popular:
        return msgspec.structs.replace(chosen, penalty=best)
    said = (
        f"on the training data {chosen.method} found new products no better than popularity did "
        f"(NDCG@10 {found[best]:.3f} against {popular:.3f}): popular products instead"
    )
    return msgspec.structs.replace(chosen, method=None, said=[*chosen.said, said])


def _dense(score: Array | sp.csr_matrix) -> Array:
    return score if isinstance(score, np.ndarray) else np.asarray(score.todense())


def _method(history: History, now: float, said: list[str]) -> str:
    if history.shape[1] > EASE_LIMIT:
        said.append(f"{history.shape[1]} products are too many for EASE: item-item, the 100 nearest of each")
        return "item-item"
    return "item-item" if now - float(history.day.min()) < WINDOW else "ease"


def scope(history: History, now: float) -> list[str]:
    """Return what a history is too short for (R-104), as plain sentences."""
    if not len(history.day):
        return ["nothing was bought yet: there is nothing to suggest"]
    months = (now - float(history.day.min())) / 30.4
    if now - float(history.day.min()) < WINDOW:
        return [
            f"history of {months:.0f} months: seasonality off; popular + co-purchase only, and own purchases with a half-life "
            f"of {Settings().half_life:g} days that nothing could be learned about"
        ]
    return (
        [f"history of {months:.0f} months: seasonality off"]
        if months < 24
        else ["seasonality is not modelled"]
    )


def _half_life(early: History, late: History, cut: float) -> float | None:
    wanted, people = _wanted(late, early.bought(), new=False)
    order = order_of(np.asarray(early.bought().sum(axis=0)).ravel())
    found = {h: _mean(own_frequency(early, cut, h)[people].toarray(), wanted, order) for h in HALF_LIVES}
    return max(found, key=lambda h: (found[h], h is None, h or 0))


def _wanted(late: History, before: sp.csr_matrix, *, new: bool) -> tuple[sp.csr_matrix, Array]:
    """Return what people with a past bought later (only what was new to them, if so asked), and who they are."""
    target = late.bought()
    if new:
        target = (target - target.multiply(before)).tocsr()
        target.eliminate_zeros()
    some = (np.asarray(target.sum(axis=1)).ravel() > 0) & (np.asarray(before.sum(axis=1)).ravel() > 0)
    # A thousand people tell two settings apart; the first by id are as good as any.
    people = np.flatnonzero(some)[: min(1000, max(100, CELLS // before.shape[1]))]
    return target[people], people


def _mean(score: Array, wanted: sp.csr_matrix, order: Array) -> float:
    if not score.shape[0]:
        return 0.0
    hit = gains(top(np.round(score, 9), 10, order), wanted)
    return round(float(ndcg(hit, np.asarray(wanted.sum(axis=1)).ravel()).mean()), 6)

"""Fit both slots to a history, and suggest products to people, each with its reason.

``buy_again``: what a person bought most often, when its refill is due. ``new_for_you``: what goes with a person's
purchases and was never among them. Where these have too little to say, popular products of the person's segment follow,
then those of everybody.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
import scipy.sparse as sp

from butfor.catalog.recommend.again import not_due, own_frequency
from butfor.catalog.recommend.choose import CELLS, Settings, choose
from butfor.catalog.recommend.history import Array, History
from butfor.catalog.recommend.ranking import order_of, tiers, top
from butfor.catalog.recommend.together import weights

SLOTS = ("buy_again", "new_for_you")
STEPS = {
    "buy_again": ("own frequency", "popular in segment", "popular"),
    "new_for_you": ("goes with", "popular in segment", "popular"),
}
# A segment is judged as if so many people more, who buy as everybody does, were in it: small ones say little of their own.
LIKE_EVERYBODY = 200.0
# What was popular lately, not what was popular once.
RECENT = 90.0


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """A product for a person, the step of the ladder that it comes from, and what that step knew.

    ``times`` and ``last`` (days since 1970) are the person's own purchases, ``goes_with`` the bought product that speaks
    most for it, ``segment`` the people among whom it is popular.
    """

    product: int
    score: float
    step: str
    times: int = 0
    last: float = 0.0
    goes_with: int = -1
    segment: str | None = None


class Fitted(msgspec.Struct, frozen=True):
    """Both slots fitted to a history as of ``now`` (days since 1970); matrices are people x products."""

    history: History
    now: float
    segments: list[str | None]
    settings: Settings
    bought: sp.csr_matrix
    times: sp.csr_matrix
    last: sp.csr_matrix
    again: sp.csr_matrix
    waiting: sp.csr_matrix
    weights: Array | sp.csr_matrix | None
    popular: Array
    by_segment: dict[str, Array]
    order: Array


def fit(
    history: History, now: float, segments: Sequence[str | None], groups: Sequence[str | None] | None = None,
    *, slots: Sequence[str] = SLOTS, lead: float = 0.0,
) -> Fitted:  # fmt: skip
    """Fit some slots to everything that was bought before ``now``.

    ``segments`` names each person's segment, ``groups`` each product's category. Half-life and penalty are chosen on the
    newest part of this very history, so that whatever comes after ``now`` has no say in them. A product waits for its
    refill until ``lead`` days before it is due.
    """
    past = history.where(history.day < now)
    bought, settings = past.bought(), choose(past, now, slots)
    popular, by_segment = popularity(past, now, segments)
    return Fitted(
        past, now, list(segments), settings, bought, past.matrix(), past.last(), own_frequency(past, now, settings.half_life),
        not_due(past, now + lead, groups), weights(bought, settings.method, settings.penalty), popular, by_segment,
        order_of(popular + 1e-6 * np.asarray(bought.sum(axis=0)).ravel()),
    )  # fmt: skip


def popularity(
    history: History, now: float, segments: Sequence[str | None]
) -> tuple[Array, dict[str, Array]]:
    """Return how many people bought each product lately: of all, and of each segment, drawn towards all."""
    lately = history.where(history.day >= now - RECENT).bought()
    every = np.asarray(lately.sum(axis=0)).ravel()
    usual = LIKE_EVERYBODY * every / max(1, int((np.diff(lately.indptr) > 0).sum()))
    found = {}
    for name in sorted({s for s in segments if s}):
        inside = np.array([s == name for s in segments], dtype=float)
        own = np.asarray(inside @ lately).ravel()
        found[name] = np.where(own > 0, own + usual, 0.0)
    return every, found


def scored(fitted: Fitted, slot: str, people: Array, allowed: Array) -> Array:
    """Return the scores of products for some people (people x products) in a slot, -inf where one may not be suggested."""
    if slot == "buy_again":
        first, barred = fitted.again[people].toarray(), fitted.waiting[people].toarray() > 0
    else:
        first, barred = _related(fitted, people), fitted.bought[people].toarray() > 0
    nothing = np.zeros(len(fitted.history.products))
    near = np.array([fitted.by_segment.get(fitted.segments[p] or "", nothing) for p in people])
    every = np.broadcast_to(fitted.popular, first.shape)
    return tiers([first, near.reshape(first.shape), every], ~barred & allowed)


def chunks(people: Array, fitted: Fitted) -> Iterator[Array]:
    """Yield people in groups whose scores of all products fit into memory."""
    size = max(1, min(1000, CELLS // max(1, len(fitted.history.products))))
    for start in range(0, len(people), size):
        yield people[start : start + size]


def _related(fitted: Fitted, people: Array) -> Array:
    rows = fitted.bought[people]
    if fitted.weights is None:
        return np.zeros(rows.shape)
    found = rows @ fitted.weights
    return found.toarray() if sp.issparse(found) else np.asarray(found)


def suggest(
    fitted: Fitted, slot: str, people: Sequence[int], allowed: Array, n: int
) -> list[list[Suggestion]]:
    """Return up to ``n`` suggestions for each of some people (places in ``history.people``), the best first."""
    found: list[list[Suggestion]] = []
    for some in chunks(np.array(people, dtype=np.int64), fitted):
        score = scored(fitted, slot, some, allowed)
        ranked = top(score, n, fitted.order)
        found += [
            [_explained(fitted, slot, int(p), int(i), score[k, i]) for i in ranked[k] if i >= 0]
            for k, p in enumerate(some)
        ]
    return found


def _explained(fitted: Fitted, slot: str, person: int, product: int, score: float) -> Suggestion:
    steps = STEPS[slot]
    # A score is its place within the step, between 0 and 1, plus how many steps lie below.
    level = len(steps) - int(np.ceil(score - 1))
    within = round(float(score) - (len(steps) - level), 6)
    if level == 0 and slot == "buy_again":
        times, last = int(fitted.times[person, product]), float(fitted.last[person, product])
        return Suggestion(product=product, score=within, step=steps[0], times=times, last=last)
    if level == 0:
        return Suggestion(
            product=product, score=within, step=steps[0], goes_with=_speaker(fitted, person, product)
        )
    segment = fitted.segments[person] if level == 1 else None
    return Suggestion(product=product, score=within, step=steps[level], segment=segment)


def _speaker(fitted: Fitted, person: int, product: int) -> int:
    """Return the product that a person bought and that speaks most for another."""
    mine = np.sort(fitted.bought[person].indices)
    assert fitted.weights is not None
    weight = fitted.weights[mine, product]
    dense = weight.toarray().ravel() if sp.issparse(weight) else np.asarray(weight).ravel()
    return int(mine[int(np.argmax(np.round(dense, 9)))])

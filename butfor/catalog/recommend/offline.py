"""What each slot is worth on purchases it has not seen, beside baselines that need no model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
import scipy.sparse as sp

from butfor.catalog.recommend.choose import WINDOW
from butfor.catalog.recommend.history import Array, History
from butfor.catalog.recommend.measure import bootstrap, gains, ndcg
from butfor.catalog.recommend.ranking import tiers, top
from butfor.catalog.recommend.serve import SLOTS, Fitted, chunks, fit, scored
from butfor.model import Interval

Scores = Callable[[Array], Array]


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One way to fill a slot: mean NDCG and hit rate over people, and the share of products ever shown."""

    method: str
    ndcg: float
    interval: Interval
    hit_rate: float
    coverage: float
    ahead: float = 0.0
    ahead_interval: Interval | None = None


class SlotReport(msgspec.Struct, frozen=True, kw_only=True):
    """A slot and its baselines on the ``days`` after the cut; ``ahead`` of a baseline is the slot's NDCG minus its own."""

    slot: str
    places: int
    people: int
    days: float
    measured: list[Measured]
    sentence: str
    said: list[str] = []


def report(
    history: History, cut: float, segments: Sequence[str | None], allowed: Array,
    groups: Sequence[str | None] | None = None, *, places: int = 10, days: float = WINDOW, seed: int = 0,
) -> list[SlotReport]:  # fmt: skip
    """Fit to what was bought before ``cut`` (days since 1970) and measure on what people bought in the ``days`` after it.

    People count who bought before and after. ``buy_again`` is measured on all that they then bought, ``new_for_you`` on
    what they had never bought. What becomes due within the ``days`` may be suggested, because that is what they are
    measured on. Intervals draw people again, 1,000 times, from ``seed``.
    """
    fitted = fit(history, cut, segments, groups, lead=days)
    after = history.where((history.day >= cut) & (history.day < cut + days)).bought()
    return [_slot(fitted, slot, after, allowed, places, days, seed) for slot in SLOTS]


def _slot(
    fitted: Fitted, slot: str, after: sp.csr_matrix, allowed: Array, places: int, days: float, seed: int
) -> SlotReport:
    wanted = after
    if slot == "new_for_you":
        wanted = (after - after.multiply(fitted.bought)).tocsr()
        wanted.eliminate_zeros()
    # What nobody had bought before the cut, or may not be suggested, is on no shelf that a method could choose from.
    shelf = (np.asarray(fitted.bought.sum(axis=0)).ravel() > 0) & allowed
    wanted = (wanted @ sp.diags(shelf.astype(float))).tocsr()
    wanted.eliminate_zeros()
    known = np.asarray(fitted.bought.sum(axis=1)).ravel() > 0
    people = np.flatnonzero(known & (np.diff(wanted.indptr) > 0))
    each = {
        name: _measure(fitted, how, people, wanted, places)
        for name, how in _methods(fitted, slot, allowed, seed).items()
    }
    measured = _compared(each, slot, int(allowed.sum()), seed)
    said = [*fitted.settings.said, _chosen(fitted, slot)]
    sentence = _sentence(slot, measured, len(people), places, days)
    return SlotReport(
        slot=slot,
        places=places,
        people=len(people),
        days=days,
        measured=measured,
        sentence=sentence,
        said=said,
    )


def _methods(fitted: Fitted, slot: str, allowed: Array, seed: int) -> dict[str, Scores]:
    """Return how each method scores some people; all of them leave out what the slot must leave out."""
    barred = fitted.waiting if slot == "buy_again" else fitted.bought
    rng = np.random.default_rng(seed)

    def simple(score: Callable[[Array], Array]) -> Scores:
        return lambda some: tiers([score(some)], (barred[some].toarray() == 0) & allowed)

    shape = len(fitted.history.products)
    found: dict[str, Scores] = {
        slot: lambda some: scored(fitted, slot, some, allowed),
        "popular": simple(lambda some: np.broadcast_to(fitted.popular, (len(some), shape))),
        "random": simple(lambda some: rng.random((len(some), shape)) + 1e-3),
    }
    if slot == "buy_again":
        basket = last_basket(fitted.history)
        found["last basket"] = simple(lambda some: basket[some].toarray())
    return found


def last_basket(history: History) -> sp.csr_matrix:
    """Return 1 for each product that a person bought on the last day on which they bought anything."""
    day = np.floor(history.day)
    newest = np.full(len(history.people), -np.inf)
    np.maximum.at(newest, history.person, day)
    return history.where(day == newest[history.person]).bought()


def _measure(
    fitted: Fitted, how: Scores, people: Array, wanted: sp.csr_matrix, places: int
) -> tuple[Array, Array, set[int]]:
    """Return NDCG and hit (0 or 1) per person, and the products that were shown to anybody."""
    gain, hits, shown = [np.zeros(0)], [np.zeros(0)], set()
    for some in chunks(people, fitted):
        ranked = top(how(some), places, fitted.order)
        hit = gains(ranked, wanted[some])
        gain.append(ndcg(hit, np.diff(wanted[some].indptr)))
        hits.append((hit.sum(axis=1) > 0).astype(float))
        shown |= set(np.unique(ranked).tolist()) - {-1}
    return np.concatenate(gain), np.concatenate(hits), shown


def _compared(
    each: dict[str, tuple[Array, Array, set[int]]], slot: str, sold: int, seed: int
) -> list[Measured]:
    own = each[slot][0]
    found = []
    for name, (gain, hit, shown) in each.items():
        ahead = own - gain
        found.append(
            Measured(
                method=name, ndcg=_mean(gain), interval=bootstrap(gain, seed), hit_rate=_mean(hit),
                coverage=round(len(shown) / max(1, sold), 4), ahead=_mean(ahead),
                ahead_interval=None if name == slot else bootstrap(ahead, seed),
            )
        )  # fmt: skip
    return found


def _mean(values: Array) -> float:
    return round(float(values.mean()), 4) if len(values) else 0.0


def _chosen(fitted: Fitted, slot: str) -> str:
    chosen = fitted.settings
    if slot == "buy_again":
        half = "none" if chosen.half_life is None else f"{chosen.half_life:g} days"
        return f"half-life chosen on the training data: {half}"
    if chosen.method is None:
        return "no model: popular products only"
    return f"method {chosen.method}" + (
        f", penalty {chosen.penalty:g} chosen on the training data" if chosen.method == "ease" else ""
    )


def _sentence(slot: str, measured: Sequence[Measured], people: int, places: int, days: float) -> str:
    name = slot.replace("_", " ")
    if not people:
        return f"{name}: nobody bought before and after the cut, so nothing was measured"
    own, best = measured[0], max(measured[1:], key=lambda m: m.ndcg)
    low = best.ahead_interval.low if best.ahead_interval else 0.0
    high = best.ahead_interval.high if best.ahead_interval else 0.0
    verdict = "beats" if low > 0 else "is worse than" if high < 0 else "is not told apart from"
    return (
        f"{name} {verdict} {best.method}: NDCG@{places} {own.ndcg:.3f} against {best.ndcg:.3f} "
        f"(difference {best.ahead:+.3f}, 95 % {low:+.3f} to {high:+.3f}) on the {days:g} days after, {people:,} people"
    )

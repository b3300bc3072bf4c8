"""How well the first part of the history foretells the rest, beside what needs no model."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import msgspec
import numpy as np

from butfor.profiles.value.buyers import Array
from butfor.profiles.value.forecast import Forecast, History, Models, fit_models, forecast

MOST_REPEATS = 7
# Where most buy nothing this has the smallest mean absolute error of all, though it tells nobody from anybody:
# it is shown, and named where it is smaller, but judges in mean square error only.
NOBODY = "nobody buys"


class Score(msgspec.Struct, frozen=True):
    """How far predictions were from what came: mean absolute error and root of mean square per person, both totals.

    ``correlation`` is None where all predictions or all outcomes are equal.
    """

    method: str
    mae: float
    rmse: float
    correlation: float | None
    predicted: float
    actual: float


class Band(msgspec.Struct, frozen=True):
    """People by their repeat purchases before; mean purchase days after, as predicted and as they came."""

    repeats: str
    people: int
    predicted: float
    actual: float


class Holdout(msgspec.Struct, frozen=True, kw_only=True):
    """Models fitted until ``cut``, judged on the ``days`` after it; the first score of each list is the model's.

    ``silent_*`` are the shares of people without a purchase in those days, foretold and found.
    """

    cut: date
    days: int
    people: int
    models: Models
    orders: list[Score]
    money: list[Score]
    silent_predicted: float
    silent_actual: float
    bands: list[Band]
    sentences: list[str]

    @property
    def beats_baselines(self) -> bool:
        """Say whether no rule of thumb has a smaller mean absolute or mean square error in purchase days."""
        return not _better(self.orders, "mae") and not _better(self.orders, "rmse")


def hold_out(history: History, cut: date, days: int) -> Holdout:
    """Fit to the history until ``cut`` and compare with the ``days`` after it; raise BadInput where nobody came back."""
    models = fit_models(history)
    seen = forecast(models, history, days)
    orders = scores(history.later, {models.buying.name: seen.orders, **_orders_without(history, days)})
    money = _money(history, seen, days)
    actual = float((history.later == 0).mean())
    return Holdout(
        cut=cut, days=days, people=int(history.repeats.size), models=models, orders=orders, money=money,
        silent_predicted=float(seen.silent.mean()), silent_actual=actual, bands=_bands(history, seen),
        sentences=[*_said(orders, "purchase days"), *(_said(money, "money") if money else [])],
    )  # fmt: skip


def scores(actual: Array, predictions: Mapping[str, Array]) -> list[Score]:
    """Return the errors of each method, in the order given."""
    return [_score(name, predicted, actual) for name, predicted in predictions.items()]


def _score(name: str, predicted: Array, actual: Array) -> Score:
    error = predicted - actual
    flat = np.ptp(predicted) == 0 or np.ptp(actual) == 0
    return Score(
        method=name, mae=float(np.abs(error).mean()), rmse=float(np.sqrt((error**2).mean())),
        correlation=None if flat else float(np.corrcoef(predicted, actual)[0, 1]),
        predicted=float(predicted.sum()), actual=float(actual.sum()),
    )  # fmt: skip


def _orders_without(history: History, days: int) -> dict[str, Array]:
    own = history.repeats / np.maximum(history.age, 1) * days
    return {
        f"as in the last {days} days": history.recent,
        "own rate so far": own,
        NOBODY: np.zeros_like(own),
    }


def _money(history: History, seen: Forecast, days: int) -> list[Score]:
    if seen.money is None:
        return []
    own = history.repeat_value / np.maximum(history.age, 1) * days
    without = {f"as in the last {days} days": history.recent_value, "own rate so far": own}
    return scores(history.later_value, {"model": seen.money, **without, NOBODY: np.zeros_like(own)})


def _bands(history: History, seen: Forecast) -> list[Band]:
    level = np.minimum(history.repeats, MOST_REPEATS)
    found = []
    for n in np.unique(level):
        inside = level == n
        name = f"{n:.0f}" + ("+" if n == MOST_REPEATS else "")
        means = [float(values[inside].mean()) for values in (seen.orders, history.later)]
        found.append(Band(name, int(inside.sum()), means[0], means[1]))
    return found


def _better(found: list[Score], measure: str) -> list[Score]:
    rivals = [s for s in found[1:] if s.method != NOBODY or measure != "mae"]
    return [s for s in rivals if getattr(s, measure) < getattr(found[0], measure)]


def _said(found: list[Score], what: str) -> list[str]:
    """Return the verdict in words; where a rule of thumb is better, it is named first."""
    lines = [
        *_worse(found, what, "mae", "mean absolute error"),
        *_worse(found, what, "rmse", "root mean square error"),
    ]
    if not lines:
        lines.append(f"In {what} the model's errors are smaller than those of every rule of thumb.")
    return [*lines, *_nobody(found, what), *_ranking(found, what), *_totals(found[0], what)]


def _worse(found: list[Score], what: str, measure: str, words: str) -> list[str]:
    better = sorted(_better(found, measure), key=lambda s: float(getattr(s, measure)))
    return [
        f"Not better than a rule of thumb in {words} of {what}: '{s.method}' has {getattr(s, measure):,.3f}, "
        f"the model {getattr(found[0], measure):,.3f}."
        for s in better[:1]
    ]


def _nobody(found: list[Score], what: str) -> list[str]:
    ours = found[0].mae
    return [
        f"'{NOBODY}' has the smaller mean absolute error ({s.mae:,.3f}, the model {ours:,.3f}): most people bring no "
        f"{what}, and expectations are made to be right in sums."
        for s in found[1:]
        if s.method == NOBODY and s.mae < ours
    ]


def _ranking(found: list[Score], what: str) -> list[str]:
    others = [s.correlation for s in found[1:] if s.correlation is not None]
    ours = found[0].correlation
    if ours is None or not others:
        return []
    word = "better" if ours > max(others) else "no better"
    return [
        f"It tells people apart {word} than they do: correlation with the {what} that came {ours:.3f}, "
        f"the best rule of thumb {max(others):.3f}."
    ]


def _totals(ours: Score, what: str) -> list[str]:
    if not ours.actual:
        return []
    return [
        f"Total {what}: {ours.predicted:,.0f} foretold, {ours.actual:,.0f} came "
        f"({ours.predicted / ours.actual - 1:+.0%})."
    ]

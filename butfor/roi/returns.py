"""Return on investment of a measured effect: margin caused, what it cost, when it paid back, a verdict.

``ROI = (incremental gain - cost) / cost``. The gain is what the treated people would not have brought
without the message, taken from a comparison with people who did not get it; costs are taken as known,
so the interval of the effect maps straight to an interval of the ROI.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from butfor.experiments.analysis import Effect
from butfor.model import Evidence, Interval, Refused

Base = Literal["margin", "revenue"]
Method = Literal["incremental", "attributed"]
Outcome = Literal["pays", "not proven", "loses", "refused", "attributed"]

ATTRIBUTED = "attributed, not caused"
"""The only label that attributed figures may carry (R-049)."""


class CostItem(Struct, frozen=True):
    """One line of the cost list, in the workspace's currency, for the whole window."""

    name: str
    amount: float
    kind: Literal["send", "media", "discount", "people", "platform", "integration", "other"] = "other"


class Gain(Struct, frozen=True, kw_only=True):
    """What the treated people brought more, in money over the window, with its interval.

    ``interval`` is Welch's, ``corrected`` the skew-corrected one; ``decides`` names the one the verdict
    rests on. ``held_out`` is the gain forgone in the control group. ``refused`` says why
    there can be no verdict.
    """

    amount: float
    interval: Interval | None
    corrected: Interval | None = None
    decides: Literal["welch", "skew", "score"] = "welch"
    held_out: float = 0.0
    refused: str = ""

    @property
    def deciding_interval(self) -> Interval | None:
        """The interval the verdict rests on."""
        return self.interval if self.decides == "welch" or self.corrected is None else self.corrected


class Roi(Struct, frozen=True, kw_only=True):
    """A return on investment and all that is needed to judge it.

    ``roi`` and its intervals are shares: 0.698 is +69.8 %. ``gain`` and ``cost`` are money over
    ``window_days``. ``payback_day`` assumes a constant flow within the window and is None when the gain
    does not cover the cost by its end; ``payback_interval`` is (earliest, latest) in the same way.
    ``opportunity_cost`` is what the holdout did not bring. ``headline`` is empty for attributed figures
    and where there is no verdict.
    """

    roi: float
    interval: Interval | None
    corrected: Interval | None
    gain: float
    gain_interval: Interval | None
    gain_corrected: Interval | None
    cost: float
    costs: tuple[CostItem, ...]
    window_days: int
    base: Base
    method: Method
    evidence: Evidence
    decides: str
    payback_day: float | None
    payback_interval: tuple[float | None, float | None]
    opportunity_cost: float
    outcome: Outcome
    label: str
    headline: str
    verdict: str

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain dicts and lists."""
        built: dict[str, Any] = msgspec.to_builtins(self)
        return built


def return_on_investment(
    effect: Effect,
    margin_rate: float | None,
    n_treated: int,
    costs: Sequence[CostItem],
    window_days: int | None,
    base: Base | None,
    method: Method | None,
    evidence: Evidence | None = Evidence.RANDOMISED,
) -> Roi:
    """Turn an effect per person into the ROI of having treated ``n_treated`` people.

    ``margin_rate`` (0 to 1) turns revenue into contribution margin; None when the metric already is what
    ``base`` says. Raises Refused when base, method, window, costs or interval is missing (R-139), when the
    evidence is below quasi-experimental (R-010), or when the rate contradicts the base.
    """
    return roi_of_gain(
        gain_of(effect, margin_rate, n_treated, base), costs, window_days, base, method, evidence
    )


def gain_of(effect: Effect, margin_rate: float | None, n_treated: int, base: Base | None = "margin") -> Gain:
    """Scale an effect per person to the money that ``n_treated`` people brought more."""
    if margin_rate is not None and (base == "revenue" or not 0 <= margin_rate <= 1):
        raise Refused(
            f"ROI of '{effect.metric}': the margin rate does not fit",
            value={"margin_rate": margin_rate, "base": base},
            rule="a margin rate is between 0 and 1, and revenue is stated without one",
            next_step="state `base: margin` with the rate, or `base: revenue` without",
        )
    per_person = 1.0 if margin_rate is None else margin_rate
    factor = n_treated * per_person
    return Gain(
        amount=effect.difference * factor,
        interval=effect.interval.scaled(factor),
        corrected=effect.corrected.scaled(factor) if effect.corrected else None,
        decides=effect.decides,  # type: ignore[arg-type]
        held_out=max(effect.difference, 0.0) * per_person * effect.n_control,
        refused=effect.refused,
    )


def attributed_return(
    gain: float, costs: Sequence[CostItem], window_days: int | None, base: Base | None
) -> Roi:
    """Return an attributed figure (last click and its kind): a number with a label, never a verdict."""
    return roi_of_gain(
        Gain(amount=gain, interval=None), costs, window_days, base, "attributed", Evidence.DESCRIPTIVE
    )


def roi_of_gain(
    gain: Gain,
    costs: Sequence[CostItem],
    window_days: int | None,
    base: Base | None,
    method: Method | None,
    evidence: Evidence | None = Evidence.RANDOMISED,
) -> Roi:
    """Compute the ROI of a gain in money; see ``return_on_investment``."""
    caused = method != "attributed"
    cost = sum(item.amount for item in costs)
    _check_complete(gain, costs, cost, window_days, base, method, evidence)
    assert window_days is not None and base is not None  # noqa: PT018 - _check_complete refuses otherwise
    assert method is not None and evidence is not None  # noqa: PT018
    interval, corrected = _mapped(gain.interval, cost), _mapped(gain.corrected, cost)
    decided = (interval if gain.decides == "welch" or corrected is None else corrected) if caused else None
    roi = (gain.amount - cost) / cost
    outcome = _outcome(gain, decided)
    verdict = _verdict(outcome, roi, decided, gain.refused, base, evidence)
    bounds = gain.deciding_interval if caused else None
    return Roi(
        roi=roi,
        interval=interval if caused else None,
        corrected=corrected if caused else None,
        gain=gain.amount,
        gain_interval=gain.interval if caused else None,
        gain_corrected=gain.corrected if caused else None,
        cost=cost,
        costs=tuple(costs),
        window_days=window_days,
        base=base,
        method=method,
        evidence=evidence if caused else Evidence.DESCRIPTIVE,
        decides=gain.decides if caused else "",
        payback_day=_payback(gain.amount, cost, window_days) if caused else None,
        payback_interval=_payback_interval(bounds, cost, window_days),
        opportunity_cost=gain.held_out if caused else 0.0,
        outcome=outcome,
        label=f"incremental {base}, {evidence}" if caused else ATTRIBUTED,
        headline=f"ROI {100 * roi:+.1f} % in {window_days} days: {outcome}"
        if decided and not gain.refused
        else "",
        verdict=verdict,
    )


def _check_complete(
    gain: Gain,
    costs: Sequence[CostItem],
    cost: float,
    window_days: int | None,
    base: Base | None,
    method: Method | None,
    evidence: Evidence | None,
) -> None:
    required = {
        "base (margin or revenue)": base in ("margin", "revenue"),
        "method (incremental or attributed)": method in ("incremental", "attributed"),
        "window in days": bool(window_days and window_days > 0),
        "cost list": bool(costs) and cost > 0 and all(item.amount >= 0 for item in costs),
        "interval": gain.interval is not None or method == "attributed",
        "evidence grade": evidence is not None,
    }
    if missing := [name for name, there in required.items() if not there]:
        raise Refused(
            f"ROI is incomplete, missing: {', '.join(missing)}",
            rule="an ROI states base, method, window, interval and costs that sum to more than 0 (R-139)",
            next_step="fill in what is missing; a figure without them cannot be compared with anything",
        )
    if method == "incremental" and evidence not in (Evidence.RANDOMISED, Evidence.QUASI_EXPERIMENTAL):
        raise Refused(
            "ROI needs evidence from a comparison",
            value=str(evidence),
            rule="only randomised and quasi-experimental evidence may enter ROI (R-010)",
            next_step="hold out a control group, or show the figure as attributed",
        )


def _mapped(gain: Interval | None, cost: float) -> Interval | None:
    return gain.scaled(1 / cost, -1.0) if gain else None


def _outcome(gain: Gain, decided: Interval | None) -> Outcome:
    if decided is None:
        return "attributed"
    if gain.refused:
        return "refused"
    if decided.low > 0:
        return "pays"
    return "loses" if decided.high < 0 else "not proven"


def _verdict(
    outcome: Outcome, roi: float, interval: Interval | None, refused: str, base: Base, evidence: Evidence
) -> str:
    if interval is None:
        return f"{100 * roi:+.1f} %, {ATTRIBUTED}: these customers might have bought anyway."
    if outcome == "refused":
        return f"No verdict on money, because {refused}."
    said = {
        "pays": "It pays: it brought more than it cost",
        "loses": "It loses: it brought less than it cost",
        "not proven": "Not proven: it may have earned or lost money",
    }[outcome]
    mark = ", from a comparison without random assignment" if evidence == Evidence.QUASI_EXPERIMENTAL else ""
    return (
        f"{said} (ROI on {base} {100 * roi:+.1f} %, {100 * interval.level:g} % interval "
        f"{100 * interval.low:+.1f} % to {100 * interval.high:+.1f} %{mark})."
    )


def _payback(gain: float, cost: float, window_days: int) -> float | None:
    return window_days * cost / gain if gain >= cost else None


def _payback_interval(
    gain: Interval | None, cost: float, window_days: int
) -> tuple[float | None, float | None]:
    if gain is None:
        return (None, None)
    return (_payback(gain.high, cost, window_days), _payback(gain.low, cost, window_days))

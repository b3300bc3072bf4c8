"""What is fixed before the first assignment: hypotheses in words, the definition's hash, the draw of arms."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from sqlglot import exp

from butfor.model import Refused
from butfor.plan.kinds import Arm, Experiment, Hypothesis

BUCKETS = 10_000
"""Steps of the draw: shares are met to the nearest 0.01 %."""

SHARE_TOLERANCE = 0.001
"""How far planned shares may miss 1 in sum, so that three arms of 0.333 are accepted (and scaled)."""

FIXED = (
    "id", "hypothesis", "metrics", "guardrails", "threshold", "power", "arms", "window_days", "scope",
    "salt", "multiplicity", "assignment", "policies", "expect",
)  # fmt: skip
"""The parts of an experiment that cannot change once a person was assigned (R-011, R-013)."""


def definition_hash(experiment: Experiment) -> str:
    """Return the SHA-256 (64 hex digits) of the parts in ``FIXED``; labels and owner may change freely."""
    parts = msgspec.to_builtins(experiment)
    return canonical_hash({name: _unlabelled(parts[name]) for name in FIXED if name in parts})


def canonical_hash(value: Any) -> str:
    """Return the SHA-256 of a value as JSON with sorted keys."""
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()


def _unlabelled(part: Any) -> Any:
    if isinstance(part, dict):
        return {key: _unlabelled(value) for key, value in part.items() if key != "label"}
    return [_unlabelled(item) for item in part] if isinstance(part, list) else part


def hypothesis_sentence(hypothesis: Hypothesis, metric_label: str) -> str:
    """Return H1 in words: "In <audience>, <change> raises <metric> by at least <minimum effect>"."""
    verb = "raises" if hypothesis.direction == "up" else "lowers"
    least = f" by at least {hypothesis.minimum_effect:g}" if hypothesis.minimum_effect else ""
    return f"In {hypothesis.audience}, {hypothesis.change} {verb} {metric_label}{least}."


def null_hypothesis(hypothesis: Hypothesis, metric_label: str) -> str:
    """Return H0 in words, the sentence that data must reject before H1 is believed (R-012)."""
    verb = "lowers" if hypothesis.direction == "up" else "raises"
    return f"In {hypothesis.audience}, {hypothesis.change} does not change or {verb} {metric_label}."


def salt_of(experiment: Experiment) -> str:
    """Return what the draw is salted with: the experiment's salt, else its id."""
    return experiment.salt or experiment.id


def control_arm(experiment: Experiment) -> str:
    """Return the id of the control arm: the one marked ``control``, else the only one without a variant."""
    marked = [name for name, arm in experiment.arms.items() if arm.control]
    held_out = [name for name, arm in experiment.arms.items() if arm.variant is None]
    found = marked or held_out
    if len(found) != 1:
        how_many = "more than one control arm" if found else "no control arm"
        raise Refused(
            f"EXP-CONTROL: experiment '{experiment.id}' has {how_many}",
            value=found or list(experiment.arms),
            rule="everything is compared with exactly one control arm",
            next_step="set `control: true` on one arm",
        )
    return found[0]


def check_design(experiment: Experiment) -> None:
    """Raise Refused unless the experiment can prove something; the code stands first in the message.

    ``EXP-H1`` no hypothesis, ``EXP-METRIC`` its metric is not measured, ``EXP-ARMS`` fewer than two arms,
    ``EXP-SHARES`` shares do not sum to 1, ``EXP-CONTROL`` not exactly one control arm, ``EXP-POLICY`` a
    policy names an arm that does not exist.
    """
    _check_hypothesis(experiment)
    _check_arms(experiment)
    control_arm(experiment)
    for name, policy in experiment.policies.items():
        for arm in (policy.against, *(case.arm for case in policy.cases)):
            if arm not in experiment.arms:
                raise Refused(
                    f"EXP-POLICY: policy '{name}' of experiment '{experiment.id}' names an unknown arm",
                    value=arm,
                    rule=f"a policy chooses among the arms {', '.join(experiment.arms)}",
                    next_step="correct the arm, or add it with a share",
                )


def _check_hypothesis(experiment: Experiment) -> None:
    h1 = experiment.hypothesis
    if h1 is None or not (h1.audience.strip() and h1.change.strip()):
        raise Refused(
            f"EXP-H1: experiment '{experiment.id}' has no hypothesis",
            rule="a test states before it starts whom it is about, what changes, which metric moves, "
            "in which direction and by how much at least",
            next_step="fill in `hypothesis` with audience, change, metric, direction and minimum_effect",
        )
    if h1.metric not in experiment.metrics:
        raise Refused(
            f"EXP-METRIC: experiment '{experiment.id}' does not measure the metric of its hypothesis",
            value=h1.metric,
            rule=f"the hypothesis is about one of the metrics: {', '.join(experiment.metrics) or 'none'}",
            next_step=f"add '{h1.metric}' to `metrics`",
        )


def _check_arms(experiment: Experiment) -> None:
    shares = {name: arm.share for name, arm in experiment.arms.items()}
    if sum(share > 0 for share in shares.values()) < 2:
        raise Refused(
            f"EXP-ARMS: experiment '{experiment.id}' has fewer than two arms with people",
            value=shares,
            rule="a comparison needs at least two arms with a share above 0",
            next_step="add a control arm",
        )
    if abs(sum(shares.values()) - 1) > SHARE_TOLERANCE:
        raise Refused(
            f"EXP-SHARES: the shares of experiment '{experiment.id}' sum to {sum(shares.values()):g}",
            value=shares,
            rule="the shares of all arms sum to 1",
            next_step="correct the shares",
        )


def draw_arm(salt: str, unit: str, arms: Mapping[str, Arm]) -> str:
    """Return the arm of a unit: the same for ever, on every engine and machine.

    ``md5(f"{salt}-{unit}")``, its first eight hex digits as a number modulo 10,000, against the cumulative
    shares of the arms in the order of their names (so the order in the file does not matter). The arms
    are those of an experiment that passed ``check_design``.
    """
    digits = hashlib.md5(f"{salt}-{unit}".encode(), usedforsecurity=False).hexdigest()[:8]
    bucket = int(digits, 16) % BUCKETS
    return next(arm for arm, border in borders(arms) if bucket < border)


def borders(arms: Mapping[str, Arm]) -> list[tuple[str, int]]:
    """Return the arms by name, each with the bucket below which it ends; the last border is 10,000."""
    whole, below, found = sum(arm.share for arm in arms.values()), 0.0, []
    for name in sorted(arms):
        below += arms[name].share
        found.append((name, round(below / whole * BUCKETS)))
    return found


def arm_expression(
    unit: exp.Expression, salt: str, arms: Mapping[str, Arm], dialect: Literal["duckdb", "spark"] = "duckdb"
) -> exp.Case:
    """Return the same draw as an expression over a column of units, which is read as text.

    Engines turn hex digits into a number in different ways, which SQLGlot does not translate, hence
    ``dialect``; a unit that is NULL gets no arm.
    """
    text = exp.cast(unit.copy(), "text")
    hashed = exp.MD5(this=exp.Concat(expressions=[exp.Literal.string(f"{salt}-"), text]))
    digits = exp.Substring(this=hashed, start=exp.Literal.number(1), length=exp.Literal.number(8))
    bucket = exp.Mod(this=_from_hex(digits, dialect), expression=exp.Literal.number(BUCKETS))
    chosen = exp.Case()
    for name, border in borders(arms):
        below = exp.LT(this=bucket.copy(), expression=exp.Literal.number(border))
        chosen = chosen.when(below, exp.Literal.string(name))
    return exp.case().when(exp.Is(this=unit.copy(), expression=exp.Null()), exp.Null()).else_(chosen)


def _from_hex(digits: exp.Expression, dialect: str) -> exp.Expression:
    if dialect == "duckdb":
        return exp.cast(exp.Concat(expressions=[exp.Literal.string("0x"), digits]), "bigint")
    sixteen, ten = exp.Literal.number(16), exp.Literal.number(10)
    return exp.cast(exp.Anonymous(this="CONV", expressions=[digits, sixteen, ten]), "bigint")

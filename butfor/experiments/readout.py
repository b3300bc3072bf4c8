"""One experiment's result: what was planned, whether it ran as planned, what it showed, what follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import msgspec
from msgspec import Struct

from butfor.experiments.analysis import Effect, analyse
from butfor.experiments.checks import SampleRatio, adjust, sample_ratio
from butfor.experiments.design import (
    canonical_hash,
    check_design,
    control_arm,
    definition_hash,
    hypothesis_sentence,
    null_hypothesis,
)
from butfor.experiments.moments import ArmMoments
from butfor.experiments.planning import detectable_with, equivalence
from butfor.experiments.policies import PolicyEffect, PolicyGroup, compare_policies
from butfor.experiments.words import (
    Outcome,
    blocked_sentence,
    effect_sentence,
    expectation_met,
    expectation_sentence,
    policy_sentence,
)
from butfor.model import BadInput, Evidence
from butfor.plan.kinds import Experiment, Hypothesis, Metric, Policy

PolicyMoments = Mapping[str, Sequence[Mapping[str, ArmMoments]]]


class ArmRow(Struct, frozen=True):
    """One arm as planned and as it ran."""

    arm: str
    label: str
    share: float
    n: int
    control: bool


class Verdict(Struct, frozen=True, kw_only=True):
    """What the data decided about one metric in one treatment arm.

    ``outcome`` is ``rejected`` or ``opposite`` for the metric of the hypothesis, ``better`` or ``worse`` for
    the others, ``no effect`` when shown to be practically zero, ``not proven``, or ``refused``.
    ``expectation`` is empty without one. ``detectable`` is the smallest true effect that this test finds
    with its planned power.
    """

    metric: str
    treatment: str
    guardrail: bool
    outcome: Outcome
    sentence: str
    expectation: str = ""
    equivalence_pvalue: float | None = None
    detectable: float | None = None


class Readout(Struct, frozen=True, kw_only=True):
    """The result of an experiment on one day; ``content_address`` changes when anything in it does.

    ``blocked`` is the reason why nothing here may be believed, empty when it ran as planned. ``decision`` is
    what the threshold said before the start (``invest``, ``ship``, ``test_more``, ``stop``), empty when the
    test could not decide. ``sentences`` tell it all in plain language.
    """

    experiment: str
    label: str
    definition_hash: str
    as_of: str
    evidence: Evidence
    h1: str
    h0: str
    control: str
    alpha: float
    arms: tuple[ArmRow, ...]
    srm: SampleRatio
    blocked: str
    effects: tuple[Effect, ...]
    verdicts: tuple[Verdict, ...]
    policies: tuple[PolicyEffect, ...]
    decision: str
    sentences: tuple[str, ...]

    @property
    def content_address(self) -> str:
        """SHA-256 of the readout as JSON with sorted keys, figures to nine digits.

        Engines and threads add floating-point numbers in different orders, which moves the last digits only.
        """
        return canonical_hash(_nine_digits(msgspec.to_builtins(self)))

    def to_dict(self) -> dict[str, Any]:
        """Return the readout as plain dicts and lists, with its content address."""
        built: dict[str, Any] = msgspec.to_builtins(self)
        return built | {"content_address": self.content_address}

    def effect(self, metric: str, treatment: str) -> Effect:
        """Return the effect of one arm in one metric; BadInput when the readout has none."""
        for effect in self.effects:
            if (effect.metric, effect.treatment) == (metric, treatment):
                return effect
        raise BadInput(
            f"readout of '{self.experiment}' has no effect of arm '{treatment}' in metric '{metric}'",
            rule=f"effects here: {', '.join(f'{e.treatment}/{e.metric}' for e in self.effects) or 'none'}",
            next_step="choose one of these, or wait until the arm has people",
        )


def read_out(
    experiment: Experiment,
    metrics: Mapping[str, Metric],
    moments: Mapping[str, ArmMoments],
    policy_moments: PolicyMoments,
    as_of: date,
    *,
    currency: str = "",
) -> Readout:
    """Judge an experiment from its per-arm moments.

    ``moments`` by arm hold the columns ``columns_of`` names for every metric and guardrail;
    ``policy_moments`` by policy hold one such dict per case, in the order of the cases, of the people whom
    the case catches first. Arms without two people have no effects yet. Raises Refused when the design
    cannot prove anything, and BadInput when a metric, an arm or a column is missing.
    """
    check_design(experiment)
    h1 = experiment.hypothesis
    assert h1 is not None  # check_design refuses otherwise
    _check_metrics(experiment, metrics)
    srm = _sample_ratio(experiment, moments)
    blocked = blocked_sentence(srm) if srm.blocked else ""
    effects = [_barred(e, blocked) for e in _effects(experiment, metrics, moments)]
    verdicts = [_verdict(e, experiment, metrics[e.metric], h1, currency) for e in effects]
    policies = [
        _policy(name, experiment, metrics, moments, policy_moments[name], blocked)
        for name in experiment.policies
        if name in policy_moments
    ]
    label = metrics[h1.metric].label
    return Readout(
        experiment=experiment.id,
        label=experiment.label,
        definition_hash=definition_hash(experiment),
        as_of=as_of.isoformat(),
        evidence=Evidence.DESCRIPTIVE if blocked else Evidence.RANDOMISED,
        h1=hypothesis_sentence(h1, label),
        h0=null_hypothesis(h1, label),
        control=control_arm(experiment),
        alpha=experiment.threshold.alpha,
        arms=_arm_rows(experiment, srm),
        srm=srm,
        blocked=blocked,
        effects=tuple(effects),
        verdicts=tuple(verdicts),
        policies=tuple(policies),
        decision=_decision(experiment, h1, verdicts),
        sentences=_sentences(experiment, metrics, effects, verdicts, policies, blocked, currency),
    )


def _check_metrics(experiment: Experiment, metrics: Mapping[str, Metric]) -> None:
    wanted = [*experiment.metrics, *experiment.guardrails, *(p.metric for p in experiment.policies.values())]
    if missing := sorted(set(wanted) - set(metrics)):
        raise BadInput(
            f"experiment '{experiment.id}' uses metrics that are not defined",
            value=missing,
            rule="every metric, guardrail and policy metric needs a definition",
            next_step="define the metrics under plan/metrics",
        )


def _sample_ratio(experiment: Experiment, moments: Mapping[str, ArmMoments]) -> SampleRatio:
    shares = {name: arm.share for name, arm in experiment.arms.items()}
    return sample_ratio({name: arm.n for name, arm in moments.items()}, shares)


def _arm_rows(experiment: Experiment, srm: SampleRatio) -> tuple[ArmRow, ...]:
    control = control_arm(experiment)
    return tuple(
        ArmRow(name, arm.label or name, arm.share, srm.observed.get(name, 0), name == control)
        for name, arm in experiment.arms.items()
    )


def _effects(
    experiment: Experiment, metrics: Mapping[str, Metric], moments: Mapping[str, ArmMoments]
) -> list[Effect]:
    control = moments.get(control_arm(experiment))
    treatments = [
        moments[name] for name in experiment.arms if name in moments and moments[name] is not control
    ]
    if control is None or control.n < 2:
        return []
    found = []
    for name in dict.fromkeys([*experiment.metrics, *experiment.guardrails]):
        family = [
            analyse(metrics[name], arm, control, experiment.threshold.alpha)
            for arm in treatments
            if arm.n > 1
        ]
        adjusted = adjust([effect.deciding_pvalue for effect in family], experiment.multiplicity)
        found += [
            msgspec.structs.replace(effect, adjusted_pvalue=p)
            for effect, p in zip(family, adjusted, strict=True)
        ]
    return found


def _barred(effect: Effect, blocked: str) -> Effect:
    reason = "the arms do not hold the planned shares of people"
    return msgspec.structs.replace(effect, refused=reason) if blocked else effect


def _verdict(
    effect: Effect, experiment: Experiment, metric: Metric, h1: Hypothesis, currency: str
) -> Verdict:
    own = metric.id == h1.metric
    alpha = experiment.threshold.alpha
    margin = h1.minimum_effect if own and h1.minimum_effect > 0 and effect.se > 0 else None
    zero = equivalence(effect, margin, alpha) if margin else None
    outcome = _outcome(effect, alpha, h1.direction if own else metric.direction, own)
    if outcome == "not proven" and zero is not None and zero.equivalent:
        outcome = "no effect"
    expected = experiment.expect if own and outcome != "refused" else None
    return Verdict(
        metric=metric.id,
        treatment=effect.treatment,
        guardrail=metric.id in experiment.guardrails,
        outcome=outcome,
        sentence=effect_sentence(effect, outcome, metric, h1 if own else None, margin, currency),
        expectation=expectation_met(effect, expected) if expected else "",
        equivalence_pvalue=zero.pvalue if zero else None,
        detectable=detectable_with(effect.se, alpha, experiment.power) if effect.se else None,
    )


def _outcome(effect: Effect, alpha: float, direction: str, own: bool) -> Outcome:
    if effect.refused:
        return "refused"
    if effect.adjusted_pvalue >= alpha:
        return "not proven"
    good = (effect.difference > 0) == (direction == "up")
    if own:
        return "rejected" if good else "opposite"
    return "better" if good else "worse"


def _decision(experiment: Experiment, h1: Hypothesis, verdicts: Sequence[Verdict]) -> str:
    harmed = {v.treatment for v in verdicts if v.guardrail and v.outcome in ("worse", "opposite")}
    own = [v for v in verdicts if v.metric == h1.metric and v.outcome != "refused"]
    if not own:
        return ""
    won = any(v.outcome == "rejected" and v.treatment not in harmed for v in own)
    return experiment.threshold.if_rejected if won else experiment.threshold.if_not


def _policy(
    name: str,
    experiment: Experiment,
    metrics: Mapping[str, Metric],
    moments: Mapping[str, ArmMoments],
    cases: Sequence[Mapping[str, ArmMoments]],
    blocked: str,
) -> PolicyEffect:
    policy = experiment.policies[name]
    if len(cases) != len(policy.cases) or metrics[policy.metric].take == "ratio":
        raise BadInput(
            f"policy '{name}' of experiment '{experiment.id}' cannot be judged",
            value={"cases": len(policy.cases), "moments": len(cases), "metric": policy.metric},
            rule="moments are needed for each case in order, and the metric must be a mean or a proportion",
            next_step="compute the moments case by case, or compare by a metric per person",
        )
    everybody = sum(arm.n for arm in moments.values())
    groups = [_group(policy, place, case, everybody) for place, case in enumerate(cases)]
    effect = compare_policies(name, policy.metric, groups, experiment.threshold.alpha)
    reason = "the arms do not hold the planned shares of people"
    return msgspec.structs.replace(effect, refused=reason) if blocked else effect


def _group(policy: Policy, place: int, case: Mapping[str, ArmMoments], everybody: int) -> PolicyGroup:
    people = sum(arm.n for arm in case.values())
    share = people / everybody if everybody else 0.0
    return PolicyGroup(f"case {place + 1}", share, policy.cases[place].arm, policy.against, case)


def _sentences(
    experiment: Experiment,
    metrics: Mapping[str, Metric],
    effects: Sequence[Effect],
    verdicts: Sequence[Verdict],
    policies: Sequence[PolicyEffect],
    blocked: str,
    currency: str,
) -> tuple[str, ...]:
    if blocked:
        return (blocked,)
    told = []
    for effect, verdict in zip(effects, verdicts, strict=True):
        told.append(verdict.sentence)
        if verdict.expectation and experiment.expect:
            told.append(expectation_sentence(effect, experiment.expect, metrics[effect.metric], currency))
    for policy in policies:
        asked = experiment.policies[policy.policy]
        proven = policy.deciding_pvalue < experiment.threshold.alpha
        told.append(
            policy_sentence(policy, asked.label, asked.against, metrics[asked.metric], proven, currency)
        )
    return tuple(told) or ("No verdict yet: there are not two arms with at least two people each.",)


def _nine_digits(part: Any) -> Any:
    if isinstance(part, float):
        return float(f"{part:.9g}")
    if isinstance(part, dict):
        return {key: _nine_digits(value) for key, value in part.items()}
    return [_nine_digits(item) for item in part] if isinstance(part, (list, tuple)) else part

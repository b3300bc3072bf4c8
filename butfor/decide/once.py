"""One pure function for batch, journey and API alike: a person's state and a campaign in, one decision out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec

from butfor.experiments.design import draw_arm
from butfor.plan.kinds import Arm, Campaign, Experiment


class Candidate(msgspec.Struct, frozen=True):
    """What must be known of a person to decide: where they can be reached, and whether they asked not to be.

    ``cooling`` says that the person was merged a short while ago; ``promised`` are the offers that either part of them got.
    ``open_case`` says that they complained and wait for an answer (R-084).
    """

    person_id: str
    address: str | None
    refused: bool = False
    bounced: bool = False
    cooling: bool = False
    promised: frozenset[str] = frozenset()
    open_case: bool = False


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Sent, held or suppressed, and why; the held-out carry what they would have received."""

    person_id: str
    outcome: str
    reason: str
    address: str | None = None
    arm: str | None = None
    variant: str | None = None
    would_get: str | None = None
    message_key: str


COOL_OFF = "merge cool-off"


def decide(
    candidate: Candidate, campaign: Campaign, experiment: Experiment | None, salt: str, cool_off_days: int = 7
) -> Decision:
    """Decide one campaign for one person.

    Who cannot be reached is suppressed, and whose merge is fresh is held, before the draw, so that treated and held-out
    people are alike; then the arm is drawn, and an arm without a variant holds the message back.
    """
    key = hashlib.sha256(f"{campaign.id}\x1f{candidate.person_id}".encode()).hexdigest()
    for held, reason in (
        (not candidate.address, f"no {campaign.address}"),
        (candidate.refused, "unsubscribed"),
        (candidate.bounced, "address bounced"),
        (candidate.open_case, "open case"),
    ):
        if held:
            return Decision(
                person_id=candidate.person_id, outcome="suppressed", reason=reason, message_key=key
            )
    if contradicts(candidate, campaign):
        return Decision(
            person_id=candidate.person_id, outcome="held", reason=f"{COOL_OFF} {cool_off_days} d",
            address=candidate.address, message_key=key,
        )  # fmt: skip
    if experiment is None:
        return _sent(candidate, next(iter(campaign.variants)), None, key)
    arm = draw_arm(salt, candidate.person_id, experiment.arms)
    variant = experiment.arms[arm].variant
    if variant is None:
        return Decision(
            person_id=candidate.person_id,
            outcome="held",
            reason=f"held out by {experiment.id}",
            address=candidate.address,
            arm=arm,
            would_get=_instead(salt, candidate.person_id, experiment.arms),
            message_key=key,
        )
    return _sent(candidate, variant, arm, key)


def contradicts(candidate: Candidate, campaign: Campaign) -> bool:
    """Say whether a campaign promises something that a freshly merged person was not promised before (R-092)."""
    return candidate.cooling and not set(campaign.offers) <= candidate.promised


def _sent(candidate: Candidate, variant: str, arm: str | None, key: str) -> Decision:
    return Decision(
        person_id=candidate.person_id,
        outcome="sent",
        reason="in the audience and reachable",
        address=candidate.address,
        arm=arm,
        variant=variant,
        message_key=key,
    )


def _instead(salt: str, person_id: str, arms: Mapping[str, Arm]) -> str | None:
    """Return the variant a held-out person would have got: a second draw among the treated arms."""
    treated = {name: arm for name, arm in arms.items() if arm.variant}
    if not treated:
        return None
    total = sum(a.share for a in treated.values())
    shares = {name: msgspec.structs.replace(arm, share=arm.share / total) for name, arm in treated.items()}
    return treated[draw_arm(f"{salt}-instead", person_id, shares)].variant

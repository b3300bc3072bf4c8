"""One decision per person: pure, with a reason, and never a message to the held-out."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from shops import campaign_definitions, changed

from butfor.decide import Candidate, Decision, decide
from butfor.plan.kinds import Campaign, Experiment

_, CAMPAIGN, TEST = campaign_definitions()
assert isinstance(CAMPAIGN, Campaign)
assert isinstance(TEST, Experiment)
PEOPLE = st.builds(
    Candidate, person_id=st.uuids().map(str), address=st.sampled_from([None, "", "a@b.de"]), refused=st.booleans(),
    bounced=st.booleans(),
)  # fmt: skip


@given(PEOPLE, st.text(max_size=5))
def test_decide_gives_one_of_three_outcomes_with_a_reason(person: Candidate, salt: str) -> None:
    made = decide(person, CAMPAIGN, TEST, salt)
    assert made.reason
    assert made == decide(person, CAMPAIGN, TEST, salt)
    if not person.address or person.refused or person.bounced:
        assert (made.outcome, made.arm, made.variant) == ("suppressed", None, None)
    else:
        assert (made.outcome == "held") is (made.arm == "none") is (made.variant is None)
        assert (made.would_get in CAMPAIGN.variants) is (made.outcome == "held")


@given(st.lists(PEOPLE, unique_by=lambda p: p.person_id), st.randoms(use_true_random=False))
def test_decisions_do_not_depend_on_the_order_of_people(people: list[Candidate], random: Any) -> None:
    def decided(order: list[Candidate]) -> dict[str, Decision]:
        return {p.person_id: decide(p, CAMPAIGN, TEST, "s") for p in order}

    shuffled = random.sample(people, len(people))
    assert decided(people) == decided(shuffled)


def test_suppression_comes_before_the_draw_and_names_the_first_reason() -> None:
    nobody = Candidate("p", None, refused=True, bounced=True)
    assert decide(nobody, CAMPAIGN, TEST, "s").reason == "no email"
    assert decide(Candidate("p", "a@b.de", True, True), CAMPAIGN, TEST, "s").reason == "unsubscribed"
    assert decide(Candidate("p", "a@b.de", False, True), CAMPAIGN, TEST, "s").reason == "address bounced"


def test_arms_and_what_the_held_out_would_get_meet_their_shares() -> None:
    made = [decide(Candidate(f"p{i}", "a@b.de"), CAMPAIGN, TEST, "s") for i in range(6000)]
    arms = Counter(d.arm for d in made)
    assert all(abs(arms[name] / 6000 - arm.share) < 0.02 for name, arm in TEST.arms.items())
    would = Counter(d.would_get for d in made if d.would_get)
    assert abs(would["plain"] / would.total() - 0.5) < 0.04


def test_another_salt_draws_anew_and_another_campaign_has_its_own_keys() -> None:
    people = [Candidate(f"p{i}", "a@b.de") for i in range(200)]
    one, two = ([decide(p, CAMPAIGN, TEST, salt).arm for p in people] for salt in "ab")
    assert one != two
    other = changed(CAMPAIGN, id="other")
    keys = {decide(p, c, TEST, "s").message_key for p in people for c in (CAMPAIGN, other)}
    assert len(keys) == 400


def test_a_campaign_without_a_test_sends_to_everybody_who_can_be_reached() -> None:
    made = decide(Candidate("p", "a@b.de"), CAMPAIGN, None, "")
    assert (made.outcome, made.arm, made.variant, made.would_get) == ("sent", None, "plain", None)

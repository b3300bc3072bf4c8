"""Rules about what is to be proven: metrics, campaigns, experiments, expectations."""

from pathlib import Path

import pytest
from plans import CUSTOMER_ID, GOAL, MARGIN, PURCHASE, assert_says, found, one, trait, workspace
from test_rule_plan import TILL

CAMPAIGN = """\
kind: campaign
id: win_back
label: Win-back
goal: more_margin
goal_event: order_completed
audience: late
address: customer_id
experiment: mail_test
variants:
  personal: {subject: Dear you}
"""
EXPERIMENT = """\
kind: experiment
id: mail_test
label: Mail or none
hypothesis: {audience: late customers, change: a mail, metric: margin, direction: up, minimum_effect: 0.2}
metrics: [margin]
arms:
  mail: {share: 0.5, variant: personal}
  none: {share: 0.5, control: true}
"""
LATE = "kind: audience\nid: late\nlabel: Late\nwhy: w\nrule: {trait: orders, at_least: 1}\n"
SHOP = [CUSTOMER_ID, PURCHASE, MARGIN, GOAL, LATE, trait("orders"), TILL]


@pytest.mark.requirement("R-045")
@pytest.mark.parametrize(
    ("line", "instead", "place", "what", "next_step"),
    [
        ("{event: order_completed, property: total}", "{take: sum}", 6, "neither an attribute nor an event", "{event:"),
        ("{event: order_completed, property: total}", "{event: order_completed, attribute: spend}", 6, "both an attribute and an event", "{attribute:"),
        ("{event: order_completed, property: total}", "{attribute: spend, less: order_completed}", 6, "property and less mean nothing", "read an event"),
        ("{event: order_completed, property: total}", "{event: order_completed, property: total, take: count}", 6, "takes count of order_completed", "take: sum"),
        ("unit: money", "unit: money\ntake: ratio", 6, "ratio margin has no denominator", "add denominator:"),
        ("unit: money", "unit: money\ndenominator: {event: order_completed}", 6, "which nobody reads", "take: ratio"),
        ("unit: money", "unit: count\nmargin: 0.4", 6, "counts no money", "unit: money"),
    ],
)  # fmt: skip
def test_metric_that_can_be_read_two_ways_is_found(
    tmp_path: Path, line: str, instead: str, place: int, what: str, next_step: str
) -> None:
    folder = workspace(tmp_path, PURCHASE, MARGIN.replace(line, instead))
    assert_says(one(folder, "METRIC"), f"plan/metrics/margin.yaml:{place}", what, next_step)


@pytest.mark.parametrize(
    "more", ["", "take: ratio\ndenominator: {event: order_completed, take: count}\n", "margin: 0.4\n"]
)
def test_metric_that_can_be_computed_passes(tmp_path: Path, more: str) -> None:
    assert found(workspace(tmp_path, PURCHASE, MARGIN + more), "METRIC") == []


@pytest.mark.requirement("R-199", "R-197", "R-044", "R-202")
@pytest.mark.parametrize(
    ("line", "instead", "place", "level", "what", "next_step"),
    [
        ("goal: more_margin", "goal: ''", 4, "error", "win_back has no goal", "name its goal first"),
        ("goal_event: order_completed", "goal_event: ''", 5, "error", "has no goal_event", "name its goal_event"),
        ("goal_event: order_completed", "goal_event: joined", 5, "error", "no source delivers joined", "connect the source"),
        ("  personal: {subject: Dear you}", "  {}", 9, "error", "win_back says nothing", "at least one variant"),
        ("experiment: mail_test\n", "", 1, "warning", "no test and no control group", "name an experiment"),
    ],
)  # fmt: skip
def test_campaign_that_could_not_be_judged_is_found(
    tmp_path: Path, line: str, instead: str, place: int, level: str, what: str, next_step: str
) -> None:
    problem = one(workspace(tmp_path, *SHOP, EXPERIMENT, CAMPAIGN.replace(line, instead)), "GATE-GOAL")
    assert problem.level == level
    assert_says(problem, f"campaigns/win_back.yaml:{place}", what, next_step)


@pytest.mark.requirement("R-044")
def test_campaign_for_a_goal_in_draft_is_found(tmp_path: Path) -> None:
    folder = workspace(tmp_path, *SHOP, EXPERIMENT, CAMPAIGN, GOAL.replace("agreed", "draft"))
    assert_says(one(folder, "GATE-GOAL"), "campaigns/win_back.yaml:4", "more_margin is draft", "signed first")


def test_campaign_with_everything_passes_every_rule(tmp_path: Path) -> None:
    folder = workspace(tmp_path, *SHOP, EXPERIMENT, CAMPAIGN)
    assert [found(folder, code) for code in ("GATE-GOAL", "VARIANT", "REF", "EXP", "GOAL")] == [[]] * 5


def test_campaign_that_is_retired_is_left_alone(tmp_path: Path) -> None:
    retired = CAMPAIGN.replace("goal: more_margin", "status: retired\ngoal: ''")
    assert found(workspace(tmp_path, *SHOP, EXPERIMENT, retired), "GATE-GOAL") == []


@pytest.mark.parametrize(
    ("test", "next_step"), [("experiment: mail_test\n", "add an arm to mail_test"), ("", "add a test")]
)
def test_variant_nobody_gets_is_found(tmp_path: Path, test: str, next_step: str) -> None:
    text = CAMPAIGN.replace("experiment: mail_test\n", test) + "  spare: {subject: Hello}\n"
    problem = one(workspace(tmp_path, *SHOP, EXPERIMENT, text), "VARIANT")
    assert problem.level == "warning"
    assert_says(
        problem, f"campaigns/win_back.yaml:{11 if test else 10}", "nobody gets variant spare", next_step
    )


@pytest.mark.requirement("R-011")
@pytest.mark.parametrize(
    ("line", "instead", "place", "what", "next_step"),
    [
        ("hypothesis: {", "labels: {", 1, "no hypothesis (EXP-H1)", "add hypothesis:"),
        ("change: a mail", "change: ' '", 4, "names no change (EXP-H1)", "complete it"),
        ("minimum_effect: 0.2", "minimum_effect: 0", 4, "names no minimum_effect", "above 0"),
        ("metrics: [margin]", "metrics: [other]", 4, "about margin, which mail_test does not measure", "add margin to metrics"),
        ("metrics: [margin]", "metrics: []", 5, "mail_test has no metric", "name the metric"),
        ("mail: {share: 0.5", "mail: {share: 0.6", 6, "shares add up to 1.1", "add up to 1"),
        ("none: {share: 0.5, control: true}", "none: {share: 0.5, variant: plain}", 6, "2 arms with 0 controls", "exactly one"),
        ("variant: personal", "control: true", 6, "2 arms with 2 controls", "exactly one"),
    ],
)  # fmt: skip
def test_experiment_that_could_not_be_decided_is_found(
    tmp_path: Path, line: str, instead: str, place: int, what: str, next_step: str
) -> None:
    text = EXPERIMENT.replace(line, instead).replace("labels: {audience: late customers, change: a mail, metric: margin, direction: up, minimum_effect: 0.2}", "labels: {}")  # fmt: skip
    problem = one(workspace(tmp_path, PURCHASE, MARGIN, text), "EXP")
    assert_says(problem, f"experiments/mail_test.yaml:{place}", what, next_step)


@pytest.mark.requirement("R-049")
def test_experiment_on_a_descriptive_metric_is_found(tmp_path: Path) -> None:
    folder = workspace(tmp_path, PURCHASE, MARGIN + "claim: descriptive\n", EXPERIMENT)
    assert_says(one(folder, "EXP"), "experiments/mail_test.yaml:5", "margin is descriptive", "causal metric")


@pytest.mark.parametrize(
    "arms",
    ["  a: {share: 0.333, variant: x}\n  b: {share: 0.333, variant: y}\n  c: {share: 0.333}\n", "  a: {share: 0.5, variant: x}\n  b: {share: 0.5}\n"],
)  # fmt: skip
def test_experiment_with_thirds_or_an_unmarked_holdout_passes(tmp_path: Path, arms: str) -> None:
    text = EXPERIMENT.split("  mail:")[0] + arms
    assert found(workspace(tmp_path, PURCHASE, MARGIN, text), "EXP") == []


@pytest.mark.parametrize(
    ("more", "place", "level", "what", "next_step"),
    [
        ("assignment: imported\n", 9, "error", "names no arm_attribute", "add arm_attribute:"),
        ("arm_attribute: orders\n", 9, "warning", "so orders is not read", "assignment: imported"),
    ],
)
def test_experiment_with_half_an_import_is_found(
    tmp_path: Path, more: str, place: int, level: str, what: str, next_step: str
) -> None:
    problem = one(workspace(tmp_path, PURCHASE, MARGIN, EXPERIMENT + more), "EXP-ARM")
    assert problem.level == level
    assert_says(problem, f"experiments/mail_test.yaml:{place}", what, next_step)


def test_experiment_that_is_drawn_or_imported_in_full_passes(tmp_path: Path) -> None:
    assert found(workspace(tmp_path, EXPERIMENT), "EXP-ARM") == []
    whole = EXPERIMENT + "assignment: imported\narm_attribute: drawn_mail\n"
    assert found(workspace(tmp_path, whole), "EXP-ARM") == []


@pytest.mark.requirement("R-047")
def test_expectation_out_of_order_is_found(tmp_path: Path) -> None:
    folder = workspace(tmp_path, GOAL.replace("low: 1", "low: 5"), MARGIN, PURCHASE)
    assert_says(one(folder, "EXPECT"), "goals/more_margin.yaml:11", "is 5, 2, 3", "from small to large")
    assert found(workspace(tmp_path, GOAL), "EXPECT") == []

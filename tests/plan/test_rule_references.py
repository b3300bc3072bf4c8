from pathlib import Path

import pytest
from plans import CUSTOMER_ID, GOAL, MARGIN, PURCHASE, WORKSPACE, assert_says, audience, one, trait, workspace
from test_rule_plan import LOGIC, TILL
from test_rule_proof import CAMPAIGN, EXPERIMENT, SHOP

POLICY = "policies:\n  personal:\n    {label: p, metric: margin, against: mail, cases: [{arm: none}]}\n"


@pytest.mark.requirement("R-158", "R-202")
@pytest.mark.parametrize(
    ("document", "line", "instead", "place", "what"),
    [
        (TILL, "event: order_completed", "event: order_complete", "sources/till.yaml:6", "event term 'order_complete'"),
        (TILL, "id.customer_id", "id.customer", "sources/till.yaml:10", "identifier term 'customer'"),
        (TILL, "event.order_id", "event.order", "sources/till.yaml:11", "property of order_completed 'order'"),
        (TILL, "product.price", "product.cost", "sources/till.yaml:14", "product property of order_completed 'cost'"),
        (TILL, "card: id.customer_id", "card: id.customer_id\n  town: person.city", "sources/till.yaml:11", "attribute term 'city'"),
        (TILL, "card: id.customer_id", "card: id.customer_id\n  town: place", "sources/till.yaml:11", "target 'place'"),
        (TILL, "card: id.customer_id", "card: id.customer_id\n  town: time.of_day", "sources/till.yaml:11", "target 'time.of_day'"),
        (TILL, "card: id.customer_id", "card: id.customer_id\n  what: {to: event, values: {S: sold}}", "sources/till.yaml:9", "event term 'sold'"),
        (MARGIN, "event: order_completed", "event: orders", "metrics/margin.yaml:6", "event term 'orders'"),
        (MARGIN, "property: total", "property: totl", "metrics/margin.yaml:6", "property of order_completed 'totl'"),
        (MARGIN, "{event: order_completed, property: total}", "{attribute: city}", "metrics/margin.yaml:6", "attribute term 'city'"),
    ],
)  # fmt: skip
def test_reference_in_the_plan_must_be_defined(
    tmp_path: Path, document: str, line: str, instead: str, place: str, what: str
) -> None:
    folder = workspace(tmp_path, CUSTOMER_ID, PURCHASE, MARGIN, TILL, document.replace(line, instead))
    problem = one(folder, "REF")
    assert_says(problem, f"plan/{place}", what, "")
    assert problem.next


@pytest.mark.requirement("R-158", "R-202")
@pytest.mark.parametrize(
    ("document", "line", "instead", "place", "what", "next_step"),
    [
        (GOAL, "leads_to: margin", "leads_to: margn", "goals/more_margin.yaml:6", "metric 'margn'", "margin?"),
        (GOAL, "how_much", "guardrails: [spend]\nhow_much", "goals/more_margin.yaml:8", "metric 'spend'", "there is: margin"),
        (CAMPAIGN, "goal: more_margin", "goal: more", "campaigns/win_back.yaml:4", "goal 'more'", "more_margin"),
        (CAMPAIGN, "goal_event: order_completed", "goal_event: order_done", "campaigns/win_back.yaml:5", "event term 'order_done'", "order_completed?"),
        (CAMPAIGN, "audience: late", "audience: latter", "campaigns/win_back.yaml:6", "audience 'latter'", "late?"),
        (CAMPAIGN, "address: customer_id", "address: email", "campaigns/win_back.yaml:7", "identifier term 'email'", "customer_id"),
        (CAMPAIGN, "experiment: mail_test", "experiment: test", "campaigns/win_back.yaml:8", "experiment 'test'", "mail_test?"),
        (CAMPAIGN, "variants:", "offers: [ten_off]\nvariants:", "campaigns/win_back.yaml:9", "offer 'ten_off'", "define offer"),
        (EXPERIMENT, "variant: personal", "variant: persnal", "experiments/mail_test.yaml:7", "variant 'persnal'", "personal?"),
        (EXPERIMENT, "arms:", "guardrails: [x]\narms:", "experiments/mail_test.yaml:6", "metric 'x'", "there is: margin"),
        (EXPERIMENT, "arms:", "arm_attribute: city\narms:", "experiments/mail_test.yaml:6", "attribute term 'city'", "define attribute term"),
        (EXPERIMENT, "arms:", POLICY.replace("against: mail", "against: mial") + "arms:", "experiments/mail_test.yaml:8", "arm 'mial'", "mail?"),
        (EXPERIMENT, "arms:", POLICY.replace("arm: none", "arm: nobody") + "arms:", "experiments/mail_test.yaml:8", "arm 'nobody'", "none"),
    ],
)  # fmt: skip
def test_reference_of_a_campaign_must_be_defined(
    tmp_path: Path, document: str, line: str, instead: str, place: str, what: str, next_step: str
) -> None:
    folder = workspace(tmp_path, *SHOP, EXPERIMENT, CAMPAIGN, document.replace(line, instead))
    assert_says(one(folder, "REF"), place, what, next_step)


@pytest.mark.parametrize(
    ("rule", "what"),
    [("{trait: order, above: 1}", "trait 'order'"), ("{not: {audience: some_}}", "audience 'some_'")],
)
def test_reference_in_a_rule_must_be_defined(tmp_path: Path, rule: str, what: str) -> None:
    folder = workspace(tmp_path, CUSTOMER_ID, trait("orders"), audience("some", rule))
    assert_says(one(folder, "REF"), "audiences/some.yaml:5", what, "did you mean")


def test_reference_in_lifecycle_logic_must_be_defined(tmp_path: Path) -> None:
    stage = trait("stage", "text", LOGIC)
    assert_says(
        one(workspace(tmp_path, CUSTOMER_ID, stage), "REF"), "plan/terms/stage.yaml:11", "'orders'", ""
    )


def test_reference_of_the_identity_decision_must_be_defined(tmp_path: Path) -> None:
    folder = workspace(
        tmp_path, CUSTOMER_ID, text=WORKSPACE.replace("primary: customer_id", "primary: custmer_id")
    )
    assert_says(one(folder, "REF"), "butfor.yaml:5", "identifier term 'custmer_id'", "customer_id?")


def test_reference_to_a_cell_of_a_grid_is_known(tmp_path: Path) -> None:
    grid = "kind: audience\nid: rfm\nlabel: g\nwhy: w\nrfm: {cells: {good: {recency: [5], frequency: [5]}}}\n"
    workspace(tmp_path, CUSTOMER_ID, grid, audience("some", "{audience: rfm.god}"))
    assert "rfm.good" in one(tmp_path, "REF").next

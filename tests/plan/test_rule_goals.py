from datetime import date
from pathlib import Path

import pytest
from plans import GOAL, MARGIN, PURCHASE, assert_says, found, one, workspace

from butfor.plan import load_plan
from butfor.plan.goals import guardrails_of, pace, reached
from butfor.plan.kinds import Baseline, Goal, Metric, Quantity
from butfor.plan.rules.goals import rewrite

FILE = "goals/more_margin.yaml"
REVENUE = MARGIN.replace("id: margin", "id: net_spend").replace("Margin per", "Spend per")
HOURS = Metric(
    id="hours", label="Hours", means="hours a month", numerator=Quantity(event="x"), direction="down"
)


def test_goal_that_is_complete_passes(tmp_path: Path) -> None:
    assert found(workspace(tmp_path, GOAL, MARGIN, PURCHASE), "GOAL") == []


@pytest.mark.requirement("R-043", "R-064", "R-047")
@pytest.mark.parametrize(
    ("line", "instead", "place", "what", "next_step"),
    [
        ("by_when: 2026-12-31\n", "", 1, "has no by when", "by <date>"),
        ("how_much: +5 %\n", "", 1, "has no by how much", "<how_much>"),
        ("how_much: +5 %", "how_much: a lot", 8, "'a lot' holds no number", "such as +5 %"),
        ("approver: head of CRM\n", "", 3, "is agreed without an approver", "status: draft"),
        ("expect: {low: 1, likely: 2, high: 3}\n", "", 1, "has no expectation", "low, likely, high"),
        ("accountable: CRM\n", "", 1, "accountable (the owner", "<accountable> answers for it"),
        ("by_when:", "starts: 2027-01-01\nby_when:", 8, "before it starts", "after 2027-01-01"),
    ],
)
def test_goal_that_cannot_be_checked_is_refused(
    tmp_path: Path, line: str, instead: str, place: int, what: str, next_step: str
) -> None:
    problem = one(workspace(tmp_path, GOAL.replace(line, instead), MARGIN, PURCHASE), "GOAL")
    assert problem.level == "error"
    assert_says(problem, f"{FILE}:{place}", what, next_step)


@pytest.mark.requirement("R-043")
def test_goal_in_draft_needs_neither_approver_nor_expectation(tmp_path: Path) -> None:
    draft = GOAL.replace("agreed", "draft").split("approver")[0]
    assert found(workspace(tmp_path, draft, MARGIN, PURCHASE), "GOAL") == []


@pytest.mark.requirement("R-044")
def test_goal_with_two_of_three_signatures_names_who_is_missing(tmp_path: Path) -> None:
    signed = GOAL + "sign_offs: {CEO: 2026-01-02, CMO: 2026-01-02, CFO: null}\n"
    problem = one(workspace(tmp_path, signed, MARGIN, PURCHASE), "GOAL")
    assert problem.what == "goal not agreed: CFO"
    assert_says(problem, f"{FILE}:12", "CFO", "get the signature")


@pytest.mark.requirement("R-061", "R-049")
@pytest.mark.parametrize(("status", "level"), [("draft", "warning"), ("agreed", "error")])
def test_goal_on_channel_revenue_must_be_incremental(tmp_path: Path, status: str, level: str) -> None:
    mail = MARGIN.replace("id: margin", "id: email_revenue")
    goal = GOAL.replace("agreed", status).replace("leads_to: margin", "leads_to: email_revenue")
    problem = one(workspace(tmp_path, goal, mail, PURCHASE), "GOAL")
    assert problem.level == level
    assert_says(problem, f"{FILE}:6", "use incremental revenue", "method: incremental")
    assert found(workspace(tmp_path, goal + "method: incremental\n"), "GOAL") == []


@pytest.mark.requirement("R-062")
@pytest.mark.parametrize(
    "action", ["issue fewer discounts", "cut the discount codes", "give discounts less often"]
)
def test_goal_with_fewer_discounts_takes_revenue_as_guardrail(tmp_path: Path, action: str) -> None:
    goal = GOAL.replace("show what is new", action)
    folder = workspace(tmp_path, goal, MARGIN, REVENUE, PURCHASE)
    problem = one(folder, "GOAL")
    assert problem.level == "warning"
    assert_says(problem, f"{FILE}:5", "net_spend is taken as its guardrail", "guardrails: [net_spend]")
    plan = load_plan(folder)
    assert guardrails_of(plan, plan.get(Goal, "more_margin")) == ["net_spend"]


@pytest.mark.requirement("R-062")
def test_goal_with_fewer_discounts_and_no_revenue_metric_asks_for_one(tmp_path: Path) -> None:
    folder = workspace(tmp_path, GOAL.replace("show what is new", "issue fewer discounts"), MARGIN, PURCHASE)
    assert "a revenue metric" in one(folder, "GOAL").next
    guarded = GOAL.replace("show what is new", "issue fewer discounts") + "guardrails: [margin]\n"
    assert found(workspace(tmp_path, guarded), "GOAL") == []


@pytest.mark.requirement("R-063")
@pytest.mark.parametrize(
    ("baseline", "weeks"), [("", 0), ("baseline: {value: 160}\n", 0), ("baseline: {value: 160, weeks: 3}\n", 3)]
)  # fmt: skip
def test_goal_on_hours_needs_four_weeks_of_baseline(tmp_path: Path, baseline: str, weeks: int) -> None:
    goal = GOAL.replace("+5 %", "80 person-hours per month") + baseline
    problem = one(workspace(tmp_path, goal, MARGIN, PURCHASE), "GOAL")
    assert_says(
        problem, f"{FILE}:{12 if baseline else 1}", f"baseline missing: {weeks} of 4", "4 weeks first"
    )


def test_goal_with_hours_in_a_deadline_is_no_goal_on_hours(tmp_path: Path) -> None:
    goal = GOAL.replace("a win-back mail", "opening hours in mails").replace("+5 %", "+5 % within 48 hours")
    assert found(workspace(tmp_path, goal, MARGIN, PURCHASE), "GOAL") == []


def test_rewrite_leaves_a_gap_for_each_missing_slot() -> None:
    sentence = rewrite(Goal(id="g", want="Increase engagement"))
    assert sentence.startswith("We want Increase engagement, to <to_do>, which leads to <leads_to>")
    assert "by <date>" in sentence


def test_pace_compares_actions_done_with_those_due() -> None:
    goal = Goal(id="g", actions=50, starts=date(2026, 1, 1), by_when=date(2026, 7, 1))
    half = pace(goal, 18, date(2026, 4, 1))
    assert half is not None
    assert (round(half.per_month, 2), half.due, half.share) == (8.33, 25, 0.72)
    assert pace(goal, 0, date(2025, 1, 1)).share == 1.0  # type: ignore[union-attr]
    assert pace(Goal(id="g"), 1, date(2026, 1, 1)) is None


@pytest.mark.parametrize(
    ("how_much", "value", "wanted", "achieved"),
    [("80 person-hours", 75, 80, True), ("80", 81, 80, False), ("10 %", 144, 16, True), ("2,5 %", 160, 4, False)],
)  # fmt: skip
def test_reached_compares_with_the_baseline(
    how_much: str, value: float, wanted: float, achieved: bool
) -> None:
    goal = Goal(id="g", how_much=how_much, baseline=Baseline(value=160, weeks=4))
    now = reached(goal, HOURS, value)
    assert now is not None
    assert (now.wanted, now.so_far, now.achieved) == (wanted, 160 - value, achieved)
    assert reached(Goal(id="g", how_much=how_much), HOURS, value) is None

"""S-04: three goals with all their parts, and two that are no goals."""

from datetime import date
from pathlib import Path

import msgspec
import pytest
from stories import make_shop

from butfor.plan import Problem, check, load_plan
from butfor.plan.goals import guardrails_of, pace, reached
from butfor.plan.kinds import Baseline, Definition, Expectation, Goal, Metric, Quantity

STARTS, HALF, ENDS = date(2026, 1, 1), date(2026, 4, 1), date(2026, 7, 1)
MONEY = Quantity(event="order_completed", property="total")
MAIL_REVENUE = Metric(id="email_revenue", label="E-mail revenue", means="Sales after a mail.", unit="money", numerator=MONEY)  # fmt: skip
WORK = Metric(
    id="launch_hours", label="Hours per month", means="Person-hours spent on launching campaigns.", direction="down",
    numerator=Quantity(event="order_completed", take="count"), claim="descriptive",
)  # fmt: skip
TRIGGERS = Goal(
    id="triggers", status="draft", want="triggered mails", to_do="launch 50 new triggered campaigns",
    leads_to="email_revenue", by_when=ENDS, starts=STARTS, how_much="+10 %", actions=50, accountable="CRM",
)  # fmt: skip
DISCOUNTS = Goal(
    id="discounts", status="draft", want="personal offers", to_do="issue fewer discounts", leads_to="margin_per_person",
    by_when=ENDS, starts=STARTS, how_much="+5 %", method="incremental", accountable="head of sales",
)  # fmt: skip
WORKLOAD = Goal(
    id="workload", status="draft", want="a lower workload of IT and e-mail team", to_do="launch campaigns without IT",
    leads_to="launch_hours", by_when=HALF, starts=STARTS, how_much="80 person-hours per month", accountable="CRM",
)  # fmt: skip
pytestmark = pytest.mark.requirement("S-04")


def about(folder: Path, goal: Goal, *more: Definition) -> list[Problem]:
    """Return what the plan says about one goal."""
    plan = load_plan(make_shop(folder, goal, *more))
    return [p for p in check(plan) if p.file == f"goals/{goal.id}.yaml"]


@pytest.mark.requirement("R-061")
def test_goal_a_is_taken_with_the_advice_to_use_incremental_revenue(tmp_path: Path) -> None:
    (advice,) = about(tmp_path, TRIGGERS, MAIL_REVENUE)
    assert advice.level == "warning"
    assert "use incremental revenue" in advice.what
    assert about(tmp_path, msgspec.structs.replace(TRIGGERS, method="incremental")) == []


@pytest.mark.requirement("R-061")
def test_goal_a_cannot_be_agreed_on_attributed_revenue(tmp_path: Path) -> None:
    agreed = msgspec.structs.replace(
        TRIGGERS, status="agreed", approver="CEO", method="attributed", expect=Expectation(low=1, likely=2, high=3)
    )  # fmt: skip
    (problem,) = about(tmp_path, agreed, MAIL_REVENUE)
    assert (problem.level, problem.code) == ("error", "GOAL")


@pytest.mark.requirement("R-061")
def test_goal_a_needs_eight_campaigns_a_month_and_stands_at_72_percent() -> None:
    now = pace(TRIGGERS, 18, HALF)
    assert now is not None
    assert (round(now.per_month, 2), now.due, round(now.share, 2)) == (8.33, 25, 0.72)


@pytest.mark.requirement("R-062")
def test_goal_b_gets_a_revenue_guardrail(tmp_path: Path) -> None:
    (advice,) = about(tmp_path, DISCOUNTS)
    assert advice.level == "warning"
    assert "net_spend_per_person is taken as its guardrail" in advice.what
    assert guardrails_of(load_plan(tmp_path), DISCOUNTS) == ["net_spend_per_person"]


@pytest.mark.requirement("R-063")
def test_goal_c_is_refused_until_four_weeks_are_measured(tmp_path: Path) -> None:
    (problem,) = about(tmp_path, WORKLOAD, WORK)
    assert problem.level == "error"
    assert problem.what == "baseline missing: 0 of 4 weeks of hours measured"
    measured = msgspec.structs.replace(WORKLOAD, baseline=Baseline(value=160, weeks=4))
    assert about(tmp_path, measured) == []


@pytest.mark.requirement("R-063")
def test_goal_c_is_reached_with_85_hours_saved() -> None:
    measured = msgspec.structs.replace(WORKLOAD, baseline=Baseline(value=160, weeks=4))
    now = reached(measured, WORK, 75)
    assert now is not None
    assert (now.wanted, now.so_far, now.achieved) == (80, 85, True)


@pytest.mark.requirement("R-064")
@pytest.mark.parametrize("want", ["Increase engagement", "Introduce AI personalisation"])
def test_goal_d_is_refused_with_the_list_of_missing_parts(tmp_path: Path, want: str) -> None:
    (problem,) = about(tmp_path, Goal(id="vague", status="draft", want=want))
    assert problem.level == "error"
    for missing in ("action", "metric", "date", "amount", "owner"):
        assert missing in problem.what
    assert problem.next.startswith(f"complete: We want {want}, to <to_do>")

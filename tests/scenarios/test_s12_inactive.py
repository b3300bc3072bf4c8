"""S-12: what is "inactive"? The same four customers, three rules, three answers."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from stories import NOW, load_receipts, make_shop

from butfor.app import Workspace, open_workspace
from butfor.model import BadInput
from butfor.plan.kinds import LogicCase, Rule, Term

AGES = {"today": 0.5, "weeks": 20, "late": 70, "gone": 100}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workspace]:
    with open_workspace(make_shop(tmp_path), now=NOW) as ws:
        load_receipts(ws, AGES)
        yield ws


def inactive_after(ws: Workspace, days: int) -> Term:
    """Return the lifecycle term with another border for inactive, checked before it can decide anything else."""
    term = ws.plan.get(Term, "lifecycle")
    logic = [
        LogicCase(value="inactive", means=f"no purchase for {days} days", when=Rule(trait="recency_days", above=days)),
        LogicCase(value="returning", means="everybody else"),
    ]  # fmt: skip
    return msgspec.structs.replace(term, logic=logic)


@pytest.mark.requirement("S-12", "R-190")
@pytest.mark.parametrize(("days", "inactive"), [(90, 1), (60, 2), (1, 3)])
def test_inactive_depends_on_the_rule(shop: Workspace, days: int, inactive: int) -> None:
    shop.save(inactive_after(shop, days), f"the shop decided on {days} days")
    assert shop.check() == [p for p in shop.check() if p.level == "warning"]
    shop.run(as_of=NOW)
    stages = {row["stage"]: row["people"] for row in shop.lifecycle()}
    assert stages == {"inactive": inactive, "returning": 4 - inactive}


@pytest.mark.requirement("S-12", "R-190")
def test_inactive_can_change_its_mind_in_one_workspace(shop: Workspace) -> None:
    found = []
    for days in (90, 60, 1):
        shop.save(inactive_after(shop, days), "tried out")
        shop.run(as_of=NOW)
        found.append(shop.lifecycle()[0]["people"])
    assert found == [1, 2, 3]


@pytest.mark.requirement("S-12", "R-191")
@pytest.mark.parametrize("why", ["", "  ", "\n"])
def test_inactive_cannot_change_without_a_reason(shop: Workspace, why: str) -> None:
    before = shop.plan.get(Term, "lifecycle")
    with pytest.raises(BadInput, match="every change says why"):
        shop.save(inactive_after(shop, 60), why)
    assert shop.plan.get(Term, "lifecycle") == before
    assert shop.changes() == []


@pytest.mark.requirement("R-191")
def test_inactive_keeps_the_reason_beside_the_change(shop: Workspace) -> None:
    shop.save(inactive_after(shop, 60), "9 in 10 come back within 60 days", "Ann")
    (change,) = shop.changes()
    assert (change["ref"], change["who"], change["reason"]) == (
        "lifecycle",
        "Ann",
        "9 in 10 come back within 60 days",
    )


@pytest.mark.requirement("R-191")
def test_inactive_without_a_rationale_in_the_term_is_an_error(shop: Workspace) -> None:
    shop.save(msgspec.structs.replace(inactive_after(shop, 60), why=""), "forgot the rationale")
    errors = [p for p in shop.check() if p.level == "error"]
    assert [p.what for p in errors] == ["the logic of lifecycle has no why"]


@pytest.mark.requirement("R-171")
def test_lifecycle_out_of_the_box_adds_up_to_everybody(shop: Workspace) -> None:
    shop.run(as_of=NOW)
    stages = {row["stage"]: row["people"] for row in shop.lifecycle()}
    assert stages == {"never": 0, "lost": 0, "inactive": 1, "new": 3, "returning": 0}

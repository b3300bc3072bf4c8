"""S-13: a loyalty sign-up campaign whose sign-ups are not tracked is not launched."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from stories import CAMPAIGN, NOW, campaign_documents, load_joined, load_receipts, make_shop

from butfor.app import Workspace, open_workspace
from butfor.model import Refused
from butfor.plan.kinds import Goal

BUYERS = {f"c{i}": 10.0 + i for i in range(40)}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workspace]:
    with open_workspace(make_shop(tmp_path, *campaign_documents()), now=NOW) as ws:
        load_receipts(ws, BUYERS)
        ws.run()
        yield ws


def refusal(ws: Workspace) -> Refused:
    with pytest.raises(Refused) as caught:
        ws.launch("join_us")
    assert ws.contacts("join_us") == []
    return caught.value


@pytest.mark.requirement("S-13", "R-197")
def test_launch_is_blocked_while_the_goal_event_was_never_seen(shop: Workspace) -> None:
    error = refusal(shop)
    assert error.thing == "GATE-EVENT: campaign join_us"
    assert error.value == "loyalty_joined last seen never"
    assert "load it" in error.next_step


@pytest.mark.requirement("S-13", "R-197")
def test_launch_is_blocked_when_the_goal_event_fell_silent(shop: Workspace) -> None:
    load_joined(shop, "c1", NOW - timedelta(days=14, hours=1))
    error = refusal(shop)
    assert error.thing.startswith("GATE-EVENT")
    assert error.value == "loyalty_joined last seen 2026-06-17 11:00:00"


@pytest.mark.requirement("S-13", "R-197")
def test_launch_goes_ahead_once_the_goal_event_arrives(shop: Workspace) -> None:
    refusal(shop)
    load_joined(shop, "c1", NOW - timedelta(days=13, hours=23))
    run = shop.launch("join_us")
    assert (run.audience, run.sent + run.held, run.suppressed) == (40, 40, {})
    assert run.sent > 0 < run.held


@pytest.mark.requirement("R-197")
def test_launch_is_blocked_when_no_source_delivers_the_goal_event(shop: Workspace) -> None:
    (shop.folder / "plan/sources/club.yaml").unlink()
    with open_workspace(shop.folder, now=NOW) as ws:
        error = refusal(ws)
    assert error.thing.startswith("GATE-PLAN")
    assert error.value == "no source delivers loyalty_joined"


@pytest.mark.requirement("S-13", "R-199")
@pytest.mark.parametrize("missing", ["goal", "goal_event"])
def test_launch_is_blocked_without_goal_or_goal_event(shop: Workspace, missing: str) -> None:
    load_joined(shop, "c1", NOW - timedelta(days=1))
    shop.save(msgspec.structs.replace(CAMPAIGN, **{missing: ""}), "to see what the gate says")
    error = refusal(shop)
    assert error.thing == "GATE-GOAL: campaign join_us"
    assert "name goal and goal_event" in error.next_step


@pytest.mark.requirement("R-044")
def test_launch_is_blocked_until_the_goal_is_signed_by_all(shop: Workspace) -> None:
    load_joined(shop, "c1", NOW - timedelta(days=1))
    goal = shop.plan.get(Goal, "more_margin")
    signed = {"CEO": NOW.date(), "CMO": NOW.date(), "CFO": None}
    shop.save(msgspec.structs.replace(goal, sign_offs=signed), "the CFO has not signed")
    assert refusal(shop).value == "goal not agreed: CFO"


@pytest.mark.requirement("R-043", "R-044")
def test_launch_is_blocked_for_a_goal_in_draft(shop: Workspace) -> None:
    goal = shop.plan.get(Goal, "more_margin")
    shop.save(msgspec.structs.replace(goal, status="draft"), "back to the table")
    assert refusal(shop).thing.startswith("GATE-AGREED")


@pytest.mark.requirement("R-047", "R-199")
def test_launch_is_blocked_without_expectation(shop: Workspace) -> None:
    goal = shop.plan.get(Goal, "more_margin")
    shop.save(msgspec.structs.replace(goal, expect=None), "nobody dared")
    assert refusal(shop).thing.startswith("GATE-EXPECT")

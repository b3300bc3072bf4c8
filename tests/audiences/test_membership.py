"""Memberships: who is in which audience, counted exactly, whatever order the rows came in."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from shops import GRID, NOW, TILL, ask, changed, shop, till_file

from butfor.app import Workspace
from butfor.model import BadInput
from butfor.plan.kinds import Audience, Rule

BUYERS = Audience(id="buyers", label="Buyers", why="a test", rule=Rule(trait="spend", at_least=10))
NOBODY = Audience(id="nobody", label="Nobody", why="a test", rule=Rule(any=[]))
LINES = [f"r{i},2026-06-0{1 + i},c{i},mug,1,{5 * i}" for i in range(5)]


def sizes(ws: Workspace) -> dict[str, tuple[int, float]]:
    return {a.audience: (a.people, a.spend) for a in ws.audiences()}


def test_sizes_count_people_and_spend_and_list_the_empty(tmp_path: Path) -> None:
    with shop(tmp_path, TILL, BUYERS, NOBODY) as ws:
        ws.load("till", till_file(tmp_path / "d.csv", LINES))
        assert {a.as_of for a in ws.run().audiences} == {NOW}
        assert sizes(ws) == {"buyers": (3, 45.0), "everybody": (5, 50.0), "nobody": (0, 0.0)}


def test_a_buyer_without_a_cell_is_in_the_grid_and_not_among_those_without_purchase(tmp_path: Path) -> None:
    with shop(tmp_path, TILL, GRID) as ws:
        ws.load(
            "till",
            till_file(tmp_path / "d.csv", [*LINES, *(line.replace("r", "s", 1) for line in LINES[3:])]),
        )
        ws.run()
        found = sizes(ws)
        assert {name: n for name, (n, _) in found.items()} == {
            "everybody": 5, "rfm.best": 2, "rfm.rest": 0, "rfm.no_purchase": 0,
        }  # fmt: skip


def test_memberships_do_not_depend_on_the_order_of_rows(tmp_path: Path) -> None:
    found = []
    for name, lines in (("there", LINES), ("back", LINES[::-1])):
        (tmp_path / name).mkdir()
        with shop(tmp_path / name, TILL, BUYERS) as ws:
            ws.load("till", till_file(tmp_path / "d.csv", lines))
            ws.run()
            found.append(ws.members("buyers").to_pylist())
    assert len(found[0]) == 3
    assert found[0] == found[1] == sorted(found[0], key=lambda r: str(r["person_id"]))


def test_an_audience_of_a_past_date_is_counted_again_the_same(tmp_path: Path) -> None:
    with shop(tmp_path, TILL, BUYERS) as ws:
        ws.load("till", till_file(tmp_path / "d.csv", LINES[:4]))
        ws.run(datetime(2026, 6, 10))
        then = sizes(ws)
        ws.load("till", till_file(tmp_path / "d2.csv", ["r9,2026-06-20,c0,mug,1,99"]))
        ws.run()
        assert sizes(ws)["buyers"] == (3, 124.0)
        ws.run(datetime(2026, 6, 10))
        assert sizes(ws) == then == {"buyers": (2, 25.0), "everybody": (4, 30.0)}


def test_a_workspace_without_audiences_runs(tmp_path: Path) -> None:
    with shop(tmp_path, TILL) as ws:
        ws.plan.definitions["audience", "everybody"] = changed(
            ws.plan.get(Audience, "everybody"), status="retired"
        )
        ws.load("till", till_file(tmp_path / "d.csv", LINES))
        assert ws.run().audiences == []
        assert ask(ws.lake, "SELECT * FROM membership") == []


def test_members_of_an_unknown_audience_name_the_closest(tmp_path: Path) -> None:
    with shop(tmp_path, TILL, BUYERS) as ws:
        ws.run()
        with pytest.raises(BadInput, match="did you mean buyers"):
            ws.members("buyer")

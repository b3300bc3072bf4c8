"""Borders on request, for any number of levels; the matrix of people, net spend and margin; who moves when they change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from shops import TILL as TILL_OF_SHOPS
from shops import ask, changed, till_file
from stories import NOW, make_shop
from typer.testing import CliRunner

from butfor.app import Workspace, open_workspace
from butfor.app.consequences import consequences
from butfor.app.grids import matrix, rescaled, save_borders, suggest_borders
from butfor.cli.main import app
from butfor.model import BadInput
from butfor.plan import load_plan, load_workspace_file, save_definition, save_workspace_file
from butfor.plan.kinds import Audience, Cell, Rfm, Rule

# Person i bought i times, the last time i days ago, for 10 each; one is known and never bought.
LINES = [f"r{i}-{k},2026-06-{30 - i:02d},c{i},x,1,10" for i in range(1, 13) for k in range(i)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = make_shop(tmp_path / "w")
    save_definition(made, TILL_OF_SHOPS)
    save_workspace_file(made, msgspec.structs.replace(load_workspace_file(made), margin=0.4))
    with open_workspace(made, now=NOW) as ws:
        ws.load("till", till_file(tmp_path / "d.csv", LINES))
        ws.run()
    return made


def run(folder: Path, *words: str) -> Any:
    return CliRunner().invoke(app, ["-C", str(folder), "audience", *words])


class TestBorders:
    @pytest.mark.requirement("R-070", "R-120")
    @pytest.mark.parametrize("levels", [2, 3, 4, 6])
    def test_suggested_borders_share_the_buyers_and_say_how_many(self, folder: Path, levels: int) -> None:
        with open_workspace(folder, now=NOW) as ws:
            found = suggest_borders(ws, "rfm", levels)
        assert found.people == dict.fromkeys(("recency", "frequency", "monetary"), [12 // levels] * levels)
        assert {len(people) for people in found.now.values()} == {5}
        assert found.buyers == 12

    def test_the_people_per_level_are_those_that_get_the_score(self, folder: Path) -> None:
        with open_workspace(folder, now=NOW) as ws:
            said = suggest_borders(ws, "rfm", 5)
            save_borders(ws, "rfm", 5, "a test")
            for score, people in said.people.items():
                rows = ask(ws.lake, f"SELECT rfm_{score} AS s, count(*) AS n FROM traits WHERE rfm_{score} IS NOT NULL GROUP BY 1 ORDER BY 1")  # fmt: skip
                assert [r["n"] for r in rows] == people, score

    def test_nothing_is_written_until_they_are_saved_with_a_reason(self, folder: Path) -> None:
        before = (folder / "audiences" / "rfm.yaml").read_text()
        assert run(folder, "borders", "rfm", "--levels", "4").exit_code == 0
        refused = run(folder, "borders", "rfm", "--levels", "4", "--save")
        assert (refused.exit_code, str(refused.exception)) != (0, "")
        assert (folder / "audiences" / "rfm.yaml").read_text() == before
        assert (
            run(folder, "borders", "rfm", "--levels", "4", "--save", "--why", "four are enough").exit_code
            == 0
        )
        grid = load_plan(folder).get(Audience, "rfm").rfm
        assert grid is not None
        assert (grid.levels, len(grid.borders.recency), grid.borders.set_on) == (4, 3, NOW.date())
        assert [p.what for p in open_checked(folder) if p.code == "RFM"] == []
        assert run(folder, "undo", "rfm", "--why", "five were better").exit_code == 0
        undone = load_plan(folder).get(Audience, "rfm").rfm
        assert undone is not None
        assert undone.levels == 5

    def test_by_hand(self, folder: Path) -> None:
        done = run(folder, "set", "rfm", "--borders", "frequency=1,2,3,10", "--why", "by hand")
        assert done.exit_code == 0, done.exception
        grid = load_plan(folder).get(Audience, "rfm").rfm
        assert grid is not None
        assert grid.borders.frequency == [1, 2, 3, 10]

    @pytest.mark.parametrize("levels", range(2, 11))
    def test_named_cells_keep_their_place_at_any_number_of_levels(self, folder: Path, levels: int) -> None:
        old = load_plan(folder).get(Audience, "rfm").rfm or Rfm()
        cells = rescaled(old.cells, old.levels, levels)
        every = [(r, f) for c in cells.values() for r in c.recency for f in c.frequency]
        assert sorted(every) == [(r, f) for r in range(1, levels + 1) for f in range(1, levels + 1)]
        assert levels in cells["champions"].recency

    def test_a_cell_that_something_builds_on_does_not_go(self, folder: Path) -> None:
        grid = load_plan(folder).get(Audience, "rfm")
        assert grid.rfm is not None
        user = Audience(id="sleepy", label="Sleepy", why="a test", rule=Rule(audience="rfm.about_to_sleep"))
        save_definition(folder, user)
        with (
            open_workspace(folder, now=NOW) as ws,
            pytest.raises(BadInput, match="a cell that something builds on stays"),
        ):
            save_borders(ws, "rfm", 2, "a test")

    @pytest.mark.parametrize(
        ("name", "levels", "words"),
        [("rfm", 1, "2 to 10 levels"), ("rfm", 11, "2 to 10"), ("few", 3, "a grid has")],
    )
    def test_what_cannot_be_is_refused(self, folder: Path, name: str, levels: int, words: str) -> None:
        save_definition(
            folder, Audience(id="few", label="Few", why="w", rule=Rule(trait="orders", at_least=1))
        )
        with open_workspace(folder, now=NOW) as ws, pytest.raises(BadInput, match=words):
            suggest_borders(ws, name, levels)


def open_checked(folder: Path) -> list[Any]:
    with open_workspace(folder, now=NOW) as ws:
        return ws.check()


class TestMatrix:
    @pytest.mark.requirement("R-070")
    def test_cells_add_up_to_everybody_their_spend_and_their_margin(self, folder: Path) -> None:
        with open_workspace(folder, now=NOW) as ws:
            found = matrix(ws, "rfm")
            total = ask(ws.lake, "SELECT count(*) AS n, CAST(sum(spend) AS DOUBLE) AS s FROM traits")[0]
        assert len(found.rows) == 25
        assert sum(r["people"] for r in found.rows) + found.no_purchase == total["n"]
        assert sum(r["spend"] for r in found.rows) == pytest.approx(total["s"])
        assert sum(r["margin"] for r in found.rows) == pytest.approx(0.4 * total["s"])

    @pytest.mark.parametrize(("suffix", "opening"), [("svg", b"<svg"), ("png", b"\x89PNG")])
    def test_it_is_drawn_and_printed(self, folder: Path, suffix: str, opening: bytes) -> None:
        out = folder / f"rfm.{suffix}"
        done = run(folder, "matrix", "rfm", "--out", str(out))
        assert done.exit_code == 0, done.exception
        assert out.read_bytes().startswith(opening)
        assert "champions" in done.output
        assert "margin EUR" in done.output
        if suffix == "svg":
            assert b"net spend and margin (m) of each, EUR" in out.read_bytes()

    def test_json_has_every_pair(self, folder: Path) -> None:
        rows = json.loads(run(folder, "matrix", "--json").output)["rows"]
        assert {(r["recency"], r["frequency"]) for r in rows} == {
            (r, f) for r in range(1, 6) for f in range(1, 6)
        }

    def test_another_kind_of_picture_is_refused(self, folder: Path) -> None:
        assert isinstance(run(folder, "matrix", "rfm", "--out", "rfm.gif").exception, BadInput)


class TestWhoMoves:
    def test_a_grid_that_counts_something_else_says_who_moves_before_it_is_saved(self, folder: Path) -> None:
        with open_workspace(folder, now=NOW) as ws:
            grid = ws.plan.get(Audience, "rfm")
            assert grid.rfm is not None
            lately = changed(grid, rfm=changed(grid.rfm, last="5 days"))
            found = consequences(ws, lately)
            # Whoever bought more than five days ago has no purchase that counts any more.
            gone = sum(m.people for m in found.moves if m.after == "no_purchase")
            assert gone == outside(ws, 5)
            assert (found.warnings, found.people) == ([], 12)


def outside(ws: Workspace, days: int) -> int:
    query = (
        f"SELECT count(*) AS n FROM traits WHERE last_order_at <= TIMESTAMP '{NOW}' - INTERVAL '{days}' DAY"
    )
    return int(ask(ws.lake, query)[0]["n"])


def test_cells_of_one_level_vanish_where_no_pair_is_left() -> None:
    cells = {
        "low": Cell(recency=[1], frequency=[1, 2, 3]),
        "mid": Cell(recency=[2], frequency=[1, 2, 3]),
        "top": Cell(recency=[3], frequency=[1, 2, 3]),
    }
    assert set(rescaled(cells, 3, 2)) == {"low", "top"}

"""RFM grids of a category, of a group of shops, of a span: purchases of their own, returns taken off, borders of their own."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from shops import GRID, TILL, ask, changed, shop, write

from butfor.app import Workspace
from butfor.app.people import look_again
from butfor.model import BadDefinition
from butfor.plan import load_plan, save_definition, save_workspace_file
from butfor.plan.kinds import Borders, Cell, Rfm, Rule

STORE = changed(TILL, columns={**TILL.columns, "kind": "product.category", "shop": "event.store"})
# Ann buys shoes often and hats once; Bob bought shoes once, long ago, and sent some back; Cid buys only hats.
LINES = [
    "r1,2026-06-28,ann,s1,1,100,shoes,Rome", "r2,2026-06-10,ann,s1,1,60,shoes,Rome", "r2,2026-06-10,ann,h1,1,500,hats,Rome",
    "r3,2026-03-01,bob,s1,2,100,shoes,Bari", "b3,2026-03-05,bob,s1,-1,100,shoes,Bari", "r4,2026-06-30,cid,h1,1,900,hats,Bari",
]  # fmt: skip
SHOES = Rule(property="product.category", equals="shoes")
BORDERS = Borders(recency=[30, 90], frequency=[1, 3], monetary=[99, 150])


def grid(name: str, **own: Any) -> Any:
    return changed(GRID, id=name, rfm=changed(GRID.rfm, borders=BORDERS, **own))


def loaded(ws: Workspace, folder: Path, lines: list[str] = LINES) -> Workspace:
    ws.load("till", write(folder / "d.csv", ["receipt,sold,customer,sku,qty,price,kind,shop", *lines]))
    return ws


def scores(ws: Workspace, name: str) -> dict[str, tuple[Any, ...]]:
    rows = ask(
        ws.lake,
        "SELECT a.account_key AS k, t.* FROM traits AS t JOIN people_map AS p ON p.person_id = t.person_id "
        "JOIN account AS a ON a.account_id = p.account_id",
    )
    columns = ("days", "orders", "spend", "recency", "frequency", "monetary", "cell")
    return {r["k"]: tuple(_plain(r[f"{name}_{c}"]) for c in columns) for r in rows}


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, (int, str)) else float(value)


class TestOwnGrids:
    @pytest.mark.requirement("R-070", "R-076")
    def test_a_category_counts_its_own_purchases_and_takes_its_own_returns_off(
        self, tmp_path: Path, lake_url: str
    ) -> None:
        with shop(tmp_path, STORE, GRID, grid("shoes", where=SHOES), lake=lake_url) as ws:
            loaded(ws, tmp_path).run()
            assert scores(ws, "shoes") == {
                "ann": (3, 2, 160.0, 3, 2, 3, "best"), "bob": (122, 1, 100.0, 1, 1, 2, "rest"), "cid": (None, 0, 0.0, None, None, None, None),
            }  # fmt: skip
            sizes = {a.audience: a.people for a in ws.audiences() if a.audience.startswith("shoes")}
            assert sizes == {"shoes.best": 1, "shoes.no_purchase": 1, "shoes.rest": 1}
            assert sum(c["spend"] for c in ws.rfm_cells("shoes")) == 260.0

    def test_the_base_grid_beside_it_counts_everything(self, tmp_path: Path) -> None:
        with shop(tmp_path, STORE, GRID, grid("shoes", where=SHOES)) as ws:
            loaded(ws, tmp_path).run()
            assert sum(c["spend"] for c in ws.rfm_cells()) == 1_660.0

    def test_a_group_of_shops_and_a_span(self, tmp_path: Path) -> None:
        bari = Rule(property="store", one_of=["Bari", "Lecce"])
        with shop(tmp_path, STORE, grid("south", where=bari), grid("month", last="30 days")) as ws:
            loaded(ws, tmp_path).run()
            assert {k: v[:3] for k, v in scores(ws, "south").items()} == {
                "ann": (None, 0, 0.0), "bob": (122, 1, 100.0), "cid": (1, 1, 900.0),
            }  # fmt: skip
            assert {k: v[:3] for k, v in scores(ws, "month").items()} == {
                "ann": (3, 2, 660.0), "bob": (None, 0, 0.0), "cid": (1, 1, 900.0),
            }  # fmt: skip

    def test_who_leaves_the_span_is_looked_at_again_by_itself(self, tmp_path: Path) -> None:
        with shop(tmp_path, STORE, grid("month", last="30 days")) as ws:
            loaded(ws, tmp_path).run()
            ws._now = datetime(2026, 7, 29)
            look_again(ws)
            assert {k: v[1] for k, v in scores(ws, "month").items()} == {"ann": 0, "bob": 0, "cid": 1}
            assert ws.members("month.no_purchase").num_rows == 2

    @pytest.mark.parametrize("levels", [2, 4, 10])
    def test_borders_are_found_once_from_its_own_purchases_at_any_number_of_levels(
        self, tmp_path: Path, levels: int
    ) -> None:
        every = list(range(1, levels + 1))
        cells = {f"r{r}": Cell(recency=[r], frequency=every) for r in every}
        own = changed(GRID, id="shoes", rfm=Rfm(levels=levels, where=SHOES, cells=cells))
        lines = [f"x{i},2026-06-{1 + i:02d},c{i},s,1,{10 * (i + 1)},shoes,Rome" for i in range(20)]
        with shop(tmp_path, STORE, own) as ws:
            save_workspace_file(tmp_path, ws.plan.workspace)
            for definition in ws.plan.definitions.values():
                save_definition(tmp_path, definition)
            assert loaded(
                ws, tmp_path, [*lines, "y,2026-06-30,dan,h,1,9999,hats,Rome"]
            ).run().borders_set == ["shoes"]
            found = load_plan(tmp_path).get(type(own), "shoes").rfm
            assert found is not None
            assert len(found.borders.recency) == levels - 1
            assert max(found.borders.monetary) < 250
            cells_of = {k: v[6] for k, v in scores(ws, "shoes").items()}
            assert cells_of["dan"] is None
            assert {c for c in cells_of.values() if c} == set(cells)
            assert ws.run().borders_set == []

    def test_a_plan_with_two_purchases_asks_which(self, tmp_path: Path) -> None:
        with shop(tmp_path, STORE) as ws:
            event = ws.plan.definitions["term", "order_completed"]
            other = changed(event, id="ordered_by_phone", label="By phone", system="By phone", aliases=[])
        with (
            shop(tmp_path, STORE, other, grid("shoes", where=SHOES)) as ws,
            pytest.raises(BadDefinition, match="write event: order"),
        ):
            ws.run()
        with shop(tmp_path, STORE, other, grid("shoes", where=SHOES, event="order_completed")) as ws:
            loaded(ws, tmp_path).run()
            assert scores(ws, "shoes")["ann"][:3] == (3, 2, 160.0)

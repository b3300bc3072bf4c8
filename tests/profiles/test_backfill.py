"""A trait is one definition: what is changed in it holds for all of history from the next run on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from shops import TILL, ask, changed, till_file
from stories import NOW, make_shop

from butfor.app import Workspace, open_workspace
from butfor.app.library import add_trait, library
from butfor.model import BadDefinition, BadInput, Refused
from butfor.plan import load_plan, save_definition
from butfor.plan.kinds import Audience, Property, Rule, Term, Uses
from butfor.plan.retail import trait_library

LINES = ["r1,2024-02-01 09:00:00,c1,x,1,50", "r2,2025-02-01 09:00:00,c1,x,2,10", "r3,2026-06-30 18:00:00,c1,x,1,7", "r4,2024-03-01 18:00:00,c2,y,1,5"]  # fmt: skip
USES = Uses(target="allow", content="allow", insight="allow")
BEST = Term(
    id="best", what="trait", type="money", label="Best", system="best", means="a test", uses=USES,
    compute=Rule(event="order_completed", take="max", of="total"),
)  # fmt: skip
BIG = Audience(id="big", label="Big", why="a test", rule=Rule(trait="best", at_least=20))


def best(ws: Workspace) -> dict[str, Any]:
    rows = ask(
        ws.lake,
        "SELECT a.account_key AS k, t.best AS v FROM traits AS t JOIN people_map AS p ON p.person_id = t.person_id "
        "JOIN account AS a ON a.account_id = p.account_id",
    )
    return {r["k"]: r["v"] for r in rows}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = make_shop(tmp_path / "w", BEST, BIG)
    save_definition(made, TILL)
    with open_workspace(made, now=NOW) as ws:
        ws.load("till", till_file(tmp_path / "d.csv", LINES))
        ws.run()
    return made


class TestBackfill:
    @pytest.mark.requirement("R-190")
    @pytest.mark.parametrize(
        ("kind", "compute", "found", "members"),
        [
            ("money", Rule(event="order_completed", take="max", of="total"), {"c1": 50, "c2": 5}, 1),
            ("money", Rule(event="order_completed", take="sum", of="total"), {"c1": 77, "c2": 5}, 1),
            ("money", Rule(event="order_completed", take="sum", of="total", since="2025-01-01"), {"c1": 27, "c2": 0}, 1),
            ("integer", Rule(event="order_completed", take="days_since"), {"c1": 1, "c2": 852}, 1),
            ("integer", Rule(event="order_completed", take="most_frequent", of="hour"), {"c1": 9, "c2": 18}, 0),
        ],
    )  # fmt: skip
    def test_a_changed_definition_recomputes_all_of_history(
        self, folder: Path, kind: Any, compute: Rule, found: dict[str, Any], members: int
    ) -> None:
        save_definition(folder, changed(BEST, type=kind, compute=compute))
        with open_workspace(folder, now=NOW) as ws:
            ws.run()
            assert best(ws) == found
            assert ws.members("big").num_rows == members

    def test_a_trait_of_before_any_run_has_all_of_history_too(self, folder: Path) -> None:
        add_trait(folder, "preferred_hour")
        add_trait(folder, "days_between_orders")
        with open_workspace(folder, now=NOW) as ws:
            ws.run()
            rows = ask(ws.lake, "SELECT preferred_hour AS h, days_between_orders AS d FROM traits ORDER BY h")
        assert [r["h"] for r in rows] == [9, 18]
        assert rows[0]["d"] == pytest.approx(880 / 2)
        assert rows[1]["d"] is None


class TestLibrary:
    def test_every_trait_of_the_library_computes_or_says_what_is_missing(self, folder: Path) -> None:
        lacking = {t.trait: t.lacks for t in library(folder) if t.lacks}
        assert lacking == {
            "discount_affinity": "order_completed has no property discount_share",
            "preferred_size": "order_completed has no property product.size",
        }
        for name in set(trait_library()) - set(lacking):
            add_trait(folder, name)
        with open_workspace(folder, now=NOW) as ws:
            assert [p for p in ws.check() if p.level == "error"] == []
            ws.run()
            columns = set(ask(ws.lake, "SELECT * FROM traits")[0])
            assert set(trait_library()) - set(lacking) <= columns
        assert all(t.there for t in library(folder) if not t.lacks)

    def test_a_trait_whose_property_is_added_can_be_added(self, folder: Path) -> None:
        with pytest.raises(BadDefinition, match="order_completed has no property discount_share"):
            add_trait(folder, "discount_affinity")
        event = load_plan(folder).get(Term, "order_completed")
        share = {"discount_share": Property(type="number", means="share of the price taken off")}
        save_definition(folder, changed(event, properties=event.properties | share))
        assert add_trait(folder, "discount_affinity").is_file()

    def test_what_is_there_stays_as_it_is(self, folder: Path) -> None:
        add_trait(folder, "spend_90d")
        with pytest.raises(Refused, match="recomputes all of history"):
            add_trait(folder, "spend_90d")
        with pytest.raises(BadInput, match="did you mean preferred_hour"):
            add_trait(folder, "prefered_hour")

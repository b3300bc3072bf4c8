"""The batch lane on a shop whose truth is known: people whom no number joins are found, hardly anybody is mixed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import combinations
from pathlib import Path

import pytest

from butfor.app import Workspace, open_workspace
from butfor.app.link import link_people
from butfor.app.people import withdraw
from butfor.demo import make_workspace
from butfor.identity.read import people_map
from butfor.model import BadInput, Refused
from butfor.simulate import Shop, ShopSettings, simulate_shop

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shop() -> Shop:
    return simulate_shop(ShopSettings(people=3_000, seed=11, days=200))


@pytest.fixture
def ws(tmp_path: Path, shop: Shop) -> Iterator[Workspace]:
    files = shop.write(tmp_path / "deliveries")
    now = datetime.combine(shop.settings.ends + timedelta(days=1), datetime.min.time())
    make_workspace(tmp_path / "shop", files, now, shop)
    with open_workspace(tmp_path / "shop", now=now) as opened:
        for name, path in files.items():
            opened.load(name, str(path))
        opened.run()
        yield opened


def pairs(ws: Workspace, shop: Shop) -> tuple[int, int, int]:
    """Return how many pairs of accounts are together, together rightly, and should be together."""
    truth: dict[str, set[int]] = {}
    for row in shop.accounts().to_pylist():
        truth.setdefault(f"{row['source']}:{row['key']}", set()).add(row["person"])
    keys = {r["account_id"]: f"{r['source']}:{r['account_key']}" for r in ws.hub.rows("account")}
    found: dict[str, list[int]] = {}
    true: dict[int, int] = {}
    for row in ws.lake.fetch(people_map()).to_pylist():
        who = truth.get(keys.get(row["account_id"], ""), set())
        if len(who) == 1:
            (person,) = who
            found.setdefault(row["person_id"], []).append(person)
            true[person] = true.get(person, 0) + 1
    together = [a == b for group in found.values() for a, b in combinations(group, 2)]
    return len(together), sum(together), sum(n * (n - 1) // 2 for n in true.values())


@pytest.mark.requirement("R-086", "R-075")
def test_people_are_found_again_without_mixing_them(ws: Workspace, shop: Shop) -> None:
    with pytest.raises(Refused, match="merge"):
        link_people(ws)
    assert ws.hub.count("judgement") == 0
    dry = link_people(ws, dry=True)
    assert (dry.people_after, ws.hub.count("judgement")) == (dry.people, 0)
    _, _, possible = pairs(ws, shop)
    before = pairs(ws, shop)[1] / possible
    done = link_people(ws, accept=True)
    together, rightly, possible = pairs(ws, shop)
    assert rightly / together >= 0.995
    assert rightly / possible > before + 0.03
    assert done.people - done.merges == done.people_after
    assert 0 < ws.hub.count("review", status="open") <= 1000


def test_a_link_is_a_judgement_that_can_be_withdrawn(ws: Workspace) -> None:
    done = link_people(ws, accept=True)
    first = ws.hub.rows("judgement")[0]
    assert (first["verdict"], first["rule"]) == ("alike", "alike")
    withdraw(ws, first["id"], "looked them up", "ann")
    left, right = (
        next(r for r in ws.hub.rows("account", account_id=first[s]))
        for s in ("left_account", "right_account")
    )
    assert left["person_id"] != right["person_id"]
    again = link_people(ws, accept=True)
    assert again.people_after <= done.people_after + 1


def test_a_workspace_without_names_says_what_to_compare(tmp_path: Path) -> None:
    from stories import NOW, load_receipts, make_shop

    with open_workspace(make_shop(tmp_path / "w"), now=NOW) as ws:
        load_receipts(ws, {"a": 1, "b": 2})
        ws.run()
        with pytest.raises(BadInput, match="two or more of first_name"):
            link_people(ws)

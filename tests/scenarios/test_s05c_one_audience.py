"""S-05c: a marketer edits two RFM borders and four channels get the same people, without anybody from IT."""

from __future__ import annotations

import csv
import json
import time
from pathlib import Path
from typing import Any

import pytest
from calling import calling
from stories import make_shop
from typer.testing import CliRunner

from butfor.app import open_workspace
from butfor.app.export import export_audience
from butfor.cli.main import app
from butfor.plan.kinds import Source

RUNNER = CliRunner()
CHANNELS = ("email", "sms", "push", "promotion")
TILL = Source(
    id="till", label="Till", connector="csv", grain="order_line", event="order_completed", account="customer",
    columns={
        "receipt": "event.order_id", "bought": "time", "customer": "id.customer_id", "pieces": "product.quantity", "price": "product.price"
    },
)  # fmt: skip
CRM = Source(
    id="crm", label="CRM", connector="csv", grain="person", account="customer",
    columns={
        "customer": "id.customer_id", "mail": "id.email", "mobile": "id.phone", "device": "id.device_id", "card": "id.loyalty_card"
    },
)  # fmt: skip
CUSTOMERS = 40


def do(folder: Path, *arguments: str) -> Any:
    done = RUNNER.invoke(app, ["-C", str(folder), *arguments, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = make_shop(tmp_path, TILL, CRM)
    crm = [f"c{i},c{i}@x.org,+4930900{i:03d},dev-{i},card{i:04d}" for i in range(CUSTOMERS)]
    receipts = [
        f"r{i}-{n},2026-{1 + (i + n) % 6:02d}-15,c{i},1,{10 + i}"
        for i in range(CUSTOMERS)
        for n in range(1 + i % 4)
    ]
    for source, lines in ((CRM, crm), (TILL, receipts)):
        path = made / f"{source.id}.csv"
        path.write_text("\n".join([",".join(source.columns), *lines]) + "\n")
        do(made, "load", source.id, str(path))
    do(made, "run")
    return made


@pytest.mark.requirement("S-05", "R-070", "R-095")
def test_edited_borders_reach_four_channels_with_one_hash(folder: Path, tmp_path: Path) -> None:
    began = time.monotonic()
    before = {c: _export(folder, c) for c in CHANNELS}
    log = len(do(folder, "change", "log"))
    do(folder, "audience", "set", "rfm", "--borders", "recency=150,180,210,240", "--borders", "frequency=1,2,3,4", "--why", "newer customers buy in spring", "--who", "Mia, marketing", "--accept")  # fmt: skip
    after = {c: _export(folder, c) for c in CHANNELS}
    assert time.monotonic() - began < 600
    assert len({a["membership_hash"] for a in after.values()}) == 1
    assert len({b["membership_hash"] for b in before.values()}) == 1
    assert {(a["exported"], a["people"]) for a in after.values()} == {(CUSTOMERS, CUSTOMERS)}
    touches = do(folder, "change", "log")[log:]
    assert [(t["who"], t["kind"], t["ref"]) for t in touches] == [("Mia, marketing", "audience", "rfm")]
    for channel, start in (
        ("email", "c7@"),
        ("sms", "+4930900007"),
        ("push", "dev-7"),
        ("promotion", "card0007"),
    ):
        with (folder / f"{channel}.csv").open() as file:
            assert sum(start in row for row in file) == 1


@pytest.mark.requirement("S-05", "R-070")
def test_one_cell_has_one_hash_on_all_channels_and_moves_with_the_borders(folder: Path) -> None:
    cells = {
        a["audience"]: a["people"] for a in do(folder, "audience", "list") if a["audience"].startswith("rfm.")
    }
    cell = max(cells, key=lambda c: cells[c])
    first = {_export(folder, c, cell)["membership_hash"] for c in CHANNELS}
    do(folder, "audience", "set", "rfm", "--borders", "recency=1,2,3,4", "--borders", "frequency=2,5,6,7", "--why", "tried", "--who", "Mia", "--accept")  # fmt: skip
    synced = do(folder, "audience", "sync", cell)
    second = {s["membership_hash"] for s in synced}
    assert (len(first), len(second), len(synced)) == (1, 1, 4)
    assert first != second
    assert all(s["removed"] + s["exported"] > 0 for s in synced)


@pytest.mark.requirement("S-05", "R-070")
def test_python_and_command_line_give_the_same_list(folder: Path, tmp_path: Path) -> None:
    told = _export(folder, "email")
    with open_workspace(folder) as ws:
        mine = export_audience(ws, "rfm", str(tmp_path / "mine.csv"), "email")
    assert mine.membership_hash == told["membership_hash"]
    with (tmp_path / "mine.csv").open() as one, (folder / "email.csv").open() as other:
        assert list(csv.reader(one)) == list(csv.reader(other))


def _export(folder: Path, channel: str, name: str = "rfm") -> Any:
    return do(
        folder, "audience", "export", name, "--to", str(folder / f"{channel}.csv"), "--channel", channel
    )


@pytest.mark.requirement("S-05", "R-070", "R-095")
def test_the_same_over_http(folder: Path) -> None:
    with calling(folder) as api:
        grid = api.get("audiences/rfm")["definition"]["rfm"]
        grid["borders"] |= {"recency": [150, 180, 210, 240], "frequency": [1, 2, 3, 4]}
        told = api.post("audiences/rfm/diff", rfm=grid)
        done = api.put("audiences/rfm", rfm=grid, why="newer customers buy in spring", who="Mia, marketing")
        assert told["moves"] == done["moves"]
        sent = {c: api.post("audiences/rfm/exports", to=f"{c}.csv", channel=c, who="Mia") for c in CHANNELS}
        hashes = {s["membership_hash"] for s in sent.values()}
        assert (len(hashes), {s["exported"] for s in sent.values()}) == (1, {CUSTOMERS})
        assert len(api.get("exports")) == 4
        assert {s["mode"] for s in api.post("exports/sync", who="Mia")} == {"unchanged"}
        undone = api.post("audiences/rfm/undo", why="no", who="Mia, marketing")
        assert {(m["after"], m["before"], m["people"]) for m in undone["moves"]} == {
            (m["before"], m["after"], m["people"]) for m in done["moves"]
        }

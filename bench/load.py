"""Loading 541,909 receipt lines, checked and typed, against DuckDB's own read_csv into a table."""

from __future__ import annotations

import os
import tempfile
from datetime import datetime
from pathlib import Path

import duckdb

from bench.floor import Ratio, against
from butfor.app import open_workspace, start
from butfor.simulate import ShopSettings, simulate_shop

NOW = datetime(2026, 11, 22)


def receipts(folder: Path) -> Path:
    """Return the public receipts; without them, a simulated till of the same size."""
    public = (
        Path(os.environ.get("BUTFOR_DATA", "../shared/data")) / "online_retail_uci" / "online_retail.csv.gz"
    )
    if public.is_file():
        return public
    return simulate_shop(ShopSettings(people=80_000)).write(folder)["till"]


def run() -> Ratio:
    """Time loads into new workspaces on disk."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = receipts(folder)
        count = iter(range(1000))

        def floor() -> None:
            with duckdb.connect(str(folder / f"floor{next(count)}.duckdb")) as connection:
                connection.execute(f"CREATE TABLE t AS SELECT * FROM read_csv('{file}')")

        workspaces = []
        for i in range(4):
            workspaces.append(folder / f"w{i}")
            start(workspaces[-1], str(file), name="receipts", now=NOW)

        def work() -> None:
            with open_workspace(workspaces.pop(), now=NOW) as ws:
                ws.load("receipts", str(file))

        return against(
            "load receipts", work, floor, target=4, note=f"({file.name}; opening the workspace included)"
        )

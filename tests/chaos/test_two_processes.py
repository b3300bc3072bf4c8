"""Two processes on one workspace: the second is told who is there, and the first is not disturbed."""

from __future__ import annotations

from pathlib import Path

import pytest
from child import loading
from family import small_file, started
from shops import counts

from butfor.model import StoreError


def test_the_second_process_is_told_who_holds_the_workspace(tmp_path: Path) -> None:
    with started("hold", tmp_path / "shop", small_file(tmp_path)) as (first, pipe):
        holder = pipe.recv()
        with pytest.raises(StoreError) as caught:
            loading(tmp_path / "shop")
        pipe.send("go on")
        assert pipe.recv() == 180
        first.join(30)
    assert first.exitcode == 0
    assert (caught.value.thing, caught.value.value) == ("workspace shop", f"in use by process {holder}")
    assert "one process at a time" in caught.value.rule
    assert "wait for the other butfor to finish" in caught.value.next_step
    with loading(tmp_path / "shop") as ws:
        assert counts(ws.lake)["ev_order_completed__products"] == 162

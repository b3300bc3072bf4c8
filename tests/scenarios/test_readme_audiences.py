"""The README's audience, typed, saved, changed and undone with the README's own commands."""

from __future__ import annotations

import json
import re
import shlex
import time
from pathlib import Path

import msgspec
import pytest
from stories import NOW, load_receipts, make_shop
from typer.testing import CliRunner

from butfor.app import open_workspace
from butfor.cli.main import app
from butfor.plan import load_workspace_file, save_workspace_file

README = Path(__file__).parents[2] / "README.md"


def commands() -> list[list[str]]:
    block = README.read_text().split("<!-- audiences:")[1].split("```console")[1].split("```")[0]
    return [shlex.split(line)[2:] for line in re.findall(r"^\$ (.*)$", block, re.MULTILINE)]


@pytest.mark.requirement("R-120", "R-122")
def test_an_audience_is_typed_saved_diffed_and_undone_in_under_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    folder = make_shop(tmp_path / "shop")
    save_workspace_file(folder, msgspec.structs.replace(load_workspace_file(folder), clock="data"))
    with open_workspace(folder, now=NOW) as ws:
        load_receipts(ws, {"a": 1, "b": 50, "c": 70, "d": 100})
        again = ["receipt,bought,customer,email,pieces,price"]
        again += [f"s-{n},2026-03-0{i + 1} 12:00:00,{n},{n}@example.org,1,20" for i, n in enumerate("abc")]
        (folder / "more.csv").write_text("\n".join(again) + "\n")
        ws.load("till", str(folder / "more.csv"))
        ws.run()
    monkeypatch.chdir(tmp_path)
    began, people = time.monotonic(), []
    assert len(commands()) == 5
    for words in commands():
        done = CliRunner().invoke(app, ["-C", *words, "--json"])
        assert done.exit_code == 0, (words, done.output)
        found = json.loads(done.output)
        people.append(found.get("after", found.get("people")))
    assert people == [1, 1, 2, 1, 1]
    assert time.monotonic() - began < 60

"""The command line: help with an example, --json, and exit codes, on every command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from butfor.cli import main as entry
from butfor.cli.main import app

RUNNER = CliRunner()
RECEIPTS = """receipt;sold_at;customer;article;quantity;unit_price
R1;04.05.2026 10:00;C1;tea;2;4,50
R2;20.05.2026 11:30;C2;tea;1;4,50
R3;01.06.2026 09:15;C1;tea;3;4,50
"""


def commands(group: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name, command in group.commands.items():
        here = (*path, name)
        found += commands(command, here) if hasattr(command, "commands") else [here]
    return found


ALL = commands(typer.main.get_group(app))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "receipts.csv").write_text(RECEIPTS)
    done = RUNNER.invoke(
        app, ["init", str(tmp_path / "w"), "--from", str(tmp_path / "receipts.csv"), "--json"]
    )
    assert done.exit_code == 0, done.output
    return tmp_path / "w"


def run(shop: Path, *arguments: str) -> Any:
    done = RUNNER.invoke(app, ["-C", str(shop), *arguments, "--json"], catch_exceptions=False)
    return json.loads(done.output)


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_command_has_help_with_example_and_json(path: tuple[str, ...]) -> None:
    done = RUNNER.invoke(app, [*path, "--help"])
    assert done.exit_code == 0
    assert "Example" in done.output
    assert "--json" in done.output


def test_the_daily_path(shop: Path) -> None:
    assert run(shop, "check")["errors"] == 0
    file = shop.parent / "receipts.csv"
    file.write_text(RECEIPTS + "R4;01.06.2026 09:15;C1;tea;3;x\n")
    done = run(shop, "load", "receipts", str(file))
    assert (done["read"], done["accepted"], done["quarantined"]) == (4, 3, 1)
    assert run(shop, "run")["people"]["people"] == 2
    assert [(c["term"], c["share"]) for c in run(shop, "source", "coverage")] == [("customer_id", 1.0)]
    assert sum(a["people"] for a in run(shop, "audience", "list")) == 2
    assert "bad type" in run(shop, "quarantine", "list")[0]["reason"]
    assert run(shop, "change", "log")[0]["ref"] == "rfm"
    assert run(shop, "term", "search", "receipt")[0]["term"] == "order_completed"


def test_export_writes_the_people(shop: Path, tmp_path: Path) -> None:
    run(shop, "load", "receipts", str(shop.parent / "receipts.csv"))
    people = {a["audience"]: a["people"] for a in (run(shop, "run") and run(shop, "audience", "list"))}
    name = next(a for a, n in people.items() if n)
    out = tmp_path / "out.csv"
    assert run(shop, "audience", "export", name, "--out", str(out))["people"] == people[name]
    assert len(out.read_text().splitlines()) == people[name] + 1


def test_wrong_usage_is_exit_code_2() -> None:
    assert RUNNER.invoke(app, ["load"]).exit_code == 2


def test_refusal_is_exit_code_1_with_its_parts(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["butfor", "-C", str(shop), "load", "recipts", "x.csv", "--json"])
    with pytest.raises(SystemExit) as stopped:
        entry()
    assert stopped.value.code == 1
    found = json.loads(capsys.readouterr().out)
    assert found["value"] == "recipts"
    assert found["next"] == "did you mean receipts?"


def test_check_guards_ci(shop: Path) -> None:
    (shop / "audiences" / "bad.yaml").write_text(
        "kind: audience\nid: bad\nlabel: Bad\nrule: {trait: nothing, at_least: 1}\n"
    )
    done = RUNNER.invoke(app, ["-C", str(shop), "check"])
    assert done.exit_code == 1
    assert "nothing" in done.output


def test_init_refuses_what_is_there(shop: Path) -> None:
    done = RUNNER.invoke(app, ["init", str(shop)])
    assert done.exit_code == 1


def test_schema_for_every_kind(tmp_path: Path) -> None:
    done = RUNNER.invoke(app, ["schema", "--out", str(tmp_path), "--json"])
    assert done.exit_code == 0
    assert json.loads((tmp_path / "audience.json").read_text())["title"] == "butfor audience"

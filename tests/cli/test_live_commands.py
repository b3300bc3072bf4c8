"""Commands of live ingestion: keys, the status of terms, and what init prints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from live_calls import Live, track
from typer.testing import CliRunner

from butfor.app import open_workspace, start
from butfor.cli.main import app


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    start(tmp_path / "shop")
    return tmp_path / "shop"


def run(*words: str, code: int = 0) -> Any:
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exit_code == code, done.output
    return json.loads(done.output)


def test_init_makes_a_live_source_and_a_key_once(tmp_path: Path) -> None:
    made = run("init", str(tmp_path / "shop"))
    assert len(made["write_key"]) >= 32
    assert "shown once" in CliRunner().invoke(app, ["init", str(tmp_path / "other")]).output
    assert run("-C", str(tmp_path / "shop"), "source", "list")[0]["connector"] == "segment"
    [key] = run("-C", str(tmp_path / "shop"), "key", "list")
    assert (key["source"], key["hint"], key["revoked_at"]) == ("site", made["write_key"][:4], None)


def test_keys_are_added_listed_and_revoked(folder: Path) -> None:
    made = run("-C", str(folder), "key", "add", "site")
    gone = run("-C", str(folder), "key", "revoke", str(made["id"]))
    assert gone["revoked_at"]
    assert run("-C", str(folder), "key", "revoke", str(made["id"])) == gone
    kept = (folder / ".butfor" / "hub.db").read_bytes()
    assert made["write_key"].encode() not in kept
    shown = CliRunner().invoke(app, ["-C", str(folder), "key", "list"]).output
    assert made["write_key"][:4] in shown


@pytest.mark.parametrize("words", [("key", "add", "sitee"), ("key", "revoke", "99")])
def test_what_is_not_there_is_said(folder: Path, words: tuple[str, ...]) -> None:
    from butfor.model import BadInput

    done = CliRunner().invoke(app, ["-C", str(folder), *words])
    assert isinstance(done.exception, BadInput)
    assert done.exception.next_step


def test_the_status_of_terms_is_shown(folder: Path) -> None:
    with open_workspace(folder) as ws:
        made = Live(ws)
        made.put(track("Product Viewed", "1", properties={"product_id": "x", "colour": "red"}), track("Nonsense", "2"),
                 track("Order Completed", "3"), received=ws.now)  # fmt: skip
        made.run()
        made.inbox.close()
    found = run("-C", str(folder), "term", "status")
    viewed = next(t for t in found["terms"] if t["term"] == "product_viewed")
    assert (viewed["valid"], viewed["volume_30d"], viewed["shares"]["product_id"]) == (1, 1, 1.0)
    shown = CliRunner().invoke(app, ["-C", str(folder), "term", "status"]).output
    for words in (
        "unexpected event 1: Nonsense",
        "not in the plan 1 product_viewed: colour",
        "missing order_id",
    ):
        assert words in shown
    one = CliRunner().invoke(app, ["-C", str(folder), "term", "status", "product_viewed"]).output
    assert "100% with product_id" in one

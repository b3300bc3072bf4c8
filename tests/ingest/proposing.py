"""What the tests of proposals share: propose, accept, load."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from datetime import datetime
from functools import cache
from pathlib import Path

import pytest

from butfor.ingest import Loaded, load
from butfor.ingest.propose import Proposal, propose
from butfor.ingest.sniff import sniff
from butfor.plan import Plan, load_plan, retail_plan, save_definition, save_workspace_file
from butfor.plan.kinds import Column, IdentityDecision, Workspace
from butfor.store import Lake, open_lake

NOW = datetime(2026, 7, 1, 12)
DATA = Path(os.environ.get("BUTFOR_DATA", Path(__file__).parents[2] / "../shared/data"))


def data_file(name: str) -> Path:
    """Return a file of the public data sets, or skip."""
    file = DATA / name
    if not file.is_file():
        pytest.skip(f"{name} is not in {DATA.name}; set BUTFOR_DATA to the folder of the public data sets")
    return file


def proposed(file: Path, name: str | None = None) -> Proposal:
    return propose(sniff(str(file)), name or file.name.split(".")[0].lower(), NOW)


def written(folder: Path, text: str, name: str = "sample.csv", encoding: str = "utf-8") -> Path:
    file = folder / name
    file.write_bytes(text.encode(encoding))
    return file


def targets(proposal: Proposal) -> dict[str, str]:
    return {c: to.to if isinstance(to, Column) else to for c, to in proposal.source.columns.items()}


def question(proposal: Proposal, key: str) -> str | None:
    return next((q.answer for q in proposal.questions if q.key == key), None)


@cache
def _retail_workspace() -> Path:
    """Write the retail plan once; workspaces are copies of it."""
    folder = Path(tempfile.mkdtemp(prefix="butfor-proposing-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for definition in retail_plan():
        save_definition(folder, definition)
    return folder


def accepted_plan(folder: Path, *proposals: Proposal) -> Plan:
    """Write a workspace that takes the proposals as they are, and read it back."""
    first = proposals[0]
    identity = IdentityDecision(primary=first.identity_primary, ranked=first.identity_ranked, why="proposed")
    currency = first.currency or "EUR"
    shutil.copytree(_retail_workspace(), folder)
    save_workspace_file(folder, Workspace(version=1, name="trial", currency=currency, identity=identity))
    for definition in (d for p in proposals for d in (*p.new_terms, p.source)):
        save_definition(folder, definition)
    return load_plan(folder)


def loaded(folder: Path, file: Path, proposal: Proposal) -> tuple[Loaded, Plan, Lake]:
    """Load a file as proposed into a new lake."""
    plan = accepted_plan(folder / "trial", proposal)
    lake = open_lake("duckdb", folder / "trial")
    return load(lake, plan, proposal.source, str(file), load_id=1, now=NOW), plan, lake

"""Cases: workspaces that turn public data into results, run by ``butfor case NAME --data DIR``."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from ruamel.yaml import YAML

from butfor.app import ArmReturn, Ran, Workspace, open_workspace
from butfor.app.recommend import Reported, recommendation_report
from butfor.app.value import Predicted, predict
from butfor.experiments.readout import Readout
from butfor.ingest import Loaded
from butfor.model import BadInput
from butfor.plan import did_you_mean
from butfor.plan.kinds import Metric
from butfor.profiles import GapCurve


class CaseRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file ``case.yaml``: which files to load from which folder, which experiments to read, how far to predict, what to measure."""

    title: str
    data: str
    loads: list[dict[str, str]]
    experiments: list[str] = []
    predict_days: int | None = None
    recommendations: bool = False


class CaseResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a case found."""

    case: str
    title: str
    page: str
    currency: str
    loads: list[Loaded]
    ran: Ran
    inactive: GapCurve | None
    lifecycle: list[dict[str, Any]]
    grid: list[dict[str, Any]]
    readouts: list[Readout]
    returns: list[list[ArmReturn]]
    metrics: dict[str, Metric]
    margin: float | None
    value: Predicted | None = None
    recommendations: Reported | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; readouts carry their returns."""
        built: dict[str, Any] = msgspec.to_builtins(self, enc_hook=str)
        built["readouts"] = [
            r.to_dict() | {"returns": msgspec.to_builtins(m)}
            for r, m in zip(self.readouts, self.returns, strict=True)
        ]
        for name in ("returns", "metrics", "margin", "page"):
            del built[name]
        return built


def case_folder() -> Path:
    """Return the folder of the cases: beside the package in a checkout, inside it when installed."""
    inside = Path(__file__).parent / "cases"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "cases"


def case_names() -> list[str]:
    """Return the names of the cases there are."""
    return sorted(p.parent.name for p in case_folder().glob("*/case.yaml"))


def run_case(
    name: str,
    data: Path,
    folder: Path | None = None,
    progress: Callable[[str], None] | None = None,
    now: datetime | None = None,
) -> CaseResult:
    """Run a case on the public data in ``data``; its workspace is kept in ``folder`` if one is given.

    Raises BadInput when there is no such case, or its file is not in ``data``.
    """
    recipe = _recipe(name)
    files = [_file(data, recipe.data, load["file"]) for load in recipe.loads]
    with tempfile.TemporaryDirectory() if folder is None else nullcontext(str(folder)) as place:
        shutil.copytree(case_folder() / name, place, dirs_exist_ok=True)
        with open_workspace(place, now=now) as ws:
            return _worked(ws, name, recipe, files, progress or (lambda step: None))


def _worked(
    ws: Workspace, name: str, recipe: CaseRecipe, files: list[Path], tell: Callable[[str], None]
) -> CaseResult:
    loads = [ws.load(load["source"], str(file), tell) for load, file in zip(recipe.loads, files, strict=True)]
    ran = ws.run(progress=tell)
    tell("reading experiments")
    readouts = [ws.readout(e) for e in recipe.experiments]
    has_lifecycle = ("term", "lifecycle") in ws.plan.definitions
    has_grid = ("audience", "rfm") in ws.plan.definitions
    return CaseResult(
        case=name,
        title=recipe.title,
        page=(case_folder() / name / "README.md").read_text(encoding="utf-8"),
        currency=ws.plan.workspace.currency,
        loads=loads,
        ran=ran,
        inactive=ws.suggest_inactive(),
        lifecycle=ws.lifecycle() if has_lifecycle else [],
        grid=ws.rfm_cells() if has_grid else [],
        readouts=readouts,
        returns=[ws.returns(r) for r in readouts],
        metrics={m.id: m for m in ws.plan.all(Metric)},
        margin=ws.plan.workspace.margin,
        value=_value(ws, recipe, tell),
        recommendations=_recommendations(ws, recipe, tell),
    )


def _value(ws: Workspace, recipe: CaseRecipe, tell: Callable[[str], None]) -> Predicted | None:
    return predict(ws, recipe.predict_days, progress=tell) if recipe.predict_days else None


def _recommendations(ws: Workspace, recipe: CaseRecipe, tell: Callable[[str], None]) -> Reported | None:
    """Measure both slots of recommendations on the newest three months, where the case asks for it."""
    if not recipe.recommendations:
        return None
    tell("measuring recommendations")
    return recommendation_report(ws)


def _recipe(name: str) -> CaseRecipe:
    path = case_folder() / name / "case.yaml"
    if not path.is_file():
        raise BadInput(
            "case",
            value=name,
            rule="a case is a folder in cases/",
            next_step=did_you_mean(name, case_names()),
        )
    return msgspec.convert(YAML(typ="safe").load(path.read_text(encoding="utf-8")), CaseRecipe)


def _file(data: Path, sub: str, name: str) -> Path:
    for path in (data / name, data / sub / name):
        if path.is_file():
            return path
    raise BadInput(
        "--data", value=str(data), rule=f"the folder holds {name}, itself or in {sub}/",
        next_step="docs/cases.md says where the public file can be had",
    )  # fmt: skip

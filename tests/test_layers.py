"""The layer contract is executed, and it bites."""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import butfor

ROOT = Path(__file__).parent.parent


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "butfor", tmp_path / "butfor", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_layers_hold(copied: Path) -> None:
    done = lint(copied)
    assert done.returncode == 0, done.stdout


def test_a_planted_driver_import_fails(copied: Path) -> None:
    with (copied / "butfor" / "roi" / "returns.py").open("a") as file:
        file.write("\nimport duckdb\n")
    done = lint(copied)
    assert done.returncode != 0
    assert "butfor.roi" in done.stdout
    assert "duckdb" in done.stdout


def test_a_part_that_imports_a_part_fails(copied: Path) -> None:
    with (copied / "butfor" / "identity" / "people.py").open("a") as file:
        file.write("\nimport butfor.audiences\n")
    assert lint(copied).returncode != 0


def test_a_new_module_needs_a_layer(copied: Path) -> None:
    (copied / "butfor" / "somewhere.py").write_text('"""New."""\n')
    assert lint(copied).returncode != 0


def test_public_names_resolve_and_are_few() -> None:
    assert len(butfor.__all__) <= 16
    assert all(getattr(butfor, name) is not None for name in butfor.__all__)
    with pytest.raises(AttributeError):
        butfor.nothing  # noqa: B018


@pytest.mark.parametrize(
    "part",
    [
        "plan",
        "store",
        "ingest",
        "identity",
        "profiles",
        "audiences",
        "decide",
        "channels",
        "campaigns",
        "simulate",
        "app",
    ],
)
def test_every_exported_name_resolves(part: str) -> None:
    module = importlib.import_module(f"butfor.{part}")
    assert all(hasattr(module, name) for name in module.__all__)

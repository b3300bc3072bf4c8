"""What linking promises, on public labelled records and on simulated ones at scale."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from butfor.cli.main import app
from butfor.model import BadInput
from butfor.proof import Measured, prove_identity


def proved(data: Path, name: str, records: int = 0) -> Measured:
    return next(iter(prove_identity(data, records=records, only=name)))


@pytest.fixture(scope="session")
def people(data_folder: Path) -> Path:
    if not (data_folder / "people").is_dir():
        pytest.skip("no labelled people: set BUTFOR_DATA (docs/cases.md says where the files can be had)")
    return data_folder / "people"


@pytest.mark.requirement("R-086")
def test_a_small_set_with_a_fifth_of_fields_missing(people: Path) -> None:
    runner = CliRunner()
    done = runner.invoke(app, ["bench", "identity", "--data", str(people), "--only", "fake_1000", "--json"])
    found: dict[str, Any] = json.loads(done.stdout)["sets"][0]
    assert found["precision"] >= 0.99
    assert found["records"] == 1000
    assert found["largest"] <= 10


@pytest.mark.slow
@pytest.mark.requirement("R-086")
@pytest.mark.parametrize("name", ["febrl_3", "febrl_4"])
def test_files_with_many_fields_are_linked_nearly_without_error(people: Path, name: str) -> None:
    assert proved(people, name).f1 >= 0.998


@pytest.mark.slow
@pytest.mark.requirement("R-086")
def test_historical_people_with_half_of_the_fields_missing(people: Path) -> None:
    found = proved(people, "historical_50k")
    assert found.f1 >= 0.835
    assert found.b_cubed >= 0.88
    assert found.precision >= 0.97
    assert found.largest <= 48
    assert found.identical


@pytest.mark.slow
@pytest.mark.requirement("R-086")
@pytest.mark.parametrize(("name", "precision"), [("simulated", 0.995), ("poisoned", 0.998)])
def test_a_hundred_thousand_simulated_records(tmp_path: Path, name: str, precision: float) -> None:
    found = proved(tmp_path, name, 100_000)
    assert found.f1 >= 0.93
    assert found.precision >= precision
    assert found.largest <= 8
    assert found.peak_rss_mb <= 2048


@pytest.mark.parametrize(("only", "said"), [("febrl_3", "dataset3.csv"), ("febrl", "a set is one of")])
def test_a_missing_file_or_set_is_said(tmp_path: Path, only: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        proved(tmp_path, only)

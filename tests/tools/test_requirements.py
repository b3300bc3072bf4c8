"""The requirement report: what the plugin writes down, and what the tool says about it."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

TESTS = Path(__file__).parents[1]
MARKED = """\
import pytest

@pytest.fixture
def broken():
    raise OSError

@pytest.mark.requirement("R-001", "S-01")
@pytest.mark.parametrize("n", [1, 2])
def test_good(n): pass

@pytest.mark.requirement("R-002")
def test_bad(): assert False

@pytest.mark.requirement("R-003")
def test_never_starts(broken): pass

@pytest.mark.requirement("R-004")
def test_skipped(): pytest.skip("no")

def test_unmarked(): pass
"""
CONFTEST = """\
import pytest

@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call":
        report.user_properties += [("requirement", n) for m in item.iter_markers("requirement") for n in m.args]
    return report
"""


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("requirements_tool", TESTS.parent / "tools/requirements.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of its own whose tests pass, fail, break and skip."""
    options = (
        "[pytest]\naddopts = -p requirements_plugin -p no:cacheprovider\nmarkers = requirement(*ids): x\n"
    )
    for name, content in (("pytest.ini", options), ("conftest.py", CONFTEST), ("test_marked.py", MARKED)):
        (tmp_path / name).write_text(content)
    return tmp_path


def run(project: Path, *arguments: str) -> dict[str, Any]:
    """Run pytest in a process of its own and return what the plugin wrote."""
    paths = {"PYTHONPATH": str(TESTS), "PYTEST_ADDOPTS": ""}
    command = [sys.executable, "-m", "pytest", "-q", *arguments]
    subprocess.run(command, cwd=project, env=os.environ | paths, check=False, capture_output=True)
    written: dict[str, Any] = json.loads((project / ".butfor-requirements.json").read_text())
    return written


@pytest.mark.parametrize("arguments", [(), ("-n", "2"), ("-m", "requirement")])
def test_plugin_writes_passed_and_failed_tests_per_number(project: Path, arguments: tuple[str, ...]) -> None:
    good = ["test_marked.py::test_good[1]", "test_marked.py::test_good[2]"]
    assert run(project, *arguments) == {
        "R-001": {"passed": good, "failed": []},
        "R-002": {"passed": [], "failed": ["test_marked.py::test_bad"]},
        "R-003": {"passed": [], "failed": ["test_marked.py::test_never_starts"]},
        "S-01": {"passed": good, "failed": []},
    }


def test_plugin_keeps_what_it_knows_when_only_some_tests_run(project: Path) -> None:
    run(project)
    (project / "test_marked.py").write_text(MARKED.replace("assert False", "pass"))
    found = run(project, "-k", "test_bad")
    assert found["R-002"] == {"passed": ["test_marked.py::test_bad"], "failed": []}
    assert len(found["R-001"]["passed"]) == 2


def test_plugin_forgets_tests_that_are_gone(project: Path) -> None:
    run(project)
    (project / "test_marked.py").write_text("def test_other(): pass\n")
    assert run(project) == {}


RESULTS = {
    "R-001": {"passed": ["a", "b"], "failed": []},
    "R-003": {"passed": ["a"], "failed": ["c"]},
    "S-25": {"passed": ["a"], "failed": []},
    "X-1": {"passed": ["a"], "failed": []},
}


def test_summary_parts_proven_failing_open_and_unknown(tool: ModuleType) -> None:
    found = tool.summary(RESULTS)
    assert found["proven"] == {"R-001": 2, "S-25": 1}
    assert found["failing"] == {"R-003": ["c"]}
    assert len(found["open"]) == 227 - 3
    assert found["unknown"] == ["X-1"]


def test_text_draws_open_numbers_together(tool: ModuleType) -> None:
    shown = tool.text(tool.summary(RESULTS))
    assert "proven: 2 of 227" in shown
    assert "R-001: 2" in shown
    assert "  R-003  c" in shown
    assert "R-002, R-004..R-202, S-01..S-24" in shown
    assert "marked, but no requirement: X-1" in shown


@pytest.mark.parametrize(
    ("numbers", "shown"),
    [([], ""), (["R-202", "S-01"], "R-202, S-01"), (["R-001", "R-002", "S-03"], "R-001..R-002, S-03")],
)
def test_ranges_end_at_gaps_and_between_kinds(tool: ModuleType, numbers: list[str], shown: str) -> None:
    assert tool.ranges(numbers) == shown


@pytest.mark.parametrize(("results", "code"), [(RESULTS, 1), ({}, 0)])
def test_main_prints_json_and_fails_with_failing_tests(
    tool: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], results: Any, code: int
) -> None:
    (tmp_path / ".butfor-requirements.json").write_text(json.dumps(results))
    assert tool.main(["--json"], tmp_path) == code
    assert json.loads(capsys.readouterr().out) == tool.summary(results)


def test_main_runs_the_marked_tests_when_nothing_is_written_down(
    tool: ModuleType, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    assert set(tool.read_results(project)) == {"R-001", "R-002", "R-003", "S-01"}


def test_main_says_so_when_no_test_can_run(tool: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no test ran"):
        tool.read_results(tmp_path)

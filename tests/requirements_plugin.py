"""Write down which requirements the tests of a session prove, for ``make requirements``.

Every report carries ``("requirement", number)`` in its user properties (see ``conftest.py``), over worker processes
too; the process that hears of all of them writes ``.butfor-requirements.json``: number -> passed and failed test ids.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path

import pytest

FILE = ".butfor-requirements.json"
NAME = "requirement-proofs"
Reporting = Generator[None, pytest.TestReport, pytest.TestReport]
Results = dict[str, dict[str, list[str]]]


def pytest_configure(config: pytest.Config) -> None:
    """Listen in the one process that writes: workers of pytest-xdist only report."""
    if not hasattr(config, "workerinput") and not config.pluginmanager.has_plugin(NAME):
        config.pluginmanager.register(Proofs(config), NAME)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Reporting:
    """Give a test that fails before its first line its requirement numbers too."""
    report = yield
    if report.when != "call" and report.failed:
        for mark in item.iter_markers("requirement"):
            report.user_properties += [("requirement", number) for number in mark.args]
    return report


class Proofs:
    """Collects the outcome of each test and the numbers it stands for."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.path = config.rootpath / FILE
        self.outcomes: dict[str, str] = {}
        self.numbers: dict[str, set[str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a passed call, or a failure at any step; a skipped test proves nothing."""
        test = report.nodeid
        if report.failed or (report.when == "call" and self.outcomes.get(test) != "failed"):
            self.outcomes[test] = report.outcome
        found = {str(value) for name, value in report.user_properties if name == "requirement"}
        self.numbers.setdefault(test, set()).update(found)

    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Write the file; a run of some tests keeps what is known of the others."""
        if not self.outcomes:
            return
        results = {} if self._was_whole(exitstatus) else self._known()
        for test, outcome in self.outcomes.items():
            for number in self.numbers[test] if outcome in ("passed", "failed") else ():
                results.setdefault(number, {"passed": [], "failed": []})[outcome].append(test)
        ordered = {n: {k: sorted(v) for k, v in results[n].items()} for n in sorted(results)}
        self.path.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")

    def _was_whole(self, exitstatus: int) -> bool:
        chosen = self.config.option
        ended = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        everywhere = self.config.args_source is not pytest.Config.ArgsSource.ARGS
        return ended and everywhere and not chosen.keyword and chosen.markexpr in ("", "requirement")

    def _known(self) -> Results:
        """Return earlier results of tests that did not run now and whose files are still there."""
        if not self.path.is_file():
            return {}
        earlier: Results = json.loads(self.path.read_text(encoding="utf-8"))
        kept = {
            n: {k: [t for t in v if self._stands(t)] for k, v in found.items()}
            for n, found in earlier.items()
        }
        return {number: found for number, found in kept.items() if any(found.values())}

    def _stands(self, test: str) -> bool:
        return test not in self.outcomes and Path(self.config.rootpath, test.split("::")[0]).is_file()

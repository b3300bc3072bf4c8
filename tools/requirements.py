"""Say which requirements a passing test proves, which a failing one leaves open, and which have none.

Reads ``.butfor-requirements.json``, which every run of pytest writes (``tests/requirements_plugin.py``); where there
is none, the marked tests are run first. Exit code 1 means that a test of some requirement fails.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
FILE = ".butfor-requirements.json"
ALL = [f"R-{n:03}" for n in range(1, 203)] + [f"S-{n:02}" for n in range(1, 26)]

Results = dict[str, dict[str, list[str]]]


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Print the summary and return the exit code."""
    parser = argparse.ArgumentParser(prog="requirements", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    asked = parser.parse_args(arguments)
    found = summary(read_results(root))
    print(json.dumps(found, indent=1) if asked.json else text(found))
    return 1 if found["failing"] else 0


def read_results(root: Path) -> Results:
    """Return number -> passed and failed test ids; runs the marked tests when nothing is written down yet."""
    path = root / FILE
    if not path.is_file():
        command = [sys.executable, "-m", "pytest", "-m", "requirement", "-q"]
        # What pytest says goes to stderr, so that stdout stays readable for machines.
        subprocess.run(command, cwd=root, check=False, stdout=2)  # noqa: S603
    if not path.is_file():
        sys.exit(f"no test ran, so there is no {FILE}: look at what pytest said above")
    results: Results = json.loads(path.read_text(encoding="utf-8"))
    return results


def summary(results: Results) -> dict[str, Any]:
    """Return proven numbers with how many tests prove them, failing ones with their tests, and the rest."""
    failing = {n: found["failed"] for n, found in results.items() if found["failed"]}
    proven = {n: len(found["passed"]) for n, found in results.items() if found["passed"] and n not in failing}
    return {
        "proven": {n: proven[n] for n in ALL if n in proven},
        "failing": failing,
        "open": [n for n in ALL if n not in proven and n not in failing],
        "unknown": sorted(results.keys() - set(ALL)),
    }


def text(found: dict[str, Any]) -> str:
    """Return the summary for people."""
    proven = found["proven"]
    lines = [f"proven: {len(proven)} of {len(ALL)} (number: passing tests)", *_columns(proven)]
    if found["failing"]:
        lines += [f"failing: {len(found['failing'])}"]
        lines += [f"  {number}  {test}" for number, tests in found["failing"].items() for test in tests]
    lines += [f"without a test: {len(found['open'])}", f"  {ranges(found['open'])}"]
    if found["unknown"]:
        lines += [f"marked, but no requirement: {', '.join(found['unknown'])}"]
    return "\n".join(lines)


def ranges(numbers: Sequence[str]) -> str:
    """Return numbers with neighbours drawn together.

    >>> ranges(["R-001", "R-002", "R-003", "R-007", "S-01", "S-02"])
    'R-001..R-003, R-007, S-01..S-02'
    """
    places = [(ALL.index(number), number) for number in numbers]
    runs = [
        [number for _, (_, number) in run]
        for _, run in groupby(enumerate(places), key=lambda each: (each[1][1][0], each[1][0] - each[0]))
    ]
    return ", ".join(run[0] if len(run) == 1 else f"{run[0]}..{run[-1]}" for run in runs)


def _columns(proven: dict[str, int], wide: int = 8) -> list[str]:
    cells = [f"{f'{number}: {tests}':<10}" for number, tests in proven.items()]
    return ["  " + "  ".join(cells[i : i + wide]).rstrip() for i in range(0, len(cells), wide)]


if __name__ == "__main__":
    sys.exit(main())

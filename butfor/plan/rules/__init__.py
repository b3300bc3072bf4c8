"""The rules that judge whether the definitions of a workspace make sense together.

One rule is one module here with ``CODE``, ``LEVEL``, ``WHY`` and ``check(plan)``, which yields findings.
A new module is found by itself.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from types import ModuleType

from butfor.plan.files import WORKSPACE, Place, Plan, Problem
from butfor.plan.finding import Finding


def rules() -> list[ModuleType]:
    """Return every rule, by module name."""
    names = sorted(m.name for m in pkgutil.iter_modules(__path__))
    return [importlib.import_module(f"{__name__}.{name}") for name in names]


def check(plan: Plan) -> list[Problem]:
    """Run every rule over a plan; errors first, then by file and line."""
    found = list(plan.problems)
    for rule in rules():
        found += [_problem(plan, rule, finding) for finding in _findings(rule, plan)]
    return sorted(found, key=lambda p: (p.level != "error", p.file, p.line, p.code, p.what))


def _findings(rule: ModuleType, plan: Plan) -> Iterable[Finding]:
    found: Iterable[Finding] = rule.check(plan)
    return found


def _problem(plan: Plan, rule: ModuleType, finding: Finding) -> Problem:
    place = (
        plan.place(finding.definition)
        if finding.definition
        else plan.places.get(WORKSPACE, Place("butfor.yaml", {}))
    )
    return Problem(
        level=finding.level or rule.LEVEL,
        code=rule.CODE,
        file=place.file,
        line=place.line(finding.path),
        what=finding.what,
        why=rule.WHY,
        next=finding.next,
    )

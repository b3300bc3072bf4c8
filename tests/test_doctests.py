"""Every example in a docstring is executed."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import butfor

MODULES = [
    m.name
    for m in pkgutil.walk_packages(butfor.__path__, "butfor.")
    if "migrations" not in m.name and "__main__" not in m.name
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_module(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples() -> None:
    found = [doctest.DocTestFinder().find(importlib.import_module(name)) for name in MODULES]
    assert sum(bool(test.examples) for tests in found for test in tests) >= 10

"""Definitions: load, lint and version the YAML of a workspace."""

from butfor.plan.files import (
    Plan,
    Problem,
    load_plan,
    load_workspace_file,
    save_definition,
    save_workspace_file,
)
from butfor.plan.read import did_you_mean
from butfor.plan.retail import retail_plan
from butfor.plan.rules import check
from butfor.plan.schema import schemas
from butfor.plan.search import search_terms

__all__ = [
    "Plan", "Problem", "check", "did_you_mean", "load_plan", "load_workspace_file", "retail_plan", "save_definition",
    "save_workspace_file", "schemas", "search_terms",
]  # fmt: skip

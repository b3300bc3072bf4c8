"""The exported JSON Schemas are valid, and accept what the loader accepts."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from butfor.plan import retail_plan, schemas
from butfor.plan.kinds import FOLDERS, to_builtins
from butfor.plan.read import read_yaml

CASES = Path(__file__).parents[2] / "cases"
DOCUMENTS = sorted(p for folder in FOLDERS.values() for p in CASES.glob(f"*/{folder}/**/*.yaml"))


def dated(node: Any) -> Any:
    """Return data as JSON has it: dates are texts."""
    if isinstance(node, dict):
        return {k: dated(v) for k, v in node.items()}
    if isinstance(node, list):
        return [dated(v) for v in node]
    return node.isoformat() if hasattr(node, "isoformat") else node


@pytest.mark.parametrize("kind", [*FOLDERS, "workspace"])
def test_schema_is_valid_and_titled(kind: str) -> None:
    schema = schemas()[kind]
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["title"] == f"butfor {kind}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.relative_to(CASES).as_posix())
def test_schema_accepts_the_documents_of_the_cases(path: Path) -> None:
    data, _ = read_yaml(path)
    jsonschema.validate(dated(data), schemas()[data["kind"]])


@pytest.mark.parametrize("case", sorted(CASES.glob("*/butfor.yaml")), ids=lambda p: p.parent.name)
def test_schema_accepts_the_workspace_files_of_the_cases(case: Path) -> None:
    jsonschema.validate(dated(read_yaml(case)[0]), schemas()["workspace"])


@pytest.mark.parametrize("definition", retail_plan(), ids=lambda d: d.id)
def test_schema_accepts_the_retail_plan(definition: Any) -> None:
    data = to_builtins(definition)
    jsonschema.validate(dated(data), schemas()[data["kind"]])


def test_schema_refuses_a_field_nobody_knows() -> None:
    with pytest.raises(jsonschema.ValidationError, match="lable"):
        jsonschema.validate({"kind": "goal", "id": "g", "lable": "x"}, schemas()["goal"])

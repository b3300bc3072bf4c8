"""JSON Schema of every kind, so that editors complete and check the YAML."""

from __future__ import annotations

from typing import Any

import msgspec

from butfor.plan.kinds import KINDS, Workspace


def schemas() -> dict[str, dict[str, Any]]:
    """Return one JSON Schema (draft 2020-12) for each kind and for the workspace file."""
    found = {name: msgspec.json.schema(kind) for name, kind in KINDS.items()}
    found["workspace"] = msgspec.json.schema(Workspace)
    for name, schema in found.items():
        schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
        schema["title"] = f"butfor {name}"
    return found

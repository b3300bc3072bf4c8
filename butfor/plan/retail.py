"""The default plan of a retail brand, which ``butfor init`` writes into a new workspace."""

from __future__ import annotations

from importlib import resources

import msgspec
from ruamel.yaml import YAML

from butfor.plan.kinds import KINDS, Definition


def retail_plan() -> list[Definition]:
    """Return the default terms, metrics and audiences, in the order of the file."""
    text = resources.files("butfor.plan").joinpath("retail.yaml").read_text(encoding="utf-8")
    documents = YAML(typ="safe").load(text)
    return [msgspec.convert(d, KINDS[d["kind"]]) for d in documents]

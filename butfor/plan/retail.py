"""The default plan of a retail brand, which ``butfor init`` writes into a new workspace."""

from __future__ import annotations

from importlib import resources

import msgspec
from ruamel.yaml import YAML

from butfor.plan.kinds import KINDS, Definition, Term

# The systems that a brand has, and for each the definitions that its deliveries need.
SYSTEMS = (
    "till", "webshop", "points", "crm", "email", "sms", "push", "web", "analytics", "calls", "webhook", "catalogue",
)  # fmt: skip


def retail_plan() -> list[Definition]:
    """Return the default terms, metrics and audiences, in the order of the file."""
    return _read("retail.yaml")


def system_definitions(system: str) -> list[Definition]:
    """Return the source and terms of one of ``SYSTEMS``."""
    return _read(f"sources/{system}.yaml")


def trait_library() -> dict[str, Term]:
    """Return the trait definitions that a workspace may add, by id; see docs/howto/traits.md."""
    folder = resources.files("butfor.plan").joinpath("library", "traits")
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name)
    terms = [msgspec.convert(YAML(typ="safe").load(f.read_text(encoding="utf-8")), Term) for f in files]
    return {t.id: t for t in terms}


def system_examples(system: str) -> dict[str, str]:
    """Return small example deliveries of a system, by source."""
    folder = resources.files("butfor.plan").joinpath("sources", "examples")
    names = [d.id for d in system_definitions(system) if folder.joinpath(f"{d.id}.csv").is_file()]
    return {name: folder.joinpath(f"{name}.csv").read_text(encoding="utf-8") for name in names}


def _read(name: str) -> list[Definition]:
    text = resources.files("butfor.plan").joinpath(name).read_text(encoding="utf-8")
    return [msgspec.convert(d, KINDS[d["kind"]]) for d in YAML(typ="safe").load(text)]

"""Add the definitions of a system that most brands have, with a small example delivery to try them on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from butfor.app.keys import add_key
from butfor.app.workspace import Workspace
from butfor.ingest.write import reconciled
from butfor.model import BadInput, Refused
from butfor.plan import did_you_mean, load_plan, save_definition
from butfor.plan.files import kind_name
from butfor.plan.kinds import Source
from butfor.plan.retail import SYSTEMS, system_definitions, system_examples


class AddedSource(msgspec.Struct, frozen=True, kw_only=True):
    """What was written for a system, and what to do next."""

    system: str
    sources: list[str]
    terms: list[str]
    examples: list[str]
    next: list[str]
    write_key: str | None = None


def add_source(folder: str | Path, system: str) -> AddedSource:
    """Write the sources and terms of a system into a workspace; terms that are there stay as they are.

    Raises BadInput for an unknown system, Refused when a source of that name is there already.
    """
    path = Path(folder)
    if system not in SYSTEMS:
        raise BadInput(
            "system", value=system, rule=f"one of {', '.join(SYSTEMS)}", next_step=did_you_mean(system, list(SYSTEMS))
        )  # fmt: skip
    plan, wanted = load_plan(path), system_definitions(system)
    sources = [d for d in wanted if isinstance(d, Source)]
    taken = [s.id for s in sources if (old := plan.find(Source, s.id)) and old.status != "draft"]
    if taken:
        raise Refused(
            f"source {taken[0]}", value="is there already", rule="a source that is in use is not written over",
            next_step=f"edit plan/sources/{taken[0]}.yaml, or rename it and add again",
        )  # fmt: skip
    new = [
        d for d in wanted if not isinstance(d, Source) and (kind_name(type(d)), d.id) not in plan.definitions
    ]
    for definition in [*new, *sources]:
        save_definition(path, definition)
    live = next((s.id for s in sources if s.connector == "segment"), None)
    return AddedSource(
        system=system, sources=[s.id for s in sources], terms=[d.id for d in new], examples=_examples(path, system),
        next=_next(path, system, sources), write_key=add_key(path, live).write_key if live else None,
    )  # fmt: skip


def _examples(path: Path, system: str) -> list[str]:
    written = []
    for name, text in system_examples(system).items():
        file = path / "examples" / f"{name}.csv"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
        written.append(str(file))
    return written


def _next(path: Path, system: str, sources: list[Source]) -> list[str]:
    if any(s.connector == "segment" for s in sources):
        return [
            f"butfor -C {path} serve",
            "send with the write key as user name; see docs/howto/connect-segment-sdk.md",
        ]
    steps = [f"name your own columns in plan/sources/{s.id}.yaml, on the left" for s in sources]
    steps += [f"butfor -C {path} check"]
    return steps + [f"butfor -C {path} load {s.id} {path}/examples/{s.id}.csv" for s in sources]


class Reconciled(msgspec.Struct, frozen=True, kw_only=True):
    """Orders and money of one span, as analytics counted them and as the shops delivered them; the shops are right."""

    days: int
    analytics_orders: int
    shop_orders: int
    orders_differ: float | None
    analytics_revenue: float
    shop_revenue: float
    revenue_differs: float | None
    truth: str = "shop"


def reconcile(ws: Workspace, shops: list[str]) -> Reconciled:
    """Compare the days that web analytics told with the orders of some shop sources (R-083); the shop's figures count."""
    ws.ensure_tables()
    if "ev_analytics_day" not in ws.lake.tables():
        raise BadInput(
            "web analytics", value="no source", rule="there is an export to compare",
            next_step=f"butfor -C {ws.folder} source add analytics",
        )  # fmt: skip
    rows = ws.lake.fetch(reconciled("ev_analytics_day", "ev_order_completed", shops)).to_pylist()
    total = {k: sum(r[k] or 0 for r in rows) for k in (rows[0] if rows else {}) if k != "day"}
    said, sold = total.get("analytics_orders", 0), total.get("shop_orders", 0)
    money, earned = total.get("analytics_revenue", 0), total.get("shop_revenue", 0)
    return Reconciled(
        days=len(rows), analytics_orders=said, shop_orders=sold, orders_differ=_share(said, sold),
        analytics_revenue=float(money), shop_revenue=float(earned), revenue_differs=_share(money, earned),
    )  # fmt: skip


def _share(said: Any, true: Any) -> float | None:
    return float(said - true) / float(true) if true else None

"""Who must not be chased by ads for what they bought already, from whichever source the purchase came (R-101)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
from sqlglot import exp

from butfor.app.members import clock_of
from butfor.app.recommend import purchase_history
from butfor.app.shelf import read_shelf
from butfor.app.workspace import Workspace
from butfor.catalog.recommend import History
from butfor.catalog.recommend.again import RIPE, refill_cycles
from butfor.facts import Clock
from butfor.facts.passes import in_time, where_condition
from butfor.plan.kinds import Audience, Rule, Term
from butfor.plan.walk import leaves
from butfor.store import all_of, column, named

# Views longer ago than this chase nobody, where the audience does not say otherwise.
LOOK_BACK = "30 days"
BOUGHT = "bought what was looked at"


@named("app.seen_products")
def seen_products(plan: Any, leaf: Rule, clock: Clock) -> exp.Expression:
    """Which products people looked at first when, in the events that a condition counts."""
    event = str(leaf.event)
    fits = [in_time(leaf, clock), exp.not_(exp.Is(this=column("product_id", "e"), expression=exp.null()))]
    if leaf.where is not None:
        fits.append(where_condition(plan, event, leaf.where, clock))
    keys = [column("person_id", "p"), column("product_id", "e")]
    first = exp.Min(this=column("occurred_at", "e")).as_("seen_at")
    return (
        exp.select(*keys, first)
        .from_(exp.alias_(exp.to_table(f"ev_{event}"), "e", table=True))
        .join("people_map AS p", on="p.account_id = e.account_id")
        .where(all_of(*fits))
        .group_by(*[k.copy() for k in keys])
        .order_by(*[k.copy() for k in keys])
    )


def bought_since_seen(ws: Workspace, names: Sequence[str]) -> dict[str, str]:
    """Return why people are kept out of ads: they bought what they looked at, and it is not due again.

    Looked at is what the audience's rule asks for, or else anything within ``LOOK_BACK``. A product of a category that is
    refilled (``replenish`` in butfor.yaml) keeps nobody out once the greater part of its refill cycle has passed.
    """
    as_of = ws.as_of()
    seen = _seen(ws, names, as_of)
    if not seen:
        return {}
    history, _ = purchase_history(ws, as_of)
    due = _due(ws, history, _day(as_of)) if ws.plan.workspace.replenish else set()
    last = history.last().tocoo()
    pairs = (
        (history.people[i], history.products[j], at)
        for i, j, at in zip(last.row, last.col, last.data, strict=True)
    )
    return {
        person: BOUGHT
        for person, product, at in pairs
        if (person, product) not in due and at >= seen.get((person, product), np.inf)
    }


def _seen(ws: Workspace, names: Sequence[str], as_of: datetime) -> dict[tuple[str, str], float]:
    """Return the day on which each person first looked at each product."""
    clock = clock_of(ws.plan, as_of)
    asked = [leaf for n in names for leaf in _views(ws, n)]
    asked = asked or [Rule(event=t, last=LOOK_BACK) for t in _view_terms(ws)]
    have = ws.lake.tables()
    found: dict[tuple[str, str], float] = {}
    for leaf in asked:
        if f"ev_{leaf.event}" in have:
            for row in ws.lake.fetch(seen_products(ws.plan, leaf, clock)).to_pylist():
                key = (str(row["person_id"]), row["product_id"])
                found[key] = min(found.get(key, np.inf), _day(row["seen_at"]))
    return found


def _view_terms(ws: Workspace) -> list[str]:
    """Return the events that show interest in a product, and are no purchase."""
    return [
        t.id for t in ws.plan.all(Term) if t.what == "event" and t.role is None and "product_id" in t.properties
    ]  # fmt: skip


def _views(ws: Workspace, name: str) -> Iterator[Rule]:
    """Yield the conditions on views in an audience's rule, and in the audiences it names."""
    audience = ws.plan.find(Audience, name.partition(".")[0])
    terms = _view_terms(ws)
    for _, leaf in leaves(audience.rule if audience else None):
        if leaf.audience:
            yield from _views(ws, leaf.audience)
        elif leaf.event in terms:
            yield leaf


def _due(ws: Workspace, history: History, now: float) -> set[tuple[str, str]]:
    """Return who may be shown which refilled product again: ``RIPE`` of its refill cycle has passed."""
    shelf = read_shelf(ws, ws.as_of(), past=True).products
    groups = [p.category if (p := shelf.get(product)) else None for product in history.products]
    refilled = [any(fnmatchcase(g or "", w) for w in ws.plan.workspace.replenish) for g in groups]
    cycles, last = refill_cycles(history, groups).tocoo(), history.last()
    return {
        (history.people[i], history.products[j])
        for i, j, days in zip(cycles.row, cycles.col, cycles.data, strict=True)
        if refilled[j] and now - last[i, j] >= RIPE * days
    }


def _day(moment: datetime) -> float:
    return (moment - datetime(1970, 1, 1)) / timedelta(days=1)

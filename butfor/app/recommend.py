"""Suggest products to people: the lake's purchases and catalogue go through ``butfor.catalog.recommend``."""

from __future__ import annotations

import time
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import scipy.sparse as sp

import butfor.catalog.products as catalogue
from butfor.app.customer import person_of
from butfor.app.shelf import Shelf, read_shelf, sold_terms
from butfor.app.workspace import Workspace
from butfor.catalog.recommend import (
    SLOTS,
    Fitted,
    History,
    Rules,
    SlotReport,
    Suggestion,
    eligible,
    fit,
    history_of,
    reason,
    report,
    suggest,
)
from butfor.identity import joined_accounts
from butfor.model import BadInput
from butfor.plan import did_you_mean
from butfor.plan.kinds import Audience

_START = datetime(1970, 1, 1)
_TIME = pa.timestamp("us")
_BOUGHT = pa.schema(
    [
        ("person_id", pa.string()),
        ("product_id", pa.string()),
        ("occurred_at", _TIME),
        ("pieces", pa.float64()),
    ]
)


class Suggested(msgspec.Struct, frozen=True, kw_only=True):
    """One product for a person: its place from 1, what it is, the step of the ladder it comes from, and why."""

    place: int
    product_id: str
    name: str | None
    price: Any
    score: float
    step: str
    reason: str


class Recommended(msgspec.Struct, frozen=True, kw_only=True):
    """What a slot suggests to a person, best first; ``left_out`` counts products that were ever bought, by why they may not be suggested."""

    person_id: str
    slot: str
    as_of: datetime
    items: list[Suggested]
    left_out: dict[str, int]
    said: list[str]


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What a batch wrote to the table ``recommendation``; ``steps`` counts suggestions by step of the ladder."""

    slot: str
    as_of: datetime
    people: int
    rows: int
    steps: dict[str, int]
    left_out: dict[str, int]
    said: list[str]
    seconds: float


class Reported(msgspec.Struct, frozen=True, kw_only=True):
    """Both slots measured on the ``days`` after ``cut``, by what was known at the cut."""

    cut: datetime
    days: float
    slots: list[SlotReport]
    said: list[str]
    seconds: float


class _Model(msgspec.Struct, frozen=True):
    """A slot fitted as of a time, what may be suggested, and what is known of the products."""

    as_of: datetime
    fitted: Fitted
    shelf: Shelf
    allowed: Any
    left_out: dict[str, int]
    subtle: bool
    said: list[str]


def recommend(
    ws: Workspace, name: str, slot: str = "new_for_you", n: int = 10, channel: str | None = None,
    as_of: datetime | None = None,
) -> Recommended:  # fmt: skip
    """Return up to ``n`` products for one person, known by any of their names, as of now or a past time.

    ``channel`` leaves out what is not for sale there. Raises BadInput for an unknown slot or person, Refused when the
    catalogue is older than its source allows.
    """
    _need_slot(slot, n)
    person = person_of(ws, name)
    model = _fitted(ws, slot, channel, as_of)
    people = model.fitted.history.people
    if person not in people:
        raise BadInput(
            "person", value=name, rule="suggestions are made to people of the last run",
            next_step=f"butfor -C {ws.folder} run, then try again",
        )  # fmt: skip
    found = suggest(model.fitted, slot, [people.index(person)], model.allowed, n)[0]
    return Recommended(
        person_id=person, slot=slot, as_of=model.as_of, items=_items(model, found), left_out=model.left_out,
        said=model.said,
    )  # fmt: skip


def recommend_all(
    ws: Workspace, slot: str, n: int = 10, channel: str | None = None, as_of: datetime | None = None
) -> Written:
    """Write up to ``n`` suggestions of a slot for everybody to the lake's table ``recommendation``, in place of older ones."""
    _need_slot(slot, n)
    began = time.perf_counter()
    model = _fitted(ws, slot, channel, as_of)
    people = model.fitted.history.people
    found = suggest(model.fitted, slot, range(len(people)), model.allowed, n)
    rows = [
        {"person_id": person, "slot": slot, "as_of": model.as_of}
        | {k: getattr(item, k) for k in ("place", "product_id", "step", "score", "reason")}
        for person, each in zip(people, found, strict=True)
        for item in _items(model, each)
    ]
    table = catalogue.RECOMMENDATION
    ws.lake.ensure(table)
    ws.lake.stage("staged_suggestion", pa.Table.from_pylist(rows, table.arrow_schema()), like=table)
    with ws.lake.transaction():
        ws.lake.replace(table, "slot", catalogue.slot_rows(slot), catalogue.staged_suggestions())
    return Written(
        slot=slot, as_of=model.as_of, people=sum(map(bool, found)), rows=len(rows),
        steps=dict(sorted(Counter(str(r["step"]) for r in rows).items())), left_out=model.left_out, said=model.said,
        seconds=round(time.perf_counter() - began, 1),
    )  # fmt: skip


def recommended(ws: Workspace, slot: str) -> list[dict[str, Any]]:
    """Return the suggestions of a slot that the last batch wrote, by person and place."""
    _need_slot(slot, 1)
    ws.lake.ensure(catalogue.RECOMMENDATION)
    rows: list[dict[str, Any]] = ws.lake.fetch(catalogue.recommended(slot)).to_pylist()
    return rows


def recommendation_report(
    ws: Workspace, cut: datetime | None = None, days: float = 90, seed: int = 0
) -> Reported:
    """Measure both slots: fit to everything before ``cut`` (default: the day ``days`` before now) and look at what came after.

    Catalogue and segments are those of the cut.
    """
    began = time.perf_counter()
    ws.need_run()
    newest = ws.as_of()
    moment = cut or (newest - timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)
    shelf = read_shelf(ws, moment, past=True)
    history, segments = purchase_history(ws, newest, traits_at=moment)
    allowed, left_out = eligible(history.products, shelf.products, _rules(ws, None))
    groups = _categories(history, shelf)
    slots = report(history, _day(moment), segments, allowed, groups, days=days, seed=seed)
    said = [*shelf.said, *(f"{n:,} products left out: {why}" for why, n in left_out.items())]
    seconds = round(time.perf_counter() - began, 1)
    return Reported(cut=moment, days=days, slots=slots, said=said, seconds=seconds)


def _need_slot(slot: str, n: int) -> None:
    if slot not in SLOTS:
        raise BadInput("slot", value=slot, rule="a slot says what it is", next_step=did_you_mean(slot, list(SLOTS)) or f"one of {', '.join(SLOTS)}")  # fmt: skip
    if n < 1:
        raise BadInput("n", value=n, rule="at least one product is asked for", next_step="give 1 or more")


def _fitted(ws: Workspace, slot: str, channel: str | None, as_of: datetime | None) -> _Model:
    ws.need_run()
    moment = as_of or ws.as_of()
    # Where results refer to the newest event, what may be sold is still asked of the catalogue of today.
    shelf = read_shelf(ws, as_of or ws.now, past=as_of is not None)
    history, segments = purchase_history(ws, moment)
    allowed, left_out = eligible(history.products, shelf.products, _rules(ws, channel))
    # A purchase at this very moment has happened.
    fitted = fit(history, _day(moment) + 1e-6, segments, _categories(history, shelf), slots=[slot])
    use = _use_of_purchases(ws)
    said = [*shelf.said, *fitted.settings.said]
    if use == "deny":
        fitted = _impersonal(fitted)
        said.append("the plan denies purchases in content: popular products only")
    return _Model(moment, fitted, shelf, allowed, left_out, use == "subtle", said)


def _impersonal(fitted: Fitted) -> Fitted:
    nothing = sp.csr_matrix(fitted.history.shape)
    nobody: list[str | None] = [None] * len(fitted.segments)
    return msgspec.structs.replace(fitted, again=nothing, weights=None, segments=nobody)


def _use_of_purchases(ws: Workspace) -> str:
    """Return the strictest of what the plan permits purchases in content: allow, subtle or deny (R-193)."""
    said = {t.uses.content if t.uses else "deny" for t in sold_terms(ws, "purchase")}
    return next((use for use in ("deny", "subtle") if use in said), "allow")


def purchase_history(
    ws: Workspace, until: datetime, traits_at: datetime | None = None
) -> tuple[History, list[str | None]]:
    """Return who bought what until a time, and the segment of each person, now or as of another time."""
    grid = next((a.id for a in ws.plan.all(Audience) if a.rfm is not None), None)
    cell = f"{grid}_cell" if grid else None
    if traits_at is None:
        people = ws.lake.fetch(catalogue.segments(cell))
    else:
        joined = bool(ws.lake.fetch(joined_accounts())["n"][0].as_py())
        people = ws.lake.fetch(catalogue.segments(cell, ws.trait_query(traits_at, joined=joined).expression))
    segment = dict(zip(people["person_id"].to_pylist(), people["segment"].to_pylist(), strict=True))
    bought, back = (_lines(ws, role, until) for role in ("purchase", "refund"))
    history = history_of(bought, back, np.inf, list(segment), [])
    return history, [segment.get(p) for p in history.people]


def _lines(ws: Workspace, role: str, until: datetime) -> pa.Table:
    found = [
        ws.lake.fetch(
            catalogue.bought(f"ev_{t.id}", f"ev_{t.id}__products", until, counted="quantity" in t.products)
        ).cast(_BOUGHT)
        for t in sold_terms(ws, role)
    ]
    return pa.concat_tables([_BOUGHT.empty_table(), *found])


def _rules(ws: Workspace, channel: str | None) -> Rules:
    return Rules(never=ws.plan.workspace.recommend.never, channel=channel)


def _categories(history: History, shelf: Shelf) -> list[str | None]:
    found = (shelf.products.get(p) for p in history.products)
    return [p.category if p else None for p in found]


def _items(model: _Model, found: list[Suggestion]) -> list[Suggested]:
    products, known = model.fitted.history.products, model.shelf.products
    return [
        Suggested(
            place=place, product_id=products[s.product], name=known[products[s.product]].name,
            price=known[products[s.product]].price, score=s.score, step=s.step,
            reason=reason(s, products, known, subtle=model.subtle),
        )
        for place, s in enumerate(found, 1)
    ]  # fmt: skip


def _day(moment: datetime) -> float:
    return (moment - _START) / timedelta(days=1)

"""Predict what people will buy: check the data, fit, hold out, and write one row per buyer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

import butfor.profiles.value as value
from butfor.app.compute import tables_of
from butfor.app.workspace import Workspace
from butfor.identity import PEOPLE_MAP
from butfor.model import BadInput, Refused
from butfor.profiles.value.forecast import Forecast, History, Models

_NUMBERS = tuple(History.__struct_fields__)
MOST_DAYS = 730


class Predicted(msgspec.Struct, frozen=True, kw_only=True):
    """A run of predictions: what was checked, fitted and held out, and the sums of what was written.

    ``limits`` say what such data and models cannot tell (R-104). ``orders`` and ``money`` are expected of all buyers in the next ``days``; ``silent`` is the expected share
    without a purchase. ``holdout`` is None, with ``no_holdout`` saying why, where the history before it is too
    short. ``address`` names model, data and horizon: equal inputs have equal addresses.
    """

    as_of: datetime
    days: int
    people: int
    checks: list[value.Check]
    models: Models
    orders: float
    money: float | None
    silent: float
    holdout: value.Holdout | None
    no_holdout: str = ""
    limits: list[str] = []
    written: bool = False
    address: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        built: dict[str, Any] = msgspec.to_builtins(self)
        return built


def data_readiness(ws: Workspace, as_of: datetime | None = None) -> list[value.Check]:
    """Return what value needs of the data and what they hold, as of a time (R-103); writes nothing."""
    moment = as_of or ws.as_of()
    _, history = _histories(ws, moment, moment.date(), moment.date())
    return _checks(ws, history, moment)


def predict(
    ws: Workspace,
    days: int = 90,
    as_of: datetime | None = None,
    *,
    dry: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Predicted:
    """Fit, judge on a holdout and write the table ``prediction`` with the next ``days`` of every buyer.

    Nothing is written when ``dry``. Raises Refused, and writes nothing, where the data cannot carry it.
    """
    tell = progress or (lambda step: None)
    if not 1 <= days <= MOST_DAYS:
        raise BadInput(
            "days",
            value=days,
            rule=f"a prediction is of 1 to {MOST_DAYS} days",
            next_step="say another number",
        )
    moment = as_of or ws.as_of()
    tell("purchases of everybody")
    people, history = _histories(ws, moment, moment.date(), moment.date())
    checks = _checks(ws, history, moment)
    _refuse(checks)
    tell("fitting")
    models = value.fit_models(history)
    seen = value.forecast(models, history, days)
    tell("holding out the last days")
    holdout = _holdout(ws, moment, days, int(history.age.max()))
    done = _summed(moment, days, checks, models, seen, holdout)
    if dry:
        return done
    tell("writing predictions")
    done = msgspec.structs.replace(done, written=True)
    _write(ws, done, people, seen)
    return done


def _summed(
    moment: datetime, days: int, checks: list[value.Check], models: Models, seen: Forecast, holdout: tuple[value.Holdout | None, str]
) -> Predicted:  # fmt: skip
    """Return the run with its sums and its address, not yet written."""
    done = Predicted(
        as_of=moment, days=days, people=len(seen.orders), checks=checks, models=models, orders=float(seen.orders.sum()),
        money=None if seen.money is None else float(seen.money.sum()), silent=float(seen.silent.mean()),
        holdout=holdout[0], no_holdout=holdout[1], limits=value.limits(checks, models.spend),
    )  # fmt: skip
    return msgspec.structs.replace(done, address=hashlib.sha256(msgspec.json.encode(done)).hexdigest())


def prediction_runs(ws: Workspace) -> list[Predicted]:
    """Return the runs that wrote predictions, oldest first, each with its models and what it had foretold."""
    if value.RUNS.name not in ws.lake.tables():
        return []
    rows = ws.lake.fetch(value.value_runs()).to_pylist()
    return [msgspec.json.decode(r["body"], type=Predicted) for r in rows]


def _histories(ws: Workspace, moment: datetime, cut: date, since: date) -> tuple[pa.Array, History]:
    """Return ids and histories of everybody who bought until the day ``cut``, by id."""
    purchases = tables_of(ws.plan, "purchase")
    if not purchases:
        raise BadInput(
            "plan", value="no event with role: purchase", rule="value is predicted from purchases",
            next_step="give the term of a purchase its role",
        )  # fmt: skip
    ws.ensure_tables()
    ws.lake.ensure(PEOPLE_MAP)
    query = value.purchase_summary(purchases, tables_of(ws.plan, "refund"), moment, cut, since)
    rows = ws.lake.fetch(query)
    numbers = {name: rows[name].to_numpy().astype(np.float64) for name in _NUMBERS}
    return rows["person_id"], History(**numbers)


def _checks(ws: Workspace, history: History, moment: datetime) -> list[value.Check]:
    known = ws.lake.fetch(value.purchases_known(tables_of(ws.plan, "purchase"), moment)).to_pylist()[0]
    waiting = {
        r[side] for r in ws.hub.rows("review", status="open") for side in ("left_account", "right_account")
    }
    found = value.facts(
        history.repeats, history.recency, history.age,
        orders=known["orders"], known_orders=known["known"], undecided=len(waiting),
    )  # fmt: skip
    return value.readiness(found, ws.plan.workspace.readiness)


def _refuse(checks: list[value.Check]) -> None:
    missing = [c for c in checks if not c.ok]
    if missing:
        raise Refused(
            "predicted value",
            value=", ".join(c.name for c in missing),
            rule=" ".join(c.sentence for c in missing),
            next_step="; ".join(c.next_step for c in missing)
            + ". Until then target by recency_days, orders and lifecycle; butfor.yaml: readiness holds the limits",
        )


def _holdout(
    ws: Workspace, moment: datetime, days: int, history_days: int
) -> tuple[value.Holdout | None, str]:
    if history_days + 1 < 2 * days:
        return None, (
            f"No holdout: {days} days to compare with need at least as many before them; "
            f"the history has {history_days + 1} days."
        )
    cut = moment.date() - timedelta(days=days)
    _, history = _histories(ws, moment, cut, cut - timedelta(days=days))
    if not history.repeats.any():
        return None, f"No holdout: until {cut} nobody had bought twice."
    return value.hold_out(history, cut, days), ""


def _write(ws: Workspace, done: Predicted, people: pa.Array, seen: Forecast) -> None:
    table = value.prediction_table()
    body = msgspec.json.encode(done).decode()
    run = {
        "as_of": done.as_of,
        "made_at": ws.now,
        "days": done.days,
        "model": done.models.buying.name,
        "body": body,
    }
    ws.lake.ensure(table, value.RUNS)
    ws.lake.stage("staged_prediction", _rows(done, people, seen), like=table)
    ws.lake.stage("staged_run", pa.Table.from_pylist([run], value.RUNS.arrow_schema()), like=value.RUNS)
    with ws.lake.transaction():
        ws.lake.rebuild(table, value.staged_predictions())
        ws.lake.insert(value.RUNS.name, value.staged_run())


def _rows(done: Predicted, people: pa.Array, seen: Forecast) -> pa.Table:
    n = len(people)
    columns = {
        "person_id": people,
        "expected_orders": seen.orders,
        "expected_value": pa.nulls(n) if seen.money is None else _cents(seen.money),
        "alive": pa.nulls(n) if seen.alive is None else seen.alive,
        "churn_risk": seen.silent,
        "next_order_on": pa.array(value.next_dates(seen.wait_days, done.as_of.date()), pa.date32()),
        "as_of": [done.as_of] * n,
        "model": [f"{done.models.buying.name}, {done.days} days"] * n,
    }
    schema = value.prediction_table().arrow_schema()
    return pa.table({name: columns[name] for name in schema.names}).cast(schema)


def _cents(money: value.Array) -> pa.Array:
    """Return amounts as exact money, to a hundredth of a cent as the lake keeps it."""
    return pa.array([Decimal(str(v)) for v in np.round(money, 4).tolist()], pa.decimal128(38, 4))

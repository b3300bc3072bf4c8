"""Write an audience out, and keep every place that it went to up to date: the whole list, or who came and who went."""

from __future__ import annotations

import getpass
import hashlib
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa
from sqlglot import exp

from butfor.app.outgoing import (
    ADS,
    MESSAGES,
    Reached,
    columns_of,
    membership,
    membership_hash,
    need_audience,
    need_channel,
    need_columns,
    reach,
)
from butfor.app.targets import CHANGES, FULL, Parcel, Target, target_of
from butfor.app.workspace import Workspace
from butfor.channels.sync import Post
from butfor.model import BadInput, ButforError
from butfor.store import Table, literal, named, sql

# Who stands on which exported list, and at which address (a hash where ad platforms match people by one).
EXPORTED = Table("exported", {"list_id": "text", "person_id": "uuid", "address": "text"})
DONE, STARTED, UNCHANGED = "done", "started", "unchanged"


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """What an export did: ``people`` are in the audience, ``exported`` were handed over, ``removed`` told to be gone.

    ``membership_hash`` is that of the audience before anybody is left out, so it is the same on every channel.
    """

    number: int
    audience: str
    target: str
    channel: str
    purpose: str
    mode: str
    membership_hash: str
    people: int
    exported: int
    removed: int
    left_out: dict[str, int]
    columns: list[str]
    as_of: datetime
    made_at: datetime
    who: str
    where: str = ""


class _Order(msgspec.Struct, frozen=True):
    """One list: which audience goes where, over which channel, for what, with which columns."""

    audience: str
    names: list[str]
    target: Target
    channel: str
    purpose: str
    columns: list[str]

    @property
    def list_id(self) -> str:
        """Return the key of the list, under which it is remembered who stands on it."""
        told = "\x1f".join([self.audience, self.target.name, self.channel, self.purpose])
        return hashlib.sha256(told.encode()).hexdigest()


_Key = tuple[str, str, str]
_Found = tuple[list[str], Reached]


@named("app.exported")
def exported_people(list_id: str) -> exp.Expression:
    """Who stands on a list, and at which address."""
    return sql(
        "SELECT person_id, address FROM exported WHERE list_id = :list_id ORDER BY person_id",
        list_id=literal(list_id),
    )


@named("app.exported_list")
def one_list(list_id: str) -> exp.Expression:
    """The key of one list."""
    return exp.select(literal(list_id).as_("list_id"))


@named("app.exported_rows")
def staged_list() -> exp.Expression:
    """Who stands on a list now, staged."""
    return sql("SELECT list_id, person_id, address FROM staged_exported")


def export_audience(
    ws: Workspace, name: str, to: str, channel: str = "list", *, purpose: str = MESSAGES, changes: bool = False,
    columns: Sequence[str] = (), who: str | None = None, post: Post | None = None, wait: Callable[[float], None] = time.sleep,
) -> Exported:  # fmt: skip
    """Hand the people of an audience to a file, a table or a webhook, and write down that it was done.

    ``channel`` is ``list`` (ids only), ``email``, ``sms``, ``push`` or ``promotion``: who has no address there or said no is
    left out and counted. With ``purpose`` ads only who said yes to ads is exported, by hashed address, and nobody who
    bought what they looked at. With ``changes`` only who came and went since the last export to the same place.
    Raises BadInput, Refused for a rule or column whose use is denied, StoreError when the target does not take it.
    """
    order = _order(ws, name, to, channel, purpose, columns, post, wait)
    return _export(ws, order, {}, changes=changes, who=who)


def _order(
    ws: Workspace, name: str, to: str, channel: str, purpose: str, columns: Sequence[str], post: Post | None, wait: Callable[[float], None],
) -> _Order:  # fmt: skip
    names = need_audience(ws, name)
    need_channel(ws, channel, purpose)
    need_columns(ws, columns)
    return _Order(name, names, target_of(to, lambda: ws.now, post, wait), channel, purpose, list(columns))


def sync(
    ws: Workspace, name: str | None = None, *, who: str | None = None, post: Post | None = None,
    wait: Callable[[float], None] = time.sleep,
) -> list[Exported]:  # fmt: skip
    """Bring every place that an audience (or any) was exported to up to date; where nothing changed nothing is handed over.

    Raises BadInput when it was never exported. Where places fail, all others are brought up to date before the first
    error is raised.
    """
    known = {(r["audience"], r["target"], r["channel"], r["purpose"]): r for r in exports(ws, name)}
    if name is not None and not known:
        raise BadInput(
            f"audience {name}", value="never exported", rule="a sync repeats exports that were made",
            next_step=f"butfor audience export {name} --to {name}.csv",
        )  # fmt: skip
    done, found, failed = [], dict[_Key, _Found](), list[ButforError]()
    for (audience, target, channel, purpose), row in known.items():
        columns = msgspec.json.decode(row["extra"])
        try:
            order = _order(ws, audience, target, channel, purpose, columns, post, wait)
            done.append(_export(ws, order, found, changes=True, who=who))
        except ButforError as error:
            # A place that is down keeps no other place waiting.
            failed.append(error)
    if failed:
        raise failed[0]
    return done


def exports(ws: Workspace, name: str | None = None) -> list[dict[str, Any]]:
    """Return the record of exports of an audience (default: all), oldest first; ``started`` ones may have left."""
    return ws.hub.rows("export_run", **({"audience": name} if name else {}))


def _export(
    ws: Workspace, order: _Order, found: dict[_Key, _Found], *, changes: bool, who: str | None
) -> Exported:
    people, reached = _found(ws, order, found)
    before = _before(ws, order) if changes else None
    added, removed = _difference(before, reached.addresses)
    done = Exported(
        number=0, audience=order.audience, target=order.target.name, channel=order.channel, purpose=order.purpose,
        mode=FULL if before is None else CHANGES, membership_hash=membership_hash(people), people=len(people),
        exported=len(added), removed=len(removed), left_out=reached.left_out, columns=order.columns,
        as_of=ws.computed_as_of(), made_at=ws.now, who=who or getpass.getuser(),
    )  # fmt: skip
    if before is not None and not added and not removed:
        return msgspec.structs.replace(done, mode=UNCHANGED)
    return _hand_over(ws, order, done, reached.addresses, added, removed)


def _found(ws: Workspace, order: _Order, found: dict[_Key, _Found]) -> _Found:
    """Return the members and who of them may be reached, found out once for all places that a sync goes to."""
    key = (order.audience, order.channel, order.purpose)
    if key not in found:
        people = membership(ws, order.names)
        found[key] = people, reach(ws, order.names, people, order.channel, order.purpose)
    return found[key]


def _hand_over(
    ws: Workspace, order: _Order, done: Exported, now: dict[str, str | None], added: dict[str, str | None],
    removed: dict[str, str | None],
) -> Exported:  # fmt: skip
    """Write down that it begins, hand over, remember who stands on the list, write down that it is done."""
    seal = _seal(ws, order, done)
    number = ws.hub.start("export_run", _row(done, STARTED))
    done = msgspec.structs.replace(done, number=number)
    parcel = Parcel(
        audience=done.audience, channel=done.channel, purpose=done.purpose, mode=done.mode,
        membership_hash=done.membership_hash, as_of=done.as_of, number=number, seal=seal,
        added=_table(ws, order, added, order.columns), removed=_table(ws, order, removed, []),
    )  # fmt: skip
    where = order.target.deliver(parcel)
    _remember(ws, order, now)
    ws.hub.update("export_run", {"status": DONE}, id=number)
    return msgspec.structs.replace(done, where=where)


def _before(ws: Workspace, order: _Order) -> dict[str, str | None] | None:
    """Return who stands on the list, or None when it was never handed over as a whole."""
    if _last_done(ws, order) == 0:
        return None
    ws.lake.ensure(EXPORTED)
    rows = ws.lake.fetch(exported_people(order.list_id))
    return dict(zip(rows["person_id"].to_pylist(), rows["address"].to_pylist(), strict=True))


def _last_done(ws: Workspace, order: _Order) -> int:
    rows = ws.hub.rows(
        "export_run", audience=order.audience, target=order.target.name, channel=order.channel,
        purpose=order.purpose, status=DONE,
    )  # fmt: skip
    return max((r["id"] for r in rows), default=0)


def _difference(
    before: dict[str, str | None] | None, now: dict[str, str | None]
) -> tuple[dict[str, str | None], dict[str, str | None]]:
    """Return who comes and who goes; who has another address goes with the old one and comes with the new."""
    if before is None:
        return now, {}
    nobody = object()
    added = {p: a for p, a in now.items() if before.get(p, nobody) != a}
    removed = {p: a for p, a in before.items() if now.get(p, nobody) != a}
    return added, removed


def _seal(ws: Workspace, order: _Order, done: Exported) -> str:
    """Return what tells one handing-over from another: the same list after a failure has the same, a later one another."""
    told = [order.list_id, done.membership_hash, done.mode, str(_last_done(ws, order))]
    return hashlib.sha256("\x1f".join(told).encode()).hexdigest()


def _row(done: Exported, status: str) -> dict[str, Any]:
    kept = (
        "audience",
        "target",
        "channel",
        "purpose",
        "mode",
        "membership_hash",
        "people",
        "exported",
        "removed",
    )
    texts = {
        "left_out": msgspec.json.encode(done.left_out).decode(), "extra": msgspec.json.encode(done.columns).decode()
    }  # fmt: skip
    same = {k: getattr(done, k) for k in (*kept, "as_of", "made_at", "who")}
    return same | texts | {"status": status}


def _table(ws: Workspace, order: _Order, people: dict[str, str | None], columns: Sequence[str]) -> pa.Table:
    way = need_channel(ws, order.channel, order.purpose)
    made = {"person_id": pa.array(list(people), pa.string())}
    if way.header:
        header = f"{way.header}_sha256" if order.purpose == ADS else way.header
        made[header] = pa.array(list(people.values()), pa.string())
    table = pa.table(made)
    if columns:
        found = columns_of(ws, list(people), columns)
        for name in columns:
            table = table.append_column(name, found[name])
    return table


def _remember(ws: Workspace, order: _Order, now: dict[str, str | None]) -> None:
    ws.lake.ensure(EXPORTED)
    rows = {
        "list_id": pa.array([order.list_id] * len(now), pa.string()),
        "person_id": pa.array(list(now), pa.string()),
        "address": pa.array(list(now.values()), pa.string()),
    }
    ws.lake.stage("staged_exported", pa.table(rows), like=EXPORTED)
    with ws.lake.transaction():
        ws.lake.replace(EXPORTED, "list_id", one_list(order.list_id), staged_list())
